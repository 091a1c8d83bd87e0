"""`rollback`: plan → compare → act → verify → record. It is judged by its result only."""

from dataclasses import replace

from slo_action.config.request import VerifyRequest
from slo_action.core.decision.decide import Action, Decision, RollbackMode, WayBack
from slo_action.core.model import Mode
from slo_action.core.record.manual_rollback import (
    asked,
    manual_ending,
    manual_exit_code,
    manual_judgement,
    recheck_manual,
)
from slo_action.core.record.record import AuditRecord, latest_version
from slo_action.errors import PlatformError
from slo_action.modes.steps.audit_record import JudgedRun, audit_record
from slo_action.modes.steps.observe_release import Observed, Run, begin, probe_once
from slo_action.modes.steps.rollback import planned, rehearsed, roll_back, way_back
from slo_action.ports import Ports


def rollback(request: VerifyRequest, ports: Ports) -> AuditRecord:
    """Go back to a release because a person asks for it, and verify what it restored.

    Raises PlatformError where there is nothing to roll back to: nothing was touched then.
    """
    run = begin(request, ports, "rolling back")
    before = _way_back(run)
    seen = Observed(gate=probe_once(run))
    decision, plan = planned(run, asked(request.approver, before.target))
    acts = decision.action is Action.ROLL_BACK
    if acts and request.policy.rollback is RollbackMode.DRY_RUN:
        decision = replace(rehearsed(run, decision.target), target=decision.target)
    decision = _compared(run, decision, before)
    failed = latest_version(seen.gate)
    acts = decision.action is Action.ROLL_BACK
    done = roll_back(run, decision.target, failed) if acts else None
    if done is not None and done.untouched:
        decision = replace(decision, action=Action.STAND_DOWN, why=done.untouched)
        done = None
    ending = manual_ending(done)
    return audit_record(
        JudgedRun(
            run=run,
            before=before,
            seen=seen,
            judgement=manual_judgement(done, decision),
            decision=decision,
            plan=plan,
        ),
        done,
        mode=Mode.ROLLBACK,
        ending=ending,
        exit_code=manual_exit_code(ending, rehearsed=decision.rehearsed),
    )


def _way_back(run: Run) -> WayBack:
    found = way_back(run)
    if found.problem:
        raise PlatformError(found.problem, hint="name a release by `to-version`, or see the docs")
    if found.target and found.current and found.target.version == found.current.version:
        run.ports.log.line(
            f"{found.target.version} is the newest release: it is restored as it was"
        )
    return found


def _compared(run: Run, decision: Decision, before: WayBack) -> Decision:
    """What a person saw must still be so when it is acted on."""
    if decision.action is not Action.ROLL_BACK:
        return decision
    if run.ports.interrupts.received:
        stopped = "the run was stopped before it acted"
        return replace(decision, action=Action.STAND_DOWN, why=stopped)
    return recheck_manual(decision, before=before, now=way_back(run))
