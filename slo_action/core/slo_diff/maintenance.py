"""How times of expected failures differ between two versions of slo.yml: more of them is looser."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from slo_action.core.slo.services import Maintenance
from slo_action.core.slo_diff.change import NOT_SET, Change, Fact, compared, more_is_looser, paired
from slo_action.core.text.quantities import duration_words

_GONE, _NEW = "failures then count again", "failures then are expected"


def maintenance_changes(
    service: str, before: Sequence[Maintenance], after: Sequence[Maintenance]
) -> Iterator[Change]:
    """Yield what differs; they belong together by their names."""
    for old, new in paired(before, after, lambda one: one.name):
        name = (old or new or _NEVER).name
        fact = Fact(
            what=f"maintenance {name}",
            words=_words,
            order=_order,
            absent=-1,
            gone=_GONE,
            new=_NEW,
        )
        yield from compared(service, fact, old, new)


_NEVER = Maintenance(name="")


def _words(one: Maintenance) -> str:
    parts = (
        f"{one.schedule} UTC" if one.schedule else "",
        f"{_instant(one.start)} to {_instant(one.end)}" if one.start or one.end else "",
        f"for {duration_words(one.duration)}" if one.duration else "",
        f"on {', '.join(one.services)}" if one.services else "",
    )
    return " ".join(filter(None, parts)) or NOT_SET


def _instant(at: datetime | None) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S %Z") if at else NOT_SET


def _order(before: Maintenance, after: Maintenance) -> int:
    """Only what holds the other, or lasts longer by the same schedule, is known to be more."""
    if before.services != after.services or before.schedule != after.schedule:
        return 0
    if before.duration and after.duration:
        return more_is_looser(before.duration, after.duration)
    return _holds(after, before) - _holds(before, after)


def _holds(outer: Maintenance, inner: Maintenance) -> bool:
    spans = (outer.start, outer.end, inner.start, inner.end)
    if None in spans or (outer.start, outer.end) == (inner.start, inner.end):
        return False
    return bool(outer.start <= inner.start and inner.end <= outer.end)  # type: ignore[operator] # none is None
