"""How fast Fly.io may be asked, and how long an answer is waited for.

Source: https://fly.io/docs/machines/api/working-with-machines-api/ (rate limits: one request a
second for an action on a machine, bursts of three; five a second to get a machine, bursts of ten).
"""

import threading
from dataclasses import dataclass

from slo_action.ports import Clock

Key = tuple[str, str]
"""A method and an address: an action on one machine, or on the app."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How often in the long run, and how often at once."""

    per_second: float
    burst: int


READING_A_MACHINE = Rate(per_second=5.0, burst=10)
ACTING_ON_MACHINES = Rate(per_second=1.0, burst=3)
"""What the Machines API documents."""
ELSEWHERE = Rate(per_second=5.0, burst=10)
"""The ledger and the registry document no limit; a loop of ours must not become one's reason."""


class RateLimits:
    """Holds every caller back until Fly would answer it, whichever thread it asks from."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._due: dict[Key, float] = {}
        """When the last request would have come at the steady rate: a generic cell rate."""
        self._held: dict[Key, float] = {}

    def wait(self, key: Key, rate: Rate) -> None:
        """Return when the next request for `key` may be sent."""
        self._clock.sleep_until(self._reserve(key, rate))

    def hold(self, key: Key, seconds: float) -> None:
        """Send nothing more for `key` for so long: Fly said that it was too much."""
        until = self._clock.monotonic() + seconds
        with self._lock:
            self._held[key] = max(self._held.get(key, until), until)

    def _reserve(self, key: Key, rate: Rate) -> float:
        interval = 1.0 / rate.per_second
        with self._lock:
            now = self._clock.monotonic()
            due = self._due.get(key, now)
            at = max(now, due - (rate.burst - 1) * interval, self._held.get(key, now))
            self._due[key] = max(due, at) + interval
            return at
