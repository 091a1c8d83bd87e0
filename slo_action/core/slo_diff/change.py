"""One field that another version of slo.yml sets otherwise, and whether it asks for less."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, TypeAlias

from slo_action.core.policy.numbers import Comparison, PolicyOverrides, less_is_looser

NOT_SET = "not set"


class Direction(StrEnum):
    """Looser: something passes, or goes unseen, that did not before. Stricter is its mirror."""

    LOOSER = "looser"
    STRICTER = "stricter"
    NEUTRAL = "neutral"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A limit that measured values can be compared with, in both versions.

    `measured` names the values, as `core/slo_diff/impact.py` does: seconds, or ratios in [0, 1].
    """

    measured: str
    before: float
    after: float
    at_least: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """`service` is empty where it is about the whole file. All text may quote it: untrusted.

    `before` and `after` are values with their units. `effect` follows from them by arithmetic;
    empty where nothing does. `limit` is None where there is nothing measured to compare with it.
    """

    service: str
    what: str
    before: str
    after: str
    direction: Direction
    effect: str = ""
    limit: Limit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """How one field is compared and shown.

    `get` takes it out of what holds it. A field that is not set is the loosest of all where
    `absent` is 1, the strictest where it is -1; then `removed` and `added` are the effects.
    `default` is what holds where it is not set, by its holder and the policy; None: not known.
    `measured` is as in Limit, `number` a value in its unit.
    """

    label: str
    get: Callable[[Any], Any] = lambda holder: holder
    format: Callable[[Any], str] = str
    order: Comparison = lambda _before, _after: 0
    effect: Callable[[Any, Any], str] = lambda _before, _after: ""
    absent: int = 0
    removed: str = ""
    added: str = ""
    default: Callable[[Any, PolicyOverrides], Any] = lambda _holder, _policy: None
    measured: str = ""
    number: Callable[[Any], float] = float


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """A list whose entries belong together by `key`.

    `whole` compares entries as such: those in one version only, or all where there are no `fields`.
    Its label, and `where` before those of `fields`, are templates of `where` and the `name`.
    """

    get: Callable[[Any], Iterable[Any]]
    whole: Field
    key: Callable[[Any], Hashable] = lambda entry: entry.name
    where: str = ""
    fields: "Sequence[Compared]" = ()


Compared: TypeAlias = Field | Items | Callable[[Any, Any], Field | None]
"""A callable makes the field of both holders, None where nothing can be compared."""


PolicyPair: TypeAlias = tuple[PolicyOverrides, PolicyOverrides]
"""The policies of one service, or of a file, before and after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """Compares the fields of two versions of one thing, and what they hold.

    `policies` are what holds for the service, defaults included; `where` goes before labels.
    """

    service: str
    policies: PolicyPair
    where: str = ""

    def changes(self, fields: Iterable[Compared], old: object, new: object) -> Iterator[Change]:
        """Yield what differs, field by field."""
        for declared in fields:
            field = declared if isinstance(declared, Field | Items) else declared(old, new)
            if isinstance(field, Items):
                yield from self._items(field, field.get(old), field.get(new))
            elif field is not None:
                yield from self._field(field, old, new)

    def _field(self, field: Field, old: object, new: object) -> tuple[Change, ...]:
        before, after = field.get(old), field.get(new)
        defaults = field.default(old, self.policies[0]), field.default(new, self.policies[1])
        labelled = replace(field, label=f"{self.where} {field.label}".strip())
        return compare(self.service, labelled, _or_none(before), _or_none(after), defaults)

    def _items(self, items: Items, old: Iterable[Any], new: Iterable[Any]) -> Iterator[Change]:
        before, after = tuple(old), tuple(new)
        if not items.fields:
            common = [one for one in before if one in after]
            before, after = (
                tuple(one for one in side if one not in common) for side in (before, after)
            )
        for left, right in _paired(before, after, items.key):
            name = getattr(left or right, "name", "")
            if items.fields and left is not None and right is not None:
                inside = replace(self, where=items.where.format(where=self.where, name=name))
                yield from inside.changes(items.fields, left, right)
            else:
                label = items.whole.label.format(where=self.where, name=name)
                yield from compare(self.service, replace(items.whole, label=label), left, right)


_DIRECTIONS = {1: Direction.LOOSER, 0: Direction.NEUTRAL, -1: Direction.STRICTER}


def compare(
    service: str,
    field: Field,
    before: object,
    after: object,
    defaults: tuple[object, object] = (None, None),
) -> tuple[Change, ...]:
    """Return the change of one value, None being not set; nothing where both are the same.

    `defaults` are what holds in each version where it is not set; None: not known.
    """
    if before == after:
        return ()
    old = defaults[0] if before is None else before
    new = defaults[1] if after is None else after
    absence = field.absent * ((after is None) - (before is None))
    order = 0 if old is None or new is None else field.order(old, new)
    change = Change(
        service=service,
        what=field.label,
        before=_shown(field, before, old),
        after=_shown(field, after, new),
        # what is dropped may leave a stricter default: of two that disagree, neither counts
        direction=_DIRECTIONS[0 if absence * order < 0 else absence or order],
        effect=_effect(field, (before, after), (old, new)),
        limit=_limit(field, old, new),
    )
    return (change,)


def _or_none(value: object) -> object:
    return None if value in ("", ()) else value


def _shown(field: Field, written: object, effective: object) -> str:
    if effective is None:
        return NOT_SET
    return field.format(effective) + (" (default)" if written is None else "")


def _effect(field: Field, written: tuple[object, object], effective: tuple[object, object]) -> str:
    """Return what follows from what is written and what is in effect, each before and after."""
    (before, after), (old, new) = written, effective
    both = old is not None and new is not None
    if both and (not field.absent or None not in written):
        return field.effect(old, new) if old != new else "the same as the default"
    if after is None:
        default = f"the default of {field.format(new)} applies" if both else ""
        return "; ".join(filter(None, (field.removed, default)))
    return field.added if before is None else ""


def _limit(field: Field, old: object, new: object) -> Limit | None:
    if not field.measured or old is None or new is None:
        return None
    return Limit(
        measured=field.measured,
        before=field.number(old),
        after=field.number(new),
        at_least=field.order is less_is_looser,
    )


def _paired(
    before: Iterable[Any], after: Iterable[Any], key: Callable[[Any], Hashable]
) -> Iterator[tuple[Any, Any]]:
    """Yield what belongs together by its key, None where a version has none; old order first.

    Of several with one key, the first belongs to the first, and so on.
    """
    old, new = _numbered(before, key), _numbered(after, key)
    for name in {**old, **new}:
        yield old.get(name), new.get(name)


def _numbered(
    entries: Iterable[Any], key: Callable[[Any], Hashable]
) -> dict[tuple[Hashable, int], Any]:
    found: dict[tuple[Hashable, int], Any] = {}
    counts: dict[Hashable, int] = {}
    for entry in entries:
        name = key(entry)
        found[name, counts.setdefault(name, 0)] = entry
        counts[name] += 1
    return found
