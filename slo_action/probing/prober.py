"""The real Prober: all probes at once, one sample each, whatever the targets do."""

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from types import MappingProxyType

import httpx

from slo_action.core.model import Probe, Sample
from slo_action.core.text.secrets import Secret
from slo_action.ports import Clock
from slo_action.probing.exchange import Exchange, Sender
from slo_action.probing.journey import JourneyRunner
from slo_action.probing.sample import Redact, read_exchanges, unanswered

NO_SECRETS: Mapping[str, Secret] = MappingProxyType({})

_GRACE_SECONDS = 0.25
"""A thread is given up only this long after its own deadline should have ended it."""
_SPACING_SECONDS = 0.003
"""Threads that start in the same instant wait for each other, and measure that wait."""


_Made = tuple[Exchange, ...] | Sample
"""What came of a probe: exchanges that wait to be judged, none where there are none; or a journey's
sample, which was judged step by step."""


class HttpProber:
    """Implements ports.Prober over httpx's transport seam.

    Reading and judging the answers wait until all of them are in, so that no probe's work is
    in another probe's time. `secrets` are what journeys may use, by name.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        nonces: Callable[[], str],
        transport: httpx.BaseTransport,
        redact: Redact,
        secrets: Mapping[str, Secret] = NO_SECRETS,
    ) -> None:
        self._clock = clock
        self._sender = Sender(clock, nonces, transport)
        self._journeys = JourneyRunner(clock, self._sender, secrets=secrets, redact=redact)
        self._redact = redact

    def ask(self, probes: Sequence[Probe]) -> tuple[Sample, ...]:
        """Send all probes at once; see ports.Prober."""
        at = self._clock.now()
        made = self._all_at_once(probes)
        return tuple(self._sample(probe, one, at) for probe, one in zip(probes, made, strict=True))

    def _all_at_once(self, probes: Sequence[Probe]) -> list[_Made]:
        """Send each probe in a thread of its own, but for the last: this thread is one, too."""
        made: list[_Made] = [()] * len(probes)

        def send(number: int) -> None:
            made[number] = self._send(probes[number])

        threads = [
            threading.Thread(target=send, args=(number,), name="slo-probe", daemon=True)
            for number in range(len(probes) - 1)
        ]
        started = []
        latest = self._clock.monotonic() + max((p.timeout_seconds for p in probes), default=0.0)
        for thread in threads:
            with suppress(RuntimeError):  # no more threads on this host: an unsent probe
                thread.start()
                started.append(thread)
            self._clock.sleep_until(self._clock.monotonic() + _SPACING_SECONDS)
        if probes:
            send(len(probes) - 1)
        for thread in started:
            thread.join(max(0.0, latest - self._clock.monotonic()) + _GRACE_SECONDS)
        return list(made)

    def _send(self, probe: Probe) -> _Made:
        if probe.journey:
            return self._journeys.run(probe, probe.journey)
        return self._sender.exchanges(probe)

    def _sample(self, probe: Probe, made: _Made, at: datetime) -> Sample:
        if isinstance(made, Sample):
            return made
        if made:
            return read_exchanges(probe, made, self._redact)
        detail = "this host could not send the probe, or it did not end"
        return unanswered(probe, at, detail, self._redact)
