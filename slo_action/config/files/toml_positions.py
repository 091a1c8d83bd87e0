"""Where each key and each value of a TOML text stands: tomllib does not report it."""

import re
import tomllib
from bisect import bisect_right

from slo_action.core.lint.rule import Document, Key, Place, Span, Table

_BLANK = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?""""{0,2}'
    r"|'''.*?''''{0,2}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}#\n]*")
_SPACE = re.compile(r"[ \t]*")
_REST_OF_LINE = re.compile(r"[ \t]*(?:\n|\Z)")
_BLANK_LINES = re.compile(r"(?:[ \t]*\n)*")
_DEEPEST = 16
"""No rule looks deeper; a hostile file's keys have thousands of parts."""


def toml_positions(text: str, path: str = "", content: Table | None = None) -> Document:
    """Return the document, with where everything in its TOML text stands.

    `text` ends its lines with LF and has been accepted by tomllib; others raise ValueError.
    `places` has the first mention of each key, tables among them; `values` what is assigned;
    `entries` the whole lines of a key, or only itself before a comment. A table has an entry where
    its header is followed by one such key and by no comment; the blank lines behind it belong to
    it. What stands within braces or brackets has none.
    """
    walk = _Walk(text)
    walk.document()
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    return Document(
        path=path,
        content=content or {},
        places={key: _place(offset, starts) for key, offset in walk.offsets.items()},
        values={key: _span(span, starts) for key, span in walk.values.items()},
        entries={key: _span(span, starts) for key, span in walk.entries.items()},
    )


def _span(span: tuple[int, int], starts: list[int]) -> Span:
    start, end = span
    return Span(start=_place(start, starts), end=_place(end, starts))


def _place(offset: int, starts: list[int]) -> Place:
    line = bisect_right(starts, offset)
    return Place(line=line, column=offset - starts[line - 1] + 1)


class _Table:
    """A table that is being read: its header's lines, and those of its assignments."""

    def __init__(self, key: Key, header: tuple[int, int] | None = None) -> None:
        self.key = key
        self.header = header
        self.lines: list[tuple[int, int] | None] = []


class _Walk:
    """Goes through the text once.

    `offsets` holds where each key begins, `values` where each value begins and ends, `entries`
    what goes with a key.
    """

    def __init__(self, text: str) -> None:
        self.offsets: dict[Key, int] = {}
        self.values: dict[Key, tuple[int, int]] = {}
        self.entries: dict[Key, tuple[int, int]] = {}
        self._text = text
        self._at = 0
        self._lengths: dict[Key, int] = {}
        self._table = _Table(key=(), header=(0, 0))

    def document(self) -> None:
        while self._skip(_BLANK) < len(self._text):
            start = self._at
            if self._take("[["):
                self._close(_Table(key=self._entry(self._parts(), start)))
                self._expect("]]")
            elif self._take("["):
                key = self._resolved(self._parts(), start)
                self._expect("]")
                self._close(_Table(key=key, header=self._whole_lines(start)))
            else:
                self._line(start)
        self._close(_Table(key=()))

    def _line(self, start: int) -> None:
        """Read one assignment, and remember what would go with it."""
        key = self._assignment(self._table.key)
        lines = self._whole_lines(start)
        self._table.lines.append(lines)
        self.entries[key] = lines or (start, self._skip(_SPACE))

    def _whole_lines(self, start: int) -> tuple[int, int] | None:
        """Return the lines from `start` up to here; None where a comment stands behind."""
        rest = _REST_OF_LINE.match(self._text, self._at)
        return (self._text.rfind("\n", 0, start) + 1, rest.end()) if rest else None

    def _close(self, following: "_Table") -> None:
        """Remember what goes with the table that ends here."""
        table, self._table = self._table, following
        if table.header is None or len(table.lines) != 1 or table.lines[0] is None:
            return
        (start, header_end), (line_start, line_end) = table.header, table.lines[0]
        if table.key and not self._text[header_end:line_start].strip():
            self.entries[table.key] = self._with_blank_lines(start, line_end)

    def _with_blank_lines(self, start: int, end: int) -> tuple[int, int]:
        """Return the lines and the blank ones behind them, or those before at the text's end."""
        blank = _BLANK_LINES.match(self._text, end)
        end = blank.end() if blank else end
        if end < len(self._text):
            return start, end
        before = len(self._text[:start].rstrip(" \t\n"))
        return (self._text.index("\n", before) + 1 if before else 0), end

    def _entry(self, parts: Key, start: int) -> Key:
        """Return the key of a new entry of a list of tables."""
        key = (*self._resolved(parts[:-1], start), parts[-1])
        self._note(key, start)
        index = self._lengths.get(key, 0)
        self._lengths[key] = index + 1
        self._note((*key, index), start)
        return (*key, index)

    def _resolved(self, parts: Key, start: int) -> Key:
        """Return the key of a table; within a list of tables that is its newest entry."""
        key: Key = ()
        for part in parts:
            key = (*key, part)
            self._note(key, start)
            if key in self._lengths:
                key = (*key, self._lengths[key] - 1)
        return key

    def _assignment(self, table: Key) -> Key:
        self._skip(_BLANK)
        start, key = self._at, table
        for part in self._parts():
            key = (*key, part)
            self._note(key, start)
        self._expect("=")
        self._value(key)
        return key

    def _value(self, key: Key) -> None:
        start = self._skip(_SPACE)
        string = _STRING.match(self._text, self._at)
        if string:
            self._at = string.end()
        elif self._take("["):
            self._list(key)
        elif self._take("{"):
            while not self._closed("}"):
                self._assignment(key)
        else:
            self._skip(_SCALAR)
            self._at = start + len(self._text[start : self._at].rstrip())
        if len(key) <= _DEEPEST:
            self.values[key] = start, self._at

    def _list(self, key: Key) -> None:
        index = 0
        while not self._closed("]"):
            self._note((*key, index), self._at)
            self._value((*key, index))
            index += 1

    def _closed(self, end: str) -> bool:
        """Step over what separates values; return whether this was the last one."""
        self._skip(_BLANK)
        if self._take(","):
            self._skip(_BLANK)
        if self._at >= len(self._text):
            raise ValueError(f"no {end} at its end")
        return self._take(end)

    def _parts(self) -> Key:
        parts = [self._part()]
        while self._take("."):
            parts.append(self._part())
        return tuple(parts[:_DEEPEST])

    def _part(self) -> str:
        self._skip(_SPACE)
        found = _STRING.match(self._text, self._at) or _BARE.match(self._text, self._at)
        if not found:
            raise ValueError(f"no key at character {self._at + 1}")
        self._at = found.end()
        self._skip(_SPACE)
        name = found[0]
        return str(tomllib.loads(f"name = {name}")["name"]) if name[0] in "\"'" else name

    def _note(self, key: Key, offset: int) -> None:
        if len(key) <= _DEEPEST:
            self.offsets.setdefault(key, offset)

    def _skip(self, pattern: re.Pattern[str]) -> int:
        found = pattern.match(self._text, self._at)
        self._at = found.end() if found else self._at
        return self._at

    def _take(self, token: str) -> bool:
        taken = self._text.startswith(token, self._at)
        self._at += len(token) if taken else 0
        return taken

    def _expect(self, token: str) -> None:
        if not self._take(token):
            raise ValueError(f"no {token} at character {self._at + 1}")
