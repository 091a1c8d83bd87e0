"""What a probe finds that the edge answers, judged as the product judges real answers."""

from dataclasses import replace
from datetime import datetime

from slo_action.core.model import Outcome, Probe, Response, Sample, Witness
from slo_action.probing.answer import Answer
from slo_action.probing.body import Body
from slo_action.probing.classify import classify
from tests.worlds.fly.edge import FORCE_HEADER, Edge
from tests.worlds.fly.images import Served

_SILENT_SECONDS = 1.0


def path_of(probe: Probe) -> str:
    """Return a probe's path, without its query."""
    rest = probe.url.partition("://")[2].partition("?")[0]
    return f"/{rest.partition('/')[2]}"


def forced_of(probe: Probe) -> str:
    """Return the machine that a probe's headers force; empty where the balancer chooses."""
    return next((value for name, value in probe.headers if name.lower() == FORCE_HEADER), "")


def sample_of(probe: Probe, edge: Edge, at: datetime, *, control_answers: bool) -> Sample:
    """Send a probe through the edge. What takes longer than its timeout was never answered."""
    if probe.witness is Witness.CONTROL:
        if not control_answers:
            return _silent(probe, at, Outcome.CONNECT_TIMEOUT)
        return _judged(probe, Served(), at)
    served = edge.serve(path_of(probe), forced_of(probe))
    if served.seconds > probe.timeout_seconds:
        late = _silent(probe, at, Outcome.READ_TIMEOUT)
        return replace(late, total_seconds=probe.timeout_seconds)
    return _judged(probe, served, at)


def _judged(probe: Probe, served: Served, at: datetime) -> Sample:
    answer = Answer(
        url=probe.url,
        at=at,
        status=served.status,
        headers=served.headers,
        body=Body(text=served.body),
    )
    reading = classify(answer, probe, served.seconds)
    return Sample(
        witness=probe.witness,
        url=probe.url,
        at=at,
        outcome=reading.outcome,
        detail=reading.detail,
        total_seconds=served.seconds,
        status=served.status,
        version=reading.version,
        retry_after_seconds=reading.retry_after_seconds,
        response=Response(
            http_version="HTTP/1.1",
            status=served.status,
            reason="",
            headers=served.headers,
            body=served.body,
            body_bytes=len(served.body),
        ),
        notes=reading.notes,
        machine=probe.machine,
    )


def _silent(probe: Probe, at: datetime, outcome: Outcome) -> Sample:
    return Sample(
        witness=probe.witness,
        url=probe.url,
        at=at,
        outcome=outcome,
        detail=f"what {outcome} looks like",
        total_seconds=min(_SILENT_SECONDS, probe.timeout_seconds),
        machine=probe.machine,
    )
