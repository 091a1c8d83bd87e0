"""Every number and choice that decides a run, in one value and as sentences."""

from dataclasses import dataclass, field

from slo_action.core.decision.decide import FailOn, RollbackMode
from slo_action.core.gate.gate import Gate, GatePolicy, without_long_gaps
from slo_action.core.model import VersionRule
from slo_action.core.observation.policy import WindowPolicy
from slo_action.core.observation.window import Window
from slo_action.core.text.quantities import percent_words
from slo_action.core.verdict.context import EMPTY_CONTEXT, JudgementContext
from slo_action.core.verdict.facts import Facts, OnLateStart
from slo_action.core.verdict.judge import Judgement, judge


def gate_beside_window(gate: GatePolicy, window: WindowPolicy) -> GatePolicy:
    """Return the gate's policy beside a window: its streak need not be slow to be worth something.

    What the longer gaps would find, the window finds by a probe every second.
    """
    return without_long_gaps(gate) if window.length_seconds else gate


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What decides a run; printed before it starts, stored and hashed in the audit record."""

    gate: GatePolicy = field(default_factory=GatePolicy)
    window: WindowPolicy = field(default_factory=WindowPolicy)
    rule: VersionRule = field(default_factory=VersionRule)
    on_late_start: OnLateStart = OnLateStart.WARN
    rollback: RollbackMode = RollbackMode.AUTO
    fail_on: FailOn = FailOn.INCONCLUSIVE

    def judge(
        self,
        gate: Gate,
        *,
        window: Window | None = None,
        recheck: Gate | None = None,
        context: JudgementContext = EMPTY_CONTEXT,
    ) -> Judgement:
        """Judge what a run observed by this policy; the gate alone by default."""
        return judge(
            Facts(
                gate=gate,
                rule=self.rule,
                on_late_start=self.on_late_start,
                window_policy=self.window,
                window=window,
                recheck=recheck,
                context=context,
            )
        )

    def sentences(self, no_rollback: str = "") -> tuple[str, ...]:
        """Return the policy as sentences. They may quote the expected version: untrusted.

        `no_rollback` is why nothing can be rolled back; empty where something can.
        """
        gate = self.gate
        waits = ", ".join(f"{wait:g}" for wait in gate.backoff_seconds)
        version = f", answering as version {self.rule.expected}" if self.rule.expected else ""
        late = "degraded" if self.on_late_start is OnLateStart.WARN else "rolled back"
        healthy = (
            f"Healthy: {gate.required_streak} consecutive successful attempts within "
            f"{gate.deadline_seconds:g} s of the deploy, at most {gate.max_attempts} attempts"
            f"{version}; a service that becomes healthy only after that is {late}."
        )
        waiting = (
            f"Failures in the first {gate.grace_seconds:g} s do not count. After a failure it "
            f"waits {waits} s, peeking every {gate.peek_interval_seconds:g} s; after a success "
            f"{gate.confirm_gap_seconds:g} s."
        )
        rollback = _ROLLBACK[self.rollback]
        if no_rollback and self.rollback is not RollbackMode.OFF:
            rollback = f"An unhealthy deploy is not rolled back: {no_rollback}."
        return healthy, waiting, *_window_sentences(self.window), rollback


_ROLLBACK = {
    RollbackMode.AUTO: "An unhealthy deploy is rolled back, and the rollback is verified.",
    RollbackMode.DRY_RUN: "Nothing is rolled back: the run says what it would have done.",
    RollbackMode.OFF: "Nothing is rolled back.",
}


def _window_sentences(window: WindowPolicy) -> tuple[str, ...]:
    if not window.length_seconds:
        return ("Nothing is observed after the health gate.",)
    rates = window.rates
    trigger, slo = percent_words(rates.trigger), percent_words(rates.slo)
    observed = (
        f"Observed until {window.length_seconds:g} s after the deploy, with at least a probe every "
        f"{window.interval_seconds:g} s; each endpoint is judged separately, and all pooled."
    )
    plain = f"Fail: more than {trigger} of the planned probes failed"
    outage = f"every endpoint fails for {window.outage_seconds:g} s"
    if not rates.confidence:
        return observed, f"{plain}, or {outage}. Error-rate SLO: {slo}."
    failing = (
        f"{plain}, or the error rate is significantly too high before that "
        f"({percent_words(rates.confidence)} confidence; SLO {slo}), or {outage}."
    )
    passing = (
        f"Pass: failure rate of every endpoint below {trigger} with "
        f"{percent_words(rates.refute_confidence)} confidence; otherwise inconclusive."
    )
    return observed, failing, passing
