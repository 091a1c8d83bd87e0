"""HTTP/1.1 answers as curl reads them: what can be understood is accepted, and noted.

Where a service breaks RFC 9112 and every client of its users copes, a probe that did not would
fail a service that works. Pure: it reads bytes from a function.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus

from slo_action.core.text.quoting import quoted

_LONGEST_HEAD = 300 * 1024
"""curl's limit."""
_LONGEST_LINE = 16 * 1024
"""Of a chunk's size or a trailer."""
_MOST_NOTES = 3
_READ_BYTES = 64 * 1024
_LONGEST_LENGTH = 2**63
_STATUS_LINE = re.compile(
    rb"HTTP/(1\.[01]|2(?:\.0)?) *([1-9][0-9]{2})(?![0-9]) ?(.*)", re.IGNORECASE | re.DOTALL
)
_WITHOUT_BODY = frozenset({101, 204, 304})
_LENGTH = re.compile(r"[ \t]*\+?([0-9]{1,40})")
_CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,16})(?:[ \t]*(?:;.*)?)?", re.DOTALL)
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HTTP2_SETTINGS = re.compile(rb"\0..\x04[\0\1]\0{4}", re.DOTALL)
_PREFIX = b"HTTP/"
_TLS_RECORD = re.compile(rb"[\x15\x16]\x03[\0-\4]")


class MalformedAnswerError(Exception):
    """The answer is no HTTP/1.1; the text says why and quotes the target: untrusted."""


class Http2AnswerError(MalformedAnswerError):
    """The server speaks HTTP/2 although HTTP/1.1 was spoken to it."""


class CutAnswerError(Exception):
    """The connection was closed before the answer was whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A final answer without its body. `notes` are what was read leniently."""

    http_version: str
    status: int
    reason: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    notes: tuple[str, ...] = ()

    def values(self, name: bytes) -> list[str]:
        """Return all values of a header named in lower case."""
        return [v.decode("latin-1") for k, v in self.headers if k.lower() == name]


class AnswerReader:
    """Reads one answer. `read` returns some bytes, none where the connection was closed."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._buffer = bytearray()

    def head(self) -> Head:
        """Return the head of the final answer, past interim ones such as 103.

        Raises MalformedAnswerError and CutAnswerError, and what `read` raises.
        """
        while True:
            head = self._head()
            interim = head.status < HTTPStatus.OK and head.status != HTTPStatus.SWITCHING_PROTOCOLS
            if not interim:
                return head

    def _head(self) -> Head:
        first = self._status_line()
        match = _STATUS_LINE.fullmatch(first)
        if match is None:
            raise _not_http(first)
        lines: list[bytes] = []
        notes: list[str] = []
        left = _LONGEST_HEAD - len(first)
        while line := self._line(left):
            left -= len(line)
            if line[:1] in (b" ", b"\t") and lines:
                lines[-1] += b" " + line.strip()
            elif b":" in line:
                lines.append(line)
            else:
                notes.append(f"a header line without a colon is left out: {_shown(line)}")
        headers = []
        for line in lines:
            name, _, value = line.partition(b":")
            if not _TOKEN.fullmatch(name):
                notes.append(f"a header has an invalid name: {_shown(name)}")
            headers.append((name.strip(), value.strip()))
        more = len(notes) - _MOST_NOTES
        return Head(
            http_version=f"HTTP/{match[1].decode()}",
            status=int(match[2]),
            reason=match[3].strip(),
            headers=tuple(headers),
            notes=(*notes[:_MOST_NOTES], *([f"and {more} more"] if more > 0 else [])),
        )

    def _status_line(self) -> bytes:
        """Another protocol is recognised by its first bytes: it may wait for us before the next."""
        while len(self._buffer) < len(_PREFIX):
            chunk = self._read(_READ_BYTES)
            if not chunk:
                raise CutAnswerError
            self._buffer += chunk
            if not _PREFIX.startswith(self._buffer[: len(_PREFIX)].upper()):
                raise _not_http(bytes(self._buffer))
        return self._line(_LONGEST_HEAD)

    def body(self, head: Head, method: str, note: Callable[[str], None]) -> Iterator[bytes]:
        """Yield the body's bytes as they come; `note` is called with what was read leniently.

        Raises as `head` does.
        """
        if method == "HEAD" or head.status in _WITHOUT_BODY:
            return
        named = ",".join(head.values(b"transfer-encoding")).lower().split(",")
        codings = [name for part in named if (name := part.strip())]
        if len(codings) > 1:
            note(f"Transfer-Encoding is given {len(codings)} times: {quoted(', '.join(codings))}")
        foreign = [name for name in codings if name not in ("chunked", "identity")]
        if foreign:
            raise MalformedAnswerError(f"unsupported Transfer-Encoding {quoted(foreign[0])}")
        lengths = head.values(b"content-length")
        if "chunked" in codings:
            if lengths:
                note("both Transfer-Encoding and Content-Length are given; the latter is ignored")
            yield from self._chunks()
            return
        length = _content_length(lengths, note)
        if length is not None:
            yield from self._exactly(length)
            return
        while chunk := self._some(_READ_BYTES):
            yield chunk

    def _chunks(self) -> Iterator[bytes]:
        while True:
            line = self._line(_LONGEST_LINE)
            size = _CHUNK_SIZE.fullmatch(line)
            if size is None:
                raise MalformedAnswerError(f"illegal chunk size {_shown(line)}")
            length = int(size[1], 16)
            if length == 0:
                break
            yield from self._exactly(length)
            if self._line(_LONGEST_LINE):
                raise MalformedAnswerError("a chunk is longer than its size")
        while self._line(_LONGEST_LINE):
            pass  # trailers

    def _exactly(self, length: int) -> Iterator[bytes]:
        while length > 0:
            chunk = self._some(length)
            if not chunk:
                raise CutAnswerError
            length -= len(chunk)
            yield chunk

    def _some(self, most: int) -> bytes:
        chunk = bytes(self._buffer[:most]) or self._read(min(most, _READ_BYTES))
        del self._buffer[: len(chunk)]
        return chunk

    def _line(self, longest: int) -> bytes:
        """Return a line without its end, which may be a bare LF."""
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if searched > longest:
                raise MalformedAnswerError(f"a head or a line has more than {longest} bytes")
            chunk = self._read(_READ_BYTES)
            if not chunk:
                raise CutAnswerError
            self._buffer += chunk
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line.removesuffix(b"\r")


def _not_http(start: bytes) -> MalformedAnswerError:
    if _HTTP2_SETTINGS.match(start):
        return Http2AnswerError("the server speaks HTTP/2 only, probes HTTP/1.1")
    if _TLS_RECORD.match(start):
        return MalformedAnswerError("the port speaks TLS: use the https URL")
    line, _, _ = start.partition(b"\n")
    return MalformedAnswerError(f"illegal status line {_shown(line)}")


def _content_length(values: list[str], note: Callable[[str], None]) -> int | None:
    """Return the last one, as curl does; None where the body ends with the connection."""
    length = None
    for value in values:
        match = _LENGTH.match(value)
        if match is None:
            raise MalformedAnswerError(f"illegal Content-Length {quoted(value)}")
        length = int(match[1])
    if length is not None and any(value.strip() != str(length) for value in values):
        note(f"Content-Length is {quoted(', '.join(values))}; read as {length}")
    return None if length is None or length >= _LONGEST_LENGTH else length


def _shown(line: bytes) -> str:
    return quoted(line.decode("latin-1"))
