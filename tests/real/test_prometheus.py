"""The source's readings follow a real Prometheus that scrapes a real service.

This is what makes `tests/worlds/prometheus.py` worth trusting in all the other tests.
"""

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isnan
from pathlib import Path
from string import punctuation
from time import monotonic, sleep

import httpx
import pytest

from slo_action.config.settings.prometheus import PrometheusSettings
from slo_action.config.text.url import ServiceUrl
from slo_action.core.observation.real_traffic import (
    TrafficPolicy,
    TrafficReading,
    TrafficState,
    TrafficVerdict,
    judge_traffic,
)
from slo_action.core.text.secrets import Scrubber
from slo_action.sources.prometheus.api import PrometheusApi
from slo_action.sources.prometheus.source import PrometheusSource
from slo_action.system.clock import SystemClock
from tests.worlds.metered_shop import MeteredShop, customers

pytestmark = pytest.mark.real

_MISSING = "Prometheus is not installed: apt-get install prometheus"
_SERVICES = ("failing", "restarted", "stopped", "idle", "steady")
_PATIENCE_SECONDS = 20.0

_COUNT = 'sum(increase(http_requests_total{service="{service}"}[{window}]))'
_ERRORS = (
    'sum(increase(http_requests_total{service="{service}",status_code=~"5.."}[{window}])) '
    "or vector(0)"
)

_MANY = 'label_replace(vector(0), "a", "b", "", "") or increase(http_requests_total[{window}])'
"""At least two series, however many shops were scraped twice in the window: the idle one was."""


@dataclass(frozen=True)
class Town:
    """A running Prometheus and the shops it scrapes once a second."""

    base: str
    shops: dict[str, MeteredShop]

    def source(self, service: str, errors: str = "", requests: str = "") -> PrometheusSource:
        return PrometheusSource(
            PrometheusSettings(
                url=ServiceUrl(base=self.base),
                service=service,
                errors_query=errors,
                requests_query=requests,
                handover_seconds=0.0,
            ),
            clock=SystemClock(),
            spawn=lambda look: look(),
        )

    def counted(self, service: str) -> float:
        api = self.api()
        query = f'sum(increase(http_requests_total{{service="{service}"}}[60s]))'
        try:
            return api.number(query) or 0.0
        finally:
            api.close()

    def api(self) -> PrometheusApi:
        return PrometheusApi(
            self.base, None, clock=SystemClock(), scrubber=Scrubber(), transport=None
        )


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    program = shutil.which("prometheus")
    if program is None:
        if os.environ.get("CI_NO_SKIP") == "1":
            pytest.fail(_MISSING)
        pytest.skip(_MISSING)
    home = tmp_path_factory.mktemp("prometheus")
    shops = {service: MeteredShop(service) for service in _SERVICES}
    targets = ", ".join(f"'127.0.0.1:{shop.port}'" for shop in shops.values())
    (home / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
        f"scrape_configs:\n- job_name: town\n  static_configs:\n  - targets: [{targets}]\n"
    )
    base = f"http://127.0.0.1:{_free_port()}"
    server = _started(program, home, base)
    try:
        _wait_until(lambda: _is_ready(base), "Prometheus is ready")
        yield Town(base, shops)
    finally:
        server.terminate()
        server.wait(20)
        for shop in shops.values():
            shop.stop()


def _started(program: str, home: Path, base: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [
            program,
            f"--config.file={home / 'prometheus.yml'}",
            f"--storage.tsdb.path={home / 'data'}",
            f"--web.listen-address={base.removeprefix('http://')}",
            "--log.level=error",
        ],
        cwd=home,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_ready(base: str) -> bool:
    try:
        return httpx.get(f"{base}/-/ready", timeout=1).status_code == 200
    except httpx.HTTPError:
        return False


def _wait_until(holds: Callable[[], bool], what: str) -> None:
    until = monotonic() + _PATIENCE_SECONDS
    while not holds():
        assert monotonic() < until, f"not within {_PATIENCE_SECONDS:g} s: {what}"
        sleep(0.2)


def _look(source: PrometheusSource, deployed_at: datetime) -> TrafficReading:
    source.ask(deployed_at)
    reading = source.newest()
    assert reading is not None
    return reading


def _read_until(
    source: PrometheusSource, deployed_at: datetime, fits: Callable[[TrafficReading], bool]
) -> TrafficReading:
    """Look until a reading fits; the scraper is real, so it takes real seconds."""
    seen: list[TrafficReading] = []

    def looked() -> bool:
        seen.append(_look(source, deployed_at))
        return fits(seen[-1])

    try:
        _wait_until(looked, "a reading that fits")
    except AssertionError as error:
        raise AssertionError(f"{error}; the last one is {seen[-1]}") from None
    return seen[-1]


def _measured(reading: TrafficReading) -> bool:
    return reading.state is TrafficState.MEASURED


def test_errors_that_start_are_counted_and_fail(town: Town) -> None:
    shop, source = town.shops["failing"], town.source("failing")
    with customers(shop):
        _wait_until(lambda: town.counted("failing") > 50, "healthy traffic before the deploy")
        deployed_at = datetime.now(UTC)
        fine = _read_until(source, deployed_at, lambda r: _measured(r) and (r.requests or 0) > 20)
        shop.fails_every = 4
        bad = _read_until(source, deployed_at, lambda r: (r.errors or 0) > 40)

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
        _wait_until(lambda: shop.answered > 100, "counters that have something to lose")
        deployed_at, before = datetime.now(UTC), shop.answered
        _read_until(source, deployed_at, lambda r: (r.requests or 0) > 50)
        shop.restart()
        after = _read_until(source, deployed_at, lambda r: (r.requests or 0) > 250)
        true = shop.answered - before

    assert after.requests is not None
    assert 0.4 * true < after.requests <= 1.1 * true


def test_a_service_that_stops_has_no_data_and_not_zero(town: Town) -> None:
    shop, source = town.shops["stopped"], town.source("stopped")
    deployed_at = datetime.now(UTC)
    with customers(shop):
        _read_until(source, deployed_at, _measured)
    shop.stop()
    shop.stop = lambda: None  # type: ignore[method-assign]

    ended = _read_until(source, deployed_at, lambda r: r.state is TrafficState.NO_SERIES)

    assert "the series have ended" in ended.detail
    assert judge_traffic(ended, TrafficPolicy()).verdict is TrafficVerdict.NO_DATA


def test_a_service_without_users_counts_zero(town: Town) -> None:
    source, deployed_at = town.source("idle"), datetime.now(UTC)

    first = _look(source, deployed_at)
    later = _read_until(source, deployed_at, lambda r: r.state is TrafficState.ZERO)

    assert first.state in (TrafficState.NO_RATIO, TrafficState.NO_SERIES)
    assert (later.requests, later.errors, later.p95_seconds) == (0, 0, None)


def test_all_series_are_counted_where_no_label_is_the_service_s(town: Town) -> None:
    source = PrometheusSource(
        PrometheusSettings(
            url=ServiceUrl(base=town.base),
            service="any",
            service_label="none",
            handover_seconds=0.0,
        ),
        clock=SystemClock(),
        spawn=lambda look: look(),
    )
    with customers(town.shops["steady"]):
        reading = _read_until(source, datetime.now(UTC), _measured)

    assert "every series, whatever its service" in reading.detail


def test_a_service_without_series_is_no_series_and_a_new_deploy_no_ratio(town: Town) -> None:
    shop = town.shops["steady"]
    with customers(shop):
        deployed_at = datetime.now(UTC)
        _read_until(town.source("steady"), deployed_at, _measured)
        soon = _look(town.source("steady"), datetime.now(UTC))
        nobody = _look(town.source("nobody"), deployed_at)

    assert soon.state is TrafficState.NO_RATIO
    assert nobody.state is TrafficState.NO_SERIES
    assert 'has service="nobody" or app="nobody" or job="nobody"' in nobody.detail


def test_the_five_kinds_of_no_number_are_five(town: Town) -> None:
    shop, api = town.shops["idle"], town.api()
    deployed_at = datetime.now(UTC) - timedelta(seconds=10)
    _read_until(town.source("idle"), deployed_at, lambda r: r.state is TrafficState.ZERO)
    ratio = f'rate(http_requests_total{{service="{shop.service}"}}[10s])'

    empty = api.number("sum(http_requests_total{service='nobody'})")
    zero = api.number(f"sum({ratio})")
    nothing_of_nothing = api.number(f"sum({ratio}) / sum({ratio})")
    api.close()

    assert empty is None
    assert zero == 0
    assert nothing_of_nothing is not None
    assert isnan(nothing_of_nothing)
    states = {
        name: _look(town.source("idle", errors, requests), deployed_at)
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
        "nan": TrafficState.NOT_A_NUMBER,
        "empty": TrafficState.NO_SERIES,
        "refused": TrafficState.UNREACHABLE,
        "matrix": TrafficState.UNREACHABLE,
        "many": TrafficState.UNREACHABLE,
    }
    assert "HTTP 400" in states["refused"].detail
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

    found = _look(town.source(name), datetime.now(UTC))
    own = _look(town.source(name, _ERRORS, expression), datetime.now(UTC))

    assert found.state is own.state is TrafficState.NO_SERIES, (found.detail, own.detail)


def test_an_address_without_the_api_is_unreachable(town: Town) -> None:
    lost = Town(f"{town.base}/nowhere", town.shops)

    reading = _look(lost.source("idle"), datetime.now(UTC))

    assert reading.state is TrafficState.UNREACHABLE
    assert "HTTP 404; check the prometheus-url input" in reading.detail
