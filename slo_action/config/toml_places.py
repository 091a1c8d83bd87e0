"""Where each key of a TOML text stands: tomllib does not tell."""

import re
import tomllib
from bisect import bisect_right

from slo_action.core.rules import Key, Place

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
_DEEPEST = 16
"""Nobody asks for a place deeper down; a hostile file's keys have thousands of parts."""


def places(text: str) -> dict[Key, Place]:
    """Return the first mention of each key, tables and list entries among them.

    `text` ends its lines with LF and has been accepted by tomllib; others raise ValueError.
    """
    walk = _Walk(text)
    walk.document()
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    return {key: _place(offset, starts) for key, offset in walk.offsets.items()}


def _place(offset: int, starts: list[int]) -> Place:
    line = bisect_right(starts, offset)
    return Place(line=line, column=offset - starts[line - 1] + 1)


class _Walk:
    """Goes through the text once; `offsets` holds where each key begins."""

    def __init__(self, text: str) -> None:
        self.offsets: dict[Key, int] = {}
        self._text = text
        self._at = 0
        self._lengths: dict[Key, int] = {}

    def document(self) -> None:
        table: Key = ()
        while self._skip(_BLANK) < len(self._text):
            start = self._at
            if self._take("[["):
                table = self._entry(self._parts(), start)
                self._expect("]]")
            elif self._take("["):
                table = self._resolved(self._parts(), start)
                self._expect("]")
            else:
                self._assignment(table)

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

    def _assignment(self, table: Key) -> None:
        self._skip(_BLANK)
        start, key = self._at, table
        for part in self._parts():
            key = (*key, part)
            self._note(key, start)
        self._expect("=")
        self._value(key)

    def _value(self, key: Key) -> None:
        self._skip(_SPACE)
        string = _STRING.match(self._text, self._at)
        if string:
            self._at = string.end()
        elif self._take("["):
            self._list(key)
        elif self._take("{"):
            self._inline_table(key)
        else:
            self._skip(_SCALAR)

    def _list(self, key: Key) -> None:
        index = 0
        while not self._closed("]"):
            self._note((*key, index), self._at)
            self._value((*key, index))
            index += 1

    def _inline_table(self, key: Key) -> None:
        while not self._closed("}"):
            self._assignment(key)

    def _closed(self, end: str) -> bool:
        """Step over what separates values; tell whether this was the last one."""
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
