"""Which of the judging numbers somebody changes, and to what."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from slo_action.core.model import Witness
from slo_action.core.observation.policy import WindowPolicy
from slo_action.core.policy.policy import Policy
from slo_action.core.verdict.facts import OnLateStart


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyOverrides:
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

    def over(self, below: "PolicyOverrides") -> "PolicyOverrides":
        """Return this change, with what it leaves open taken from `below`."""
        pairs = ((name, getattr(self, name), getattr(below, name)) for name in _NAMES)
        return PolicyOverrides(
            **{name: own if own is not None else other for name, own, other in pairs}
        )


_NAMES = tuple(PolicyOverrides.__dataclass_fields__)


def policy_with(change: PolicyOverrides, base: Policy) -> Policy:
    """Return `base` with what `change` says. Raises ValueError where the two do not fit."""
    gate = {"deadline_seconds": change.health_deadline, "grace_seconds": change.grace}
    return replace(
        base,
        gate=replace(base.gate, **_given(gate)),
        window=_window(change, base.window),
        **_given({"on_late_start": change.on_late_start}),
    )


def _window(change: PolicyOverrides, base: WindowPolicy) -> WindowPolicy:
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
