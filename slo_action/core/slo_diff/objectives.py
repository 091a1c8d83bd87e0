"""Objectives in words: what another number of them means by arithmetic."""

from datetime import timedelta
from fractions import Fraction

from slo_action.core.slo_diff.change import (
    Change,
    Fact,
    Fallback,
    compared,
    less_is_looser,
    more_is_looser,
)
from slo_action.core.stats.latency import LatencyObjective
from slo_action.core.text.quantities import (
    about_minutes,
    count_words,
    duration_words,
    percent_words,
)

_MONTH_SECONDS = 30 * 86_400
"""The document's rolling window of availability."""
_DAY = timedelta(days=1)
_REQUESTS, _RUNS = 10_000, 1_000


def _budget(before: Fraction, after: Fraction) -> str:
    old, new = (about_minutes(float(1 - share) * _MONTH_SECONDS) for share in (before, after))
    return f"downtime budget of 30 days: {old} → {new}"


def _errors(before: Fraction, after: Fraction) -> str:
    old, new = count_words(float(_REQUESTS * before)), count_words(float(_REQUESTS * after))
    return f"of {_REQUESTS:,} requests, {old} → {new} may fail"


def _runs(before: Fraction, after: Fraction) -> str:
    old, new = (count_words(float(_RUNS * (1 - share))) for share in (before, after))
    return f"of {_RUNS:,} runs, {old} → {new} may fail"


TARGET_FACTS = {
    "availability": Fact(
        what="availability",
        words=percent_words,
        order=less_is_looser,
        means=_budget,
        absent=1,
        gone="no longer promised",
        new="promised from now on",
        measured="availability",
    ),
    "error_rate": Fact(
        what="error rate",
        words=percent_words,
        order=more_is_looser,
        means=_errors,
        absent=1,
        gone="no longer promised",
        new="promised from now on",
        measured="error rate",
    ),
    "job_success_rate": Fact(
        what="job success rate",
        words=percent_words,
        order=less_is_looser,
        means=_runs,
        absent=1,
        gone="no longer promised",
        new="promised from now on",
        measured="job success rate",
    ),
}
"""How each field of Targets is told; a test holds the two together."""


def interval_fact(what: str) -> Fact:
    """Return how an interval is told: the longer, the fewer probes see a failure."""
    return Fact(what=what, words=duration_words, order=more_is_looser, means=_probes)


def timeout_fact(what: str) -> Fact:
    """Return how a timeout is told: the longer, the slower may an answer be that counts."""
    return Fact(what=what, words=duration_words, order=more_is_looser, means=_patience)


def _probes(before: timedelta, after: timedelta) -> str:
    old, new = (count_words(_DAY / each) if each else "no" for each in (before, after))
    return f"{old} → {new} probes a day"


def _patience(before: timedelta, after: timedelta) -> str:
    old, new = duration_words(before), duration_words(after)
    return f"no answer within {old} → {new} is a failure"


def objective_changes(
    service: str,
    where: str,
    before: LatencyObjective | None,
    after: LatencyObjective | None,
    *,
    measured: str = "",
    default: Fallback = Fallback(),  # noqa: B008 - it is frozen
) -> tuple[Change, ...]:
    """Return how an objective on response times changes.

    `where` says whose, `measured` under what name its percentiles are kept. A deploy is held to
    `default` where nothing is set, so it is not looser to drop an objective that is above it.
    """
    same_kind = before is None or after is None or _kind(before) == _kind(after)
    name = (after or before or _NAMELESS).name
    fact = Fact(
        what=f"{where} {name if same_kind else 'response time'}",
        words=_limit_words if same_kind else _share_words,
        order=_order,
        means=_slower,
        absent=1,
        gone="no longer promised",
        new="promised from now on",
        measured=f"{measured} {name}" if same_kind and measured else "",
        number=lambda goal: float(goal.limit_seconds),
    )
    return compared(service, fact, before, after, default)


_NAMELESS = LatencyObjective(name="response time", quantile=Fraction(1, 2), limit_seconds=0)


def _kind(goal: LatencyObjective) -> tuple[str, Fraction]:
    return goal.name, goal.quantile


def _limit_words(goal: LatencyObjective) -> str:
    return duration_words(goal.limit_seconds)


def _share_words(goal: LatencyObjective) -> str:
    limit = duration_words(goal.limit_seconds)
    return f"{goal.name} ({percent_words(goal.quantile)}) {limit}"


def _order(before: LatencyObjective, after: LatencyObjective) -> int:
    """A higher limit lets more pass, as a smaller share that must keep it does."""
    limit = more_is_looser(before.limit_seconds, after.limit_seconds)
    share = less_is_looser(before.quantile, after.quantile)
    return 0 if limit * share < 0 else limit or share


def _slower(before: LatencyObjective, after: LatencyObjective) -> str:
    old, new = (float(100 * (1 - goal.quantile)) for goal in (before, after))
    share = f"{old:g}" if old == new else f"{old:g} → {new:g}"
    return f"of 100 answers, {share} may take longer"
