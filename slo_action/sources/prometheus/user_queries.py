"""Queries that count requests, as a user wrote them: refused before they are ever asked."""

import re

from slo_action.sources.prometheus.promql import WINDOW, Counting, quoted_value

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
    problem = _count_problem(bare)
    ranged = _RANGED.search(bare)
    if problem or ranged is None:
        problem = problem or "no selector has the range [{window}]"
        raise ValueError(f"{name}: {problem}; {COUNT_FORMS}")
    return query, query[ranged.start(1) : ranged.end(1)].strip()


def _count_problem(bare: str) -> str | None:
    if "/" in bare:
        return "it divides"
    if _RATE.search(bare):
        return "it is a rate"
    if not bare.count("[") == bare.count(WINDOW) == bare.count("{window}"):
        return "each range must be [{window}]"
    return None


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
    problem = _text_problem(bare)
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


def _text_problem(bare: str) -> str | None:
    if any(mark in bare for mark in "\"'`"):
        return "a quotation mark is not closed"
    if _SERVICE in bare:
        return '{service} stands inside a string, such as job="{service}"'
    if "#" in bare:
        return "it has a comment"
    if any(bare.count(left) != bare.count(right) for left, right in ("()", "[]", "{}")):
        return "its brackets do not match"
    return None
