"""What is wrong in slo.yml: its services, entry by entry, tested with the rules."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from slo_action.config.slo.load import LoadedSloYml
from slo_action.core.lint.rule import Document, Finding, Key, Place, findings
from slo_action.core.lint.slo.rules import SLO_RULES, SloEntry, value_at
from slo_action.core.text.quoting import quoted

_MOST_NAMED = 5


def slo_findings(loaded: LoadedSloYml | None) -> tuple[Finding, ...]:
    """Return what the rules find in the services of slo.yml; nothing without one.

    What stands in the defaults is found once, with the names of the services that it harms.
    """
    if loaded is None:
        return ()
    rules = [r for r in SLO_RULES if loaded.is_whole or r.name not in _OF_WHAT_LACKS]
    found: dict[tuple[str, str, Place, str], list[tuple[str, Finding]]] = {}
    for name, origin in loaded.origins.items():
        document = origin.document.below(*origin.roots)
        inherited = (value_at(origin.document.content, root[1:]) for root in origin.roots[1:])
        entry = SloEntry(
            service=loaded.slo_yml.services[name],
            table=origin.table,
            inherited=tuple(table for table in inherited if isinstance(table, Mapping)),
        )
        for one in findings(rules, entry, document):
            same = found.setdefault((one.rule.name, one.path, one.place, one.message), [])
            same.append((name, one))
    defaults = _Defaults(loaded)
    return tuple(
        replace(one, message=f"{one.message} ({_services(names)})")
        if defaults.have(one, names)
        else one
        for same in found.values()
        for one, names in ((same[0][1], [name for name, _ in same]),)
    )


_OF_WHAT_LACKS = ("job-without-schedule", "target-without-endpoint")
"""Behind the place where a file breaks off, there may be what these rules miss."""


class _Defaults:
    """Where the defaults of each file stand."""

    def __init__(self, loaded: LoadedSloYml) -> None:
        self._origins = loaded.origins
        self._places: dict[tuple[str, tuple[Key, ...]], frozenset[Place]] = {}

    def have(self, finding: Finding, names: Sequence[str]) -> bool:
        """Return whether a finding on these services stands in the defaults that they share."""
        origin = self._origins[names[0]]
        place = (origin.document.path, origin.roots[1:])
        if place not in self._places:
            self._places[place] = frozenset(_below(origin.document, origin.roots[1:]))
        return finding.place in self._places[place]


def _below(document: Document, roots: Sequence[Key]) -> Iterator[Place]:
    for root in roots:
        for key in _keys(root, value_at(document.content, root[1:])):
            if key in document.places:
                yield document.places[key]


def _keys(key: Key, value: object) -> Iterator[Key]:
    yield key
    parts: Iterable[tuple[str | int, object]] = ()
    if isinstance(value, Mapping):
        parts = value.items()
    elif isinstance(value, list):
        parts = enumerate(value)
    for part, one in parts:
        yield from _keys((*key, part), one)


def _services(names: Sequence[str]) -> str:
    rest = len(names) - _MOST_NAMED
    more = f" and {rest} more service{'' if rest == 1 else 's'}" if rest > 0 else ""
    return ", ".join(map(quoted, names[:_MOST_NAMED])) + more
