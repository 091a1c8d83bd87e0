"""Queries that count requests, in well-known families of metrics or as a user wrote them. Pure.

Every count is a sum of increases and never an increase of a sum: `increase` sees where one counter
went back to zero; in a sum, one machine's restart looks like a loss of everybody's requests.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from slo_action.sources.prometheus.families import SERVICE_LABELS, STATUS_LABELS, Family

LABEL_FORMS = "write auto, none, a label such as `job`, or a label and its value such as `job=shop`"

AUTO, NONE = "auto", "none"
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)

Labels = Mapping[str, str]

WINDOW = "[{window}]"
"""Where a template has its range."""
COUNT_FORMS = (
    'write a count such as sum(increase(my_requests_total{job="{service}"}[{window}])), '
    "not a ratio and not a rate"
)
SELECTOR_FORMS = 'write one selector such as my_request_seconds_bucket{job="{service}"}'

_SERVICE = "{service}"
_METRIC = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LONGEST_METRIC = 200
_LONGEST_QUERY = 4_000
_MOST_NAMED, _MOST_SHOWN = 50, 3
_REQUESTS = "(.+_)?(http|requests?|responses?|hits|rpc)(_.+)?(_total|_count)"
_NOT_REQUESTS = ".*(client|metric_handler|exception|bytes|size|in_flight).*"
_STRING = re.compile(r"""(=~|!~)?\s*("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`)""")
_RANGED = re.compile(rf"({_METRIC}\s*(?:\{{[^{{}}]*\}})?|\{{[^{{}}]*\}})\s*\[\{{window\}}\]")
_SELECTOR = re.compile(rf"{_METRIC}\s*(?:\{{[^{{}}]*\}})?")
_RATE = re.compile(r"\b(?:i?rate|deriv)\s*\(", re.IGNORECASE)
_LINES = str.maketrans("\n\r\t", "   ")


class Counting(NamedTuple):
    """How requests are counted. `how` says what was chosen and may quote: untrusted.

    `errors` and `requests` are query templates, `series` selects what is scraped, `buckets` selects
    a latency histogram, empty if there is none. `absent_is_none` says that an empty answer for
    errors means no errors: of a well-known family, the 5xx series is born with the first 5xx. A
    second is `per_second` of the histogram's units.
    """

    errors: str
    requests: str
    series: str
    buckets: str
    how: str
    absent_is_none: bool
    per_second: int = 1


class ServiceLabel(NamedTuple):
    """Which label's value is the service.

    `labels` None are those of the family, an empty tuple means that everything is counted.
    """

    labels: tuple[str, ...] | None
    value: str

    def of(self, family: Family) -> tuple[str, ...]:
        """Return the labels of a family that may name the service."""
        return family.services if self.labels is None else self.labels


def service_label(text: str, service: str) -> ServiceLabel:
    """Read the `prometheus-service-label` input. Raises ValueError with the accepted forms."""
    name, equals, value = (part.strip() for part in text.strip().partition("="))
    if name in (AUTO, NONE, "") and not equals:
        return ServiceLabel(labels=() if name == NONE else None, value=service)
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


def exported(counters: Iterable[str]) -> str:
    """Return the query for the names, of these, that have series."""
    return f"group by (__name__) ({{__name__=~{quoted_value('|'.join(counters))}}})"


def discovery(family: Family, where: ServiceLabel) -> str:
    """Return the query for the label values of a family's series that can be the service's."""
    once = family.once[:1] if family.once else ()
    by = ", ".join((*where.of(family), *family.statuses, *once))
    value = quoted_value(where.value)
    if family.suffix:
        escaped = re.escape(where.value)
        value = f"~{quoted_value(f'{escaped}|{escaped}{family.suffix}')}"
    selected = " or ".join(f"{family.counter}{{{name}={value}}}" for name in where.of(family))
    return f"group by ({by}) ({selected or family.counter})"


def of_service(
    family: Family, where: ServiceLabel, rows: Sequence[Labels]
) -> tuple[str, list[Labels]] | None:
    """Return the matcher of the service and its rows, of what `discovery` found; None without any.

    The matcher is empty where everything is counted. Where two values fit, neither is taken.
    """
    if not where.of(family):
        return ("", list(rows)) if rows else None
    for name in where.of(family):
        fits = re.compile(f"{re.escape(where.value)}({family.suffix})?", re.DOTALL)
        values = {row[name] for row in rows if fits.fullmatch(row.get(name, ""))}
        if where.value in values:
            values = {where.value}
        if len(values) == 1:
            (value,) = values
            return matcher(name, value), [row for row in rows if row.get(name) == value]
    return None


def counting(family: Family, where: ServiceLabel, rows: Sequence[Labels]) -> Counting | None:
    """Return how to count with a family, from what `discovery` found; None if it cannot be."""
    found = of_service(family, where, rows)
    if found is None:
        return None
    matched, ours = found
    which = f"service matched by {matched}" if matched else "every series, whatever its service"
    if family.once:
        name, values = family.once
        present = {row[name] for row in ours if row.get(name)}
        chosen = next((value for value in values if value in present), None)
        if chosen:
            ours = [row for row in ours if row.get(name) == chosen]
            matched = ",".join(filter(None, (matched, matcher(name, chosen))))
            which += f", {matcher(name, chosen)}"
        elif present:
            return None
    statuses = (
        (name, form)
        for name in family.statuses
        for form in family.forms
        if any(re.fullmatch(form.any, row.get(name, "")) for row in ours)
    )
    status = next(statuses, None)
    if status is None:
        return None
    name, form = status
    comma = "," if matched else ""
    series = f'{family.counter}{{{matched}{comma}{name}=~"{form.any}"}}'
    failed = f'{family.counter}{{{matched}{comma}{name}=~"{form.error}"}}'
    return Counting(
        errors=f"sum(increase({failed}{WINDOW}))",
        requests=f"sum(increase({series}{WINDOW}))",
        series=series,
        buckets=f"{family.buckets}{{{matched}}}" if family.buckets else "",
        how=f'{family.counter}, {which}, errors are {name}=~"{form.error}"',
        absent_is_none=True,
        per_second=family.per_second,
    )


def own_counters(where: ServiceLabel) -> str:
    """Return the query for metrics of the service that seem to count requests."""
    labels = SERVICE_LABELS if where.labels is None else where.labels
    by = ", ".join(("__name__", *labels, *STATUS_LABELS))
    named = f"__name__=~{quoted_value(_REQUESTS)},__name__!~{quoted_value(_NOT_REQUESTS)}"
    selected = " or ".join(f"{{{named},{matcher(name, where.value)}}}" for name in labels)
    return f"topk({_MOST_NAMED}, group by ({by}) ({selected or f'{{{named}}}'}))"


def similar(counters: Iterable[str], labels: Sequence[str], value: str) -> str:
    """Return the query for label values that hold `value`; `labels` are some."""
    named = f"__name__=~{quoted_value('|'.join(counters))}"
    holds = quoted_value(f"(?i).*{re.escape(value)}.*")
    selected = " or ".join(f"{{{named},{name}=~{holds}}}" for name in labels)
    return f"topk({_MOST_SHOWN}, group by ({', '.join(('__name__', *labels))}) ({selected}))"


def scraped(labels: Sequence[str], value: str) -> str:
    """Return the query for a target of the service that answers its scrapes."""
    return f"topk(1, {' or '.join(f'up{{{matcher(name, value)}}} == 1' for name in labels)})"


def is_metric(name: str) -> bool:
    """Return whether a query can hold the name."""
    return re.fullmatch(_METRIC, name, re.ASCII) is not None and len(name) <= _LONGEST_METRIC


def quantile(counting: Counting, q: float) -> str:
    """Return the template of a quantile in seconds; buckets are summed first: quantiles do not add.

    `counting` has buckets.
    """
    query = f"histogram_quantile({q:g}, sum by (le) (increase({counting.buckets}{WINDOW})))"
    return query if counting.per_second == 1 else f"{query} / {counting.per_second}"


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
        raise ValueError(f"{name}: it is empty, too long or has control characters; {COUNT_FORMS}")
    try:
        query = _STRING.sub(lambda found: _with_service(found, service), query)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    bare = _STRING.sub(lambda found: "=" + "_" * (len(found[0]) - 1), query)
    problem = None
    if any(mark in bare for mark in "\"'`"):
        problem = "a quotation mark is not closed"
    elif _SERVICE in bare:
        problem = '{service} must be inside a string, such as job="{service}"'
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
