"""Where a check's durations are not those of slo.yml, and which of them are safe to mend. Pure."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from fractions import Fraction

from slo_action.core.lint.fly.pairing import (
    TOP_LEVEL,
    Pair,
    asked_of,
    health_of,
    is_same_app,
    toml_text,
    turns,
)
from slo_action.core.lint.fly.tables import Check, in_range, shown
from slo_action.core.lint.rule import Violation, dotted
from slo_action.core.slo.services import Service
from slo_action.core.text.go_durations import go_text

_MICROSECOND = timedelta(microseconds=1)


def match_timing(pair: Pair) -> Iterator[Violation]:
    """Only what both say is compared, and as the platform keeps to it.

    Where several services of the file ask for health and nothing says which the URL leads to, it
    is enough that the checks of one agree; else those of the first are told.
    """
    told = {
        home: [spot for check in checks for spot in _differences(check, pair)]
        for home, checks in asked_of(pair).items()
    }
    yield from told.pop(TOP_LEVEL, ())
    if all(told.values()):
        yield from next(iter(told.values()), ())


def _differences(check: Check, pair: Pair) -> Iterator[Violation]:
    """What one service of the file asks for, the check may say, whatever the others ask for."""
    asking = [turn for turn in turns(pair) if _asks(turn, check)]
    wishes = [_wishes(turn.service) for turn in asking]
    is_sure = is_same_app(pair) and all(_is_sure(turn) for turn in asking)
    mends = _mends(check, wishes) if is_sure else {}
    for name, said in _wishes(pair.service).items():
        written = check.in_effect(name)
        if written is None or written in [_kept(check, name, w[name]) for w in wishes if name in w]:
            continue
        kept, key = _kept(check, name, said), (*check.key, name)
        most = "" if kept == said else f", of which the platform makes {go_text(kept)}"
        told = f"{dotted(key)} = {shown(check.table[name])}, and slo.yml says {go_text(said)}{most}"
        mend = toml_text(go_text(mends[name])) if name in mends else None
        yield Violation(key=key, words=told, mend=mend)


def _asks(pair: Pair, check: Check) -> bool:
    return any(one.key == check.key for checks in asked_of(pair).values() for one in checks)


def _is_sure(pair: Pair) -> bool:
    return sum(home != TOP_LEVEL for home in asked_of(pair)) <= 1


def _wishes(service: Service) -> dict[str, Fraction]:
    """Return the seconds that slo.yml says of health, by the check's name of each."""
    health = health_of(service)
    said = {
        "interval": health.interval if health else None,
        "timeout": health.timeout if health else None,
        "grace_period": service.grace if health else None,
    }
    return {
        name: Fraction(duration // _MICROSECOND, 10**6)
        for name, duration in said.items()
        if duration is not None
    }


def _kept(check: Check, name: str, said: Fraction) -> Fraction:
    return in_range(name, said) if check.is_of_service else said


def _mends(check: Check, wishes: list[dict[str, Fraction]]) -> Mapping[str, Fraction]:
    """Return what the services agree on; nothing that lets the timeout reach the interval."""
    agreed = {
        name: kept.pop()
        for name in ("interval", "timeout", "grace_period")
        for kept in ({_kept(check, name, wish[name]) for wish in wishes if name in wish},)
        if len(kept) == 1
    }
    waits, comes_again = (agreed.get(n, check.seconds(n)) for n in ("timeout", "interval"))
    if waits is not None and comes_again is not None and waits >= comes_again:
        return {name: kept for name, kept in agreed.items() if name == "grace_period"}
    return agreed
