"""The only module that reads the time."""

import threading
import time
from datetime import UTC, datetime


class SystemClock:
    """The real clock. Waiting is interruptible by a signal handler that raises."""

    def now(self) -> datetime:
        """Return the wall clock, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds of the high-resolution monotonic clock."""
        return time.perf_counter()

    def sleep_until(self, instant: float) -> None:
        """Wait until `instant` of `monotonic()`."""
        remaining = instant - time.perf_counter()
        if remaining > 0:
            threading.Event().wait(remaining)
