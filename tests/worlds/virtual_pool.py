"""A ProbePool in virtual time: what it answers is decided when a probe is sent."""

from collections.abc import Callable
from dataclasses import replace

from slo_action.core.model import Outcome, Phases, Probe, Sample
from slo_action.ports import Clock, CompletedProbe

Answers = Callable[[Probe, float], Sample]
"""What a probe finds that is sent at an instant of the monotonic clock.

The sample's `total_seconds` say how long the answer takes.
"""


class VirtualPool:
    """Completes each probe when its sample's time, or else its timeout, is over. Moves no clock."""

    def __init__(self, clock: Clock, answer: Answers) -> None:
        self._clock = clock
        self._answer = answer
        self._in_flight: list[CompletedProbe] = []

    @property
    def in_flight(self) -> int:
        """How many probes were sent and not yet handed out."""
        return len(self._in_flight)

    def send(self, ticket: int, probe: Probe) -> None:
        sent = self._clock.monotonic()
        sample = _within_timeout(self._answer(probe, sent), probe)
        ended = sent + sample.total_seconds
        self._in_flight.append(CompletedProbe(ticket=ticket, sample=sample, sent=sent, ended=ended))

    def completed(self) -> tuple[CompletedProbe, ...]:
        now = self._clock.monotonic()
        down = [completed for completed in self._in_flight if completed.ended <= now]
        self._in_flight = [completed for completed in self._in_flight if completed.ended > now]
        return tuple(sorted(down, key=lambda completed: completed.ended))


def _within_timeout(sample: Sample, probe: Probe) -> Sample:
    """Return what is left of an answer that takes longer than its probe waits: a timeout."""
    if sample.total_seconds <= probe.timeout_seconds:
        return sample
    return replace(
        sample,
        outcome=Outcome.READ_TIMEOUT,
        detail=f"timed out after {probe.timeout_seconds:.1f} s",
        total_seconds=probe.timeout_seconds,
        phases=Phases(),
        status=None,
        version=None,
        retry_after_seconds=None,
        response=None,
        notes=(),
    )
