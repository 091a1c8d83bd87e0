"""The series of probes that are judged apart."""

from dataclasses import dataclass, replace
from fractions import Fraction
from urllib.parse import urlsplit

from slo_action.core.model import Probe, Witness
from slo_action.core.release.fleet import Machine
from slo_action.core.stats.latency import LatencyObjective
from slo_action.core.text.quoting import printable

HEALTH = Witness.HEALTH.value
"""The name of the health endpoint's stream."""

_LONGEST_NAME = 60
_P95 = Fraction(95, 100)
_P90 = Fraction(90, 100)

DEFAULT_OBJECTIVES: tuple[tuple[Witness, LatencyObjective], ...] = (
    (Witness.HEALTH, LatencyObjective(name="p95", quantile=_P95, limit_seconds=0.5)),
    (Witness.API, LatencyObjective(name="p95", quantile=_P95, limit_seconds=2.0)),
    (Witness.STATS, LatencyObjective(name="p95", quantile=_P95, limit_seconds=2.0)),
    (Witness.SEARCH, LatencyObjective(name="p90", quantile=_P90, limit_seconds=5.0)),
)
"""The response-time SLOs, by the kind of endpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One series of probes that is judged by itself: an endpoint, or one machine's health.

    `name` is what people call it, such as `health`, `/api/orders` or `health@9080e1`. `machine` is
    empty where a balancer chooses.
    """

    name: str
    probe: Probe
    machine: str = ""

    @property
    def is_endpoint(self) -> bool:
        """True for a path that users ask: no machine by itself, version endpoint or journey."""
        return not self.machine and self.probe.witness not in (Witness.VERSION, Witness.JOURNEY)

    @property
    def is_journey(self) -> bool:
        """True for runs of a journey's steps."""
        return self.probe.witness is Witness.JOURNEY


@dataclass(frozen=True, slots=True)
class Slot:
    """One place of the schedule; `ticket` counts from 0."""

    ticket: int
    at_seconds: float
    stream: Stream


def stream_name(probe: Probe) -> str:
    """Return what people call a probe's stream: its kind, an endpoint's path, a journey's name."""
    if probe.journey:
        return f"journey {bounded_name(probe.journey.name)}"
    return urlsplit(probe.url).path if probe.witness is Witness.API else probe.witness.value


def bounded_name(name: str) -> str:
    """Return a name of the user's as one short line."""
    shown = printable(name)
    return shown if len(shown) <= _LONGEST_NAME else f"{shown[:_LONGEST_NAME]}…"


def machine_stream(machine: Machine, health: Probe) -> Stream:
    """Return the stream of one machine's health."""
    probe = machine_probe(machine, health)
    return Stream(name=f"{stream_name(health)}@{machine.name}", probe=probe, machine=machine.name)


def machine_probe(machine: Machine, health: Probe) -> Probe:
    """Return the probe of one machine's health; it checks the version as any other does."""
    return replace(health, headers=(*health.headers, *machine.headers), machine=machine.name)
