"""Small values for tests, each with only what the test cares about."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from slo_action.core.decide import Action, Decision
from slo_action.core.judge import Judgement, OnLateStart, judge
from slo_action.core.model import (
    Ending,
    Observation,
    ObservationKind,
    Outcome,
    Release,
    RollbackStep,
    RunIdentity,
    Sample,
    VersionRule,
    Witness,
)
from slo_action.core.policy import Policy
from slo_action.core.record import AuditRecord, Rollback, Verification
from slo_action.core.schedule import Ask, Gate, GatePolicy

DEPLOYED_AT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)

World = Callable[[float], Outcome]
"""What the service answers at a moment, in seconds since the deploy."""


def sample(outcome: Outcome = Outcome.OK, at: float = 0.0, **changes: Any) -> Sample:
    values: dict[str, Any] = {
        "witness": Witness.HEALTH,
        "url": "https://dashboard.example/healthz",
        "at": DEPLOYED_AT + timedelta(seconds=at),
        "outcome": outcome,
        "detail": f"what {outcome} looks like",
        "total_seconds": 0.05,
    }
    return Sample(**{**values, **changes})


def observation(
    outcome: Outcome = Outcome.OK,
    at: float = 0.0,
    kind: ObservationKind = ObservationKind.ATTEMPT,
    took: float = 0.05,
    control_alive: bool | None = None,
    **changes: Any,
) -> Observation:
    return Observation(
        kind=kind,
        started_seconds=at,
        ended_seconds=at + took,
        samples=(sample(outcome, at, **changes),),
        control_alive=control_alive,
    )


def drive(
    world: World,
    *,
    policy: GatePolicy | None = None,
    begun: float = 0.0,
    took: float = 0.05,
    **changes: Any,
) -> Gate:
    """Run a gate against a world to its end, in virtual time."""
    gate = Gate(policy=policy or GatePolicy(), begun_seconds=begun)
    now = begun
    for _ in range(1000):
        step = gate.next()
        if not isinstance(step, Ask):
            return gate
        now = max(now, step.at_seconds)
        gate = gate.feed(observation(world(now), now, step.kind, took, **changes))
        now += took
    raise AssertionError("the gate never ended")


def always(outcome: Outcome) -> World:
    return lambda _: outcome


def healthy_from(second: float, before: Outcome = Outcome.HTTP_5XX) -> World:
    return lambda now: Outcome.OK if now >= second else before


def judged(gate: Gate, *, expected: str | None = None, **changes: Any) -> Judgement:
    settings: dict[str, Any] = {"on_late_start": OnLateStart.WARN, **changes}
    return judge(gate, rule=VersionRule(expected=expected), **settings)


def record(gate: Gate | None = None, **changes: Any) -> AuditRecord:
    gate = gate or drive(always(Outcome.OK))
    values: dict[str, Any] = {
        "tool_version": "1.0.0",
        "service": "dashboard",
        "url": "https://dashboard.example",
        "deployment_id": "run_12345",
        "approver": "ceo@company.example",
        "run": RunIdentity(),
        "deployed_at": DEPLOYED_AT,
        "finished_at": DEPLOYED_AT + timedelta(seconds=30),
        "policy": Policy(),
        "gate": gate,
        "recheck": None,
        "judgement": judged(gate),
        "decision": Decision(action=Action.KEEP, why="the verdict is healthy"),
        "rollback": None,
        "ending": Ending.VERIFIED,
        "exit_code": 0,
    }
    return AuditRecord(**{**values, **changes})


def rolled_back(
    to: str = "v1.2.2",
    output: str = "restoring\ndone",
    after: Outcome = Outcome.OK,
    **changes: Any,
) -> AuditRecord:
    """A deploy that never answered well, rolled back by a command that succeeded."""
    gate = drive(always(Outcome.HTTP_5XX), version="v1.2.3")
    verified = drive(always(after), version=to)
    healthy = after is Outcome.OK
    values: dict[str, Any] = {
        "decision": Decision(action=Action.ROLL_BACK, why=f"rolling back to {to}"),
        "rollback": Rollback(
            target=Release(version=to),
            steps=(
                RollbackStep(
                    name="rollback-command",
                    succeeded=True,
                    duration_seconds=4.2,
                    detail="exit status 0",
                    output=output,
                ),
            ),
            verification=Verification(
                gate=verified, rule=VersionRule(rejected="v1.2.3"), judgement=judged(verified)
            ),
        ),
        "ending": Ending.ROLLED_BACK_VERIFIED if healthy else Ending.ROLLED_BACK_UNHEALTHY,
        "exit_code": 10 if healthy else 12,
    }
    return record(gate, **{**values, **changes})
