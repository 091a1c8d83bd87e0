"""Every number and choice that decides a run, in one value and in words."""

from dataclasses import dataclass, field

from slo_action.core.decide import FailOn, RollbackMode
from slo_action.core.judge import OnLateStart
from slo_action.core.model import VersionRule
from slo_action.core.schedule import GatePolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What decides a run; printed before it starts, stored and hashed in the audit record."""

    gate: GatePolicy = field(default_factory=GatePolicy)
    rule: VersionRule = field(default_factory=VersionRule)
    on_late_start: OnLateStart = OnLateStart.WARN
    rollback: RollbackMode = RollbackMode.AUTO
    fail_on: FailOn = FailOn.INCONCLUSIVE

    def in_words(self) -> tuple[str, ...]:
        """Return the policy as sentences. They may quote the expected version: untrusted."""
        gate = self.gate
        waits = ", ".join(f"{wait:g}" for wait in gate.backoff_seconds)
        version = f", answering as version {self.rule.expected}" if self.rule.expected else ""
        late = {
            OnLateStart.WARN: "a service that gets healthy only after that is degraded",
            OnLateStart.ROLLBACK: "a service that gets healthy only after that is rolled back",
        }[self.on_late_start]
        rollback = {
            RollbackMode.AUTO: "An unhealthy deploy is rolled back, and the rollback is verified.",
            RollbackMode.DRY_RUN: "Nothing is rolled back: the run says what it would have done.",
            RollbackMode.OFF: "Nothing is rolled back.",
        }[self.rollback]
        healthy = (
            f"Healthy: {gate.required_streak} consecutive successful attempts within "
            f"{gate.deadline_seconds:g} s of the deploy, at most {gate.max_attempts} attempts"
            f"{version}; {late}."
        )
        waiting = (
            f"Failures in the first {gate.grace_seconds:g} s do not count. After a failure it "
            f"waits {waits} s, peeking every {gate.peek_interval_seconds:g} s; after a success "
            f"{gate.confirm_gap_seconds:g} s."
        )
        return healthy, waiting, rollback
