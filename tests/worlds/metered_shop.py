"""A small real HTTP service that counts its requests as Prometheus expects, and can be degraded."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread

from tests.worlds.exporters import Names


class MeteredShop:
    """Every `fails_every`-th request is answered 500, none at 0. Each says it took 0.2 s.

    A restart forgets the counts, as a process does. `answered` never forgets.
    """

    def __init__(self, service: str, names: Names | None = None) -> None:
        self.service = service
        self._names = names or Names()
        self.fails_every = 0
        self.answered = 0
        self._lock = Lock()
        self._successes = self._errors = 0
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/metrics":
                    self._send(200, shop.exposition().encode())
                else:
                    self._send(shop.serve(), b"hello\n")

            def _send(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def serve(self) -> int:
        with self._lock:
            self.answered += 1
            fails = bool(self.fails_every) and self.answered % self.fails_every == 0
            self._errors += fails
            self._successes += not fails
        return 500 if fails else 200

    def restart(self) -> None:
        with self._lock:
            self._successes = self._errors = 0

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def exposition(self) -> str:
        with self._lock:
            values = self._names.exposition(self.service, self._successes, self._errors)
        lines = []
        for (name, labels), value in values.items():
            inner = ",".join(f'{label}="{text}"' for label, text in labels)
            lines.append(f"{name}{{{inner}}} {value}\n")
        return "".join(lines)


@contextmanager
def customers(shop: MeteredShop, per_second: float = 50.0) -> Iterator[None]:
    """Send real requests in the background."""
    gone = Event()

    def shopping() -> None:
        while not gone.wait(1 / per_second):
            connection = HTTPConnection("127.0.0.1", shop.port, timeout=5)
            try:
                connection.request("GET", "/")
                connection.getresponse().read()
            except OSError:
                pass
            finally:
                connection.close()

    thread = Thread(target=shopping, daemon=True)
    thread.start()
    try:
        yield
    finally:
        gone.set()
        thread.join()
