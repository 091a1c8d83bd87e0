"""What `check` tests files with: a rule is one entry of a table, whatever file it is about."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partialmethod
from typing import Any, Generic, TypeVar

from slo_action.core.model import Level

Of = TypeVar("Of")
"""What a rule looks at: a parsed file, a service of slo.yml, or both together."""

Key = tuple[str | int, ...]
"""The way to a value in a parsed file: names of tables, numbers of list entries."""
Table = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a key stands; both count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A piece of a file's text, from `start` up to `end`."""

    start: Place
    end: Place


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

    `path` is relative to the workspace, with slashes. `values` are the values that an edit may
    replace. `entries` are what an edit may take out with a key: its lines, or less where a comment
    is to stay. Keys that no edit may touch are in neither. Rules look below `roots`: the first of
    them that has a key has its place; the file itself where there are none.
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
        """Return the same file for rules about the keys of one entry, or of its defaults."""
        return replace(self, roots=roots)


@dataclass(frozen=True, slots=True)
class Violation:
    """What a rule has found, and at which key. `message` may quote the file: untrusted.

    `replacement` is the source text that the key's value is to be; empty removes the key, and the
    table that would be left empty. None where a person must decide.
    """

    key: Key
    message: str
    replacement: str | None = None


Find = Callable[[Of], Iterable[Violation]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(Generic[Of]):
    """One thing that should be otherwise. `name` is its heading in docs/check.md, too.

    Without `find`, the reader of the file finds what it is about.
    """

    name: str
    level: Level
    title: str
    why: str
    fix: str
    find: Find[Of] = lambda _of: ()

    @property
    def page(self) -> str:
        """Where it is explained."""
        return f"docs/check.md#{self.name}"


class RuleTable(list[Rule[Of]]):
    """Rules in the order of docs/check.md, each entered beside its check."""

    def rule(
        self, level: Level, name: str, title: str, *, why: str, fix: str
    ) -> Callable[[Find[Of]], Find[Of]]:
        """Enter the decorated check as a rule."""

        def enter(find: Find[Of]) -> Find[Of]:
            self.append(Rule(name=name, level=level, title=title, why=why, fix=fix, find=find))
            return find

        return enter

    notice = partialmethod(rule, Level.NOTICE)
    warning = partialmethod(rule, Level.WARNING)
    error = partialmethod(rule, Level.ERROR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A rule that a line of a file breaks. `edit` fixes it; None where a person must."""

    rule: Rule[Any]
    message: str
    path: str
    place: Place
    edit: Edit | None = None


def findings(rules: Iterable[Rule[Of]], of: Of, document: Document) -> tuple[Finding, ...]:
    """Return what the rules find in `of`, in the order of their lines."""
    found = (
        Finding(
            rule=rule,
            message=violation.message,
            path=document.path,
            place=document.place(violation.key),
            edit=_edit(violation, document),
        )
        for rule in rules
        for violation in rule.find(of)
    )
    return tuple(sorted(found, key=lambda finding: finding.place.line))


def _edit(violation: Violation, document: Document) -> Edit | None:
    """Return what makes the replacement; None where the text has no place for it."""
    key, text = violation.key, violation.replacement
    if text is None:
        return None
    span = document.values.get(key) if text else _removed(key, document)
    return Edit(path=document.path, start=span.start, end=span.end, text=text) if span else None


def _removed(key: Key, document: Document) -> Span | None:
    """Return what to take out: the key, or its table where it would be left empty."""
    table = document.entries.get(key[:-1])
    content: object = document.content
    for part in key[:-1]:
        content = content.get(part) if isinstance(content, Mapping) else None
    is_alone = isinstance(content, Mapping) and len(content) == 1
    return table if table is not None and is_alone else document.entries.get(key)


def dotted(key: Key) -> str:
    """Return a key as people write it, such as `http_service.checks[0].timeout`. Untrusted."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in key)
    return "".join(parts).removeprefix(".")
