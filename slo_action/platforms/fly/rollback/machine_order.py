"""One machine's part of a rollback, with what is needed to do it. Pure."""

from dataclasses import dataclass, replace

from slo_action.core.release.fleet import Machine, short_digest
from slo_action.core.release.rollback_plan import MachineStep, Step
from slo_action.platforms.fly.rollback.previous_config import Former
from slo_action.platforms.fly.state.machine_config import (
    Json,
    changed_parts,
    config_of,
    has_services,
    is_same,
    release_of,
)
from slo_action.platforms.fly.state.machines import read_machine

RESTING = frozenset({"stopped", "suspended", "created", "stopping", "suspending"})
"""States in which nothing runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineOrder:
    """One machine's step with what is needed to take it; `former` is None where none is needed.

    `uncordons`: it took traffic before and does not now. `stops`: it works without traffic, so
    taking it out of the traffic is not enough.
    """

    step: MachineStep
    machine: Machine
    raw: Json
    former: Former | None = None
    uncordons: bool = False
    stops: bool = False

    @property
    def name(self) -> str:
        """The machine's name."""
        return self.machine.name

    @property
    def is_idle(self) -> bool:
        """True where nobody is served by it now: to change it takes nothing from anybody."""
        machine = self.machine
        return machine.state != "started" or machine.is_critical or machine.is_cordoned


def is_restored(raw: Json, former: Former) -> bool:
    """Tell whether a machine has its former image and configuration already."""
    return read_machine(raw).digest == former.digest and is_same(config_of(raw), former.config)


def bears(raw: Json, former: Former) -> bool:
    """Tell whether a machine has its former image and the mark of its former release.

    The platform may write a configuration in other words than it was given.
    """
    is_marked = release_of(config_of(raw)) == former.release
    return is_marked and read_machine(raw).digest == former.digest


def restoring(raw: Json, former: Former, *, runs: bool, uncordons: bool = False) -> MachineOrder:
    """Give a machine its former configuration, or only what it lacks beside it."""
    machine, config = read_machine(raw), config_of(raw)
    image = ("image",) if machine.digest != former.digest else ()
    traffic = ("uncordoned",) if uncordons else ()
    step = MachineStep(
        machine=machine.name,
        region=machine.region,
        step=Step.UPDATE,
        before=runs_words(machine),
        after=former.release or f"image {short_digest(former.digest)}",
        why=former.why,
        changes=(*image, *changed_parts(config, former.config), *traffic),
        stays_stopped=not runs,
    )
    order = MachineOrder(step=step, machine=machine, raw=raw, former=former, uncordons=uncordons)
    return _lacking(order, runs=runs) if is_restored(raw, former) else order


def _lacking(order: MachineOrder, *, runs: bool) -> MachineOrder:
    """Start or uncordon what has its former configuration already, or leave it."""
    step, why = Step.LEAVE, "it has its former image and configuration already"
    if order.uncordons:
        step, why = Step.START, "it took traffic before the deploy"
    if runs and order.machine.state in RESTING:
        step, why = Step.START, "it ran before the deploy"
    return replace(order, step=replace(order.step, step=step, why=why))


def cordoning(raw: Json) -> MachineOrder:
    """Take a machine that the deploy made out of the traffic; stop it if it works without."""
    machine = read_machine(raw)
    stops = not has_services(config_of(raw)) and machine.state not in RESTING
    if machine.is_cordoned and not stops:
        return leaving(raw, "the deploy made it, and it takes no traffic")
    step = MachineStep(
        machine=machine.name,
        region=machine.region,
        step=Step.CORDON,
        before=runs_words(machine),
        after="stopped" if stops else "out of the traffic",
        why="the deploy made it; it is kept, and can be destroyed by hand",
    )
    return MachineOrder(step=step, machine=machine, raw=raw, stops=stops)


def leaving(raw: Json, why: str) -> MachineOrder:
    """Do nothing to a machine, and say why."""
    machine = read_machine(raw)
    runs = runs_words(machine)
    step = MachineStep(
        machine=machine.name,
        region=machine.region,
        step=Step.LEAVE,
        before=runs,
        after=runs,
        why=why,
    )
    return MachineOrder(step=step, machine=machine, raw=raw)


def destroyed(raw: Json, why: str) -> MachineOrder:
    """Tell of a machine that is no more; `raw` is what it was."""
    gone = leaving(raw, why)
    step = replace(gone.step, before="destroyed", after="destroyed")
    return replace(gone, step=step, machine=replace(gone.machine, state="destroyed"))


def runs_words(machine: Machine) -> str:
    """Name what a machine runs: its own word for the release, else its image."""
    return machine.release or f"image {short_digest(machine.digest) or 'unknown'}"
