"""A back-test as lines for people, and as JSON. What it quotes is untrusted: a Log escapes it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

from slo_action.core.record.policy_comparison import (
    ComparisonTotals,
    PolicyComparison,
    PolicyOutcome,
    totals_of,
)

_SAME_SECONDS = 0.5
LIMITS = (
    "Only what judges was exchanged. What was asked, and when, stays as recorded:",
    "another pace, a closer look or other endpoints cannot be told from a record.",
)


def backtest_lines(cases: Sequence[PolicyComparison], unread: Mapping[str, str]) -> tuple[str, ...]:
    """Return the whole back-test in lines; `unread` says why a file could not be judged."""
    told = [line for case in cases for line in _case(case)]
    broken = [f"{source}: not judged: {why}" for source, why in unread.items()]
    return (*told, *broken, *_sums(totals_of(cases), len(unread)), *LIMITS)


def backtest_json(cases: Sequence[PolicyComparison], unread: Mapping[str, str]) -> str:
    """Return the same as JSON in ASCII, for programs."""
    data = {
        "cases": [
            {**asdict(case), "changed": case.changed, "later_seconds": case.later_seconds}
            for case in cases
        ],
        "unread": [{"source": source, "why": why} for source, why in unread.items()],
        "sums": asdict(totals_of(cases)),
        "limits": " ".join(LIMITS),
    }
    return json.dumps(data, indent=2, ensure_ascii=True)


def _case(case: PolicyComparison) -> Iterator[str]:
    version = f" {case.version}" if case.version else ""
    yield f"{case.source}: {case.service}{version} ({case.deployment_id})"
    yield f"  then: {_told(case.then)}"
    if case.now is None:
        yield f"  now:  not known: {case.unknown}"
    elif case.now == case.then:
        yield "  now:  the same"
    else:
        yield f"  now:  {_told(case.now)}{_later(case)}{_turn(case.then, case.now)}"
    yield from (f"  note: {note}" for note in case.notes)


def _told(told: PolicyOutcome) -> str:
    rollback = "; calls for a rollback" if told.rollback else ""
    return f"{told.verdict} ({told.cause}) at {told.known_seconds:.0f} s{rollback}"


def _later(case: PolicyComparison) -> str:
    seconds = case.later_seconds
    return f", {_change(seconds)}" if abs(seconds) >= _SAME_SECONDS else ""


def _change(seconds: float) -> str:
    return f"{abs(seconds):.0f} s {'later' if seconds > 0 else 'earlier'}"


def _turn(then: PolicyOutcome, now: PolicyOutcome) -> str:
    if now.rollback and not then.rollback:
        return ": a rollback more"
    if then.rollback and not now.rollback:
        return ": a rollback less"
    return ""


def _sums(sums: ComparisonTotals, unread: int) -> Iterator[str]:
    broken = f", {unread} could not be" if unread else ""
    yield f"{sums.judged} {_records(sums.judged)} judged{broken}."
    yield f"Another verdict or cause: {sums.changed}; not known: {sums.unknown}."
    yield f"It would have rolled back {sums.rolled_back} more, and spared {sums.spared}."
    if sums.detection_seconds is not None:
        told = (
            f"{_change(sums.detection_seconds)} on average"
            if abs(sums.detection_seconds) >= _SAME_SECONDS
            else "at the same time on average"
        )
        yield f"Of {sums.detected} that both call bad, it would have known {told}."


def _records(count: int) -> str:
    return "record" if count == 1 else "records"
