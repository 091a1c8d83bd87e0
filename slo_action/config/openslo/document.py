"""A parsed YAML document that remembers where its values stand, and what reading it finds."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, DecimalException

from slo_action.core.lint.rule import Key


@dataclass(frozen=True, slots=True)
class OpenSloModel:
    """A value of a document, None where nothing is written. All of it is untrusted.

    The first entry of `key` counts the documents of the file, from 0.
    """

    key: Key
    content: object

    def at(self, *names: str) -> "OpenSloModel":
        """Return the part below these keys."""
        part = self
        for name in names:
            table = part.content
            inner = table.get(name) if isinstance(table, dict) else None
            part = OpenSloModel((*part.key, name), inner)
        return part

    def entries(self) -> Iterator["OpenSloModel"]:
        """Return the entries of a list; nothing where it is none."""
        if isinstance(self.content, list):
            for index, entry in enumerate(self.content):
                yield OpenSloModel((*self.key, index), entry)

    def pairs(self) -> Iterator[tuple[str, "OpenSloModel"]]:
        """Return the named values of a mapping; nothing where it is none."""
        if isinstance(self.content, dict):
            for name, value in self.content.items():
                if isinstance(name, str):
                    yield name, OpenSloModel((*self.key, name), value)

    def mistake(self, problem: str, accepted: str) -> "KeyMistake":
        """Return what is wrong with this value."""
        return KeyMistake(self.key, problem, accepted, self.text or None)

    @property
    def text(self) -> str:
        """The text, or a number or a flag as text; empty for everything else."""
        match self.content:
            case str() as text:
                return text
            case bool() as flag:
                return "true" if flag else "false"
            case int() | float() as number if abs(number) < _LARGEST:
                return str(number)
        return ""

    @property
    def number(self) -> Decimal | None:
        """The number as it is written, finite and of a sensible size; None where there is none."""
        if isinstance(self.content, bool) or not isinstance(self.content, int | float):
            return None
        try:
            return Decimal(self.text)
        except DecimalException:
            return None


_LARGEST = 1e15
"""Python turns no integer of thousands of digits into text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedObjective:
    """What stands in a document and has no counterpart in slo.yml. `what` is untrusted."""

    key: Key
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class KeyMistake:
    """What is wrong at a key. `value` is untrusted; None where it says nothing, or is not shown."""

    key: Key
    problem: str
    accepted: str
    value: str | int | float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadObjective:
    """An objective that was understood.

    `field` is where it goes in our service, such as `slo_targets.availability`. `value` is a ratio,
    or seconds. `least` says that the smaller of two is the stricter.
    """

    key: Key
    field: str
    value: Decimal
    least: bool
    text: str


def plain_number(number: Decimal) -> str:
    """Return a number without an exponent, and without zeros at its end."""
    return f"{number.normalize():f}"


Found = ReadObjective | SkippedObjective | KeyMistake
