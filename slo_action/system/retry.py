"""Trying again, without ever holding a job up for long."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from slo_action.core.text.http_time import retry_after_seconds
from slo_action.ports import Clock

Answer = TypeVar("Answer")


class TransientError(Exception):
    """An attempt failed, and the next one may not. The text holds no address and no secret.

    `unsure` says that the service may have done what it was asked. `retry_after` is its header.
    """

    def __init__(self, reason: str, *, unsure: bool, retry_after: str | None = None) -> None:
        super().__init__(reason)
        self.unsure = unsure
        self.retry_after = retry_after


class RetryBudget:
    """What failures may cost in all: their own time and the pauses after them.

    What makes progress is never cut short, however long it takes. `random` returns numbers in
    [0, 1), for jitter.
    """

    def __init__(
        self, clock: Clock, seconds: float, random: Callable[[], float] = lambda: 0.0
    ) -> None:
        self._clock = clock
        self._left_seconds = seconds
        self._random = random

    def pause(self, since: float, wanted: float, retry_after: str | None = None) -> float | None:
        """Charge an attempt that began at `since` and failed, and the pause before the next one.

        Return the pause, at least what the service asked for; None where it cannot be afforded.
        """
        asked = retry_after_seconds(retry_after, self._clock.now())
        pause = max(wanted, asked or 0.0)
        self._left_seconds -= self._clock.monotonic() - since
        if pause > self._left_seconds:
            return None
        self._left_seconds -= pause
        return pause

    def persist(
        self, waits: Sequence[tuple[float, float]], attempt: Callable[[], Answer]
    ) -> Answer:
        """Call `attempt` until it succeeds; raise its last TransientError when the budget ends.

        `waits` are the pauses between attempts, each drawn from (low, high) seconds.
        """
        for low, high in waits:
            began = self._clock.monotonic()
            try:
                return attempt()
            except TransientError as error:
                wanted = low + self._random() * (high - low)
                pause = self.pause(began, wanted, error.retry_after)
                if pause is None:
                    raise
            self._clock.sleep_until(self._clock.monotonic() + pause)
        return attempt()
