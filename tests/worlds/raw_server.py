"""A loopback server that sends exactly the bytes a test wants, as slowly as it wants."""

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count

Behaviour = Callable[["Connection"], None]


@dataclass
class Connection:
    """The server's end of one connection. `closing` is set when the test is over."""

    sock: socket.socket
    closing: threading.Event
    path: str = ""

    def request(self) -> bytes:
        """Read up to the end of the request's headers."""
        read = b""
        while b"\r\n\r\n" not in read and (chunk := self.sock.recv(65536)):
            read += chunk
        self.path = b"".join(read.split()[1:2]).decode("latin-1").partition("?")[0]
        return read

    def send(self, text: bytes) -> None:
        self.sock.sendall(text)

    def answer(self, body: bytes = b"", *, status: str = "200 OK", headers: bytes = b"") -> None:
        length = b"Content-Length: %d\r\n" % len(body)
        self.send(b"HTTP/1.1 " + status.encode() + b"\r\n" + length + headers + b"\r\n" + body)

    def trickle(self, text: bytes, every: float = 0.02) -> None:
        """Send the text byte by byte, again and again, until the other side has gone."""
        for position in count():
            if self.closing.wait(every):
                return
            self.send(text[position % len(text) : position % len(text) + 1])

    def hold(self) -> None:
        """Send nothing more until the test is over."""
        self.closing.wait(10)

    def reset(self) -> None:
        """Close with a RST instead of a FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


@dataclass
class RawServer:
    """Where it listens and the requests it has read."""

    port: int
    requests: list[bytes] = field(default_factory=list)

    def url(self, host: str = "127.0.0.1", scheme: str = "http", path: str = "/health") -> str:
        return f"{scheme}://{host}:{self.port}{path}"


@contextmanager
def serving(
    behaviour: Behaviour, *, reads: bool = True, tls: ssl.SSLContext | None = None
) -> Iterator[RawServer]:
    """Run `behaviour` on every connection, after the request where `reads`."""
    closing = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = RawServer(listener.getsockname()[1])

        def converse(sock: socket.socket) -> None:
            with suppress(OSError), sock:
                secured = tls.wrap_socket(sock, server_side=True) if tls else sock
                with secured:
                    connection = Connection(secured, closing)
                    if reads and (request := connection.request()):
                        server.requests.append(request)
                    behaviour(connection)

        def accept() -> None:
            while not closing.is_set():
                try:
                    sock, _ = listener.accept()
                except OSError:
                    return
                sock.settimeout(10)
                threading.Thread(target=converse, args=(sock,), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            closing.set()
            with suppress(OSError), socket.create_connection(listener.getsockname()):
                thread.join()


def closed_port() -> int:
    """Return a port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
