"""The source's readings follow a real Prometheus, or the like, that scrapes a real service.

This is what makes `tests/worlds/prometheus.py` worth trusting in all the other tests.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import isnan
from string import punctuation

import pytest

from slo_action.core.observation.real_traffic import (
    TrafficPolicy,
    TrafficReading,
    TrafficState,
    TrafficVerdict,
    judge_traffic,
)
from tests.real.metric_town import SERVERS, Town, look, read_until, running, wait_until
from tests.worlds.metered_shop import MeteredShop, customers

pytestmark = pytest.mark.real

_SERVICES = ("failing", "restarted", "stopped", "idle", "steady")

_COUNT = 'sum(increase(http_requests_total{service="{service}"}[{window}]))'
_ERRORS = (
    'sum(increase(http_requests_total{service="{service}",status_code=~"5.."}[{window}])) '
    "or vector(0)"
)

_MANY = 'label_replace(vector(0), "a", "b", "", "") or increase(http_requests_total[{window}])'
"""At least two series, however many shops were scraped twice in the window: the idle one was."""


@pytest.fixture(scope="module", params=SERVERS)
def town(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Town]:
    shops = {service: MeteredShop(service) for service in _SERVICES}
    with running(request.param, tmp_path_factory.mktemp("town"), shops) as town:
        yield town


def _measured(reading: TrafficReading) -> bool:
    return reading.state is TrafficState.MEASURED


def test_errors_that_start_are_counted_and_fail(town: Town) -> None:
    shop, source = town.shops["failing"], town.source("failing")
    with customers(shop):
        wait_until(lambda: town.counted("failing") > 50, "healthy traffic before the deploy")
        deployed_at = datetime.now(UTC)
        fine = read_until(source, deployed_at, lambda r: _measured(r) and (r.requests or 0) > 20)
        shop.fails_every = 4
        bad = read_until(source, deployed_at, lambda r: (r.errors or 0) > 40)

    assert fine.errors == 0
    assert judge_traffic(fine, TrafficPolicy()).verdict is TrafficVerdict.FINE
    assert judge_traffic(bad, TrafficPolicy()).verdict is TrafficVerdict.BREACH
    assert bad.requests_before is not None
    assert bad.requests_before > 20
    assert bad.errors_before == 0
    assert bad.p95_seconds is not None
    assert 0.1 < bad.p95_seconds <= 0.25
    assert bad.clock_skew_seconds == pytest.approx(0, abs=1.5)
    assert 'service matched by service="failing"' in bad.detail


def test_a_restart_that_resets_the_counters_loses_no_requests(town: Town) -> None:
    shop, source = town.shops["restarted"], town.source("restarted")
    with customers(shop):
        wait_until(lambda: shop.answered > 100, "counters that have something to lose")
        deployed_at, before = datetime.now(UTC), shop.answered
        read_until(source, deployed_at, lambda r: (r.requests or 0) > 50)
        shop.restart()
        after = read_until(source, deployed_at, lambda r: (r.requests or 0) > 250)
        true = shop.answered - before

    assert after.requests is not None
    assert 0.4 * true < after.requests <= 1.1 * true


def test_a_service_that_stops_has_no_data_and_not_zero(town: Town) -> None:
    if town.server != "prometheus":
        pytest.skip("a query of VictoriaMetrics sees a series for 5 minutes after it ended")
    shop, source = town.shops["stopped"], town.source("stopped")
    deployed_at = datetime.now(UTC)
    with customers(shop):
        read_until(source, deployed_at, _measured)
    shop.stop()
    shop.stop = lambda: None  # type: ignore[method-assign]

    ended = read_until(source, deployed_at, lambda r: r.state is TrafficState.NO_SERIES)

    assert "the series have ended" in ended.detail
    assert judge_traffic(ended, TrafficPolicy()).verdict is TrafficVerdict.NO_DATA


def test_a_service_without_users_counts_zero(town: Town) -> None:
    source, deployed_at = town.source("idle"), datetime.now(UTC)

    first = look(source, deployed_at)
    later = read_until(source, deployed_at, lambda r: r.state is TrafficState.ZERO)

    assert first.state in (TrafficState.NO_RATIO, TrafficState.NO_SERIES)
    assert (later.requests, later.errors, later.p95_seconds) == (0, 0, None)


def test_all_series_are_counted_where_no_label_is_the_service_s(town: Town) -> None:
    source = town.source("any", label="none")
    with customers(town.shops["steady"]):
        reading = read_until(source, datetime.now(UTC), _measured)

    assert "every series, whatever its service" in reading.detail


def test_a_service_without_series_is_no_series_and_a_new_deploy_no_ratio(town: Town) -> None:
    shop = town.shops["steady"]
    with customers(shop):
        deployed_at = datetime.now(UTC)
        read_until(town.source("steady"), deployed_at, _measured)
        soon = look(town.source("steady"), datetime.now(UTC))
        nobody = look(town.source("nobody"), deployed_at)

    assert soon.state is TrafficState.NO_RATIO
    assert nobody.state is TrafficState.NO_SERIES
    assert 'has "nobody" as its service, service_name, app' in nobody.detail


def test_the_five_kinds_of_no_number_are_five(town: Town) -> None:
    shop, api = town.shops["idle"], town.api()
    deployed_at = datetime.now(UTC) - timedelta(seconds=10)
    read_until(town.source("idle"), deployed_at, lambda r: r.state is TrafficState.ZERO)
    ratio = f'rate(http_requests_total{{service="{shop.service}"}}[10s])'

    empty = api.number("sum(http_requests_total{service='nobody'})")
    zero = api.number(f"sum({ratio})")
    nothing_of_nothing = api.number(f"sum({ratio}) / sum({ratio})")
    api.close()

    assert empty is None
    assert zero == 0
    has_nan = nothing_of_nothing is not None and isnan(nothing_of_nothing)
    assert has_nan or (town.server, nothing_of_nothing) == ("victoria-metrics", None)
    states = {
        name: look(town.source("idle", errors, requests), deployed_at)
        for name, errors, requests in (
            ("zero", _ERRORS, _COUNT),
            ("nan", f"{_COUNT} * NaN", _COUNT),
            ("empty", _COUNT.replace("http_", "typo_"), _COUNT),
            ("refused", f"{_COUNT} +", _COUNT),
            ("matrix", "http_requests_total[{window}]", _COUNT),
            ("many", _MANY, _COUNT),
        )
    }
    assert {name: reading.state for name, reading in states.items()} == {
        "zero": TrafficState.ZERO,
        "nan": TrafficState.NOT_A_NUMBER if has_nan else TrafficState.NO_SERIES,
        "empty": TrafficState.NO_SERIES,
        "refused": TrafficState.UNREACHABLE,
        "matrix": TrafficState.UNREACHABLE,
        "many": TrafficState.UNREACHABLE,
    }
    refused = 400 if town.server == "prometheus" else 422
    assert f'HTTP {refused}, "' in states["refused"].detail
    assert "matrix" in states["matrix"].detail
    assert "use sum(...)" in states["many"].detail


@pytest.mark.parametrize(
    "name",
    [
        'a"b',
        "a\\",
        "{}[5m]) or vector(1",
        "line\nbreak\t\x00\x7f",
        "grün \u2028 \U0001f40c",
        punctuation,
    ],
)
def test_no_service_name_is_more_than_a_label_s_value(town: Town, name: str) -> None:
    expression = _COUNT.replace('="{service}"', '=~"{service}"')

    found = look(town.source(name), datetime.now(UTC))
    own = look(town.source(name, _ERRORS, expression), datetime.now(UTC))

    assert found.state is own.state is TrafficState.NO_SERIES, (found.detail, own.detail)


def test_an_address_without_the_api_is_unreachable(town: Town) -> None:
    lost = replace(town, base=f"{town.base}/nowhere")

    reading = look(lost.source("idle"), datetime.now(UTC))

    assert reading.state is TrafficState.UNREACHABLE
    status = 404 if town.server == "prometheus" else 400
    assert f"HTTP {status}; check the prometheus-url input" in reading.detail
