"""Was this host too late to judge by? What it could not send or read in time is no timeout."""

from dataclasses import replace
from math import inf

from slo_action.core.model import Outcome, Sample
from slo_action.core.text.quantities import duration_words

_TIMEOUTS = frozenset({Outcome.DNS_TIMEOUT, Outcome.CONNECT_TIMEOUT, Outcome.READ_TIMEOUT})


class ObserverDelay:
    """How late this host was lately; more than `limit_seconds` is too late. One clock's instants.

    A host that sleeps for longer than it asked to cannot read answers in time meanwhile.
    """

    def __init__(self, limit_seconds: float) -> None:
        self.limit_seconds = limit_seconds
        self._due = self._woke = -inf

    def woke(self, due: float, now: float) -> None:
        """Take note of the instant at which this host came to what was due."""
        if now - due > self.limit_seconds:
            self._due, self._woke = due, now

    def judged(self, sample: Sample, ended: float) -> Sample:
        """Return a sample that ended then: `observer_late` where a late host explains a timeout.

        A slow answer's own delay is left out of its time already; what a sleep hid is not.
        """
        began, delay = ended - sample.total_seconds, sample.observer_delay_seconds
        overslept = self._woke - self._due if self._due < ended and began < self._woke else 0.0
        is_late = delay > self.limit_seconds and sample.outcome in _TIMEOUTS
        is_hidden = overslept > 0.0 and sample.outcome in (*_TIMEOUTS, Outcome.SLOW)
        if not (is_late or is_hidden):
            return sample
        longest = max(delay, overslept)
        return replace(
            sample,
            outcome=Outcome.OBSERVER_LATE,
            detail=f"{sample.detail}, but this host was {duration_words(round(longest, 1))} late",
            observer_delay_seconds=longest,
        )
