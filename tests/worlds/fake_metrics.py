"""A MetricSource that plays a script in virtual time."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from slo_action.core.observation.real_traffic import TrafficReading, TrafficState
from tests.worlds.virtual_clock import VirtualClock

Traffic = Callable[[float], TrafficReading]
"""What a look at so many seconds after the deploy finds."""

STALE = TrafficReading(
    state=TrafficState.NO_SERIES, at_seconds=0.0, detail="no series is called shop"
)
UNREACHABLE = TrafficReading(
    state=TrafficState.UNREACHABLE, at_seconds=0.0, detail="the source answered HTTP 503"
)


def counted(
    errors: float,
    requests: float,
    *,
    before: tuple[float, float] | None = None,
    p95_seconds: float | None = 0.312,
) -> TrafficReading:
    """Return a reading with a number; `before` is errors and requests before the deploy."""
    errors_before, requests_before = before or (None, None)
    return TrafficReading(
        state=TrafficState.MEASURED if requests else TrafficState.ZERO,
        at_seconds=0.0,
        detail="service matched by label app",
        requests=requests,
        errors=errors,
        requests_before=requests_before,
        errors_before=errors_before,
        p95_seconds=p95_seconds if requests else None,
    )


def steady(
    error_rate: float,
    per_second: float = 5.0,
    *,
    before: tuple[float, float] | None = (0.0, 3000.0),
    since: float = 0.0,
    scrape_seconds: float = 15.0,
) -> Traffic:
    """Return traffic of which `error_rate` fails from `since` on, read at each scrape."""

    def traffic(seconds: float) -> TrafficReading:
        scrapes = int(seconds // scrape_seconds)
        if scrapes < 2:
            return replace(STALE, state=TrafficState.NO_RATIO, detail=f"{scrapes} scrapes so far")
        newest = scrapes * scrape_seconds
        requests = per_second * (newest - scrape_seconds)
        bad = min(requests, max(0.0, newest - since) * per_second)
        return replace(
            counted(error_rate * bad, requests, before=before),
            counted_from_seconds=scrape_seconds,
            newest_scrape_seconds=newest,
            scrapes=scrapes,
        )

    return traffic


class FakeMetricSource:
    """Finds what its traffic says at the time of the look; the answer comes `seconds` later.

    `asked` holds the monotonic instant of every look that was begun.
    """

    def __init__(
        self, clock: VirtualClock, traffic: Traffic | None = None, *, seconds: float = 0.2
    ) -> None:
        self._clock = clock
        self._traffic = traffic or steady(0.0)
        self._seconds = seconds
        self._newest: TrafficReading | None = None
        self._pending: tuple[float, TrafficReading] | None = None
        self.asked: list[float] = []

    @property
    def name(self) -> str:
        return "metrics.example"

    def becomes(self, traffic: Traffic | TrafficReading, *, seconds: float | None = None) -> None:
        """Change what the next looks find, and how long they take."""
        self._traffic = (lambda _: traffic) if isinstance(traffic, TrafficReading) else traffic
        self._seconds = self._seconds if seconds is None else seconds

    def ask(self, deployed_at: datetime) -> None:
        self._land()
        if self._pending is not None:
            return
        self.asked.append(self._clock.monotonic())
        since = (self._clock.now() - deployed_at).total_seconds()
        found = replace(self._traffic(since), at_seconds=since + self._seconds)
        self._pending = (self._clock.monotonic() + self._seconds, found)

    def newest(self) -> TrafficReading | None:
        self._land()
        return self._newest

    def _land(self) -> None:
        if self._pending is not None and self._clock.monotonic() >= self._pending[0]:
            self._newest, self._pending = self._pending[1], None
