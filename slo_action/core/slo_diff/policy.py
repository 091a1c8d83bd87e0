"""How the policy numbers of two versions of slo.yml differ, and which of them asks for less."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from slo_action.core.policy.numbers import (
    DEFAULTS,
    POLICY_NUMBERS,
    Looser,
    PolicyOverrides,
)
from slo_action.core.slo_diff.change import (
    Change,
    Fact,
    Fallback,
    compared,
    less_is_looser,
    more_is_looser,
)
from slo_action.core.verdict.facts import OnLateStart


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyPair:
    """The policies of one service, or of a file, in both versions."""

    before: PolicyOverrides
    after: PolicyOverrides


FILE_DEFAULTS = PolicyPair(before=DEFAULTS, after=DEFAULTS)


def policy_changes(
    service: str,
    own: PolicyPair,
    below: PolicyPair = FILE_DEFAULTS,
    leave_out: frozenset[str] = frozenset(),
) -> Iterator[Change]:
    """Yield what differs. `below` holds where nothing is said; `leave_out` names numbers."""
    for name, fact in POLICY_FACTS.items():
        if name not in leave_out:
            fallback = Fallback(before=below.before.get(name), after=below.after.get(name))
            yield from compared(service, fact, own.before.get(name), own.after.get(name), fallback)


def same_numbers(one: PolicyOverrides, other: PolicyOverrides) -> frozenset[str]:
    """Return the names of the numbers of which both say the same."""
    names = (number.name for number in POLICY_NUMBERS)
    return frozenset(name for name in names if one.get(name) == other.get(name))


def _confidence_order(before: float, after: float) -> int:
    return more_is_looser(before, after) if before and after else 0


def _late_order(before: OnLateStart, after: OnLateStart) -> int:
    return (after is OnLateStart.WARN) - (before is OnLateStart.WARN)


_ORDERS: dict[Looser, Callable[[Any, Any], int]] = {
    Looser.MORE: more_is_looser,
    Looser.LESS: less_is_looser,
    Looser.WARN: _late_order,
    Looser.MORE_BUT_ZERO: _confidence_order,
}
POLICY_FACTS = {
    number.name: Fact(
        what=f"policy: {number.label or number.name.replace('_', ' ')}",
        words=number.text,
        order=_ORDERS[number.looser],
        means=number.effect,
    )
    for number in POLICY_NUMBERS
}
"""How a review names each policy number."""
