"""What is going to happen, in the world's own time."""

from collections.abc import Callable, Generator
from datetime import datetime, timedelta
from heapq import heappop, heappush
from threading import RLock
from typing import Protocol

Process = Generator[float, None, None]
"""Something that goes on: it yields the seconds until its next step."""


class WorldClock(Protocol):
    """A clock that the world's faces may move: `advance` takes the seconds it is given."""

    def now(self) -> datetime: ...

    def monotonic(self) -> float: ...

    def advance(self, seconds: float) -> None: ...


class EventQueue:
    """Lets events happen at their instants, in order, when somebody looks.

    Its seconds count from its making. Nothing happens by itself: `catch_up` is called before
    anything is read.
    """

    def __init__(self, clock: WorldClock) -> None:
        self._clock = clock
        self._zero = clock.monotonic()
        self._epoch = clock.now()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._during: float | None = None
        self._lock = RLock()

    @property
    def now(self) -> float:
        """The world's seconds; within an event, the instant it was due at."""
        return self._clock.monotonic() - self._zero if self._during is None else self._during

    @property
    def next(self) -> float | None:
        """The instant of the next event; None where nothing is due any more."""
        return self._due[0][0] if self._due else None

    def wall(self, second: float | None = None) -> datetime:
        """Return the wall clock at an instant, by default now."""
        return self._epoch + timedelta(seconds=self.now if second is None else second)

    def at(self, second: float, event: Callable[[], None]) -> None:
        """Let something happen at an instant; one that has passed comes next."""
        self._count += 1
        heappush(self._due, (second, self._count, event))

    def after(self, seconds: float, event: Callable[[], None]) -> None:
        self.at(self.now + seconds, event)

    def play(self, process: Process) -> None:
        """Begin a process now; its next step is due when its pause is over."""
        for pause in process:
            self.after(pause, lambda: self.play(process))
            return

    def catch_up(self) -> None:
        """Let happen what is due. Within an event it does nothing: that is being caught up."""
        with self._lock:
            if self._during is None:
                self._catch_up(self.now)

    def _catch_up(self, now: float) -> None:
        try:
            while self._due and self._due[0][0] <= now:
                self._during, _, event = heappop(self._due)
                event()
        finally:
            self._during = None

    def advance(self, seconds: float) -> None:
        """Move the clock, and let happen what is due by then."""
        self._clock.advance(seconds)
        self.catch_up()
