"""Time that passes only when somebody waits."""

from datetime import UTC, datetime, timedelta


class VirtualClock:
    """A Clock that never waits; `waits` holds every wait in seconds."""

    def __init__(self, start: datetime = datetime(2026, 11, 2, 10, 0, tzinfo=UTC)) -> None:
        self._start = start
        self._elapsed = 0.0
        self.waits: list[float] = []

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        return self._elapsed

    def sleep_until(self, instant: float) -> None:
        self.waits.append(instant - self._elapsed)
        self.advance(max(0.0, instant - self._elapsed))

    def advance(self, seconds: float) -> None:
        self._elapsed += seconds
