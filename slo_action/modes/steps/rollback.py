"""The steps that change something and verify it, shared by the modes."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from slo_action.config.inputs import PlatformName
from slo_action.config.request import VerifyRequest
from slo_action.core.decision.decide import Action, Decision, RollbackMode, WayBack
from slo_action.core.gate.gate import after_restart
from slo_action.core.model import Release, RollbackStep, VersionRule
from slo_action.core.observation.policy import restored_policy
from slo_action.core.record.record import MachineRestart, Rollback, Verification
from slo_action.core.release.rollback_plan import RollbackPlan
from slo_action.core.verdict.context import JudgementContext
from slo_action.core.verdict.facts import Facts, OnLateStart
from slo_action.core.verdict.judge import judge
from slo_action.errors import Interrupted, PlatformError, WorkspaceError
from slo_action.modes.steps.observe_release import Run, observe_release
from slo_action.modes.steps.publish import publish_or_warn
from slo_action.render.outputs import rollback_begun
from slo_action.render.plan import plan_lines

SNAPSHOTS = "proofs/fly/"
_STOPPED = RollbackStep(
    name="restore", succeeded=False, duration_seconds=0.0, detail="the run was stopped"
)


NO_PLATFORM = "platform none cannot roll back"


def lacks_platform(request: VerifyRequest) -> bool:
    """Return whether a rollback may be wanted where nothing can roll back."""
    wanted = request.policy.rollback is not RollbackMode.OFF
    return wanted and request.platform is PlatformName.NONE


def way_back(run: Run) -> WayBack:
    """Ask the platform what runs, and what a rollback would restore where one may be wanted."""
    platform = run.ports.platform
    if run.request.policy.rollback is RollbackMode.OFF or not platform.can_restore:
        problem = "" if platform.can_restore else NO_PLATFORM
        released = None
        with suppress(PlatformError, Interrupted), run.ports.interrupts.raising():
            released = platform.current_release()  # if it names it: a verdict needs no way back
        return WayBack(platform=platform.name, current=released, problem=problem)
    current = None
    try:
        with run.ports.interrupts.raising():
            current = platform.current_release()
            target = platform.previous_release()
    except PlatformError as error:
        problem = f"no release to roll back to: {error.description}"
        return WayBack(platform=platform.name, current=current, problem=problem)
    except Interrupted:
        return WayBack(platform=platform.name, current=current, problem="the run was stopped")
    return WayBack(platform=platform.name, target=target, current=current)


def stood_down(run: Run, why: str) -> Decision:
    """Return the decision to change nothing, and say it."""
    run.ports.log.line(f"decision: {Action.STAND_DOWN}: {why}")
    return Decision(action=Action.STAND_DOWN, why=why)


def rehearsed(run: Run, target: Release | None, by: str = "") -> Decision:
    """Return how a dry run ends: all but the change itself was done."""
    goal = target.version if target else "the platform's previous release"
    why = f"`rollback: dry-run`; it would have rolled back to {goal}{by}; nothing was changed"
    return replace(stood_down(run, why), rehearsed=True)


def planned(run: Run, decision: Decision) -> tuple[Decision, RollbackPlan | None]:
    """Return the decision with its plan, logged machine by machine; without a safe one, stand down.

    A platform that does not know its machines has no plan to show.
    """
    machines = run.ports.machines
    if decision.action is not Action.ROLL_BACK or machines is None or decision.target is None:
        return decision, None
    try:
        with run.ports.interrupts.raising():
            plan = machines.plan(decision.target)
    except PlatformError as error:
        return stood_down(run, f"a rollback is not safe: {error.description}"), None
    except Interrupted:
        why = "the run was stopped before it could act"
        return Decision(action=Action.STAND_DOWN, why=why), None
    with run.ports.log.group("Plan of the rollback"):
        for line in plan_lines(plan):
            run.ports.log.line(line)
    return decision, plan


def roll_back(run: Run, target: Release | None, failed: str | None) -> Rollback:
    """Restore a release, and verify it by the same gate; a failed step ends it.

    The outputs say so before the first command: the run may be killed in the middle of it.
    """
    keep_snapshots(run, "before/")
    publish_or_warn(run.ports, "outputs", lambda: run.ports.outputs.set(rollback_begun()))
    steps: tuple[RollbackStep, ...] = (_STOPPED,)
    with run.ports.log.group("Rollback"):
        with suppress(Interrupted), run.ports.interrupts.raising():
            steps = run.ports.platform.restore(target, failed, _journal(run))
        for step in steps:
            _log_step(run, step)
    rollback = Rollback(target=target, steps=steps)
    if not rollback.restored or run.ports.interrupts.received:
        return rollback
    verification = _verify_rollback(run, target, failed)
    keep_snapshots(run, "after/")
    return replace(rollback, verification=verification)


def _log_step(run: Run, step: RollbackStep) -> None:
    run.ports.log.line(f"{step.name}: {step.detail}")
    for line in step.output.splitlines():
        run.ports.log.line(f"  {line}")
    _journal(run)(f"{step.name} ended: {step.detail}")


def _journal(run: Run) -> Callable[[str], None]:
    """Journal a step before it is taken, in the log too: a full disk must not stop a rollback."""

    def write(step: str) -> None:
        run.ports.log.line(f"journal: {step}")
        try:
            run.ports.evidence.journal(step)
        except WorkspaceError as error:
            run.ports.log.line(f"the journal could not be written: {error.message}")

    return write


def _verify_rollback(run: Run, target: Release | None, failed: str | None) -> Verification:
    """Any version will do but the one that failed; every machine must run what was restored.

    Where the platform names another release by then, another deploy has happened meanwhile.
    """
    run.ports.log.line("verifying the rollback with the same health gate")
    rule = VersionRule(rejected=failed if run.request.policy.rule.expected else None)
    return _verified(replace(run, rule=rule, release=target), "rollback")


def _verified(run: Run, since: str) -> Verification:
    """Watch the gate and a minute after it, the clock starting anew.

    Users' errors from before would be held against what was restored, so they are not read.
    """
    ports = run.ports
    restored = replace(
        run,
        ports=replace(ports, metrics=None),
        anchor=ports.clock.monotonic(),
        window=restored_policy(run.request.policy.window),
    )
    seen = observe_release(restored, when_passed=lambda _: None)
    judgement = judge(
        Facts(
            gate=seen.gate,
            rule=run.rule,
            on_late_start=OnLateStart.WARN,
            window_policy=run.request.policy.window,
            window=seen.window,
            context=JudgementContext(released=run.release, fleet=seen.fleet, since=since),
        )
    )
    ports.log.line(f"after the {since}: {judgement.verdict}: {judgement.reason}")
    return Verification(
        gate=seen.gate,
        rule=run.rule,
        judgement=judgement,
        window=seen.window,
        released=run.release,
        fleet=seen.fleet,
    )


def restart(run: Run, machine: str) -> MachineRestart:
    """Start one machine again, once, and look whether that was all it needed."""
    machines, stopped = run.ports.machines, replace(_STOPPED, name=f"restart {machine}")
    step = stopped
    with run.ports.log.group(f"Restart of machine {machine}"):
        with suppress(Interrupted), run.ports.interrupts.raising():
            step = machines.restart(machine, _journal(run)) if machines else stopped
        _log_step(run, step)
    remedy = MachineRestart(machine=machine, step=step)
    if not step.succeeded or run.ports.interrupts.received:
        return remedy
    verification = _verified(replace(run, gate=after_restart(run.gate)), "restart")
    return replace(remedy, verification=verification)


def keep_snapshots(run: Run, moment: str = "") -> None:
    """Write the newest state of the machines; a full disk must not end a run.

    `moment` is a directory's name, empty for what is there after the deploy.
    """
    machines = run.ports.machines
    for snapshot in machines.snapshots() if machines else ():
        name = snapshot.name.replace(SNAPSHOTS, f"{SNAPSHOTS}{moment}", 1)
        with suppress(WorkspaceError):
            run.ports.evidence.write(name, snapshot.text)
