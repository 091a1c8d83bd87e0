"""Two ways to talk to the platform through httpx: without time passing, and paying for it."""

import threading
from dataclasses import dataclass, field

import httpx

from tests.worlds.fly.apis import FlyApis
from tests.worlds.fly.call import Held
from tests.worlds.fly.event_queue import EventQueue


def _usual() -> dict[str, float]:
    return {
        "list": 0.25,
        "update": 0.6,
        "create": 0.6,
        "start": 0.3,
        "stop": 0.3,
        "restart": 0.3,
        "graphql": 0.35,
        "wait": 0.1,
    }


@dataclass(slots=True, kw_only=True)
class Latencies:
    """Seconds from a request to its answer, by action; `usual` for those not named.

    The state that is answered from is the one at the end.
    """

    usual: float = 0.15
    by_action: dict[str, float] = field(default_factory=_usual)

    def of(self, action: str) -> float:
        return self.by_action.get(action, self.usual)


def at_once(apis: FlyApis, events_due: EventQueue, request: httpx.Request) -> httpx.Response:
    """Answer as things stand, moving no clock: what is held and not ready is late at once."""
    events_due.catch_up()
    answer = apis.answer(request)
    if isinstance(answer, Held):
        return answer.ready() or answer.late()
    return answer


class LatencyTransport(httpx.BaseTransport):
    """A client's way to the platform. Latency and waiting advance the clock.

    The platform does what a client asks that does not stay for the answer.
    """

    def __init__(self, apis: FlyApis, events_due: EventQueue, latencies: Latencies) -> None:
        self._apis = apis
        self._events_due = events_due
        self._latencies = latencies
        self._lock = threading.RLock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Raises ReadTimeout where the answer takes longer than the client reads."""
        begun = self._events_due.now
        until = begun + (request.extensions.get("timeout", {}).get("read") or float("inf"))
        arrives = begun + self._latencies.of(self._apis.action(request))
        self._events_due.advance(min(arrives, until) - begun)
        with self._lock:
            answer = self._apis.answer(request)
        if arrives > until:
            raise httpx.ReadTimeout("the read operation timed out", request=request)
        return self._held(request, answer, until) if isinstance(answer, Held) else answer

    def _held(self, request: httpx.Request, answer: Held, until: float) -> httpx.Response:
        while True:
            with self._lock:
                response = answer.ready()
            if response is not None:
                return response
            now = self._events_due.now
            if now >= until:
                raise httpx.ReadTimeout("the read operation timed out", request=request)
            if now >= answer.until:
                return answer.late()
            self._step(min(until, answer.until))

    def _step(self, until: float) -> None:
        """Move to the next event, or to the end of the waiting."""
        due = self._events_due.next
        goal = until if due is None else min(until, due)
        self._events_due.advance(max(goal - self._events_due.now, 1e-9))
