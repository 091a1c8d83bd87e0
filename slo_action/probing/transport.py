"""One request on one fresh connection, with every wait bounded by what is left of the probe."""

import errno
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import suppress

import httpx

from slo_action.probing.connect import connected
from slo_action.probing.exchange import TIMELINE, ExchangeTimeline, Phase
from slo_action.probing.http1 import AnswerReader
from slo_action.probing.resolve import (
    Address,
    Lookup,
    in_turn,
    literal,
    look_up_within,
    system_lookup,
)
from slo_action.probing.trust import expires_at

_REFUSED = "it leads to a link-local or metadata address, which allow-link-local refuses"
_PORTS = {"http": 80, "https": 443}


class FreshTransport(httpx.BaseTransport):
    """Sends a request whose extension TIMELINE holds its timeline, and closes the connection.

    Never reads the environment, so never goes through a proxy. `refuses` is asked about every
    address before it is connected to, None refuses none. Raises the socket's own errors
    (OSError, ssl.SSLError, socket.gaierror, TimeoutError) and those of `http1`.
    """

    def __init__(
        self,
        trust: Callable[[], ssl.SSLContext],
        *,
        lookup: Lookup = system_lookup,
        refuses: Callable[[str], bool] | None = None,
    ) -> None:
        self._trust = trust
        self._lookup = lookup
        self._refuses = refuses

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request`; the answer's stream stays bound to the same deadline."""
        timeline: ExchangeTimeline = request.extensions[TIMELINE]
        url = request.url
        host = url.raw_host.decode("ascii")
        context = self._trust() if url.scheme == "https" else None
        timeline.restart()  # reading our certificates is not the target's time
        addresses = self._resolve(host, url.port or _PORTS[url.scheme], timeline)
        stream = _Stream(connected(addresses, timeline), timeline)
        try:
            if context:
                stream.secure(context, host)
            stream.write(_written(request))
            reader = AnswerReader(stream.read)
            head = reader.head()
            chunks = reader.body(head, request.method, timeline.notes.append)
        except BaseException:
            stream.close()
            raise
        timeline.notes += head.notes
        return httpx.Response(
            head.status,
            headers=list(head.headers),
            stream=_Body(chunks, stream),
            extensions={
                "http_version": head.http_version.encode(),
                "reason_phrase": head.reason,
            },
        )

    def _resolve(self, host: str, port: int, timeline: ExchangeTimeline) -> tuple[Address, ...]:
        only = literal(host, port)
        if only:
            self._must_be_allowed(only)
            return (only,)
        with timeline.during(Phase.RESOLVE):
            found = look_up_within(self._lookup, host, port, timeline.remaining())
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "the name has no address")
        timeline.addresses = tuple(map(str, found))
        self._must_be_allowed(*found)
        return in_turn(found)

    def _must_be_allowed(self, *found: Address) -> None:
        if self._refuses and any(self._refuses(one.ip) for one in found):
            raise PermissionError(errno.EPERM, _REFUSED)


def _written(request: httpx.Request) -> bytes:
    first = b"%s %s HTTP/1.1\r\n" % (request.method.encode("ascii"), request.url.raw_path)
    lines = b"".join(b"%s: %s\r\n" % pair for pair in request.headers.raw)
    return first + lines + b"\r\n" + request.read()


class _Body(httpx.SyncByteStream):
    def __init__(self, chunks: Iterator[bytes], stream: "_Stream") -> None:
        self._chunks = chunks
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks

    def close(self) -> None:
        self._stream.close()


class _Stream:
    """A socket of which no operation outlives the probe."""

    def __init__(self, sock: socket.socket, timeline: ExchangeTimeline) -> None:
        self._sock = sock
        self._timeline = timeline

    def read(self, most: int) -> bytes:
        """Return some bytes, none at the end, with or without TLS's own goodbye."""
        self._sock.settimeout(self._timeline.remaining())
        chunk = self._sock.recv(most)
        if not chunk and self._timeline.first_byte is None:
            raise ConnectionResetError(errno.ECONNRESET, "closed without an answer")
        self._timeline.received()
        return chunk

    def write(self, content: bytes) -> None:
        """Send all of it, or as much as the server takes: some answer before they have read it."""
        with suppress(BrokenPipeError, ConnectionResetError, ssl.SSLError):
            while content:
                self._sock.settimeout(self._timeline.remaining())
                content = content[self._sock.send(content) :]

    def secure(self, context: ssl.SSLContext, host: str) -> None:
        """Shake hands, and note when the server's certificate ends."""
        with self._timeline.during(Phase.TLS):
            self._sock.settimeout(self._timeline.remaining())
            gone = ConnectionResetError(errno.ECONNRESET, "closed before the TLS handshake")
            try:  # Python's ssl loses the socket it wraps, unclosed, where the peer has gone before
                self._sock.getpeername()
            except OSError as error:
                raise gone from error
            secured = context.wrap_socket(self._sock, server_hostname=host)
            self._sock = secured
            if secured.version() is None:  # Python skips the handshake where the peer has gone
                raise gone
            self._timeline.certificate_expires_at = expires_at(secured)

    def close(self) -> None:
        """Close the connection."""
        self._sock.close()
