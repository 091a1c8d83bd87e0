"""Labels a deployment by its noise-free behaviour; no policy and no chance has a word in it.

The rule is the document's: over 5 % within 5 minutes, or not ready within 90 s. Around 5 % lies a
strip where either verdict is right.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from bench.verdicts.score import HORIZON
from bench.verdicts.world import Deployment, Label

WINDOW, READY_WITHIN = 300.0, 90.0
GRID = 0.5
_COARSE = 2.0
READY_BELOW = 0.5
PASS_UP_TO, WARN_UP_TO, EITHER_UP_TO = 0.01, 0.035, 0.07
SLOW_UP_TO = 0.06
ENDPOINTS = ("health", "api")


@dataclass(frozen=True, slots=True)
class Truth:
    """The noise-free account of the window, of its worst endpoint.

    `ready` is the first instant at which less than half of the requests to every endpoint fail;
    None if that is not within 90 s. `bad` and `slow` are shares from `ready` to 300 s.
    """

    ready: float | None
    bad: float
    slow: float

    @property
    def label(self) -> Label:
        """What a verdict must be."""
        if self.ready is None or self.bad > EITHER_UP_TO:
            return Label.ROLLBACK
        if self.bad > WARN_UP_TO:
            return Label.EITHER
        if self.bad > PASS_UP_TO + 1e-9 or self.slow > SLOW_UP_TO:
            return Label.WARN
        return Label.PASS


def truth(deployment: Deployment) -> Truth:
    """Integrate over the window by midpoints half a second apart."""
    instants = _midpoints(0.0, WINDOW, GRID)
    bad = {name: [deployment.bad(at, name) for at in instants] for name in ENDPOINTS}
    first = next(
        (i for i, both in enumerate(zip(*bad.values(), strict=True)) if max(both) < READY_BELOW),
        len(instants),
    )
    if first * GRID > READY_WITHIN:
        return Truth(None, 1.0, 0.0)
    rest = instants[first:]
    return Truth(
        first * GRID,
        max(_mean(shares[first:]) for shares in bad.values()),
        max(_mean([deployment.slow(at, name) for at in rest]) for name in ENDPOINTS),
    )


def label(deployment: Deployment) -> Label:
    """Return what a verdict must be."""
    return truth(deployment).label


def bad_seconds(deployment: Deployment) -> Callable[[float], float]:
    """Return a function: the seconds of failure that users bear until an instant.

    The integral of the worst endpoint's bad share from the deploy, up to 30 minutes.
    """
    edges = _edges()
    sums = [0.0]
    for low, high in pairwise(edges):
        middle = (low + high) / 2.0
        worst = max(deployment.bad(middle, name) for name in ENDPOINTS)
        sums.append(sums[-1] + worst * (high - low))

    def until(instant: float) -> float:
        if instant >= HORIZON:
            return sums[-1]
        cell = _cell(max(0.0, instant))
        part = (max(0.0, instant) - edges[cell]) / (edges[cell + 1] - edges[cell])
        return sums[cell] + part * (sums[cell + 1] - sums[cell])

    return until


def _edges() -> list[float]:
    fine = [i * GRID for i in range(int(WINDOW / GRID))]
    coarse = [WINDOW + i * _COARSE for i in range(int((HORIZON - WINDOW) / _COARSE) + 1)]
    return fine + coarse


def _cell(instant: float) -> int:
    if instant < WINDOW:
        return int(instant / GRID)
    return int(WINDOW / GRID) + int((instant - WINDOW) / _COARSE)


def _midpoints(start: float, end: float, step: float) -> list[float]:
    return [start + (i + 0.5) * step for i in range(int((end - start) / step))]


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
