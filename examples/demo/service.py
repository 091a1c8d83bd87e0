"""The demo's service: a real HTTP server, one process a release.

v1.2.3 is well. v1.2.4 says that it is, too, but a third of its orders fail: one of its three
database connections is broken, and no health check asks for an order.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

BROKEN = frozenset({"v1.2.4"})


class Handler(BaseHTTPRequestHandler):
    """Answers /healthz with its version, and /api/orders with the orders."""

    protocol_version = "HTTP/1.1"
    version = ""
    orders_asked = count(1)

    def do_GET(self) -> None:
        """Answer one request."""
        if self.path.startswith("/api/orders"):
            self._orders()
        else:
            self._answer(200, {"status": "healthy", "version": self.version})

    def _orders(self) -> None:
        connection = 1 + next(self.orders_asked) % 3
        if self.version in BROKEN and connection == 3:
            self._answer(500, {"error": "database connection 3 is closed"})
        else:
            self._answer(200, {"orders": [17, 18, 19]})

    def _answer(self, status: int, body: object) -> None:
        payload = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *_: object) -> None:
        """Log nothing: the demo shows the verifier's log."""


if __name__ == "__main__":
    port, Handler.version = int(sys.argv[1]), sys.argv[2]
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
