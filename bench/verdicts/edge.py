"""What the platform's edge counts of users' requests to `api`."""

from math import exp, sqrt
from random import Random

from bench.verdicts.pieces import COUNTED_5XX, UNCOUNTED, Plan

STEP = 0.5  # seconds


class Edge:
    """Requests and 5xx of one plan, from running sums over a grid."""

    __slots__ = ("_plan", "_prefix")

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._prefix: list[tuple[float, float]] = [(0.0, 0.0)]

    def count(self, since: float, until: float, rng: Random) -> tuple[int, int]:
        """Return how many requests came in a stretch of time, and how many got 5xx."""
        reached, failed = self._counted(since, until)
        total = _poisson(self._plan.rps * reached, rng)
        return total, _binomial(total, failed / reached if reached else 0.0, rng)

    def _counted(self, since: float, until: float) -> tuple[float, float]:
        """Return two integrals over a stretch: the share that reached the edge, that got 5xx."""
        before = max(0.0, min(0.0, until) - since)
        start, end = self._sums(max(0.0, since)), self._sums(max(0.0, until))
        return before + end[0] - start[0], before * self._plan.before + end[1] - start[1]

    def _sums(self, instant: float) -> tuple[float, float]:
        cell, part = divmod(instant / STEP, 1.0)
        while len(self._prefix) < int(cell) + 2:
            at = (len(self._prefix) - 0.5) * STEP
            reached, failed = self._prefix[-1]
            share = self._shares(at)
            self._prefix.append((reached + share[0] * STEP, failed + share[1] * STEP))
        low, high = self._prefix[int(cell)], self._prefix[int(cell) + 1]
        return low[0] + part * (high[0] - low[0]), low[1] + part * (high[1] - low[1])

    def _shares(self, at: float) -> tuple[float, float]:
        """Return the shares of users' requests that reach the edge, and that it counts as 5xx."""
        reached = well = 1.0
        each = [1.0] * self._plan.machines
        for fault in self._plan.faults:
            if not fault.harms or "api" not in fault.endpoints:
                continue
            if fault.kind in UNCOUNTED:
                reached *= 1.0 - fault.when.at(at)
            elif fault.kind in COUNTED_5XX and fault.machine is None:
                well *= 1.0 - fault.when.at(at)
            elif fault.kind in COUNTED_5XX and fault.machine is not None and not self._plan.masks:
                each[fault.machine] *= 1.0 - fault.when.at(at)
        return reached, reached * (1.0 - well * sum(each) / self._plan.machines)


def _poisson(mean: float, rng: Random) -> int:
    """Draw a Poisson count; above 30 by its normal neighbour."""
    if mean > 30.0:
        return max(0, round(rng.gauss(mean, sqrt(mean))))
    count, chance, floor = 0, rng.random(), exp(-mean)
    while chance > floor:
        count += 1
        chance *= rng.random()
    return count


def _binomial(total: int, share: float, rng: Random) -> int:
    """Draw a binomial count; a large one by its Poisson or normal neighbour."""
    if share <= 0.0 or share >= 1.0:
        return total if share >= 1.0 else 0
    if total < 50:
        return sum(rng.random() < share for _ in range(total))
    if total * min(share, 1.0 - share) > 20.0:
        spread = sqrt(total * share * (1.0 - share))
        return min(total, max(0, round(rng.gauss(total * share, spread))))
    if share > 0.5:
        return total - min(total, _poisson(total * (1.0 - share), rng))
    return min(total, _poisson(total * share, rng))
