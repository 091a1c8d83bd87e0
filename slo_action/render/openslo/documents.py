"""Services as OpenSLO v1: a Service each, and an SLO for each objective."""

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from json import dumps

import yaml

from slo_action.core.slo.openslo import (
    API_VERSION,
    ENDPOINT_TARGET,
    LATENCY_TARGETS,
    LATENCY_WINDOW,
    OBJECTIVE,
    PREFIX,
    RATIO_WINDOWS,
)
from slo_action.core.slo.services import Endpoint, Service
from slo_action.render.openslo.annotations import places, settings, unheld

_Table = dict[str, object]
_NAME_LENGTH = 63
"""Some tools take an object's name for a DNS label."""
_LINE = 1_000
"""A query is read on one line."""


def openslo_documents(services: Iterable[Service]) -> str:
    """Return YAML of several documents; empty where there are no services.

    What OpenSLO has no place for stands in annotations of ours, or is named in a description.
    """
    documents = list(_documents(services))
    if not documents:
        return ""
    text: str = yaml.dump_all(
        documents, Dumper=_Dumper, explicit_start=True, sort_keys=False, width=_LINE
    )
    return text


class _Dumper(yaml.SafeDumper):
    """Quotes what some version of YAML reads as something else than text."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = '"' if _NOT_PLAIN.match(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_NOT_PLAIN = re.compile(r"[-+.~0-9]|(?:true|false|null|yes|no|on|off|y|n)$", re.IGNORECASE)
_Dumper.add_representer(str, _text)


def _documents(services: Iterable[Service]) -> Iterator[_Table]:
    names: set[str] = set()
    slo_names: set[str] = set()
    for service in services:
        name = _unique(service.name, names)
        yield _service(service, name)
        for objective, slo in _slos(service, name):
            slo_name = _unique(f"{name}-{objective}", slo_names)
            yield _object("SLO", slo_name, {OBJECTIVE: objective}, slo)


def _service(service: Service, name: str) -> _Table:
    values = settings(service)
    if name != service.name:
        values = {"service": service.name, **values}
    kept = {f"{PREFIX}{key}": value for key, value in (*values.items(), *_extremes(service))}
    left = unheld(service)
    description = (
        f"Not expressible in OpenSLO: {', '.join(left)}." if left else "Printed by slo-verify."
    )
    return _object("Service", name, kept, {"description": description})


def _extremes(service: Service) -> Iterator[tuple[str, str]]:
    """Targets that no number of OpenSLO's can say: 100 %, and those of very many digits."""
    for name in RATIO_WINDOWS:
        ratio = getattr(service.targets, name)
        if ratio is not None and _target(name, ratio) is None:
            yield f"slo_targets.{name}", _decimal(ratio)


def _slos(service: Service, name: str) -> Iterator[tuple[str, _Table]]:
    for objective in RATIO_WINDOWS:
        ratio = getattr(service.targets, objective)
        target = None if ratio is None else _target(objective, ratio)
        if target is not None:
            yield objective, _ratio_slo(service.name, name, objective, target)
    for endpoint, place in places(service):
        objective = _latency_objective(endpoint, place)
        if objective and endpoint.objective:
            yield objective, _latency_slo(service.name, name, objective, endpoint)


def _latency_objective(endpoint: Endpoint, place: str) -> str:
    """Return our name of the endpoint's objective; empty where it has none that slo.yml knows."""
    quantile = endpoint.objective.quantile if endpoint.objective else None
    if place:
        p95 = LATENCY_TARGETS[ENDPOINT_TARGET].quantile
        return f"{place}.{ENDPOINT_TARGET}" if quantile == p95 else ""
    for name, target in LATENCY_TARGETS.items():
        if (target.endpoint, target.quantile) == (endpoint.name, quantile):
            return name
    return ""


def _ratio_slo(service: str, name: str, objective: str, target: float) -> _Table:
    counter, queries = _QUERIES[objective]
    of = dumps(service)
    metrics = {which: _prometheus(query.replace("SERVICE", of)) for which, query in queries.items()}
    indicator = {"ratioMetric": {"counter": counter, **metrics}}
    return _slo(name, objective, indicator, RATIO_WINDOWS[objective], {"target": target})


def _latency_slo(service: str, name: str, objective: str, endpoint: Endpoint) -> _Table:
    goal = endpoint.objective
    quantile = float(goal.quantile) if goal else 0.0
    where = f"job={dumps(service)},endpoint={dumps(endpoint.path)}"
    rate = f"rate(http_request_duration_seconds_bucket{{{where}}}[5m])"
    query = f"histogram_quantile({quantile:g}, sum by (le) ({rate}))"
    limit = goal.limit_seconds if goal else 0.0
    entry: _Table = {"op": "lte", "value": limit, "target": quantile}
    indicator = {"thresholdMetric": _prometheus(query)}
    return _slo(name, objective, indicator, LATENCY_WINDOW, entry)


_QUERIES: Mapping[str, tuple[bool, Mapping[str, str]]] = {
    "availability": (
        False,
        {
            "good": "sum(service_health_status{service=SERVICE})",
            "total": "count(service_health_status{service=SERVICE})",
        },
    ),
    "error_rate": (
        True,
        {
            "bad": 'sum(http_requests_total{job=SERVICE,status_code=~"5.."})',
            "total": "sum(http_requests_total{job=SERVICE})",
        },
    ),
    "job_success_rate": (
        True,
        {
            "good": 'sum(job_runs_total{job=SERVICE,result="success"})',
            "total": "sum(job_runs_total{job=SERVICE})",
        },
    ),
}
"""Whether it counts up, and the queries, by the usual metric names where it has one."""


def _slo(
    service: str, objective: str, indicator: Mapping[str, object], window: str, entry: _Table
) -> _Table:
    return {
        "service": service,
        "indicator": {"metadata": {"name": _slug(objective)}, "spec": indicator},
        "timeWindow": [{"duration": window, "isRolling": True}],
        "budgetingMethod": "Occurrences",
        "objectives": [{"displayName": objective, **entry}],
    }


def _object(kind: str, name: str, annotations: Mapping[str, str], spec: _Table) -> _Table:
    metadata = {"name": name, "annotations": dict(annotations)}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}


def _prometheus(query: str) -> _Table:
    return {"metricSource": {"type": "Prometheus", "spec": {"query": query}}}


def _target(objective: str, ratio: Fraction) -> float | None:
    """Return the share that must be good; None where a number of OpenSLO's cannot say it."""
    good = 1 - ratio if objective == "error_rate" else ratio
    target = float(good)
    return target if good < 1 and Fraction(str(target)) == good else None


def _decimal(ratio: Fraction) -> str:
    digits = Decimal(ratio.numerator) / Decimal(ratio.denominator)
    return f"{digits.normalize():f}"


def _unique(text: str, taken: set[str]) -> str:
    base, number = _slug(text), 1
    name = base
    while name in taken:
        number += 1
        tail = f"-{number}"
        name = f"{base[: _NAME_LENGTH - len(tail)]}{tail}"
    taken.add(name)
    return name


def _slug(text: str) -> str:
    """Return a DNS label."""
    cleaned = re.sub(r"[^a-z0-9]+", "-", text.lower())[:_NAME_LENGTH].strip("-")
    return cleaned or "service"
