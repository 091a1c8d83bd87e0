"""One `policy:` mapping of slo.yml: which of the judging numbers it changes, and to what."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from slo_action.config.units import parse_duration, parse_ratio
from slo_action.core.facts import OnLateStart
from slo_action.core.model import Witness
from slo_action.core.policy import Policy
from slo_action.core.window_policy import WindowPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChange:
    """What a `policy:` mapping says, with the service's own targets; None leaves what stands.

    Times are seconds, rates are shares in [0, 1]. `slo`, `alert` and `rollback` are error rates;
    `health_limit` and `search_limit` are what an answer may take.
    """

    health_deadline: float | None = None
    grace: float | None = None
    observe: float | None = None
    confidence: float | None = None
    slo: Fraction | None = None
    alert: Fraction | None = None
    rollback: Fraction | None = None
    on_late_start: OnLateStart | None = None
    outage_after: float | None = None
    min_requests: int | None = None
    health_limit: float | None = None
    search_limit: float | None = None

    def over(self, below: "PolicyChange") -> "PolicyChange":
        """Return this change, with what it leaves open taken from `below`."""
        said = {name: getattr(self, name) for name in PolicyChange.__dataclass_fields__}
        return replace(below, **_given(said))


def policy_of(change: PolicyChange, base: Policy) -> Policy:
    """Return `base` with what `change` says. Raises ValueError where the two do not fit."""
    gate = {"deadline_seconds": change.health_deadline, "grace_seconds": change.grace}
    return replace(
        base,
        gate=replace(base.gate, **_given(gate)),
        window=_window(change, base.window),
        **_given({"on_late_start": change.on_late_start}),
    )


def _window(change: PolicyChange, base: WindowPolicy) -> WindowPolicy:
    rates = {"slo": change.slo, "trigger": change.rollback, "confidence": change.confidence}
    traffic = {**rates, "min_requests": change.min_requests}
    limits = {Witness.HEALTH: change.health_limit, Witness.SEARCH: change.search_limit}
    plain = {
        "length_seconds": change.observe,
        "outage_seconds": change.outage_after,
        "alert_ratio": None if change.alert is None else float(change.alert),
    }
    return replace(
        base,
        rates=replace(base.rates, **_given(rates)),
        traffic=replace(base.traffic, **_given(traffic)),
        objectives=tuple(
            (kind, replace(goal, **_given({"limit_seconds": limits.get(kind)})))
            for kind, goal in base.objectives
        ),
        **_given(plain),
    )


def _given(said: Mapping[str, object]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if value is not None}


def _text(value: object) -> str:
    """YAML's aliases can make a small file's list endless as text; a flag is no number."""
    fits = isinstance(value, str | int | float) and not isinstance(value, bool)
    return str(value) if fits else ""


def _seconds(value: object) -> float:
    return parse_duration(_text(value)).total_seconds()


def _some_seconds(value: object) -> float:
    seconds = _seconds(value)
    if not seconds:
        raise ValueError("write a duration above zero, such as 90s")
    return seconds


def _ratio(value: object) -> Fraction:
    ratio = parse_ratio(_text(value))
    if not 0 < ratio < 1:
        raise ValueError("write a rate above 0% and below 100%, such as 5%")
    return ratio


def _confidence(value: object) -> float:
    ratio = parse_ratio(_text(value))
    if ratio > Fraction(9999, 10000):
        raise ValueError("write a confidence up to 99.99%, such as 99%, or 0% for the plain rule")
    return float(ratio)


def _on_late_start(value: object) -> OnLateStart:
    try:
        return OnLateStart(_text(value))
    except ValueError:
        raise ValueError(f"write {' or '.join(OnLateStart)}") from None


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError("write a whole number above zero")
    return value


KEYS: Mapping[str, Callable[[object], object]] = {
    "health_deadline": _some_seconds,
    "grace": _seconds,
    "observe": _seconds,
    "confidence": _confidence,
    "on_late_start": _on_late_start,
    "outage_after": _some_seconds,
    "min_requests": _count,
}
"""The keys of a `policy:` mapping beside `error_rate`: what reads a value or raises ValueError."""
RATE_KEYS: Mapping[str, Callable[[object], object]] = {
    "slo": _ratio,
    "alert": _ratio,
    "rollback": _ratio,
}
"""The keys of `policy.error_rate`."""
