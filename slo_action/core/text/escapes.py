"""Text with its escapes undone, and where each of its characters stood."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

_ESCAPES = re.compile(
    r"(?:%[0-9A-Fa-f]{2})+"
    r"|(?:\\u[0-9A-Fa-f]{4})+"
    r"|\\x[0-9A-Fa-f]{2}"
    r"|\\[\"'\\/bfnrt]"
    r"|&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|amp|lt|gt|quot|apos);\u200b?"
)
"""URLs, JSON and its kin, HTML; the last as our Markdown parts it, too."""
_MARKS = frozenset("%\\&")
_SHORT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
"""The module `html` loads all entities, which costs a start more than this line."""
_LARGEST = 0x10FFFF


@dataclass(slots=True)
class Unescaped:
    """The plain text; places are where a run of its characters begins, here and in the source."""

    text: str = ""
    _here: list[int] = field(default_factory=list)
    _there: list[int] = field(default_factory=list)

    def source(self, place: int) -> int:
        """Return where a character stands in the source."""
        run = bisect_right(self._here, place) - 1
        return self._there[run] + place - self._here[run]

    def read(self, source: str) -> None:
        """Undo the escapes of a text, once."""
        pieces: list[str] = []
        length = end = 0

        def add(piece: str, at: int) -> None:
            nonlocal length
            pieces.append(piece)
            self._here.append(length)
            self._there.append(at)
            length += len(piece)

        for found in _ESCAPES.finditer(source):
            if found.start() > end:
                add(source[end : found.start()], end)
            at = found.start()
            for character, width in _characters(found[0]):
                add(character, at)
                at += width
            end = found.end()
        add(source[end:], end)
        add("", len(source))
        self.text = "".join(pieces)


def unescaped(text: str) -> Unescaped | None:
    """Return the text with its escapes undone, one level of them; None where there are none."""
    if _MARKS.isdisjoint(text) or not _ESCAPES.search(text):
        return None
    plain = Unescaped()
    plain.read(text)
    return plain


def _characters(escape: str) -> Iterator[tuple[str, int]]:
    """Yield what an escape, or a run of them, stands for, and how much of the source that took."""
    if escape[0] == "%":
        for one in bytes.fromhex(escape.replace("%", "")).decode("utf-8", "surrogateescape"):
            yield one, 3 * len(one.encode("utf-8", "surrogateescape"))
    elif escape.startswith("\\u"):
        units = bytes.fromhex(escape.replace("\\u", ""))
        for one in units.decode("utf-16-be", "surrogatepass"):
            yield one, 3 * len(one.encode("utf-16-be", "surrogatepass"))
    elif escape.startswith("\\x"):
        yield chr(bytes.fromhex(escape[2:])[0]), len(escape)
    elif escape[0] == "\\":
        yield _SHORT.get(escape[1], escape[1]), len(escape)
    else:
        yield _entity(escape[1 : escape.index(";")]), len(escape)


def _entity(name: str) -> str:
    if name[0] != "#":
        return _NAMED[name]
    number = int(f"0{name[1:]}", 0) if name[1] in "xX" else int(name[1:])
    return chr(min(number, _LARGEST))
