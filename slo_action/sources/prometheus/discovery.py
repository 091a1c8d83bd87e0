"""Which family of metrics has the service's requests, or why none has."""

from slo_action.core.observation.real_traffic import TrafficState
from slo_action.core.text.quoting import quoted
from slo_action.sources.prometheus import promql
from slo_action.sources.prometheus.api import NoNumberError, PrometheusApi, VectorElement
from slo_action.sources.prometheus.families import FAMILIES, SERVICE_LABELS, Family
from slo_action.sources.prometheus.promql import Counting, ServiceLabel

_MOST_LISTED = 8
_OWN_QUERIES = "set prometheus-requests-query and prometheus-errors-query"


def discover(api: PrometheusApi, where: ServiceLabel) -> Counting:
    """Return how the first family counts that has series of the service.

    Another service's requests are never counted. Raises NoNumberError.
    """
    names = promql.exported(family.counter for family in FAMILIES)
    exported = {row.labels.get("__name__") for row in api.rows(names)}
    present = [family for family in FAMILIES if family.counter in exported]
    without_status = None
    for family in present:
        rows = [row.labels for row in api.rows(promql.discovery(family, where))]
        found = promql.counting(family, where, rows)
        if found is not None:
            return found
        ours = promql.of_service(family, where, rows)
        if ours is not None and without_status is None:
            without_status = _without_status(api, family, ours[0])
    problem = (
        without_status
        or _own_counters(api, where)
        or _other_values(api, where, present)
        or _no_counter(api, where, present)
    )
    raise NoNumberError(TrafficState.NO_SERIES, problem)


def _without_status(api: PrometheusApi, family: Family, matched: str) -> str:
    examples = api.rows(f"topk(1, {family.counter}{{{matched}}})")
    such = f", such as {_series(examples[0])}" if examples else ""
    once = f" and a {family.once[0]} of {', '.join(family.once[1])}" if family.once else ""
    return (
        f"{family.counter} has series of the service, but none has a status in one of the labels "
        f"{', '.join(family.statuses)}{once}{such}; {_OWN_QUERIES}"
    )


def _own_counters(api: PrometheusApi, where: ServiceLabel) -> str:
    """Return the queries for a counter of the service's own, ready to paste; empty if none."""
    rows = [row.labels for row in api.rows(promql.own_counters(where))]
    names = sorted({row["__name__"] for row in rows if promql.is_metric(row.get("__name__", ""))})
    for name in names:
        family = Family("", name)
        ours = [row for row in rows if row["__name__"] == name]
        found = promql.counting(family, where, ours)
        if found is not None:
            return (
                f"no known metric counts the service's requests, but {name} seems to: set "
                f"prometheus-requests-query to `{found.requests}` and "
                f"prometheus-errors-query to `{found.errors} or vector(0)`"
            )
    if not names:
        return ""
    return (
        "no known metric counts the service's requests; its own counters, such as "
        f"{', '.join(names[:3])}, have no label with a status; {_OWN_QUERIES}"
    )


def _other_values(api: PrometheusApi, where: ServiceLabel, present: list[Family]) -> str:
    """Return which labels' values hold the service's name; empty if there are none."""
    labels = tuple(dict.fromkeys(name for family in present for name in where.of(family)))
    if not labels:
        return ""
    rows = api.rows(promql.similar((family.counter for family in present), labels, where.value))
    for row in rows:
        for name in labels:
            value = row.labels.get(name, "")
            if where.value.casefold() in value.casefold():
                return (
                    f"no series has {quoted(where.value)} as its {_one_of(where, present)}; there "
                    f"is {', '.join(_series(row) for row in rows)}: set prometheus-service-label, "
                    f"such as {quoted(f'{name}={value}')}"
                )
    return ""


def _no_counter(api: PrometheusApi, where: ServiceLabel, present: list[Family]) -> str:
    none_found = (
        f"none of the {len(FAMILIES)} known metrics, such as {FAMILIES[0].counter}, has series"
    )
    labels = SERVICE_LABELS if where.labels is None else where.labels
    scraped = api.rows(promql.scraped(labels, where.value)) if labels else []
    if scraped:
        return (
            f"{none_found} of the service, which is scraped ({_series(scraped[0])}): it counted no "
            f"request yet, or by another metric; {_OWN_QUERIES}"
        )
    if not present:
        return f"{none_found}; check the prometheus-url input, or {_OWN_QUERIES}"
    counters = _listed([family.counter for family in present])
    return (
        f"no series of {counters} has {quoted(where.value)} as its {_one_of(where, present)}, and "
        "no target is scraped under that name; set prometheus-service-label"
    )


def _one_of(where: ServiceLabel, present: list[Family]) -> str:
    return _listed([name for family in present for name in where.of(family)])


def _listed(names: list[str]) -> str:
    different = list(dict.fromkeys(names))
    rest = f" and {len(different) - _MOST_LISTED} more" if len(different) > _MOST_LISTED else ""
    return ", ".join(different[:_MOST_LISTED]) + rest


def _series(row: VectorElement) -> str:
    labels = dict(row.labels)
    name = labels.pop("__name__", "")
    return f"{name}{{{', '.join(f'{label}={quoted(value)}' for label, value in labels.items())}}}"
