"""What the source reads out of a Prometheus, in virtual time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Event
from threading import enumerate as enumerate_threads
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_action.config.settings.prometheus import PrometheusSettings
from slo_action.config.text.url import parse_url
from slo_action.core.observation.real_traffic import TrafficReading, TrafficState
from slo_action.core.text.secrets import Secret
from slo_action.sources.prometheus.source import PrometheusSource
from tests.worlds.exporters import FLY_EDGE, Names
from tests.worlds.prometheus import (
    Answer,
    MeteredService,
    PrometheusWorld,
    raw,
    refused,
    vector,
)
from tests.worlds.virtual_clock import VirtualClock

BEFORE_SECONDS = 900.0
START = datetime(2026, 11, 2, 10, 0, 0, 500_000, tzinfo=UTC)
"""Between two whole seconds, where a `Date` is right on average."""
COUNT = 'sum(increase(http_requests_total{service="{service}"}[{window}]))'
ERRORS = 'sum(increase(http_requests_total{service="{service}",status_code=~"5.."}[{window}]))'


@dataclass
class Town:
    """A Prometheus that has scraped a shop for a quarter of an hour, and then a deploy."""

    skew_seconds: float = 0.0
    scrape_seconds: float = 15.0
    names: Names = field(default_factory=Names)
    clock: VirtualClock = field(default_factory=lambda: VirtualClock(START))

    def __post_init__(self) -> None:
        self.world = PrometheusWorld(
            self.clock, skew_seconds=self.skew_seconds, scrape_seconds=self.scrape_seconds
        )
        self.shop: MeteredService = self.world.service("shop", self.names)
        self.world.passes(BEFORE_SECONDS)
        self.deployed_at: datetime = self.clock.now()

    def source(self, **settings: Any) -> PrometheusSource:
        given_settings = {
            "url": parse_url("https://metrics.example", allow_link_local=False),
            "service": "shop",
            **settings,
        }
        return PrometheusSource(
            PrometheusSettings(**given_settings),
            clock=self.clock,
            spawn=lambda look: look(),
            transport=httpx.MockTransport(self.world.handler),
        )

    def look(self, source: PrometheusSource | None = None, **settings: Any) -> TrafficReading:
        asked = source or self.source(**settings)
        asked.ask(self.deployed_at)
        reading = asked.newest()
        assert reading is not None
        return reading


def test_requests_and_errors_since_the_handover_are_counted() -> None:
    town = Town()
    town.shop.error_rate = 0.1
    town.world.passes(300)

    reading = town.look()

    assert reading.state is TrafficState.MEASURED
    assert reading.counted_from_seconds == pytest.approx(45, abs=1)
    assert reading.newest_scrape_seconds == 300
    assert reading.requests == pytest.approx(10 * 255, rel=0.01)
    assert reading.errors == pytest.approx(10 * 255 * 0.1, rel=0.01)
    assert reading.scrapes == 18
    assert reading.requests_before == pytest.approx(6000, rel=0.01)
    assert reading.errors_before == 0
    assert reading.p95_seconds == pytest.approx(0.2425)
    assert reading.clock_skew_seconds == pytest.approx(0, abs=0.5)
    assert reading.detail == (
        'http_requests_total, service matched by service="shop", '
        'errors are status_code=~"5[0-9][0-9]"; scraped every 15 s'
    )


def test_no_5xx_series_yet_is_no_errors() -> None:
    town = Town()
    town.world.passes(300)

    reading = town.look()

    assert (reading.state, reading.errors) == (TrafficState.MEASURED, 0)


def test_fly_s_edge_is_found_by_its_app() -> None:
    town = Town(names=FLY_EDGE)
    town.shop.error_rate = 0.2
    town.world.passes(300)

    reading = town.look()

    assert reading.errors == pytest.approx(510, rel=0.01)
    assert reading.p95_seconds is not None
    assert 'fly_edge_http_responses_count, service matched by app="shop"' in reading.detail


@pytest.mark.parametrize("skew", [-45.0, 45.0])
@pytest.mark.parametrize("scrape", [5.0, 15.0, 30.0])
def test_a_clock_that_is_off_does_not_move_the_window(skew: float, scrape: float) -> None:
    town = Town(skew_seconds=skew, scrape_seconds=scrape)
    town.world.passes(300)
    straight = Town(scrape_seconds=scrape)
    straight.world.passes(300)

    reading, expected = town.look(), straight.look()

    assert reading.clock_skew_seconds == pytest.approx(skew, abs=0.5)
    assert f"its clock is {skew:+.0f} s off the runner's" in reading.detail
    assert reading.counted_from_seconds == pytest.approx(expected.counted_from_seconds, abs=16)
    assert reading.newest_scrape_seconds == pytest.approx(
        expected.newest_scrape_seconds, abs=scrape
    )


@pytest.mark.parametrize("skew", [-45.0, 0.0, 45.0])
def test_errors_of_the_old_release_are_not_counted(skew: float) -> None:
    town = Town(skew_seconds=skew)
    town.shop.error_rate = 1.0
    town.world.passes(60)
    town.deployed_at = town.clock.now()
    town.world.passes(15)
    town.shop.error_rate = 0.0
    town.world.passes(225)

    reading = town.look()

    assert (reading.state, reading.errors) == (TrafficState.MEASURED, 0)
    assert reading.errors_before is not None
    assert reading.errors_before > 0


def test_a_source_without_a_date_is_taken_at_our_time_and_says_so() -> None:
    town = Town()
    town.world.passes(300)
    handler = town.world.handler

    def dateless(request: httpx.Request) -> httpx.Response:
        response = handler(request)
        response.headers["Date"] = "none"
        return response

    town.world.handler = dateless  # type: ignore[method-assign]
    reading = town.look()

    assert reading.state is TrafficState.MEASURED
    assert reading.clock_skew_seconds is None
    assert "its clock is unknown" in reading.detail


def test_a_restart_in_the_window_takes_no_requests_away() -> None:
    town = Town()
    town.world.passes(150)
    town.shop.restart()
    town.world.passes(150)

    reading = town.look()

    assert reading.requests == pytest.approx(10 * 255, rel=0.07)


@pytest.mark.parametrize("seconds", [0, 15, 45, 59])
def test_before_two_scrapes_there_is_nothing_to_divide(seconds: int) -> None:
    town = Town()
    town.world.passes(seconds)

    reading = town.look()

    assert reading.state is TrafficState.NO_RATIO
    assert (reading.requests, reading.errors) == (None, None)
    assert "2 are needed: nothing can be divided yet" in reading.detail


def test_two_scrapes_are_enough() -> None:
    town = Town()
    town.world.passes(75)

    assert town.look().state is TrafficState.MEASURED


def test_no_customers_are_zero_requests() -> None:
    town = Town()
    town.shop.per_second = 0.0
    town.world.passes(300)

    reading = town.look()

    assert (reading.state, reading.requests, reading.errors) == (TrafficState.ZERO, 0, 0)
    assert reading.p95_seconds is None
    assert reading.requests_before == pytest.approx(6000, rel=0.01)


def test_a_service_that_is_not_scraped_any_more_has_no_series() -> None:
    town = Town()
    town.world.passes(100)
    source = town.source()
    assert town.look(source).state is TrafficState.MEASURED
    town.shop.is_up = False
    town.world.passes(60)

    reading = town.look(source)

    assert reading.state is TrafficState.NO_SERIES
    assert reading.detail.startswith("the series have ended")


def test_a_source_that_fell_behind_has_no_series() -> None:
    town = Town()
    town.world.passes(300)
    source = town.source()
    town.look(source)
    town.clock.advance(200)

    reading = town.look(source)

    assert reading.state is TrafficState.NO_SERIES
    assert "the newest sample is 200 s old" in reading.detail


def test_own_queries_are_asked_instead() -> None:
    town = Town(names=Names(counter="hits_total"))
    town.shop.error_rate = 0.5
    town.world.passes(300)

    reading = town.look(
        errors_query=ERRORS.replace("http_requests", "hits"),
        requests_query=COUNT.replace("http_requests", "hits"),
    )

    assert reading.state is TrafficState.MEASURED
    assert reading.errors == pytest.approx((reading.requests or 0) / 2, rel=0.01)
    assert "counted by the queries of the inputs" in reading.detail
    assert reading.p95_seconds is None


def test_an_own_errors_query_that_selects_nothing_is_not_zero_errors() -> None:
    town = Town()
    town.world.passes(300)

    empty = town.look(errors_query=ERRORS, requests_query=COUNT)
    zero = town.look(errors_query=f"{ERRORS} or vector(0)", requests_query=COUNT)

    assert empty.state is TrafficState.NO_SERIES
    assert "end it with `or vector(0)`" in empty.detail
    assert (zero.state, zero.errors) == (TrafficState.MEASURED, 0)


def test_queries_that_cannot_be_used_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="prometheus-errors-query"):
        Town().source(requests_query=COUNT)
    with pytest.raises(ValueError, match="write auto, none"):
        Town().source(service_label="}")


def _always(value: float) -> Answer:
    return lambda _: vector([({}, value)])


@pytest.mark.parametrize(
    ("to", "answer", "state", "reason"),
    [
        ("sum(increase", _always(float("nan")), TrafficState.NOT_A_NUMBER, "requests is nan"),
        ("sum(increase", _always(float("inf")), TrafficState.NOT_A_NUMBER, "requests is inf"),
        ("5[0-9]", _always(float("nan")), TrafficState.NOT_A_NUMBER, "errors is nan"),
        ("5[0-9]", _always(-3.0), TrafficState.NOT_A_NUMBER, "errors is -3"),
        ("5[0-9]", _always(9e9), TrafficState.NO_RATIO, "9e+09 errors of"),
        ("sum(increase", _always(0.0), TrafficState.ZERO, "matched by"),
        ("sum(increase", lambda _: vector([]), TrafficState.NO_SERIES, "no series of requests"),
        ("timestamp", lambda _: vector([]), TrafficState.NO_SERIES, "the series have ended"),
        ("", lambda _: raw(503, ""), TrafficState.UNREACHABLE, "HTTP 503"),
        ("", lambda _: raw(401, "<html>"), TrafficState.UNREACHABLE, "prometheus-token"),
        ("5[0-9]", lambda _: refused(422, "execution", "x"), TrafficState.UNREACHABLE, "execution"),
    ],
)
def test_no_two_kinds_of_no_number_are_confused(
    to: str, answer: Answer, state: TrafficState, reason: str
) -> None:
    town = Town()
    town.shop.error_rate = 0.1
    town.world.passes(300)
    town.world.becomes(answer, to=to)

    reading = town.look()

    assert reading.state is state
    assert reason in reading.detail
    assert (reading.requests is None) is (state is not TrafficState.ZERO)


def test_a_latency_query_that_fails_takes_no_count_away() -> None:
    town = Town()
    town.world.passes(300)
    town.world.becomes(lambda _: refused(503, "timeout", "slow"), to="histogram_quantile")

    reading = town.look()

    assert reading.state is TrafficState.MEASURED
    assert (reading.p50_seconds, reading.p95_seconds, reading.p99_seconds) == (None, None, None)


def test_what_was_before_is_asked_for_once_and_again_after_another_deploy() -> None:
    town = Town()
    town.world.passes(300)
    source = town.source()

    def asked_600() -> int:
        return sum("sum(increase" in query and "[600s]" in query for query, _ in town.world.asked())

    town.look(source)
    town.look(source)
    assert asked_600() == 2

    town.deployed_at += timedelta(seconds=30)
    town.look(source)
    assert asked_600() == 4


def test_a_partial_answer_says_so() -> None:
    town = Town()
    town.world.passes(300)
    town.world.becomes(
        lambda _: vector([({}, 5.0)], warnings=["store down"]), to='status_code=~"5[0-9]'
    )

    assert "it warned that its answer may lack a part" in town.look().detail


def test_headers_of_the_user_s_are_sent_replace_ours_and_reach_no_reading() -> None:
    town = Town()
    town.world.becomes(
        lambda request: refused(400, "bad", f"org {request.headers['X-Scope-OrgID']}")
    )
    headers = (("X-Scope-OrgID", "tenant-secret"), ("user-agent", "ours"))

    reading = town.look(headers=headers)

    assert {request.headers["User-Agent"] for request in town.world.requests} == {"ours"}
    assert "org ***" in reading.detail


def test_credentials_reach_no_reading_and_no_other_header() -> None:
    town = Town()
    town.world.becomes(
        lambda request: refused(400, "bad", f"you sent {request.headers['Authorization']}")
    )

    reading = town.look(
        url=parse_url("https://me:passw0rd@metrics.example/", allow_link_local=False),
        token=Secret("t0ken-value"),
    )
    by_url = town.look(
        url=parse_url("https://me:passw0rd@metrics.example/", allow_link_local=False)
    )

    assert "t0ken-value" not in repr(reading)
    assert "passw0rd" not in repr((reading, by_url))
    assert "bWU6cGFzc3cwcmQ" not in repr(by_url)
    assert "***" in by_url.detail
    assert {r.headers["Authorization"].split()[0] for r in town.world.requests} == {
        "Bearer",
        "Basic",
    }


@pytest.mark.parametrize("path", ["", "/", "/prom", "/prom/api/v1", "/prom/api/v1/query"])
def test_the_address_may_have_a_prefix_or_be_the_api_s_own(path: str) -> None:
    town = Town()
    town.world.passes(300)
    seen: list[str] = []
    handler: Callable[[httpx.Request], httpx.Response] = town.world.handler

    def watching(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.path)
        return handler(request)

    town.world.handler = watching  # type: ignore[method-assign]
    source = town.source(url=parse_url(f"https://metrics.example{path}", allow_link_local=False))
    town.look(source)

    prefix = "/prom" if "prom" in path else ""
    assert set(seen) == {f"{prefix}/api/v1/query"}
    assert source.name == "Prometheus at metrics.example"


def test_a_look_that_breaks_is_a_reading_and_the_next_one_works() -> None:
    town = Town()
    town.world.passes(300)

    def broken(_: httpx.Request) -> httpx.Response:
        raise ZeroDivisionError("secret text")

    town.world.becomes(broken)
    source = town.source()
    reading = town.look(source)
    assert reading.state is TrafficState.UNREACHABLE
    assert reading.detail == "the query failed (ZeroDivisionError)"

    town.world.becomes(None)
    assert town.look(source).state is TrafficState.MEASURED


def test_without_a_thread_there_is_a_reading_too() -> None:
    town = Town()

    def spawn(_: Callable[[], None]) -> None:
        raise RuntimeError("can't start new thread")

    source = PrometheusSource(
        PrometheusSettings(
            url=parse_url("https://metrics.example", allow_link_local=False), service="shop"
        ),
        clock=town.clock,
        spawn=spawn,
    )

    assert town.look(source).detail == "no free thread for the query"


def test_a_hanging_source_costs_one_query_a_look() -> None:
    town = Town()

    def hanging(_: httpx.Request) -> httpx.Response:
        town.clock.advance(5.0)
        raise httpx.ReadTimeout("no answer")

    town.world.becomes(hanging)
    reading = town.look()

    assert reading.detail.startswith("no answer within 5 s")
    assert len(town.world.requests) == 1


@given(
    scrape=st.sampled_from([1.0, 5.0, 15.0, 30.0, 60.0]),
    seconds=st.integers(0, 600),
    skew=st.floats(-45, 45),
    restarted=st.booleans(),
)
def test_no_window_ever_reaches_back_before_the_handover(
    scrape: float, seconds: int, skew: float, restarted: bool
) -> None:
    town = Town(scrape_seconds=scrape, skew_seconds=skew)
    if restarted:
        town.shop.restart()
    town.world.passes(seconds)

    reading = town.look()

    assert reading.state in (TrafficState.MEASURED, TrafficState.NO_RATIO)
    if reading.state is TrafficState.MEASURED:
        assert reading.counted_from_seconds is not None
        assert reading.newest_scrape_seconds is not None
        assert 30 + scrape <= reading.counted_from_seconds + 1
        span = reading.newest_scrape_seconds - reading.counted_from_seconds
        assert reading.requests is not None
        assert reading.requests <= 10 * span * 1.001


def test_the_real_spawn_looks_beside_the_run() -> None:
    town = Town()
    town.world.passes(300)
    answers, looked = Event(), Event()
    handler = town.world.handler

    def held(request: httpx.Request) -> httpx.Response:
        looked.set()
        assert answers.wait(10)
        return handler(request)

    source = PrometheusSource(
        PrometheusSettings(
            url=parse_url("https://metrics.example", allow_link_local=False), service="shop"
        ),
        clock=town.clock,
        transport=httpx.MockTransport(held),
    )
    source.ask(town.deployed_at)
    assert looked.wait(10)
    (thread,) = [one for one in enumerate_threads() if one.name == "metric-source"]
    assert thread.daemon
    assert source.newest() is None

    source.ask(town.deployed_at)
    answers.set()
    thread.join(10)

    reading = source.newest()
    assert reading is not None
    assert reading.state is TrafficState.MEASURED
    assert [one for one in enumerate_threads() if one.name == "metric-source"] == []
