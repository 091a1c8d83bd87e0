"""What is known from before a deploy: how well the service was, and whether it can be restored."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from math import sqrt

from slo_action.core.model import Release
from slo_action.core.stats.binomial import binomial_at_most

_SURE = 0.01
"""What is rarer than this at the rate before the deploy is worse than it was."""
_Z = 1.6448536269514722
"""The 95 % quantile of the normal distribution: one side of Wilson's interval."""
_LEAST_FAILURES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamBaseline:
    """What one stream answered before the deploy; `p95_ms` is None where too few were timed."""

    name: str
    bad: int
    valid: int
    p95_ms: float | None = None

    @property
    def share(self) -> float:
        """The failing share, as a ratio; 0 where nothing was answered."""
        return self.bad / self.valid if self.valid else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """How well the service was before the deploy. Failures count as they do in the window."""

    taken_at: datetime
    seconds: float
    streams: tuple[StreamBaseline, ...]

    def of(self, name: str) -> StreamBaseline | None:
        """Return one stream's baseline; None where it was not watched."""
        return next((stream for stream in self.streams if stream.name == name), None)

    def was_well(self, name: str, trigger: float) -> bool:
        """Return whether a stream answered then, and mostly well."""
        found = self.of(name)
        return found is not None and found.valid > 0 and found.share <= trigger

    def had(self, name: str, bad: int, valid: int, trigger: float) -> bool:
        """Return whether `bad` of `valid` is no worse than what a stream suffered before.

        It was above the trigger then, by three failures at least, and the new rate is not surely
        above the upper end of that rate (Wilson, one-sided 95 %; exact binomial, 1 %).
        """
        found = self.of(name)
        if found is None or found.bad < _LEAST_FAILURES or found.share <= trigger:
            return False
        upper = _wilson_upper(found.bad, found.valid)
        return bad == 0 or 1.0 - binomial_at_most(bad - 1, valid, upper) > _SURE


def _wilson_upper(bad: int, valid: int) -> float:
    """Return the upper end of Wilson's score interval (Wilson 1927), at most 1."""
    share, square = bad / valid, _Z * _Z
    middle = share + square / (2 * valid)
    spread = _Z * sqrt(share * (1 - share) / valid + square / (4 * valid * valid))
    return min(1.0, (middle + spread) / (1 + square / valid))


class ProofState(StrEnum):
    """Whether something a rollback needs was found."""

    PROVEN = "proven"
    MISSING = "missing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One thing a rollback needs, and whether it is there. `words` may quote the platform.

    `is_needed` is False for what is only worth knowing: it never rules a rollback out.
    """

    name: str
    state: ProofState
    words: str
    is_needed: bool = True


class WayBackState(StrEnum):
    """Whether a rollback could restore a release that is healthy now, or was."""

    SAFE = "safe"
    UNPROVEN = "unproven"
    NONE = "none"


def way_back_state(proofs: tuple[Proof, ...]) -> WayBackState:
    """Return the worst of what is needed; without any proof there is none."""
    states = [proof.state for proof in proofs if proof.is_needed]
    if not states or ProofState.MISSING in states:
        return WayBackState.NONE
    return WayBackState.UNPROVEN if ProofState.UNKNOWN in states else WayBackState.SAFE


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What `prepare` hands over to `verify`.

    `release` is what ran, `newest` the newest in the ledger, which may have failed, `target` what a
    rollback of the next release would restore; None where the platform names none. `sealed` is the
    platform's own restore copy, readable with its token only; empty where there is none.
    """

    service: str
    app: str
    platform: str
    taken_at: datetime
    release: Release | None
    proofs: tuple[Proof, ...]
    not_restored: tuple[str, ...] = ()
    baseline: Baseline | None = None
    newest: Release | None = None
    target: Release | None = None
    sealed: str = ""

    @property
    def way_back(self) -> WayBackState:
        """Whether a rollback would restore what ran."""
        return way_back_state(self.proofs)
