"""What `check` holds a file against: a rule is one entry of a table, whatever file it is about."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from slo_action.core.model import Level

Key = tuple[str | int, ...]
"""The way to a value in a parsed file: names of tables, numbers of list entries."""
Table = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a key stands; both count from 1."""

    line: int
    column: int


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
class Rule:
    """One thing that is not as it should be. `name` is its heading in docs/check.md, too."""

    name: str
    level: Level
    title: str
    why: str
    fix: str
    find: Callable[[Table], Iterable[Spot]]

    @property
    def page(self) -> str:
        """Where it is explained."""
        return f"docs/check.md#{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A rule that a line of a file does not keep."""

    rule: Rule
    words: str
    path: str
    place: Place


def findings(rules: Iterable[Rule], document: Document) -> tuple[Finding, ...]:
    """Return what the rules find, in the order of the file's lines."""
    found = (
        Finding(rule=rule, words=spot.words, path=document.path, place=document.place(spot.key))
        for rule in rules
        for spot in rule.find(document.content)
    )
    return tuple(sorted(found, key=lambda finding: finding.place.line))


def dotted(key: Key) -> str:
    """Return a key as people write it, such as `http_service.checks[0].timeout`. Untrusted."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in key)
    return "".join(parts).removeprefix(".")
