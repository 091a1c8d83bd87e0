"""A user's queries are refused before they are asked, with the form that is accepted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_action.sources.prometheus.promql import in_window, written

REQUESTS = 'sum(increase(hits_total{job="{service}"}[{window}]))'
ERRORS = 'sum(increase(hits_total{job="{service}",code=~"5.."}[{window}])) or vector(0)'
SELECTOR = 'hit_seconds_bucket{job="{service}"}'


def test_service_and_window_are_filled_in() -> None:
    found = written(ERRORS, REQUESTS, SELECTOR, "shop")

    assert in_window(found.errors, 60) == (
        'sum(increase(hits_total{job="shop",code=~"5.."}[60s])) or vector(0)'
    )
    assert in_window(found.requests, 60) == 'sum(increase(hits_total{job="shop"}[60s]))'
    assert found.series == 'hits_total{job="shop"}'
    assert found.buckets == 'hit_seconds_bucket{job="shop"}'
    assert not found.absent_is_none


@pytest.mark.parametrize(
    ("template", "series"),
    [
        ("sum(increase(hits_total[{window}]))", "hits_total"),
        ("sum(increase(hits_total {a='}'} [{window}]))", "hits_total {a='}'}"),
        ("sum(increase({__name__='hits'}[{window}]))", "{__name__='hits'}"),
        ("sum(increase(a[{window}])) + sum(increase(b[{window}]))", "a"),
        ("sum(\n  increase(a[{window}])\n)", "a"),
        ('sum(increase(a{path="/x/[y]{z}#"}[{window}]))', 'a{path="/x/[y]{z}#"}'),
        ("sum(increase(a{b=`c`}[{window}]))", "a{b=`c`}"),
    ],
)
def test_the_scraped_series_are_those_it_counts(template: str, series: str) -> None:
    assert written(template, template, "", "shop").series == series


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("", "empty"),
        ("x" * 5000, "too long"),
        ("sum(increase(a[{window}]))\x00", "control characters"),
        ("sum(increase(a[{window}])) / sum(increase(b[{window}]))", "it divides"),
        ("sum(rate(a[{window}]))", "it is a rate"),
        ("sum(irate (a[{window}]))", "it is a rate"),
        ("sum(increase(a[5m]))", r"each range must be \[\{window\}\]"),
        ("sum(increase(a[{window}:15s]))", r"each range must be \[\{window\}\]"),
        ("sum(a)", r"no selector has the range \[\{window\}\]"),
        ("sum(increase(a[{window}])", "its brackets do not match"),
        ('sum(increase(a{b="c}[{window}]))', "a quotation mark is not closed"),
        ("sum(increase(a{job={service}}[{window}]))", "must be inside a string"),
        ("sum(increase(a{job=`{service}`}[{window}]))", "between backticks"),
        ('sum(increase(a{b="{window}"}[{window}]))', "a range, not a part of a string"),
        ("sum(increase(a[{window}])) # all", "it has a comment"),
    ],
)
@pytest.mark.parametrize("which", ["prometheus-errors-query", "prometheus-requests-query"])
def test_what_counts_nothing_is_refused_by_name(which: str, query: str, reason: str) -> None:
    errors, requests = (query, REQUESTS) if "errors" in which else (ERRORS, query)

    with pytest.raises(ValueError, match=f"^{which}: .*{reason}"):
        written(errors, requests, "", "shop")


def test_a_refusal_shows_the_accepted_form() -> None:
    with pytest.raises(ValueError, match="write a count such as sum"):
        written(ERRORS, "sum(a)", "", "shop")


@pytest.mark.parametrize(
    "selector", ["hits_total", "a_bucket[5m]", "sum(a_bucket)", "a_bucket{b='c'", "a_bucket or b"]
)
def test_a_latency_selector_is_one_selector_of_buckets(selector: str) -> None:
    with pytest.raises(ValueError, match=r"^prometheus-latency-selector: "):
        written(ERRORS, REQUESTS, selector, "shop")


def test_in_a_regular_expression_the_service_is_itself() -> None:
    template = 'sum(increase(a{job=~"{service}-.+"}[{window}]))'

    assert r'job=~"my\\.shop-.+"' in written(template, template, "", "my.shop").requests


hostile = st.text(st.sampled_from("\"'\\`{}[]()/#=~, orvect0x\n")) | st.text(
    st.characters(exclude_categories=["Cs"])
)


@given(hostile, st.sampled_from(['"', "'"]))
def test_no_service_name_changes_the_query_s_grammar(service: str, quote: str) -> None:
    template = f"sum(increase(a{{job={quote}{{service}}{quote}}}[{{window}}]))"
    if "{window}" in service:
        return
    found = written(template, template, "", service).requests
    head, tail = f"sum(increase(a{{job={quote}", f"{quote}}}[{{window}}]))"

    assert found.startswith(head)
    assert found.endswith(tail)
    inner = found[len(head) : -len(tail)]
    assert quote not in inner.replace("\\\\", "").replace(f"\\{quote}", "")
    assert "\n" not in inner
