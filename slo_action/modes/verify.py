"""`verify`: watch → observe → judge → decide → act → verify → record. Telling is tell.py's."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from slo_action import __version__
from slo_action.config.request import VerifyRequest
from slo_action.core.decide import (
    Action,
    Decision,
    RollbackMode,
    WayBack,
    compare_and_swap,
    decide,
    ending_of,
    exit_code_of,
    settled,
)
from slo_action.core.judge import Judgement, judge, judge_restored
from slo_action.core.model import (
    RollbackStep,
    Trigger,
    VersionRule,
)
from slo_action.core.record import (
    AuditRecord,
    Rollback,
    Verification,
    judged_version,
    latest_version,
)
from slo_action.core.schedule import Gate, GateEnd
from slo_action.core.window_policy import restored_policy
from slo_action.errors import Interrupted, PlatformError, SloVerifyError, WorkspaceError
from slo_action.modes.look import Run, Seen, look, look_again, look_on
from slo_action.modes.watch import Witnesses, unconsulted
from slo_action.ports import Ports
from slo_action.render.annotations import provisional_annotations


def verify(request: VerifyRequest, ports: Ports) -> AuditRecord:
    """Verify one deploy and return what happened; tells nobody but the live log."""
    run = _begin(request, ports)
    before = _way_back(run)
    seen = look(run, when_passed=lambda gate: _tell_provisional(run, gate))
    judgement = _judge(run, seen)
    decision = _decide(run, judgement, before)
    recheck = _look_again(run, judgement, decision)
    if recheck is not None and recheck.end is not GateEnd.MISSED:
        seen = look_on(run, replace(seen, recheck=recheck))
        judgement = _judge(run, seen)
        decision = _decide(run, judgement, before)
    seen = replace(seen, recheck=recheck)
    decision = _rehearsed(run, _compare_and_swap(run, seen, decision, before))
    rollback = _roll_back(run, seen, decision)
    return _record(run, seen, judgement, decision, rollback)


def _begin(request: VerifyRequest, ports: Ports) -> Run:
    since_deploy = (ports.clock.now() - request.deployed_at).total_seconds()
    ports.evidence.journal(f"begin verifying {request.service} at {request.url}")
    with ports.log.group("Policy"):
        for sentence in request.policy.in_words():
            ports.log.line(sentence)
    return Run(
        request=request,
        ports=ports,
        witnesses=Witnesses(probes=request.probes, control=request.control),
        anchor=ports.clock.monotonic() - max(since_deploy, 0.0),
        rule=request.policy.rule,
        window=request.policy.window,
    )


def _way_back(run: Run) -> WayBack:
    """Ask the platform what a rollback would restore; only where one may be wanted."""
    platform = run.ports.platform
    if run.request.policy.rollback is RollbackMode.OFF or not platform.can_restore:
        problem = "" if platform.can_restore else f"platform {platform.name} cannot roll back"
        return WayBack(platform=platform.name, problem=problem)
    try:
        with run.ports.interrupts.raising():
            target = platform.previous_release()
    except PlatformError as error:
        problem = f"there is no way back: {error.message}"
        run.ports.log.line(problem)
        return WayBack(platform=platform.name, problem=problem)
    except Interrupted:
        return WayBack(platform=platform.name, problem="the run was stopped")
    return WayBack(platform=platform.name, target=target)


def _judge(run: Run, seen: Seen) -> Judgement:
    policy = run.request.policy
    judgement = judge(
        seen.gate,
        rule=policy.rule,
        on_late_start=policy.on_late_start,
        window=seen.window,
        recheck=seen.recheck,
    )
    run.ports.log.line(f"{judgement.verdict} ({judgement.cause}): {judgement.reason}")
    return judgement


def _tell_provisional(run: Run, gate: Gate) -> None:
    """Tell what the gate alone says, so that a pipeline may go on while the watch runs."""
    policy = run.request.policy
    judgement = judge(gate, rule=policy.rule, on_late_start=policy.on_late_start)
    with suppress(SloVerifyError):
        run.ports.outputs.set({"provisional-verdict": judgement.verdict})
    run.ports.log.annotate(provisional_annotations(run.request.service, judgement))


def _decide(run: Run, judgement: Judgement, before: WayBack) -> Decision:
    mode = run.request.policy.rollback
    # A dry run does all that `auto` does up to the change itself: what it says is what auto does.
    decision = decide(
        judgement, RollbackMode.AUTO if mode is RollbackMode.DRY_RUN else mode, before
    )
    run.ports.log.line(f"decision: {decision.action}: {decision.why}")
    return decision


def _rehearsed(run: Run, decision: Decision) -> Decision:
    rollback = run.request.policy.rollback
    if rollback is not RollbackMode.DRY_RUN or decision.action is not Action.ROLL_BACK:
        return decision
    goal = decision.target.version if decision.target else "the platform's previous release"
    by = f" by `{' '.join(run.request.commands.rollback)}`" if run.request.commands.rollback else ""
    why = f"`rollback: dry-run`; it would have rolled back to {goal}{by}; nothing was changed"
    run.ports.log.line(f"decision: {Action.STAND_DOWN}: {why}")
    return Decision(action=Action.STAND_DOWN, why=why)


def _look_again(run: Run, judgement: Judgement, decision: Decision) -> Gate | None:
    """Ask once more before anything is changed, where the gate convicts; else None.

    A window's word is no older than a second, and among partial failures three good answers in a
    row are what anybody would expect.
    """
    by_gate = Trigger.HEALTH_CHECK_FAILURE in judgement.triggers
    if decision.action is not Action.ROLL_BACK or not by_gate:
        return None
    run.ports.log.line("one more look before the rollback")
    return look_again(run)


def _compare_and_swap(run: Run, seen: Seen, decision: Decision, before: WayBack) -> Decision:
    """Go on only while platform and service are as they were when the deploy was judged."""
    if decision.action is not Action.ROLL_BACK:
        return decision
    if run.ports.interrupts.received:
        return Decision(action=Action.STAND_DOWN, why="the run was stopped before it could act")
    checked = compare_and_swap(
        decision,
        before=before.target,
        now=_way_back(run),
        judged=judged_version(seen.gate, seen.window, run.request.policy.rule),
        live=_live(seen),
    )
    if checked.action is not Action.ROLL_BACK:
        run.ports.log.line(f"decision: {checked.action}: {checked.why}")
    return checked


def _live(seen: Seen) -> str | None:
    """Return what answered in the last look, or in the window where there was none."""
    if seen.recheck is not None:
        return latest_version(seen.recheck)
    return seen.window.latest_version if seen.window else None


def _roll_back(run: Run, seen: Seen, decision: Decision) -> Rollback | None:
    """Act, and verify by the same gate on the restored version; None where nothing is done."""
    if decision.action is not Action.ROLL_BACK:
        return None
    failed = judged_version(seen.gate, seen.window, run.request.policy.rule)
    with run.ports.log.group("Rollback"):
        steps = _restore(run, decision, failed)
    rollback = Rollback(target=decision.target, steps=steps)
    if not rollback.restored or run.ports.interrupts.received:
        return rollback
    return replace(rollback, verification=_verify_rollback(run, failed))


def _restore(run: Run, decision: Decision, failed: str | None) -> tuple[RollbackStep, ...]:
    stopped = RollbackStep(
        name="restore", succeeded=False, duration_seconds=0.0, detail="the run was stopped"
    )
    steps: tuple[RollbackStep, ...] = (stopped,)
    with suppress(Interrupted), run.ports.interrupts.raising():
        steps = run.ports.platform.restore(decision.target, failed, _journal(run))
    for step in steps:
        run.ports.log.line(f"{step.name}: {step.detail}")
        for line in step.output.splitlines():
            run.ports.log.line(f"  {line}")
        _journal(run)(f"{step.name} ended: {step.detail}")
    return steps


def _journal(run: Run) -> Callable[[str], None]:
    """Journal a step before it is taken, in the log too: a full disk must not stop a rollback."""

    def write(step: str) -> None:
        run.ports.log.line(f"journal: {step}")
        try:
            run.ports.evidence.journal(step)
        except WorkspaceError as error:
            run.ports.log.line(f"the journal could not be written: {error.message}")

    return write


def _verify_rollback(run: Run, failed: str | None) -> Verification:
    """The clock starts anew; any version will do but the one that failed."""
    ports = run.ports
    ports.log.line("verifying the rollback by the same gate")
    rule = VersionRule(rejected=failed if run.request.policy.rule.expected else None)
    # Users' errors from before the rollback would be held against what it restored.
    restored = replace(
        run,
        ports=replace(ports, metrics=None),
        anchor=ports.clock.monotonic(),
        rule=rule,
        window=restored_policy(run.request.policy.window),
    )
    seen = look(restored, when_passed=lambda _: None)
    judgement = judge_restored(seen.gate, seen.window, rule)
    ports.log.line(f"after the rollback: {judgement.verdict}: {judgement.reason}")
    return Verification(gate=seen.gate, rule=rule, judgement=judgement, window=seen.window)


def _record(
    run: Run,
    seen: Seen,
    judgement: Judgement,
    decision: Decision,
    rollback: Rollback | None,
) -> AuditRecord:
    request, verification = run.request, rollback.verification if rollback else None
    ending = ending_of(
        judgement.verdict,
        restored=rollback.restored if rollback else None,
        verified=verification.judgement.verdict if verification else None,
    )
    return AuditRecord(
        tool_version=__version__,
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
        judgement=settled(judgement, decision),
        decision=decision,
        rollback=rollback,
        ending=ending,
        exit_code=exit_code_of(ending, request.policy.fail_on),
        unconsulted=unconsulted(run.witnesses, run.ports, seen.window),
        interrupted=run.ports.interrupts.received,
    )
