"""What a query is about, by its metrics and labels: requests, how long they take, or neither."""

import re
from collections.abc import Iterable

_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_NO_METRICS = re.compile(r"\{[^{}]*\}|\[[^\[\]]*\]|\b(?:by|without|on|ignoring)\s*\([^()]*\)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_:.]*(?!\s*\()(?![A-Za-z0-9_:.])")
_PART = re.compile(r"[a-z0-9]+")
_OPERATORS = frozenset(
    {"and", "or", "unless", "bool", "offset", "group_left", "group_right", "inf"}
)
_PROTOCOLS = frozenset(
    {
        *("http", "https", "grpc", "rpc", "rest", "graphql", "web", "api"),
        *("nginx", "ingress", "traefik", "envoy", "istio", "haproxy", "caddy", "apiserver"),
    }
)
_REQUESTS = frozenset(
    {
        "request",
        "requests",
        "req",
        "reqs",
        "rq",
        "response",
        "responses",
        "handled",
        "calls",
        "hits",
    }
)
_TIMES = frozenset({"duration", "durations", "latency", "latencies", "time", "elapsed"})
_STATUS = re.compile(
    r"\b(?:\w*_)?(?:code|status)\s*(?:=|!=|=~|!~|:)\s*[\"']?[^\"'\s]*"
    r"(?<![0-9])[1-5](?:xx|XX|\.\.|\.[*+]|\[|\\d|[0-9]{2})"
)
"""A label compared with an HTTP status: `status!~"5.."`, `code="500"`."""
_BUCKET = re.compile(r"_bucket\b")
_QUANTILE = re.compile(r"histogram_quantile\(\s*(0?\.\d+)|\bquantile\s*=\s*[\"'](0?\.\d+)[\"']")


def metric_names(queries: Iterable[str]) -> tuple[str, ...]:
    """Return the names of all metrics, each once, in their order."""
    texts = (_NO_METRICS.sub(" ", _QUOTED.sub('""', query)) for query in queries)
    found = (name for text in texts for name in _NAME.findall(text))
    return tuple(dict.fromkeys(name for name in found if name.lower() not in _OPERATORS))


def counts_requests(queries: Iterable[str]) -> bool:
    """Whether all metrics count requests of a service: a protocol's, or by their status."""
    texts = tuple(queries)
    names = metric_names(texts)
    has_status = any(_STATUS.search(text) for text in texts)
    return bool(names) and all(
        _REQUESTS & _parts(name) and (has_status or _PROTOCOLS & _parts(name)) for name in names
    )


def is_within_limit(queries: Iterable[str]) -> bool:
    """Whether requests are counted up to a duration: buckets of a histogram."""
    return any(_BUCKET.search(query) for query in queries)


def times_requests(queries: Iterable[str]) -> bool:
    """Whether all metrics are durations of requests."""
    names = metric_names(queries)
    about = _REQUESTS | _PROTOCOLS
    return bool(names) and all(about & _parts(name) and _TIMES & _parts(name) for name in names)


def quantile_of(queries: Iterable[str]) -> str:
    """Return the quantile that is asked for, as it is written; empty where none is."""
    found = _QUANTILE.search("\n".join(queries))
    return (found[1] or found[2]) if found else ""


def _parts(name: str) -> set[str]:
    return set(_PART.findall(name.lower()))
