"""Real users' traffic out of a Prometheus-compatible source."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from math import isfinite
from threading import Lock, Thread
from typing import NamedTuple

import httpx

from slo_action.config.settings.fly import authorization
from slo_action.config.settings.prometheus import PrometheusSettings
from slo_action.core.observation.real_traffic import TrafficReading, TrafficState
from slo_action.core.text.secrets import Scrubber
from slo_action.ports import Clock
from slo_action.sources.prometheus import promql
from slo_action.sources.prometheus.api import NoNumberError, PrometheusApi
from slo_action.sources.prometheus.discovery import discover
from slo_action.sources.prometheus.promql import Counting, in_window

_BEFORE_SECONDS = 600
_INTERVAL_SPANS = (600, 60, 15)
_USUAL_INTERVAL = 60.0
_LEAST_SCRAPES = 2
_MISSED_SCRAPES = 5
_STALE_SECONDS = 120.0
_API_PATHS = ("/api/v1/query", "/api/v1")

Spawn = Callable[[Callable[[], None]], None]


def in_thread(query: Callable[[], None]) -> None:
    """Query beside the run, which it never holds up: the thread is a daemon."""
    Thread(target=query, name="metric-source", daemon=True).start()


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
        scrubber: Scrubber | None = None,
    ) -> None:
        self._settings = settings
        self._where = promql.service_label(settings.service_label, settings.service)
        queries = (settings.errors_query, settings.requests_query, settings.latency_selector)
        is_written = any(query.strip() for query in queries)
        self._counting = promql.written(*queries, settings.service) if is_written else None
        self._base = settings.url.base
        for path in _API_PATHS:  # people paste the address of the API itself
            self._base = self._base.removesuffix(path)
        self._header = (
            authorization(settings.token) if settings.token else settings.url.authorization
        )
        self._scrubber = scrubber or Scrubber()
        sent = (value for _, value in settings.headers)
        for secret in (settings.token, self._header, *settings.url.secrets, *sent):
            if secret:
                self._scrubber.learn(secret)
        self._clock = clock
        self._spawn = spawn
        self._transport = transport
        self._running = Lock()
        self._newest: TrafficReading | None = None
        self._before: tuple[datetime, float | None, float | None] | None = None

    @property
    def name(self) -> str:
        """The address, without credentials and path."""
        return f"Prometheus at {httpx.URL(self._base).netloc.decode('ascii')}"

    def ask(self, deployed_at: datetime) -> None:
        """Start one look at the traffic; nothing while one is under way."""
        if not self._running.acquire(blocking=False):
            return
        try:
            self._spawn(lambda: self._run(deployed_at))
        except RuntimeError:  # no thread left
            self._newest = self._without(
                deployed_at, TrafficState.UNREACHABLE, "no free thread for the query"
            )
            self._running.release()

    def newest(self) -> TrafficReading | None:
        """Return the newest reading, None before the first."""
        return self._newest

    def _run(self, deployed_at: datetime) -> None:
        try:
            self._newest = self._reading(deployed_at)
        except Exception as error:  # noqa: BLE001 - a metric source must not end a run
            detail = f"the query failed ({type(error).__name__})"
            self._newest = self._without(deployed_at, TrafficState.UNREACHABLE, detail)
        finally:
            self._running.release()

    def _without(self, deployed_at: datetime, state: TrafficState, detail: str) -> TrafficReading:
        return TrafficReading(state=state, at_seconds=self._since(deployed_at), detail=detail)

    def _since(self, deployed_at: datetime) -> float:
        return (self._clock.now() - deployed_at).total_seconds()

    def _reading(self, deployed_at: datetime) -> TrafficReading:
        api = PrometheusApi(
            self._base,
            self._header,
            headers=self._settings.headers,
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
        skew, notes = api.skew_seconds, ""
        if skew is None:
            notes = "; its clock is unknown"
        elif abs(skew) >= 1:
            notes = f"; its clock is {skew:+.0f} s off the runner's"
        if api.warnings:
            notes += "; it warned that its answer may lack a part"
        return replace(
            reading,
            at_seconds=self._since(deployed_at),
            clock_skew_seconds=skew,
            detail=self._scrubber.scrub(reading.detail) + notes,
        )

    def _read(self, api: PrometheusApi, deployed_at: datetime) -> TrafficReading:
        counting = self._counting or discover(api, self._where)
        source = _Counts(api, counting)
        newest = source.newest()
        skew = api.skew_seconds or 0.0
        deployed = deployed_at.timestamp() + skew
        start = deployed + self._settings.handover_seconds
        window = source.window(start, newest, self._clock.now().timestamp() + skew)
        requests, errors = source.counts(newest, window.seconds)
        self._counting = counting
        requests_before, errors_before = self._counts_before(source, deployed_at, deployed)
        return TrafficReading(
            state=TrafficState.MEASURED if round(requests) else TrafficState.ZERO,
            at_seconds=0.0,
            detail=f"{counting.how}; scraped every {window.interval:.0f} s",
            requests=requests,
            errors=errors,
            requests_before=requests_before,
            errors_before=errors_before,
            p50_seconds=source.quantile(window, 0.5),
            p95_seconds=source.quantile(window, 0.95),
            p99_seconds=source.quantile(window, 0.99),
            counted_from_seconds=newest - window.seconds - deployed,
            newest_scrape_seconds=newest - deployed,
            scrapes=window.scrapes,
        )

    def _counts_before(
        self, source: "_Counts", deployed_at: datetime, deployed: float
    ) -> tuple[float | None, float | None]:
        """Return requests and errors of the ten minutes before; asked for once, if answered."""
        if self._before is None or self._before[0] != deployed_at:
            try:
                counts = source.counts(deployed, _BEFORE_SECONDS)
            except NoNumberError:
                return None, None
            self._before = (deployed_at, *counts)
        return self._before[1:]


class _Range(NamedTuple):
    """What is counted, in the source's own time: the `seconds` up to the newest sample.

    It has `scrapes` samples, one every `interval` seconds.
    """

    newest: float
    seconds: int
    interval: float
    scrapes: int


class _Counts:
    """Counts with one way of counting. Every method but `quantile` raises NoNumberError."""

    def __init__(self, api: PrometheusApi, counting: Counting) -> None:
        self._api = api
        self._counting = counting

    def newest(self) -> float:
        """Return the time of the newest sample, in seconds since 1970 by the source's clock."""
        series = self._counting.series
        newest = self._api.number(f"max(timestamp({series}))")
        if newest is not None and isfinite(newest):
            return newest
        past = self._scrapes(None, _BEFORE_SECONDS)
        problem = "the series have ended" if past else "no series is selected"
        raise NoNumberError(TrafficState.NO_SERIES, f"{problem}; {self._counting.how}")

    def window(self, start: float, newest: float, now: float) -> _Range:
        """Return the window from `start` on, in seconds since 1970 by the source's clock.

        It begins one scrape late: the first sample after `start` still counts what was before.
        """
        interval = self._interval(newest)
        lag = now - newest
        if lag > max(_STALE_SECONDS, _MISSED_SCRAPES * interval):
            problem = f"the series have ended: the newest sample is {lag:.0f} s old"
            raise NoNumberError(TrafficState.NO_SERIES, problem)
        seconds = int(newest - start - interval)
        scrapes = self._scrapes(newest, seconds) if seconds >= 1 else 0
        if scrapes < _LEAST_SCRAPES:
            raise NoNumberError(
                TrafficState.NO_RATIO,
                f"scraped {scrapes} times since the handover, where {_LEAST_SCRAPES} are needed: "
                "nothing can be divided yet",
            )
        return _Range(newest=newest, seconds=seconds, interval=interval, scrapes=scrapes)

    def counts(self, at: float, seconds: int) -> tuple[float, float]:
        """Return requests and errors of the `seconds` that end at `at`."""
        requests = self._count("requests", in_window(self._counting.requests, seconds), at)
        if requests is None:
            problem = f"no series of requests; {self._counting.how}"
            raise NoNumberError(TrafficState.NO_SERIES, problem)
        errors = self._count("errors", in_window(self._counting.errors, seconds), at)
        if errors is None and not self._counting.absent_is_none:
            raise NoNumberError(
                TrafficState.NO_SERIES,
                "the errors query selects no series; if that means no errors, "
                "end it with `or vector(0)`",
            )
        if (errors or 0.0) > requests + 1:
            problem = f"{errors:g} errors of {requests:g} requests cannot be right"
            raise NoNumberError(TrafficState.NO_RATIO, problem)
        return requests, errors or 0.0

    def quantile(self, window: _Range, q: float) -> float | None:
        """Return seconds, None where there is none: it is shown and decides nothing."""
        if not self._counting.buckets:
            return None
        query = in_window(promql.quantile(self._counting, q), window.seconds)
        try:
            return self._count("seconds", query, window.newest)
        except NoNumberError:
            return None

    def _count(self, what: str, query: str, at: float) -> float | None:
        found = self._api.number(query, at)
        if found is not None and not (isfinite(found) and found >= 0):
            problem = f"the count of {what} is {found:g}"
            raise NoNumberError(TrafficState.NOT_A_NUMBER, problem)
        return found

    def _scrapes(self, at: float | None, seconds: int) -> int:
        """Return how often the most scraped series was scraped."""
        samples = f"max(count_over_time({self._counting.series}{promql.WINDOW}))"
        found = self._api.number(in_window(samples, seconds), at)
        return int(found) if found is not None and isfinite(found) else 0

    def _interval(self, newest: float) -> float:
        """Return the seconds between scrapes, or a little more.

        n samples in a span are n - 1 intervals at least; a young series needs a short span.
        """
        counts = [(span, self._scrapes(newest, span)) for span in _INTERVAL_SPANS]
        intervals = [span / (count - 1) for span, count in counts if count >= _LEAST_SCRAPES]
        return min(intervals, default=_USUAL_INTERVAL)
