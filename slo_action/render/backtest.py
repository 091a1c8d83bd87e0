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
    "Only the policy differs. What was probed, and when, stays as recorded:",
    "another interval, extra probes or other endpoints cannot be judged from a record.",
)


def backtest_lines(cases: Sequence[PolicyComparison], unread: Mapping[str, str]) -> tuple[str, ...]:
    """Return the whole back-test in lines; `unread` says why a file could not be judged."""
    compared = [line for case in cases for line in _case(case)]
    failed = [f"{source}: not judged: {why}" for source, why in unread.items()]
    return (*compared, *failed, *_totals(totals_of(cases), len(unread)), *LIMITS)


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
    yield f"  then: {_outcome(case.then)}"
    if case.now is None:
        yield f"  now:  unknown: {case.unknown}"
    elif case.now == case.then:
        yield "  now:  the same"
    else:
        later = case.later_seconds
        shift = f", {_shift(later)}" if abs(later) >= _SAME_SECONDS else ""
        change = case.now.rollback - case.then.rollback
        rollbacks = {1: ": one more rollback", -1: ": one rollback fewer"}.get(change, "")
        yield f"  now:  {_outcome(case.now)}{shift}{rollbacks}"
    yield from (f"  note: {note}" for note in case.notes)


def _outcome(one: PolicyOutcome) -> str:
    rollback = "; calls for a rollback" if one.rollback else ""
    return f"{one.verdict} ({one.cause}) at {one.known_seconds:.0f} s{rollback}"


def _shift(seconds: float) -> str:
    return f"{abs(seconds):.0f} s {'later' if seconds > 0 else 'earlier'}"


def _totals(sums: ComparisonTotals, unread: int) -> Iterator[str]:
    failed = f", {unread} could not be" if unread else ""
    yield f"{sums.judged} {'record' if sums.judged == 1 else 'records'} judged{failed}."
    yield f"Verdict or cause changed: {sums.changed}; unknown: {sums.unknown}."
    yield f"Rollbacks: {sums.rolled_back} more, {sums.spared} fewer."
    if sums.detection_seconds is not None:
        mean = sums.detection_seconds
        shift = _shift(mean) if abs(mean) >= _SAME_SECONDS else "the same"
        yield f"Mean time to detect ({sums.detected} unhealthy under both): {shift}."
