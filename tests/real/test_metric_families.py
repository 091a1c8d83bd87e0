"""Real servers that scrape each known family of metrics: what is counted, what is said."""

from collections.abc import Iterator
from datetime import UTC, datetime
from threading import Event, Thread

import pytest

from slo_action.core.observation.real_traffic import TrafficState
from tests.real.metric_town import SERVERS, Town, look, read_until, running
from tests.worlds.exporters import EXPORTERS, Names
from tests.worlds.metered_shop import MeteredShop

pytestmark = pytest.mark.real

_FAILS_EVERY = 4
_PER_SECOND = 20.0
_UNKNOWN = {
    "prefixed": Names(counter="mm_http_requests_total", buckets="", status="code"),
    "results": Names(buckets="", status="result", success="ok", error="failed"),
    "default/batch": Names(buckets=""),
    "no-requests": Names(counter="go_gc_cycles_total", buckets=""),
}


@pytest.fixture(scope="module", params=SERVERS)
def town(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Town]:
    shops = {name: MeteredShop(name, names) for name, names in (EXPORTERS | _UNKNOWN).items()}
    for shop in shops.values():
        shop.fails_every = _FAILS_EVERY
    gone = Event()

    def shopping() -> None:
        while not gone.wait(1 / _PER_SECOND):
            for shop in shops.values():
                shop.serve()

    customers = Thread(target=shopping, daemon=True)
    customers.start()
    try:
        with running(request.param, tmp_path_factory.mktemp("town"), shops) as town:
            yield town
    finally:
        gone.set()
        customers.join()


@pytest.fixture(scope="module")
def deployed_at(town: Town) -> datetime:  # noqa: ARG001 - each server has its own
    """Return a time that all of a server's tests share, so that they wait once."""
    return datetime.now(UTC)


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_an_exporter_s_requests_are_counted_once(
    town: Town, deployed_at: datetime, exporter: str
) -> None:
    source = town.source(exporter)

    reading = read_until(source, deployed_at, lambda r: (r.requests or 0) > 2 * _PER_SECOND)

    assert reading.detail.startswith(EXPORTERS[exporter].counter)
    assert reading.requests is not None
    assert reading.newest_scrape_seconds is not None
    assert reading.counted_from_seconds is not None
    seconds = reading.newest_scrape_seconds - reading.counted_from_seconds
    assert reading.requests <= 1.5 * _PER_SECOND * seconds
    assert reading.errors == pytest.approx(reading.requests / _FAILS_EVERY, abs=4)
    assert (reading.p95_seconds is None) is (not EXPORTERS[exporter].buckets)
    if reading.p95_seconds is not None:
        assert 0.1 < reading.p95_seconds <= 0.25


def test_another_metric_s_queries_are_printed_and_work(town: Town, deployed_at: datetime) -> None:
    found = read_until(
        town.source("prefixed"), deployed_at, lambda r: "mm_http_requests_total" in r.detail
    )

    _, requests, _, errors, _ = found.detail.split("`")
    pasted = town.source("prefixed", errors, requests)
    reading = read_until(pasted, deployed_at, lambda r: (r.errors or 0) > 5)
    assert reading.errors == pytest.approx((reading.requests or 0) / _FAILS_EVERY, abs=4)


def test_another_status_label_service_label_or_no_request_are_three_messages(
    town: Town, deployed_at: datetime
) -> None:
    def problem(service: str, part: str) -> str:
        reading = read_until(town.source(service), deployed_at, lambda r: part in r.detail)
        assert reading.state is TrafficState.NO_SERIES
        return reading.detail

    status = problem("results", "none has a status")
    label = problem("batch", "; there is")
    quiet = problem("no-requests", "which is scraped")

    assert 'result="' in status
    assert 'such as "service=default/batch"' in label
    assert "it counted no request yet, or by another metric" in quiet
    assert look(town.source("batch", label="service=default/batch"), deployed_at).state in (
        TrafficState.MEASURED,
        TrafficState.NO_RATIO,
    )
