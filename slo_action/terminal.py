"""The Log port on a terminal, or wherever a laptop sends its output."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TextIO

from slo_action.core.model import Annotation, Level, Verdict
from slo_action.core.text.secrets import Scrubber
from slo_action.render.text.escape import shortened, visible

MARKS = {Level.NOTICE: "·", Level.WARNING: "!", Level.ERROR: "✗"}
_BOLD, _RED, _GREEN, _YELLOW = 1, 31, 32, 33
_COLOURS: Mapping[str, int] = {
    "✓": _GREEN,
    "✗": _RED,
    "?": _YELLOW,
    "!": _YELLOW,
    Verdict.HEALTHY: _GREEN,
    Verdict.DEGRADED: _YELLOW,
    Verdict.UNHEALTHY: _RED,
    Verdict.INCONCLUSIVE: _YELLOW,
}
"""By the first word of a line."""
_COLUMNS = 80


class TerminalLog:
    """Indented groups, no workflow commands, secrets scrubbed.

    `live` keeps one line below all others that each progress replaces; `colour` marks results.
    """

    def __init__(
        self, stream: TextIO, scrubber: Scrubber, *, live: bool = False, colour: bool = False
    ) -> None:
        self._stream = stream
        self._scrubber = scrubber
        self._live = live
        self._colour = colour
        self._indent = ""
        self._progress = ""

    def line(self, text: str) -> None:
        """Print one line without control characters."""
        first, space, rest = visible(self._scrubber.scrub(text)).partition(" ")
        first = self._coloured(first, _COLOURS.get(first))
        self._write(f"{self._indent}{first}{space}{rest}\n")

    def progress(self, text: str) -> None:
        """Replace the last line, where there is one to replace; empty text removes it."""
        if self._live:
            shown = visible(self._scrubber.scrub(text))
            self._progress = shortened(shown, self._columns() - 1)
            self._write("")

    @contextmanager
    def group(self, title: str) -> Iterator[None]:
        """Indent what is printed within."""
        shown = visible(self._scrubber.scrub(title))
        self._write(f"{self._indent}{self._coloured(shown, _BOLD)}\n")
        self._indent += "  "
        try:
            yield
        finally:
            self._indent = self._indent[2:]

    def annotate(self, annotations: Sequence[Annotation]) -> None:
        """Print each with its mark and place; a terminal has no limit."""
        for annotation in annotations:
            place = f"{annotation.path}:{annotation.line}: " if annotation.path else ""
            self.line(f"{MARKS[annotation.level]} {place}{annotation.title}")
            for line in annotation.message.split("\n"):
                self.line(f"    {line}")

    def mask(self, secret: str) -> None:
        """Learn a secret; a terminal needs no command for it."""
        self._scrubber.learn(secret)

    def _coloured(self, text: str, colour: int | None) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if colour and self._colour else text

    def _write(self, text: str) -> None:
        """A closed pipe must not end a run."""
        erased = "\r\x1b[K" if self._live else ""
        with suppress(OSError):
            self._stream.write(f"{erased}{text}{self._progress}")
            self._stream.flush()

    def _columns(self) -> int:
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or _COLUMNS
        except (OSError, ValueError):
            return _COLUMNS


class LinesOnly(TerminalLog):
    """The log of `check`, which prints each finding as a line, too."""

    def annotate(self, annotations: Sequence[Annotation]) -> None:
        """Print nothing: the same text is printed in lines."""
