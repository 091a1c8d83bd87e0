"""What the rows of the truth table look at, and what a row is."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from slo_action.core.gate.gate import Gate, GateEnd
from slo_action.core.model import (
    Cause,
    Hopeless,
    Observation,
    ObservationResult,
    Outcome,
    Sample,
    Trigger,
    Verdict,
    VersionRule,
    Witness,
)
from slo_action.core.observation.window import Window
from slo_action.core.verdict.context import EMPTY_CONTEXT, JudgementContext
from slo_action.core.verdict.triggers import prevailing_outcome, recent_failures

_IN_A_ROW = 5
"""So many answers of another version in a row are one in 32 where two versions answer in turn."""


class OnLateStart(StrEnum):
    """What a service gets that became healthy after the deadline."""

    WARN = "warn"
    ROLLBACK = "rollback"


def is_passed(end: GateEnd | None, on_late_start: OnLateStart) -> bool:
    """Tell whether a health gate was met: in time, or late where that is not held against it."""
    return end is GateEnd.MET or (end is GateEnd.LATE and on_late_start is OnLateStart.WARN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the evidence says. `reason` is one sentence and may quote the target: untrusted.

    `row` names the row of the table that decided.
    """

    verdict: Verdict
    cause: Cause
    reason: str
    row: str
    triggers: tuple[Trigger, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the rows look at, worked out once. `end` is None for a run that was interrupted."""

    gate: Gate
    rule: VersionRule
    on_late_start: OnLateStart
    end: GateEnd | None
    window: Window | None = None
    recheck: Gate | None = None
    known: JudgementContext = EMPTY_CONTEXT
    since: str = "deploy"

    @property
    def stands(self) -> bool:
        """True where the health gate was met; late only where that is not held against it."""
        return is_passed(self.end, self.on_late_start)

    @property
    def hopeless(self) -> Hopeless | None:
        """The platform's word that ended the gate; None where it did not."""
        last = self.gate.observations[-1:]
        return last[0].hopeless if last and self.end is GateEnd.HOPELESS else None

    @property
    def recovered(self) -> bool:
        """True where the last look before the rollback found a whole streak."""
        return self.recheck is not None and self.recheck.has_streak

    @property
    def prevailing(self) -> Outcome | None:
        """What the service did wrong in the end."""
        return prevailing_outcome(self.gate)

    @property
    def last_failure(self) -> Sample | None:
        """The sample that best shows the prevailing outcome."""
        shown = [o.deciding for o in recent_failures(self.gate)]
        fitting = [sample for sample in shown if sample.outcome is self.prevailing]
        return fitting[-1] if fitting else None

    @property
    def last_neutral(self) -> Observation | None:
        """The latest attempt that said nothing about the service."""
        found = [o for o in self.gate.attempts if o.result is ObservationResult.NEUTRAL]
        return found[-1] if found else None

    @property
    def degraded(self) -> Sample | None:
        """The latest answer of a service that lives but calls itself degraded."""
        streak = self.gate.attempts[-self.gate.policy.required_streak :]
        found = [o.deciding for o in streak if o.deciding.outcome is Outcome.DEGRADED_BODY]
        return found[-1] if found else None

    @property
    def was_taken_over(self) -> bool:
        """True where the expected version answered, and after it only another one, again and again.

        Where both answer in turn, the last few answers are hardly ever all of the other one.
        """
        public = (o for o in self.gate.observations if o.deciding.witness is not Witness.PLATFORM)
        told = [o for o in public if o.version]
        passed = [o.result is ObservationResult.PASSED for o in told]
        expected = self.rule.expected is not None and any(passed)
        return expected and not any(passed[-_IN_A_ROW:])


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the truth table: when it fits, what it says, and how it says it."""

    name: str
    when: str
    fits: Callable[[Facts], bool]
    verdict: Verdict
    cause: Cause
    reason: Callable[[Facts], str]
