"""Virtual time for a client with several threads: concurrent calls take as long as the longest."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar

from tests.worlds.virtual_clock import VirtualClock

T = TypeVar("T")

_MOST_AT_ONCE = 8


class _Thread:
    """A thread that runs when it is resumed, and rests until the instant it waits for."""

    def __init__(self, work: Callable[["_Thread"], None], now: float) -> None:
        self._goes, self._rests = threading.Lock(), threading.Lock()
        self._goes.acquire()
        self._rests.acquire()
        self._work = work
        self.wakes_at = now
        self.is_done = False
        threading.Thread(target=self._run, daemon=True).start()

    def resume(self) -> None:
        """Let it run until it rests again, or has ended."""
        self._goes.release()
        self._rests.acquire()

    def rest(self, until: float) -> None:
        """Called by the thread itself."""
        self.wakes_at = until
        self._rests.release()
        self._goes.acquire()

    def _run(self) -> None:
        self._goes.acquire()
        self._work(self)
        self.is_done = True
        self._rests.release()


class SharedClock(VirtualClock):
    """A VirtualClock whose `run_concurrently` runs calls one at a time, in time's order.

    Without `run_concurrently` it is a VirtualClock. The order is the same in every run.
    """

    def __init__(self) -> None:
        super().__init__()
        self._mine = threading.local()

    def advance(self, seconds: float) -> None:
        thread: _Thread | None = getattr(self._mine, "thread", None)
        if thread is None:
            super().advance(seconds)
        else:
            thread.rest(self._elapsed + seconds)

    def run_concurrently(self, calls: Sequence[Callable[[], T]]) -> list[T]:
        """Make all calls, eight at once; raise the first exception when all have ended."""
        waiting = deque(enumerate(calls))
        results: dict[int, T] = {}
        errors: dict[int, BaseException] = {}

        def work(thread: _Thread) -> None:
            self._mine.thread = thread
            while waiting:
                place, call = waiting.popleft()
                try:
                    results[place] = call()
                except BaseException as error:  # noqa: BLE001 - it is raised where it was asked for
                    errors[place] = error

        threads = [_Thread(work, self._elapsed) for _ in range(min(len(calls), _MOST_AT_ONCE))]
        while busy := [thread for thread in threads if not thread.is_done]:
            first = min(busy, key=lambda thread: thread.wakes_at)
            self._elapsed = max(self._elapsed, first.wakes_at)
            first.resume()
        for place in sorted(errors):
            raise errors[place]
        return [results[place] for place in range(len(calls))]
