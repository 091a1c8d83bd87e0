"""What `check` holds a file against: a rule is one entry of a table, whatever file it is about."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from slo_action.core.model import Level

Of = TypeVar("Of")
"""What a rule looks at: a parsed file, a service of the matrix, or two of them together."""

Key = tuple[str | int, ...]
"""The way to a value in a parsed file: names of tables, numbers of list entries."""
Table = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a key stands; both count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A change of a file's text: what stands from `start` up to `end` becomes `text`.

    Lines end in one character, and columns count characters, as everywhere here.
    """

    path: str
    start: Place
    end: Place
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A piece of a file's text, from `start` up to `end`."""

    start: Place
    end: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A parsed file, and where its keys stand. All of it is untrusted.

    `path` is relative to the workspace, with slashes. `values` are the values that an edit may
    replace. `entries` are what an edit may take out with a key: its lines, or less where a comment
    is to stay. Keys that no edit may touch are in neither. Rules look below `roots`: the first of
    them that has a key tells its place; the file itself where there are none.
    """

    path: str
    content: Table
    places: Mapping[Key, Place]
    values: Mapping[Key, Span] = field(default_factory=dict)
    entries: Mapping[Key, Span] = field(default_factory=dict)
    roots: tuple[Key, ...] = ((),)

    def place(self, key: Key) -> Place:
        """Return where a key stands, or else the nearest one above it that is written down."""
        written = (root for root in self.roots if (*root, *key) in self.places)
        way = (*next(written, self.roots[0]), *key)
        for length in range(len(way), 0, -1):
            if way[:length] in self.places:
                return self.places[way[:length]]
        return Place(line=1, column=1)

    def below(self, *roots: Key) -> "Document":
        """Return the same file for rules that know keys of one entry only, or of its defaults."""
        return replace(self, roots=roots)


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """What a rule has met, and at which key. `words` may quote the file: untrusted.

    `mend` is the source text that the key's value is to be; empty takes the key out, and the table
    that would be left empty. None where a person must decide.
    """

    key: Key
    words: str
    mend: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(Generic[Of]):
    """One thing that is not as it should be. `name` is its heading in docs/check.md, too."""

    name: str
    level: Level
    title: str
    why: str
    fix: str
    find: Callable[[Of], Iterable[Violation]]

    @property
    def page(self) -> str:
        """Where it is explained."""
        return f"docs/check.md#{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A rule that a line of a file does not keep. `edit` mends it; None where a person must."""

    rule: Rule[Any]
    words: str
    path: str
    place: Place
    edit: Edit | None = None


def findings(rules: Iterable[Rule[Of]], of: Of, document: Document) -> tuple[Finding, ...]:
    """Return what the rules find in `of`, in the order of the document's lines."""
    found = (
        Finding(
            rule=rule,
            words=spot.words,
            path=document.path,
            place=document.place(spot.key),
            edit=_edit(spot, document),
        )
        for rule in rules
        for spot in rule.find(of)
    )
    return tuple(sorted(found, key=lambda finding: finding.place.line))


def _edit(spot: Violation, document: Document) -> Edit | None:
    """Return what does as the spot says; None where the text gives no hold for it."""
    if spot.mend is None:
        return None
    stretch = document.values.get(spot.key) if spot.mend else _taken_out(spot.key, document)
    if stretch is None:
        return None
    return Edit(path=document.path, start=stretch.start, end=stretch.end, text=spot.mend)


def _taken_out(key: Key, document: Document) -> Span | None:
    table = document.entries.get(key[:-1])
    is_alone = table is not None and len(_keys_of(document.content, key[:-1])) == 1
    return table if is_alone else document.entries.get(key)


def _keys_of(content: object, key: Key) -> Table:
    """Return the table at a key; what is no table has no keys."""
    for part in key:
        content = content.get(part) if isinstance(content, Mapping) else None
    return content if isinstance(content, Mapping) else {}


def dotted(key: Key) -> str:
    """Return a key as people write it, such as `http_service.checks[0].timeout`. Untrusted."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in key)
    return "".join(parts).removeprefix(".")
