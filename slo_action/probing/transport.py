"""One request on one fresh connection, with every wait bounded by what is left of the probe."""

import errno
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import httpcore
import httpx

from slo_action.probing.exchange import TIMELINE, Phase, Timeline
from slo_action.probing.resolve import (
    Address,
    Lookup,
    in_turn,
    literal,
    look_up_within,
    system_lookup,
)
from slo_action.probing.trust import expires_at

OWN_SIDE_ERRNOS = frozenset(
    {
        errno.ENETUNREACH,
        errno.ENETDOWN,
        errno.EADDRNOTAVAIL,
        errno.EAFNOSUPPORT,
        errno.EPERM,
        errno.EACCES,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOBUFS,
        errno.ENOMEM,
    },
)
"""Socket errors that say nothing of the target: this host could not even try."""

_REFUSED = "it leads to a link-local or metadata address, which allow-link-local refuses"


class FreshTransport(httpx.BaseTransport):
    """Sends a request whose extension TIMELINE holds its Timeline, and closes the connection.

    Never reads the environment, so never goes through a proxy. `refuses` is asked about every
    address before it is connected to, None refuses none. Raises the socket's own errors
    (OSError, ssl.SSLError, socket.gaierror, TimeoutError) and httpcore's protocol errors: httpx's
    classes would hide what went wrong.
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
        timeline: Timeline = request.extensions[TIMELINE]
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        context = self._trust() if url.scheme == b"https" else None
        timeline.restart()  # reading our certificates is not the target's time
        addresses = self._resolve(url.origin, timeline)
        connection = httpcore.HTTPConnection(
            url.origin, ssl_context=context, network_backend=_Network(addresses, timeline)
        )
        answer = connection.handle_request(
            httpcore.Request(
                request.method,
                url,
                headers=request.headers.raw,
                content=request.read(),
            )
        )
        return httpx.Response(
            answer.status,
            headers=answer.headers,
            stream=_Body(answer, connection),
            extensions=answer.extensions,
        )

    def _resolve(self, origin: httpcore.Origin, timeline: Timeline) -> tuple[Address, ...]:
        host = origin.host.decode("ascii")
        only = literal(host, origin.port)
        if only:
            self._must_be_allowed(only)
            return (only,)
        with timeline.during(Phase.RESOLVE):
            found = look_up_within(self._lookup, host, origin.port, timeline.remaining())
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "the name has no address")
        timeline.addresses = tuple(f"{one.record} {one.ip}" for one in found)
        self._must_be_allowed(*found)
        return in_turn(found)

    def _must_be_allowed(self, *found: Address) -> None:
        if self._refuses and any(self._refuses(one.ip) for one in found):
            raise PermissionError(errno.EPERM, _REFUSED)


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response, connection: httpcore.HTTPConnection) -> None:
        self._answer = answer
        self._connection = connection

    def __iter__(self) -> Iterator[bytes]:
        yield from self._answer.iter_stream()

    def close(self) -> None:
        self._connection.close()


class _Network(httpcore.NetworkBackend):
    """Connects to the addresses in turn; each gets an equal share of the time that is left."""

    def __init__(self, addresses: Sequence[Address], timeline: Timeline) -> None:
        self._addresses = addresses
        self._timeline = timeline

    def connect_tcp(self, *_resolved: object, **_bounded: object) -> httpcore.NetworkStream:
        with self._timeline.during(Phase.CONNECT):
            return self._connected()

    def _connected(self) -> httpcore.NetworkStream:
        failures: list[OSError] = []
        for left in range(len(self._addresses), 0, -1):
            address = self._addresses[-left]
            try:
                sock = _connected(address, self._timeline.remaining() / left)
            except OSError as error:
                failures.append(error)
                reason = error.strerror or str(error) or type(error).__name__
                then = "; the next address is tried" if left > 1 else ""
                self._timeline.notes.append(f"{address.record} {address.ip}: {reason}{then}")
            else:
                self._timeline.address = address.ip
                return _Stream(sock, self._timeline)
        theirs = [error for error in failures if error.errno not in OWN_SIDE_ERRNOS]
        raise (theirs or failures)[0]  # what the target did before what this host could not do


def _connected(address: Address, seconds: float) -> socket.socket:
    sock = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        sock.settimeout(seconds)
        sock.connect(address.target)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        sock.close()
        raise
    return sock


class _Stream(httpcore.NetworkStream):
    """A socket of which no operation outlives the probe; httpcore's own timeouts are unused."""

    def __init__(self, sock: socket.socket, timeline: Timeline) -> None:
        self._sock = sock
        self._timeline = timeline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        self._sock.settimeout(self._timeline.remaining())
        chunk = self._sock.recv(max_bytes)
        if not chunk and self._timeline.first_byte is None:
            raise ConnectionResetError(errno.ECONNRESET, "closed without an answer")
        self._timeline.received()
        return chunk

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        try:
            while buffer:
                self._sock.settimeout(self._timeline.remaining())
                buffer = buffer[self._sock.send(buffer) :]
        except (BrokenPipeError, ConnectionResetError) as error:
            # httpcore then still reads: some servers answer before they have read the request.
            raise httpcore.WriteError(str(error)) from error

    def close(self) -> None:
        self._sock.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        with self._timeline.during(Phase.TLS):
            try:
                self._sock.settimeout(self._timeline.remaining())
                try:  # Python's ssl loses the socket it wraps, unclosed, where the peer has gone
                    self._sock.getpeername()
                except OSError as error:
                    gone = "closed before the TLS handshake"
                    raise ConnectionResetError(errno.ECONNRESET, gone) from error
                secured = ssl_context.wrap_socket(self._sock, server_hostname=server_hostname)
            except BaseException:
                self.close()
                raise
            if secured.version() is None:  # Python skips the handshake where the peer has gone
                secured.close()
                raise ConnectionResetError(errno.ECONNRESET, "closed before the TLS handshake")
            self._timeline.certificate_expires_at = expires_at(secured)
            return _Stream(secured, self._timeline)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - httpcore's own signature
        if info == "ssl_object" and isinstance(self._sock, ssl.SSLSocket):
            return self._sock
        return self._sock if info == "socket" else None
