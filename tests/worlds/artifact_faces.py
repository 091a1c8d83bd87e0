"""Two ways to talk to an artifact world: through httpx without a network, and over loopback."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol

import httpx

from tests.worlds.artifact_http import Asked, ConnectionLostError, Reply
from tests.worlds.virtual_clock import VirtualClock


class World(Protocol):
    """An artifact world; `origin` is where its blobs are, as the client must address them."""

    origin: str

    def serve(self, asked: Asked) -> Reply: ...


def httpx_face(world: World, clock: VirtualClock) -> httpx.MockTransport:
    """A late answer advances the virtual clock, up to the client's own read timeout."""

    def answer(request: httpx.Request) -> httpx.Response:
        try:
            reply = world.serve(_asked(request))
        except ConnectionLostError as error:
            raise httpx.RemoteProtocolError("lost", request=request) from error
        patience = request.extensions["timeout"]["read"]
        clock.advance(min(reply.delay_seconds, patience))
        if reply.delay_seconds > patience:
            raise httpx.ReadTimeout("late", request=request)
        return httpx.Response(reply.status, headers=dict(reply.headers), content=reply.body)

    return httpx.MockTransport(answer)


@contextmanager
def loopback_face(world: World) -> Iterator[str]:
    """Serve the world on 127.0.0.1 and yield its address; the world's `origin` becomes it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(world))
    world.origin = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield world.origin
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _asked(request: httpx.Request) -> Asked:
    return Asked(
        method=request.method,
        target=request.url.raw_path.decode("ascii"),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=request.read(),
    )


def _handler(world: World) -> type[BaseHTTPRequestHandler]:
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _answer(self) -> None:
            length = int(self.headers.get("content-length", "0"))
            asked = Asked(
                method=self.command,
                target=self.path,
                headers={name.lower(): value for name, value in self.headers.items()},
                body=self.rfile.read(length),
            )
            try:
                with lock:
                    reply = world.serve(asked)
            except ConnectionLostError:
                self.close_connection = True
                return
            threading.Event().wait(reply.delay_seconds)
            with suppress(ConnectionError):  # a client that was stopped reads no more
                self._send(reply)

        do_GET = do_POST = do_PUT = do_PATCH = do_HEAD = _answer  # noqa: N815 - the names http.server looks for

        def _send(self, reply: Reply) -> None:
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Stay silent: `calls` of the world is the log."""

    return Handler
