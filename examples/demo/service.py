"""The demo's service: a real HTTP server, one process a release.

v1.2.3 is well. v1.2.4 has lost its database: it starts, answers, and says so with a 503.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BROKEN = frozenset({"v1.2.4"})


class Handler(BaseHTTPRequestHandler):
    """Answers /healthz with its version and the state of what it depends on."""

    protocol_version = "HTTP/1.1"
    version = ""

    def do_GET(self) -> None:
        """Answer one request."""
        broken = self.version in BROKEN
        database = "down" if broken else "ok"
        status = "unhealthy" if broken else "healthy"
        body = {"status": status, "version": self.version, "checks": {"db": database}}
        payload = json.dumps(body).encode()
        self.send_response(503 if broken else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *_: object) -> None:
        """Stay silent: the demo's reader wants the verifier's log."""


if __name__ == "__main__":
    port, Handler.version = int(sys.argv[1]), sys.argv[2]
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
