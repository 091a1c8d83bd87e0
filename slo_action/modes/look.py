"""Looking at a deploy: the gate, the window beside it, and what both have seen."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from slo_action.config.request import VerifyRequest
from slo_action.core.judge import OnLateStart
from slo_action.core.model import Machine, Probe, VersionRule, Witness
from slo_action.core.schedule import Gate, GateEnd, GatePolicy
from slo_action.core.schedule import recheck as recheck_policy
from slo_action.core.streams import Stream, machine_stream, stream_name
from slo_action.core.window import Window
from slo_action.core.window_policy import WindowPolicy
from slo_action.errors import Interrupted, PlatformError
from slo_action.modes.observe import Observer
from slo_action.modes.watch import Witnesses, watch
from slo_action.ports import Ports


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one verification works with. `anchor` is the monotonic instant of the deploy.

    `rule` and `window` are the request's own, or those of a rollback that is verified.
    """

    request: VerifyRequest
    ports: Ports
    witnesses: Witnesses
    anchor: float
    rule: VersionRule
    window: WindowPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a run has seen so far, and judges by."""

    gate: Gate
    window: Window | None = None
    recheck: Gate | None = None


def look(run: Run, *, when_passed: Callable[[Gate], None]) -> Seen:
    """Watch the gate, and the window from the first sign of life to five minutes after the deploy.

    Where the gate is not passed, it alone decides: the window is no more than its samples.
    `when_passed` is called between the two.
    """
    observer = _observer(run) if run.window.length_seconds else None
    gate = _watch(run, run.request.policy.gate, observer)
    if observer is None:
        return Seen(gate=gate)
    passed = _is_passed(run, gate)
    if passed and not run.ports.interrupts.received:
        observer.gate_met()
        when_passed(gate)
        _finish(run, observer)
    return Seen(gate=gate, window=observer.window if passed or observer.convicts else None)


def look_again(run: Run) -> Gate:
    """Ask once more before anything is changed."""
    return _watch(run, recheck_policy(run.request.policy.gate), None)


def look_on(run: Run, seen: Seen) -> Seen:
    """Watch what has recovered at the last moment, as anything that has become healthy."""
    recovered = seen.recheck is not None and seen.recheck.end in (GateEnd.MET, GateEnd.LATE)
    if not recovered or _to_the_letter(run) or not run.window.length_seconds:
        return seen
    observer = _observer(run)
    observer.begin()
    observer.gate_met()
    _finish(run, observer)
    return replace(seen, window=observer.window)


def _is_passed(run: Run, gate: Gate) -> bool:
    return gate.end is GateEnd.MET or (gate.end is GateEnd.LATE and not _to_the_letter(run))


def _to_the_letter(run: Run) -> bool:
    """A gate that came late is then not passed, and what recovered later is not spared."""
    return run.request.policy.on_late_start is OnLateStart.ROLLBACK


def _watch(run: Run, policy: GatePolicy, observer: Observer | None) -> Gate:
    return watch(
        Gate(policy=policy, begun_seconds=run.ports.clock.monotonic() - run.anchor),
        replace(run.witnesses, probes=_ruled(run)),
        run.ports,
        anchor=run.anchor,
        observer=observer,
    )


def _ruled(run: Run) -> tuple[Probe, ...]:
    return tuple(
        replace(probe, version_rule=run.rule) if probe.version_rule else probe
        for probe in run.witnesses.probes
    )


def _finish(run: Run, observer: Observer) -> None:
    """Watch to the end; stopped before, the window as it stands is the evidence."""
    with suppress(Interrupted), run.ports.interrupts.raising():
        observer.finish()


def _observer(run: Run) -> Observer:
    request, ports = run.request, run.ports
    streams = _streams(run)

    def window(begun_seconds: float) -> Window:
        return Window(
            run.window,
            streams,
            begun_seconds=begun_seconds,
            grace_seconds=request.policy.gate.grace_seconds,
            ready_by_seconds=request.policy.gate.deadline_seconds,
            controlled=run.witnesses.control is not None,
        )

    return Observer(
        window,
        ports,
        control=run.witnesses.control,
        anchor=run.anchor,
        ask_traffic=lambda: ports.metrics.ask(request.deployed_at) if ports.metrics else None,
    )


def _streams(run: Run) -> tuple[Stream, ...]:
    """What the gate asked, the other endpoints, and every machine's health."""
    asked = _ruled(run)
    probes = (*asked, *run.request.endpoints)
    health = next(probe for probe in asked if probe.witness is Witness.HEALTH)
    return (
        *(Stream(name=stream_name(probe), probe=probe) for probe in probes),
        *(machine_stream(machine, health) for machine in _machines(run)),
    )


def _machines(run: Run) -> tuple[Machine, ...]:
    """Machines that the platform cannot name are not asked; the public address still is."""
    try:
        with run.ports.interrupts.raising():
            return run.ports.platform.machines()
    except (PlatformError, Interrupted):
        return ()
