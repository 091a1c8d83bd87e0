"""Services as OpenSLO v1: a Service each, and an SLO for each objective."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from json import dumps

import yaml

from slo_action.core.policy.numbers import PolicyOverrides
from slo_action.core.slo.openslo import (
    API_VERSION,
    ENDPOINT_TARGET,
    LATENCY_TARGETS,
    LATENCY_WINDOW,
    OBJECTIVE,
    PREFIX,
    RATIO_WINDOWS,
)
from slo_action.core.slo.services import NAMED_ENDPOINTS, Endpoint, Service
from slo_action.core.stats.latency import LatencyObjective

_TEXTS = ("schedule", "platform", "app", "fly_config", "team")
_NOT_HELD = ("journeys", "maintenance")
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
    values = _settings(service)
    if name != service.name:
        values = {"service": service.name, **values}
    kept = {f"{PREFIX}{key}": value for key, value in (*values.items(), *_extremes(service))}
    left = _unheld(service)
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
    for endpoint, place in _places(service):
        objective = _latency_objective(endpoint, place)
        if objective and endpoint.objective:
            goal = endpoint.objective
            yield objective, _latency_slo(service.name, name, objective, endpoint.path, goal)


def _latency_objective(endpoint: Endpoint, place: str) -> str:
    """Return our name of the endpoint's objective; empty where it has none that slo.yml knows."""
    quantile = endpoint.objective.quantile if endpoint.objective else None
    if place:
        _, p95 = LATENCY_TARGETS[ENDPOINT_TARGET]
        return f"{place}.{ENDPOINT_TARGET}" if quantile == p95 else ""
    targets = (name for name, of in LATENCY_TARGETS.items() if of == (endpoint.name, quantile))
    return next(targets, "")


def _ratio_slo(service: str, name: str, objective: str, target: float) -> _Table:
    counter, queries = _QUERIES[objective]
    of = dumps(service)
    metrics = {which: _prometheus(query.replace("SERVICE", of)) for which, query in queries.items()}
    indicator = {"ratioMetric": {"counter": counter, **metrics}}
    return _slo(name, objective, indicator, RATIO_WINDOWS[objective], {"target": target})


def _latency_slo(
    service: str, name: str, objective: str, path: str, goal: LatencyObjective
) -> _Table:
    quantile = float(goal.quantile)
    where = f"job={dumps(service)},endpoint={dumps(path)}"
    rate = f"rate(http_request_duration_seconds_bucket{{{where}}}[5m])"
    query = f"histogram_quantile({quantile:g}, sum by (le) ({rate}))"
    entry: _Table = {"op": "lte", "value": goal.limit_seconds, "target": quantile}
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


def _settings(service: Service) -> dict[str, str]:
    """Return all but the objectives by the flat keys of slo.yml, for annotations.

    One is `monitoring.health_interval` with `15s`.
    """
    values = {"url": service.url}
    for endpoint, place in _places(service):
        values |= dict(_endpoint(endpoint, place))
    if service.grace is not None:
        values["monitoring.grace_period"] = _duration(service.grace)
    values |= {name: getattr(service, name) for name in _TEXTS if getattr(service, name)}
    return values | {f"notify.{index}": target for index, target in enumerate(service.notify)}


def _places(service: Service) -> Iterator[tuple[Endpoint, str]]:
    """Return the endpoints; those of the user's own with their place, such as `endpoints.0`."""
    number = 0
    for endpoint in service.endpoints:
        named = endpoint.name in NAMED_ENDPOINTS
        yield endpoint, "" if named else f"endpoints.{number}"
        number += not named


def _unheld(service: Service) -> tuple[str, ...]:
    """Return what the service says that neither OpenSLO nor an annotation holds."""
    left = [name for name in _NOT_HELD if getattr(service, name)]
    derived = {"grace", "slo", "health_limit", "search_limit"}  # by slo_targets and monitoring
    own = {name: service.policy[name] for name in service.policy.keys() - derived}
    if PolicyOverrides(**own) != PolicyOverrides():
        left.append("policy")
    if any(endpoint.assertions for endpoint in service.endpoints):
        left.append("assertions")
    if any(one.objective and not _latency_objective(one, place) for one, place in _places(service)):
        left.append("a quantile of its own")
    return tuple(left)


def _endpoint(endpoint: Endpoint, place: str) -> Iterator[tuple[str, str]]:
    """Yield what is set of an endpoint; one of the user's own has a `place`."""
    if place:
        yield f"{place}.name", endpoint.name
        yield f"{place}.path", endpoint.path
    else:
        yield f"{endpoint.name}_endpoint", endpoint.path
    named = "" if endpoint.name == "build" else f"{endpoint.name}_"
    prefix = f"{place}." if place else f"monitoring.{named}"
    for name in ("interval", "timeout"):
        value = getattr(endpoint, name)
        if value is not None:
            yield f"{prefix}{name}", _duration(value)


def _duration(value: timedelta) -> str:
    return f"{_decimal(Fraction(value // timedelta(microseconds=1), 1_000_000))}s"
