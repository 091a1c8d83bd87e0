"""Several verifications that ended together, and what they add up to."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from slo_action.core.decision.decide import (
    EXIT_HEALTHY,
    EXIT_INCONCLUSIVE,
    EXIT_NOT_RESTORED,
    EXIT_UNHEALTHY,
)
from slo_action.core.model import Cause, Ending, Verdict
from slo_action.core.record.record import AuditRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What kept a service from being judged: an error of ours or of its surroundings. Untrusted.

    `rollback_begun` says that the service's rollback had been begun by then.
    """

    title: str
    message: str
    exit_code: int
    rollback_begun: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceEnding:
    """How the verification of one service ended: with a record, or in trouble.

    Trouble says nothing of the service, so it counts as inconclusive.
    """

    service: str
    outcome: AuditRecord | Trouble

    @property
    def record(self) -> AuditRecord | None:
        """The record; None where there was trouble."""
        return self.outcome if isinstance(self.outcome, AuditRecord) else None

    @property
    def trouble(self) -> Trouble | None:
        """The trouble; None where there is a record."""
        return self.outcome if isinstance(self.outcome, Trouble) else None

    @property
    def verdict(self) -> Verdict:
        """The record's verdict, or inconclusive."""
        return self.record.judgement.verdict if self.record else Verdict.INCONCLUSIVE

    @property
    def cause(self) -> Cause:
        """The record's cause, or the observer."""
        return self.record.judgement.cause if self.record else Cause.OBSERVER

    @property
    def ending(self) -> Ending:
        """The record's ending, or undecided."""
        return self.record.ending if self.record else Ending.UNDECIDED

    @property
    def rollback_begun(self) -> bool:
        """Whether its rollback was begun, whatever came of it."""
        if isinstance(self.outcome, Trouble):
            return self.outcome.rollback_begun
        return self.outcome.rollback is not None

    @property
    def exit_code(self) -> int:
        """The exit status that a run of this service alone would have."""
        return self.outcome.exit_code


_VERDICTS = (Verdict.UNHEALTHY, Verdict.INCONCLUSIVE, Verdict.DEGRADED, Verdict.HEALTHY)
_ENDINGS = (
    Ending.ROLLBACK_FAILED,
    Ending.ROLLED_BACK_UNHEALTHY,
    Ending.NOT_ROLLED_BACK,
    Ending.ROLLED_BACK_VERIFIED,
    Ending.UNDECIDED,
    Ending.VERIFIED,
)
_ORDER_OF_CODES = {
    EXIT_NOT_RESTORED: -2,
    EXIT_UNHEALTHY: -1,
    EXIT_INCONCLUSIVE: 256,
    EXIT_HEALTHY: 257,
}
"""Errors, from 1 on, stand between them by their codes."""


def worst_first(ends: Iterable[ServiceEnding]) -> tuple[ServiceEnding, ...]:
    """Return them by verdict, then by ending, then by exit status; equals keep their order."""
    return tuple(sorted(ends, key=_badness))


def worst_verdict(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the worst of one verdict or more."""
    return min(verdicts, key=_VERDICTS.index)


def _badness(end: ServiceEnding) -> tuple[int, int, int]:
    code = _ORDER_OF_CODES.get(end.exit_code, end.exit_code)
    return _VERDICTS.index(end.verdict), _ENDINGS.index(end.ending), code


def combined_exit_code(ends: Sequence[ServiceEnding]) -> int:
    """Return the worst exit status: a person is needed, unhealthy, broken, undecided, well."""
    codes = (end.exit_code for end in ends)
    return min(codes, key=lambda code: _ORDER_OF_CODES.get(code, code))
