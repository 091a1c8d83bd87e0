"""slo-verify itself, as a policy: the shipped `verify`, with every door of its house simulated.

Nothing of it is copied or set aside. Time is virtual, answers come from the deployment, and a
rollback ends the run at the moment it begins, as nothing after it is scored.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from math import isfinite
from pathlib import Path
from random import Random

from bench.verdicts.score import Judged, Policy
from bench.verdicts.world import Deployment, Reply
from slo_action.config.inputs import CheckRunMode, PlatformName
from slo_action.config.request import RollbackCommands, VerifyRequest
from slo_action.core.gate.gate import GatePolicy
from slo_action.core.model import (
    Annotation,
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
from slo_action.core.policy.policy import Policy as RunPolicy
from slo_action.core.policy.policy import gate_beside_window
from slo_action.core.release.fleet import Fleet, Machine
from slo_action.core.release.rollback_plan import RollbackPlan
from slo_action.core.text.secrets import Secret
from slo_action.modes.verify import verify
from slo_action.ports import Certificate, CompletedProbe, Ports, Snapshot
from slo_action.probing.answer import Answer
from slo_action.probing.body import Body
from slo_action.probing.classify import Reading, classify

_DEPLOYED = datetime(2026, 11, 2, 10, 0, tzinfo=UTC)
_MACHINE = "simulated-machine"
_BODIES = {
    "healthy": '{{"status": "ok", "version": "{version}"}}',
    "degraded": '{{"status": "degraded", "version": "{version}"}}',
    "unhealthy": '{{"status": "unhealthy", "version": "{version}"}}',
    "maintenance": "<!doctype html><title>Down for maintenance</title><h1>We'll be back</h1>",
}
_FAILURES = {
    "refused": Outcome.CONNECT_REFUSED,
    "reset": Outcome.RESET,
    "dns": Outcome.DNS_NXDOMAIN,
    "tls": Outcome.TLS_EXPIRED,
    "silent": Outcome.READ_TIMEOUT,
    "unreachable": Outcome.UNKNOWN,
}
_LOCATIONS = {"good": "/health/", "login": "/login", "loop": "/healthz"}
_RESTART_SECONDS = 8.0
_URLS = {"health": "https://service.example/healthz", "api": "https://service.example/api"}


class _World:
    """The clock, the prober, the pool and the platform of one deployment."""

    name = "simulated"
    can_restore = True

    def __init__(self, deployment: Deployment, rng: Random, *, machines: bool) -> None:
        self._deployment = deployment
        self._rng = rng
        self._now = 0.0
        self._flying: list[tuple[float, int, CompletedProbe]] = []
        self._order = count()
        self._fleet = machines and deployment.machines > 1
        self.requests = 0
        self.rolled_back_at: float | None = None

    def now(self) -> datetime:
        """See ports.Clock."""
        return _DEPLOYED + timedelta(seconds=self._now)

    def monotonic(self) -> float:
        """See ports.Clock."""
        return self._now

    def sleep_until(self, instant: float) -> None:
        """See ports.Clock."""
        self._now = max(self._now, instant)

    def ask(self, probes: Sequence[Probe]) -> tuple[Sample, ...]:
        """See ports.Prober."""
        samples = tuple(self._sample(probe) for probe in probes)
        self._now += max(sample.total_seconds for sample in samples)
        return samples

    def send(self, ticket: int, probe: Probe) -> None:
        """See ports.ProbePool."""
        sample = self._sample(probe)
        ended = self._now + sample.total_seconds
        completed = CompletedProbe(ticket=ticket, sample=sample, sent=self._now, ended=ended)
        heappush(self._flying, (ended, next(self._order), completed))

    def completed(self) -> tuple[CompletedProbe, ...]:
        """See ports.ProbePool."""
        down = []
        while self._flying and self._flying[0][0] <= self._now:
            down.append(heappop(self._flying)[2])
        return tuple(down)

    @property
    def has_machines(self) -> bool:
        """True where the platform knows them one by one."""
        return self._fleet

    def look(self) -> Fleet:
        """See ports.MachinePlatform; it names no releases, and no check of its own."""
        machines = tuple(
            Machine(name=str(number), headers=((_MACHINE, str(number)),))
            for number in range(self._deployment.machines)
        )
        return Fleet(app="simulated", taken_at=self.now(), machines=machines)

    def snapshots(self) -> tuple[Snapshot, ...]:
        """See ports.MachinePlatform."""
        return ()

    def plan(self, target: Release) -> RollbackPlan:
        """See ports.MachinePlatform."""
        return RollbackPlan(target=target, engine="simulated", steps=())

    def certify(self) -> Certificate:
        """See ports.MachinePlatform."""
        return Certificate(release=None, proofs=())

    def restart(self, machine: str, _journal: Callable[[str], None]) -> RollbackStep:
        """Restart one machine: it takes a while, and mends nothing that its release does."""
        self._now += _RESTART_SECONDS
        return RollbackStep(
            name=f"restart {machine}",
            succeeded=True,
            duration_seconds=_RESTART_SECONDS,
            detail="simulated",
        )

    def current_release(self) -> Release | None:
        """See ports.Platform."""
        return None

    def previous_release(self) -> Release | None:
        """See ports.Platform."""
        return Release(version="old")

    def restore(
        self, _target: Release | None, _failed: str | None, _journal: Callable[[str], None]
    ) -> tuple[RollbackStep, ...]:
        """End the run here: what follows a rollback is not scored."""
        self.rolled_back_at = self._now
        step = RollbackStep(name="end", succeeded=False, duration_seconds=0.0, detail="simulated")
        return (step,)

    def _sample(self, probe: Probe) -> Sample:
        if probe.witness is Witness.CONTROL:
            return self._control(probe)
        self.requests += 1
        forced = next((int(value) for name, value in probe.headers if name == _MACHINE), None)
        endpoint = "api" if probe.witness is Witness.API else "health"
        reply = self._deployment.request(self._now, endpoint, self._rng, forced)
        return _read(reply, probe, self.now())

    def _control(self, probe: Probe) -> Sample:
        alive = self._deployment.control(self._now, self._rng)
        return Sample(
            witness=probe.witness,
            url=probe.url,
            at=self.now(),
            outcome=Outcome.OK if alive else Outcome.CONNECT_TIMEOUT,
            detail="",
            total_seconds=0.05 if alive else probe.timeout_seconds,
            status=200 if alive else None,
        )


def _read(reply: Reply, probe: Probe, at: datetime) -> Sample:
    """Read a reply as the prober does: its outcome comes from the shipped rules."""
    seconds = min(reply.seconds, probe.timeout_seconds)
    if reply.status is None or reply.seconds > probe.timeout_seconds:
        outcome = _FAILURES[reply.failure] if reply.status is None else Outcome.READ_TIMEOUT
        took = seconds if isfinite(seconds) else probe.timeout_seconds
        return Sample(
            witness=probe.witness,
            url=probe.url,
            at=at,
            outcome=outcome,
            detail=reply.failure,
            total_seconds=took,
            machine=probe.machine,
        )
    reading = _reading(reply, probe, seconds)
    return Sample(
        witness=probe.witness,
        url=probe.url,
        at=at,
        outcome=reading.outcome,
        detail=reading.detail,
        total_seconds=seconds,
        status=reply.status,
        version=reading.version,
        retry_after_seconds=reading.retry_after_seconds,
        machine=probe.machine,
    )


_KNOWN: dict[tuple[object, ...], Reading] = {}


def _reading(reply: Reply, probe: Probe, seconds: float) -> Reading:
    """Ask the shipped rules once for each kind of answer."""
    limit = probe.slow_after_seconds
    key = (
        *(reply.status, reply.body, reply.version, reply.location, reply.retry_after),
        *(reply.cached, reply.challenge, reply.too_large, probe.witness),
        limit is not None and seconds > limit,
    )
    found = _KNOWN.get(key)
    if found is None:
        found = _KNOWN[key] = classify(_answer(reply, probe), probe, seconds)
    return found


def _answer(reply: Reply, probe: Probe) -> Answer:
    headers = {
        "Content-Type": "text/html" if reply.body == "maintenance" else "application/json",
        "Location": _LOCATIONS.get(reply.location, ""),
        "Retry-After": "" if reply.retry_after is None else f"{reply.retry_after:.0f}",
        "Age": "17" if reply.cached else "",
        "X-Cache": "HIT" if reply.cached else "",
        "cf-mitigated": "challenge" if reply.challenge else "",
    }
    problem = (Outcome.BODY_TOO_LARGE, "too large") if reply.too_large else None
    text = _BODIES[reply.body].format(version=reply.version)
    return Answer(
        url=probe.url,
        at=_DEPLOYED,
        status=reply.status or 0,
        headers=tuple((name, value) for name, value in headers.items() if value),
        body=Body(text=text, problem=problem),
    )


class _Silence:
    """The log, the evidence, the outputs and the interrupts: nobody listens."""

    received = ""
    directory = Path("evidence")
    place = "evidence"

    def line(self, text: str) -> None:
        """See ports.Log."""

    @contextmanager
    def group(self, _title: str) -> Iterator[None]:
        """See ports.Log."""
        yield

    def annotate(self, annotations: Sequence[Annotation]) -> None:
        """See ports.Log."""

    def progress(self, text: str) -> None:
        """See ports.Log."""

    def mask(self, secret: str) -> None:
        """See ports.Log."""

    def write(self, name: str, _text: str) -> Path:
        """See ports.Evidence."""
        return self.directory / name

    def append(self, name: str, text: str) -> None:
        """See ports.Evidence."""

    def journal(self, step: str) -> None:
        """See ports.Evidence."""

    def files(self) -> tuple[Path, ...]:
        """See ports.Evidence."""
        return ()

    def set(self, values: Mapping[str, str]) -> None:
        """See ports.Outputs."""

    def summarize(self, markdown: str) -> None:
        """See ports.Outputs."""

    @contextmanager
    def raising(self) -> Iterator[None]:
        """See ports.Interrupts."""
        yield


def ours(*, machines: bool = False, window: WindowPolicy | None = None) -> Policy:
    """Return slo-verify as a policy, watching health and API; with `machines`, each of them too."""
    rule = VersionRule(expected="new")
    watched = window or WindowPolicy()
    gate = gate_beside_window(GatePolicy(), watched)
    policy = RunPolicy(rule=rule, gate=gate, window=watched)
    health = Probe(witness=Witness.HEALTH, url=_URLS["health"], version_rule=rule)
    api = Probe(witness=Witness.API, url=_URLS["api"], reads_health=False)

    def decide(deployment: Deployment, rng: Random) -> Judged:
        world, silence = _World(deployment, rng, machines=machines), _Silence()
        ports = Ports(
            clock=world,
            prober=world,
            pool=world,
            platform=world,
            machines=world if world.has_machines else None,
            log=silence,
            evidence=silence,
            outputs=silence,
            interrupts=silence,
        )
        record = verify(_request(policy, health, api), ports)
        at = world.monotonic() if world.rolled_back_at is None else world.rolled_back_at
        return Judged(
            rolled_back=world.rolled_back_at is not None,
            at=at,
            requests=world.requests,
            verdict=record.judgement.verdict,
        )

    return decide


def _request(policy: RunPolicy, health: Probe, api: Probe) -> VerifyRequest:
    return VerifyRequest(
        service="service",
        url="https://service.example",
        probes=(health,),
        endpoints=(api,),
        control=Probe(witness=Witness.CONTROL, url="https://control.example"),
        policy=policy,
        platform=PlatformName.COMMAND,
        commands=RollbackCommands(timeout_seconds=300.0),
        deployment_id="simulated",
        deployed_at=_DEPLOYED,
        approver="nobody",
        run=RunIdentity(),
        token=Secret(""),
        check_run=CheckRunMode.OFF,
        artifact_name="",
        matrix=(),
        retention_days=None,
        secrets=(),
    )


def _plain(policy: WindowPolicy) -> WindowPolicy:
    return replace(policy, rates=replace(policy.rates, confidence=0.0))


OURS: dict[str, Policy] = {
    "slo-verify": ours(),
    "slo-verify, plain rule": ours(window=_plain(WindowPolicy())),
    "slo-verify, machines too": ours(machines=True),
}
