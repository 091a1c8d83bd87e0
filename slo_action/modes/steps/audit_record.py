"""The audit record of a run, as its mode ended it."""

from dataclasses import dataclass

from slo_action import __version__
from slo_action.core.decision.decide import Action, Decision, WayBack
from slo_action.core.model import Ending, Mode
from slo_action.core.record.record import AuditRecord, MachineRestart, Rollback, judged_version
from slo_action.core.release.rollback_plan import RollbackPlan
from slo_action.core.verdict.judge import Judgement
from slo_action.modes.steps.gate import unconsulted
from slo_action.modes.steps.observe_release import Observed, Run


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedRun:
    """One run as it stands: what was seen, what that means, and what is to follow.

    `before` is what a rollback would have restored when the run began.
    """

    run: Run
    before: WayBack
    seen: Observed
    judgement: Judgement
    decision: Decision
    remedy: MachineRestart | None = None
    plan: RollbackPlan | None = None

    @property
    def acts(self) -> bool:
        """True where it is to be rolled back."""
        return self.decision.action is Action.ROLL_BACK

    @property
    def version(self) -> str | None:
        """The version that the verdict is about."""
        rule = self.run.request.policy.rule
        return judged_version(self.seen.gate, self.seen.window, rule)


def audit_record(
    judged: JudgedRun, rollback: Rollback | None, *, mode: Mode, ending: Ending, exit_code: int
) -> AuditRecord:
    """Return the record. A rollback by hand consults what it verifies, and needs no baseline."""
    run, request, seen = judged.run, judged.run.request, judged.seen
    is_prepared = bool(request.prepared and request.prepared.baseline)
    fleet = seen.fleet
    if mode is Mode.ROLLBACK:
        is_prepared = True
        fleet = rollback.verification.fleet if rollback and rollback.verification else None
    return AuditRecord(
        tool_version=__version__,
        mode=mode,
        service=request.service,
        url=request.url,
        deployment_id=request.deployment_id,
        approver=request.approver,
        run=request.run,
        deployed_at=request.deployed_at,
        finished_at=run.ports.clock.now(),
        policy=request.policy,
        gate=seen.gate,
        window=seen.window,
        recheck=seen.recheck,
        judgement=judged.judgement,
        decision=judged.decision,
        rollback=rollback,
        ending=ending,
        exit_code=exit_code,
        unconsulted=unconsulted(
            run.witnesses, run.ports, seen.window, fleet, is_prepared=is_prepared
        ),
        interrupted=run.ports.interrupts.received,
        released=judged.before.current,
        fleet=seen.fleet,
        prepared=request.prepared,
        plan=judged.plan,
        remedy=judged.remedy,
        wake=seen.wake,
        unseen=seen.unseen,
        no_rollback=judged.before.problem,
        asked=request.asked,
    )
