"""One request on one fresh connection, with every wait bounded by what is left of the probe."""

import errno
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

import httpx

from slo_action.core.request_options import DEFAULT_OPTIONS, RequestOptions
from slo_action.probing.connect import connected
from slo_action.probing.exchange import OPTIONS, TIMELINE, ExchangeTimeline, Phase
from slo_action.probing.http1 import AnswerReader
from slo_action.probing.proxy import Proxy, ProxyError
from slo_action.probing.resolve import (
    Address,
    Lookup,
    in_turn,
    literal,
    look_up_within,
    system_lookup,
)
from slo_action.probing.trust import context_of, expires_at, has_certificates

_REFUSED = "it leads to a link-local or metadata address, which allow-link-local refuses"
_PORTS = {"http": 80, "https": 443}
_LONGEST_TUNNEL_HEAD = 16 * 1024


class FreshTransport(httpx.BaseTransport):
    """Sends a request whose extension TIMELINE holds its timeline, and closes the connection.

    The extension OPTIONS may say where to connect to, by which proxy, and with which certificates;
    the environment is never read. `refuses` is asked about every address before it is connected to,
    None refuses none. Raises the socket's own errors (OSError, ssl.SSLError, socket.gaierror,
    TimeoutError), those of `http1`, and ProxyError.
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
        options: RequestOptions = request.extensions.get(OPTIONS, DEFAULT_OPTIONS)
        url = request.url
        host = url.raw_host.decode("ascii")
        context = None
        if url.scheme == "https":
            context = context_of(options) if has_certificates(options) else self._trust()
        timeline.restart()  # reading our certificates is not the target's time
        hosts, port = options.destination(host, url.port or _PORTS[url.scheme])
        proxy = Proxy(options.proxy, hosts[0], port) if options.proxy else None
        stream = _Stream(self._connected(proxy, hosts, port, timeline), timeline)
        try:
            if context:
                if proxy:
                    stream.tunnel(proxy)
                stream.secure(context, host)
            stream.write(_written(request, proxy if context is None else None))
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

    def _connected(
        self, proxy: Proxy | None, hosts: Sequence[str], port: int, timeline: ExchangeTimeline
    ) -> socket.socket:
        if proxy is None:
            found = tuple(one for host in hosts for one in self._resolve(host, port, timeline))
            return connected(found, timeline)
        try:
            return connected(self._resolve(proxy.host, proxy.port, timeline), timeline)
        except OSError as error:
            raise ProxyError(error.strerror or "no answer in time") from None

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


def _written(request: httpx.Request, proxy: Proxy | None) -> bytes:
    """A proxy is given the whole URL."""
    target, more = request.url.raw_path, b""
    if proxy:
        target, more = f"http://{proxy.target}".encode() + target, proxy.authorization
    first = b"%s %s HTTP/1.1\r\n" % (request.method.encode("ascii"), target)
    lines = b"".join(b"%s: %s\r\n" % pair for pair in request.headers.raw)
    return first + lines + more + b"\r\n" + request.read()


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

    def tunnel(self, proxy: Proxy) -> None:
        """Ask a proxy for a connection to the server. Raises ProxyError where it refuses."""
        with self._timeline.during(Phase.CONNECT):
            self.write(proxy.connect)
            head = b""
            while b"\r\n\r\n" not in head and len(head) < _LONGEST_TUNNEL_HEAD:
                self._sock.settimeout(self._timeline.remaining())
                chunk = self._sock.recv(_LONGEST_TUNNEL_HEAD)
                if not chunk:
                    break
                head += chunk
            status = head.partition(b"\r\n")[0].split(b" ")[1:2]
            if status != [b"200"]:
                raise ProxyError.of(b"".join(status))

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
