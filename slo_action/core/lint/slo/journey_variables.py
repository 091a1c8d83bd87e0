"""Variables of a journey that no step before has captured."""

from collections.abc import Iterator, Mapping

from slo_action.core.journey.templates import names_in, undefined
from slo_action.core.lint.rule import Key, Table, Violation
from slo_action.core.lint.slo.checks import SloEntry, value_at
from slo_action.core.text.quoting import quoted

_TEXTS = ("path", "url", "headers", "form", "body", "json")
"""The keys of a step that may use a variable."""


def undefined_variable(entry: SloEntry) -> Iterator[Violation]:
    """A step can use only what a step before it has captured."""
    for number, journey in enumerate(entry.service.journeys):
        for index, name in undefined(journey):
            step = quoted(journey.steps[index].name)
            words = f"step {step} uses ${{{name}}}, which no step captures before it"
            where: Key = ("journeys", number, "steps", index)
            yield Violation(key=(*where, *_use(name, where, entry.table)), words=words)


def _use(name: str, step: Key, table: Table) -> Key:
    """Return the key below a step's that uses a variable; empty where the step is of defaults."""
    said = ((key, value_at(table, (*step, key))) for key in _TEXTS)
    found = (key for first, value in said for key in _uses(name, (first,), value))
    return next(found, ())


def _uses(name: str, key: Key, value: object) -> Iterator[Key]:
    if isinstance(value, str) and name in names_in(value):
        yield key
    elif isinstance(value, Mapping):
        for part, one in value.items():
            yield from _uses(name, (*key, str(part)), one)
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from _uses(name, (*key, number), one)
