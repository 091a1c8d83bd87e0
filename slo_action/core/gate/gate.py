"""The health gate: which probe next, and when. A pure state machine over what was observed.

`Gate.next()` says what to ask and when, or how the gate ended; `Gate.feed()` returns the gate that
has seen one more observation. All state is derived from the observations, so a recorded run is
replayed by feeding it. Times are seconds since the deploy.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise, takewhile
from math import inf

from slo_action.core.model import (
    MAX_OBSERVER_DELAY_SECONDS,
    HopelessReason,
    Observation,
    ObservationKind,
    ObservationResult,
    Outcome,
    Witness,
)

_PASSED = ObservationResult.PASSED
_FAILED = ObservationResult.FAILED
_NEUTRAL = ObservationResult.NEUTRAL

MOST_ATTEMPTS = 1000
_SLACK_SECONDS = 0.1
"""What a real clock and a real runner add to an attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatePolicy:
    """The health SLO of a deploy. Each number can be changed.

    `minimum_watch_seconds` keeps a run that begins long after the deploy from failing it on one
    look. `late_attempts` may follow the deadline, only to finish a streak begun before it.
    A timeout says nothing where this host was later than `max_observer_delay_seconds`.
    """

    required_streak: int = 3
    max_attempts: int = 8
    deadline_seconds: float = 90.0
    grace_seconds: float = 30.0
    backoff_seconds: tuple[float, ...] = (15.0, 16.0, 17.0, 18.0, 19.0, 20.0, 20.0)
    confirm_gap_seconds: float = 5.0
    min_confirm_gap_seconds: float = 2.0
    peek_interval_seconds: float = 2.0
    minimum_watch_seconds: float = 30.0
    late_attempts: int = 2
    max_observer_delay_seconds: float = MAX_OBSERVER_DELAY_SECONDS

    def __post_init__(self) -> None:
        times = (
            *self.backoff_seconds,
            self.deadline_seconds,
            self.grace_seconds,
            self.confirm_gap_seconds,
            self.min_confirm_gap_seconds,
            self.minimum_watch_seconds,
            self.max_observer_delay_seconds,
        )
        if not 1 <= self.required_streak <= self.max_attempts <= MOST_ATTEMPTS:
            raise ValueError(f"a gate needs 1 <= streak <= attempts <= {MOST_ATTEMPTS}")
        if not (0 <= self.late_attempts <= MOST_ATTEMPTS and self.backoff_seconds):
            raise ValueError(f"a gate needs back-offs, and at most {MOST_ATTEMPTS} late attempts")
        if not all(0 <= seconds < inf for seconds in times) or not self.peek_interval_seconds > 0:
            raise ValueError("a gate's times are zero or more, its peeks apart")


def recheck(policy: GatePolicy) -> GatePolicy:
    """Return the policy of the recheck before a rollback: a streak at once, or nothing.

    It ends at the first failure, so it delays a rollback by one probe, and it keeps a service that
    recovered since its last failure from being rolled back.
    """
    return replace(
        policy,
        max_attempts=policy.required_streak,
        deadline_seconds=0.0,
        grace_seconds=0.0,
        minimum_watch_seconds=0.0,
        late_attempts=policy.required_streak,
    )


def without_long_gaps(policy: GatePolicy) -> GatePolicy:
    """Return the policy of a gate whose streak has the shortest gaps."""
    return replace(policy, confirm_gap_seconds=policy.min_confirm_gap_seconds)


_RESTARTED_SECONDS = 45.0
_RESTARTED_GRACE_SECONDS = 20.0


def after_restart(policy: GatePolicy) -> GatePolicy:
    """Return the policy of the gate after a machine was started again: users wait meanwhile."""
    return replace(
        policy,
        deadline_seconds=min(policy.deadline_seconds, _RESTARTED_SECONDS),
        grace_seconds=min(policy.grace_seconds, _RESTARTED_GRACE_SECONDS),
    )


class GateEnd(StrEnum):
    """How a gate ended. `UNJUDGED`: too many answers said nothing, so the gate may not fail.

    `HOPELESS`: the platform reports that no machine of the release can become healthy.
    """

    MET = "met"
    LATE = "late"
    MISSED = "missed"
    UNJUDGED = "unjudged"
    HOPELESS = "hopeless"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Ask at this instant: everything (None), or only what the last attempt failed on."""

    kind: ObservationKind
    at_seconds: float
    witness: Witness | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A gate that began watching at `begun_seconds` and has seen `observations`, oldest first."""

    policy: GatePolicy
    begun_seconds: float
    observations: tuple[Observation, ...] = ()

    def feed(self, observation: Observation) -> "Gate":
        """Return the gate that has seen `observation` too.

        An attempt that failed within the grace period is kept as a warm-up: it does not count.
        """
        warming = (
            observation.kind is ObservationKind.ATTEMPT
            and observation.result is _FAILED
            and observation.started_seconds < self.policy.grace_seconds
        )
        seen = replace(observation, kind=ObservationKind.WARMUP) if warming else observation
        return replace(self, observations=(*self.observations, seen))

    def next(self) -> Ask | GateEnd:
        """Return what to ask next, or how the gate ended. At least one attempt is always made."""
        if not self.asked:
            return Ask(kind=ObservationKind.ATTEMPT, at_seconds=self.begun_seconds)
        if self.streak >= self.policy.required_streak:
            return GateEnd.LATE if self._is_late() else GateEnd.MET
        if self._is_hopeless():
            return GateEnd.HOPELESS
        if len(self.attempts) >= self.policy.max_attempts or self._is_over():
            return self._end_without_streak()
        last = self.asked[-1]
        if last.result is _PASSED:
            return Ask(
                kind=ObservationKind.ATTEMPT, at_seconds=last.ended_seconds + self._confirm_gap()
            )
        return self._while_backing_off(last)

    @property
    def end(self) -> GateEnd | None:
        """How the gate ended; None while it goes on, and for ever where it was interrupted."""
        step = self.next()
        return step if isinstance(step, GateEnd) else None

    @property
    def asked(self) -> tuple[Observation, ...]:
        """Everything but peeks: the attempts that count, and those that failed in grace."""
        return tuple(o for o in self.observations if o.kind is not ObservationKind.PEEK)

    @property
    def has_streak(self) -> bool:
        """True where it ended with a whole streak, in time or late."""
        return self.end in (GateEnd.MET, GateEnd.LATE)

    @property
    def success_count(self) -> int:
        """Attempts that succeeded."""
        return sum(1 for attempt in self.attempts if attempt.result is _PASSED)

    @property
    def watched_seconds(self) -> float:
        """How long it took, from its first probe."""
        seen = self.observations
        return seen[-1].ended_seconds - self.begun_seconds if seen else 0.0

    @property
    def attempts(self) -> tuple[Observation, ...]:
        """The attempts that count, oldest first."""
        return tuple(o for o in self.observations if o.kind is ObservationKind.ATTEMPT)

    @property
    def streak(self) -> int:
        """Consecutive successes up to now; an attempt that said nothing neither adds nor breaks.

        A failure in grace is not held against the service, but what went before it is not
        consecutive with what comes after.
        """
        said = [o.result for o in self.asked if o.result is not _NEUTRAL]
        return sum(1 for _ in takewhile(lambda result: result is _PASSED, reversed(said)))

    @property
    def deadline_seconds(self) -> float:
        """The instant by which the streak must stand; later where watching began late.

        A deadline that is itself shorter than the minimum watch is kept to.
        """
        watch = min(self.policy.minimum_watch_seconds, self.policy.deadline_seconds)
        return max(self.policy.deadline_seconds, self.begun_seconds + watch)

    def _is_hopeless(self) -> bool:
        """Waiting is over where the platform says twice in a row that it is of no use.

        That nothing of the release is live, or that hosts do not answer, may be over soon: that is
        not believed before grace is over.
        """
        said = [o.hopeless for o in self.observations[-2:] if o.result is _FAILED and o.hopeless]
        early = self.observations[-1].started_seconds < self.policy.grace_seconds
        return len(said) > 1 and (said[-1].why is HopelessReason.EXITED or not early)

    def _is_late(self) -> bool:
        """Late is charged only to a service that was seen to fail: a late observer proves nothing.

        The policy's own deadline counts here, not the one an observer's late start moved.
        """
        completed = self.attempts[-1].ended_seconds
        failed = any(o.result is _FAILED for o in self.observations)
        return failed and completed > self.policy.deadline_seconds

    def _is_over(self) -> bool:
        """After the deadline only an open question goes on, and only for so many attempts.

        Open is a streak in progress, or a last answer that said nothing. The attempt at the
        deadline itself is the last chance; `late_attempts` come on top of it.
        """
        last = self.observations[-1]
        if _asks_to_wait(last) and self._resume(last) > self._final_instant():
            return True
        if last.started_seconds < self.deadline_seconds:
            return False
        late = [o for o in self.attempts if o.started_seconds >= self.deadline_seconds]
        return last.result is _FAILED or len(late) > self.policy.late_attempts

    def _end_without_streak(self) -> GateEnd:
        """A failed gate must stand even if the answers that said nothing had been successes."""
        since_failure = takewhile(lambda o: o.result is not _FAILED, reversed(self.attempts))
        open_question = any(o.result is _NEUTRAL for o in since_failure)
        return GateEnd.UNJUDGED if open_question else GateEnd.MISSED

    def _confirm_gap(self) -> float:
        """Five seconds, or less where the deadline needs it, but no less than two.

        The attempts to come are taken to last as long as the latest one did, and a little more.
        """
        last = self.observations[-1]
        needed = self.policy.required_streak - self.streak
        took = last.ended_seconds - last.started_seconds + _SLACK_SECONDS
        fitting = (self.deadline_seconds - last.ended_seconds) / needed - took
        longest = min(self.policy.confirm_gap_seconds, fitting)
        return max(self.policy.min_confirm_gap_seconds, longest)

    def _while_backing_off(self, last: Observation) -> Ask:
        """Watch instead of sleeping: peek, and attempt as soon as the service answers."""
        # Peeks may not spend the attempts that a whole streak needs.
        left = self.policy.max_attempts - len(self.attempts)
        good_peeks = sum(1 for _ in takewhile(_is_good_peek, reversed(self.observations)))
        if left >= self.policy.required_streak and good_peeks > self._failed_promotions():
            return Ask(kind=ObservationKind.ATTEMPT, at_seconds=self._now())
        resume = max(self._resume(last), self._now())
        at = min(resume, self._final_instant())
        peek_at = self._now() + self.policy.peek_interval_seconds
        if peek_at >= at or _asks_to_wait(last) or self._now() >= self.deadline_seconds:
            return Ask(kind=ObservationKind.ATTEMPT, at_seconds=at)
        return Ask(kind=ObservationKind.PEEK, at_seconds=peek_at, witness=last.deciding.witness)

    def _now(self) -> float:
        return self.observations[-1].ended_seconds

    def _final_instant(self) -> float:
        """The deadline is the last chance; an open question after it waits one confirm gap."""
        if self._now() < self.deadline_seconds:
            return self.deadline_seconds
        newest = self.observations[-1]
        asked = newest.started_seconds >= self.deadline_seconds
        return self._now() + (self.policy.confirm_gap_seconds if asked else 0.0)

    def _resume(self, last: Observation) -> float:
        """End of the progressive wait, or of what a Retry-After asked for, if that is longer."""
        waits = self.policy.backoff_seconds
        tried = sum(1 for attempt in self.attempts if attempt.result is not _PASSED)
        wait = waits[min(max(tried - 1, 0), len(waits) - 1)]
        return last.ended_seconds + max(wait, last.deciding.retry_after_seconds or 0.0)

    def _failed_promotions(self) -> int:
        """Attempts in a row that failed right after a good peek: a flapping service.

        Each one asks for one more good peek in a row before the next early attempt.
        """
        count = 0
        for before, attempt in pairwise(self.observations):
            if attempt.kind is not ObservationKind.PEEK:
                failed = _is_good_peek(before) and attempt.result is _FAILED
                count = count + 1 if failed else 0
        return count


def _is_good_peek(observation: Observation) -> bool:
    return observation.kind is ObservationKind.PEEK and observation.result is _PASSED


def _asks_to_wait(observation: Observation) -> bool:
    """A service that limits our rate is not peeked at."""
    return observation.deciding.outcome is Outcome.RATE_LIMITED
