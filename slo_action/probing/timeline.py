"""One exchange's times and facts, noted while it happens."""

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum

from slo_action.core.model import Phases

TIMELINE = "slo_verify.timeline"
"""The request extension under which a transport finds the exchange's Timeline."""


class Phase(StrEnum):
    """How far an exchange has come, in words for a sentence."""

    RESOLVE = "resolving the name"
    CONNECT = "connecting"
    TLS = "the TLS handshake"
    ANSWER = "waiting for the answer"
    BODY = "reading the answer"


_EVENTS: Mapping[str, tuple[Phase, Phase]] = {
    "connection.connect_tcp": (Phase.CONNECT, Phase.ANSWER),
    "connection.start_tls": (Phase.TLS, Phase.ANSWER),
}
"""httpcore 1.0.9's trace events: the stage that each begins and the one it leads to."""


class Timeline:
    """The instants of one exchange, in seconds of the injected monotonic clock.

    It changes while the exchange goes on and is read when it is over. `finish()` is called once.
    """

    __slots__ = (
        "_began",
        "_monotonic",
        "_spent",
        "address",
        "addresses",
        "certificate_expires_at",
        "deadline",
        "ended",
        "first_byte",
        "last_read",
        "notes",
        "ready",
        "stage",
        "started",
    )

    def __init__(self, monotonic: Callable[[], float], deadline: float) -> None:
        self._monotonic = monotonic
        self._began = 0.0
        self._spent: dict[Phase, float] = {}
        self.deadline = deadline
        self.stage: Phase | None = None
        self.address: str | None = None
        self.addresses: tuple[str, ...] = ()
        self.certificate_expires_at: datetime | None = None
        self.notes: list[str] = []
        self.ready: float | None = None
        self.first_byte: float | None = None
        self.last_read: float | None = None
        self.started = monotonic()
        self.ended: float | None = None

    def remaining(self) -> float:
        """Return the seconds left, always positive; raises TimeoutError when none are."""
        left = self.deadline - self._monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def restart(self) -> None:
        """Count from now: building the request is not the target's time."""
        self.started = self._monotonic()

    def begin(self, stage: Phase) -> None:
        """Enter a stage whose duration counts by itself."""
        self.stage = stage
        self._began = self._monotonic()

    def complete(self, following: Phase) -> None:
        """Leave the stage that began last."""
        now = self._monotonic()
        if self.stage is not None:
            self._spent[self.stage] = now - self._began
        self.stage = following
        if following is Phase.ANSWER:
            self.ready = now

    def on_event(self, name: str, _info: Mapping[str, object]) -> None:
        """Take httpcore's trace; see https://www.encode.io/httpcore/extensions/#trace."""
        event, _, moment = name.rpartition(".")
        stages = _EVENTS.get(event)
        if stages is None:
            return
        if moment == "started":
            self.begin(stages[0])
        elif moment == "complete":
            self.complete(stages[1])

    def received(self) -> None:
        """Note that a read returned: the latest one ends the exchange."""
        self.last_read = self._monotonic()
        if self.first_byte is None:
            self.first_byte = self.last_read
            self.stage = Phase.BODY

    def finish(self, *, failed: bool) -> None:
        """End the exchange: at its last byte, or now where it failed."""
        self.ended = self._monotonic()
        if not failed and self.last_read is not None:
            self.ended = self.last_read
        elif self.stage in (Phase.RESOLVE, Phase.CONNECT, Phase.TLS):
            self._spent[self.stage] = self.ended - self._began

    @property
    def total_seconds(self) -> float:
        """Seconds from the start of name resolution to the end."""
        return 0.0 if self.ended is None else self.ended - self.started

    @property
    def phases(self) -> Phases:
        """Where the time went. A phase that failed counts up to its failure."""
        processed = self.first_byte or self.ended
        return Phases(
            resolve_seconds=self._spent.get(Phase.RESOLVE),
            connect_seconds=self._spent.get(Phase.CONNECT),
            tls_seconds=self._spent.get(Phase.TLS),
            processing_seconds=_between(self.ready, processed) if self._answering else None,
            transfer_seconds=_between(self.first_byte, self.ended),
        )

    @property
    def _answering(self) -> bool:
        return self.stage in (Phase.ANSWER, Phase.BODY)


def _between(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else end - start
