"""One thing that another version of a file says otherwise, and whether it asks for less."""

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

One = TypeVar("One")
NOT_SET = "not set"


class Direction(StrEnum):
    """Looser: something passes, or goes unseen, that did not before. Stricter is its mirror."""

    LOOSER = "looser"
    STRICTER = "stricter"
    NEUTRAL = "neutral"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A limit by which measured values can be held to either version.

    `measured` names the values, as `core/hindsight_matrix.py` does: seconds, or ratios in [0, 1].
    """

    measured: str
    before: float
    after: float
    at_least: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """`service` is empty where it is about the whole file. All text may quote it: untrusted.

    `before` and `after` are facts with their units. `consequence` follows from them by arithmetic;
    empty where nothing does. `limit` is None where no measured value can be held to it.
    """

    service: str
    what: str
    before: str
    after: str
    direction: Direction
    consequence: str = ""
    limit: Limit | None = None


Comparison = Callable[[Any, Any], int]
"""Above zero where the second of two values is the looser one, below where the first is."""


def more_is_looser(before: Any, after: Any) -> int:  # noqa: ANN401 - any two of a kind
    """Order numbers of which the larger lets more pass."""
    return int(after > before) - int(after < before)


def less_is_looser(before: Any, after: Any) -> int:  # noqa: ANN401 - any two of a kind
    """Order numbers of which the smaller lets more pass."""
    return more_is_looser(after, before)


def neither(_before: object, _after: object) -> int:
    """Order values of which none lets more pass."""
    return 0


def _nothing(_before: object, _after: object) -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """How one value of the file is told.

    To say nothing of it is the loosest of all where `absent` is 1, the strictest where it is -1.
    `means` is told of two values, `gone` and `new` where one of them is not set. `measured` is as
    in Limit, `number` a value in its unit.
    """

    what: str
    words: Callable[[Any], str] = str
    order: Comparison = neither
    means: Callable[[Any, Any], str] = _nothing
    absent: int = 0
    gone: str = ""
    new: str = ""
    measured: str = ""
    number: Callable[[Any], float] = float


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallback:
    """What holds in either version where nothing is said; None where that is not known."""

    before: object = None
    after: object = None


_UNKNOWN = Fallback()


def compared(
    service: str, fact: Fact, before: object, after: object, fallback: Fallback = _UNKNOWN
) -> tuple[Change, ...]:
    """Return the change of one value, None being not set; nothing where both say the same."""
    if before == after:
        return ()
    old = fallback.before if before is None else before
    new = fallback.after if after is None else after
    change = Change(
        service=service,
        what=fact.what,
        before=_said(fact, before, old),
        after=_said(fact, after, new),
        direction=_direction(_agreed(_absence(fact, before, after), _order(fact, old, new))),
        consequence=_consequence(fact, (before, after), (old, new)),
        limit=_limit(fact, old, new),
    )
    return (change,)


def _said(fact: Fact, said: object, holds: object) -> str:
    if holds is None:
        return NOT_SET
    return fact.words(holds) + (" (default)" if said is None else "")


def _absence(fact: Fact, before: object, after: object) -> int:
    return fact.absent * ((after is None) - (before is None))


def _order(fact: Fact, old: object, new: object) -> int:
    return 0 if old is None or new is None else fact.order(old, new)


def _agreed(one: int, other: int) -> int:
    """Of two that disagree, neither counts: what is dropped may leave a stricter default."""
    return 0 if one * other < 0 else one or other


def _direction(sign: int) -> Direction:
    if not sign:
        return Direction.NEUTRAL
    return Direction.LOOSER if sign > 0 else Direction.STRICTER


def _consequence(fact: Fact, said: tuple[object, object], holds: tuple[object, object]) -> str:
    """Tell what follows from what is `said` and what `holds`, each before and after."""
    (before, after), (old, new) = said, holds
    both = old is not None and new is not None
    if both and (not fact.absent or None not in said):
        return fact.means(old, new) if old != new else "the same as by default"
    if after is None:
        default = f"a deploy is still held to {fact.words(new)}" if both else ""
        return "; ".join(filter(None, (fact.gone, default)))
    return fact.new if before is None else ""


def _limit(fact: Fact, old: object, new: object) -> Limit | None:
    if not fact.measured or old is None or new is None:
        return None
    return Limit(
        measured=fact.measured,
        before=fact.number(old),
        after=fact.number(new),
        at_least=fact.order is less_is_looser,
    )


def paired(
    before: Iterable[One], after: Iterable[One], key: Callable[[One], Hashable]
) -> Iterator[tuple[One | None, One | None]]:
    """Yield what belongs together by its key, None where a side has none; the former's order first.

    Of several with one key, the first belongs to the first, and so on.
    """
    old, new = _numbered(before, key), _numbered(after, key)
    for name in {**old, **new}:
        yield old.get(name), new.get(name)


def _numbered(
    ones: Iterable[One], key: Callable[[One], Hashable]
) -> dict[tuple[Hashable, int], One]:
    found: dict[tuple[Hashable, int], One] = {}
    seen: dict[Hashable, int] = {}
    for one in ones:
        name = key(one)
        found[name, seen.setdefault(name, 0)] = one
        seen[name] += 1
    return found
