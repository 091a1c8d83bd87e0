"""How the platform says no."""

import json

import httpx


class RefusalError(Exception):
    """An answer of the API that is an error: `{"error": ..., "status": ...}`."""

    def __init__(self, http_status: int, error: str, status: str = "unknown") -> None:
        super().__init__(error)
        self.http_status = http_status
        self.error = error
        self.status = status


def reply(status: int, content: object, **headers: str) -> httpx.Response:
    """Return a JSON answer that is sent as a stream, as over a wire; None has no body."""
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    text = b"" if content is None else json.dumps(content).encode()
    kind = {} if content is None else {"Content-Type": "application/json; charset=utf-8"}
    return httpx.Response(status, headers={**kind, **named}, stream=httpx.ByteStream(text))


def refused(refusal: RefusalError) -> httpx.Response:
    body = {"error": refusal.error, "status": refusal.status}
    return reply(refusal.http_status, body)
