"""One request and its answer as they were, with nothing read into them yet."""

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

import httpx
from httpcore import NetworkStream

from slo_action import __version__
from slo_action.core.model import Probe
from slo_action.core.text.quoting import quoted
from slo_action.ports import Clock
from slo_action.probing import redirects
from slo_action.probing.assertions import expects_status
from slo_action.probing.body import Received, receive
from slo_action.probing.intermediaries import Headers
from slo_action.probing.timeline import TIMELINE, Timeline
from slo_action.probing.trust import expires_at, expiry_note

OUR_HEADERS = (
    (b"User-Agent", f"slo-verify/{__version__}".encode()),
    (b"Accept", b"*/*"),
    (b"Accept-Encoding", b"identity"),
    (b"Cache-Control", b"no-cache"),
    (b"Connection", b"close"),
)
FRAMING_HEADERS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "accept-encoding"}
)
"""What nobody sets by hand: they frame the request, or what is read of the answer."""
_RESERVED = FRAMING_HEADERS | {"authorization", *(n.decode().lower() for n, _ in OUR_HEADERS)}
"""What a probe's own headers must not be."""
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t -~\xa0-\xff]*")
_NOTHING = Received(b"", 0)


class UnsendableHeaderError(ValueError):
    """A header of a probe's own that is never sent: it would break out of its line, or be ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """What one request led to. `error` is why there is no whole answer, None if there is one.

    `status` is None where not even the headers came; the fields after it mean nothing then.
    """

    url: str
    at: datetime
    timeline: Timeline
    error: Exception | None = None
    status: int | None = None
    http_version: str = ""
    reason: str = ""
    headers: Headers = ()
    received: Received = _NOTHING


class Sender:
    """Sends the requests of one probe over a transport; never raises an Exception."""

    def __init__(
        self, clock: Clock, nonces: Callable[[], str], transport: httpx.BaseTransport
    ) -> None:
        self._clock = clock
        self._nonces = nonces
        self._transport = transport

    def exchanges(self, probe: Probe) -> tuple[Exchange, ...]:
        """Ask once, and again for each redirect that the probe lets us follow; at least one."""
        deadline = self._clock.monotonic() + probe.timeout_seconds
        made = [self._ask(probe.url, probe, deadline)]
        while probe.follows_same_host and len(made) <= redirects.MOST_REDIRECTS:
            target = following(made[-1])
            if target is None or expects_status(probe.assertions, made[-1].status):
                break
            made.append(self._ask(target, probe, deadline))
        return tuple(made)

    def _ask(self, url: str, probe: Probe, deadline: float) -> Exchange:
        return self.send(
            url, lambda: self._request(url, probe), deadline=deadline, limit=probe.body_limit_bytes
        )

    def send(
        self, url: str, make: Callable[[], httpx.Request], *, deadline: float, limit: int
    ) -> Exchange:
        """Send what `make` returns or raises; `url` is what the exchange calls it.

        `deadline` is an instant of the monotonic clock, `limit` bounds the body in bytes.
        """
        at = self._clock.now()
        timeline = Timeline(self._clock.monotonic, deadline)
        try:
            request = make()
            request.extensions[TIMELINE] = timeline
            timeline.restart()
            response = self._transport.handle_request(request)
            return _received(url, at, timeline, response, limit)
        except Exception as error:  # noqa: BLE001 - whatever the target did is a finding
            timeline.finish(failed=True)
            return Exchange(url=url, at=at, timeline=timeline, error=error)

    def _request(self, url: str, probe: Probe) -> httpx.Request:
        headers = list(OUR_HEADERS)
        if probe.authorization is not None:
            headers.append((b"Authorization", probe.authorization.encode("latin-1")))
        headers += sendable(probe.headers, _RESERVED)
        fresh = redirects.with_nonce(redirects.without_nonce(url), self._nonces())
        return httpx.Request("GET", fresh, headers=headers)


def sendable(
    headers: Iterable[tuple[str, str]], reserved: Collection[str]
) -> list[tuple[bytes, bytes]]:
    """Return headers as bytes; `reserved` are names in lower case that they must not have.

    Raises UnsendableHeaderError.
    """
    return [(_name(name, reserved), _value(name, value)) for name, value in headers]


def _name(name: str, reserved: Collection[str]) -> bytes:
    if not _TOKEN.fullmatch(name) or name.lower() in reserved:
        raise UnsendableHeaderError(f"the probe was not sent: {quoted(name)} cannot be its header")
    return name.encode("ascii")


def _value(name: str, value: str) -> bytes:
    if not _VALUE.fullmatch(value) or value != value.strip():
        raise UnsendableHeaderError(
            f"the probe was not sent: the value of its header {quoted(name)} cannot be sent"
        )
    return value.encode("latin-1")


def _received(
    url: str, at: datetime, timeline: Timeline, response: httpx.Response, limit: int
) -> Exchange:
    assert isinstance(response.stream, httpx.SyncByteStream)  # noqa: S101 - a BaseTransport's is
    received = receive(response.stream, limit)
    timeline.finish(failed=received.error is not None)
    extensions = response.extensions
    _remark(timeline, extensions.get("network_stream"), at)
    response.stream.close()
    return Exchange(
        url=url,
        at=at,
        timeline=timeline,
        error=received.error,
        status=response.status_code,
        http_version=extensions.get("http_version", b"HTTP/1.1").decode("ascii", "replace"),
        reason=extensions.get("reason_phrase", b"").decode("latin-1"),
        headers=tuple((k.decode("latin-1"), v.decode("latin-1")) for k, v in response.headers.raw),
        received=received,
    )


def _remark(timeline: Timeline, stream: object, now: datetime) -> None:
    secured = stream.get_extra_info("ssl_object") if isinstance(stream, NetworkStream) else None
    timeline.certificate_expires_at = expires_at(secured) if secured else None
    note = expiry_note(timeline.certificate_expires_at, now)
    if note:
        timeline.notes.append(note)


def following(exchange: Exchange) -> str | None:
    """Return the URL to ask next; None where the answer is no redirect or leads elsewhere."""
    if exchange.status not in redirects.STATUSES:
        return None
    location = next((v for k, v in exchange.headers if k.lower() == "location"), "")
    target = redirects.target_of(exchange.url, location) if location else None
    return target if target and redirects.may_follow(exchange.url, target) else None


def answered(exchange: Exchange) -> bool:
    """Tell whether a status came that says more than how its body ended."""
    if exchange.status is None:
        return False
    return exchange.error is None or exchange.status != HTTPStatus.OK
