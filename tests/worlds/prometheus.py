"""A Prometheus in virtual time, behind its HTTP API, with services that it scrapes.

`tests/real/test_prometheus.py` shows how the real one answers.
"""

import json
from collections.abc import Callable
from email.utils import formatdate
from math import inf, isnan

import httpx

from tests.worlds.exporters import Key, Names
from tests.worlds.promql_answers import BadQueryError, Series, Vector, evaluate
from tests.worlds.virtual_clock import VirtualClock

Answer = Callable[[httpx.Request], httpx.Response]


class MeteredService:
    """A service with customers, scraped as `job`."""

    def __init__(self, name: str, names: Names, job: str) -> None:
        self.per_second = 10.0
        self.error_rate = 0.0
        self.is_up = True
        self.target = {"job": job, "instance": f"{name}:80"}
        self._name = name
        self._names = names
        self._successes = self._errors = 0.0

    def restart(self) -> None:
        self._successes = self._errors = 0.0

    def serve(self, seconds: float) -> None:
        requests = self.per_second * seconds * self.is_up
        self._errors += requests * self.error_rate
        self._successes += requests * (1 - self.error_rate)

    def exposition(self) -> dict[Key, float]:
        """Return the values by name and labels."""
        return self._names.exposition(self._name, self._successes, self._errors)


class PrometheusWorld:
    """Scrapes its services as the clock goes on, and answers queries below `prefix`.

    `skew_seconds` is how far its clock is ahead. `becomes` replaces its answers; `asked` holds
    every query with its `time`.
    """

    def __init__(
        self,
        clock: VirtualClock,
        *,
        skew_seconds: float = 0.0,
        scrape_seconds: float = 15.0,
        prefix: str = "",
    ) -> None:
        self._clock = clock
        self.skew_seconds = skew_seconds
        self._scrape_seconds = scrape_seconds
        self._path = f"{prefix}/api/v1/query"
        self._series: dict[Key, Series] = {}
        self._scraped_at = self.now
        self._answers: list[tuple[str, Answer]] = []
        self.services: list[MeteredService] = []
        self.requests: list[httpx.Request] = []

    @property
    def now(self) -> float:
        """The world's own time, in seconds since 1970."""
        return self._clock.now().timestamp() + self.skew_seconds

    def service(self, name: str, names: Names | None = None, job: str = "town") -> MeteredService:
        made = MeteredService(name, names or Names(), job)
        self.services.append(made)
        return made

    def passes(self, seconds: float) -> None:
        """Let time go by, scraping."""
        self._clock.advance(seconds)
        while self._scraped_at + self._scrape_seconds <= self.now:
            self._scraped_at += self._scrape_seconds
            for service in self.services:
                service.serve(self._scrape_seconds)
            self._scrape()

    def becomes(self, answer: Answer | None, *, to: str = "") -> None:
        """Give this answer to all queries that contain `to`; None is the truth again."""
        self._answers = [pair for pair in self._answers if pair[0] != to]
        if answer is not None:
            self._answers.insert(0, (to, answer))

    def asked(self) -> list[tuple[str, str | None]]:
        return [(one.url.params["query"], one.url.params.get("time")) for one in self.requests]

    def handler(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        response = self._answered(request)
        response.headers.setdefault("Date", formatdate(self.now, usegmt=True))
        return response

    def _answered(self, request: httpx.Request) -> httpx.Response:
        query = request.url.params.get("query", "")
        for part, answer in self._answers:
            if part in query:
                return answer(request)
        if request.url.path != self._path:
            return httpx.Response(404, text="404 page not found\n")
        time = float(request.url.params.get("time", self.now))
        try:
            return vector(evaluate(query, list(self._series.values()), time), time)
        except BadQueryError as error:
            return refused(400, "bad_data", str(error))

    def _scrape(self) -> None:
        seen = set()
        for service in self.services:
            exposed = service.exposition() if service.is_up else {}
            for (name, labels), value in {("up", ()): float(service.is_up), **exposed}.items():
                key = (name, tuple({**service.target, **dict(labels)}.items()))
                seen.add(key)
                series = self._series.setdefault(key, Series(name, dict(key[1])))
                series.samples.append((self._scraped_at, value))
        for key, series in self._series.items():
            if key not in seen and series.samples[-1][1] is not None:
                series.samples.append((self._scraped_at, None))


def vector(rows: Vector, time: float = 0.0, **extra: object) -> httpx.Response:
    """Return a success; `extra` are fields such as warnings."""
    result = [{"metric": labels, "value": [time, _number(value)]} for labels, value in rows]
    return success({"resultType": "vector", "result": result}, **extra)


def success(data: object, **extra: object) -> httpx.Response:
    return raw(200, json.dumps({"status": "success", "data": data, **extra}))


def refused(status: int, kind: str, error: str) -> httpx.Response:
    return raw(status, json.dumps({"status": "error", "errorType": kind, "error": error}))


def raw(status: int, text: str | bytes, content_type: str = "application/json") -> httpx.Response:
    """Return an answer that is sent as a stream, as over a network."""
    body = text.encode() if isinstance(text, str) else text
    return httpx.Response(
        status, headers={"Content-Type": content_type}, stream=httpx.ByteStream(body)
    )


def _number(value: float) -> str:
    if isnan(value):
        return "NaN"
    return "+Inf" if value == inf else "-Inf" if value == -inf else repr(value)
