"""What a rollback has done so far, so that it can be told wherever it ends."""

from collections.abc import Sequence

from slo_action.core.model import RollbackStep
from slo_action.core.text.quoting import printable
from slo_action.errors import PlatformError
from slo_action.ports import Clock


class RollbackAbortedError(Exception):
    """Why a rollback goes no further; `words` are scrubbed already."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


class TakenOverError(RollbackAbortedError):
    """Somebody else changes the app: nothing more may be touched."""


class StepLog:
    """The steps so far, and which machines are in work. The last step tells how it ended."""

    def __init__(self, clock: Clock, machines: Sequence[str]) -> None:
        self._clock = clock
        self._begun = clock.monotonic()
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

    def add(
        self, name: str, detail: str, *, succeeded: bool, seconds: float = 0.0, output: str = ""
    ) -> None:
        """Note a step that is no machine's."""
        step = RollbackStep(
            name=printable(name),
            succeeded=succeeded,
            duration_seconds=seconds,
            detail=printable(detail),
            output=output,
        )
        self._steps.append(step)

    def give_up(self, words: str, *, taken_over: bool = False) -> None:
        """Close with a failed step that says how far the rollback got."""
        spent = self._clock.monotonic() - self._begun
        detail = f"{words.rstrip('.')}; {self._far()}"
        step = RollbackStep(
            name="rollback",
            succeeded=False,
            duration_seconds=spent,
            detail=printable(detail),
            changed_nothing=not (self._restored or self._in_work),
            taken_over=taken_over,
        )
        self._steps.append(step)

    def refuse(self, error: PlatformError) -> None:
        """Close with an error and its hint."""
        self.give_up(error.description)

    def _far(self) -> str:
        if not (self._restored or self._in_work):
            return "nothing was changed"
        parts = (
            ("restored", self._restored),
            ("in work", self._in_work),
            ("untouched", self._waiting),
        )
        return "; ".join(f"{word}: {', '.join(names) or 'none'}" for word, names in parts)
