"""A server that answers every request after an exact delay, and keeps its own record of when.

It runs in a process of its own (`python -I bench/loopback.py`), has one thread and one select loop,
and reads the clock that every process of the machine shares. It speaks to whoever started it over
stdin and stdout: `next` waits for one answered request and tells its record, `all` tells and
forgets every record so far. It ends when stdin does.
"""

import argparse
import ctypes
import gc
import heapq
import json
import os
import selectors
import socket
import ssl
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from time import perf_counter_ns

_BODY = b'{"status":"ok"}'
_ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: no-store\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(_BODY), _BODY)
)
_STDIN, _STDOUT = 0, 1
_PR_SET_TIMERSLACK = 29


@dataclass(slots=True)
class Record:
    """One connection's instants, in nanoseconds of the shared monotonic clock.

    `at_once` counts the connections that were open when this one came, itself included.
    """

    accepted: int
    at_once: int
    first_byte: int = 0
    asked: int = 0
    answered: int = 0


@dataclass(slots=True)
class Connection:
    """A socket and how far it has come."""

    sock: socket.socket
    record: Record
    secured: bool = False
    got: bytes = b""


@dataclass(slots=True)
class Loop:
    """The server. It uses select(), whose timeout is exact to the microsecond; epoll's is not."""

    listener: socket.socket
    delay: int
    tls: ssl.SSLContext | None
    selector: selectors.SelectSelector = field(default_factory=selectors.SelectSelector)
    waiting: list[tuple[int, int, Connection]] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    count: int = 0
    open: int = 0
    wanted: bool = False

    def run(self) -> None:
        """Serve until stdin ends."""
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.selector.register(_STDIN, selectors.EVENT_READ)
        while True:
            for key, _ in self.selector.select(self._timeout()):
                if key.fileobj is self.listener:
                    self._accept()
                elif key.fileobj == _STDIN:
                    if not self._command(os.read(_STDIN, 4096)):
                        return
                else:
                    self._advance(key.data)
            self._answer_due()
            if self.wanted and self.records:
                self.wanted = False
                _tell([self.records[0]])

    def _timeout(self) -> float | None:
        return (self.waiting[0][0] - perf_counter_ns()) / 1e9 if self.waiting else None

    def _command(self, text: bytes) -> bool:
        for word in text.split():
            if word == b"next":
                self.wanted = True
            else:
                _tell(self.records)
                self.records = []
        return bool(text)

    def _accept(self) -> None:
        sock, _ = self.listener.accept()
        now = perf_counter_ns()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.open += 1
        if self.tls:
            sock = self.tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        connection = Connection(sock, Record(now, self.open), secured=self.tls is None)
        self.selector.register(sock, selectors.EVENT_READ, connection)

    def _advance(self, connection: Connection) -> None:
        """Read what there is; a whole request is answered when its delay is over."""
        try:
            if isinstance(connection.sock, ssl.SSLSocket) and not connection.secured:
                connection.sock.do_handshake()
                connection.secured = True
            chunk = connection.sock.recv(65536)
        except (ssl.SSLWantReadError, BlockingIOError):
            return
        except OSError:
            chunk = b""
        now = perf_counter_ns()
        record = connection.record
        record.first_byte = record.first_byte or now
        connection.got += chunk
        if not chunk:
            self._close(connection)
        elif connection.got.endswith(b"\r\n\r\n"):
            record.asked = now
            self.selector.unregister(connection.sock)
            self.count += 1
            heapq.heappush(self.waiting, (now + self.delay, self.count, connection))

    def _answer_due(self) -> None:
        while self.waiting and self.waiting[0][0] <= perf_counter_ns():
            connection = heapq.heappop(self.waiting)[2]
            connection.record.answered = perf_counter_ns()  # sending may already wake the asker
            with suppress(OSError):
                connection.sock.sendall(_ANSWER)
            self.records.append(connection.record)
            self._close(connection)

    def _close(self, connection: Connection) -> None:
        with suppress(KeyError, ValueError):
            self.selector.unregister(connection.sock)
        connection.sock.close()
        self.open -= 1


def _tell(records: list[Record]) -> None:
    os.write(_STDOUT, json.dumps([asdict(record) for record in records]).encode() + b"\n")


def _wake_exactly() -> None:
    """Let the kernel wake this process to the nanosecond, not up to 50 microseconds later."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--delay-ms", type=float, default=20.0)
    parser.add_argument("--certificate", help="PEM file with key and chain; without it, no TLS")
    options = parser.parse_args()
    context = None
    if options.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.certificate)
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    listener.setblocking(False)
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    _wake_exactly()
    gc.collect()
    gc.disable()
    Loop(listener, round(options.delay_ms * 1e6), context).run()


if __name__ == "__main__":
    main()
