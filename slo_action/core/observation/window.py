"""The observation window: which probe next, and what its answer is evidence of.

An open loop: slots stand in time whatever the answers do. `next()` names the slot to come, `sent()`
says that it was taken, `feed()` takes an answer whenever it lands. All state follows from the order
of these calls, so a recorded window is replayed by repeating them. Times are seconds since the
deploy.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from slo_action.core.model import Outcome, Sample
from slo_action.core.observation.control_check import Attribution, ControlEvidence, ControlProbe
from slo_action.core.observation.policy import WindowPolicy
from slo_action.core.observation.real_traffic import (
    TrafficFinding,
    TrafficReading,
    TrafficVerdict,
    judge_traffic,
)
from slo_action.core.observation.scheduler import DIGITS, ProbeScheduler
from slo_action.core.observation.stream_stats import StreamStats
from slo_action.core.observation.streams import Slot, Stream
from slo_action.core.observation.timeline import WindowTimeline
from slo_action.core.stats.latency import LatencyCounter
from slo_action.core.stats.rate_test import RateTest

_MOST_FAILURES = 40
FAILURES = 3
"""Fewer are no outage, and not noticed by users."""
_LEAST_FAILED_JOURNEYS = 3
"""One is an accident, and two may have met the same one (ADR 0016)."""
_RETRY_AFTER_SECONDS = 5.0
_LONGEST_HOLD_SECONDS = 60.0
"""However long a journey is asked to wait, it is tried again within most windows."""
_IMMINENT_SECONDS = 3.0
"""An outage so soon is waited for: the plain rule comes to the same seconds by counting."""
_LEAST_DELAY_SECONDS = 0.1
"""Any host is as late as that now and then."""


class WindowEnd(StrEnum):
    """Why a window ended."""

    OVER = "over"
    BREACHED = "breached"
    OUTAGE = "outage"
    VERSION = "version"
    TRAFFIC = "traffic"


@dataclass(frozen=True, slots=True)
class WindowEvent:
    """One thing that happened, as a record keeps it: enough to judge it again.

    `sent` tickets had been taken when it happened, at `taken_seconds`. `ticket` is that of the slot
    whose answer came, or that was missed (no outcome); or one of those below: the control's answer,
    a reading of real traffic, which is kept by itself, or the health gate that was met.
    `late_seconds` is this host's delay, 0 below a tenth of a second.
    """

    ticket: int
    sent: int
    taken_seconds: float
    heard_seconds: float
    outcome: Outcome | None = None
    seconds: float = 0.0
    version: str | None = None
    retry_after_seconds: float | None = None
    asked_seconds: float | None = None
    late_seconds: float = 0.0


MAX_EVENTS = 20_000
"""How many events a record holds one by one; of a longer window it holds the sums."""
CONTROL_TICKET = -1
TRAFFIC_TICKET = -2
GATE_TICKET = -3
_Unattributed = tuple[Slot, Sample, float]
"""A probe without an answer, and when it ended: it waits for the control's answer."""


class _Outage:
    """Since when nothing answered well, by the time of the slots."""

    def __init__(self, begun_seconds: float) -> None:
        self.since: float | None = None
        self._failures = 0
        self._good = begun_seconds

    def good(self, at: float) -> None:
        """Take a good answer: what was bad before it is no outage."""
        self._good = max(self._good, at)
        if self.since is None or at > self.since:
            self.since, self._failures = None, 0

    def bad(self, at: float) -> None:
        """Take a bad answer; one from before the last good answers is too late to count."""
        if at >= self._good:
            self._failures += 1
            self.since = at if self.since is None else min(self.since, at)

    def lasts(self, now: float, seconds: float) -> bool:
        """Return whether nothing answered well for so long, and enough failed."""
        since = self.since
        return since is not None and self._failures >= FAILURES and now - since >= seconds


class Window:
    """A window that began at `begun_seconds`; answers within `grace_seconds` are slow starts.

    An endpoint that has not answered well yet is starting: its failures wait, and count only if it
    still has not by `ready_by_seconds`. `controlled` says that unanswered
    probes wait for the control's answer; without one they count at once.
    """

    def __init__(
        self,
        policy: WindowPolicy,
        streams: Sequence[Stream],
        *,
        begun_seconds: float,
        grace_seconds: float = 0.0,
        ready_by_seconds: float = 0.0,
        controlled: bool = False,
    ) -> None:
        self.policy = policy
        self.streams = tuple(streams)
        self.begun_seconds = begun_seconds
        self.grace_seconds = grace_seconds
        self.ready_by_seconds = ready_by_seconds
        self.counts_from_seconds = max(grace_seconds, begun_seconds)
        self._identified_from = max(ready_by_seconds, begun_seconds)
        self.controlled = controlled
        self._least = min(policy.minimum_seconds, policy.length_seconds)
        self.ends_seconds = round(max(policy.length_seconds, begun_seconds + self._least), DIGITS)
        self.failures: deque[Sample] = deque(maxlen=_MOST_FAILURES)
        self.first_failure: Sample | None = None
        self.readings: list[TrafficReading] = []
        self.end: WindowEnd | None = None
        self.ended_seconds = begun_seconds
        self.closed_seconds: float | None = None
        self.latest_version: str | None = None
        self.other_version: str | None = None
        self.observer_delay = LatencyCounter((policy.max_observer_delay_seconds,))
        self.timeline = WindowTimeline(begun_seconds, self.ends_seconds)
        self._control = ControlEvidence()
        self._unattributed: list[_Unattributed] = []
        self._open: dict[int, Slot] = {}
        self.rows: list[WindowEvent] = []
        self.rows_left_out = 0
        self._outage = _Outage(begun_seconds)
        self._latest_seconds = self._other_seconds = float("-inf")
        self._expected_seconds: float | None = None
        self._scheduler = ProbeScheduler(
            policy,
            self.streams,
            begun_seconds=begun_seconds,
            ends_seconds=self.ends_seconds,
            suspects=self._suspects,
            is_out=self._is_out,
        )
        self.interval_seconds = self._scheduler.interval_seconds
        self.stream_stats = {stream.name: self._track(stream) for stream in self.streams}
        endpoints_apart = self._scheduler.endpoints_apart
        self.pooled = self._test(endpoints_apart) if len(self._scheduler.endpoints) > 1 else None
        is_long = policy.length_seconds > policy.minimum_seconds
        self.identity = self._test(endpoints_apart, counted=is_long)

    def _track(self, stream: Stream) -> StreamStats:
        rate = self._test(self._scheduler.seconds_apart(stream))
        rate.least_bad = _LEAST_FAILED_JOURNEYS if stream.is_journey else 1
        return StreamStats(
            stream,
            rate,
            stream.probe.objective or self.policy.objective(stream.probe.witness),
            tickets_apart=self._scheduler.tickets_apart(stream),
            seconds_apart=self._scheduler.seconds_apart(stream),
        )

    def _is_out(self, stream: Stream) -> bool:
        """A method and no lambda: windows are sent from process to process (ADR 0018)."""
        return any(slot.stream is stream for slot in self._open.values())

    def _test(self, interval: float, *, counted: bool = True) -> RateTest:
        """Return a test of one stream, or of all of them; by evidence alone where not `counted`.

        They do not share the chance of a false alarm: together they stay within it (ADR 0010).
        """
        whole = max(self.policy.length_seconds, self.ends_seconds - self.begun_seconds)
        test = RateTest(
            self.policy.rates,
            begun_seconds=self.begun_seconds,
            ends_seconds=self.ends_seconds,
            interval_seconds=interval,
            planned=round(whole / interval) if counted else None,
        )
        halfway = (self.begun_seconds + self.ends_seconds) / 2
        test.earliest_seconds = min(self.grace_seconds, halfway)
        return test

    def gate_met(self, at_seconds: float) -> None:
        """Take note that the health gate was met: failures count from here on, in grace or not.

        A short window lasts as long from here on as it was meant to.
        """
        at = round(at_seconds, DIGITS)
        self._keep(GATE_TICKET, at, at)
        self.counts_from_seconds = min(self.counts_from_seconds, at)
        self._identified_from = min(self._identified_from, at)
        self.ends_seconds = round(max(self.ends_seconds, at + self._least), DIGITS)
        self._least = 0.0
        self._scheduler.gate_met(self.ends_seconds)

    def _keep(self, ticket: int, taken: float, heard: float, **more: Any) -> None:  # noqa: ANN401 - as WindowEvent's
        if len(self.rows) < MAX_EVENTS:
            self.rows.append(WindowEvent(ticket, self._scheduler.taken, taken, heard, **more))
        else:
            self.rows_left_out += 1

    def next(self) -> Slot | None:
        """Return the slot to come; None where the window is over or has ended early."""
        return self._scheduler.next() if self.end is None else None

    def _suspects(self, at: float) -> list[Stream]:
        rates, since = self.policy.rates, at - self.policy.closer_seconds
        if not rates.confidence:
            return []
        stats = (self.stream_stats[s.name] for s in self._scheduler.endpoints)
        return [
            t.stream
            for t in stats
            if t.last_bad >= since or (rates.adaptive and t.rate.is_in_doubt)
        ]

    def sent(self, slot: Slot) -> None:
        """Take note that the slot's probe was sent."""
        self._scheduler.take(slot)
        self._open[slot.ticket] = slot
        stats = self.stream_stats[slot.stream.name]
        stats.sent(slot)
        if slot.stream.is_endpoint and self.pooled:
            self.pooled.sent(slot.at_seconds)
        if slot.stream.probe.version_rule:
            self.identity.sent(slot.at_seconds)

    def missed(self, slot: Slot, now_seconds: float) -> None:
        """Take note that the slot passed unused: this host was late, which says nothing."""
        now = round(now_seconds, DIGITS)
        self._keep(slot.ticket, now, now)
        self._scheduler.take(slot)
        self.stream_stats[slot.stream.name].missed += 1

    def feed(
        self, ticket: int, sample: Sample, *, heard_seconds: float, now_seconds: float
    ) -> None:
        """Take an answer that came at `heard_seconds`; `now_seconds` is when we look at it."""
        slot = self._open.pop(ticket)
        heard_seconds, now_seconds = round(heard_seconds, DIGITS), round(now_seconds, DIGITS)
        late, seconds = round(sample.observer_delay_seconds, DIGITS), sample.service_seconds
        late = late if late >= _LEAST_DELAY_SECONDS else 0.0
        self.observer_delay.add(late)
        self._keep(
            ticket,
            now_seconds,
            heard_seconds,
            outcome=sample.outcome,
            seconds=round(seconds, DIGITS) if late else seconds,  # adds up again in a replay
            version=sample.version,
            retry_after_seconds=sample.retry_after_seconds,
            late_seconds=late,
        )
        if self.controlled and sample.outcome.is_unanswered:
            self._control.note_unanswered(heard_seconds)
            self._unattributed.append((slot, sample, heard_seconds))
            self._attribute(now_seconds)
        else:
            self._count(slot, sample, heard_seconds, bad=_is_bad(sample.outcome))
        if sample.outcome is Outcome.RATE_LIMITED:
            self._pause(slot.stream, sample.retry_after_seconds, now_seconds)
        self._conclude(now_seconds)

    def _pause(self, stream: Stream, asked_seconds: float | None, now: float) -> None:
        """Wait as asked. A journey's limit is one step's, and may be another host's."""
        wait = _RETRY_AFTER_SECONDS if asked_seconds is None else asked_seconds
        if stream.is_journey:
            self._scheduler.hold(stream, now + min(wait, _LONGEST_HOLD_SECONDS))
        else:
            self._scheduler.pause_until(now + wait)

    def wants_control(self, now_seconds: float) -> bool:
        """Return whether to ask the control now."""
        return self.controlled and self._control.wants_control(now_seconds)

    def control_asked(self, now_seconds: float) -> None:
        """Take note that the control is being asked."""
        self._control.asked(now_seconds)

    def control_heard(
        self, asked_seconds: float, heard_seconds: float, now_seconds: float, *, alive: bool
    ) -> None:
        """Take the control's answer; any HTTP answer is alive."""
        times = asked_seconds, heard_seconds, now_seconds
        asked, heard, now = (round(seconds, DIGITS) for seconds in times)
        outcome = Outcome.OK if alive else Outcome.UNKNOWN
        self._keep(CONTROL_TICKET, now, heard, outcome=outcome, asked_seconds=asked)
        self._control.heard(ControlProbe(asked, heard, alive))
        self._attribute(now)
        self._conclude(now)

    def _attribute(self, now: float, *, closing: bool = False) -> None:
        """Count what got no answer once the control shows whose fault it was."""
        waiting, self._unattributed = self._unattributed, []
        for slot, sample, heard in waiting:
            fault = self._control.attribution(slot.at_seconds, heard)
            if fault is Attribution.SERVICE and not closing:
                self._count(slot, sample, now, bad=True)
            elif fault is Attribution.WAIT and not closing:
                self._unattributed.append((slot, sample, heard))
            else:
                self.stream_stats[slot.stream.name].excuse(sample)
                self._count(slot, sample, now, bad=None)

    def read_traffic(self, reading: TrafficReading, now_seconds: float) -> None:
        """Take a look at real traffic; one that is known already changes nothing."""
        if self.readings and self.readings[-1] == reading:
            return
        now = round(now_seconds, DIGITS)
        self._keep(TRAFFIC_TICKET, now, now)
        self.readings.append(reading)
        if self.end is None and self.traffic.verdict is TrafficVerdict.BREACH:
            self._finish(WindowEnd.TRAFFIC, now)

    @property
    def traffic(self) -> TrafficFinding:
        """What real traffic says by the newest look that saw numbers; no source is no data."""
        counted = (r for r in reversed(self.readings) if r.requests is not None)
        newest = self.readings[-1] if self.readings else None
        return judge_traffic(next(counted, newest), self.policy.traffic)

    def close(self, now_seconds: float) -> None:
        """End the window: what the control did not settle, and what is still out, says nothing."""
        self.closed_seconds = now_seconds = round(now_seconds, DIGITS)
        self._attribute(now_seconds, closing=True)
        for stats in self.stream_stats.values():
            self._count_starting(stats, now_seconds, bad=True)
        if self.end is None and now_seconds >= self.ends_seconds:
            self._finish(self._late_end, now_seconds)

    @property
    def _late_end(self) -> WindowEnd:
        """What never answered well fails the window at last; so does another version that stays.

        One that has gone meanwhile was only slow to go.
        """
        if self.breached:
            return WindowEnd.BREACHED
        lingers = self._other_seconds >= self.ends_seconds - self.policy.outage_seconds
        mixed = lingers and self.identity.over_trigger()
        return WindowEnd.VERSION if mixed else WindowEnd.OVER

    @property
    def waiting(self) -> bool:
        """True while answers are out, or unanswered probes wait for the control."""
        return bool(self._open or self._unattributed)

    def _count(self, slot: Slot, sample: Sample, heard: float, *, bad: bool | None) -> None:
        stats = self.stream_stats[slot.stream.name]
        if bad and slot.at_seconds < self.counts_from_seconds:
            bad = None
        if bad is False and stats.starting:
            self._count_starting(stats, heard, bad=None)
        elif bad and not stats.good and slot.at_seconds < self.ready_by_seconds:
            stats.starting.append((slot, self._slimmed(sample)))
            return
        elif bad and stats.starting:
            self._count_starting(stats, heard, bad=True)
        self._count_now(slot, sample, heard, bad=bad)

    def _slimmed(self, sample: Sample) -> Sample:
        """Return the sample without its body where more wait already than are shown."""
        waiting = sum(len(stats.starting) for stats in self.stream_stats.values())
        return sample if waiting < _MOST_FAILURES else replace(sample, response=None)

    def _count_starting(self, stats: StreamStats, now: float, *, bad: bool | None) -> None:
        """What failed before the first good answer was a start, unless none comes in time."""
        waiting, stats.starting = stats.starting, []
        for slot, sample in waiting:
            self._count_now(slot, sample, now, bad=bad)

    def _count_now(self, slot: Slot, sample: Sample, heard: float, *, bad: bool | None) -> None:
        at = slot.at_seconds
        stats = self.stream_stats[slot.stream.name]
        starts = at < self.grace_seconds
        counts = at >= self.counts_from_seconds
        weight = stats.count(slot, sample, heard, bad=bad, slow_start=starts, counts=counts)
        if not slot.stream.is_journey:  # whole ways would dwarf single answers
            self.timeline.add(at, sample.service_seconds, bad=bad)
        if slot.stream.is_endpoint and self.pooled:
            self.pooled.answered(at, heard, bad=bad if counts else None, weight=weight)
        if slot.stream.probe.version_rule:
            self._identify(sample, at, heard, bad=bad, weight=weight)
        if bad:
            self.first_failure = self.first_failure or sample
            self.failures.append(sample)
            self._outage.bad(at)
        elif bad is False:
            self._outage.good(at)

    def _identify(
        self, sample: Sample, at: float, heard: float, *, bad: bool | None, weight: float
    ) -> None:
        """While a deploy rolls, both versions answer: who does counts from the gate on.

        An answer that was long on its way is no newer for that.
        """
        other = sample.outcome is Outcome.WRONG_VERSION
        counts = (other or bad is False) and at >= self._identified_from
        self.identity.answered(at, heard, bad=other if counts else None, weight=weight)
        if not counts:
            return
        if sample.version and at >= self._latest_seconds:
            self.latest_version, self._latest_seconds = sample.version, at
        if not other:
            self._expected_seconds = max(at, self._expected_seconds or at)
        elif at >= self._other_seconds:
            self.other_version, self._other_seconds = sample.version, at

    def _conclude(self, now: float) -> None:
        if self.end is not None:
            return
        if self._is_outage(now):
            self._finish(WindowEnd.OUTAGE, now)
        elif self._is_outage(now + _IMMINENT_SECONDS):
            return
        elif self.breached:
            self._finish(WindowEnd.BREACHED, now)
        elif self.identity.breach:
            self._finish(WindowEnd.VERSION, now)

    def _finish(self, end: WindowEnd, now: float) -> None:
        self.end, self.ended_seconds = end, now

    def _is_outage(self, now: float) -> bool:
        """Everything bad for long enough: every endpoint, and no good answer from anywhere."""
        since = self._outage.since
        if since is None or not self._outage.lasts(now, self.policy.outage_seconds):
            return False
        return all(self.stream_stats[s.name].last_bad >= since for s in self._scheduler.endpoints)

    @property
    def outage_since(self) -> float | None:
        """Since when nothing good was heard; None where that is not so."""
        return self._outage.since

    @property
    def breached(self) -> tuple[str, ...]:
        """The names of what failed: endpoints, journeys, the pool, a machine users notice."""
        own = (*self._scheduler.endpoints, *self._scheduler.journeys)
        names = [s.name for s in own if self.stream_stats[s.name].rate.breach]
        if self.pooled and self.pooled.breach:
            names.append(POOLED)
        if self._users_notice:
            names += self.failing_machines
        return tuple(names)

    @property
    def failing_machines(self) -> tuple[str, ...]:
        """Machines that fail by themselves, whether users notice or not."""
        return tuple(
            s.name for s in self._scheduler.machines if self.stream_stats[s.name].rate.breach
        )

    @property
    def _users_notice(self) -> bool:
        """A balancer may hide a failing machine: it counts only where endpoints fail, too."""
        bad, valid = self.endpoint_counts
        return bad >= FAILURES and bad > self.policy.rates.slo * valid

    @property
    def endpoint_counts(self) -> tuple[int, int]:
        """Bad and valid answers of all endpoints together."""
        rates = [self.stream_stats[s.name].rate for s in self._scheduler.endpoints]
        return sum(rate.bad for rate in rates), sum(rate.valid for rate in rates)

    @property
    def took_over(self) -> bool:
        """True where the expected version answered first and none of its answers came after.

        The block in which the other one began may hold the last answers of the expected one.
        """
        breach = self.identity.breach
        seen, block = self._expected_seconds, self.policy.rates.block_seconds
        return breach is not None and (seen is None or seen < breach.bad_since_seconds + block)


POOLED = "all endpoints"


def _is_bad(outcome: Outcome) -> bool | None:
    """Another version's answer is not a failure: who answers is judged by itself."""
    if outcome.is_neutral or outcome is Outcome.WRONG_VERSION:
        return None
    return outcome.is_bad
