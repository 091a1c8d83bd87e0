"""Queries that count requests, in the families of metrics we know. Pure text.

Every count is a sum of increases and never an increase of a sum: `increase` sees where one counter
went back to zero; in a sum, one machine's restart looks like a loss of everybody's requests.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

LABEL_FORMS = "write auto, none, a label such as `job`, or a label and its value such as `job=shop`"

AUTO, NONE = "auto", "none"
_SERVICE_LABELS = ("service", "app", "job")
_STATUS_LABELS = ("status_code", "status", "code")
_STATUS = re.compile(r"[1-5](\d\d|xx)", re.IGNORECASE | re.ASCII)
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)

WINDOW = "[{window}]"
"""Where a template has its range."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counting:
    """How requests are counted. `how` says in words what was chosen and may quote: untrusted.

    `errors` and `requests` are query templates, `series` selects what is scraped, `buckets` selects
    a latency histogram, empty if there is none. `absent_is_none` says that an empty answer for
    errors means no errors: of a family we know, the 5xx series is born with the first 5xx.
    """

    errors: str
    requests: str
    series: str
    buckets: str
    how: str
    absent_is_none: bool


@dataclass(frozen=True, slots=True)
class Family:
    """A counter by status, and the histogram beside it."""

    counter: str
    buckets: str


FAMILIES = (
    Family("http_requests_total", "http_request_duration_seconds_bucket"),
    Family("fly_edge_http_responses_count", "fly_edge_http_response_time_seconds_bucket"),
    Family("fly_app_http_responses_count", "fly_app_http_response_time_seconds_bucket"),
)
"""In the order they are tried: the service's own, then Fly's edge, then Fly's view of the app."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLabel:
    """Which label's value is the service; no labels mean that everything is counted."""

    labels: tuple[str, ...]
    value: str


def service_label(text: str, service: str) -> ServiceLabel:
    """Read the `prometheus-service-label` input. Raises ValueError with the accepted forms."""
    name, equals, value = (part.strip() for part in text.strip().partition("="))
    if name in (AUTO, NONE, "") and not equals:
        return ServiceLabel(labels=() if name == NONE else _SERVICE_LABELS, value=service)
    if not _LABEL.fullmatch(name) or (equals and not value):
        raise ValueError(LABEL_FORMS)
    return ServiceLabel(labels=(name,), value=value.strip("\"'") if equals else service)


def quoted_value(value: str, quote: str = '"') -> str:
    """Return a string literal. Raises ValueError for a text that no query can hold."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("a label value is valid Unicode text") from None
    escaped = value.replace("\\", "\\\\").replace(quote, f"\\{quote}")
    plain = (c if c.isprintable() else f"\\U{ord(c):08x}" for c in escaped)
    return f"{quote}{''.join(plain)}{quote}"


def matcher(label: str, value: str) -> str:
    """Return `label="value"`. Raises ValueError where the label is no label."""
    if not _LABEL.fullmatch(label):
        raise ValueError(f"a label has letters, digits and _; {LABEL_FORMS}")
    return f"{label}={quoted_value(value)}"


def in_window(template: str, seconds: int) -> str:
    """Return the query over the last `seconds`, at least one."""
    return template.replace(WINDOW, f"[{max(1, int(seconds))}s]")


def discovery(family: Family, where: ServiceLabel) -> str:
    """Return the query for the label values of a family's series that can be the service's."""
    by = ", ".join((*where.labels, *_STATUS_LABELS))
    selected = " or ".join(
        f"{family.counter}{{{matcher(label, where.value)}}}" for label in where.labels
    )
    return f"group by ({by}) ({selected or family.counter})"


def existence(family: Family) -> str:
    """Return the query that is empty where nobody exports the family."""
    return f"count({family.counter})"


def counting(
    family: Family, where: ServiceLabel, rows: Sequence[Mapping[str, str]]
) -> Counting | None:
    """Return how to count with a family, from what `discovery` found; None if it cannot be."""
    label = next((name for name in where.labels if _has(rows, name, where.value)), None)
    if not rows or (where.labels and label is None):
        return None
    ours = [row for row in rows if label is None or row.get(label) == where.value]
    status = next((name for name in _STATUS_LABELS if _tells_status(ours, name)), None)
    if status is None:
        return None
    matched = matcher(label, where.value) if label else ""
    failed = ",".join(part for part in (matched, f'{status}=~"5.."') if part)
    series = f"{family.counter}{{{matched}}}"
    return Counting(
        errors=f"sum(increase({family.counter}{{{failed}}}{WINDOW}))",
        requests=f"sum(increase({series}{WINDOW}))",
        series=series,
        buckets=f"{family.buckets}{{{matched}}}",
        how=f'{family.counter}, {_matched(matched)}, errors are {status}=~"5.."',
        absent_is_none=True,
    )


def quantile(buckets: str, q: float) -> str:
    """Return the template for a quantile: buckets are summed first, as quantiles do not add."""
    return f"histogram_quantile({q:g}, sum by (le) (increase({buckets}{WINDOW})))"


def newest(series: str) -> str:
    """Return the query for the time of the newest sample; empty where the series have ended."""
    return f"max(timestamp({series}))"


def samples(series: str) -> str:
    """Return the template for how often the most scraped series was scraped."""
    return f"max(count_over_time({series}{WINDOW}))"


def _has(rows: Iterable[Mapping[str, str]], label: str, value: str) -> bool:
    return any(row.get(label) == value for row in rows)


def _tells_status(rows: Iterable[Mapping[str, str]], label: str) -> bool:
    return any(_STATUS.fullmatch(row.get(label, "")) for row in rows)


def _matched(matched: str) -> str:
    return f"service matched by {matched}" if matched else "every series, whatever its service"
