"""`verify`: watch → judge → decide → act → verify → record. Telling is tell.py's."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

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
from slo_action.core.judge import Judgement, OnLateStart, judge
from slo_action.core.model import RollbackStep, VersionRule
from slo_action.core.record import (
    AuditRecord,
    Rollback,
    Verification,
    judged_version,
    latest_version,
)
from slo_action.core.schedule import Gate, GateEnd, GatePolicy
from slo_action.core.schedule import recheck as recheck_policy
from slo_action.errors import Interrupted, PlatformError, WorkspaceError
from slo_action.modes.watch import Witnesses, unconsulted, watch
from slo_action.ports import Ports


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one verification works with. `anchor` is the monotonic instant of the deploy."""

    request: VerifyRequest
    ports: Ports
    witnesses: Witnesses
    anchor: float


def verify(request: VerifyRequest, ports: Ports) -> AuditRecord:
    """Verify one deploy and return what happened; tells nobody but the live log."""
    run = _begin(request, ports)
    before = _way_back(run)
    gate = _watch(run, request.policy.gate, request.policy.rule)
    judgement = _judge(run, gate)
    decision = _decide(run, judgement, before)
    recheck = _look_again(run, decision)
    if recheck is not None and recheck.end is not GateEnd.MISSED:
        judgement = _judge(run, gate, recheck)
        decision = _decide(run, judgement, before)
    decision = _compare_and_swap(run, gate, recheck, decision, before)
    rollback = _roll_back(run, gate, decision)
    return _record(run, gate, recheck, judgement, decision, rollback)


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


def _watch(run: Run, policy: GatePolicy, rule: VersionRule) -> Gate:
    probes = tuple(
        replace(probe, version_rule=rule) if probe.version_rule else probe
        for probe in run.witnesses.probes
    )
    return watch(
        Gate(policy=policy, begun_seconds=run.ports.clock.monotonic() - run.anchor),
        replace(run.witnesses, probes=probes),
        run.ports,
        anchor=run.anchor,
    )


def _judge(run: Run, gate: Gate, recheck: Gate | None = None) -> Judgement:
    policy = run.request.policy
    judgement = judge(gate, rule=policy.rule, on_late_start=policy.on_late_start, recheck=recheck)
    run.ports.log.line(f"{judgement.verdict} ({judgement.cause}): {judgement.reason}")
    return judgement


def _decide(run: Run, judgement: Judgement, before: WayBack) -> Decision:
    decision = decide(judgement, run.request.policy.rollback, before)
    run.ports.log.line(f"decision: {decision.action}: {decision.why}")
    return decision


def _look_again(run: Run, decision: Decision) -> Gate | None:
    """Ask once more before anything is changed; None where nothing is about to be."""
    if decision.action is not Action.ROLL_BACK:
        return None
    run.ports.log.line("one more look before the rollback")
    return _watch(run, recheck_policy(run.request.policy.gate), run.request.policy.rule)


def _compare_and_swap(
    run: Run, gate: Gate, recheck: Gate | None, decision: Decision, before: WayBack
) -> Decision:
    """Go on only while platform and service are as they were when the deploy was judged."""
    if decision.action is not Action.ROLL_BACK:
        return decision
    if run.ports.interrupts.received:
        return Decision(action=Action.STAND_DOWN, why="the run was stopped before it could act")
    checked = compare_and_swap(
        decision,
        before=before.target,
        now=_way_back(run),
        judged=judged_version(gate, run.request.policy.rule),
        live=latest_version(recheck) if recheck else None,
    )
    if checked.action is not Action.ROLL_BACK:
        run.ports.log.line(f"decision: {checked.action}: {checked.why}")
    return checked


def _roll_back(run: Run, gate: Gate, decision: Decision) -> Rollback | None:
    """Act, and verify by the same gate on the restored version; None where nothing is done."""
    if decision.action is not Action.ROLL_BACK:
        return None
    failed = judged_version(gate, run.request.policy.rule)
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
    restored = replace(run, anchor=ports.clock.monotonic())
    gate = _watch(restored, run.request.policy.gate, rule)
    judgement = judge(gate, rule=rule, on_late_start=OnLateStart.WARN, since="rollback")
    ports.log.line(f"after the rollback: {judgement.verdict}: {judgement.reason}")
    return Verification(gate=gate, rule=rule, judgement=judgement)


def _record(
    run: Run,
    gate: Gate,
    recheck: Gate | None,
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
        gate=gate,
        recheck=recheck,
        judgement=settled(judgement, decision),
        decision=decision,
        rollback=rollback,
        ending=ending,
        exit_code=exit_code_of(ending, request.policy.fail_on),
        unconsulted=unconsulted(run.witnesses),
        interrupted=run.ports.interrupts.received,
    )
