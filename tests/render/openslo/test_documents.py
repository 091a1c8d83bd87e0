"""Services printed as OpenSLO v1: valid by its schema, and read back as they were."""

import json
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from slo_action.config.openslo.read import openslo_services
from slo_action.config.text.units import parse_duration, parse_ratio
from slo_action.core.journey.journeys import Assertion, Condition, Subject
from slo_action.core.model import Witness
from slo_action.core.policy.numbers import PolicyOverrides
from slo_action.core.slo.services import Endpoint, Maintenance, Service, Targets
from slo_action.core.stats.latency import LatencyObjective
from slo_action.render.openslo.documents import openslo_documents
from tests.sizes import sized

SCHEMA = Path(__file__).parents[2] / "config" / "fixtures" / "openslo" / "openslo-v1.schema.json"
VALIDATOR = Draft7Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
WITNESSES = {
    "health": Witness.HEALTH,
    "build": Witness.VERSION,
    "search": Witness.SEARCH,
    "stats": Witness.STATS,
}
QUANTILES = {
    "health": ("response_time_p95", Fraction(95, 100)),
    "stats": ("stats_response_time_p95", Fraction(95, 100)),
    "search": ("search_response_time_p90", Fraction(90, 100)),
}


def objective(quantile: Fraction, seconds: float) -> LatencyObjective:
    return LatencyObjective(name="p", quantile=quantile, limit_seconds=seconds)


SHOP = Service(
    name="shop",
    url="https://shop.example.com",
    endpoints=(
        Endpoint(
            name="health",
            path="/healthz",
            witness=Witness.HEALTH,
            interval=timedelta(seconds=15),
            objective=objective(Fraction(95, 100), 0.5),
        ),
        Endpoint(
            name="search",
            path="/search",
            witness=Witness.SEARCH,
            objective=objective(Fraction(90, 100), 5.0),
        ),
    ),
    targets=Targets(availability=Fraction(999, 1000), error_rate=Fraction(1, 100)),
)


def printed(*services: Service) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(openslo_documents(services)))


def slos(*services: Service) -> dict[str, Any]:
    return {
        one["metadata"]["name"]: one["spec"] for one in printed(*services) if one["kind"] == "SLO"
    }


def read_back(mapping: dict[str, Any]) -> Service:
    """What slo.yml's grammar makes of a service, as far as OpenSLO can hold it."""
    monitoring, targets = mapping.get("monitoring", {}), mapping.get("slo_targets", {})
    named = [name for name in WITNESSES if f"{name}_endpoint" in mapping]
    own = mapping.get("endpoints", [])
    return Service(
        name=mapping["service"],
        url=mapping["url"],
        endpoints=(
            *(named_endpoint(name, mapping, monitoring, targets) for name in named),
            *(own_endpoint(entry) for entry in own),
        ),
        targets=Targets(
            **{
                name: parse_ratio(targets[name])
                for name in Targets.__dataclass_fields__
                if name in targets
            }
        ),
        grace=duration(monitoring, "grace_period"),
        notify=tuple(mapping.get("notify", ())),
        **{
            name: mapping.get(name, "")
            for name in ("schedule", "platform", "app", "fly_config", "team")
        },
    )


def duration(table: dict[str, str], name: str) -> timedelta | None:
    return parse_duration(table[name]) if name in table else None


def limit(table: dict[str, str], name: str, quantile: Fraction) -> LatencyObjective | None:
    return (
        objective(quantile, parse_duration(table[name]).total_seconds()) if name in table else None
    )


def named_endpoint(
    name: str, mapping: dict[str, Any], monitoring: dict[str, str], targets: dict[str, str]
) -> Endpoint:
    target, quantile = QUANTILES.get(name, ("", Fraction(1, 2)))
    return Endpoint(
        name=name,
        path=mapping[f"{name}_endpoint"],
        witness=WITNESSES[name],
        interval=duration(monitoring, f"{name}_interval"),
        timeout=duration(monitoring, f"{name}_timeout"),
        objective=limit(targets, target, quantile),
    )


def own_endpoint(entry: dict[str, str]) -> Endpoint:
    return Endpoint(
        name=entry["name"],
        path=entry["path"],
        witness=Witness.API,
        interval=duration(entry, "interval"),
        timeout=duration(entry, "timeout"),
        objective=limit(entry, "response_time_p95", Fraction(95, 100)),
    )


letters = st.characters(exclude_categories=["C", "Z"]) | st.sampled_from(
    " '\"{}:#\
"
)
texts = st.text(letters, min_size=1, max_size=12)
maybe = st.just("") | texts
durations = st.none() | st.integers(1, 10**8).map(lambda ms: timedelta(milliseconds=ms))
ratios = st.none() | st.integers(0, 10**9).map(lambda number: Fraction(number, 10**9))
limits = st.none() | st.integers(1, 86_400_000).map(lambda ms: ms / 1000)


@st.composite
def endpoints(draw: st.DrawFn, name: str) -> Endpoint:
    quantile = QUANTILES.get(name, ("", Fraction(95, 100)))[1]
    build = name == "build"
    seconds = None if build else draw(limits)
    return Endpoint(
        name=name,
        path=draw(texts),
        witness=WITNESSES.get(name, Witness.API),
        interval=None if build else draw(durations),
        timeout=None if build else draw(durations),
        objective=None if seconds is None else objective(quantile, seconds),
    )


@st.composite
def services(draw: st.DrawFn, name: str) -> Service:
    named = ["health", *(n for n in ("build", "search", "stats") if draw(st.booleans()))]
    own = draw(st.lists(texts.filter(lambda text: text not in WITNESSES), unique=True, max_size=11))
    return Service(
        name=name,
        url=draw(texts),
        endpoints=tuple(draw(endpoints(one)) for one in (*named, *own)),
        targets=Targets(
            availability=draw(ratios), error_rate=draw(ratios), job_success_rate=draw(ratios)
        ),
        grace=draw(durations),
        notify=tuple(draw(st.lists(texts, max_size=11))),
        schedule=draw(maybe),
        platform=draw(maybe),
        app=draw(maybe),
        fly_config=draw(maybe),
        team=draw(maybe),
    )


matrices = st.lists(texts, unique=True, min_size=1, max_size=3).flatmap(
    lambda names: st.tuples(*(services(name) for name in names))
)


@settings(max_examples=sized(15, 50))
@given(matrices)
def test_what_is_printed_is_read_back_as_it_was(matrix: tuple[Service, ...]) -> None:
    result = openslo_services(printed(*matrix))

    assert result.mistakes == ()
    assert result.skipped == ()
    assert tuple(read_back(dict(service)) for service in result.services) == matrix


@settings(max_examples=sized(15, 50))
@given(matrices)
def test_what_is_printed_keeps_openslos_schema(matrix: tuple[Service, ...]) -> None:
    for document in printed(*matrix):
        VALIDATOR.validate(document)


@pytest.mark.parametrize(
    "spoil",
    [
        {"metadata": {"name": "Shop"}},
        {"metadata": {"name": "shop", "annotations": {"slo-verify/url": "x"}}},
        {"kind": "SLO"},
        {"apiVersion": "openslo/v2"},
    ],
)
def test_the_schema_refuses_what_openslo_refuses(spoil: dict[str, object]) -> None:
    document = {**printed(SHOP)[0], **spoil}
    assert not VALIDATOR.is_valid(document)


def test_a_service_is_followed_by_one_slo_for_each_objective() -> None:
    kinds = [(one["kind"], one["metadata"]["name"]) for one in printed(SHOP)]

    assert kinds == [
        ("Service", "shop"),
        ("SLO", "shop-availability"),
        ("SLO", "shop-error-rate"),
        ("SLO", "shop-response-time-p95"),
        ("SLO", "shop-search-response-time-p90"),
    ]


def test_an_error_rate_is_a_bad_ratio_within_an_hour() -> None:
    spec = slos(SHOP)["shop-error-rate"]

    assert spec["objectives"] == [{"displayName": "error_rate", "target": 0.99}]
    assert spec["timeWindow"] == [{"duration": "1h", "isRolling": True}]
    bad = spec["indicator"]["spec"]["ratioMetric"]["bad"]["metricSource"]["spec"]["query"]
    assert bad == 'sum(http_requests_total{job="shop",status_code=~"5.."})'


def test_a_latency_is_a_threshold_on_the_quantile_of_its_endpoint_within_a_day() -> None:
    spec = slos(SHOP)["shop-search-response-time-p90"]

    (goal,) = spec["objectives"]
    assert (goal["op"], goal["value"], goal["target"]) == ("lte", 5.0, 0.9)
    assert spec["timeWindow"] == [{"duration": "24h", "isRolling": True}]
    query = spec["indicator"]["spec"]["thresholdMetric"]["metricSource"]["spec"]["query"]
    assert query == (
        "histogram_quantile(0.9, sum by (le) "
        '(rate(http_request_duration_seconds_bucket{job="shop",endpoint="/search"}[5m])))'
    )


def test_jobs_have_a_slo_of_their_own() -> None:
    jobs = Service(
        name="jobs", url="x", endpoints=(), targets=Targets(job_success_rate=Fraction(95, 100))
    )
    assert slos(jobs)["jobs-job-success-rate"]["objectives"][0]["target"] == 0.95


def test_a_name_cannot_leave_its_query() -> None:
    sly = Service(
        name='"} or up{x="', url="x", endpoints=(), targets=Targets(availability=Fraction(1, 2))
    )
    (spec,) = slos(sly).values()
    query = spec["indicator"]["spec"]["ratioMetric"]["total"]["metricSource"]["spec"]["query"]
    assert query == r'count(service_health_status{service="\"} or up{x=\""})'


def test_names_that_openslo_refuses_are_distinguished_and_kept() -> None:
    odd = [
        Service(name=name, url="x", endpoints=()) for name in ("Shop!", "shop", "SHOP", "\u4e00x")
    ]

    documents = printed(*odd)

    assert [one["metadata"]["name"] for one in documents] == ["shop", "shop-2", "shop-3", "x"]
    assert documents[2]["metadata"]["annotations"]["slo-verify.service"] == "SHOP"


def test_a_target_of_100_percent_is_no_slo_but_is_kept() -> None:
    sure = Service(name="shop", url="x", endpoints=(), targets=Targets(availability=Fraction(1)))

    (document,) = printed(sure)

    assert document["metadata"]["annotations"]["slo-verify.slo_targets.availability"] == "1"


def test_what_openslo_does_not_hold_is_named() -> None:
    asked = Assertion(subject=Subject.STATUS, condition=Condition.ONE_OF, expected=("200",))
    rich = Service(
        name="shop",
        url="x",
        endpoints=(
            Endpoint(
                name="health",
                path="/",
                witness=Witness.HEALTH,
                assertions=(asked,),
                objective=objective(Fraction(99, 100), 1.0),
            ),
        ),
        maintenance=(Maintenance(name="night"),),
        policy=PolicyOverrides(observe=60.0),
    )
    (document,) = printed(rich)
    assert document["spec"]["description"] == (
        "Not expressible in OpenSLO: maintenance, policy, assertions, a quantile of its own."
    )


def test_what_slo_targets_put_into_a_policy_is_held() -> None:
    plain = Service(name="a", url="x", endpoints=(), policy=PolicyOverrides(slo=Fraction(1, 100)))
    assert printed(plain)[0]["spec"]["description"] == "Printed by slo-verify."


def test_without_services_nothing_is_printed() -> None:
    assert openslo_documents(()) == ""
