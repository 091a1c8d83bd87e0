"""Trying again, without ever holding a job up for long."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from slo_action.ports import Clock

Answer = TypeVar("Answer")

TWIRP_WAITS = ((3.0, 3.0), *((3.0 * 1.5**n, 3.0 * 1.5 ** (n + 1)) for n in (1, 2, 3)))
"""Seconds between five attempts, each drawn from (low, high): artifact-twirp-client.ts."""
BLOB_WAITS = ((0.0, 0.0), (4.0, 4.0), (12.0, 12.0))
"""Seconds between four attempts: the retry policy of Azure's storage SDK."""


class TransientError(Exception):
    """An attempt failed, and the next one may not. The text holds no address and no secret.

    `unsure` says that the service may have done what it was asked.
    """

    def __init__(
        self, reason: str, *, unsure: bool, retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(reason)
        self.unsure = unsure
        self.retry_after_seconds = retry_after_seconds


def retry_after_seconds(header: str | None) -> float | None:
    """Read a Retry-After header; None where there is none, or a date, which nobody here sends."""
    return float(header) if header and header.isascii() and header.isdigit() else None


class Patience:
    """What failures may cost one upload in all: their own time and the waits after them.

    An upload that makes progress is never cut short, however long it takes.
    """

    def __init__(self, clock: Clock, random: Callable[[], float], budget_seconds: float) -> None:
        self._clock = clock
        self._random = random
        self._left_seconds = budget_seconds

    def persist(
        self, waits: Sequence[tuple[float, float]], attempt: Callable[[], Answer]
    ) -> Answer:
        """Call `attempt` until it succeeds; raise its last TransientError when patience ends."""
        for low, high in waits:
            started = self._clock.monotonic()
            try:
                return attempt()
            except TransientError as error:
                pause = max(low + self._random() * (high - low), error.retry_after_seconds or 0.0)
                if not self._wait(started, pause):
                    raise
        return attempt()

    def _wait(self, started: float, pause: float) -> bool:
        """Wait if that is still affordable; False says that it was not."""
        now = self._clock.monotonic()
        self._left_seconds -= now - started
        if pause > self._left_seconds:
            return False
        self._left_seconds -= pause
        self._clock.sleep_until(now + pause)
        return True
