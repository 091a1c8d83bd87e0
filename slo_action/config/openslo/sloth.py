"""Sloth's SLO specs, version 1, plain or as a Kubernetes resource, to our objectives."""

from collections.abc import Iterator
from decimal import Decimal

from slo_action.config.openslo.document import (
    Found,
    OpenSloModel,
    ReadObjective,
    SkippedObjective,
    plain_number,
)
from slo_action.config.openslo.metrics import counts_requests

_PLAIN, _RESOURCE = "prometheus/v1", "sloth.slok.dev/v1"
_HUNDRED = Decimal(100)


def is_sloth(document: object) -> bool:
    """Whether a YAML document is a spec of Sloth."""
    if not isinstance(document, dict):
        return False
    return document.get("version") == _PLAIN or document.get("apiVersion") == _RESOURCE


def sloth_body(document: OpenSloModel) -> OpenSloModel:
    """Return what names the service and its SLOs."""
    return document.at("spec") if document.at("apiVersion").text else document


def read_sloth(body: OpenSloModel) -> Iterator[Found]:
    """Return what the SLOs promise, what has no counterpart, and what is wrong."""
    for slo in body.at("slos").entries():
        yield _read(slo)
        if slo.at("alerting").content is not None:
            yield _left(slo.at("alerting"), slo, "recipients are set by `notify`")


def _read(slo: OpenSloModel) -> Found:
    objective = slo.at("objective")
    if objective.number is None or not 0 < objective.number <= _HUNDRED:
        return objective.mistake("is not accepted", "write a percentage such as 99.9")
    events = slo.at("sli", "events")
    names = ("error_query", "errorQuery", "total_query", "totalQuery")
    queries = tuple(text for name in names if (text := events.at(name).text))
    if not queries:
        return _left(slo, slo, "a raw ratio or a plugin may be about anything")
    if not counts_requests(queries):
        return _left(slo, slo, "its metrics do not count HTTP requests for certain")
    value = (_HUNDRED - objective.number) / _HUNDRED
    return ReadObjective(
        key=slo.key,
        field="slo_targets.error_rate",
        value=value,
        least=True,
        text=plain_number(value),
    )


def _left(part: OpenSloModel, slo: OpenSloModel, why: str) -> SkippedObjective:
    return SkippedObjective(
        key=part.key, what=f"slos: {slo.at('name').text or slo.key[-1]}", why=why
    )
