"""What one look asks of a source: which series, over which window, and how many."""

from dataclasses import dataclass
from math import isfinite

from slo_action.core.observation.real_traffic import TrafficState
from slo_action.sources.prometheus import promql
from slo_action.sources.prometheus.api import NoNumberError, PrometheusApi
from slo_action.sources.prometheus.promql import Counting, ServiceLabel, in_window

BEFORE_SECONDS = 600
_INTERVAL_SPANS = (600, 60, 15)
_USUAL_INTERVAL = 60.0
_LEAST_SCRAPES = 2
_SILENT_SCRAPES = 5
_SILENT_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryRange:
    """What is counted, in the source's own time: `newest` is seconds since 1970.

    It has `scrapes` samples, one every `interval` seconds, and ends with the newest.
    """

    newest: float
    seconds: int
    interval: float
    scrapes: int


def discover(api: PrometheusApi, where: ServiceLabel) -> Counting:
    """Return the first family that has series of the service; never those of another one.

    Raises NoNumberError.
    """
    exported = []
    for family in promql.FAMILIES:
        rows = api.rows(promql.discovery(family, where))
        found = promql.counting(family, where, [row.labels for row in rows])
        if found is not None:
            return found
        if rows or api.rows(promql.existence(family)):
            exported.append(family.counter)
    raise NoNumberError(TrafficState.NO_SERIES, _nothing_found(exported, where))


def _nothing_found(exported: list[str], where: ServiceLabel) -> str:
    if not exported:
        names = ", ".join(family.counter for family in promql.FAMILIES)
        return f"no series of {names}; give the queries as inputs"
    labels = " or ".join(promql.matcher(label, where.value) for label in where.labels)
    return (
        f"no series of {', '.join(exported)} has {f'{labels} and ' if labels else ''}"
        "a status label; look at the prometheus-service-label input"
    )


class SourceReading:
    """Counts with one way of counting. Every method raises NoNumberError."""

    def __init__(self, api: PrometheusApi, counting: Counting) -> None:
        self._api = api
        self._counting = counting

    def newest(self) -> float:
        """Return the time of the newest sample, in seconds since 1970 by the source's clock."""
        series = self._counting.series
        newest = self._api.number(promql.newest(series))
        if newest is not None and isfinite(newest):
            return newest
        past = self._api.number(in_window(promql.samples(series), BEFORE_SECONDS))
        told = "the series have ended" if past else "no series is selected"
        raise NoNumberError(TrafficState.NO_SERIES, f"{told}; {self._counting.how}")

    def window(self, start: float, newest: float, now: float) -> QueryRange:
        """Return the window from `start` on, in seconds since 1970 by the source's clock.

        It begins one scrape late: the first sample after `start` still counts what was before.
        """
        interval = self._interval(newest)
        lag = now - newest
        if lag > max(_SILENT_SECONDS, _SILENT_SCRAPES * interval):
            told = f"the series have ended: the newest sample is {lag:.0f} s old"
            raise NoNumberError(TrafficState.NO_SERIES, told)
        seconds = int(newest - start - interval)
        scrapes = self._scrapes(newest, seconds) if seconds >= 1 else 0
        if scrapes < _LEAST_SCRAPES:
            raise NoNumberError(
                TrafficState.NO_RATIO,
                f"scraped {scrapes} times since the handover, where {_LEAST_SCRAPES} are needed: "
                "nothing can be divided yet",
            )
        return QueryRange(newest=newest, seconds=seconds, interval=interval, scrapes=scrapes)

    def counts(self, at: float, seconds: int) -> tuple[float, float]:
        """Return requests and errors of the `seconds` that end at `at`."""
        requests = self._count("requests", in_window(self._counting.requests, seconds), at)
        if requests is None:
            told = f"no series of requests; {self._counting.how}"
            raise NoNumberError(TrafficState.NO_SERIES, told)
        errors = self._count("errors", in_window(self._counting.errors, seconds), at)
        if errors is None and not self._counting.absent_is_none:
            raise NoNumberError(
                TrafficState.NO_SERIES,
                "the errors query selects no series; if that means no errors, "
                "end it with `or vector(0)`",
            )
        if (errors or 0.0) > requests + 1:
            told = f"{errors:g} errors of {requests:g} requests are no ratio"
            raise NoNumberError(TrafficState.NO_RATIO, told)
        return requests, errors or 0.0

    def quantile(self, window: QueryRange, q: float) -> float | None:
        """Return seconds, None where there is none: it is shown and decides nothing."""
        if not self._counting.buckets:
            return None
        query = in_window(promql.quantile(self._counting.buckets, q), window.seconds)
        try:
            found = self._api.number(query, window.newest)
        except NoNumberError:
            return None
        return found if found is not None and isfinite(found) and found >= 0 else None

    def _count(self, what: str, query: str, at: float) -> float | None:
        found = self._api.number(query, at)
        if found is not None and not (isfinite(found) and found >= 0):
            told = f"the count of {what} is {found:g}"
            raise NoNumberError(TrafficState.NOT_A_NUMBER, told)
        return found

    def _scrapes(self, at: float, seconds: int) -> int:
        found = self._api.number(in_window(promql.samples(self._counting.series), seconds), at)
        return int(found) if found is not None and isfinite(found) else 0

    def _interval(self, newest: float) -> float:
        """Return the seconds between scrapes, or a little more.

        n samples in a span are n - 1 intervals at least; a young series tells by a short span.
        """
        counts = [(span, self._scrapes(newest, span)) for span in _INTERVAL_SPANS]
        known = [span / (count - 1) for span, count in counts if count >= _LEAST_SCRAPES]
        return min(known, default=_USUAL_INTERVAL)
