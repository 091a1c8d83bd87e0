"""What `check` holds a file against: a rule is one entry of a table, whatever file it is about."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
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
class Document:
    """A parsed file, and where its keys stand. All of it is untrusted.

    `path` is relative to the workspace, with slashes.
    """

    path: str
    content: Table
    places: Mapping[Key, Place]

    def place(self, key: Key) -> Place:
        """Return where a key stands, or else the nearest one above it that is written down."""
        for length in range(len(key), 0, -1):
            if key[:length] in self.places:
                return self.places[key[:length]]
        return Place(line=1, column=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """What a rule has met, and at which key. `words` may quote the file: untrusted."""

    key: Key
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(Generic[Of]):
    """One thing that is not as it should be. `name` is its heading in docs/check.md, too."""

    name: str
    level: Level
    title: str
    why: str
    fix: str
    find: Callable[[Of], Iterable[Spot]]

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
        Finding(rule=rule, words=spot.words, path=document.path, place=document.place(spot.key))
        for rule in rules
        for spot in rule.find(of)
    )
    return tuple(sorted(found, key=lambda finding: finding.place.line))


def dotted(key: Key) -> str:
    """Return a key as people write it, such as `http_service.checks[0].timeout`. Untrusted."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in key)
    return "".join(parts).removeprefix(".")
