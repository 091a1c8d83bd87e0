"""The real ProbePool: a thread for each probe in flight, and a schedule that waits for none."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import httpx

from slo_action.core.model import Probe, Sample
from slo_action.core.text.secrets import Secret
from slo_action.ports import Clock, CompletedProbe
from slo_action.probing.exchange import Exchange, Sender
from slo_action.probing.journey import JourneyRunner
from slo_action.probing.prober import NO_SECRETS
from slo_action.probing.sample import Redact, read_exchanges, unanswered

MOST_IN_FLIGHT = 512
_GRACE_SECONDS = 0.25
"""A thread is given up only this long after its own deadline should have ended it."""


@dataclass(slots=True, kw_only=True, eq=False)
class InFlightProbe:
    """A probe on its way; its thread writes into it, `ended` last.

    `sent`, `ended` and `lost` are instants of the monotonic clock: at `lost` it is given up.
    Without `exchanges` or a journey's `sample`, `trouble` says why there are none.
    """

    ticket: int
    probe: Probe
    at: datetime
    sent: float
    lost: float
    exchanges: tuple[Exchange, ...] = ()
    sample: Sample | None = None
    trouble: str = "the probe did not end in time; what it may still bring is thrown away"
    ended: float | None = None


class HttpProbePool:
    """Implements ports.ProbePool with the requests and the judgement of HttpProber.

    One thread owns it: the one that calls `send` and `landed`. Answers are read and judged there,
    in `landed`, so that none of that is in the time of probes still on their way; but those of a
    journey, whose steps need them. A thread that was given up counts as in flight until it ends.
    `secrets` are what journeys may use, by name.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        nonces: Callable[[], str],
        transport: httpx.BaseTransport,
        redact: Redact,
        secrets: Mapping[str, Secret] = NO_SECRETS,
        most_in_flight: int = MOST_IN_FLIGHT,
    ) -> None:
        self._clock = clock
        self._sender = Sender(clock, nonces, transport)
        self._journeys = JourneyRunner(clock, self._sender, secrets=secrets, redact=redact)
        self._redact = redact
        self._most = most_in_flight
        self._room = threading.Semaphore(most_in_flight)
        self._flights: set[InFlightProbe] = set()

    def send(self, ticket: int, probe: Probe) -> None:
        """Start a thread that sends one probe; see ports.ProbePool."""
        now = self._clock.monotonic()
        lost = now + probe.timeout_seconds + _GRACE_SECONDS
        flight = InFlightProbe(
            ticket=ticket, probe=probe, at=self._clock.now(), sent=now, lost=lost
        )
        self._flights.add(flight)
        if not self._room.acquire(blocking=False):
            self._end(flight, f"not sent: {self._most} probes are in flight already")
            return
        thread = threading.Thread(target=self._fly, args=(flight,), name="slo-probe", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            self._room.release()
            self._end(flight, "not sent: this host has no threads left")

    def completed(self) -> tuple[CompletedProbe, ...]:
        """Read and judge what has ended; see ports.ProbePool."""
        now = self._clock.monotonic()  # read first: who ends meanwhile is not given up
        down = [one for one in self._flights if one.ended is not None or one.lost <= now]
        self._flights.difference_update(down)
        return tuple(sorted(map(self._judged, down), key=lambda completed: completed.ended))

    def _fly(self, flight: InFlightProbe) -> None:
        """Run in the probe's own thread."""
        try:
            if flight.probe.journey:
                flight.sample = self._journeys.run(flight.probe, flight.probe.journey)
            else:
                flight.exchanges = self._sender.exchanges(flight.probe)
            flight.ended = self._clock.monotonic()
        except Exception as error:  # noqa: BLE001 - a thread's last words would go to stderr
            self._end(flight, f"the probe itself failed: {type(error).__name__}")
        finally:
            self._room.release()

    def _end(self, flight: InFlightProbe, trouble: str) -> None:
        flight.trouble = trouble
        flight.ended = self._clock.monotonic()

    def _judged(self, flight: InFlightProbe) -> CompletedProbe:
        exchanges = flight.exchanges if flight.ended is not None else ()
        sent = exchanges[0].timeline.started if exchanges else flight.sent
        ended = exchanges[-1].timeline.ended if exchanges else flight.ended
        ended = flight.lost if ended is None else ended
        told = flight.sample if flight.ended is not None else None
        sample = told or self._sample(flight, exchanges, ended - sent)
        return CompletedProbe(ticket=flight.ticket, sample=sample, sent=sent, ended=ended)

    def _sample(
        self, flight: InFlightProbe, exchanges: tuple[Exchange, ...], total_seconds: float
    ) -> Sample:
        if exchanges:
            return read_exchanges(flight.probe, exchanges, self._redact)
        return unanswered(
            flight.probe, flight.at, flight.trouble, self._redact, total_seconds=total_seconds
        )
