"""What a rollback has done so far, so that it can be reported wherever it ends."""

from collections.abc import Sequence

from slo_action.core.model import RollbackStep
from slo_action.core.text.quoting import printable
from slo_action.ports import Clock


class RollbackAbortedError(Exception):
    """Why a rollback goes no further, as text that is scrubbed already."""


class TakenOverError(RollbackAbortedError):
    """Another client changes the app: nothing more may be touched."""


class StepLog:
    """The steps so far, and which machines are in work. The last step says how it ended."""

    def __init__(self, clock: Clock, machines: Sequence[str] = ()) -> None:
        self._clock = clock
        self._began = clock.monotonic()
        self._waiting = list(machines)
        self._in_work: list[str] = []
        self._restored: list[str] = []
        self._steps: list[RollbackStep] = []

    @property
    def steps(self) -> tuple[RollbackStep, ...]:
        """All steps, in the order of their ends."""
        return tuple(self._steps)

    def begin(self, machines: Sequence[str]) -> None:
        """Count machines as in work."""
        self._in_work.extend(machines)
        self._waiting = [name for name in self._waiting if name not in machines]

    def end(self, machine: str, detail: str, *, succeeded: bool, seconds: float = 0.0) -> None:
        """Note how one machine's step ended; one that failed stays in work."""
        self.add(f"machine {machine}", detail, succeeded=succeeded, seconds=seconds)
        if succeeded:
            self._in_work = [name for name in self._in_work if name != machine]
            self._restored.append(machine)

    def add(self, name: str, detail: str, *, succeeded: bool, seconds: float = 0.0) -> None:
        """Note a step that is no machine's."""
        name, detail = printable(name), printable(detail)
        step = RollbackStep(name=name, succeeded=succeeded, duration_seconds=seconds, detail=detail)
        self._steps.append(step)

    def give_up(self, reason: str, *, taken_over: bool = False) -> None:
        """Close with a failed step that says how far the rollback got."""
        parts = {"restored": self._restored, "in work": self._in_work, "untouched": self._waiting}
        lists = (f"{state}: {', '.join(names) or 'none'}" for state, names in parts.items())
        changed_nothing = not (self._restored or self._in_work)
        progress = "nothing was changed" if changed_nothing else "; ".join(lists)
        step = RollbackStep(
            name="rollback",
            succeeded=False,
            duration_seconds=self._clock.monotonic() - self._began,
            detail=printable(f"{reason.rstrip('.')}; {progress}"),
            changed_nothing=changed_nothing,
            taken_over=taken_over,
        )
        self._steps.append(step)
