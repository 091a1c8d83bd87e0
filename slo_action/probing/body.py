"""A body out of untrusted bytes, unpacked and decoded within bounds."""

import json
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from slo_action.core.model import Outcome
from slo_action.core.text.quoting import quoted
from slo_action.probing.exchange import Exchange

_MOST_CODINGS = 3
_DEEPEST = 100
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
_COMPRESSIONS = frozenset({"br", "zstd", "compress", "x-compress", "dcb", "dcz", "bzip2", "xz"})
"""Not decoded, and never taken for text, however short the body."""
_NO_CODING = frozenset({"", "identity"})
_GZIP = (zlib.MAX_WBITS | 16,)
_ZLIB_WINDOWS: dict[str, tuple[int, ...]] = {
    "gzip": _GZIP,
    "x-gzip": _GZIP,
    "deflate": (zlib.MAX_WBITS, -zlib.MAX_WBITS),
}
"""How zlib reads each coding. `deflate` means zlib's format; some servers send the bare one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """Decoded text, cut at the limit. `problem` is why the body cannot be judged, None if it can.

    `is_opaque` is True for a body in an encoding that we neither ask for nor know: it is a problem
    only for who needs to read it. `notes` are remarks that change no outcome.
    """

    text: str
    is_cut: bool = False
    problem: tuple[Outcome, str] | None = None
    is_opaque: bool = False
    notes: tuple[str, ...] = ()


_UNDECODABLE = {True: Outcome.BODY_UNREADABLE, False: Outcome.PROTOCOL_ERROR}
"""Of a coding that we do not know, and of one that the body does not have."""


class _UndecodableError(ValueError):
    """The body cannot be unpacked. `is_foreign` is True for a coding that we do not know."""

    def __init__(self, reason: str, *, is_foreign: bool = False) -> None:
        super().__init__(reason)
        self.is_foreign = is_foreign


def read_body(exchange: Exchange, limit: int) -> Body:
    """Unpack and decode what was received; `limit` bounds what it unpacks to, in bytes."""
    headers = {key.lower(): value for key, value in exchange.headers}
    content_type = headers.get("content-type", "")
    notes: list[str] = []
    try:
        plain, bomb = _unpacked(exchange, limit, notes)
    except _UndecodableError as error:
        text = _text(exchange.content, content_type, [])
        return Body(
            text=text,
            is_cut=exchange.is_cut,
            problem=(_UNDECODABLE[error.is_foreign], str(error)),
            is_opaque=error.is_foreign,
            notes=(f"{error}; it is not read",) if error.is_foreign else (),
        )
    text = _text(plain, content_type, notes)
    if not (bomb or exchange.is_cut):
        return Body(text=text, notes=tuple(notes))
    grown = "unpacks to" if bomb else "has"
    problem = f"the body {grown} more than {limit} bytes; probe a path with a short answer"
    return Body(
        text=text, is_cut=True, problem=(Outcome.BODY_TOO_LARGE, problem), notes=tuple(notes)
    )


def _unpacked(exchange: Exchange, limit: int, notes: list[str]) -> tuple[bytes, bool]:
    """Return the plain bytes and whether there were more than `limit`.

    Text with a coding that is none, such as `utf-8`, is read as it is, and noted.
    """
    plain, more = exchange.content, False
    is_whole = not exchange.is_cut and exchange.error is None
    named = ",".join(v for k, v in exchange.headers if k.lower() == "content-encoding")
    listed = [part.strip() for part in named.lower().split(",")]
    codings = [name for name in listed if name not in _NO_CODING]
    if len(codings) > _MOST_CODINGS:
        raise _UndecodableError(f"the body is encoded {len(codings)} times over")
    for name in reversed(codings if plain else []):
        windows = _ZLIB_WINDOWS.get(name, ())
        found = _inflated(plain, windows, limit, is_whole=is_whole and not more)
        if found:
            plain, more = found
        elif name in _COMPRESSIONS or not _is_text(plain, exchange):
            reason = f"the body is not compressed as {quoted(name)}, which its headers say"
            if not windows:
                reason = (
                    f"the body is encoded as {quoted(name)}, which was not asked for "
                    "(`Accept-Encoding: identity`)"
                )
            raise _UndecodableError(reason, is_foreign=not windows)
        else:
            notes.append(f"the body is plain text, its content-encoding is {quoted(name)}")
    return plain, more


def _is_text(plain: bytes, exchange: Exchange) -> bool:
    text = plain.decode("utf-8", "replace")
    return "\0" not in text and text.count("\N{REPLACEMENT CHARACTER}") <= exchange.is_cut


def _inflated(
    packed: bytes, windows: tuple[int, ...], limit: int, *, is_whole: bool
) -> tuple[bytes, bool] | None:
    """Return the plain bytes and whether there are more; None where they are not compressed so."""
    for window in windows:
        inflater = zlib.decompressobj(window)
        try:
            plain = inflater.decompress(packed, limit + 1)
        except zlib.error:
            continue
        if is_whole and not inflater.eof and len(plain) <= limit:
            raise _UndecodableError("the compressed body ends early")
        return plain[:limit], len(plain) > limit
    return None


def _text(plain: bytes, content_type: str, notes: list[str]) -> str:
    charset = _CHARSET.search(content_type)
    name = charset[1].lower() if charset else "utf-8"
    codec = _CODECS.get(name)
    if codec is None:
        notes.append(f"the charset {quoted(name)} is unsupported; read as UTF-8")
    text = plain.decode(codec or "utf-8-sig", "replace")
    if "\N{REPLACEMENT CHARACTER}" in text:
        notes.append(f"the body has bytes that are not valid {name.upper()}")
    # UTF-16 with replacement never yields lone surrogates, so the text can always be written.
    return text


def parse_json(text: str) -> tuple[bool, object]:
    """Return whether `text` is JSON, and the document. Never raises.

    What is nested so deep that no reader of it could be sure of its own stack is none.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):  # ValueError includes integers too long to convert
        return False, None
    if text.count("[") + text.count("{") <= _DEEPEST:
        return True, document
    level, depth = [document], 0
    while level and depth <= _DEEPEST:
        level = [child for node in level for child in _children(node)]
        depth += 1
    return (False, None) if level else (True, document)


def _children(node: object) -> Iterable[object]:
    if isinstance(node, dict):
        return node.values()
    return node if isinstance(node, list) else ()
