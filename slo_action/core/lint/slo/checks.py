"""Where an entry of slo.yml contradicts itself."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction

from slo_action.core.lint.rule import Key, Table, Violation
from slo_action.core.slo.services import NAMED_ENDPOINTS, Endpoint, Service
from slo_action.core.text.quantities import percent_words
from slo_action.core.text.quoting import quoted

_GATE = timedelta(seconds=90)
"""The document's deadline of the health gate."""
_SECOND = 1_000_000
"""In microseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SloEntry:
    """A service, and its entry as it is written; `inherited` are the defaults of its file."""

    service: Service
    table: Table
    inherited: tuple[Table, ...] = ()

    def says(self, key: Key) -> bool:
        """Tell whether the entry, or the defaults, have a value at a key."""
        return any(value_at(table, key) is not None for table in (self.table, *self.inherited))


def limits(entry: SloEntry) -> Iterator[tuple[Endpoint, Key]]:
    """Every endpoint with the place of its limit: in the targets, or in its own entry."""
    others = entry.service.own_endpoints
    for endpoint in entry.service.endpoints:
        if endpoint not in others:
            key = _LIMITS.get(endpoint.name, "response_time_p95")
            yield endpoint, ("slo_targets", key)
        else:
            own: Key = ("endpoints", others.index(endpoint), "response_time_p95")
            yield endpoint, own if entry.says(own) else ("slo_targets", "api_response_time_p95")


_LIMITS = {
    "health": "response_time_p95",
    "search": "search_response_time_p90",
    "stats": "stats_response_time_p95",
}


def limit_above_timeout(entry: SloEntry) -> Iterator[Violation]:
    """An answer at the target must still be waited for."""
    for endpoint, key in limits(entry):
        if endpoint.objective is None or endpoint.timeout is None:
            continue
        limit = timedelta(seconds=endpoint.objective.limit_seconds)
        if limit > endpoint.timeout:
            words = (
                f"{endpoint_title(endpoint)}: {endpoint.objective.name} of {told_duration(limit)} "
                f"is above its timeout of {told_duration(endpoint.timeout)}"
            )
            yield Violation(key=key, words=words)
    for number, journey in enumerate(entry.service.journeys):
        limit = timedelta(seconds=journey.objective.limit_seconds if journey.objective else 0)
        whole = timedelta(seconds=journey.timeout_seconds)
        if limit > whole:
            words = (
                f"journey {quoted(journey.name)}: p95 of {told_duration(limit)} is above its "
                f"timeout of {told_duration(whole)}"
            )
            yield Violation(key=("journeys", number, "response_time_p95"), words=words)


def interval_below_timeout(entry: SloEntry) -> Iterator[Violation]:
    """A probe should have ended before the next one is due."""
    for endpoint, _ in limits(entry):
        if endpoint.interval is None or endpoint.timeout is None:
            continue
        if endpoint.interval < endpoint.timeout:
            words = (
                f"{endpoint_title(endpoint)}: interval {told_duration(endpoint.interval)}, "
                f"timeout {told_duration(endpoint.timeout)}"
            )
            yield Violation(key=_monitoring(entry, endpoint, "interval"), words=words)
    for number, journey in enumerate(entry.service.journeys):
        whole = timedelta(seconds=journey.timeout_seconds)
        interval = timedelta(seconds=journey.interval_seconds or journey.timeout_seconds)
        if interval < whole:
            words = (
                f"journey {quoted(journey.name)}: interval {told_duration(interval)}, "
                f"timeout {told_duration(whole)}"
            )
            yield Violation(key=("journeys", number, "interval"), words=words)


def _monitoring(entry: SloEntry, endpoint: Endpoint, what: str) -> Key:
    """Return where an endpoint's interval or timeout is said: by itself, or for all."""
    others = entry.service.own_endpoints
    if endpoint in others:
        own: Key = ("endpoints", others.index(endpoint), what)
        return own if entry.says(own) else ("monitoring", what)
    by_name = f"{endpoint.name}_{what}"
    return ("monitoring", by_name if entry.says(("monitoring", by_name)) else what)


def objective_without_budget(entry: SloEntry) -> Iterator[Violation]:
    """All of everything is no objective."""
    targets = entry.service.targets
    for name, value, whole in (
        ("availability", targets.availability, Fraction(1)),
        ("job_success_rate", targets.job_success_rate, Fraction(1)),
        ("error_rate", targets.error_rate, Fraction(0)),
    ):
        if value is not None and value == whole:
            yield Violation(key=("slo_targets", name), words=f"{name} of {percent_words(value)}")


def target_without_endpoint(entry: SloEntry) -> Iterator[Violation]:
    """What comes from defaults is for the services that have the endpoint."""
    service = entry.service
    has = {name for name in NAMED_ENDPOINTS if service.endpoint(name)}
    for section in ("slo_targets", "monitoring", "assertions"):
        for key in _mapping(entry.table.get(section)):
            about = key.partition("_")[0]
            missing = about == "api" and not service.own_endpoints
            if missing or (about in NAMED_ENDPOINTS and about not in has):
                wanted = "endpoints:" if about == "api" else f"{about}_endpoint"
                yield Violation(key=(section, key), words=f"{section}.{key} without {wanted}")


def job_without_schedule(entry: SloEntry) -> Iterator[Violation]:
    """A job's runs are counted against its schedule."""
    said = "job_success_rate" in _mapping(entry.table.get("slo_targets"))
    if said and not entry.service.schedule:
        key = ("slo_targets", "job_success_rate")
        yield Violation(key=key, words="job_success_rate without schedule")


def grace_past_deadline(entry: SloEntry) -> Iterator[Violation]:
    """The gate must end after the grace period."""
    grace, deadline = entry.service.grace, entry.service.policy.get("health_deadline")
    until = _GATE if deadline is None else timedelta(seconds=deadline)
    if grace is not None and grace >= until:
        words = f"grace_period {told_duration(grace)}, deadline of the gate {told_duration(until)}"
        yield Violation(key=("monitoring", "grace_period"), words=words)
    own = entry.service.policy.get("grace")
    if own is not None and timedelta(seconds=own) >= until:
        told = told_duration(timedelta(seconds=own))
        words = f"grace {told}, deadline of the gate {told_duration(until)}"
        yield Violation(key=("policy", "grace"), words=words)


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


def endpoint_title(endpoint: Endpoint) -> str:
    """Return what people call an endpoint; their own name is quoted."""
    return (
        endpoint.name if endpoint.name in NAMED_ENDPOINTS else f"endpoint {quoted(endpoint.name)}"
    )


def told_duration(duration: timedelta) -> str:
    """Return a duration as slo.yml writes it, such as `1m30s` or `5.001s`; nothing is left out."""
    rest = duration // timedelta(microseconds=1)
    if rest < _SECOND:
        return f"{_decimal(rest, 1000)}ms"
    parts = []
    for size, unit in ((86_400 * _SECOND, "d"), (3_600 * _SECOND, "h"), (60 * _SECOND, "m")):
        count, rest = divmod(rest, size)
        parts += [f"{count}{unit}"] if count else []
    return "".join([*parts, f"{_decimal(rest, _SECOND)}s"] if rest else parts)


def _decimal(count: int, of: int) -> str:
    return f"{count / of:.6f}".rstrip("0").rstrip(".")
