"""Short calls in parallel: a batch of machines takes as long as one of them."""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from threading import Thread
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


def run_concurrently(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Make calls in up to eight threads; see ConcurrentCalls.

    Where a signal stops the wait, calls that have not begun are dropped, and those under way get
    two seconds: the threads never keep the process alive, as those of an executor would.
    """
    if len(calls) < 2:  # noqa: PLR2004 - one call needs no thread
        return [call() for call in calls]
    futures: list[Future[T]] = [Future() for _ in calls]
    waiting = deque(zip(calls, futures, strict=True))
    try:
        for _ in range(min(len(calls), MOST_AT_ONCE)):
            Thread(target=_work, args=[waiting], name="slo-fly", daemon=True).start()
        wait(futures)
    except BaseException:
        with suppress(IndexError):
            while True:
                futures.remove(waiting.popleft()[1])
        wait(futures, _LAST_SECONDS)
        raise
    return [future.result() for future in futures]


def _work(waiting: deque[tuple[Callable[[], T], Future[T]]]) -> None:
    """Make calls until none waits."""
    with suppress(IndexError):
        while True:
            call, future = waiting.popleft()
            try:
                future.set_result(call())
            except BaseException as error:  # noqa: BLE001 - it is raised where it was asked for
                future.set_exception(error)
