"""What a stream's answers prove of its failure rate, while they come.

Three rules fire the trigger: more of the planned probes failed than it allows, the blocks of the
whole window speak for a rate above sqrt(slo * trigger), or those since some moment do.
"""

from copy import copy
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from math import ceil, inf, log, sqrt

from slo_action.core.stats.binomial import any_time_interval, binomial_at_most, enough_to_refute
from slo_action.core.stats.blocks import LikelihoodSums, OpenBlock, alternatives

_EDGE = 1e-9
"""A time this share of a block before its end is the next one's: floats fall short."""
_OF_TWO = 0.84
"""Of two tests that agree mostly, each gets so much of the doubt: measured, in ADR 0020."""
_ALIKE = 0.85
"""Answers worth so many of equal weight make one test of the two."""
_SLO_SHARES = (Fraction(0), Fraction(1, 10), Fraction(1, 2), Fraction(1))


class BreachRule(StrEnum):
    """What fired: the count, all blocks since the start, or those since a change."""

    PLAIN = "plain"
    EVIDENCE = "evidence"
    CHANGE = "change"


@dataclass(frozen=True, slots=True, kw_only=True)
class RatePolicy:
    """Rates are shares of answers. `confidence` 0 leaves the plain rule alone.

    `refute_confidence` is how sure a pass is that the rate is below the trigger. `adaptive` is
    False in records from before probes came faster in doubt: then a block's failed probes are not
    counted, and an answer has the same weight wherever it stands.
    """

    slo: Fraction = Fraction(1, 100)
    trigger: Fraction = Fraction(5, 100)
    confidence: float = 0.99
    block_seconds: float = 5.0
    refute_confidence: float = 0.95
    adaptive: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.slo <= self.trigger < 1:
            raise ValueError("a rate policy needs 0 < slo <= trigger < 1")
        if not (0 <= self.confidence < 1 and 0 < self.refute_confidence < 1):
            raise ValueError("a rate policy needs confidences below 1")

    @property
    def null_rate(self) -> float:
        """The failure rate that evidence must exceed: halfway from SLO to trigger, as a ratio."""
        return sqrt(self.slo * self.trigger)

    @property
    def harmless_rates(self) -> tuple[float, ...]:
        """The failure rates that speak against the trigger."""
        shares = (self.slo * share for share in _SLO_SHARES)
        return tuple(float(rate) for rate in shares if rate < self.trigger)


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """When the trigger fired; the counts are those of that moment.

    `bad_since_seconds` is the start of the first bad block of the run of failures that fired it.
    """

    rule: BreachRule
    heard_seconds: float
    bad_since_seconds: float
    bad: int
    valid: int


def most_bad(policy: RatePolicy, planned: int) -> float:
    """Return how many of the planned probes may fail before the plain rule fires.

    The trigger's share; of few probes more, so that a service halfway from SLO to trigger
    fails in no more than 1 - `confidence` of all windows: 8 of 150 say less than 16 of 300.
    """
    least = int(policy.trigger * planned)
    doubt = 1.0 - policy.confidence
    while policy.confidence and 1.0 - binomial_at_most(least, planned, policy.null_rate) > doubt:
        least += 1
    return max(float(policy.trigger * planned), float(least))


class RateTest:
    """One stream's evidence on its failure rate; it remembers counts and the open blocks.

    Give it every probe in order of schedule, and every answer in any order.
    `interval_seconds` lies between two probes of this stream. `tests` are judged side by side and
    share the chance of a false alarm. `planned` is what the plain rule counts against: see
    `most_bad`; None switches it off.

    It does not fire before `earliest_seconds`, nor by fewer than `least_bad` failures; both may be
    set: what fails as it starts may be well by then, and few failures may be accidents.
    `valid`, `bad`, `neutral` and `pending` count probes. `refuted_seconds` is when the answers
    began to rule out the trigger, at any time's price; None where they do not now.
    """

    def __init__(
        self,
        policy: RatePolicy,
        *,
        begun_seconds: float,
        ends_seconds: float,
        interval_seconds: float,
        tests: int = 1,
        planned: int | None = None,
    ) -> None:
        self.valid = self.bad = self.neutral = self.pending = 0
        self.valid_weight = self.bad_weight = self.squared_weights = 0.0
        self.breach: Breach | None = None
        self.refuted_seconds: float | None = None
        self.earliest_seconds = -inf
        self.least_bad = 1
        self._is_sending = False
        self._policy = policy
        self._begun = begun_seconds
        self._length = max(policy.block_seconds, interval_seconds)
        per_block = self._length / interval_seconds
        self._nominal = ceil(per_block - _EDGE)
        self._planned = planned or 0
        self._most_bad = inf if planned is None else most_bad(policy, planned) + _EDGE
        self._trigger, self._harmless = float(policy.trigger), policy.harmless_rates
        self._enough = enough_to_refute(0, self._trigger, self._harmless, policy.refute_confidence)
        against = alternatives(policy.null_rate, per_block, by_probes=policy.adaptive)
        self._processes = LikelihoodSums(against)
        self._open: dict[int, OpenBlock] = {}
        self._latest = OpenBlock(-1, begun_seconds)
        self._bad_open = 0
        self._first_bad = inf
        self._mixture_alarm = self._change_alarm = inf
        if policy.confidence > 0 and against.blocks:
            blocks = max(1, ceil((ends_seconds - begun_seconds) / self._length - _EDGE))
            alpha = (1.0 - policy.confidence) / tests
            self._mixture_alarm = log(2.0 / alpha)
            self._change_alarm = log(2.0 * len(against) * blocks / alpha)

    def sent(self, scheduled_seconds: float) -> None:
        """Take note of a probe, in order of time."""
        number = int((scheduled_seconds - self._begun) / self._length + _EDGE)
        block = self._latest
        if number != block.number:
            block = OpenBlock(number, self._begun + number * self._length)
            self._latest = self._open[number] = block
            if len(self._open) > 1:
                self._is_sending = True
                self._close(scheduled_seconds)
                self._is_sending = False
        block.sent += 1
        block.pending += 1
        self.pending += 1

    def answered(
        self,
        scheduled_seconds: float,
        heard_seconds: float,
        *,
        bad: bool | None,
        weight: float = 1.0,
    ) -> None:
        """Take the answer of the probe of that schedule. `bad` is None where it says nothing.

        `weight` is how many planned probes it stands for: less than 1 where more were sent.
        """
        block = self._open[int((scheduled_seconds - self._begun) / self._length + _EDGE)]
        block.pending -= 1
        self.pending -= 1
        if bad is not None:
            self.valid_weight += weight
            self.squared_weights += weight * weight
        if bad is False:
            self.valid += 1
            if self.refuted_seconds is None and self.valid >= self._enough:
                self.refuted_seconds = heard_seconds
        elif bad:
            self.bad_weight += weight
            self._fail(block, heard_seconds)
        else:
            self.neutral += 1
            block.neutral += 1
        if block is self._latest:
            if bad is None and block.failed:
                self._look(heard_seconds)
        elif block.pending:
            self._look(heard_seconds)
        else:
            self._close(heard_seconds)

    def _fail(self, block: OpenBlock, heard: float) -> None:
        self.valid += 1
        self.bad += 1
        self._enough = enough_to_refute(
            self.bad, self._trigger, self._harmless, self._policy.refute_confidence
        )
        if self.valid < self._enough:
            self.refuted_seconds = None
        self._first_bad = min(self._first_bad, block.starts_seconds)
        block.failed += 1
        self._bad_open += block.failed == 1
        if block.failed == 1 or self._policy.adaptive or self._is_plain:
            self._look(heard)

    def _close(self, now: float) -> None:
        """Count the oldest blocks for good, as long as they are over and wholly answered."""
        while True:
            block = next(iter(self._open.values()))
            if block.pending or block is self._latest:
                break
            del self._open[block.number]
            self._bad_open -= block.failed > 0
            if self.breach is None:
                self._add(self._processes, block, now)
        self._look(now)

    def _look(self, now: float) -> None:
        """Judge the open blocks up to the last one known to be bad, on a copy of the sums."""
        if self.breach is not None or not self._bad_open:
            return
        seen, left = copy(self._processes), self._bad_open
        for block in self._open.values():
            self._add(seen, block, now)
            left -= block.failed > 0
            if not left:
                break
        if self._is_plain:
            self._breach(BreachRule.PLAIN, now, seen.likeliest_began_seconds)

    def _add(self, seen: LikelihoodSums, block: OpenBlock, now: float) -> None:
        probes = block.probes(self._nominal if block is self._latest else 0)
        if not probes:
            return
        seen.add(block, probes)
        if not block.failed or self._is_plain:
            return
        if seen.from_start >= self._mixture_alarm:
            self._breach(BreachRule.EVIDENCE, now, seen.likeliest_began_seconds)
        elif seen.highest >= self._change_alarm:
            self._breach(BreachRule.CHANGE, now, seen.highest_began_seconds)

    def _breach(self, rule: BreachRule, now: float, since: float | None) -> None:
        # What was held back fires by an answer, not by a probe: a record holds answers.
        held = now < self.earliest_seconds or (self._is_sending and self.earliest_seconds > -inf)
        if self.breach is not None or held or self.bad < self.least_bad:
            return
        self.breach = Breach(
            rule=rule,
            heard_seconds=now,
            bad=self.bad,
            valid=self.valid,
            bad_since_seconds=self._first_bad if since is None else since,
        )

    @property
    def _is_plain(self) -> bool:
        """Whether the plain rule is certain, by time and by count.

        By time a burst is not longer than it was. By count a fault that fails every so many
        requests, however often it is asked, is not more frequent than it is.
        """
        if self.bad_weight <= self._most_bad:
            return False
        to_come = max(0.0, self._planned - self.valid_weight)
        return self.bad > self._trigger * (self.valid + to_come) + _EDGE

    @property
    def is_in_doubt(self) -> bool:
        """True where something failed, and it is not sure yet that the rate is below the trigger.

        As sure, at any time, as a breach must be.
        """
        sure = self._policy.confidence
        return self.bad > 0 and self.valid < enough_to_refute(
            self.bad, self._trigger, self._harmless, sure
        )

    def over_trigger(self) -> bool:
        """Return whether more than the trigger's share of the valid answers was bad, either way."""
        by_count = self.bad > self._policy.trigger * self.valid
        if self.bad_weight == self.bad and self.valid_weight == self.valid:
            return by_count
        by_time = self.bad_weight > self._trigger * self.valid_weight + _EDGE
        return by_count and by_time

    def refuted_at_end(self) -> bool:
        """Return whether the trigger is ruled out by a window whose end was fixed in advance.

        P(Bin(valid, trigger) <= bad) is at most 1 - `refute_confidence`, by count or by weight: by
        count a burst that was looked at closely seems longer than it was. The two are mostly of
        one mind. By weight, answers of unequal weights are worth (sum w)^2 / sum w^2 of equal ones.
        """
        doubt = 1.0 - self._policy.refute_confidence
        by_count = binomial_at_most(self.bad, self.valid, self._trigger)
        if not self._policy.adaptive:
            bad, valid = ceil(self.bad_weight - _EDGE), int(self.valid_weight + _EDGE)
            return min(by_count, binomial_at_most(bad, valid, self._trigger)) <= doubt
        worth = self.valid_weight / self.squared_weights if self.squared_weights else 1.0
        if worth * self.valid_weight > _ALIKE * self.valid:
            return by_count <= doubt
        bad_worth, valid = worth * self.bad_weight, round(worth * self.valid_weight)
        less, part = int(bad_worth), bad_worth % 1.0
        by_weight = (1.0 - part) * binomial_at_most(less, valid, self._trigger)
        by_weight += part * binomial_at_most(less + 1, valid, self._trigger)
        return min(by_count, by_weight) <= _OF_TWO * doubt

    def interval(self) -> tuple[float, float]:
        """Return the failure rates that no look so far could rule out with 95 %, for display."""
        return any_time_interval(self.bad, self.valid)
