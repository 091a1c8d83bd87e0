"""Real users' traffic out of a Prometheus-compatible source."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from threading import Lock, Thread

import httpx

from slo_action.config.settings.fly import authorization
from slo_action.config.settings.prometheus import PrometheusSettings
from slo_action.core.observation.real_traffic import TrafficReading, TrafficState
from slo_action.core.text.secrets import Scrubber
from slo_action.ports import Clock
from slo_action.sources.prometheus import promql
from slo_action.sources.prometheus.api import NoNumberError, PrometheusApi
from slo_action.sources.prometheus.look import BEFORE_SECONDS, SourceReading, discover
from slo_action.sources.prometheus.user_queries import written

_QUANTILES = (0.5, 0.95, 0.99)
_API_PATHS = ("/api/v1/query", "/api/v1")

Spawn = Callable[[Callable[[], None]], None]


def in_thread(look: Callable[[], None]) -> None:
    """Run a look beside the run, which it never holds up: the thread is a daemon."""
    Thread(target=look, name="metric-source", daemon=True).start()


class PrometheusSource:
    """The MetricSource of a Prometheus-compatible query API.

    Raises ValueError with the accepted forms where a query or the label is not usable. `transport`
    None means the network.
    """

    def __init__(
        self,
        settings: PrometheusSettings,
        *,
        clock: Clock,
        spawn: Spawn = in_thread,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._settings = settings
        self._where = promql.service_label(settings.service_label, settings.service)
        self._counting = _written(settings)
        self._base = _without_api(settings.url.base)
        self._header = (
            authorization(settings.token) if settings.token else settings.url.authorization
        )
        self._scrubber = Scrubber()
        for secret in (settings.token, self._header, *settings.url.secrets):
            if secret:
                self._scrubber.learn(secret)
        self._clock = clock
        self._spawn = spawn
        self._transport = transport
        self._looking = Lock()
        self._newest: TrafficReading | None = None
        self._before: tuple[datetime, float | None, float | None] | None = None

    @property
    def name(self) -> str:
        """The address, without credentials and path."""
        return f"Prometheus at {httpx.URL(self._base).netloc.decode('ascii')}"

    def ask(self, deployed_at: datetime) -> None:
        """Start one look; nothing while one is under way."""
        if not self._looking.acquire(blocking=False):
            return
        try:
            self._spawn(lambda: self._run(deployed_at))
        except RuntimeError:  # no thread left
            self._newest = self._without(deployed_at, TrafficState.UNREACHABLE, "no thread to ask")
            self._looking.release()

    def newest(self) -> TrafficReading | None:
        """Return the newest reading, None before the first."""
        return self._newest

    def _run(self, deployed_at: datetime) -> None:
        try:
            self._newest = self._look(deployed_at)
        except Exception as error:  # noqa: BLE001 - a look is never worth a run
            told = f"the look failed ({type(error).__name__})"
            self._newest = self._without(deployed_at, TrafficState.UNREACHABLE, told)
        finally:
            self._looking.release()

    def _without(self, deployed_at: datetime, state: TrafficState, told: str) -> TrafficReading:
        return TrafficReading(state=state, at_seconds=self._since(deployed_at), detail=told)

    def _since(self, deployed_at: datetime) -> float:
        return (self._clock.now() - deployed_at).total_seconds()

    def _look(self, deployed_at: datetime) -> TrafficReading:
        api = PrometheusApi(
            self._base,
            self._header,
            clock=self._clock,
            scrubber=self._scrubber,
            transport=self._transport,
        )
        try:
            reading = self._read(api, deployed_at)
        except NoNumberError as nothing:
            reading = self._without(deployed_at, nothing.state, nothing.detail)
        finally:
            api.close()
        skew = api.skew_seconds
        return replace(
            reading,
            at_seconds=self._since(deployed_at),
            clock_skew_seconds=skew,
            detail=reading.detail + _skew_words(skew) + _warning_words(api.warnings),
        )

    def _read(self, api: PrometheusApi, deployed_at: datetime) -> TrafficReading:
        counting = self._counting or discover(api, self._where)
        look = SourceReading(api, counting)
        newest = look.newest()
        skew = api.skew_seconds or 0.0
        deployed = deployed_at.timestamp() + skew
        start = deployed + self._settings.handover_seconds
        window = look.window(start, newest, self._clock.now().timestamp() + skew)
        requests, errors = look.counts(newest, window.seconds)
        self._counting = counting
        requests_before, errors_before = self._counts_before(look, deployed_at, deployed)
        p50, p95, p99 = (look.quantile(window, q) for q in _QUANTILES)
        return TrafficReading(
            state=TrafficState.MEASURED if round(requests) else TrafficState.ZERO,
            at_seconds=0.0,
            detail=f"{counting.how}; scraped every {window.interval:.0f} s",
            requests=requests,
            errors=errors,
            requests_before=requests_before,
            errors_before=errors_before,
            p50_seconds=p50,
            p95_seconds=p95,
            p99_seconds=p99,
            counted_from_seconds=newest - window.seconds - deployed,
            newest_scrape_seconds=newest - deployed,
            scrapes=window.scrapes,
        )

    def _counts_before(
        self, look: SourceReading, deployed_at: datetime, deployed: float
    ) -> tuple[float | None, float | None]:
        """Return requests and errors of the ten minutes before; asked for once, if answered."""
        if self._before is None or self._before[0] != deployed_at:
            try:
                counts = look.counts(deployed, BEFORE_SECONDS)
            except NoNumberError:
                return None, None
            self._before = (deployed_at, *counts)
        return self._before[1:]


def _written(settings: PrometheusSettings) -> promql.Counting | None:
    queries = (settings.errors_query, settings.requests_query, settings.latency_selector)
    if not any(query.strip() for query in queries):
        return None
    return written(*queries, settings.service)


def _without_api(base: str) -> str:
    """People paste the address of the API itself."""
    for path in _API_PATHS:
        base = base.removesuffix(path)
    return base


def _skew_words(skew: float | None) -> str:
    if skew is None:
        return "; its clock is unknown"
    return f"; its clock is {skew:+.0f} s off ours" if abs(skew) >= 1 else ""


def _warning_words(warnings: int) -> str:
    return "; it warned that its answer may lack a part" if warnings else ""
