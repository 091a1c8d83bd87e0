"""YAML from the workspace: its values, and the line of each key.

Only YAML 1.2's core schema: `no` and `on` are text, times are text, tags that construct objects are
refused. Aliases and merge keys work, within bounds. Read from libyaml's events, since PyYAML's own
composer takes four times as long and its loader forgets the lines.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeAlias

import yaml

from slo_action.core.lint.rule import Key, Place
from slo_action.core.text.quoting import shown_value
from slo_action.errors import Mistake

_DEEPEST = 48
_MOST_COPIES = 10
"""Aliases may make a file this many times as large as it is written, and small ones any size."""
_SMALL = 10_000
_CORE = "tag:yaml.org,2002:"
_PLAIN_TAGS = frozenset(f"{_CORE}{name}" for name in ("str", "int", "float", "bool", "null"))
_TAGS = frozenset({*_PLAIN_TAGS, f"{_CORE}map", f"{_CORE}seq", "!"})
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_ODD_BREAK = re.compile("\r(?!\n)|[\x85\u2028\u2029]")
"""What YAML 1.1 takes for the end of a line: no line of ours would be an editor's."""
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_FLAGS = {
    name: name.lower() == "true" for name in ("true", "True", "TRUE", "false", "False", "FALSE")
}
_INT = re.compile(r"[-+]?[0-9]{1,300}|0o[0-7]{1,300}|0x[0-9a-fA-F]{1,300}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_SPECIAL = {
    **{
        f"{sign}{name}": float(f"{sign}inf")
        for sign in ("", "+", "-")
        for name in (".inf", ".Inf", ".INF")
    },
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}

Within: TypeAlias = "dict[str, Position] | list[Position] | None"
Position: TypeAlias = "tuple[int, int, Within]"
"""Line and column of a key or list entry, counted from 0, and those within its value."""


@dataclass(frozen=True, slots=True)
class KeyPositions(Mapping[Key, Place]):
    """Where keys stand, looked up in the tree only when they are asked for."""

    roots: list[Position]

    def __getitem__(self, key: Key) -> Place:
        within: Within = self.roots
        position: Position | None = None
        for part in key:
            position = _step(within, part)
            if position is None:
                raise KeyError(key)
            within = position[2]
        if position is None:
            raise KeyError(key)
        return Place(line=position[0] + 1, column=position[1] + 1)

    def __iter__(self) -> Iterator[Key]:
        return _keys(self.roots, ())

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _step(within: Within, part: str | int) -> "Position | None":
    found: Position | None = None
    if isinstance(within, dict):
        found = within.get(str(part))
    elif isinstance(within, list) and isinstance(part, int) and 0 <= part < len(within):
        found = within[part]
    return found


def _keys(within: Within, above: Key) -> Iterator[Key]:
    named = within.items() if isinstance(within, dict) else enumerate(within or ())
    for part, position in named:
        yield (*above, part)
        yield from _keys(position[2], (*above, part))


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlText:
    """What a text holds. A key's first part is the number of its document, empty ones counted not.

    With a mistake in it that ends the reading, `is_whole` is False: of the last document there is
    only what was finished before, so that it can be looked at, too.
    """

    documents: tuple[object, ...]
    places: KeyPositions
    mistakes: tuple[Mistake, ...]
    is_whole: bool


def read_yaml(text: str, name: str, field_name: str, listed: str = "services") -> YamlText:
    """Return the documents, and every mistake in writing them down. Never raises.

    `name` is the file's path for people, `field_name` what named the file. `listed` is the key of
    the list whose finished entries are kept where the text breaks off.
    """
    odd = _ODD_BREAK.search(text)
    if odd:
        problem = f"U+{ord(odd[0]):04X} ends a line in YAML only"
        wrong = _unescaped(text[: odd.start()], problem, name, field_name)
        return YamlText(documents=(), places=KeyPositions([]), mistakes=(wrong,), is_whole=False)
    builder = _Builder(name)
    fatal: Mistake | None = None
    try:
        builder.take(yaml.parse(text.removeprefix("\ufeff"), Loader=_LOADER))
    except _RefusedError as refused:
        fatal = refused.mistake
    except yaml.MarkedYAMLError as error:
        fatal = _syntax(error, text, name, field_name)
    except yaml.reader.ReaderError as error:
        # the C parser counts bytes where PyYAML's own reader counts characters
        read = text.removeprefix("\ufeff").encode()[: error.position].decode(errors="ignore")
        fatal = _unescaped(read, "not valid YAML: a control character", name, field_name)
    if fatal:
        builder.salvage(listed)
    mistakes = (*builder.mistakes, fatal) if fatal else tuple(builder.mistakes)
    return YamlText(
        documents=tuple(builder.documents),
        places=KeyPositions(builder.roots),
        mistakes=mistakes,
        is_whole=fatal is None,
    )


class _RefusedError(Exception):
    """What ends the reading though it is YAML."""

    def __init__(self, mistake: Mistake) -> None:
        super().__init__(mistake.problem)
        self.mistake = mistake


@dataclass(slots=True)
class _Frame:
    """A mapping or list being read. `weight` counts its values, those of aliases too."""

    value: "dict[str, object] | list[object]"
    positions: "dict[str, Position] | list[Position]"
    at: tuple[int, int]
    anchor: str | None
    weight: int = 1
    key: str | None = None
    key_at: tuple[int, int] = (0, 0)
    merged: "list[tuple[dict[str, object], dict[str, Position]]]" = field(default_factory=list)


_IGNORED = (yaml.StreamStartEvent, yaml.StreamEndEvent, yaml.DocumentEndEvent)


class _Builder:
    """Builds values from the parser's events, one after the other."""

    def __init__(self, name: str) -> None:
        self.documents: list[object] = []
        self.roots: list[Position] = []
        self.mistakes: list[Mistake] = []
        self._name = name
        self._stack: list[_Frame] = []
        self._anchors: dict[str, tuple[object, Position, int]] = {}
        self._written = 0
        self._expanded = 0
        self._takes: dict[type[yaml.Event], Callable[[Any], None]] = {
            yaml.ScalarEvent: self._scalar,
            yaml.MappingStartEvent: lambda event: self._open({}, {}, event),
            yaml.SequenceStartEvent: lambda event: self._open([], [], event),
            yaml.MappingEndEvent: self._close,
            yaml.SequenceEndEvent: self._close,
            yaml.AliasEvent: self._alias,
            yaml.DocumentStartEvent: lambda _: self._anchors.clear(),
            **dict.fromkeys(_IGNORED, lambda _: None),
        }

    def take(self, events: Iterable[yaml.Event]) -> None:
        """Take all events. Raises _RefusedError where reading on would have no effect."""
        takes = self._takes
        for event in events:
            takes[type(event)](event)

    def salvage(self, listed: str) -> None:
        """Keep what was finished: whole entries of a list at the top, or below the key `listed`.

        Anything else may lack what the mistake has kept from being read.
        """
        kept = _kept(self._stack, listed)
        between_entries = len(self._stack) == kept
        del self._stack[kept:]
        if self._stack and between_entries:
            self._drop_last(self._stack[-1], listed)
        while self._stack:
            self._close()

    def _drop_last(self, frame: _Frame, listed: str) -> None:
        """The parser ends an entry before it looks at what comes next: it may belong to it."""
        value: object = frame.value
        if isinstance(value, dict):
            value = value[listed] if next(reversed(value), "") == listed else None
        if isinstance(value, list):
            del value[-1:]

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        at = _at(event)
        self._written += 1
        self._expanded += 1
        frame = self._stack[-1] if self._stack else None
        if frame is not None and frame.key is None and isinstance(frame.value, dict):
            if event.anchor:
                self._anchors[event.anchor] = (event.value, (*at, None), 1)
            self._begin_entry(frame, event.value, at)
            return
        value = self._scalar_value(event, at)
        position: Position = (*at, None)
        if event.anchor:
            self._anchors[event.anchor] = (value, position, 1)
        self._put(value, position, 1)

    def _scalar_value(self, event: yaml.ScalarEvent, at: tuple[int, int]) -> object:
        if event.tag and event.tag not in _PLAIN_TAGS and event.tag != "!":
            self._refuse_tag(event.tag, at)
        if event.implicit[0]:  # plain, and without a tag
            return _resolved(event.value)
        return event.value if event.tag in (None, "!", f"{_CORE}str") else _resolved(event.value)

    def _begin_entry(self, frame: _Frame, key: str, at: tuple[int, int]) -> None:
        positions = frame.positions
        if key != "<<" and isinstance(positions, dict) and key in positions:
            self._mistake(key, f"is written twice, first in line {positions[key][0] + 1}", at)
        frame.key, frame.key_at = key, at

    def _open(
        self,
        value: "dict[str, object] | list[object]",
        positions: "dict[str, Position] | list[Position]",
        event: yaml.CollectionStartEvent,
    ) -> None:
        at = _at(event)
        above = self._stack[-1] if self._stack else None
        if above is not None and above.key is None and isinstance(above.value, dict):
            self._refuse("keys are text: this one is a list or a mapping", at)
        if len(self._stack) >= _DEEPEST:
            self._refuse(f"is nested more than {_DEEPEST} deep", at)
        if event.tag and event.tag not in _TAGS:
            self._refuse_tag(event.tag, at)
        self._written += 1
        self._expanded += 1
        self._stack.append(_Frame(value, positions, at, event.anchor))

    def _close(self, _event: yaml.Event | None = None) -> None:
        frame = self._stack.pop()
        for value, positions in frame.merged:
            _merge(frame, value, positions)
        position: Position = (*frame.at, frame.positions)
        if frame.anchor:
            self._anchors[frame.anchor] = (frame.value, position, frame.weight)
        self._put(frame.value, position, frame.weight)

    def _alias(self, event: yaml.AliasEvent) -> None:
        at = _at(event)
        anchored = self._anchors.get(str(event.anchor))
        if anchored is None:
            begun = any(frame.anchor == event.anchor for frame in self._stack)
            problem = "contains itself" if begun else "is not defined above"
            self._refuse(f"the anchor *{shown_value(event.anchor)} {problem}", at)
            return
        value, position, weight = anchored
        frame = self._stack[-1] if self._stack else None
        if frame is not None and frame.key is None and isinstance(frame.value, dict):
            if not isinstance(value, str):
                self._refuse("keys are text: this one is an alias of something else", at)
            self._begin_entry(frame, str(value), at)
            return
        self._expanded += weight
        if self._expanded > max(_SMALL, _MOST_COPIES * self._written):
            self._refuse("aliases make the file too large: write less of it by aliases", at)
        self._put(value, (*at, position[2]), weight)

    def _put(self, value: object, position: Position, weight: int) -> None:
        if not self._stack:
            if value is not None:
                self.documents.append(value)
                self.roots.append(position)
            return
        frame = self._stack[-1]
        frame.weight += weight
        if isinstance(frame.value, list):
            frame.value.append(value)
            frame.positions.append(position)  # type: ignore[union-attr] # lists have lists of positions
            return
        key, frame.key = str(frame.key), None
        if key == "<<":
            self._merges(frame, value, position)
            return
        frame.value[key] = value
        frame.positions[key] = (*frame.key_at, position[2])  # type: ignore[call-overload] # the same

    def _merges(self, frame: _Frame, value: object, position: Position) -> None:
        listed = value if isinstance(value, list) else [value]
        positions = position[2] if isinstance(value, list) else [position]
        for one, where in zip(listed, positions or (), strict=False):
            within = where[2] if isinstance(where, tuple) else None
            if not isinstance(one, dict) or not isinstance(within, dict):
                self._mistake("<<", "merges something that is not a mapping", frame.key_at)
                continue
            frame.merged.append((one, within))

    def _mistake(self, name: str, problem: str, at: tuple[int, int]) -> None:
        mistake = Mistake(shown_value(name), problem, "fix the line")
        self.mistakes.append(mistake.at(self._name, at[0] + 1, at[1] + 1))

    def _refuse_tag(self, tag: str, at: tuple[int, int]) -> None:
        self._refuse(f"the tag {shown_value(tag)} is not read", at)

    def _refuse(self, problem: str, at: tuple[int, int]) -> None:
        self._mistake("YAML", problem, at)
        raise _RefusedError(self.mistakes.pop())


def _kept(stack: list[_Frame], listed: str) -> int:
    """Return how many frames hold only what was finished."""
    if not stack:
        return 0
    root = stack[0]
    if isinstance(root.value, list):
        return 1
    if root.key == listed:
        return 2 if len(stack) > 1 and isinstance(stack[1].value, list) else 0
    return 1 if listed in root.value else 0


def _at(event: yaml.Event) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line, mark.column) if mark else (0, 0)


def _merge(frame: _Frame, value: "dict[str, object]", positions: "dict[str, Position]") -> None:
    """What is written in the mapping itself comes before what it merges."""
    if not isinstance(frame.value, dict) or not isinstance(frame.positions, dict):
        return
    for key, item in value.items():
        if key not in frame.value:
            frame.value[key] = item
            frame.positions[key] = positions[key]


@lru_cache(maxsize=4096)
def _resolved(text: str) -> object:
    """Return a plain scalar's value by YAML 1.2's core schema."""
    if text in _NULLS:
        return None
    if text in _FLAGS:
        return _FLAGS[text]
    if text in _SPECIAL:
        return _SPECIAL[text]
    if _INT.fullmatch(text):
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def _syntax(error: yaml.MarkedYAMLError, text: str, name: str, field_name: str) -> Mistake:
    mark = error.problem_mark or error.context_mark
    lines = [*text.split("\n"), ""]  # a mark may stand behind the last line
    text_line = lines[mark.line] if mark else ""
    problem = f"not valid YAML: {error.problem}"
    accepted = "fix the line, or the one above it"
    if mark and text_line[mark.column : mark.column + 1] == "\t":
        problem, accepted = "a tab, where YAML allows only spaces", "indent by spaces"
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return Mistake(field_name, problem, accepted).at(name, line, column)


def _unescaped(before: str, problem: str, name: str, field_name: str) -> Mistake:
    """Return the mistake that a character behind `before` must not stand in the file."""
    accepted = "remove it, or write it as an escape in double quotes"
    place = before.count("\n") + 1, len(before) - before.rfind("\n")
    return Mistake(field_name, problem, accepted).at(name, *place)
