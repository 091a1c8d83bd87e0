"""Queries are built so that no text of a user's becomes a part of their grammar."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_action.sources.prometheus.promql import (
    FAMILIES,
    ServiceLabel,
    counting,
    discovery,
    in_window,
    matcher,
    quantile,
    quoted_value,
    service_label,
)

HTTP, EDGE, _ = FAMILIES
SHOP = service_label("auto", "shop")
LITERAL = re.compile(r'"(?:[^"\\\n]|\\["\\]|\\U[0-9a-f]{8})*"')
text = st.text(st.characters(exclude_categories=["Cs"]))


def test_the_document_s_metric_is_counted_by_its_labels() -> None:
    found = counting(HTTP, SHOP, [{"service": "shop", "status_code": "200"}])

    assert found is not None
    assert in_window(found.requests, 240) == (
        'sum(increase(http_requests_total{service="shop"}[240s]))'
    )
    assert in_window(found.errors, 240) == (
        'sum(increase(http_requests_total{service="shop",status_code=~"5.."}[240s]))'
    )
    assert in_window(quantile(found.buckets, 0.95), 240) == (
        "histogram_quantile(0.95, sum by (le) "
        '(increase(http_request_duration_seconds_bucket{service="shop"}[240s])))'
    )
    assert found.how == (
        'http_requests_total, service matched by service="shop", errors are status_code=~"5.."'
    )


def test_fly_s_metric_is_matched_by_app_and_status() -> None:
    found = counting(EDGE, SHOP, [{"app": "shop", "status": "502"}])

    assert found is not None
    assert 'fly_edge_http_responses_count{app="shop",status=~"5.."}' in found.errors
    assert found.buckets == 'fly_edge_http_response_time_seconds_bucket{app="shop"}'


@pytest.mark.parametrize("label", ["status_code", "status", "code"])
def test_the_status_label_is_the_one_with_statuses(label: str) -> None:
    row = {"job": "shop", "status": "ready", "code": "E42", "status_code": "", label: "404"}

    found = counting(HTTP, SHOP, [row])

    assert found is not None
    assert f'{label}=~"5.."' in found.errors


def test_a_more_telling_label_goes_before_job() -> None:
    found = counting(HTTP, SHOP, [{"job": "shop", "code": "200"}, {"app": "shop", "code": "200"}])

    assert found is not None
    assert 'app="shop"' in found.requests


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [{}],
        [{"service": "other", "status": "200"}],
        [{"service": "shop"}],
        [{"service": "shop", "status": "fine"}],
        [{"service": "shop"}, {"service": "other", "status": "200"}],
    ],
)
def test_what_is_not_surely_the_service_s_is_not_counted(rows: list[dict[str, str]]) -> None:
    assert counting(HTTP, SHOP, rows) is None


def test_everything_is_counted_only_on_demand_and_it_says_so() -> None:
    found = counting(HTTP, service_label("none", "shop"), [{"code": "200"}])

    assert found is not None
    assert found.requests == "sum(increase(http_requests_total{}[{window}]))"
    assert "every series, whatever its service" in found.how


def test_one_query_asks_for_all_labels_a_service_may_have() -> None:
    assert discovery(HTTP, SHOP) == (
        "group by (service, app, job, status_code, status, code) "
        '(http_requests_total{service="shop"} or http_requests_total{app="shop"} '
        'or http_requests_total{job="shop"})'
    )
    assert discovery(HTTP, service_label("none", "shop")) == (
        "group by (status_code, status, code) (http_requests_total)"
    )


@pytest.mark.parametrize(
    ("given_text", "labels", "value"),
    [
        ("auto", ("service", "app", "job"), "shop"),
        ("", ("service", "app", "job"), "shop"),
        ("none", (), "shop"),
        (" job ", ("job",), "shop"),
        ("job=shop-prod", ("job",), "shop-prod"),
        ('job="shop prod"', ("job",), "shop prod"),
    ],
)
def test_the_service_label_is_a_label_or_a_keyword(
    given_text: str, labels: tuple[str, ...], value: str
) -> None:
    assert service_label(given_text, "shop") == ServiceLabel(labels=labels, value=value)


@pytest.mark.parametrize("wrong", ["1job", "job=", "=shop", "a b", "job}", "jöb", 'job"'])
def test_another_service_label_is_refused_with_the_forms(wrong: str) -> None:
    with pytest.raises(ValueError, match="write auto, none, a label"):
        service_label(wrong, "shop")


@given(text)
def test_no_value_leaves_its_string(value: str) -> None:
    assert LITERAL.fullmatch(quoted_value(value))


@given(text)
def test_a_value_is_read_back_as_it_was(value: str) -> None:
    inner = quoted_value(value)[1:-1]
    back = re.sub(r"\\(?:U(\w{8})|(.))", lambda m: chr(int(m[1], 16)) if m[1] else m[2], inner)

    assert back == value


def test_what_no_query_can_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="valid Unicode"):
        quoted_value("\ud800")
    with pytest.raises(ValueError, match="a label has letters"):
        matcher('job="x"} or up{a', "shop")


@given(st.integers(-10, 10**6))
def test_a_duration_is_whole_seconds_and_never_none(seconds: int) -> None:
    assert re.fullmatch(r"increase\(x\[[1-9]\d*s\]\)", in_window("increase(x[{window}])", seconds))
