"""Sends requests, one fresh connection each, and keeps what came back as it was."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from http import HTTPStatus

import httpx

from slo_action import __version__
from slo_action.core.journey.journeys import Assertion
from slo_action.core.model import Probe
from slo_action.core.text.quoting import quoted
from slo_action.ports import Clock
from slo_action.probing import redirects
from slo_action.probing.assertions import expects_status
from slo_action.probing.exchange import OPTIONS, TIMELINE, Exchange, ExchangeTimeline, Headers

_OUR_HEADERS = (
    (b"User-Agent", f"slo-verify/{__version__}".encode()),
    (b"Accept", b"*/*"),
    (b"Accept-Encoding", b"identity"),
    (b"Cache-Control", b"no-cache"),
    (b"Connection", b"close"),
)
FRAMING_HEADERS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "accept-encoding"}
)
"""Never set by hand: they frame the request, or what is read of the answer."""
_RESERVED = FRAMING_HEADERS | {"authorization", *(n.decode().lower() for n, _ in _OUR_HEADERS)}
"""What a platform's headers, such as those that reach a machine, must not be either."""
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t -~\xa0-\xff]*")
_OF_BODIES = frozenset({"content-type", "content-encoding", "content-language"})
_MOVED = frozenset({HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.FOUND})


class UnsendableHeaderError(ValueError):
    """A header of a probe's own that is never sent: it would break out of its line, or be ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A request as it is meant; whether it can be sent shows when it is made."""

    url: str
    method: str = "GET"
    headers: Headers = ()
    content: bytes = b""


class Sender:
    """Sends requests over a transport; never raises an Exception."""

    def __init__(self, clock: Clock, transport: httpx.BaseTransport) -> None:
        self._clock = clock
        self._transport = transport

    def send(
        self,
        one: Outgoing,
        make: Callable[[Outgoing], httpx.Request],
        *,
        deadline: float,
        limit: int,
        assertions: Iterable[Assertion],
        redirects_followed: int = redirects.MOST_REDIRECTS,
    ) -> Iterator[Exchange]:
        """Send what `make` returns or raises, and what redirects on the same host lead to.

        `deadline` is an instant of the monotonic clock, `limit` bounds the body in bytes. A
        redirect that the assertions demand is not followed.
        """
        exchange = self._exchange(one, make, deadline, limit)
        yield exchange
        for _ in range(redirects_followed):
            target = following(exchange)
            if target is None or expects_status(assertions, exchange.status):
                return
            one = _redirected(one, exchange.status, target)
            exchange = self._exchange(one, make, deadline, limit)
            yield exchange

    def _exchange(
        self, one: Outgoing, make: Callable[[Outgoing], httpx.Request], deadline: float, limit: int
    ) -> Exchange:
        at = self._clock.now()
        timeline = ExchangeTimeline(self._clock.monotonic, deadline)
        try:
            request = make(one)
            request.extensions[TIMELINE] = timeline
            timeline.restart()
            response = self._transport.handle_request(request)
        except Exception as error:  # noqa: BLE001 - whatever the target did is a finding
            timeline.finish(failed=True)
            return Exchange(url=one.url, at=at, timeline=timeline, error=error)
        content, size, failure = _receive(response, limit)
        timeline.finish(failed=failure is not None)
        response.close()
        return Exchange(
            url=one.url,
            at=at,
            timeline=timeline,
            error=failure,
            status=response.status_code,
            http_version=response.http_version,
            reason=response.extensions.get("reason_phrase", b"").decode("latin-1"),
            headers=tuple(
                (k.decode("latin-1"), v.decode("latin-1")) for k, v in response.headers.raw
            ),
            content=content,
            size=size,
        )


def _receive(response: httpx.Response, limit: int) -> tuple[bytes, int, Exception | None]:
    """Return at most `limit` bytes of the body, how many were read, and what ended it early.

    An error keeps what came before it.
    """
    assert isinstance(response.stream, httpx.SyncByteStream)  # noqa: S101 - a BaseTransport's is
    content = bytearray()
    failure = None
    try:
        for chunk in response.stream:
            content += chunk
            if len(content) > limit:
                break
    except Exception as error:  # noqa: BLE001 - whatever the network did is a finding
        failure = error
    return bytes(content[:limit]), len(content), failure


def request_of(one: Outgoing, probe: Probe, cookie: str = "") -> httpx.Request:
    """Return the request itself; its own headers come before the probe's, and those before ours.

    Another server than the probe's gets neither credentials nor headers nor certificate of the
    probe. Raises UnsendableHeaderError, and ValueError for a URL that is none.
    """
    options, headers = probe.request.of_connection, list(_OUR_HEADERS)
    if redirects.may_follow(probe.url, one.url):
        options = probe.request
        if probe.authorization is not None:
            headers.append(_sendable("Authorization", probe.authorization))
        headers = _over([_sendable(*pair) for pair in options.headers], headers)
        headers += [_sendable(*pair, reserved=_RESERVED) for pair in probe.headers]
    if cookie:
        headers = _over([(b"Cookie", cookie.encode("latin-1"))], headers)
    headers = _over([_sendable(*pair) for pair in one.headers], headers)
    request = httpx.Request(one.method, one.url, headers=headers, content=one.content or None)
    request.extensions[OPTIONS] = options
    return request


_Header = tuple[bytes, bytes]


def _over(headers: list[_Header], below: list[_Header]) -> list[_Header]:
    names = {name.lower() for name, _ in headers}
    return [*(pair for pair in below if pair[0].lower() not in names), *headers]


def _sendable(name: str, value: str, reserved: Collection[str] = FRAMING_HEADERS) -> _Header:
    if not _TOKEN.fullmatch(name) or name.lower() in reserved:
        raise UnsendableHeaderError(f"the probe was not sent: {quoted(name)} cannot be its header")
    if not _VALUE.fullmatch(value) or value != value.strip():
        raise UnsendableHeaderError(
            f"the probe was not sent: the value of its header {quoted(name)} cannot be sent"
        )
    return name.encode("ascii"), value.encode("latin-1")


def following(exchange: Exchange) -> str | None:
    """Return the URL to ask next; None where the answer is no redirect or leads elsewhere."""
    if exchange.status not in redirects.STATUSES:
        return None
    location = next((v for k, v in exchange.headers if k.lower() == "location"), "")
    target = redirects.target_of(exchange.url, location) if location else None
    return target if target and redirects.may_follow(exchange.url, target) else None


def _redirected(one: Outgoing, status: int | None, target: str) -> Outgoing:
    """Return the request that follows a redirect, as browsers make it.

    After 303, and after 301 and 302 to a POST, it is a GET without a body (WHATWG Fetch, 4.4).
    """
    other = status == HTTPStatus.SEE_OTHER and one.method not in ("GET", "HEAD")
    moved = status in _MOVED and one.method == "POST"
    if not (other or moved):
        return replace(one, url=target)
    kept = tuple(pair for pair in one.headers if pair[0].lower() not in _OF_BODIES)
    return Outgoing(url=target, headers=kept)
