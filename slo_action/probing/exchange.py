"""One request and its answer as they were, with nothing read into them yet."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum

from slo_action.core.model import Phases

Headers = tuple[tuple[str, str], ...]

TIMELINE = "slo_verify.timeline"
"""The request extension under which a transport finds the exchange's ExchangeTimeline."""
OPTIONS = "slo_verify.options"
"""The one of the RequestOptions that say over which connection it is sent."""


def media_type(headers: Headers) -> str:
    """Return what kind of body an answer says it has, in lower case; empty where it does not."""
    named = next((value for key, value in headers if key.lower() == "content-type"), "")
    return named.partition(";")[0].strip().lower()


class Phase(StrEnum):
    """How far an exchange has come, as part of a sentence."""

    RESOLVE = "resolving the name"
    CONNECT = "connecting"
    TLS = "the TLS handshake"
    ANSWER = "waiting for the answer"
    BODY = "reading the answer"


class ExchangeTimeline:
    """The instants of one exchange, in seconds of the injected monotonic clock.

    It changes while the exchange goes on and is read when it is over. `finish()` is called once.
    `phase` is None before the first one began.
    """

    def __init__(self, monotonic: Callable[[], float], deadline: float) -> None:
        self._monotonic = monotonic
        self._spent: dict[Phase, float] = {}
        self._last_read: float | None = None
        self._connected: float | None = None
        self.deadline = deadline
        self.phase: Phase | None = None
        self.address: str | None = None
        self.addresses: tuple[str, ...] = ()
        self.failed_addresses: list[str] = []
        self.fallback_seconds = 0.0
        self.certificate_expires_at: datetime | None = None
        self.notes: list[str] = []
        self.first_byte: float | None = None
        self.started = self.ended = monotonic()

    def remaining(self) -> float:
        """Return the seconds left, always positive; raises TimeoutError when none are."""
        left = self.deadline - self._monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def restart(self) -> None:
        """Count from now: building the request is not the target's time."""
        self.started = self._monotonic()

    @contextmanager
    def during(self, phase: Phase) -> Iterator[None]:
        """Count what happens within as a phase of its own, up to its end or its failure."""
        self.phase = phase
        began = self._monotonic()
        try:
            yield
        finally:
            now = self._monotonic()
            self._spent[phase] = self._spent.get(phase, 0.0) + now - began
        if phase is not Phase.RESOLVE:
            self.phase, self._connected = Phase.ANSWER, now

    def used(self, address: str, after_seconds: float) -> None:
        """Note the address that answered, and how long others had been waited for before it."""
        self.address = address
        self.fallback_seconds = after_seconds

    def now(self) -> float:
        """Return the clock's instant."""
        return self._monotonic()

    def received(self) -> None:
        """Note that a read returned: the latest one ends the exchange."""
        self._last_read = self._monotonic()
        if self.first_byte is None:
            self.first_byte = self._last_read
            self.phase = Phase.BODY

    def finish(self, *, failed: bool) -> None:
        """End the exchange: at its last byte, or now where it failed."""
        whole = None if failed else self._last_read
        self.ended = self._monotonic() if whole is None else whole

    @property
    def total_seconds(self) -> float:
        """Seconds from the start of name resolution to the end."""
        return self.ended - self.started

    @property
    def service_seconds(self) -> float:
        """The part of the total that is the service's and its network's."""
        return self.total_seconds - self.fallback_seconds - self.observer_seconds

    @property
    def observer_seconds(self) -> float:
        """Seconds in no phase, when this host was busy with something else than the exchange."""
        if self.phase is None:
            return 0.0
        phases = (getattr(self.phases, field.name) or 0.0 for field in fields(Phases))
        return max(0.0, self.total_seconds - self.fallback_seconds - sum(phases))

    @property
    def phases(self) -> Phases:
        """Where the time went. A phase that failed counts up to its failure.

        Connecting does not count the time that was spent on addresses that did not answer.
        """
        connecting = self._spent.get(Phase.CONNECT)
        processing = None
        if self._connected is not None and self.phase in (Phase.ANSWER, Phase.BODY):
            processing = (self.first_byte or self.ended) - self._connected
        return Phases(
            resolve_seconds=self._spent.get(Phase.RESOLVE),
            connect_seconds=None if connecting is None else connecting - self.fallback_seconds,
            tls_seconds=self._spent.get(Phase.TLS),
            processing_seconds=processing,
            transfer_seconds=None if self.first_byte is None else self.ended - self.first_byte,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """What one request led to. `error` is why there is no whole answer, None if there is one.

    `status` is None where not even the headers came; the fields after it mean nothing then.
    `content` holds at most the asked limit of the `size` bytes that were received.
    `refused_query` is the status that the same request got with our query, where it was asked again
    without it.
    """

    url: str
    at: datetime
    timeline: ExchangeTimeline
    error: Exception | None = None
    status: int | None = None
    http_version: str = ""
    reason: str = ""
    headers: Headers = ()
    content: bytes = b""
    size: int = 0
    refused_query: int | None = None

    @property
    def is_cut(self) -> bool:
        """True where the body was longer than the limit."""
        return self.size > len(self.content)
