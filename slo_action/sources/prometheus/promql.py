"""Queries that count requests, in well-known families of metrics or as a user wrote them. Pure.

Every count is a sum of increases and never an increase of a sum: `increase` sees where one counter
went back to zero; in a sum, one machine's restart looks like a loss of everybody's requests.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

LABEL_FORMS = "write auto, none, a label such as `job`, or a label and its value such as `job=shop`"

AUTO, NONE = "auto", "none"
_SERVICE_LABELS = ("service", "app", "job")
_STATUS_LABELS = ("status_code", "status", "code")
_STATUS = re.compile(r"[1-5](\d\d|xx)", re.IGNORECASE | re.ASCII)
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)

WINDOW = "[{window}]"
"""Where a template has its range."""
COUNT_FORMS = (
    'write a count such as sum(increase(my_requests_total{job="{service}"}[{window}])), '
    "not a ratio and not a rate"
)
SELECTOR_FORMS = 'write one selector such as my_request_seconds_bucket{job="{service}"}'

_SERVICE = "{service}"
_METRIC = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LONGEST_QUERY = 4_000
_STRING = re.compile(r"""(=~|!~)?\s*("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`)""")
_RANGED = re.compile(rf"({_METRIC}\s*(?:\{{[^{{}}]*\}})?|\{{[^{{}}]*\}})\s*\[\{{window\}}\]")
_SELECTOR = re.compile(rf"{_METRIC}\s*(?:\{{[^{{}}]*\}})?")
_RATE = re.compile(r"\b(?:i?rate|deriv)\s*\(", re.IGNORECASE)
_LINES = str.maketrans("\n\r\t", "   ")


class Counting(NamedTuple):
    """How requests are counted. `how` says what was chosen and may quote: untrusted.

    `errors` and `requests` are query templates, `series` selects what is scraped, `buckets` selects
    a latency histogram, empty if there is none. `absent_is_none` says that an empty answer for
    errors means no errors: of a well-known family, the 5xx series is born with the first 5xx.
    """

    errors: str
    requests: str
    series: str
    buckets: str
    how: str
    absent_is_none: bool


class Family(NamedTuple):
    """A counter by status, and the histogram beside it."""

    counter: str
    buckets: str


FAMILIES = (
    Family("http_requests_total", "http_request_duration_seconds_bucket"),
    Family("fly_edge_http_responses_count", "fly_edge_http_response_time_seconds_bucket"),
    Family("fly_app_http_responses_count", "fly_app_http_response_time_seconds_bucket"),
)
"""In the order they are tried: the service's own, then Fly's edge, then Fly's view of the app."""


class ServiceLabel(NamedTuple):
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


def counting(
    family: Family, where: ServiceLabel, rows: Sequence[Mapping[str, str]]
) -> Counting | None:
    """Return how to count with a family, from what `discovery` found; None if it cannot be."""
    label = next(
        (name for name in where.labels if any(row.get(name) == where.value for row in rows)), None
    )
    if not rows or (where.labels and label is None):
        return None
    ours = [row for row in rows if label is None or row.get(label) == where.value]
    statuses = (
        name for name in _STATUS_LABELS if any(_STATUS.fullmatch(row.get(name, "")) for row in ours)
    )
    status = next(statuses, None)
    if status is None:
        return None
    matched = matcher(label, where.value) if label else ""
    failed = ",".join(part for part in (matched, f'{status}=~"5.."') if part)
    which = f"service matched by {matched}" if matched else "every series, whatever its service"
    series = f"{family.counter}{{{matched}}}"
    return Counting(
        errors=f"sum(increase({family.counter}{{{failed}}}{WINDOW}))",
        requests=f"sum(increase({series}{WINDOW}))",
        series=series,
        buckets=f"{family.buckets}{{{matched}}}",
        how=f'{family.counter}, {which}, errors are {status}=~"5.."',
        absent_is_none=True,
    )


def quantile(buckets: str, q: float) -> str:
    """Return the template for a quantile: buckets are summed first, as quantiles do not add."""
    return f"histogram_quantile({q:g}, sum by (le) (increase({buckets}{WINDOW})))"


def written(errors: str, requests: str, selector: str, service: str) -> Counting:
    """Return how to count with a user's own queries; `selector` may be empty.

    Both hold `{window}` as the range of a selector and may hold `{service}` inside a string. Raises
    ValueError with the accepted forms.
    """
    errors, _ = _count_query("prometheus-errors-query", errors, service)
    requests, series = _count_query("prometheus-requests-query", requests, service)
    return Counting(
        errors=errors,
        requests=requests,
        series=series,
        buckets=_bucket_selector(selector, service) if selector.strip() else "",
        how="counted by the queries of the inputs",
        absent_is_none=False,
    )


def _count_query(name: str, text: str, service: str) -> tuple[str, str]:
    """Return the query with the service filled in, and the first selector it counts."""
    query, bare = _filled(name, text, service)
    problem = None
    if "/" in bare:
        problem = "it divides"
    elif _RATE.search(bare):
        problem = "it is a rate"
    elif not bare.count("[") == bare.count(WINDOW) == bare.count("{window}"):
        problem = "each range must be [{window}]"
    ranged = _RANGED.search(bare)
    if problem or ranged is None:
        problem = problem or "no selector has the range [{window}]"
        raise ValueError(f"{name}: {problem}; {COUNT_FORMS}")
    return query, query[ranged.start(1) : ranged.end(1)].strip()


def _bucket_selector(text: str, service: str) -> str:
    name = "prometheus-latency-selector"
    query, bare = _filled(name, text, service)
    match = _SELECTOR.fullmatch(bare)
    if match is None or not re.split(r"[\s{]", bare)[0].endswith("_bucket"):
        raise ValueError(f"{name}: {SELECTOR_FORMS}")
    return query


def _filled(name: str, text: str, service: str) -> tuple[str, str]:
    """Return the query with the service in its strings, and the same with the strings blanked."""
    query = text.strip().translate(_LINES)
    if not query or len(query) > _LONGEST_QUERY or not query.isprintable():
        raise ValueError(
            f"{name}: it is empty, too long or holds control characters; {COUNT_FORMS}"
        )
    try:
        query = _STRING.sub(lambda found: _with_service(found, service), query)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    bare = _STRING.sub(lambda found: "=" + "_" * (len(found[0]) - 1), query)
    problem = None
    if any(mark in bare for mark in "\"'`"):
        problem = "a quotation mark is not closed"
    elif _SERVICE in bare:
        problem = '{service} stands inside a string, such as job="{service}"'
    elif "#" in bare:
        problem = "it has a comment"
    elif any(bare.count(left) != bare.count(right) for left, right in ("()", "[]", "{}")):
        problem = "its brackets do not match"
    if problem:
        raise ValueError(f"{name}: {problem}; {COUNT_FORMS}")
    return query, bare


def _with_service(found: re.Match[str], service: str) -> str:
    """In a regular expression, the service's own characters stand for themselves."""
    operator, literal = found[1], found[2]
    if "{window}" in literal:
        raise ValueError("{window} is a range, not a part of a string")
    if _SERVICE not in literal:
        return found[0]
    if literal.startswith("`"):
        raise ValueError("{service} cannot stand between backticks; use quotation marks")
    value = re.escape(service) if operator else service
    inner = quoted_value(value, literal[0])[1:-1]
    return found[0].replace(_SERVICE, inner)
