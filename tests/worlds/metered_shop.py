"""A small real HTTP service that counts its requests as Prometheus expects, and can be degraded."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread

BUCKETS = ("0.1", "0.25", "0.5", "1", "+Inf")


class MeteredShop:
    """Every `fails_every`-th request is answered 500, none at 0. Each says it took 0.2 s.

    A restart forgets the counts, as a process does. `answered` never forgets.
    """

    def __init__(self, service: str) -> None:
        self.service = service
        self.fails_every = 0
        self.answered = 0
        self._lock = Lock()
        self._statuses = {"200": 0}
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
            status = 500 if self.fails_every and self.answered % self.fails_every == 0 else 200
            self._statuses[str(status)] = self._statuses.get(str(status), 0) + 1
        return status

    def restart(self) -> None:
        with self._lock:
            self._statuses = {"200": 0}

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def exposition(self) -> str:
        labels = f'service="{self.service}",method="GET",endpoint="/"'
        with self._lock:
            statuses = dict(self._statuses)
        total = sum(statuses.values())
        counters = [
            f'http_requests_total{{{labels},status_code="{status}"}} {count}'
            for status, count in statuses.items()
        ]
        buckets = [
            f'http_request_duration_seconds_bucket{{{labels},le="{le}"}} '
            f"{0 if le == BUCKETS[0] else total}"
            for le in BUCKETS
        ]
        return "\n".join(
            (
                "# TYPE http_requests_total counter",
                *counters,
                "# TYPE http_request_duration_seconds histogram",
                *buckets,
                f"http_request_duration_seconds_sum{{{labels}}} {0.2 * total}",
                f"http_request_duration_seconds_count{{{labels}}} {total}",
                "",
            )
        )


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
