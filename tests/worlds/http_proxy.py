"""A plain HTTP proxy on loopback: CONNECT, and whole URLs."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.worlds.raw_server import Connection, RawServer, serving


@contextmanager
def proxying(refusal: str = "") -> Iterator[RawServer]:
    """Serve as a proxy that connects where it is asked to, or answers `refusal` to all."""

    def behave(connection: Connection) -> None:
        request = connection.request()
        if not request:
            return
        server.requests.append(request)
        if refusal:
            connection.answer(status=refusal)
            return
        method, target = request.split()[:2]
        place = target.removeprefix(b"http://").partition(b"/")[0].decode()
        host, _, port = place.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=10) as upstream:
            if method == b"CONNECT":
                connection.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=_pump, args=(connection.sock, upstream), daemon=True)
                back.start()
            else:
                upstream.sendall(request)
            _pump(upstream, connection.sock)

    with serving(behave, reads=False) as server:
        yield server


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(65536):
            sink.sendall(chunk)
        sink.shutdown(socket.SHUT_WR)
