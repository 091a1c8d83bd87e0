"""Queries are built so that no text of a user's becomes a part of their grammar."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_action.sources.prometheus.families import FAMILIES, STATUS_LABELS, Family
from slo_action.sources.prometheus.promql import (
    Counting,
    ServiceLabel,
    counting,
    discovery,
    in_window,
    matcher,
    quantile,
    quoted_value,
    service_label,
)

HTTP, TRAEFIK, ISTIO, EDGE = (
    next(family for family in FAMILIES if family.exporter == name)
    for name in (FAMILIES[0].exporter, "Traefik", "Istio", "Fly.io's edge")
)
SHOP = service_label("auto", "shop")
LITERAL = re.compile(r'"(?:[^"\\\n]|\\["\\]|\\U[0-9a-f]{8})*"')
text = st.text(st.characters(exclude_categories=["Cs"]))


def test_the_document_s_metric_is_counted_by_its_labels() -> None:
    found = counting(HTTP, SHOP, [{"service": "shop", "status_code": "200"}])

    assert found is not None
    assert in_window(found.requests, 240) == (
        'sum(increase(http_requests_total{service="shop",status_code=~"[1-5][0-9][0-9]"}[240s]))'
    )
    assert in_window(found.errors, 240) == (
        'sum(increase(http_requests_total{service="shop",status_code=~"5[0-9][0-9]"}[240s]))'
    )
    assert in_window(quantile(found, 0.95), 240) == (
        "histogram_quantile(0.95, sum by (le) "
        '(increase(http_request_duration_seconds_bucket{service="shop"}[240s])))'
    )
    assert found.how == (
        'http_requests_total, service matched by service="shop", '
        'errors are status_code=~"5[0-9][0-9]"'
    )


def test_fly_s_metric_is_matched_by_app_and_status() -> None:
    found = counting(EDGE, SHOP, [{"app": "shop", "status": "502"}])

    assert found is not None
    assert 'fly_edge_http_responses_count{app="shop",status=~"5[0-9][0-9]"}' in found.errors
    assert found.buckets == 'fly_edge_http_response_time_seconds_bucket{app="shop"}'


@pytest.mark.parametrize("label", STATUS_LABELS)
def test_the_status_label_is_the_one_with_statuses(label: str) -> None:
    row = {"job": "shop", "status": "ready", "code": "E42", "status_code": "", label: "404"}

    found = counting(HTTP, SHOP, [row])

    assert found is not None
    assert f'{label}=~"5[0-9][0-9]"' in found.errors


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
    assert found.requests == (
        'sum(increase(http_requests_total{code=~"[1-5][0-9][0-9]"}[{window}]))'
    )
    assert "every series, whatever its service" in found.how


def _counting(family: Family, *rows: dict[str, str]) -> Counting | None:
    return counting(family, SHOP, rows)


@pytest.mark.parametrize("values", [("200", "503", "5xx", "all"), ("2xx", "5xx", "total")])
def test_a_sum_beside_its_parts_is_counted_by_neither_query(values: tuple[str, ...]) -> None:
    found = _counting(HTTP, *({"job": "shop", "code": value} for value in values))

    assert found is not None
    (requests,) = re.findall(r'code=~"(.+?)"', found.requests)
    (errors,) = re.findall(r'code=~"(.+?)"', found.errors)
    assert [v for v in values if re.fullmatch(requests, v)] == list(values[:2])
    assert [v for v in values if re.fullmatch(errors, v)] == [values[1]]


def test_a_value_with_its_provider_is_the_service_s_and_two_of_them_are_not() -> None:
    docker, other = {"service": "shop@docker", "code": "200"}, {"service": "shopping@docker"}
    found = _counting(TRAEFIK, docker, other)

    assert found is not None
    assert 'service="shop@docker"' in found.requests
    assert _counting(TRAEFIK, docker, {"service": "shop@file", "code": "200"}) is None
    assert _counting(TRAEFIK, docker, {"service": "shop", "code": "200"}) is not None
    assert 'service=~"shop|shop@.+"' in discovery(TRAEFIK, SHOP)


@pytest.mark.parametrize(
    ("reporters", "counted"),
    [
        (("source", "destination"), 'reporter="destination"'),
        (("source",), 'reporter="source"'),
        ((), 'destination_service_name="shop"'),
        (("other",), None),
    ],
)
def test_of_series_that_count_again_one_is_counted(
    reporters: tuple[str, ...], counted: str | None
) -> None:
    row = {"destination_service_name": "shop", "response_code": "200"}
    found = _counting(ISTIO, *({**row, "reporter": name} for name in reporters or ("",)))

    assert (found is None) is (counted is None)
    if found is not None and counted is not None:
        assert f"{counted}" in found.requests
        assert counted in found.errors
        assert counted in found.buckets
        assert quantile(found, 0.5).endswith(" / 1000")


def test_one_query_asks_for_all_labels_a_service_may_have() -> None:
    assert discovery(EDGE, SHOP) == (
        f'group by (app, {", ".join(STATUS_LABELS)}) (fly_edge_http_responses_count{{app="shop"}})'
    )
    assert discovery(EDGE, service_label("job=b", "shop")) == (
        f'group by (job, {", ".join(STATUS_LABELS)}) (fly_edge_http_responses_count{{job="b"}})'
    )
    assert discovery(HTTP, SHOP).count('="shop"') == len(HTTP.services)
    assert discovery(HTTP, service_label("none", "shop")) == (
        f"group by ({', '.join(STATUS_LABELS)}) (http_requests_total)"
    )


@pytest.mark.parametrize(
    ("given_text", "labels", "value"),
    [
        ("auto", None, "shop"),
        ("", None, "shop"),
        ("none", (), "shop"),
        (" job ", ("job",), "shop"),
        ("job=shop-prod", ("job",), "shop-prod"),
        ('job="shop prod"', ("job",), "shop prod"),
    ],
)
def test_the_service_label_is_a_label_or_a_keyword(
    given_text: str, labels: tuple[str, ...] | None, value: str
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
