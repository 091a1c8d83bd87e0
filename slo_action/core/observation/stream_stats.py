"""What one stream of the window has shown so far."""

from slo_action.core.model import Outcome, Sample
from slo_action.core.observation.streams import Slot, Stream
from slo_action.core.stats.latency import LIMITS_SECONDS, LatencyCounter, LatencyObjective
from slo_action.core.stats.rate_test import RateTest

Starting = tuple[Slot, Sample]
"""A failure before the first good answer."""


_MOST_WEIGHT = 2.0
"""After a pause, a probe does not stand for all of it."""


class StreamStats:
    """Counts of one stream. `last_bad` and `last_heard` are slots, in seconds since the deploy.

    `failed_seconds` are those of the failures that count. `starting` holds failures that wait for
    the first good answer. `missed` counts slots that could not be taken, `excused` timeouts that
    the control explains. `tickets_apart` and `seconds_apart`
    lie between two of its probes at the usual rate. `goal` is what its answers may take; None where
    nothing is set.
    """

    def __init__(
        self,
        stream: Stream,
        rate: RateTest,
        goal: LatencyObjective | None,
        *,
        tickets_apart: float,
        seconds_apart: float,
    ) -> None:
        limits = {*LIMITS_SECONDS, *([goal.limit_seconds] if goal else ())}
        self.stream = stream
        self.rate = rate
        self.goal = goal
        self.seconds_apart = seconds_apart
        self.latency = LatencyCounter(tuple(sorted(limits)))
        self.outcomes: dict[Outcome, int] = {}
        self.missed = 0
        self.excused = 0
        self.good = 0
        self.last_bad = float("-inf")
        self.last_heard = float("-inf")
        self.failed_seconds: list[float] = []
        self.last_failure: Sample | None = None
        self.last_good: Sample | None = None
        self.last_neutral: Sample | None = None
        self.starting: list[Starting] = []
        self._is_cold = True
        self._tickets_apart = tickets_apart
        self._sent_ticket = float("-inf")
        self._weights: dict[int, float] = {}

    def sent(self, slot: Slot) -> None:
        """Take note of a probe. It stands for the time since the one before it."""
        gap = slot.ticket - self._sent_ticket
        first = self._sent_ticket < 0
        self._sent_ticket = slot.ticket
        share = 1.0 if first else gap / self._tickets_apart
        self._weights[slot.ticket] = min(_MOST_WEIGHT, share)
        self.rate.sent(slot.at_seconds)

    def count(
        self,
        slot: Slot,
        sample: Sample,
        heard: float,
        *,
        bad: bool | None,
        slow_start: bool,
        counts: bool,
    ) -> float:
        """Take one answer, and return how many planned probes it stands for.

        `bad` is None where it says nothing of the service. Before anything `counts`, neither do
        good answers: they would stand against failures that did not.
        """
        weight = self._weights.pop(slot.ticket)
        outcome = sample.outcome
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        self.rate.answered(slot.at_seconds, heard, bad=bad if counts else None, weight=weight)
        if bad is not None:
            self.last_heard = max(self.last_heard, slot.at_seconds)
        if bad is None:
            self.last_neutral = sample if outcome.is_neutral else self.last_neutral
        elif bad:
            self.last_bad = max(self.last_bad, slot.at_seconds)
            self.last_failure = sample
            self.failed_seconds.append(slot.at_seconds)
        else:
            self.good += 1
            self.last_good = sample
        if bad is not None:
            self._time(sample, cold=self._is_cold or slow_start)
            self._is_cold = False
        return weight

    def excuse(self, sample: Sample) -> None:
        """Take note that the control explains a probe without an answer."""
        self.excused += 1
        self.last_neutral = sample

    @property
    def unusable(self) -> int:
        """Answers that say nothing: limited, challenged, cached, our own side's, or excused."""
        return sum(n for o, n in self.outcomes.items() if o.is_neutral) + self.excused

    @property
    def early_failures(self) -> int:
        """Failures that do not count: before its first good answer, or in the grace period."""
        failed = sum(n for outcome, n in self.outcomes.items() if outcome.is_bad)
        other_version = self.outcomes.get(Outcome.WRONG_VERSION, 0)
        return failed - other_version - self.rate.bad - self.excused

    def _time(self, sample: Sample, *, cold: bool) -> None:
        """Only answers are timed, and what timed out: a refusal is quick and says nothing."""
        if sample.outcome in _TIMED_OUT:
            self.latency.add_unanswered()
        elif sample.outcome in _TIMED:
            self.latency.add(sample.service_seconds, cold=cold)

    @property
    def prevailing_failure(self) -> Outcome | None:
        """The most frequent way it failed; None where it did not."""
        failed = {o: n for o, n in self.outcomes.items() if o.is_bad}
        return max(failed, key=lambda outcome: failed[outcome]) if failed else None


_TIMED_OUT = frozenset({Outcome.CONNECT_TIMEOUT, Outcome.READ_TIMEOUT})
_TIMED = frozenset(
    {
        Outcome.OK,
        Outcome.DEGRADED_BODY,
        Outcome.SLOW,
        Outcome.UNHEALTHY_BODY,
        Outcome.ASSERTION_FAILED,
        Outcome.CAPTURE_FAILED,
        Outcome.TLS_EXPIRING,
        Outcome.WRONG_VERSION,
    }
)
