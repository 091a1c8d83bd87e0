"""In which order machines are restored: one first, then ever more of each group. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from math import ceil

from slo_action.platforms.fly.rollback.machine_order import MachineOrder

_MOST_UNAVAILABLE = 0.33
_MOST_EVER = 0.5
_GROWTH = 2
"""Each restored machine that is healthy allows two more."""
LARGEST = 8


def batched(orders: Sequence[MachineOrder]) -> tuple[tuple[MachineOrder, ...], ...]:
    """Return the batches: the canary alone, then a third of each group that serves, then more.

    A batch begins only when all before it are healthy, and what waits runs a release that is
    bad: so a batch may be twice what is restored, but never more than half of a group. Those
    that serve no user now cost no user anything: they come first and count for no share.
    """
    if not orders:
        return ()
    canary = min(orders, key=lambda order: _canary_rank(orders, order))
    rest = [order for order in orders if order is not canary]
    rest.sort(key=lambda order: not order.is_idle)
    sizes = Counter(order.machine.group for order in orders)
    batches: list[tuple[MachineOrder, ...]] = [(canary,)]
    while rest:
        restored = Counter(order.machine.group for batch in batches for order in batch)
        batch = _taken(rest, {group: _share(sizes[group], restored[group]) for group in sizes})
        rest = [order for order in rest if order not in batch]
        batches.append(batch)
    return tuple(batches)


def _share(size: int, restored: int) -> int:
    third, half = ceil(size * _MOST_UNAVAILABLE), ceil(size * _MOST_EVER)
    return min(half, max(third, _GROWTH * restored))


def _taken(waiting: Sequence[MachineOrder], shares: Mapping[str, int]) -> tuple[MachineOrder, ...]:
    """Return the first that fit into one batch."""
    taken: list[MachineOrder] = []
    serving: Counter[str] = Counter()
    for order in waiting:
        group = order.machine.group
        if len(taken) == LARGEST or (not order.is_idle and serving[group] >= shares[group]):
            continue
        serving[group] += not order.is_idle
        taken.append(order)
    return tuple(taken)


def _canary_rank(
    orders: Sequence[MachineOrder], order: MachineOrder
) -> tuple[bool, bool, int, bool]:
    """Rank the best canary lowest: it runs, takes traffic, in the biggest group, and is sick."""
    group = sum(1 for other in orders if other.machine.group == order.machine.group)
    return order.step.stays_stopped, not order.machine.is_serving, -group, not order.is_idle
