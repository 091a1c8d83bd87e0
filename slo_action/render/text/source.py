"""The lines of files that findings point into."""

from collections.abc import Mapping, Sequence
from unicodedata import combining, east_asian_width

from slo_action.core.lint.rule import Place
from slo_action.render.text.escape import visible

Sources = Mapping[str, str]
"""The text of each file by its path; it may lack some, and all of it is untrusted."""
Lines = Mapping[str, Sequence[str]]


def lines_of(sources: Sources) -> Lines:
    """Return each file's lines, without their ends."""
    return {
        path: [line.removesuffix("\r") for line in text.removeprefix("\ufeff").split("\n")]
        for path, text in sources.items()
    }


def line_at(lines: Lines, path: str, place: Place) -> str | None:
    """Return the line of a place; None where the file is not given or has no such line."""
    found = lines.get(path, ())
    return found[place.line - 1] if 0 < place.line <= len(found) else None


LONGEST_LINE = 200
_BEFORE = 120
"""How much of a long line is kept before the column."""
_TAB = "    "


def excerpt(line: str, column: int) -> tuple[str, str]:
    """Return a part of a line, and beneath it a caret under the column, which counts from 1.

    The part has at most 200 characters, before what is invisible in it shows as an escape. A column
    beyond the line's end has its caret behind it.
    """
    at = max(0, min(column - 1, len(line)))
    begin = max(0, at - _BEFORE) if len(line) > LONGEST_LINE else 0
    end = begin + LONGEST_LINE
    head = ("\u2026" if begin else "") + _shown(line[begin:at])
    tail = _shown(line[at:end]) + ("\u2026" if end < len(line) else "")
    return head + tail, " " * _width(head) + "^"


def quoted_line(number: int, line: str, column: int) -> tuple[str, str]:
    """Return a line as the log quotes it, with its number, and the caret beneath."""
    shown, caret = excerpt(line, column)
    return f"  {number} | {shown}", f"  {' ' * len(str(number))} | {caret}"


def _shown(text: str) -> str:
    return visible(text.replace("\t", _TAB))


def _width(text: str) -> int:
    """Columns of a terminal: wide characters take two, and combining ones none."""
    return sum(0 if combining(one) else 2 if east_asian_width(one) in "WF" else 1 for one in text)
