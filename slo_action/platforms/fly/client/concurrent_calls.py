"""Short calls in parallel: a batch of machines takes as long as one of them."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol, TypeVar

T = TypeVar("T")

MOST_AT_ONCE = 8
_LAST_SECONDS = 2.0
"""What calls under way get to end by themselves when the run is being stopped."""


class ConcurrentCalls(Protocol):
    """Makes all calls, as many at once as it can, and returns when all have ended."""

    def __call__(self, calls: Sequence[Callable[[], T]]) -> list[T]:
        """Return the results in the order of the calls; raises the first exception of them."""
        ...


class _Round:
    """The calls of one round, taken one by one by several threads."""

    def __init__(self, calls: Sequence[Callable[[], object]]) -> None:
        self._waiting = deque(enumerate(calls))
        self._left = len(calls)
        self._lock = threading.Lock()
        self.results: dict[int, object] = {}
        self.errors: dict[int, BaseException] = {}
        self.over = threading.Event()

    def work(self) -> None:
        """Run in a thread of its own: make calls until none waits."""
        while True:
            try:
                place, call = self._waiting.popleft()
            except IndexError:
                return
            try:
                self.results[place] = call()
            except BaseException as error:  # noqa: BLE001 - it is raised where it was asked for
                self.errors[place] = error
            self._end_one()

    def stop(self) -> None:
        """Begin no further call; wait a moment for those under way."""
        with suppress(IndexError):
            while True:
                self._waiting.popleft()
                self._end_one()
        self.over.wait(_LAST_SECONDS)

    def _end_one(self) -> None:
        with self._lock:
            self._left -= 1
            if self._left == 0:
                self.over.set()


def run_concurrently(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Make calls in up to eight threads; see ConcurrentCalls.

    Where a signal stops the wait, calls that have not begun are dropped, and those under way get
    two seconds: the threads never keep the process alive.
    """
    if len(calls) < 2:  # noqa: PLR2004 - one call needs no thread
        return [call() for call in calls]
    round_ = _Round(calls)
    try:
        for _ in range(min(len(calls), MOST_AT_ONCE)):
            threading.Thread(target=round_.work, name="slo-fly", daemon=True).start()
        round_.over.wait()
    except BaseException:
        round_.stop()
        raise
    for place in sorted(round_.errors):
        raise round_.errors[place]
    return [round_.results[place] for place in range(len(calls))]  # type: ignore[misc]
