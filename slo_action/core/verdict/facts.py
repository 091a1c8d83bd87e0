"""What the rows of the truth table look at: gate, window and context of one run."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from slo_action.core.gate.gate import Gate, GateEnd
from slo_action.core.model import (
    Hopeless,
    Observation,
    ObservationResult,
    Outcome,
    Sample,
    VersionRule,
    Witness,
)
from slo_action.core.observation.policy import WindowPolicy
from slo_action.core.observation.streams import HEALTH
from slo_action.core.observation.window import Window
from slo_action.core.release.fleet import Fleet
from slo_action.core.verdict.context import EMPTY_CONTEXT, JudgementContext
from slo_action.core.verdict.triggers import prevailing_outcome, recent_failures
from slo_action.core.verdict.window_facts import has_failed

_IN_A_ROW = 5
"""So many answers of another version in a row are one in 32 where two versions answer in turn."""


class OnLateStart(StrEnum):
    """What a service gets that became healthy after the deadline."""

    WARN = "warn"
    ROLLBACK = "rollback"


def is_passed(end: GateEnd | None, on_late_start: OnLateStart) -> bool:
    """Return whether a health gate was met: in time, or late where that only warns."""
    return end is GateEnd.MET or (end is GateEnd.LATE and on_late_start is OnLateStart.WARN)


@dataclass(frozen=True, kw_only=True)  # no slots: properties are kept
class Facts:
    """The evidence of one run, ended or interrupted.

    `window` is None where nothing was observed after the gate, or not yet; `window_policy` holds
    the limits all the same. `recheck` is the recheck before a rollback, None where there was
    none. `context` is the platform state and the pre-deploy baseline.
    """

    gate: Gate
    rule: VersionRule
    on_late_start: OnLateStart
    window_policy: WindowPolicy
    window: Window | None = None
    recheck: Gate | None = None
    context: JudgementContext = EMPTY_CONTEXT

    @cached_property
    def end(self) -> GateEnd | None:
        """How the gate ended; None where the run was interrupted."""
        return self.gate.end

    @property
    def since(self) -> str:
        """What second zero was."""
        return self.context.since

    @property
    def is_passed(self) -> bool:
        """True where the health gate was met; late only where that only warns."""
        return is_passed(self.end, self.on_late_start)

    @property
    def failed_window(self) -> Window | None:
        """The window where it had an outage or an error-rate breach; else None."""
        return self.window if self.window is not None and has_failed(self.window) else None

    @property
    def met_fleet(self) -> Fleet | None:
        """The machines in the end, where the health gate was met and the platform lists them."""
        return self.context.fleet if self.is_passed else None

    @property
    def hopeless(self) -> Hopeless | None:
        """The platform status that ended the gate; None where it did not."""
        last = self.gate.observations[-1:]
        return last[0].hopeless if last and self.end is GateEnd.HOPELESS else None

    @property
    def was_well_before(self) -> bool:
        """True where the health endpoint answered well before the deploy."""
        baseline = self.context.baseline
        return baseline is not None and baseline.was_well(HEALTH, self.trigger_rate)

    @property
    def trigger_rate(self) -> float:
        """The failing share above which an endpoint is unhealthy."""
        return float(self.window_policy.rates.trigger)

    @cached_property
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
    def last_detail(self) -> str:
        """What that sample found; empty where there is none."""
        return self.last_failure.detail if self.last_failure else ""

    @property
    def last_neutral(self) -> Observation | None:
        """The latest attempt that said nothing about the service."""
        found = [o for o in self.gate.attempts if o.result is ObservationResult.NEUTRAL]
        return found[-1] if found else None

    @property
    def degraded(self) -> Sample | None:
        """The latest answer of a service that lives but reports itself degraded."""
        streak = self.gate.attempts[-self.gate.policy.required_streak :]
        found = [o.deciding for o in streak if o.deciding.outcome is Outcome.DEGRADED_BODY]
        return found[-1] if found else None

    @property
    def was_taken_over(self) -> bool:
        """True where the expected version answered, and after it only another one, again and again.

        Where both answer in turn, the last few answers are hardly ever all of the other one.
        """
        public = (o for o in self.gate.observations if o.deciding.witness is not Witness.PLATFORM)
        passed = [o.result is ObservationResult.PASSED for o in public if o.version]
        expected = self.rule.expected is not None and any(passed)
        return expected and not any(passed[-_IN_A_ROW:])
