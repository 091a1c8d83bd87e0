"""What happens to each machine and in which order, decided before anything is changed. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import ceil

from slo_action.core.release.fleet import Machine
from slo_action.core.release.rollback_plan import MachineAction
from slo_action.errors import PlatformError
from slo_action.platforms.fly.client.models import FlyMachine, FlyRelease, release_number
from slo_action.platforms.fly.rollback.machine_order import (
    RESTING,
    MachineOrder,
    PreviousConfig,
    cordoning,
    destroyed,
    leaving,
    restoring,
)
from slo_action.platforms.fly.rollback.survey import Survey
from slo_action.platforms.fly.state.machines import is_app_machine, read_machine

_MOST_UNAVAILABLE = 0.33
_MOST_EVER = 0.5
_GROWTH = 2
"""Each restored machine that is healthy allows two more."""
LARGEST = 8


def ordered(survey: Survey) -> tuple[MachineOrder, ...]:
    """Return every machine's order. Raises PlatformError where one cannot be restored."""
    return _Planner(survey).orders()


def not_restored(survey: Survey, orders: Sequence[MachineOrder]) -> tuple[str, ...]:
    """Return what stays as the failed deploy, or another client, made it."""
    gone = [order.name for order in orders if order.machine.state == "destroyed"]
    left = [order for order in orders if order.step.step is MachineAction.LEAVE]
    lost = [order.name for order in left if not order.machine.is_host_ok]
    return (
        *lost_by_deploy(survey.machines, survey.judged),
        *([f"destroyed machines: {', '.join(gone)}"] if gone else []),
        *([f"machines whose hosts do not answer: {', '.join(lost)}"] if lost else []),
    )


def lost_by_deploy(machines: Iterable[FlyMachine], deployed: FlyRelease | None) -> tuple[str, ...]:
    """Return what no way of restoring brings back after `deployed`, or a deploy like it."""
    count = len({volume for live in machines for volume in live.whole_config.volumes})
    noun = "volume" if count == 1 else "volumes"
    migrated = "databases: what was written or migrated since"
    if deployed and deployed.has_release_command:
        migrated = f"databases: {deployed.name} has a release command, a migration may have run"
    return (
        "secrets: what was set since stays, and the previous image starts with today's",
        *([f"volumes: what was written to {count} {noun} since"] if count else []),
        migrated,
    )


class _Planner:
    """Goes through the machines once.

    `_restored` counts, by group, machines that will run as they did; `_missing` those that do not
    exist any more and that no other replaces; `_grown` are groups where the deploy made machines.
    """

    def __init__(self, survey: Survey) -> None:
        self._survey = survey
        copy = survey.targets_copy
        self._kept = [kept for kept in copy.machines if is_app_machine(kept)] if copy else []
        live = {machine.id for machine in survey.machines}
        self._gone = [kept for kept in self._kept if kept.id not in live]
        self._missing = _by_group(self._gone)
        found = [(machine, survey.previous_config(machine.id)) for machine in survey.machines]
        self._past = [(machine, previous) for machine, previous in found if _is_there(machine)]
        self._lost = [machine for machine, _ in found if not _is_there(machine)]
        self._restored = _by_group(machine for machine, previous in self._past if previous)
        self._grown = {machine.config.group for machine, previous in self._past if not previous}

    def orders(self) -> tuple[MachineOrder, ...]:
        made = [
            self._with_past(live, previous) if previous else self._without_past(live)
            for live, previous in self._past
        ]
        why = "its host does not answer, so it is not changed: check it by hand"
        left = [leaving(live, why) for live in self._lost]
        return (*made, *left, *map(self._destroyed, self._gone))

    def _with_past(self, live: FlyMachine, previous: PreviousConfig) -> MachineOrder:
        if live.whole_config.volumes != previous.config.volumes:
            raise PlatformError(
                f"machine {live.id} has other volumes now than it had before, "
                "and an update cannot change them",
                hint="restore it by hand: fly volumes list, fly machine clone",
            )
        machine = read_machine(live)
        kept = self._survey.was(machine.name)  # without the copy, new machines of its group show it
        took_traffic = not kept.cordoned if kept else machine.group in self._grown
        uncordons = machine.is_cordoned and took_traffic
        runs, target = self._ran_before(machine), self._survey.target
        return restoring(live, previous, target, runs=runs, uncordons=uncordons)

    def _ran_before(self, machine: Machine) -> bool:
        """Return whether it ran before the deploy; a standby waits for another to fail.

        The restore copy shows it, of whatever release; without one, a machine that crashed ran.
        """
        if machine.is_standby:
            return False
        kept = self._survey.was(machine.name)
        if kept:
            return kept.state not in RESTING
        return machine.state not in RESTING or bool(machine.crashes)

    def _without_past(self, live: FlyMachine) -> MachineOrder:
        """Decide on a machine that was never on the target.

        It takes the place of one that does not exist any more, or leaves the traffic where others
        of its group are restored, or where the group did not exist before.
        """
        machine = read_machine(live)
        if self._is_untouched(machine):
            return leaving(live, "the failed release did not configure it")
        works = not machine.is_cordoned and not machine.is_standby
        sibling = self._survey.sibling_config(live) if works else None
        if sibling and self._missing[machine.group] > 0:
            self._missing[machine.group] -= 1
            self._restored[machine.group] += 1
            return restoring(live, sibling, self._survey.target, runs=True)
        if self._restored[machine.group] or not works or self._is_new(machine.group):
            return cordoning(live)
        raise PlatformError(
            f"machine {machine.name} has no known configuration of {self._survey.target.version}, "
            "and no other machine of its group can take its place",
            hint=f"deploy {self._survey.target.version} again, from its own commit",
        )

    def _destroyed(self, kept: FlyMachine) -> MachineOrder:
        is_short = self._missing[kept.config.group] > 0
        so = "its group has fewer machines now" if is_short else "another takes its place"
        return destroyed(kept, f"destroyed since, and not made again: {so}")

    def _is_new(self, group: str) -> bool:
        """Return whether the target certainly had no such process group."""
        if self._kept:
            return all(kept.config.group != group for kept in self._kept)
        groups = self._survey.row.groups if self._survey.row else None
        return groups is not None and group not in groups

    def _is_untouched(self, machine: Machine) -> bool:
        """Return whether an older release than the target configured it, with another image."""
        mine = release_number(machine.release)
        target = release_number(self._survey.target.version)
        judged = self._survey.judged.digest if self._survey.judged else ""
        is_older = mine is not None and target is not None and mine < target
        return is_older and bool(machine.digest and judged) and machine.digest != judged


def _by_group(machines: Iterable[FlyMachine]) -> Counter[str]:
    """Count machines by group; standbys stand in for others and do not count."""
    return Counter(live.config.group for live in machines if not live.config.standbys)


def _is_there(live: FlyMachine) -> bool:
    return live.host_status == "ok" and bool(live.whole_config)


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
    """Rank the best canary lowest: it runs, takes traffic, in the biggest group, and fails."""
    group = sum(1 for other in orders if other.machine.group == order.machine.group)
    return order.step.stays_stopped, not order.machine.is_serving, -group, not order.is_idle
