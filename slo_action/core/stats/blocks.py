"""Blocks of time as evidence: failures come in bursts, so a block counts once however it fails.

Formulas: a block of m probes is bad with 1 - (1 - r)^m where each fails at the rate r. Its log
likelihood ratio is added to one sum from the start, and to one that restarts whenever it falls
below 0 (a CUSUM), for each of a few alternative block rates. Where many probes share a block, few
blocks are good, and being bad says little: so its failed probes are counted, too, for a few
alternative rates of probes, though no more of them than such a rate lets expect, and no block for
more than a bad one of the usual number of probes. From the start the mean of the two mixtures
counts.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, expm1, inf, log, log1p

from slo_action.core.stats.binomial import log_mean_exp

_BLOCK_RATES = (0.15, 0.25, 0.4, 0.6, 0.8, 1.0)
_CLEARLY_ABOVE = 1.5
_PROBE_RATES = (0.08, 0.14, 0.3)


def block_rate(rate: float, probes: float) -> float:
    """Return the chance that a block of so many probes is bad where each fails at `rate`."""
    return -expm1(probes * log1p(-rate))


@dataclass(frozen=True, slots=True)
class Alternatives:
    """The rates that speak against a failure rate `null`: of bad blocks, and of failed probes.

    By probes, a block adds `most` to a log likelihood ratio at most.
    """

    null: float
    blocks: tuple[float, ...]
    probes: tuple[float, ...]
    most: float

    def __len__(self) -> int:
        return len(self.blocks) + len(self.probes)


@lru_cache(maxsize=256)
def alternatives(null: float, probes: float, *, by_probes: bool) -> Alternatives:
    """Return what speaks against `null` where blocks usually hold so many probes.

    Block rates are clearly above the null; none are where blocks hold too many probes.
    """
    usual = block_rate(null, probes)
    rates = tuple(q for q in _BLOCK_RATES if q > _CLEARLY_ABOVE * usual)
    counted = tuple(r for r in _PROBE_RATES if by_probes and r > _CLEARLY_ABOVE * null)
    return Alternatives(null, rates, counted, -log(usual))


@lru_cache(maxsize=16384)
def steps(
    against: Alternatives, probes: int, failed: int, heard: int, usable: int
) -> tuple[float, ...]:
    """Return what a block adds to the log of each likelihood ratio, blocks' first.

    As a block it holds `probes` valid answers. By probes, `failed` of `heard` are known, and there
    will be `usable` at most.
    """
    null = block_rate(against.null, probes)
    # A fuller block than usual can have a null above an alternative. That alternative is then the
    # null itself for this block: the ratio is 1, and its mean stays <= 1 at every lower rate.
    raised = [max(q, null) for q in against.blocks]
    if failed:
        of_blocks = tuple(log(q / null) for q in raised)
    else:
        of_blocks = tuple(log1p(-q) - log1p(-null) if q < 1 else -inf for q in raised)
    most = (min(failed, max(1, ceil(rate * heard))) for rate in against.probes)
    pairs = zip(against.probes, most, strict=True)
    return of_blocks + tuple(_by_probes(against, rate, counted, usable) for rate, counted in pairs)


def _by_probes(against: Alternatives, rate: float, counted: int, usable: int) -> float:
    """A burst fails more probes than any rate explains: it counts as what the rate explains."""
    good = (usable - counted) * (log1p(-rate) - log1p(-against.null))
    return min(against.most, counted * log(rate / against.null) + good)


class OpenBlock:
    """A block not yet counted: probes sent, unanswered, failed, and those that said nothing."""

    __slots__ = ("failed", "neutral", "number", "pending", "sent", "starts_seconds")

    def __init__(self, number: int, starts_seconds: float) -> None:
        self.number = number
        self.starts_seconds = starts_seconds
        self.sent = 0
        self.pending = 0
        self.neutral = 0
        self.failed = 0

    @property
    def usable(self) -> int:
        """Valid answers, and those that may still be: good ones are the weakest evidence."""
        return self.sent - self.neutral

    def probes(self, least_sent: int) -> int:
        """Return the number of valid answers that makes this block's evidence the weakest.

        A bad block is weak where many took part, a good one where few did: what is unanswered may
        still turn out to say nothing. At least `least_sent` probes will have been sent in the end.
        0 is no block.
        """
        usable = self.usable
        if self.failed:
            return usable + max(0, least_sent - self.sent)
        return max(1, usable - self.pending) if self.pending else usable


class LikelihoodSums:
    """The sums of each alternative over the blocks so far."""

    __slots__ = ("_against", "_began", "_restarted", "_total")

    def __init__(self, against: Alternatives) -> None:
        self._against = against
        self._total = [0.0] * len(against)
        self._restarted = [0.0] * len(against)
        self._began: list[float | None] = [None] * len(against)

    def add(self, block: OpenBlock, probes: int) -> None:
        """Take the next block in time, of `probes` valid answers."""
        if block.failed:
            standing, starts = zip(self._began, self._restarted, strict=True), block.starts_seconds
            self._began = [began if height else starts for began, height in standing]
        heard = block.usable - block.pending
        step = steps(self._against, probes, block.failed, heard, block.usable)
        self._total = [total + more for total, more in zip(self._total, step, strict=True)]
        raised = [height + more for height, more in zip(self._restarted, step, strict=True)]
        self._restarted = [max(0.0, height) for height in raised]

    @property
    def from_start(self) -> float:
        """The log of the mixtures' mean likelihood ratio over all blocks."""
        first = len(self._against.blocks)
        mixtures = (self._total[:first], self._total[first:])
        return log_mean_exp([log_mean_exp(one) for one in mixtures if one])

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
