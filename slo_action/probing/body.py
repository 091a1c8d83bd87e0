"""A body out of bytes nobody vouches for: received, unpacked and read within bounds."""

import json
import re
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from slo_action.core.model import Outcome
from slo_action.core.text.quoting import quoted

_MOST_CODINGS = 3
_CHARSET = re.compile(r"charset\s*=\s*\"?([\w.:-]{1,40})", re.IGNORECASE)
_CODECS = {
    "utf-8": "utf-8-sig",
    "utf8": "utf-8-sig",
    "us-ascii": "ascii",
    "ascii": "ascii",
    "iso-8859-1": "latin-1",
    "latin1": "latin-1",
    "windows-1252": "cp1252",
    "utf-16": "utf-16",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
}
"""Not every codec Python knows: some unpack, some take quadratic time."""


@dataclass(frozen=True, slots=True)
class Received:
    """What came over the wire. `error` is what ended it early, None if it came whole."""

    raw: bytes
    count: int
    is_cut: bool = False
    error: Exception | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """Decoded text, cut at the limit. `problem` is why the body cannot be judged, None if it can.

    `notes` are remarks that change no outcome.
    """

    text: str
    is_cut: bool = False
    problem: tuple[Outcome, str] | None = None
    notes: tuple[str, ...] = ()


class _UndecodableError(ValueError):
    """The body is not what its content-encoding says."""


def receive(chunks: Iterable[bytes], limit: int) -> Received:
    """Collect at most `limit` bytes. Never raises: an error keeps what came before it."""
    raw = bytearray()
    try:
        for chunk in chunks:
            raw += chunk
            if len(raw) > limit:
                return Received(bytes(raw[:limit]), len(raw), is_cut=True)
    except Exception as error:  # noqa: BLE001 - whatever the network did is a finding
        return Received(bytes(raw), len(raw), error=error)
    return Received(bytes(raw), len(raw))


def read_body(received: Received, encoding: str, content_type: str, limit: int) -> Body:
    """Unpack and decode what was received; `limit` bounds what it unpacks to, in bytes."""
    try:
        plain, bomb = _unpacked(received, encoding, limit)
    except _UndecodableError as error:
        text, notes = _text(received.raw, content_type)
        undecodable = (Outcome.PROTOCOL_ERROR, str(error))
        return Body(text=text, is_cut=received.is_cut, problem=undecodable, notes=notes)
    text, notes = _text(plain, content_type)
    problem: tuple[Outcome, str] | None = None
    if bomb or received.is_cut:
        grown = "unpacks to" if bomb else "has"
        problem = (
            Outcome.BODY_TOO_LARGE,
            f"the body {grown} more than {limit} bytes; probe a path with a short answer",
        )
    return Body(text=text, is_cut=bomb or received.is_cut, problem=problem, notes=notes)


def _unpacked(received: Received, encoding: str, limit: int) -> tuple[bytes, bool]:
    """Return the plain bytes and whether there were more than `limit`."""
    plain, more = received.raw, False
    is_whole = not received.is_cut and received.error is None
    codings = [name for part in encoding.lower().split(",") if (name := part.strip())]
    if len(codings) > _MOST_CODINGS:
        raise _UndecodableError(f"the body is encoded {len(codings)} times over")
    for name in reversed(codings):
        unpack = _UNPACKERS.get(name)
        if unpack is None:
            raise _UndecodableError(
                f"the body is encoded as {quoted(name)} although identity was asked for"
            )
        plain, more = unpack(plain, limit, is_whole and not more) if plain else (plain, more)
    return plain, more


def _identity(packed: bytes, _limit: int, _is_whole: bool) -> tuple[bytes, bool]:  # noqa: FBT001
    return packed, False


def _inflater(*windows: int) -> Callable[[bytes, int, bool], tuple[bytes, bool]]:
    def unpack(packed: bytes, limit: int, is_whole: bool) -> tuple[bytes, bool]:  # noqa: FBT001
        for window in windows:
            inflater = zlib.decompressobj(window)
            try:
                plain = inflater.decompress(packed, limit + 1)
            except zlib.error:
                continue
            if is_whole and not inflater.eof and len(plain) <= limit:
                raise _UndecodableError("the compressed body ends early")
            return plain[:limit], len(plain) > limit
        raise _UndecodableError("the body is not compressed as its content-encoding says")

    return unpack


_gunzip = _inflater(zlib.MAX_WBITS | 16)
_UNPACKERS: dict[str, Callable[[bytes, int, bool], tuple[bytes, bool]]] = {
    "identity": _identity,
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _inflater(zlib.MAX_WBITS, -zlib.MAX_WBITS),
}
"""`deflate` means zlib's format; some servers send the bare one."""


def _text(plain: bytes, content_type: str) -> tuple[str, tuple[str, ...]]:
    named = _CHARSET.search(content_type)
    name = named[1].lower() if named else "utf-8"
    codec = _CODECS.get(name)
    notes = () if codec else (f"the charset {quoted(name)} is not known; read as UTF-8",)
    text = plain.decode(codec or "utf-8-sig", "replace")
    if "\N{REPLACEMENT CHARACTER}" in text:
        notes = (*notes, f"the body holds bytes that are not valid {name.upper()}")
    # UTF-16 with replacement never yields lone surrogates, so the text can always be written.
    return text, notes


def parse_json(text: str) -> tuple[bool, object]:
    """Return whether `text` is JSON, and the document. Never raises."""
    try:
        return True, json.loads(text)
    except (ValueError, RecursionError):  # ValueError includes integers too long to convert
        return False, None
