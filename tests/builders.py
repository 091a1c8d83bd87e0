"""Small values for tests, each with only what the test cares about."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from typing import Any

from slo_action.core.decision.decide import Action, Decision
from slo_action.core.gate.gate import Ask, Gate, GatePolicy
from slo_action.core.journey.journeys import Journey
from slo_action.core.model import (
    Ending,
    Observation,
    ObservationKind,
    Outcome,
    Probe,
    Release,
    RollbackStep,
    RunIdentity,
    Sample,
    VersionRule,
    Witness,
)
from slo_action.core.observation.policy import WindowPolicy
from slo_action.core.observation.streams import Slot, Stream, machine_stream
from slo_action.core.observation.window import Window
from slo_action.core.policy.policy import Policy
from slo_action.core.record.record import AuditRecord, Rollback, Verification
from slo_action.core.release.fleet import Machine
from slo_action.core.verdict.facts import Facts, OnLateStart
from slo_action.core.verdict.judge import Judgement, judge

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


def watched(
    world: World | Mapping[str, World],
    *,
    policy: WindowPolicy | None = None,
    endpoints: tuple[str, ...] = ("/api",),
    begun: float = 10.0,
    took: float | Callable[[float], float] = 0.05,
    controlled: bool = False,
    alive: Callable[[float], bool] = lambda _: True,
    **changes: Any,
) -> Window:
    """Drive a window to its end, in virtual time; its gate is met unless a service starts.

    Its streams are `health` and the endpoints: paths, `version`, journeys as `journey buy`, or
    machines as `health@9080e1`.
    A world given by name is that stream's; the others answer well. `alive` is the control's state
    at a moment. `changes` are of the window (`grace_seconds`, `ready_by_seconds`), else of samples.
    """
    own = {key: changes.pop(key) for key in _OF_WINDOWS if key in changes}
    window = Window(
        policy or WindowPolicy(),
        tuple(stream(name) for name in ("health", *endpoints)),
        begun_seconds=begun,
        controlled=controlled,
        **own,
    )
    if not own:
        window.gate_met(begun)
    drive_window(window, lambda slot: _answer(world, slot, took, changes), alive)
    return window


_OF_WINDOWS = ("grace_seconds", "ready_by_seconds")
_SITE = "https://dashboard.example"
_HEALTH = Probe(witness=Witness.HEALTH, url=f"{_SITE}/healthz", version_rule=VersionRule())


def stream(name: str) -> Stream:
    """A stream by what people call it: `health`, `version`, `/a`, `journey buy`, `health@9080`."""
    if name.startswith("journey "):
        journey = Journey(name=name.removeprefix("journey "), steps=())
        probe = Probe(witness=Witness.JOURNEY, url=_SITE, timeout_seconds=30.0, journey=journey)
        return Stream(name=name, probe=probe)
    if name.startswith("/"):
        return Stream(name=name, probe=Probe(witness=Witness.API, url=f"{_SITE}{name}"))
    if machine := name.partition("@")[2]:
        return machine_stream(Machine(name=machine), _HEALTH)
    if name == "health":
        return Stream(name=name, probe=_HEALTH)
    probe = Probe(witness=Witness(name), url=f"{_SITE}/{name}", version_rule=VersionRule())
    return Stream(name=name, probe=probe)


def _answer(
    world: World | Mapping[str, World],
    slot: Slot,
    took: float | Callable[[float], float],
    changes: Mapping[str, Any],
) -> Sample:
    own = world.get(slot.stream.name, always(Outcome.OK)) if isinstance(world, Mapping) else world
    probe, at = slot.stream.probe, slot.at_seconds
    values: dict[str, Any] = {
        "witness": probe.witness,
        "url": probe.url,
        "total_seconds": took(at) if callable(took) else took,
    }
    return sample(own(at), at, **{**values, **changes})


def drive_window(
    window: Window,
    answer: Callable[[Slot], Sample],
    alive: Callable[[float], bool] = lambda _: True,
) -> None:
    """Take every slot of a window, and close it, as the observer does."""
    in_flight: list[tuple[float, int, float, Sample | bool]] = []
    now = window.begun_seconds
    while (slot := window.next()) is not None:
        found, now = answer(slot), slot.at_seconds
        window.sent(slot)
        heappush(in_flight, (now + found.total_seconds, slot.ticket, now, found))
        _land(window, in_flight, now, alive)
    while in_flight and window.end is None:
        now += 0.25
        _land(window, in_flight, now, alive)
    window.close(now if window.end else max(now, window.ends_seconds))


def _land(
    window: Window,
    in_flight: list[tuple[float, int, float, Sample | bool]],
    now: float,
    alive: Callable[[float], bool],
) -> None:
    while in_flight and in_flight[0][0] <= now:
        heard, ticket, asked, found = heappop(in_flight)
        if isinstance(found, Sample):
            window.feed(ticket, found, heard_seconds=heard, now_seconds=now)
        else:
            window.control_heard(asked, heard, now, alive=found)
    if window.wants_control(now):
        window.control_asked(now)
        heappush(in_flight, (now + 0.1, -1, now, alive(now)))


def always(outcome: Outcome) -> World:
    return lambda _: outcome


def between(begin: float, end: float, outcome: Outcome = Outcome.HTTP_5XX) -> World:
    return lambda now: outcome if begin <= now < end else Outcome.OK


def healthy_from(second: float, before: Outcome = Outcome.HTTP_5XX) -> World:
    return lambda now: Outcome.OK if now >= second else before


def judged(gate: Gate, *, expected: str | None = None, **changes: Any) -> Judgement:
    settings: dict[str, Any] = {
        "on_late_start": OnLateStart.WARN,
        "window_policy": WindowPolicy(),
        **changes,
    }
    return judge(Facts(gate=gate, rule=VersionRule(expected=expected), **settings))


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
        "window": None,
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


def observed(window: Window, gate: Gate | None = None, **changes: Any) -> AuditRecord:
    """A run whose window is judged as it stands."""
    gate = gate or drive(always(Outcome.OK), version="v1.2.3")
    policy = Policy(window=window.policy)
    values = {"policy": policy, "window": window, "judgement": judged(gate, window=window)}
    return record(gate, **{**values, **changes})
