"""How recorded deploys would have passed under either version of slo.yml."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from operator import ge, le

from slo_action.core.model import Verdict
from slo_action.core.record.policy_comparison import PolicyComparison, PolicyOutcome
from slo_action.core.slo_diff.change import Change, Limit
from slo_action.core.slo_diff.diff import NAME

MOST = 30
POLICY = "policy"
"""What an impact is about that judged recorded runs again."""
_PASSED = (Verdict.HEALTHY, Verdict.DEGRADED)


class Unit(StrEnum):
    """What one value was measured over."""

    DAY = "day"
    DEPLOY = "verified deploy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One value of a service over one day, or in the window after one deploy.

    `what` is `availability`, `error rate` or `job success rate` (ratios in [0, 1]), or a stream and
    a percentile, such as `health p95` (seconds; inf where its rank falls on no answer).
    """

    at: datetime
    unit: Unit
    service: str
    what: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """How many of the newest `compared` values would have passed under one version only.

    `service` and `what` are those of the change. `unknown` counts what could not be judged.
    """

    service: str
    what: str
    unit: Unit
    compared: int
    only_after: int
    only_before: int
    unknown: int = 0


def measured_impact(
    changes: Sequence[Change], past: Iterable[Measured], most: int = MOST
) -> tuple[Impact, ...]:
    """Compare the newest `most` values of each unit with both limits of every change that has some.

    What was measured under a service's old name counts as its own. A change of which nothing was
    measured is left out.
    """
    renamed = {change.before: change.service for change in changes if change.what == NAME}
    kept: dict[tuple[Unit, str, str], list[float]] = defaultdict(list)
    for one in sorted(past, key=lambda one: one.at):
        kept[one.unit, renamed.get(one.service, one.service), one.what].append(one.value)
    return tuple(
        _counted(change.service, change.what, unit, [_passes(limit, one) for one in values[-most:]])
        for change in changes
        if (limit := change.limit)
        for unit in Unit
        if (values := kept.get((unit, change.service, limit.measured)))
    )


def replayed_impact(
    before: Sequence[PolicyComparison], after: Sequence[PolicyComparison]
) -> tuple[Impact, ...]:
    """Compare what the policies of both versions make of the same recorded runs, by service.

    Passed is healthy or degraded. Runs belong together by their file; one that either could not
    judge is counted as unknown.
    """
    later = {case.source: case.now for case in after}
    pairs: dict[str, list[tuple[PolicyOutcome | None, PolicyOutcome | None]]] = defaultdict(list)
    for case in before:
        if case.source in later:
            pairs[case.service].append((case.now, later[case.source]))
    impacts = []
    for service, outcomes in pairs.items():
        judged = [(a.verdict in _PASSED, b.verdict in _PASSED) for a, b in outcomes if a and b]
        unknown = len(outcomes) - len(judged)
        impacts.append(_counted(service, POLICY, Unit.DEPLOY, judged, unknown))
    return tuple(impacts)


def _passes(limit: Limit, value: float) -> tuple[bool, bool]:
    fits = ge if limit.at_least else le
    return fits(value, limit.before), fits(value, limit.after)


def _counted(
    service: str, what: str, unit: Unit, passed: Sequence[tuple[bool, bool]], unknown: int = 0
) -> Impact:
    return Impact(
        service=service,
        what=what,
        unit=unit,
        compared=len(passed),
        only_after=sum(new and not old for old, new in passed),
        only_before=sum(old and not new for old, new in passed),
        unknown=unknown,
    )
