"""How the policy numbers of two versions of slo.yml differ, and which of them asks for less."""

from collections.abc import Iterator

from slo_action.core.policy.numbers import (
    DEFAULTS,
    POLICY_NUMBERS,
    Looser,
    PolicyNumber,
    PolicyOverrides,
)
from slo_action.core.slo_diff.change import (
    Change,
    Comparison,
    Field,
    PolicyPair,
    Walk,
    less_is_looser,
    more_is_looser,
)
from slo_action.core.verdict.facts import OnLateStart

FILE_DEFAULTS = PolicyPair(before=DEFAULTS, after=DEFAULTS)


def policy_changes(
    service: str,
    own: PolicyPair,
    below: PolicyPair = FILE_DEFAULTS,
    leave_out: frozenset[str] = frozenset(),
) -> Iterator[Change]:
    """Yield what differs. `below` holds where nothing is set; `leave_out` names numbers."""
    fields = [field for name, field in POLICY_FIELDS.items() if name not in leave_out]
    yield from Walk(service=service, policies=below).changes(fields, own.before, own.after)


def same_numbers(one: PolicyOverrides, other: PolicyOverrides) -> frozenset[str]:
    """Return the names of the numbers that both set alike, or both leave unset."""
    return frozenset(name for name in POLICY_FIELDS if one.get(name) == other.get(name))


def _confidence_order(before: float, after: float) -> int:
    return more_is_looser(before, after) if before and after else 0


def _late_order(before: OnLateStart, after: OnLateStart) -> int:
    return (after is OnLateStart.WARN) - (before is OnLateStart.WARN)


_ORDERS: dict[Looser, Comparison] = {
    Looser.MORE: more_is_looser,
    Looser.LESS: less_is_looser,
    Looser.WARN: _late_order,
    Looser.MORE_BUT_ZERO: _confidence_order,
}


def _field(number: PolicyNumber) -> Field:
    return Field(
        label=f"policy: {number.label or number.name.replace('_', ' ')}",
        get=lambda overrides: overrides.get(number.name),
        format=number.text,
        order=_ORDERS[number.looser],
        effect=number.effect,
        default=lambda _holder, policy: policy.get(number.name),
    )


POLICY_FIELDS = {number.name: _field(number) for number in POLICY_NUMBERS}
"""How a review compares and names each policy number."""
