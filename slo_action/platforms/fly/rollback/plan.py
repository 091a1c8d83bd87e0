"""What happens to each machine, decided before anything is changed. Pure."""

from collections import Counter
from collections.abc import Iterator

from slo_action.core.release.fleet import Machine
from slo_action.errors import PlatformError
from slo_action.platforms.fly.rollback.machine_order import (
    RESTING,
    MachineOrder,
    cordoning,
    destroyed,
    leaving,
    restoring,
)
from slo_action.platforms.fly.rollback.previous_config import Former, former_of, sibling_of
from slo_action.platforms.fly.rollback.survey import Survey
from slo_action.platforms.fly.state.machine_config import (
    Json,
    config_of,
    release_number,
    release_of,
    text_of,
    volumes_of,
)
from slo_action.platforms.fly.state.machines import is_app_machine, read_machine


def ordered(survey: Survey) -> tuple[MachineOrder, ...]:
    """Return every machine's order. Raises PlatformError where one that counts has no way back."""
    return _Planner(survey).orders()


def ran_before(survey: Survey, machine: Machine) -> bool:
    """Tell whether a machine ran before the deploy; a standby waits for another to fail.

    The restore copy knows it, of whatever release; without one, a machine that crashed ran.
    """
    if machine.is_standby:
        return False
    kept = survey.was(machine.name)
    if kept:
        return text_of(kept.get("state")) not in RESTING
    return machine.state not in RESTING or bool(machine.crashes)


class _Planner:
    """Goes through the machines once.

    `_restored` counts, by group, machines that will run as they did; `_missing` those that are no
    more and whose place nobody has taken; `_grown` are groups in which the deploy made machines.
    """

    def __init__(self, survey: Survey) -> None:
        self._survey = survey
        self._kept = _kept(survey)
        live = {text_of(raw.get("id")) for raw in survey.machines}
        self._gone = [raw for raw in self._kept if text_of(raw.get("id")) not in live]
        self._missing = _by_group(self._gone)
        known = [(raw, former_of(survey, raw)) for raw in survey.machines]
        self._past = [(raw, former) for raw, former in known if _is_there(raw)]
        self._lost = [raw for raw, _ in known if not _is_there(raw)]
        self._restored = _by_group(raw for raw, former in self._past if former)
        self._grown = {read_machine(raw).group for raw, former in self._past if not former}

    def orders(self) -> tuple[MachineOrder, ...]:
        made = [
            self._with_past(raw, former) if former else self._without_past(raw)
            for raw, former in self._past
        ]
        why = "its host does not answer, so it is left alone: look at it by hand"
        return (*made, *(leaving(raw, why) for raw in self._lost), *self._destroyed())

    def _with_past(self, raw: Json, former: Former) -> MachineOrder:
        machine = read_machine(raw)
        if volumes_of(config_of(raw)) != volumes_of(former.config):
            raise PlatformError(
                f"machine {machine.name} has other volumes now than it had before, "
                "and an update cannot change them",
                hint="restore it by hand: fly volumes list, fly machine clone",
            )
        runs = ran_before(self._survey, machine)
        uncordons = machine.is_cordoned and self._took_traffic(machine)
        return restoring(raw, former, runs=runs, uncordons=uncordons)

    def _without_past(self, raw: Json) -> MachineOrder:
        """Decide on a machine that was never on the target.

        It takes the place of one that is no more, or leaves the traffic where others of its group
        are restored, or where the group did not exist before.
        """
        machine = read_machine(raw)
        if _is_untouched(self._survey, raw):
            return leaving(raw, "the failed release did not configure it")
        sibling = sibling_of(self._survey, raw) if _matters(machine) else None
        if sibling and self._missing[machine.group] > 0:
            self._missing[machine.group] -= 1
            self._restored[machine.group] += 1
            return restoring(raw, sibling, runs=True)
        if self._restored[machine.group] or not _matters(machine) or self._is_new(machine.group):
            return cordoning(raw)
        raise PlatformError(
            f"machine {machine.name} has no known configuration of {self._survey.target.version}, "
            "and no other machine of its group can take its place",
            hint=f"deploy {self._survey.target.version} again, from its own commit",
        )

    def _destroyed(self) -> Iterator[MachineOrder]:
        for raw in self._gone:
            is_short = self._missing[read_machine(raw).group] > 0
            so = "its group has fewer machines now" if is_short else "another takes its place"
            yield destroyed(raw, f"destroyed since, and not made again: {so}")

    def _took_traffic(self, machine: Machine) -> bool:
        """Tell whether it took traffic; without a copy, a deploy that made others took it away."""
        kept = self._survey.was(machine.name)
        return not read_machine(kept).is_cordoned if kept else machine.group in self._grown

    def _is_new(self, group: str) -> bool:
        """Tell whether the target is known to have had no such process group."""
        if self._kept:
            return all(read_machine(raw).group != group for raw in self._kept)
        definition = self._survey.row.definition if self._survey.row else None
        if definition is None:
            return False
        processes = definition.get("processes")
        return group not in (processes if isinstance(processes, dict) and processes else {"app"})


def _kept(survey: Survey) -> tuple[Json, ...]:
    """Return the machines of the restore copy, if it is one of the target."""
    copy = survey.copy if survey.has_copy else None
    return tuple(raw for raw in copy.machines if is_app_machine(raw)) if copy else ()


def _by_group(raws: Iterator[Json] | list[Json]) -> Counter[str]:
    """Count machines by group; standbys stand in for others and do not count."""
    machines = [read_machine(raw) for raw in raws]
    return Counter(machine.group for machine in machines if not machine.is_standby)


def _matters(machine: Machine) -> bool:
    """Tell whether it works for somebody: not one that waits, be it for traffic or for a fault."""
    return not machine.is_cordoned and not machine.is_standby


def _is_there(raw: Json) -> bool:
    return read_machine(raw).is_host_ok and bool(config_of(raw))


def _is_untouched(survey: Survey, raw: Json) -> bool:
    """Tell whether an older release than the target configured it, with another image."""
    mine = release_number(release_of(config_of(raw)))
    target = release_number(survey.target.version)
    judged = survey.judged.digest if survey.judged else ""
    digest = read_machine(raw).digest
    is_older = mine is not None and target is not None and mine < target
    return is_older and bool(digest) and bool(judged) and digest != judged
