"""Looking at a deploy: the gate, the window beside it, and what both have seen."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from slo_action.config.request import VerifyRequest
from slo_action.core.gate.gate import Gate, GatePolicy
from slo_action.core.gate.gate import recheck as recheck_policy
from slo_action.core.model import Probe, Release, Sample, VersionRule, Witness
from slo_action.core.observation.observer_delay import ObserverDelay
from slo_action.core.observation.policy import WindowPolicy
from slo_action.core.observation.streams import Stream, machine_stream, stream_name
from slo_action.core.observation.window import Window
from slo_action.core.release.fleet import Fleet
from slo_action.core.verdict.facts import OnLateStart, is_passed
from slo_action.errors import Interrupted
from slo_action.modes.steps.fleet import MachineWatch
from slo_action.modes.steps.gate import Witnesses, run_gate
from slo_action.modes.steps.window import WindowDriver
from slo_action.ports import Ports


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one verification works with. `anchor` is the monotonic instant of the deploy.

    `gate`, `rule` and `window` are the request's own, or those of what was changed and is verified;
    `release` is then what a rollback restored, and None before.
    """

    request: VerifyRequest
    ports: Ports
    witnesses: Witnesses
    anchor: float
    gate: GatePolicy
    rule: VersionRule
    window: WindowPolicy
    release: Release | None = None


def begin(request: VerifyRequest, ports: Ports, what: str, *, since_deploy: float = 0.0) -> Run:
    """Journal that a run begins, and return it; `since_deploy` are the seconds it comes after."""
    ports.evidence.journal(f"begin {what} {request.service} at {request.url}")
    return Run(
        request=request,
        ports=ports,
        witnesses=Witnesses(probes=request.probes, control=request.control),
        anchor=ports.clock.monotonic() - max(since_deploy, 0.0),
        gate=request.policy.gate,
        rule=request.policy.rule,
        window=request.policy.window,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What a run has seen so far, and judges by.

    `fleet` is the platform's latest state; None where there is none, and `unseen` says why if there
    should be. `wake` is the request that started a stopped machine; None where none did.
    """

    gate: Gate
    window: Window | None = None
    recheck: Gate | None = None
    fleet: Fleet | None = None
    unseen: str = ""
    wake: Sample | None = None


def observe_release(run: Run, *, when_passed: Callable[[Gate], None]) -> Observed:
    """Watch the gate, and the window from the first sign of life to five minutes after the deploy.

    Where the gate is not passed, it alone decides: the window is no more than its samples.
    `when_passed` is called between the two.
    """
    machines = _machine_watch(run)
    wake = _wake(run, machines)
    observer = _observer(run, machines) if run.window.length_seconds else None
    gate = _watch(run, run.gate, machines, observer)
    if observer is None:
        return _with_last_state(run, machines, Observed(gate=gate, wake=wake))
    passed = is_passed(gate.end, run.request.policy.on_late_start)
    if passed and not run.ports.interrupts.received:
        observer.gate_met()
        when_passed(gate)
        _finish(run, observer)
    window = observer.window if passed or observer.ended_early else None
    return _with_last_state(run, machines, Observed(gate=gate, window=window, wake=wake))


def _machine_watch(run: Run) -> MachineWatch:
    """What was changed since is judged by what was restored, and not by what was expected."""
    return MachineWatch(run.ports, "" if run.release else run.request.expected_digest)


def _with_last_state(run: Run, machines: MachineWatch, seen: Observed) -> Observed:
    """Ask the platform once more at the end; where it does not answer, its previous state stands.

    A machine that does not run at that moment may be restarting: it gets the time that takes.
    """
    clock = run.ports.clock
    fleet = machines.newest
    with suppress(Interrupted), run.ports.interrupts.raising():
        fleet = machines.look() or machines.newest
        patient = seen.gate.has_streak
        for _ in range(_LAST_LOOKS):
            if not (patient and fleet and fleet.pending):
                break
            clock.sleep_until(clock.monotonic() + _LAST_LOOKS_APART_SECONDS)
            fleet = machines.look() or fleet
    return replace(seen, fleet=fleet, unseen="" if fleet else machines.problem)


_LAST_LOOKS = 4
_LAST_LOOKS_APART_SECONDS = 10.0


def _wake(run: Run, machines: MachineWatch) -> Sample | None:
    """Send the request that starts a service whose machines all rest: timed, but not judged."""
    with suppress(Interrupted), run.ports.interrupts.raising():
        fleet = machines.look()
        counted = fleet.counted if fleet else ()
        if not any(m.is_resting for m in counted) or any(m.is_asked for m in counted):
            return None
        health = next(p for p in run.witnesses.probes if p.witness is Witness.HEALTH)
        patient = replace(health, timeout_seconds=_WAKE_SECONDS, slow_after_seconds=None)
        (sample,) = run.ports.prober.ask((patient,))
        run.ports.log.line(f"woke the service in {sample.total_seconds:.1f} s: {sample.detail}")
        return sample
    return None


_WAKE_SECONDS = 40.0
"""A machine boots in one to thirty seconds, and the proxy holds the request meanwhile."""


def recheck(run: Run) -> Gate:
    """Ask once more before anything is changed."""
    return _watch(run, recheck_policy(run.gate), _machine_watch(run), None)


def probe_once(run: Run) -> Gate:
    """Ask once, for the record: what was there before the change."""
    policy = recheck_policy(run.gate)
    once = replace(policy, required_streak=1, max_attempts=1, late_attempts=0)
    return _watch(run, once, _machine_watch(run), None)


def observed(run: Run, machines: MachineWatch | None = None) -> Window | None:
    """Watch what runs, without a gate before it; the window as it stands where stopped."""
    machines = machines or _machine_watch(run)
    machines.look()
    observer = _observer(run, machines)
    observer.begin()
    observer.gate_met()
    _finish(run, observer)
    return observer.window


def observe_recovered(run: Run, seen: Observed) -> Observed:
    """Watch what has recovered at the last moment, as anything that has become healthy."""
    recovered = seen.recheck is not None and seen.recheck.has_streak
    is_strict = run.request.policy.on_late_start is OnLateStart.ROLLBACK
    if not recovered or is_strict or not run.window.length_seconds:
        return seen
    machines = _machine_watch(run)
    window = observed(run, machines)
    return _with_last_state(run, machines, replace(seen, window=window))


def _watch(
    run: Run, policy: GatePolicy, machines: MachineWatch, observer: WindowDriver | None
) -> Gate:
    return run_gate(
        Gate(policy=policy, begun_seconds=run.ports.clock.monotonic() - run.anchor),
        replace(run.witnesses, probes=_ruled(run)),
        run.ports,
        anchor=run.anchor,
        machines=machines,
        observer=observer,
    )


def _ruled(run: Run) -> tuple[Probe, ...]:
    return tuple(
        replace(probe, version_rule=run.rule) if probe.version_rule else probe
        for probe in run.witnesses.probes
    )


def _finish(run: Run, observer: WindowDriver) -> None:
    """Watch to the end; stopped before, the window as it stands is the evidence."""
    with suppress(Interrupted), run.ports.interrupts.raising():
        observer.finish()
    run.ports.log.progress("")


def _observer(run: Run, machines: MachineWatch) -> WindowDriver:
    request, ports = run.request, run.ports

    def window(begun_seconds: float) -> Window:
        return Window(
            run.window,
            _streams(run, machines.newest),
            begun_seconds=begun_seconds,
            grace_seconds=run.gate.grace_seconds,
            ready_by_seconds=run.gate.deadline_seconds,
            controlled=run.witnesses.control is not None,
        )

    return WindowDriver(
        window,
        ports,
        control=run.witnesses.control,
        anchor=run.anchor,
        ask_traffic=lambda: ports.metrics.ask(request.deployed_at) if ports.metrics else None,
        delay=ObserverDelay(run.window.max_observer_delay_seconds),
    )


def _streams(run: Run, fleet: Fleet | None) -> tuple[Stream, ...]:
    """What the gate asked, the other endpoints, and the health of every machine that runs."""
    asked = _ruled(run)
    probes = (*asked, *run.request.endpoints)
    health = next(probe for probe in asked if probe.witness is Witness.HEALTH)
    machines = [machine for machine in fleet.machines if machine.is_asked] if fleet else []
    return (
        *(Stream(name=stream_name(probe), probe=probe) for probe in probes),
        *(machine_stream(machine, health) for machine in machines),
    )
