"""The Machines API's rate limits: per action, per machine or app."""

from dataclasses import dataclass

from tests.worlds.fly.event_queue import EventQueue
from tests.worlds.fly.refusal import RefusalError


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests a second, and so many at once."""

    per_second: float
    burst: float


ACTION = Rate(1.0, 3.0)
GET_MACHINE = Rate(5.0, 10.0)
_ROUNDING = 1e-6
"""Who keeps exactly to the rate is not refused for the last bit of a number."""


class Limits:
    """One bucket for each action and machine; where there is no machine, the app's."""

    def __init__(self, events_due: EventQueue) -> None:
        self._events_due = events_due
        self._buckets: dict[tuple[str, str], tuple[float, float]] = {}
        self.are_on = True
        self.refused = 0

    def spend(self, action: str, subject: str) -> None:
        """Take one request's worth. Raises RefusalError, 429, where nothing is left."""
        rate = GET_MACHINE if action == "get" else ACTION
        now = self._events_due.now
        left, since = self._buckets.get((action, subject), (rate.burst, now))
        left = min(rate.burst, left + (now - since) * rate.per_second)
        if self.are_on and left < 1.0 - _ROUNDING:
            self._buckets[action, subject] = left, now
            self.refused += 1
            raise RefusalError(429, "rate limit exceeded")
        self._buckets[action, subject] = left - 1.0, now
