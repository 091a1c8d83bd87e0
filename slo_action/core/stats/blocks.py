"""Blocks of time as evidence: failures come in bursts, so a block counts once however it fails.

Formulas: a block of m probes is bad with 1 - (1 - r)^m where each fails at the rate r. Its log
likelihood ratio is added to one sum from the start, and to one that restarts whenever it falls
below 0 (a CUSUM), for each of a few alternative block rates.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import expm1, inf, log, log1p

from slo_action.core.stats.binomial import log_mean_exp

_RATES = (0.15, 0.25, 0.4, 0.6, 0.8, 1.0)
_CLEARLY_ABOVE = 1.5


@dataclass(frozen=True, slots=True)
class Steps:
    """What one block adds to the log of each alternative's likelihood ratio."""

    good: tuple[float, ...]
    bad: tuple[float, ...]


def block_rate(rate: float, probes: float) -> float:
    """Return the chance that a block of so many probes is bad where each fails at `rate`."""
    return -expm1(probes * log1p(-rate))


@lru_cache(maxsize=256)
def alternatives(rate: float, probes: float) -> tuple[float, ...]:
    """Return the block rates clearly above the null; none where blocks hold too many probes."""
    least = _CLEARLY_ABOVE * block_rate(rate, probes)
    return tuple(q for q in _RATES if q > least)


@lru_cache(maxsize=4096)
def steps(rate: float, rates: tuple[float, ...], probes: int) -> Steps:
    """Return the steps of a block of `probes` valid answers, under the null failure rate `rate`."""
    null = block_rate(rate, probes)
    # A fuller block than usual can have a null above an alternative. That alternative is then the
    # null itself for this block: the ratio is 1, and its mean stays <= 1 at every lower rate.
    raised = [max(q, null) for q in rates]
    good = tuple(log1p(-q) - log1p(-null) if q < 1 else -inf for q in raised)
    return Steps(good, tuple(log(q / null) for q in raised))


class OpenBlock:
    """A block not yet counted: probes sent, those unanswered, and those that said nothing."""

    __slots__ = ("bad", "neutral", "number", "pending", "sent", "starts_seconds")

    def __init__(self, number: int, starts_seconds: float) -> None:
        self.number = number
        self.starts_seconds = starts_seconds
        self.sent = 0
        self.pending = 0
        self.neutral = 0
        self.bad = False

    def probes(self, least_sent: int) -> int:
        """Return the number of valid answers that makes this block's evidence the weakest.

        A bad block is weak where many took part, a good one where few did: what is unanswered may
        still turn out to say nothing. At least `least_sent` probes will have been sent in the end.
        0 is no block.
        """
        usable = self.sent - self.neutral
        if self.bad:
            return usable + max(0, least_sent - self.sent)
        return max(1, usable - self.pending) if self.pending else usable


class LikelihoodSums:
    """The sums of each alternative over the blocks so far."""

    __slots__ = ("_began", "_rate", "_rates", "_restarted", "_steps", "_total")

    def __init__(self, rate: float, rates: tuple[float, ...]) -> None:
        self._rate = rate
        self._rates = rates
        self._total = [0.0] * len(rates)
        self._restarted = [0.0] * len(rates)
        self._began: list[float | None] = [None] * len(rates)
        self._steps: dict[int, Steps] = {}

    def add(self, probes: int, starts_seconds: float, *, bad: bool) -> None:
        """Take the next block in time, of `probes` valid answers."""
        both = self._steps.get(probes)
        if both is None:
            both = self._steps[probes] = steps(self._rate, self._rates, probes)
        if bad:
            standing = zip(self._began, self._restarted, strict=True)
            self._began = [began if height else starts_seconds for began, height in standing]
        step = both.bad if bad else both.good
        self._total = [total + more for total, more in zip(self._total, step, strict=True)]
        raised = [height + more for height, more in zip(self._restarted, step, strict=True)]
        self._restarted = [max(0.0, height) for height in raised]

    @property
    def from_start(self) -> float:
        """The log of the mixture's likelihood ratio over all blocks."""
        return log_mean_exp(self._total)

    @property
    def highest(self) -> float:
        """The highest restarted sum; 0 where nothing failed lately."""
        return max(self._restarted, default=0.0)

    @property
    def highest_began_seconds(self) -> float | None:
        """Where the highest restarted sum left 0."""
        return self._began_of(self._restarted)

    @property
    def likeliest_began_seconds(self) -> float | None:
        """Where the sum of the alternative that fits all blocks best last left 0."""
        return self._began_of(self._total)

    def _began_of(self, sums: list[float]) -> float | None:
        return self._began[sums.index(max(sums))] if sums else None
