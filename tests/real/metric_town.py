"""A real Prometheus or VictoriaMetrics, and small real services that it scrapes once a second."""

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import monotonic, sleep

import httpx
import pytest

from slo_action.config.settings.prometheus import PrometheusSettings
from slo_action.config.text.url import ServiceUrl
from slo_action.core.observation.real_traffic import TrafficReading
from slo_action.core.text.secrets import Scrubber
from slo_action.sources.prometheus.api import PrometheusApi
from slo_action.sources.prometheus.source import PrometheusSource
from slo_action.system.clock import SystemClock
from tests.worlds.metered_shop import MeteredShop

SERVERS = ("prometheus", "victoria-metrics")
"""Programs, and the packages that have them."""
_PATIENCE_SECONDS = 20.0


@dataclass(frozen=True)
class Town:
    """A running server and the shops it scrapes, each as a job of its own name."""

    server: str
    base: str
    shops: dict[str, MeteredShop]

    def source(
        self, service: str, errors: str = "", requests: str = "", label: str = "auto"
    ) -> PrometheusSource:
        return PrometheusSource(
            PrometheusSettings(
                url=ServiceUrl(base=self.base),
                service=service,
                service_label=label,
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


@contextmanager
def running(server: str, home: Path, shops: dict[str, MeteredShop]) -> Iterator[Town]:
    """Start a server of SERVERS that scrapes the shops; skip where it is not installed."""
    program = shutil.which(server)
    if program is None:
        missing = f"{server} is not installed: apt-get install {server}"
        if os.environ.get("CI_NO_SKIP") == "1":
            pytest.fail(missing)
        pytest.skip(missing)
    jobs = "".join(
        f"- job_name: '{job}'\n  static_configs:\n  - targets: ['127.0.0.1:{shop.port}']\n"
        for job, shop in shops.items()
    )
    config = home / "prometheus.yml"
    config.write_text(
        f"global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n{jobs}"
    )
    base = f"http://127.0.0.1:{_free_port()}"
    address = base.removeprefix("http://")
    options = {
        "prometheus": (
            f"--config.file={config}",
            f"--storage.tsdb.path={home / 'data'}",
            f"--web.listen-address={address}",
            "--log.level=error",
        ),
        "victoria-metrics": (
            f"-promscrape.config={config}",
            f"-storageDataPath={home / 'data'}",
            f"-httpListenAddr={address}",
            "-loggerLevel=ERROR",
            "-search.latencyOffset=1s",
        ),
    }
    process = subprocess.Popen(
        [program, *options[server]],
        cwd=home,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: _is_ready(base), f"{server} is ready")
        yield Town(server, base, shops)
    finally:
        process.terminate()
        process.wait(20)
        for shop in shops.values():
            shop.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_ready(base: str) -> bool:
    try:
        return httpx.get(f"{base}/-/ready", timeout=1).status_code == 200
    except httpx.HTTPError:
        return False


def wait_until(holds: Callable[[], bool], what: str) -> None:
    until = monotonic() + _PATIENCE_SECONDS
    while not holds():
        assert monotonic() < until, f"not within {_PATIENCE_SECONDS:g} s: {what}"
        sleep(0.2)


def look(source: PrometheusSource, deployed_at: datetime) -> TrafficReading:
    source.ask(deployed_at)
    reading = source.newest()
    assert reading is not None
    return reading


def read_until(
    source: PrometheusSource, deployed_at: datetime, fits: Callable[[TrafficReading], bool]
) -> TrafficReading:
    """Look until a reading fits; the scraper is real, so it takes real seconds."""
    seen: list[TrafficReading] = []

    def looked() -> bool:
        seen.append(look(source, deployed_at))
        return fits(seen[-1])

    try:
        wait_until(looked, "a reading that fits")
    except AssertionError as error:
        raise AssertionError(f"{error}; the last one is {seen[-1]}") from None
    return seen[-1]
