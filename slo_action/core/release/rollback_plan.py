"""What a rollback would do, machine by machine, before anything is changed."""

from dataclasses import dataclass
from enum import StrEnum

from slo_action.core.model import Release


class MachineAction(StrEnum):
    """What happens to one machine.

    Update: it gets its previous configuration. Start: it has that already, but ran before and does
    not now. Cordon: it did not exist before, so it is taken out of the traffic. Leave: nothing is
    to be done, or nothing may be.
    """

    UPDATE = "update"
    START = "start"
    CORDON = "cordon"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineStep:
    """One machine's part of a plan.

    `before` and `after` name what it runs and what it is to run. `changes` are the parts of the
    configuration that become others again: names only, never values. `why` says where the previous
    configuration comes from, or why the machine is left alone. `stays_stopped`: it did not run
    before and is not started.
    """

    machine: str
    region: str
    step: MachineAction
    before: str
    after: str
    why: str
    changes: tuple[str, ...] = ()
    stays_stopped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackPlan:
    """The whole plan. `not_restored` says what no rollback brings back."""

    target: Release
    engine: str
    steps: tuple[MachineStep, ...]
    not_restored: tuple[str, ...] = ()

    @property
    def mutating(self) -> tuple[MachineStep, ...]:
        """The steps that change something."""
        return tuple(step for step in self.steps if step.step is not MachineAction.LEAVE)
