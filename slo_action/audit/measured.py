"""What a recorded run measured, as values that can be held to a limit."""

from collections.abc import Iterator
from math import inf

from slo_action.audit.document import AuditDocument, StreamEntry
from slo_action.audit.window import NEVER
from slo_action.core.model import Mode, Witness
from slo_action.core.slo_diff.impact import Measured, Unit


def measured_by(document: AuditDocument) -> tuple[Measured, ...]:
    """Return each endpoint's percentiles and the error rate of all of them.

    Nothing without an observation window, or where too few answers carry a percentile. Five minutes
    say nothing about availability, so there is none.
    """
    if document.mode is not Mode.VERIFY or document.window is None:
        return ()
    endpoints = [one for one in document.window.streams if _is_endpoint(one)]
    found = [pair for stream in endpoints for pair in _percentiles(stream)]
    return tuple(
        Measured(
            at=document.deployed_at or document.timestamp,
            unit=Unit.DEPLOY,
            service=document.service,
            what=what,
            value=value,
        )
        for what, value in (*found, *_error_rate(endpoints))
    )


def _is_endpoint(stream: StreamEntry) -> bool:
    return not stream.machine and stream.witness is not Witness.VERSION


def _percentiles(stream: StreamEntry) -> Iterator[tuple[str, float]]:
    for name, milliseconds in stream.latency.percentiles_ms.items():
        if milliseconds is not None:
            yield f"{stream.name} {name}", inf if milliseconds == NEVER else milliseconds / 1000


def _error_rate(streams: list[StreamEntry]) -> Iterator[tuple[str, float]]:
    valid = sum(stream.valid for stream in streams)
    if valid:
        yield "error rate", sum(stream.bad for stream in streams) / valid
