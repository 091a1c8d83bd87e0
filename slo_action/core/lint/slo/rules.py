"""The rules for slo.yml by itself: keys that are accepted one by one, and contradict each other."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from math import ceil

from slo_action.core.lint.rule import Key, RuleTable, Table, Violation
from slo_action.core.policy.numbers import DEFAULTS
from slo_action.core.slo.services import NAMED_ENDPOINTS, Endpoint, Service
from slo_action.core.stats.latency import least_count
from slo_action.core.text.quantities import exact_duration, percent_words
from slo_action.core.text.quoting import quoted

_MONTH, _DAY = timedelta(days=30), timedelta(days=1)
_SECOND, _MILLISECOND = timedelta(seconds=1), timedelta(milliseconds=1)
_LIMITS = {
    "health": "response_time_p95",
    "search": "search_response_time_p90",
    "stats": "stats_response_time_p95",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SloEntry:
    """A service, and its entry as it is written; `inherited` are the defaults of its file."""

    service: Service
    table: Table
    inherited: tuple[Table, ...] = ()

    def has(self, key: Key) -> bool:
        """Return whether the entry, or the defaults, have a value at a key."""
        return any(value_at(table, key) is not None for table in (self.table, *self.inherited))

    def limits(self) -> Iterator[tuple[Endpoint, Key]]:
        """Yield every endpoint with the place of its limit: in the targets, or in its own entry."""
        for endpoint in self.service.endpoints:
            if endpoint.name in NAMED_ENDPOINTS:
                yield endpoint, ("slo_targets", _LIMITS.get(endpoint.name, "response_time_p95"))
            else:
                own = self._own_key(endpoint, "response_time_p95")
                yield endpoint, own if self.has(own) else ("slo_targets", "api_response_time_p95")

    def interval_key(self, endpoint: Endpoint) -> Key:
        """Return where an endpoint's interval is set: for itself, or for all."""
        if endpoint.name in NAMED_ENDPOINTS:
            own: Key = ("monitoring", f"{endpoint.name}_interval")
        else:
            own = self._own_key(endpoint, "interval")
        return own if self.has(own) else ("monitoring", "interval")

    def _own_key(self, endpoint: Endpoint, name: str) -> Key:
        return ("endpoints", self.service.own_endpoints.index(endpoint), name)


SLO_RULES: RuleTable[SloEntry] = RuleTable()


@SLO_RULES.error(
    "limit-above-timeout",
    "A response time target above the timeout",
    why="such an answer times out before it can be slow: the target can never be missed",
    fix="make the timeout longer than the target",
)
def _limit_above_timeout(entry: SloEntry) -> Iterator[Violation]:
    for endpoint, key in entry.limits():
        if endpoint.objective and endpoint.timeout:
            limit = timedelta(seconds=endpoint.objective.limit_seconds)
            what = f"{_title(endpoint)}: {endpoint.objective.name}"
            yield from _above(key, what, limit, endpoint.timeout)
    for number, journey in enumerate(entry.service.journeys):
        limit = timedelta(seconds=journey.objective.limit_seconds if journey.objective else 0)
        key = ("journeys", number, "response_time_p95")
        what = f"journey {quoted(journey.name)}: p95"
        yield from _above(key, what, limit, timedelta(seconds=journey.timeout_seconds))


def _above(key: Key, what: str, limit: timedelta, timeout: timedelta) -> Iterator[Violation]:
    if limit > timeout:
        message = (
            f"{what} of {exact_duration(limit)} is above its timeout of {exact_duration(timeout)}"
        )
        yield Violation(key, message)


@SLO_RULES.error(
    "interval-below-timeout",
    "An interval below the timeout",
    why="a probe that hangs is still running when the next one is due",
    fix="make the timeout shorter than the interval",
)
def _interval_below_timeout(entry: SloEntry) -> Iterator[Violation]:
    for endpoint in entry.service.endpoints:
        if endpoint.interval and endpoint.timeout:
            key, what = entry.interval_key(endpoint), _title(endpoint)
            yield from _below(key, what, endpoint.interval, endpoint.timeout)
    for number, journey in enumerate(entry.service.journeys):
        if journey.interval_seconds:
            interval = timedelta(seconds=journey.interval_seconds)
            key, what = ("journeys", number, "interval"), f"journey {quoted(journey.name)}"
            yield from _below(key, what, interval, timedelta(seconds=journey.timeout_seconds))


def _below(key: Key, what: str, interval: timedelta, timeout: timedelta) -> Iterator[Violation]:
    if interval < timeout:
        message = f"{what}: interval {exact_duration(interval)}, timeout {exact_duration(timeout)}"
        yield Violation(key, message)


@SLO_RULES.error(
    "objective-without-budget",
    "An objective that allows no failure",
    why="there is no error budget: one failed probe breaks it until it leaves the window",
    fix="write what the service can promise, such as 99.9%",
)
def _objective_without_budget(entry: SloEntry) -> Iterator[Violation]:
    for name, perfect in (("availability", 1), ("job_success_rate", 1), ("error_rate", 0)):
        value = getattr(entry.service.targets, name)
        if value is not None and value == perfect:
            yield Violation(("slo_targets", name), f"{name} of {percent_words(value)}")


@SLO_RULES.error(
    "target-without-endpoint",
    "A target or interval for an endpoint that does not exist",
    why="that endpoint is never probed, so the target is never checked",
    fix="name the endpoint's path, or remove the key",
)
def _target_without_endpoint(entry: SloEntry) -> Iterator[Violation]:
    """What comes from defaults is for the services that have the endpoint."""
    service = entry.service
    for section in ("slo_targets", "monitoring", "assertions"):
        for key in _mapping(entry.table.get(section)):
            about = key.partition("_")[0]
            if about == "api" and not service.own_endpoints:
                message = f"{section}.{key} without endpoints:"
            elif about in NAMED_ENDPOINTS and not service.endpoint(about):
                message = f"{section}.{key} without {about}_endpoint"
            else:
                continue
            yield Violation((section, key), message)


@SLO_RULES.error(
    "job-without-schedule",
    "A job's target without its schedule",
    why="without a schedule a missing run cannot be noticed",
    fix='write the schedule, such as schedule: "0 */1 * * *"',
)
def _job_without_schedule(entry: SloEntry) -> Iterator[Violation]:
    is_set = "job_success_rate" in _mapping(entry.table.get("slo_targets"))
    if is_set and not entry.service.schedule:
        key = ("slo_targets", "job_success_rate")
        yield Violation(key, "job_success_rate without schedule")


@SLO_RULES.error(
    "too-few-probes",
    "Too few probes for the objective",
    why="a single failure breaks the objective, so it measures chance and not the service",
    fix="probe more often, or promise less",
)
def _too_few_probes(entry: SloEntry) -> Iterator[Violation]:
    """One failure in fewer than 1 / (1 - objective) probes breaks it, whatever the service does.

    Error rates over 24 h: the hour is lengthened where there are fewer than 240 probes in it.
    """
    health, targets = entry.service.endpoint("health"), entry.service.targets
    objective = targets.availability
    if health and health.interval and objective is not None and objective < 1:
        what, key = f"availability of {percent_words(objective)}", ("slo_targets", "availability")
        yield from _too_few(key, what, ceil(1 / (1 - objective)), health.interval, _MONTH)
    intervals = [one.interval for one in entry.service.endpoints if one.interval]
    if targets.error_rate and intervals:
        interval = _DAY / float(sum((Fraction(_DAY / one) for one in intervals), Fraction(0)))
        what, key = (
            f"error rate of {percent_words(targets.error_rate)}",
            ("slo_targets", "error_rate"),
        )
        yield from _too_few(key, what, ceil(1 / targets.error_rate), interval, _DAY)
    for endpoint, where in entry.limits():
        if endpoint.interval and endpoint.objective:
            what = f"{_title(endpoint)}: {endpoint.objective.name} over 24 h"
            needed = least_count(endpoint.objective.quantile)
            yield from _too_few(where, what, needed, endpoint.interval, _DAY)


def _too_few(
    key: Key, what: str, needed: int, interval: timedelta, window: timedelta
) -> Iterator[Violation]:
    count = window // interval
    if count < needed:
        longest = window / needed  # in whole seconds, or milliseconds below one
        longest -= longest % (_SECOND if longest >= _SECOND else _MILLISECOND)
        message = (
            f"{what} needs {needed:,} probes in {exact_duration(window)}, one each "
            f"{exact_duration(longest)}; one each "
            f"{exact_duration(interval - interval % _MILLISECOND)} gives {count:,}"
        )
        yield Violation(key, message)


@SLO_RULES.warning(
    "grace-past-gate",
    "The grace period outlasts the health gate",
    why="no failure counts before the deadline: the gate can only be late",
    fix="make the grace period as long as a start takes, below the deadline",
)
def _grace_past_gate(entry: SloEntry) -> Iterator[Violation]:
    policy = entry.service.policy
    deadline = timedelta(seconds=policy.get("health_deadline", DEFAULTS["health_deadline"]))
    own = timedelta(seconds=policy["grace"]) if "grace" in policy else None
    for key, name, grace in (
        (("monitoring", "grace_period"), "grace_period", entry.service.grace),
        (("policy", "grace"), "grace", own),
    ):
        if grace is not None and grace >= deadline:
            gate = f"deadline of the gate {exact_duration(deadline)}"
            yield Violation(key, f"{name} {exact_duration(grace)}, {gate}")


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def value_at(table: Table, key: Key) -> object:
    """Return what stands at a key of an entry; None where nothing does."""
    value: object = table
    for part in key:
        if isinstance(value, list) and isinstance(part, int):
            value = value[part] if part < len(value) else None
        else:
            value = _mapping(value).get(str(part))
    return value


def _title(endpoint: Endpoint) -> str:
    """Return what people call an endpoint; their own name is quoted."""
    return (
        endpoint.name if endpoint.name in NAMED_ENDPOINTS else f"endpoint {quoted(endpoint.name)}"
    )
