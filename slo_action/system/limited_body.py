"""The body of an answer of an API: no larger, and no longer under way, than its reader allows."""

from typing import TYPE_CHECKING

from slo_action.core.text.quantities import size_words
from slo_action.ports import Clock

if TYPE_CHECKING:
    import httpx


class BodyLimitError(Exception):
    """Why a body was not read to its end."""


def read_limited(
    response: "httpx.Response", clock: Clock, *, most_bytes: int, seconds: float
) -> bytes:
    """Return the body. A server may send for ever, or unpack to anything: raises BodyLimitError."""
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise BodyLimitError("its answer is compressed, which was not asked for")
    until = clock.monotonic() + seconds
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > most_bytes:
            raise BodyLimitError(f"its answer is larger than {size_words(most_bytes)}")
        if clock.monotonic() > until:
            raise BodyLimitError(f"its answer takes longer than {seconds:g} s")
    return bytes(body)
