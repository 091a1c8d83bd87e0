"""Deploys as the pages tell them, verified by the shipped mode in virtual time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count

from slo_action.core.gate.gate import GatePolicy
from slo_action.core.model import Outcome, Probe, Sample, VersionRule, Witness
from slo_action.core.observation.policy import WindowPolicy
from slo_action.core.policy.policy import Policy, gate_beside_window
from slo_action.core.record.record import AuditRecord
from slo_action.modes.verify import verify
from slo_action.probing.answer import Answer
from slo_action.probing.body import Body
from slo_action.probing.classify import classify
from tests.builders import always
from tests.worlds.memory_ports import VirtualRun
from tests.worlds.virtual_clock import VirtualClock
from tests.worlds.virtual_deploy import VirtualDeploy
from tests.worlds.virtual_pool import VirtualPool

NEW, OLD = "v1.2.4", "v1.2.3"
_BASE = "https://dashboard.example.com"
_BODY = '{{"status": "{status}", "version": "{version}"}}'
_REFUSED = "the connection was refused: nothing listens there"


@dataclass(frozen=True)
class Reply:
    """What the service says; a status of None is a refused connection."""

    status: int | None = 200
    seconds: float = 0.05


Service = Callable[[str, float], Reply]
"""What the new release says to a path, at a second since the deploy."""

GOOD, BROKEN, REFUSED = Reply(), Reply(503), Reply(None, 0.001)


@dataclass(frozen=True)
class Sent:
    """One probe of the window, and what it found. Times are seconds since the deploy."""

    at_seconds: float
    path: str
    outcome: Outcome


class Scene:
    """The Prober and the ProbePool of one deploy; what they find is read by the shipped rules."""

    def __init__(self, service: Service, clock: VirtualClock, deploy: VirtualDeploy) -> None:
        self.sent: list[Sent] = []
        self.rollback_began: float | None = None
        self._service = service
        self._clock = clock
        self._deploy = deploy
        self.pool = VirtualPool(clock, self._send)

    def ask(self, probes: Sequence[Probe]) -> tuple[Sample, ...]:
        samples = tuple(self._sample(probe) for probe in probes)
        self._clock.advance(max(sample.total_seconds for sample in samples))
        return samples

    def _send(self, probe: Probe, at: float) -> Sample:
        sample = self._sample(probe)
        if probe.witness is not Witness.CONTROL:
            self.sent.append(Sent(at, _path(probe), sample.outcome))
        return sample

    def _sample(self, probe: Probe) -> Sample:
        now = self._clock.monotonic()
        is_new = self._deploy.live == NEW and probe.witness is not Witness.CONTROL
        reply = self._service(_path(probe), now) if is_new else GOOD
        found = Sample(
            witness=probe.witness,
            url=probe.url,
            at=self._clock.now(),
            outcome=Outcome.CONNECT_REFUSED,
            detail=_REFUSED,
            total_seconds=reply.seconds,
            status=reply.status,
        )
        if reply.status is None:
            return found
        status = "ok" if reply.status == 200 else "unhealthy"
        text = _BODY.format(status=status, version=self._deploy.live)
        answer = Answer(
            url=probe.url, at=found.at, status=reply.status, headers=(), body=Body(text=text)
        )
        reading = classify(answer, probe, reply.seconds)
        return replace(
            found, outcome=reading.outcome, detail=reading.detail, version=reading.version
        )


@dataclass(frozen=True)
class Played:
    """A verified deploy, and the probes of its window and of the one after a rollback."""

    record: AuditRecord
    sent: tuple[Sent, ...]


def play(service: Service, *, window: WindowPolicy | None = None) -> Played:
    """Verify v1.2.4, which says to /healthz and /api/orders what `service` returns."""
    stage = VirtualRun({OLD: always(Outcome.OK), NEW: always(Outcome.OK)}, live=NEW)
    stage.endpoints = (Probe(witness=Witness.API, url=f"{_BASE}/api/orders", reads_health=False),)
    scene = Scene(service, stage.clock, stage.deploy)
    watched = window or WindowPolicy()
    policy = Policy(
        rule=VersionRule(expected=NEW),
        gate=gate_beside_window(GatePolicy(), watched),
        window=watched,
    )
    request = stage.request(policy)
    health = replace(request.probes[0], url=f"{_BASE}/healthz")
    record = verify(
        replace(request, probes=(health,)), replace(stage.ports, prober=scene, pool=scene.pool)
    )
    return Played(record, tuple(scene.sent))


def _path(probe: Probe) -> str:
    return probe.url.removeprefix(_BASE)


def every_third(path: str, bad: Reply = BROKEN) -> Service:
    """Return a service that fails every third request to one path."""
    asked = count(1)

    def service(wanted: str, _at: float) -> Reply:
        return bad if wanted == path and next(asked) % 3 == 0 else GOOD

    return service


def until(second: float, then: Reply) -> Service:
    """Return a service that is well up to an instant."""
    return lambda _path, at: GOOD if at < second else then
