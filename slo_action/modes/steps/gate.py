"""Drives a health gate over the real world: ask, record, say, until it ends."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from slo_action.core.answer import catch_all
from slo_action.core.answer.freshness import refreshed
from slo_action.core.gate.gate import Ask, Gate
from slo_action.core.model import (
    Hopeless,
    HopelessReason,
    Observation,
    ObservationKind,
    ObservationResult,
    Outcome,
    Probe,
    Sample,
    Witness,
)
from slo_action.core.observation.observer_delay import ObserverDelay
from slo_action.core.observation.streams import machine_probe
from slo_action.core.observation.window import Window
from slo_action.core.release.fleet import Fleet, hopeless
from slo_action.errors import Interrupted, WorkspaceError
from slo_action.modes.steps.fleet import MachineWatch
from slo_action.modes.steps.window import WindowDriver, sleep_until
from slo_action.ports import Ports
from slo_action.render.progress import gate_status, observation_line, sample_lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnesses:
    """Who is asked. `control` is asked only where the service gave no answer at all."""

    probes: tuple[Probe, ...]
    control: Probe | None


def run_gate(
    gate: Gate,
    witnesses: Witnesses,
    ports: Ports,
    *,
    anchor: float,
    machines: MachineWatch,
    observer: WindowDriver | None = None,
) -> Gate:
    """Feed the gate until it ends or the run is stopped; return it either way.

    `anchor` is the monotonic instant of second zero. Every observation is put into samples.jsonl
    and logged at once. An `observer` watches from the first sign of life on, while
    the gate waits; where it ended early, the gate need not end.
    """
    delay = ObserverDelay(gate.policy.max_observer_delay_seconds)
    asking = _Asking(witnesses, ports, anchor, machines, delay)
    try:
        with ports.interrupts.raising():
            while isinstance(step := gate.next(), Ask):
                status = partial(gate_status, gate, step.at_seconds)
                ports.log.progress(status(ports.clock.monotonic() - anchor))
                if observer:
                    observer.until(step.at_seconds, status)
                    if observer.ended_early:
                        break
                sleep_until(anchor + step.at_seconds, ports.clock, delay)
                gate = gate.feed(asking.observe(step, gate))
                with suppress(WorkspaceError):  # the audit record holds the samples, too
                    ports.evidence.append("samples.jsonl", sample_lines(gate.observations[-1]))
                ports.log.line(observation_line(gate))
                if observer and _is_alive(gate.observations[-1]):
                    observer.begin()
    except Interrupted:
        pass  # the gate as it stands is the evidence; the caller asks `interrupts.received`
    finally:
        ports.log.progress("")
    return gate


@dataclass(frozen=True, slots=True)
class _Asking:
    """Who is asked, and by what."""

    witnesses: Witnesses
    ports: Ports
    anchor: float
    machines: MachineWatch
    delay: ObserverDelay

    def observe(self, step: Ask, gate: Gate) -> Observation:
        """Ask everything at once, or only what a peek is about."""
        fleet, states = self.machines.samples()
        probes = self._probes(step, fleet)
        started = self._now()
        samples = self._pages_judged(probes, self._asked(probes, gate), gate)
        observation = Observation(
            kind=step.kind,
            started_seconds=started,
            ended_seconds=self._now(),
            samples=tuple(map(_named, _with_platform(samples, states, step.witness))),
            # A proxy may ignore which machine we ask for: the platform's own checks count.
            spared=tuple(m.name for m in fleet.machines if m.is_asked and m.is_vouched)
            if fleet
            else (),
        )
        if observation.deciding.outcome.is_unanswered:
            observation = replace(observation, control_alive=self._control_alive(step, gate))
        return replace(observation, hopeless=_hopeless(observation, fleet))

    def _now(self) -> float:
        return self.ports.clock.monotonic() - self.anchor

    def _asked(self, probes: tuple[Probe, ...], gate: Gate) -> tuple[Sample, ...]:
        """Ask all at once, and each machine that failed once more: a stray failure is no fault."""
        before = {(s.witness, s.machine): s for o in gate.observations for s in o.samples}
        first = tuple(
            refreshed(before.get((s.witness, s.machine)), s) for s in self._answers(probes)
        )
        pairs = zip(probes, first, strict=True)
        again = tuple(p for p, sample in pairs if p.machine and sample.outcome.is_bad)
        return (*first, *self._answers(again)) if again else first

    def _answers(self, probes: tuple[Probe, ...]) -> Iterator[Sample]:
        """Timeouts that this host explains are none."""
        samples = self.ports.prober.ask(probes)
        return (self.delay.judged(s, self.ports.clock.monotonic()) for s in samples)

    def _pages_judged(
        self, probes: tuple[Probe, ...], samples: tuple[Sample, ...], gate: Gate
    ) -> tuple[Sample, ...]:
        """Where a health answer is a page, ask once whether every path gives that page."""
        doubtful = [sample for sample in samples if catch_all.is_doubtful(sample)]
        health = next((p for p in probes if p.witness is Witness.HEALTH), None)
        nowhere = catch_all.no_such_path(health) if doubtful and health else None
        if nowhere is None:
            return samples
        answer = None
        found = catch_all.is_catch_all(s for o in gate.observations for s in o.samples)
        if found is None:
            (answer,) = self.ports.prober.ask((nowhere,))
            found = catch_all.is_same_page(doubtful[0], answer)
            self.ports.log.line(
                f"the health answer is an HTML page; {answer.url}, which cannot exist, "
                f"{'returns it, too' if found else answer.detail}"
            )
        return tuple(
            catch_all.judged(s, answer, catch_all=found) if catch_all.is_doubtful(s) else s
            for s in samples
        )

    def _probes(self, step: Ask, fleet: Fleet | None) -> tuple[Probe, ...]:
        """A machine that rests is not asked: a probe would start it."""
        every = self.witnesses.probes
        asked = tuple(probe for probe in every if step.witness in (None, probe.witness))
        health = next((probe for probe in asked if probe.witness is Witness.HEALTH), None)
        if fleet is None or health is None:
            return asked
        each = (machine_probe(machine, health) for machine in fleet.machines if machine.is_asked)
        return (*asked, *each)

    def _control_alive(self, step: Ask, gate: Gate) -> bool | None:
        """Any HTTP answer of the control proves our own network; None without a control.

        A peek takes the last attempt's result: the control is not asked every two seconds.
        """
        control = self.witnesses.control
        if control is None:
            return None
        attempts = [o for o in gate.observations if o.kind is not ObservationKind.PEEK]
        if step.kind is ObservationKind.PEEK and attempts and attempts[-1].control_alive:
            return True
        (sample,) = self.ports.prober.ask((control,))
        return sample.status is not None


def _is_alive(observation: Observation) -> bool:
    """That machines run is no sign of life; it takes an answer of the service."""
    answered = any(sample.witness is not Witness.PLATFORM for sample in observation.samples)
    return answered and observation.result is ObservationResult.PASSED


def _hopeless(observation: Observation, fleet: Fleet | None) -> Hopeless | None:
    """Whatever a platform says of machines, a release that answers users can still become healthy.

    That nothing of the release is live is another matter: the previous one may answer well.
    """
    found = hopeless(fleet) if fleet else None
    if found is None or observation.result is not ObservationResult.FAILED:
        return None
    public = (s.witness for s in observation.failures if not s.machine)
    fails = any(witness is not Witness.PLATFORM for witness in public)
    return found if fails or found.why is HopelessReason.NOT_LIVE else None


def _with_platform(
    samples: tuple[Sample, ...], states: tuple[Sample, ...], witness: Witness | None
) -> tuple[Sample, ...]:
    """A peek at the health endpoint is about it alone.

    A platform that could not be asked says nothing against answers that are there.
    """
    if witness is Witness.HEALTH:
        return samples
    unanswered = states[:1] and states[0].outcome is Outcome.UNKNOWN
    return samples if samples and unanswered else (*samples, *states)


def _named(sample: Sample) -> Sample:
    """Name the machine that an answer is from, wherever its detail is shown."""
    if not sample.machine:
        return sample
    return replace(sample, detail=f"machine {sample.machine}: {sample.detail}")


def unconsulted(
    witnesses: Witnesses,
    ports: Ports,
    window: Window | None,
    fleet: Fleet | None,
    *,
    is_prepared: bool = True,
) -> tuple[str, ...]:
    """Return what this run did not consult at all."""
    is_version_asked = any(probe.witness is Witness.VERSION for probe in witnesses.probes)
    consulted = {
        "a control endpoint (none is configured)": witnesses.control is not None,
        "a version endpoint (the health answer is read instead)": is_version_asked,
        "the observation window (the health gate alone decided)": window is not None,
        "the platform's machines and checks": fleet is not None,
        "real traffic (no metric source is configured)": ports.metrics is not None,
        "a pre-deploy baseline (`prepare` did not run)": is_prepared,
    }
    return tuple(witness for witness, was_consulted in consulted.items() if not was_consulted)
