"""Changes of a file's text: exactly what is to change, and not a character beside it."""

import re
from bisect import bisect_left
from collections.abc import Iterable

from slo_action.core.lint.rule import Edit, Place

_Span = tuple[tuple[int, int], tuple[int, int]]


def apply(text: str, edits: Iterable[Edit]) -> str:
    """Return `text` with the edits done, all of which are about this one file.

    `text` is what the places were counted in, or the same with CRLF: its line ends stay, and what
    is put in gets them, too. Of edits that overlap the later is left out, as in `compatible`.
    Raises ValueError for a place that the text does not have: the file has changed meanwhile.
    """
    starts = [0, *(end.end() for end in re.finditer("\n", text))]
    newline = "\r\n" if "\r\n" in text else "\n"
    done, at = [], 0
    for edit in sorted(compatible(edits), key=_where):
        start, end = (_offset(place, starts, text) for place in (edit.start, edit.end))
        done += [text[at:start], edit.text.replace("\n", newline)]
        at = end
    return "".join([*done, text[at:]])


def compatible(edits: Iterable[Edit]) -> tuple[Edit, ...]:
    """Return the edits that can all be done, in their order; the first come, first served.

    One that overlaps an edit before it is left out, and so is one that repeats an edit.
    Raises ValueError for an edit that ends before it starts.
    """
    kept: list[Edit] = []
    taken: list[_Span] = []
    for edit in edits:
        span = _where(edit)
        if span[1] < span[0]:
            raise ValueError(f"an edit ends before it starts, in line {edit.start.line}")
        index = bisect_left(taken, span)
        if not any(_overlap(span, other) for other in taken[max(index - 1, 0) : index + 1]):
            taken.insert(index, span)
            kept.append(edit)
    return tuple(kept)


def _overlap(one: _Span, other: _Span) -> bool:
    """Insertions at one point are in each other's way, too: their order is not defined."""
    return one == other or (one[0] < other[1] and other[0] < one[1])


def _where(edit: Edit) -> _Span:
    start, end = edit.start, edit.end
    return (start.line, start.column), (end.line, end.column)


def _offset(place: Place, starts: list[int], text: str) -> int:
    """Return the index of a place; one behind the last character of its line is still in it."""
    if not 1 <= place.line <= len(starts):
        raise ValueError(f"the text has no line {place.line}: it has changed")
    following = starts[place.line] if place.line < len(starts) else len(text) + 1
    offset = starts[place.line - 1] + place.column - 1
    if place.column < 1 or offset >= following:
        raise ValueError(f"line {place.line} has no column {place.column}: it has changed")
    return offset
