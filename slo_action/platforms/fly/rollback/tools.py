"""What a rollback works with, what it has done so far, and whether another deploy took over."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from slo_action.core.model import RollbackStep
from slo_action.core.text.quoting import printable
from slo_action.platforms.fly.client.api import FlyApi
from slo_action.platforms.fly.client.concurrent_calls import ConcurrentCalls
from slo_action.platforms.fly.client.errors import FlyRefusedError, tried
from slo_action.platforms.fly.client.models import FlyRelease
from slo_action.ports import Clock

T = TypeVar("T")

Journal = Callable[[str], None]


class RollbackAbortedError(Exception):
    """Why a rollback goes no further, as text that is scrubbed already."""


class TakenOverError(RollbackAbortedError):
    """Another client changes the app: nothing more may be touched."""


class LateError(RollbackAbortedError):
    """The time is over and nothing has failed: the rollback can be finished later."""


class StepLog:
    """The steps so far, and which machines are in progress. The last step says how it ended."""

    def __init__(self, clock: Clock, machines: Sequence[str] = ()) -> None:
        self._clock = clock
        self._began = clock.monotonic()
        self._waiting = list(machines)
        self._in_progress: list[str] = []
        self._restored: list[str] = []
        self._steps: list[RollbackStep] = []

    @property
    def steps(self) -> tuple[RollbackStep, ...]:
        """All steps, in the order of their ends."""
        return tuple(self._steps)

    def begin(self, machines: Sequence[str]) -> None:
        """Count machines as in progress."""
        self._in_progress.extend(machines)
        self._waiting = [name for name in self._waiting if name not in machines]

    def end(self, machine: str, detail: str, *, succeeded: bool, seconds: float = 0.0) -> None:
        """Note how one machine's step ended; one that failed stays in progress."""
        self.add(f"machine {machine}", detail, succeeded=succeeded, seconds=seconds)
        if succeeded:
            self._in_progress = [name for name in self._in_progress if name != machine]
            self._restored.append(machine)

    def add(self, name: str, detail: str, *, succeeded: bool, seconds: float = 0.0) -> None:
        """Note a step that is no machine's."""
        name, detail = printable(name), printable(detail)
        step = RollbackStep(name=name, succeeded=succeeded, duration_seconds=seconds, detail=detail)
        self._steps.append(step)

    def give_up(self, reason: str | RollbackAbortedError) -> None:
        """Close with a failed step that says how far the rollback got."""
        parts = {
            "restored": self._restored,
            "in progress": self._in_progress,
            "untouched": self._waiting,
        }
        lists = (f"{state}: {', '.join(names) or 'none'}" for state, names in parts.items())
        changed_nothing = not (self._restored or self._in_progress)
        progress = "nothing was changed" if changed_nothing else "; ".join(lists)
        step = RollbackStep(
            name="rollback",
            succeeded=False,
            duration_seconds=self._clock.monotonic() - self._began,
            detail=printable(f"{str(reason).rstrip('.')}; {progress}"),
            changed_nothing=changed_nothing,
            taken_over=isinstance(reason, TakenOverError),
            late=isinstance(reason, LateError),
        )
        self._steps.append(step)


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackTools:
    """What a rollback works with.

    `machine_seconds` is the least that a machine gets to become healthy once it has started.
    """

    api: FlyApi
    clock: Clock
    concurrently: ConcurrentCalls
    machine_seconds: float = 120.0

    def try_all(self, calls: Iterable[Callable[[], T]]) -> list[T | FlyRefusedError]:
        """Make calls concurrently; a refusal stands in the place of its result."""
        return self.concurrently([partial(tried, call) for call in calls])

    def pause(self, seconds: float) -> None:
        """Wait."""
        self.clock.sleep_until(self.clock.monotonic() + seconds)

    def demand_newest(self, judged: FlyRelease | None, *, must_know: bool = True) -> None:
        """Raise TakenOverError where the judged release is not the newest any more.

        Where that cannot be read, raise RollbackAbortedError; with `must_know` False, go on: later
        the machines themselves show who changed them.
        """
        releases = tried(partial(self.api.releases, 1))
        if isinstance(releases, FlyRefusedError):
            if not must_know:
                return
            raise RollbackAbortedError(f"the newest release could not be read: {releases.message}")
        newest = releases[0].name if releases else "no release"
        before = judged.name if judged else "no release"
        if newest != before:
            raise TakenOverError(
                f"another deploy took over: {newest} is the newest release, and {before} was judged"
            )
