"""The lines of files that findings point into."""

from collections.abc import Mapping, Sequence

from slo_action.core.rules import Place

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
    known = lines.get(path, ())
    return known[place.line - 1] if 0 < place.line <= len(known) else None
