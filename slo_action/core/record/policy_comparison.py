"""What two policies say of the same recorded run, and what that comes to over many runs."""

from collections.abc import Sequence
from dataclasses import dataclass

from slo_action.core.model import Cause, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyOutcome:
    """What one policy says of a run.

    `known_seconds` after the deploy the evidence was complete. `rollback` is whether the verdict
    calls for one: unhealthy by app or platform, whatever the mode and the rollback target.
    """

    verdict: Verdict
    cause: Cause
    row: str
    known_seconds: float
    rollback: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyComparison:
    """One record under both policies. `now` is None where `unknown` says why it is not known.

    `source` is the record's file; it and the names are untrusted.
    """

    source: str
    service: str
    version: str
    deployment_id: str
    then: PolicyOutcome
    now: PolicyOutcome | None
    unknown: str = ""
    notes: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """True where verdict or cause is another one."""
        before, after = self.then, self.now
        return after is not None and (after.verdict, after.cause) != (before.verdict, before.cause)

    @property
    def later_seconds(self) -> float:
        """How much later it would have been known; below zero is earlier. 0 where unknown."""
        return self.now.known_seconds - self.then.known_seconds if self.now else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonTotals:
    """What a policy changes in all. `detection_seconds` is the mean change of when it was known.

    That mean is over the `detected` runs that call for a rollback by both; None where none does.
    """

    judged: int
    changed: int
    rolled_back: int
    spared: int
    unknown: int
    detected: int
    detection_seconds: float | None


def totals_of(cases: Sequence[PolicyComparison]) -> ComparisonTotals:
    """Count what differs."""
    pairs = [(case, case.now) for case in cases if case.now]
    both = [case for case, now in pairs if case.then.rollback and now.rollback]
    later = sum(case.later_seconds for case in both)
    return ComparisonTotals(
        judged=len(cases),
        changed=sum(case.changed for case in cases),
        rolled_back=sum(now.rollback and not case.then.rollback for case, now in pairs),
        spared=sum(case.then.rollback and not now.rollback for case, now in pairs),
        unknown=len(cases) - len(pairs),
        detected=len(both),
        detection_seconds=later / len(both) if both else None,
    )
