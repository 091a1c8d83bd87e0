"""A loopback server that plays a simulated deployment's /healthz in real time, at a scale."""

import json
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import inf
from random import Random
from threading import Event, Lock, Thread
from time import perf_counter, sleep

from bench.verdicts.pieces import Always, Spans
from bench.verdicts.service import Service
from bench.verdicts.world import Reply

LONGEST = 60.0
_PAGE = b"<html><title>Sign in</title></html>"


class Stage(ThreadingHTTPServer):
    """Answers what `service` answers now. A second of it takes `scale` real seconds."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, service: Service, scale: float) -> None:
        super().__init__(("127.0.0.1", 0), _Player, bind_and_activate=False)
        self.server_bind()  # bound and not yet listening: connections are refused
        self.service = service
        self.scale = scale
        self.start = perf_counter()
        self.url = f"http://127.0.0.1:{self.server_port}"
        self._rng = Random(0)  # noqa: S311
        self._lock = Lock()

    def now(self) -> float:
        """Return the seconds since the deploy, in the deployment's own time."""
        return (perf_counter() - self.start) / self.scale

    def reply(self) -> Reply:
        """Ask the simulated service."""
        with self._lock:
            return self.service.request(self.now(), "health", self._rng)


class _Player(BaseHTTPRequestHandler):
    server: Stage

    def do_GET(self) -> None:
        """Play one reply; any other path is where a redirect leads."""
        if self.path == "/good":
            self._answer(200, _json("healthy"))
            return
        if self.path == "/login":
            self._answer(200, _PAGE)
            return
        reply = self.server.reply()
        sleep(min(reply.seconds, LONGEST) * self.server.scale)
        if reply.status is None:
            self._reset()
        else:
            self._answer(reply.status, _body(reply), reply.location)

    def _answer(self, status: int, body: bytes, location: str = "") -> None:
        self.send_response(status)
        if location:
            self.send_header("Location", "/healthz" if location == "loop" else f"/{location}")
        self.send_header("Content-Length", str(len(body)))
        with suppress(ConnectionError):  # whoever asked lost patience
            self.end_headers()
            self.wfile.write(body)

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def played(service: Service, scale: float) -> Iterator[Stage]:
    """Play a deployment from now on; its doors are shut while all connections are refused."""
    stage, over = Stage(service, scale), Event()
    keeper = Thread(target=_keep_doors, args=(stage, over), daemon=True)
    keeper.start()
    try:
        yield stage
    finally:
        over.set()
        keeper.join()


def _keep_doors(stage: Stage, over: Event) -> None:
    """Listen from the first to the last instant at which connections are not refused."""
    opens, closes = _doors(stage.service)
    if not _waited(stage, over, opens):
        stage.server_activate()
        server = Thread(target=stage.serve_forever, args=(0.02,), daemon=True)
        server.start()
        _waited(stage, over, closes)
        stage.shutdown()
    stage.server_close()


def _waited(stage: Stage, over: Event, until: float) -> bool:
    """Wait until an instant of the deployment; True if all is over before."""
    left = (until - stage.now()) * stage.scale
    return over.wait(None if left == inf else max(0.0, left))


def _doors(service: Service) -> tuple[float, float]:
    """Return when the doors open and close, from the plan's one stretch of refusals."""
    opens, closes = 0.0, inf
    for fault in service.plan.faults:
        if fault.kind != "refused":
            continue
        if isinstance(fault.when, Always):
            opens = inf
        elif isinstance(fault.when, Spans):
            ((start, end),) = fault.when.spans
            opens, closes = (end, inf) if start == 0 else (0.0, start)
    return opens, closes


def _body(reply: Reply) -> bytes:
    return _PAGE if reply.body == "maintenance" else _json(reply.body)


def _json(status: str) -> bytes:
    return json.dumps({"status": status}).encode()
