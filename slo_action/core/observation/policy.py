"""Every number that decides how the first minutes are watched and judged."""

from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import inf

from slo_action.core.model import MAX_OBSERVER_DELAY_SECONDS, Witness
from slo_action.core.observation.real_traffic import TrafficPolicy
from slo_action.core.observation.streams import DEFAULT_OBJECTIVES
from slo_action.core.stats.latency import LatencyObjective
from slo_action.core.stats.rate_test import RatePolicy

MOST_PLANNED = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowPolicy:
    """How the first minutes are observed and judged.

    `length_seconds` counts from the deploy; 0 means no window. A gate that ends late is still
    followed by `minimum_seconds`. `interval_seconds` lies between any two probes; where an endpoint
    would get fewer than `min_planned` of them, probes come faster. For `closer_seconds` after an
    endpoint failed, and while it is in doubt whether it fails too often, `closer_probes` of its own
    come between any two of the others; in all, `most_closer` for each usual one, and never more
    than five a second of both. Every
    `machine_every`-th probe goes to a machine, every `version_every`-th to the version endpoint.
    A probe that this host would send later than `max_observer_delay_seconds` is not sent.
    """

    length_seconds: float = 300.0
    minimum_seconds: float = 60.0
    interval_seconds: float = 1.0
    machine_every: int = 3
    version_every: int = 10
    min_planned: int = 75
    closer_seconds: float = 15.0
    closer_probes: int = 3
    most_closer: float = 2.0
    outage_seconds: float = 15.0
    max_observer_delay_seconds: float = MAX_OBSERVER_DELAY_SECONDS
    alert_ratio: float = 0.005
    rates: RatePolicy = field(default_factory=RatePolicy)
    objectives: tuple[tuple[Witness, LatencyObjective], ...] = DEFAULT_OBJECTIVES
    traffic: TrafficPolicy = field(default_factory=TrafficPolicy)

    def __post_init__(self) -> None:
        times = (
            self.length_seconds,
            self.minimum_seconds,
            self.closer_seconds,
            self.outage_seconds,
            self.max_observer_delay_seconds,
            self.alert_ratio,
        )
        if not all(0 <= one < inf for one in times) or not 0 < self.interval_seconds < inf:
            raise ValueError("a window's times and ratios are zero or more, its probes apart")
        every = (self.machine_every, self.version_every)
        if not (min(every) >= 1 and sum(Fraction(1, turns) for turns in every) < 1):
            raise ValueError("a window needs turns for its endpoints")
        if not (0 <= self.min_planned <= MOST_PLANNED and 0 <= self.closer_probes <= MOST_PLANNED):
            raise ValueError(f"a window needs 0 to {MOST_PLANNED} planned and closer probes")

    def objective(self, witness: Witness) -> LatencyObjective | None:
        """Return what the answers of a kind of endpoint may take; None where nothing is set."""
        return next((goal for kind, goal in self.objectives if kind is witness), None)


def restored_policy(policy: WindowPolicy) -> WindowPolicy:
    """Return the policy of the minute after a rollback: the plain rule, on what was restored."""
    length = min(policy.length_seconds, policy.minimum_seconds)
    rates = replace(policy.rates, confidence=0.0)
    return replace(policy, length_seconds=length, minimum_seconds=length, rates=rates)
