"""Whether an objective gets enough probes to be judged at all.

One failure in fewer than 1 / (1 - objective) probes breaks the objective, whatever the service
does: statistics of docs/observation.md, windows of the SLO document.
"""

from collections.abc import Iterator
from datetime import timedelta
from fractions import Fraction
from math import ceil

from slo_action.core.lint.rule import Key, Violation
from slo_action.core.lint.slo.checks import SloEntry, duration_text, endpoint_title, limits
from slo_action.core.stats.latency import least_count
from slo_action.core.text.quantities import percent_words

MONTH = timedelta(days=30)
DAY = timedelta(days=1)
_SECOND, _MILLISECOND = timedelta(seconds=1), timedelta(milliseconds=1)


def too_few_probes(entry: SloEntry) -> Iterator[Violation]:
    """Each objective needs so many probes that one failure does not break it."""
    yield from _few_for_availability(entry)
    yield from _few_for_error_rate(entry)
    yield from _few_for_latency(entry)


def _few_for_availability(entry: SloEntry) -> Iterator[Violation]:
    health, objective = entry.service.endpoint("health"), entry.service.targets.availability
    if health and health.interval and objective is not None and objective < 1:
        needed = ceil(1 / (1 - objective))
        yield from _few(
            f"availability of {percent_words(objective)}", needed, health.interval, MONTH,
            ("slo_targets", "availability"),
        )  # fmt: skip


def _few_for_error_rate(entry: SloEntry) -> Iterator[Violation]:
    """Over 24 h: the document's hour is lengthened where there are fewer than 240 probes in it."""
    rate = entry.service.targets.error_rate
    intervals = [one.interval for one in entry.service.endpoints if one.interval]
    if rate and intervals:
        in_a_day = sum((Fraction(DAY / one) for one in intervals), Fraction(0))
        together = DAY / float(in_a_day)
        key = ("slo_targets", "error_rate")
        yield from _few(f"error rate of {percent_words(rate)}", ceil(1 / rate), together, DAY, key)


def _few_for_latency(entry: SloEntry) -> Iterator[Violation]:
    for endpoint, key in limits(entry):
        if endpoint.interval and endpoint.objective:
            objective = endpoint.objective
            what = f"{endpoint_title(endpoint)}: {objective.name} over 24 h"
            yield from _few(what, least_count(objective.quantile), endpoint.interval, DAY, key)


def _few(
    what: str, needed: int, interval: timedelta, window: timedelta, key: Key
) -> Iterator[Violation]:
    made = window // interval
    if made < needed:
        longest = duration_text(_whole(window / needed))
        words = (
            f"{what} needs {needed:,} probes in {duration_text(window)}, one each {longest}; "
            f"one each {duration_text(interval - interval % _MILLISECOND)} gives {made:,}"
        )
        yield Violation(key=key, words=words)


def _whole(duration: timedelta) -> timedelta:
    """Return it in whole seconds, or milliseconds below one; rounded down, it is often enough."""
    return duration - duration % (_SECOND if duration >= _SECOND else _MILLISECOND)
