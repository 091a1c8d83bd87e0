"""Which metrics are found to count a service's requests, and what is said where none are."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from slo_action.config.settings.prometheus import PrometheusSettings
from slo_action.config.text.url import parse_url
from slo_action.core.observation.real_traffic import TrafficReading, TrafficState
from slo_action.sources.prometheus import promql
from slo_action.sources.prometheus.families import FAMILIES
from slo_action.sources.prometheus.source import PrometheusSource
from tests.worlds.exporters import EXPORTERS, Names
from tests.worlds.prometheus import PrometheusWorld
from tests.worlds.virtual_clock import VirtualClock

SECONDS = 300.0
MOST_QUERIES = 10


class Town:
    """A Prometheus that has scraped its services for five minutes."""

    def __init__(self) -> None:
        self.clock = VirtualClock(datetime(2026, 11, 2, 10, tzinfo=UTC))
        self.world = PrometheusWorld(self.clock)

    def look(self, **settings: str) -> TrafficReading:
        self.world.passes(SECONDS)
        given = {"service": "shop", **settings}
        source = PrometheusSource(
            PrometheusSettings(
                url=parse_url("https://metrics.example", allow_link_local=False),
                service=given["service"],
                service_label=given.get("service_label", "auto"),
                errors_query=given.get("errors_query", ""),
                requests_query=given.get("requests_query", ""),
            ),
            clock=self.clock,
            spawn=lambda look: look(),
            transport=httpx.MockTransport(self.world.handler),
        )
        source.ask(self.clock.now() - timedelta(seconds=SECONDS))
        reading = source.newest()
        assert reading is not None
        return reading

    def problem(self, **settings: str) -> str:
        """Look in vain: nothing is counted, and the questions stay few."""
        reading = self.look(**settings)
        assert reading.state is TrafficState.NO_SERIES
        assert reading.requests is None
        assert len(self.world.requests) <= MOST_QUERIES
        return reading.detail


@pytest.mark.parametrize("names", EXPORTERS.values(), ids=EXPORTERS)
def test_an_exporter_s_requests_are_counted_once(names: Names) -> None:
    town = Town()
    shop, other = town.world.service("shop", names), town.world.service("shopping", names)
    shop.error_rate = 0.1
    other.error_rate = 1.0

    reading = town.look()

    assert reading.state is TrafficState.MEASURED, reading.detail
    assert reading.requests == pytest.approx(2550, rel=0.01)
    assert reading.errors == pytest.approx(255, rel=0.01)
    assert (reading.p50_seconds is None) is (not names.buckets)
    if reading.p50_seconds is not None:
        assert 0.1 < reading.p50_seconds <= 0.25
    assert reading.detail.startswith(names.counter)


def test_each_known_metric_is_shown_by_an_exporter_of_the_tests() -> None:
    shown = {(names.counter, bool(names.buckets)) for names in EXPORTERS.values()}

    assert shown == {(family.counter, bool(family.buckets)) for family in FAMILIES}


def test_the_service_s_own_metric_goes_before_that_of_a_proxy() -> None:
    town = Town()
    for exporter in ("fly-edge", "traefik", "flask"):
        town.world.service("shop", EXPORTERS[exporter], job="shop")

    assert town.look().detail.startswith("flask_http_request_total")


def test_two_queries_find_the_metric() -> None:
    town = Town()
    town.world.service("shop", EXPORTERS["envoy"])
    town.look()

    asked = [query for query, _ in town.world.asked()]
    assert asked[2].startswith("max(timestamp(envoy_cluster_upstream_rq_xx")
    assert len(asked[0]) < 1000


def test_another_metric_of_the_service_is_printed_as_queries_that_work() -> None:
    town = Town()
    own = Names(counter="mm_http_requests_total", buckets="", service="app", status="status")
    town.world.service("shop", own).error_rate = 0.5
    town.world.service("other")

    problem = town.problem()

    assert problem.startswith(
        "no known metric counts the service's requests, but mm_http_requests_total seems to: set "
        "prometheus-requests-query to `sum("
    )
    _, requests, _, errors, _ = problem.split("`")
    pasted = town.look(requests_query=requests, errors_query=errors)
    assert pasted.state is TrafficState.MEASURED
    assert pasted.errors == pytest.approx((pasted.requests or 0) / 2, rel=0.02)


def test_another_metric_without_a_status_is_named() -> None:
    town = Town()
    town.world.service("shop", Names(counter="hits_total", buckets="", status="result"))

    assert town.problem() == (
        "no known metric counts the service's requests; its own counters, such as hits_total, "
        "have no label with a status; set prometheus-requests-query and prometheus-errors-query"
    )


@pytest.mark.parametrize("counter", ["promhttp_metric_handler_requests_total", "x_client_requests"])
def test_scrapes_and_requests_to_others_are_no_requests_of_the_service(counter: str) -> None:
    town = Town()
    town.world.service("shop", Names(counter=counter, buckets="", service="app"))

    assert counter not in town.problem()


def test_another_status_label_is_shown_with_an_example() -> None:
    town = Town()
    town.world.service("shop", Names(buckets="", status="result", success="ok"))

    problem = town.problem()

    assert problem.startswith(
        "http_requests_total has series of the service, but none has a status"
    )
    assert 'such as http_requests_total{job="town", instance="shop:80", service="shop"' in problem
    assert 'result="ok"}; set prometheus-requests-query and prometheus-errors-query' in problem


@pytest.mark.parametrize(
    ("names", "job", "such"),
    [
        (Names(), "default/Shop", '"job=default/Shop"'),
        (EXPORTERS["envoy"], "proxy", '"envoy_cluster_name=outbound|80||shop.default"'),
    ],
)
def test_another_service_label_is_shown_with_what_to_set(names: Names, job: str, such: str) -> None:
    town = Town()
    service = "outbound|80||shop.default" if job == "proxy" else "backend"
    town.world.service(service, names, job=job)

    problem = town.problem()

    assert 'no series has "shop" as its ' in problem
    assert problem.endswith(f"set prometheus-service-label, such as {such}")
    assert town.look(service_label=such.strip('"')).state is TrafficState.MEASURED


def test_two_services_that_fit_are_both_shown_and_neither_counted() -> None:
    town = Town()
    for value in ("{}@docker", "{}@file"):
        names = Names(counter="traefik_service_requests_total", status="code", value=value)
        town.world.service("shop", names)

    problem = town.problem()

    assert '{service="shop@docker"}' in problem
    assert '{service="shop@file"}' in problem


def test_another_service_is_never_counted_and_the_label_is_asked_for() -> None:
    town = Town()
    town.world.service("warehouse")

    assert town.problem() == (
        'no series of http_requests_total has "shop" as its service, service_name, app, '
        "application, app_name, job, exported_job, and no target is scraped under that name; "
        "set prometheus-service-label"
    )
    assert 'has "b" as its job' in town.problem(service_label="job=b")


def test_a_source_with_many_exporters_is_summed_up() -> None:
    town = Town()
    for names in EXPORTERS.values():
        town.world.service("warehouse", names)

    reading = town.look(service="basement")

    assert "promhttp" not in reading.detail
    assert ", starlette_requests_total, http_requests_received_total and 11 more has" in (
        reading.detail
    )
    assert len(reading.detail) < 800
    assert len(town.world.requests) <= len(FAMILIES) + 4


def test_a_scraped_service_without_requests_yet_is_not_called_another_metric() -> None:
    town = Town()
    town.world.service("warehouse")
    town.world.service("shop", Names(counter="go_gc_cycles", buckets=""), job="shop")

    problem = town.problem()

    assert 'of the service, which is scraped (up{job="shop", instance="shop:80"})' in problem
    assert "it counted no request yet, or by another metric" in problem


def test_an_empty_source_is_perhaps_the_wrong_one() -> None:
    assert Town().problem() == (
        f"none of the {len(FAMILIES)} known metrics, such as http_requests_total, has series; "
        "check the prometheus-url input, or set prometheus-requests-query and "
        "prometheus-errors-query"
    )


def test_everything_is_counted_on_demand_and_still_only_once() -> None:
    town = Town()
    for service in ("shop", "warehouse"):
        town.world.service(service, EXPORTERS["caddy"])

    reading = town.look(service_label="none")

    assert reading.requests == pytest.approx(5100, rel=0.01)
    assert 'every series, whatever its service, handler="subroute"' in reading.detail


def test_nothing_to_count_says_so_on_demand_for_everything() -> None:
    town = Town()
    town.world.service("shop", Names(counter="mm_http_requests_total", buckets=""))

    assert "`sum(increase(mm_http_requests_total{status_code=~" in town.problem(
        service_label="none"
    )


@pytest.mark.parametrize("name", ["", "1x", "a-b", 'x{a="b"}', "é", "x" * 201])
def test_what_is_no_metric_s_name_stands_in_no_query(name: str) -> None:
    assert not promql.is_metric(name)
