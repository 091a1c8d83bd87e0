"""The world on one loopback port, in real time: APIs, registry, edge, and a door for its maker."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

from slo_action.system.clock import SystemClock
from tests.worlds.fly.call import Held
from tests.worlds.fly.control_api import is_control, made
from tests.worlds.fly.edge import FORCE_HEADER
from tests.worlds.fly.refusal import RefusalError, refused
from tests.worlds.fly.world import FlyWorld

_POLL_SECONDS = 0.05


class RealTime:
    """The system's clock, as the world wants one: advancing it means waiting."""

    def __init__(self) -> None:
        self._clock = SystemClock()

    def now(self) -> datetime:
        return self._clock.now()

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def advance(self, seconds: float) -> None:
        self._clock.sleep_until(self._clock.monotonic() + seconds)


class LoopbackFly:
    """Answers HTTP requests; one at a time is thought about, many may wait."""

    def __init__(self, world: FlyWorld, clock: RealTime) -> None:
        self._world = world
        self._clock = clock
        self._lock = threading.Lock()

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer a request and take the time it takes. Raises what a fault wants raised."""
        if is_control(request):
            with self._lock:
                return self._told(request)
        if self._world.apis.is_ours(request):
            return self._of_platform(request)
        return self._of_edge(request)

    def _told(self, request: httpx.Request) -> httpx.Response:
        try:
            return made(self._world, request)
        except RefusalError as refusal:
            return refused(refusal)

    def _of_platform(self, request: httpx.Request) -> httpx.Response:
        self._clock.advance(self._world.latencies.of(self._world.apis.action(request)))
        with self._lock:
            self._world.catch_up()
            answer = self._world.apis.answer(request)
        while isinstance(answer, Held):
            with self._lock:
                self._world.catch_up()
                response = answer.ready()
                if response is None and self._world.now >= answer.until:
                    response = answer.late()
            if response is not None:
                return response
            self._clock.advance(_POLL_SECONDS)
        return answer

    def _of_edge(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            self._world.catch_up()
            forced = str(request.headers.get(FORCE_HEADER, ""))
            served = self._world.edge.serve(request.url.path, forced)
        self._clock.advance(served.seconds)
        headers = [*served.headers, ("Cache-Control", "no-store")]
        return httpx.Response(served.status, headers=headers, content=served.body.encode())


@contextmanager
def served(world: FlyWorld, clock: RealTime, port: int = 0) -> Iterator[str]:
    """Serve a world on 127.0.0.1 and yield its address; port 0 is any free one."""
    server = ThreadingHTTPServer(("127.0.0.1", port), _handler(LoopbackFly(world, clock)))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(fly: LoopbackFly) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _answer(self) -> None:
            length = int(self.headers.get("content-length", "0"))
            request = httpx.Request(
                self.command,
                f"http://127.0.0.1{self.path}",
                headers=list(self.headers.items()),
                content=self.rfile.read(length),
            )
            try:
                self._send(fly.answer(request))
            except Exception:  # noqa: BLE001 - a fault of the world: the connection breaks
                self.close_connection = True

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _answer  # noqa: N815 - the names http.server looks for

        def _send(self, response: httpx.Response) -> None:
            body = response.read()
            self.send_response(response.status_code)
            for name, value in response.headers.items():
                if name.lower() != "content-length":
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Stay silent: the world keeps its own record."""

    return Handler
