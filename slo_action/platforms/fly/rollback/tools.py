"""What a rollback works with, and the check that no other deploy has taken over."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from slo_action.platforms.fly.client.api import FlyApi
from slo_action.platforms.fly.client.concurrent_calls import ConcurrentCalls
from slo_action.platforms.fly.client.errors import FlyRefusedError, tried
from slo_action.platforms.fly.client.models import FlyRelease
from slo_action.platforms.fly.rollback.step_log import RollbackAbortedError, TakenOverError
from slo_action.ports import Clock

T = TypeVar("T")

Journal = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackTools:
    """What a rollback works with.

    `machine_seconds` is the least that one machine gets to become healthy.
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
