"""`verify`: gate → observe → judge → decide → act → verify → record. publish.py publishes it."""

from contextlib import suppress
from dataclasses import replace

from slo_action.config.request import VerifyRequest
from slo_action.core.decision.decide import (
    Action,
    RollbackMode,
    WayBack,
    compare_and_swap,
    decide,
    ending_of,
    exit_code_of,
    settled,
)
from slo_action.core.gate.gate import Gate, GateEnd
from slo_action.core.model import Mode, Trigger
from slo_action.core.observation.streams import stream_name
from slo_action.core.record.record import (
    AuditRecord,
    MachineRestart,
    Rollback,
    context_of,
    latest_version,
)
from slo_action.core.verdict.context import single_failing_machine
from slo_action.errors import SloVerifyError
from slo_action.modes.steps.audit_record import JudgedRun, audit_record
from slo_action.modes.steps.observe_release import (
    Observed,
    Run,
    begin,
    observe_recovered,
    observe_release,
    recheck,
)
from slo_action.modes.steps.rollback import (
    keep_snapshots,
    lacks_platform,
    planned,
    rehearsed,
    restart,
    roll_back,
    stood_down,
    way_back,
)
from slo_action.ports import Ports
from slo_action.render.annotations import no_platform_annotations, provisional_annotations

POLICY = "Policy"


def verify(request: VerifyRequest, ports: Ports) -> AuditRecord:
    """Verify one deploy and return what happened; only the live log is written."""
    since_deploy = (ports.clock.now() - request.deployed_at).total_seconds()
    run = begin(request, ports, "verifying", since_deploy=since_deploy)
    before = way_back(run)
    _log_policy(run, before)
    seen = observe_release(run, when_passed=lambda gate: _publish_provisional(run, gate))
    keep_snapshots(run)
    before = _asked_again(run, before, seen)
    case = _remedied(_compared(_look_again(_judged(run, before, seen))))
    decision, plan = planned(run, case.decision)
    case = _rehearsed(replace(case, decision=decision, plan=plan))
    rollback = roll_back(run, case.decision.target, case.version) if case.acts else None
    if rollback is not None and rollback.untouched:
        case = replace(case, decision=stood_down(run, rollback.untouched))
        return _record(case, None)
    return _record(case, rollback)


def _log_policy(run: Run, before: WayBack) -> None:
    request, log = run.request, run.ports.log
    journeys = ", ".join(stream_name(probe) for probe in request.endpoints if probe.journey)
    with log.group(POLICY):
        for sentence in request.policy.sentences(before.problem):
            log.line(sentence)
        if journeys and not request.policy.window.length_seconds:
            log.line(f"Without a window (`observe: 0s`) no journey runs: {journeys}.")
        log.annotate(no_platform_annotations([request.service] if lacks_platform(request) else []))
    for name, options in request.asked.items():
        log.line(f"{name} is asked with {'; '.join(options.shown)}")


def _asked_again(run: Run, before: WayBack, seen: Observed) -> WayBack:
    """Ask for the rollback target once more where the platform was away at first, and came back.

    It must still name the release that it named while its machines were watched.
    """
    watched = seen.fleet.release if seen.fleet else None
    wanted = run.request.policy.rollback is not RollbackMode.OFF and run.ports.platform.can_restore
    if not (before.problem and wanted and watched):
        return before
    again = way_back(run)
    is_same = again.current is not None and again.current.version == watched.version
    return again if is_same else before


def _judged(
    run: Run, before: WayBack, seen: Observed, remedy: MachineRestart | None = None
) -> JudgedRun:
    restart = remedy.result if remedy else None
    policy, log = run.request.policy, run.ports.log
    judgement = policy.judge(
        seen.gate,
        window=seen.window,
        recheck=seen.recheck,
        context=context_of(before.current, seen.fleet, run.request.prepared, restart),
    )
    log.line(f"{judgement.verdict} ({judgement.cause}): {judgement.reason}")
    # A dry run does all that `auto` does up to the change itself: what it says is what auto does.
    mode = RollbackMode.AUTO if policy.rollback is RollbackMode.DRY_RUN else policy.rollback
    decision = decide(judgement, mode, before)
    log.line(f"decision: {decision.action}: {decision.why}")
    return JudgedRun(
        run=run, before=before, seen=seen, judgement=judgement, decision=decision, remedy=remedy
    )


def _publish_provisional(run: Run, gate: Gate) -> None:
    """Publish the verdict of the gate alone, so that a pipeline may go on."""
    judgement = run.request.policy.judge(gate)
    with suppress(SloVerifyError):
        run.ports.outputs.set({"provisional-verdict": judgement.verdict})
    run.ports.log.annotate(provisional_annotations(run.request.service, judgement))


def _look_again(case: JudgedRun) -> JudgedRun:
    """Ask once more before anything is changed, where the gate has failed.

    A window is no older than a second, and with partial failures three good answers in a row are
    likely.
    """
    if not case.acts or Trigger.HEALTH_CHECK_FAILURE not in case.judgement.triggers:
        return case
    run = case.run
    run.ports.log.line("recheck before the rollback")
    rechecked = recheck(run)
    if rechecked.end is GateEnd.MISSED:
        return replace(case, seen=replace(case.seen, recheck=rechecked))
    seen = observe_recovered(run, replace(case.seen, recheck=rechecked))
    return _judged(run, case.before, seen)


def _compared(case: JudgedRun) -> JudgedRun:
    """Go on only while platform and service are as they were when the deploy was judged."""
    if not case.acts:
        return case
    run = case.run
    if run.ports.interrupts.received:
        stopped = "the run was stopped before it could act"
        return replace(case, decision=stood_down(run, stopped))
    window, again = case.seen.window, case.seen.recheck
    in_window = window.latest_version if window else None
    checked = compare_and_swap(
        case.decision,
        before=case.before,
        now=way_back(run),
        judged=case.version,
        live=latest_version(again) if again is not None else in_window,
    )
    if checked.action is not Action.ROLL_BACK:
        run.ports.log.line(f"decision: {checked.action}: {checked.why}")
    return replace(case, decision=checked)


def _remedied(case: JudgedRun) -> JudgedRun:
    """Restart a single unhealthy machine, once, before everything is rolled back for it."""
    if not case.acts or case.run.request.policy.rollback is not RollbackMode.AUTO:
        return case
    failing = single_failing_machine(case.seen.gate, case.seen.window, case.seen.fleet)
    if not failing:
        return case
    remedy = restart(case.run, failing)
    keep_snapshots(case.run)
    if remedy.result is None or not remedy.result.is_well:
        return _compared(replace(case, remedy=remedy))
    return _judged(case.run, case.before, case.seen, remedy)


def _rehearsed(case: JudgedRun) -> JudgedRun:
    request = case.run.request
    if request.policy.rollback is not RollbackMode.DRY_RUN or not case.acts:
        return case
    by = f" by `{' '.join(request.commands.rollback)}`" if request.commands.rollback else ""
    return replace(case, decision=rehearsed(case.run, case.decision.target, by))


def _record(case: JudgedRun, rollback: Rollback | None) -> AuditRecord:
    verification = rollback.verification if rollback else None
    ending = ending_of(
        case.judgement.verdict,
        restored=rollback.restored if rollback else None,
        verified=verification.judgement.verdict if verification else None,
    )
    return audit_record(
        replace(case, judgement=settled(case.judgement, case.decision)),
        rollback,
        mode=Mode.VERIFY,
        ending=ending,
        exit_code=exit_code_of(ending, case.run.request.policy.fail_on),
    )
