"""The observation window: which probe next, and what its answer is evidence of.

An open loop: slots stand in time whatever the answers do. `next()` names the slot to come, `sent()`
says that it was taken, `feed()` takes an answer whenever it lands. All state follows from the order
of these calls, so a recorded window is replayed by repeating them. Times are seconds since the
deploy.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import ceil

from slo_action.core.alibi import Alibi, Asked, Word
from slo_action.core.evidence import RatePolicy, RateTest
from slo_action.core.latency import LatencyObjective
from slo_action.core.model import Outcome, Sample, Witness
from slo_action.core.streams import DEFAULT_OBJECTIVES, Slot, Stream
from slo_action.core.strip import Strip
from slo_action.core.track import Track
from slo_action.core.traffic import (
    TrafficFinding,
    TrafficPolicy,
    TrafficReading,
    TrafficVerdict,
    judge_traffic,
)

MOST_ROWS = 20_000
"""How many answers a record holds one by one; a longer window is told by its sums."""
_MOST_FAILURES = 40
_SHORTEST_INTERVAL_SECONDS = 0.02
_RETRY_AFTER_SECONDS = 5.0
_OUTAGE_FAILURES = 3
_GOLDEN_RATIO = 0.6180339887498949
_JITTER = 0.9
"""How much of its part of the pace a slot may be late: what fails every so often is not met by
every probe of one stream, nor by none."""
_DIGITS = 6
"""Times are kept to the microsecond, so that a record read back holds the very same ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowPolicy:
    """The document's five minutes, as policy.md reads them.

    `length_seconds` counts from the deploy; 0 means no window. A gate that ends late is still
    followed by `minimum_seconds`. `interval_seconds` lies between any two probes; where an endpoint
    would get fewer than `min_planned` of them, the pace quickens. For `closer_seconds` after a
    stream failed, `closer_probes` of its own come between any two of the others. Every
    `machine_every`-th probe goes to a machine, every `version_every`-th to the version endpoint.
    """

    length_seconds: float = 300.0
    minimum_seconds: float = 60.0
    interval_seconds: float = 1.0
    machine_every: int = 3
    version_every: int = 10
    min_planned: int = 75
    closer_seconds: float = 15.0
    closer_probes: int = 1
    outage_seconds: float = 15.0
    alert_ratio: float = 0.005
    rates: RatePolicy = field(default_factory=RatePolicy)
    objectives: tuple[tuple[Witness, LatencyObjective], ...] = DEFAULT_OBJECTIVES
    traffic: TrafficPolicy = field(default_factory=TrafficPolicy)

    def objective(self, witness: Witness) -> LatencyObjective | None:
        """Return what the answers of a kind of endpoint may take; None where nothing is set."""
        return next((goal for kind, goal in self.objectives if kind is witness), None)


def restored_policy(policy: WindowPolicy) -> WindowPolicy:
    """Return the policy of the minute after a rollback: the plain rule, on what was restored."""
    length = min(policy.length_seconds, policy.minimum_seconds)
    rates = replace(policy.rates, confidence=0.0)
    return replace(policy, length_seconds=length, minimum_seconds=length, rates=rates)


CONTROL_TICKET = -1
TRAFFIC_TICKET = -2
GATE_TICKET = -3


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that happened, as a record keeps it: enough to judge it again.

    `sent` tickets had been taken when it happened, at `taken_seconds`. `ticket` is the slot's whose
    answer came, or who could not be taken (no outcome); or the control's; or that of a look at
    real traffic, whose readings are kept by themselves; or of the health gate that was met.
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


class WindowEnd(StrEnum):
    """Why a window ended."""

    OVER = "over"
    BREACHED = "breached"
    OUTAGE = "outage"
    VERSION = "version"
    TRAFFIC = "traffic"


@dataclass(frozen=True, slots=True)
class _Doubt:
    """A silence that waits for the control's word."""

    slot: Slot
    sample: Sample
    heard_seconds: float


class Window:
    """A window that began at `begun_seconds`; answers within `grace_seconds` are slow starts.

    An endpoint that has not answered well yet is starting: its failures wait, and count only if it
    still has not by `ready_by_seconds`. `controlled` says that silences wait for the control's
    word; without one they count at once.
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
        self.controlled = controlled
        least = min(policy.minimum_seconds, policy.length_seconds)
        self.ends_seconds = round(max(policy.length_seconds, begun_seconds + least), _DIGITS)
        self.rows: list[Row] = []
        self.rows_left_out = 0
        self.failures: deque[Sample] = deque(maxlen=_MOST_FAILURES)
        self.first_failure: Sample | None = None
        self.readings: list[TrafficReading] = []
        self.end: WindowEnd | None = None
        self.ended_seconds = begun_seconds
        self.closed_seconds: float | None = None
        self.latest_version: str | None = None
        self.other_version: str | None = None
        self.strip = Strip(begun_seconds, self.ends_seconds)
        self._alibi = Alibi()
        self._doubts: list[_Doubt] = []
        self._open: dict[int, Slot] = {}
        self._ticket = 0
        self._paused_until = begun_seconds
        self._parts = 1 + policy.closer_probes
        self._turns = {"endpoint": 0, "machine": 0, "version": 0, "closer": 0}
        self._bad_since: float | None = None
        self._bad_count = 0
        self._good_seconds = begun_seconds
        self._other_seconds = float("-inf")
        self._expected_seconds: float | None = None
        self._lay_out()

    def _lay_out(self) -> None:
        endpoints = [s for s in self.streams if s.is_endpoint]
        machines = [s for s in self.streams if s.machine]
        versions = [s for s in self.streams if not (s.is_endpoint or s.machine)]
        self._groups = {"endpoint": endpoints, "machine": machines, "version": versions}
        shares = {
            "machine": 1 / self.policy.machine_every if machines else 0.0,
            "version": 1 / self.policy.version_every if versions else 0.0,
        }
        shares["endpoint"] = 1.0 - shares["machine"] - shares["version"]
        self.interval_seconds = self._pace(len(endpoints) / shares["endpoint"])
        pooled = len(endpoints) > 1
        gap = self.interval_seconds
        self.tracks = {
            stream.name: Track(
                stream,
                self._test(gap * len(group) / shares[kind]),
                self.policy.objective(stream.probe.witness),
                tickets_apart=self._parts * len(group) / shares[kind],
            )
            for kind, group in self._groups.items()
            for stream in group
        }
        self.pooled = self._test(gap / shares["endpoint"]) if pooled else None
        is_long = self.policy.length_seconds > self.policy.minimum_seconds
        self.identity = self._test(gap / shares["endpoint"], counted=is_long)

    def _pace(self, shares: float) -> float:
        left = self.ends_seconds - self.begun_seconds
        fitting = left / max(1.0, self.policy.min_planned * shares)
        return max(_SHORTEST_INTERVAL_SECONDS, min(self.policy.interval_seconds, fitting))

    def _test(self, interval: float, *, counted: bool = True) -> RateTest:
        """Return a test of one stream, or of all of them; by evidence alone where not `counted`.

        They do not share the chance of a false alarm: together they stay within it (ADR 0010).
        """
        whole = max(self.policy.length_seconds, self.ends_seconds - self.begun_seconds)
        return RateTest(
            self.policy.rates,
            begun_seconds=self.begun_seconds,
            ends_seconds=self.ends_seconds,
            interval_seconds=interval,
            planned=round(whole / interval) if counted else None,
        )

    def gate_met(self, at_seconds: float) -> None:
        """Take note that the health gate was met: failures count from here on, in grace or not."""
        at = round(at_seconds, _DIGITS)
        self._keep(Row(GATE_TICKET, self._ticket, at, at))
        self.counts_from_seconds = min(self.counts_from_seconds, at)

    def next(self) -> Slot | None:
        """Return the slot to come; None where the window is over or has ended early.

        The pace is every so many tickets; those between are for streams that failed lately.
        """
        step = self.interval_seconds / self._parts
        ticket = max(self._ticket, ceil((self._paused_until - self.begun_seconds) / step))
        if ticket % self._parts and not self._suspects(self._instant(ticket)):
            ticket += self._parts - ticket % self._parts
        at = self._instant(ticket)
        if self.end is not None or at >= self.ends_seconds:
            return None
        return Slot(ticket, at, self._stream_of(ticket, at))

    def _instant(self, ticket: int) -> float:
        """Return when a ticket's turn is: within its part of the pace, never in step with a fault.

        Multiples of the golden ratio fill the unit interval evenly, whatever their number.
        """
        step = self.interval_seconds / self._parts
        shift = ticket * _GOLDEN_RATIO % 1.0 * _JITTER
        return round(self.begun_seconds + (ticket + shift) * step, _DIGITS)

    def _stream_of(self, ticket: int, at: float) -> Stream:
        """Return whose turn it is; every kind has its own turn order."""
        kind = self._kind_of(ticket)
        group = self._suspects(at) if kind == "closer" else self._groups[kind]
        return group[self._turns[kind] % len(group)]

    def _suspects(self, at: float) -> list[Stream]:
        if not self.policy.rates.confidence:
            return []
        since = at - self.policy.closer_seconds
        return [s for s in self._groups["endpoint"] if self.tracks[s.name].last_bad >= since]

    def _kind_of(self, ticket: int) -> str:
        if ticket % self._parts:
            return "closer"
        turn = ticket // self._parts + 1
        if self._groups["version"] and turn % self.policy.version_every == 0:
            return "version"
        if self._groups["machine"] and turn % self.policy.machine_every == 0:
            return "machine"
        return "endpoint"

    def sent(self, slot: Slot) -> None:
        """Take note that the slot's probe was sent."""
        self._take(slot)
        self._open[slot.ticket] = slot
        track = self.tracks[slot.stream.name]
        track.sent(slot)
        if slot.stream.is_endpoint and self.pooled:
            self.pooled.sent(slot.at_seconds)
        if slot.stream.probe.version_rule:
            self.identity.sent(slot.at_seconds)

    def missed(self, slot: Slot, now_seconds: float) -> None:
        """Take note that the slot passed unused: this host was late, which says nothing."""
        now = round(now_seconds, _DIGITS)
        self._keep(Row(slot.ticket, self._ticket, now, now))
        self._take(slot)
        self.tracks[slot.stream.name].missed += 1

    def _take(self, slot: Slot) -> None:
        self._turns[self._kind_of(slot.ticket)] += 1
        self._ticket = slot.ticket + 1

    def feed(
        self, ticket: int, sample: Sample, *, heard_seconds: float, now_seconds: float
    ) -> None:
        """Take an answer that came at `heard_seconds`; `now_seconds` is when we look at it."""
        slot = self._open.pop(ticket)
        heard_seconds, now_seconds = round(heard_seconds, _DIGITS), round(now_seconds, _DIGITS)
        self._keep(
            Row(
                ticket,
                self._ticket,
                now_seconds,
                heard_seconds,
                sample.outcome,
                sample.total_seconds,
                sample.version,
                sample.retry_after_seconds,
            )
        )
        if self.controlled and sample.outcome.is_unanswered:
            self._alibi.silence(heard_seconds)
            self._doubts.append(_Doubt(slot, sample, heard_seconds))
            self._settle_doubts(now_seconds)
        else:
            self._count(slot, sample, heard_seconds, bad=_is_bad(sample.outcome))
        if sample.outcome is Outcome.RATE_LIMITED:
            asked = sample.retry_after_seconds
            wait = _RETRY_AFTER_SECONDS if asked is None else asked
            self._paused_until = max(self._paused_until, now_seconds + wait)
        self._conclude(now_seconds)

    def _keep(self, row: Row) -> None:
        if len(self.rows) < MOST_ROWS:
            self.rows.append(row)
        else:
            self.rows_left_out += 1

    def wants_control(self, now_seconds: float) -> bool:
        """Tell whether to ask the control now."""
        return self.controlled and self._alibi.wants_control(now_seconds)

    def control_asked(self, now_seconds: float) -> None:
        """Take note that the control is being asked."""
        self._alibi.asked(now_seconds)

    def control_heard(
        self, asked_seconds: float, heard_seconds: float, now_seconds: float, *, alive: bool
    ) -> None:
        """Take the control's answer; any HTTP answer is alive."""
        asked_seconds, heard_seconds, now_seconds = (
            round(seconds, _DIGITS) for seconds in (asked_seconds, heard_seconds, now_seconds)
        )
        self._keep(
            Row(
                CONTROL_TICKET,
                self._ticket,
                now_seconds,
                heard_seconds,
                Outcome.OK if alive else Outcome.UNKNOWN,
                asked_seconds=asked_seconds,
            )
        )
        self._alibi.heard(Asked(asked_seconds, heard_seconds, alive))
        self._settle_doubts(now_seconds)
        self._conclude(now_seconds)

    def _settle_doubts(self, now_seconds: float) -> None:
        waiting: list[_Doubt] = []
        for doubt in self._doubts:
            at = doubt.slot.at_seconds
            word = self._alibi.word(at, doubt.heard_seconds)
            if word is Word.WAIT:
                waiting.append(doubt)
            else:
                self._count_doubt(doubt, now_seconds, guilty=word is Word.GUILTY)
        self._doubts = waiting

    def _count_doubt(self, doubt: _Doubt, now_seconds: float, *, guilty: bool) -> None:
        if not guilty:
            self.tracks[doubt.slot.stream.name].excuse(doubt.sample)
        self._count(doubt.slot, doubt.sample, now_seconds, bad=True if guilty else None)

    def read_traffic(self, reading: TrafficReading, now_seconds: float) -> None:
        """Take a look at real traffic; one that is known already changes nothing."""
        if self.readings and self.readings[-1] == reading:
            return
        now = round(now_seconds, _DIGITS)
        self._keep(Row(TRAFFIC_TICKET, self._ticket, now, now))
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
        """End the window: silences that nobody vouched for, and probes still out, say nothing."""
        self.closed_seconds = now_seconds = round(now_seconds, _DIGITS)
        for doubt in self._doubts:
            self._count_doubt(doubt, now_seconds, guilty=False)
        self._doubts = []
        for track in self.tracks.values():
            self._count_starting(track, now_seconds, bad=True)
        if self.end is None and now_seconds >= self.ends_seconds:
            self._finish(self._last_word, now_seconds)

    @property
    def _last_word(self) -> WindowEnd:
        """What never answered well convicts at last, and so does another version that lingers.

        One that has gone meanwhile was only slow to go.
        """
        if self.breached:
            return WindowEnd.BREACHED
        lingers = self._other_seconds >= self.ends_seconds - self.policy.outage_seconds
        mixed = lingers and self.identity.over_trigger()
        return WindowEnd.VERSION if mixed else WindowEnd.OVER

    @property
    def waiting(self) -> bool:
        """True while answers are out, or silences wait for the control."""
        return bool(self._open or self._doubts)

    def _count(self, slot: Slot, sample: Sample, heard: float, *, bad: bool | None) -> None:
        track = self.tracks[slot.stream.name]
        if bad and slot.at_seconds < self.counts_from_seconds:
            bad = None
        if bad is False and track.starting:
            self._count_starting(track, heard, bad=None)
        elif bad and not track.good and slot.at_seconds < self.ready_by_seconds:
            track.starting.append((slot, self._slimmed(sample)))
            return
        elif bad and track.starting:
            self._count_starting(track, heard, bad=True)
        self._count_now(slot, sample, heard, bad=bad)

    def _slimmed(self, sample: Sample) -> Sample:
        """Return the sample without its body where more wait already than are shown."""
        waiting = sum(len(track.starting) for track in self.tracks.values())
        return sample if waiting < _MOST_FAILURES else replace(sample, response=None)

    def _count_starting(self, track: Track, now: float, *, bad: bool | None) -> None:
        """What failed before the first good answer was a start, unless none comes in time."""
        waiting, track.starting = track.starting, []
        for slot, sample in waiting:
            self._count_now(slot, sample, now, bad=bad)

    def _count_now(self, slot: Slot, sample: Sample, heard: float, *, bad: bool | None) -> None:
        at = slot.at_seconds
        track = self.tracks[slot.stream.name]
        weight = track.count(slot, sample, heard, bad=bad, slow_start=at < self.grace_seconds)
        self.strip.add(at, sample.total_seconds, bad=bad)
        if slot.stream.is_endpoint and self.pooled:
            self.pooled.answered(at, heard, bad=bad, weight=weight)
        if slot.stream.probe.version_rule:
            self._identify(sample, at, heard, bad=bad)
        if bad:
            self._fail(sample, at)
        elif bad is False:
            self._good_seconds = max(self._good_seconds, at)
            if self._bad_since is None or at > self._bad_since:
                self._bad_since, self._bad_count = None, 0

    def _identify(self, sample: Sample, at: float, heard: float, *, bad: bool | None) -> None:
        other = sample.outcome is Outcome.WRONG_VERSION
        told = other or bad is False
        self.identity.answered(at, heard, bad=other if told else None)
        if other:
            self.other_version = sample.version
            self._other_seconds = max(self._other_seconds, at)
        if told:
            self.latest_version = sample.version or self.latest_version
        if told and not other:
            self._expected_seconds = max(at, self._expected_seconds or at)

    def _fail(self, sample: Sample, at: float) -> None:
        if self.first_failure is None:
            self.first_failure = sample
        self.failures.append(sample)
        if at < self._good_seconds:
            return
        self._bad_count += 1
        if self._bad_since is None or at < self._bad_since:
            self._bad_since = at

    def _conclude(self, now: float) -> None:
        if self.end is not None:
            return
        if self._is_outage(now):
            self._finish(WindowEnd.OUTAGE, now)
        elif self.breached:
            self._finish(WindowEnd.BREACHED, now)
        elif self.identity.breach:
            self._finish(WindowEnd.VERSION, now)

    def _finish(self, end: WindowEnd, now: float) -> None:
        self.end, self.ended_seconds = end, now

    def _is_outage(self, now: float) -> bool:
        """Everything bad for long enough: every endpoint, and no good answer from anywhere."""
        since = self._bad_since
        if since is None or self._bad_count < _OUTAGE_FAILURES:
            return False
        if now - since < self.policy.outage_seconds:
            return False
        return all(self.tracks[s.name].last_bad >= since for s in self._groups["endpoint"])

    @property
    def outage_since(self) -> float | None:
        """Since when nothing good was heard; None where that is not so."""
        return self._bad_since

    @property
    def breached(self) -> tuple[str, ...]:
        """The names of what convicts: endpoints, all of them pooled, a machine users notice."""
        names = [s.name for s in self._groups["endpoint"] if self.tracks[s.name].rate.breach]
        if self.pooled and self.pooled.breach:
            names.append(POOLED)
        if self._users_notice:
            names += self.sick_machines
        return tuple(names)

    @property
    def sick_machines(self) -> tuple[str, ...]:
        """Machines that fail by themselves, whether users notice or not."""
        return tuple(s.name for s in self._groups["machine"] if self.tracks[s.name].rate.breach)

    @property
    def _users_notice(self) -> bool:
        """A balancer may hide a sick machine: it convicts only where endpoints fail, too."""
        bad, valid = self.endpoint_counts
        return bad >= _OUTAGE_FAILURES and bad > self.policy.rates.slo * valid

    @property
    def endpoint_counts(self) -> tuple[int, int]:
        """Bad and valid answers of all endpoints together."""
        rates = [self.tracks[s.name].rate for s in self._groups["endpoint"]]
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
