"""Latencies by counting: exact percentiles, and objectives judged on how many were over a limit."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from math import inf

from slo_action.core.stats.binomial import binomial_at_most

MOST_QUANTILE = Fraction(999, 1000)
LIMITS_SECONDS = (0.5, 2.0, 5.0)
_MICROSECONDS = 1_000_000
_LONGEST = 0xFFFF_FFFF
_DOUBT = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyObjective:
    """The share `quantile` of answers takes at most `limit_seconds`."""

    name: str
    quantile: Fraction
    limit_seconds: float

    def __post_init__(self) -> None:
        if not (0 < self.quantile <= MOST_QUANTILE and 0 <= self.limit_seconds < inf):
            raise ValueError("an objective needs 0 < quantile <= 0.999 and a finite limit")


class LatencyState(StrEnum):
    """How an objective stands. Unproven: over the limit by count, but that may be chance."""

    MET = "met"
    MISSED = "missed"
    UNPROVEN = "unproven"
    NOT_ENOUGH = "not-enough"


class PercentileConfidence(StrEnum):
    """How firmly a percentile may be reported."""

    NONE = "none"
    LOW_CONFIDENCE = "low-confidence"
    FULL = "full"


def least_count(quantile: Fraction) -> int:
    """Return the fewest answers that carry the quantile: 1 / (1 - q), so 20 for p95."""
    return -(-1 // (1 - quantile))


def full_count(quantile: Fraction) -> int:
    """Return the fewest answers whose largest is above the quantile with 95 %: 59 for p95."""
    within, count = 1.0, 0
    while within > _DOUBT:
        within, count = within * float(quantile), count + 1
    return count


class LatencyCounter:
    """All latencies of one stream, to the microsecond, in four bytes each.

    `n` counts judged answers, timeouts among them. `over` counts those above each limit. Cold
    answers are kept apart: `cold_n` of them, the slowest took `cold_max_seconds`.
    """

    def __init__(self, limits_seconds: Sequence[float] = LIMITS_SECONDS) -> None:
        self.n = 0
        self.unanswered = 0
        self.cold_n = 0
        self.cold_max_seconds = 0.0
        self.over: dict[float, int] = dict.fromkeys(limits_seconds, 0)
        self._limits = [(limit, _microseconds(limit)) for limit in sorted(limits_seconds)]
        self._values = array("I")

    def add(self, seconds: float, *, cold: bool = False) -> None:
        """Take an answer's time. A cold one is not judged."""
        if cold:
            self.cold_n += 1
            self.cold_max_seconds = max(self.cold_max_seconds, seconds)
            return
        self.n += 1
        value = _microseconds(seconds)
        self._values.append(value)
        for limit, most in self._limits:
            if value <= most:
                break
            self.over[limit] += 1

    def add_unanswered(self) -> None:
        """Take a timeout: it took forever, so it is over every limit."""
        self.n += 1
        self.unanswered += 1
        for limit in self.over:
            self.over[limit] += 1

    def percentile(self, quantile: Fraction) -> float | None:
        """Return the nearest rank x_(ceil(q n)) in seconds: always a value that was seen.

        inf where the rank falls on a timeout; None where there are too few answers to carry it.
        """
        if self.n < least_count(quantile):
            return None
        rank = -(-quantile.numerator * self.n // quantile.denominator)
        if rank > len(self._values):
            return inf
        return sorted(self._values)[max(0, rank - 1)] / _MICROSECONDS

    def percentile_confidence(self, quantile: Fraction) -> PercentileConfidence:
        """Return how firmly the percentile may be reported at this number of answers."""
        if self.n < least_count(quantile):
            return PercentileConfidence.NONE
        if self.n < full_count(quantile):
            return PercentileConfidence.LOW_CONFIDENCE
        return PercentileConfidence.FULL

    def over_limit(self, limit_seconds: float) -> int:
        """Return how many answers took longer, timeouts among them."""
        counted = self.over.get(limit_seconds)
        if counted is not None:
            return counted
        most = _microseconds(limit_seconds)
        return self.unanswered + sum(value > most for value in self._values)

    def judge(self, objective: LatencyObjective) -> LatencyState:
        """Judge by the count over the limit; missed needs 95 % confidence at a count fixed ahead.

        Call it once, when the window is over.
        """
        share, over = 1 - objective.quantile, self.over_limit(objective.limit_seconds)
        if self.n < least_count(objective.quantile):
            return LatencyState.NOT_ENOUGH
        if over <= share * self.n:
            return LatencyState.MET
        chance = 1.0 - binomial_at_most(over - 1, self.n, float(share))
        return LatencyState.MISSED if chance <= _DOUBT else LatencyState.UNPROVEN


def _microseconds(seconds: float) -> int:
    return min(_LONGEST, max(0, round(seconds * _MICROSECONDS)))
