"""The real Prober and ProbePool: each probe in a thread of its own, whatever the targets do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Semaphore, Thread
from types import MappingProxyType

import httpx

from slo_action.core.model import Probe, Sample
from slo_action.core.text.secrets import Secret
from slo_action.ports import Clock, CompletedProbe
from slo_action.probing.exchange import Exchange
from slo_action.probing.journey import JourneyRunner
from slo_action.probing.probe_requests import ProbeRequests
from slo_action.probing.sample import Redact, read_exchanges, unanswered
from slo_action.probing.sender import Sender

MOST_IN_FLIGHT = 512
_GRACE_SECONDS = 0.25
"""A thread is given up only this long after its own deadline should have ended it."""
_SPACING_SECONDS = 0.003
"""Threads that start in the same instant wait for each other, and measure that wait."""


@dataclass(slots=True, kw_only=True, eq=False)
class _InFlight:
    """A probe on its way; its thread writes into it, `ended` last.

    `sent`, `ended` and `given_up` are instants of the monotonic clock. `result` are exchanges that
    wait to be judged, none where there are none; or a journey's sample, judged step by step.
    `error` says why there is no result.
    """

    ticket: int
    probe: Probe
    at: datetime
    sent: float
    given_up: float
    thread: Thread | None = None
    result: tuple[Exchange, ...] | Sample = ()
    error: str = "the probe did not end in time; a later answer is discarded"
    ended: float | None = None


class HttpProber:
    """Implements ports.Prober and ports.ProbePool over httpx's transport seam.

    One thread owns it: the one that calls its methods. Answers are read and judged there, so that
    none of that work is in the time of probes still on their way; but those of a journey, whose
    steps need them. A thread that was given up counts as in flight until it ends. `secrets` are
    what journeys may use, by name.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        nonces: Callable[[], str],
        transport: httpx.BaseTransport,
        redact: Redact,
        secrets: Mapping[str, Secret] = MappingProxyType({}),
        most_in_flight: int = MOST_IN_FLIGHT,
    ) -> None:
        self._clock = clock
        sender = Sender(clock, transport)
        self._requests = ProbeRequests(clock, sender, nonces)
        self._journeys = JourneyRunner(clock, sender, nonces=nonces, secrets=secrets, redact=redact)
        self._redact = redact
        self._most = most_in_flight
        self._slots = Semaphore(most_in_flight)
        self._in_flight: set[_InFlight] = set()

    def ask(self, probes: Sequence[Probe]) -> tuple[Sample, ...]:
        """Send all probes at once, the last in this thread; see ports.Prober."""
        asked = []
        for number, probe in enumerate(probes, start=1):
            asked.append(self._sent(number, probe, here=number == len(probes)))
            if number < len(probes):
                self._clock.sleep_until(self._clock.monotonic() + _SPACING_SECONDS)
        latest = max((one.given_up for one in asked), default=0.0)
        for one in asked:
            if one.thread:
                one.thread.join(max(_GRACE_SECONDS, latest - self._clock.monotonic()))
        return tuple(self._judged(one).sample for one in asked)

    def send(self, ticket: int, probe: Probe) -> None:
        """Start a thread that sends one probe; see ports.ProbePool."""
        self._in_flight.add(self._sent(ticket, probe))

    def completed(self) -> tuple[CompletedProbe, ...]:
        """Read and judge what has ended; see ports.ProbePool."""
        now = self._clock.monotonic()  # read first: who ends meanwhile is not given up
        over = [one for one in self._in_flight if one.ended is not None or one.given_up <= now]
        self._in_flight.difference_update(over)
        return tuple(sorted(map(self._judged, over), key=lambda completed: completed.ended))

    def _sent(self, ticket: int, probe: Probe, *, here: bool = False) -> _InFlight:
        now = self._clock.monotonic()
        given_up = now + probe.timeout_seconds + _GRACE_SECONDS
        one = _InFlight(
            ticket=ticket, probe=probe, at=self._clock.now(), sent=now, given_up=given_up
        )
        if not self._slots.acquire(blocking=False):
            self._end(one, f"not sent: {self._most} probes are in flight already")
        elif here:
            self._run(one)
        else:
            thread = Thread(target=self._run, args=(one,), name="slo-probe", daemon=True)
            try:
                thread.start()
                one.thread = thread
            except RuntimeError:
                self._slots.release()
                self._end(one, "not sent: this host has no threads left")
        return one

    def _run(self, one: _InFlight) -> None:
        """Run in the probe's own thread."""
        try:
            if one.probe.journey:
                one.result = self._journeys.run(one.probe, one.probe.journey)
            else:
                one.result = self._requests.exchanges(one.probe)
            one.ended = self._clock.monotonic()
        except Exception as error:  # noqa: BLE001 - a thread would print it to stderr
            self._end(one, f"the probe itself failed: {type(error).__name__}")
        finally:
            self._slots.release()

    def _end(self, one: _InFlight, error: str) -> None:
        one.error = error
        one.ended = self._clock.monotonic()

    def _judged(self, one: _InFlight) -> CompletedProbe:
        result = () if one.ended is None else one.result
        sent, ended = one.sent, one.given_up if one.ended is None else one.ended
        if isinstance(result, Sample):
            sample = result
        elif result:
            sent, ended = result[0].timeline.started, result[-1].timeline.ended
            sample = read_exchanges(one.probe, result, self._redact)
        else:
            sample = unanswered(
                one.probe, one.at, one.error, self._redact, total_seconds=ended - sent
            )
        return CompletedProbe(ticket=one.ticket, sample=sample, sent=sent, ended=ended)
