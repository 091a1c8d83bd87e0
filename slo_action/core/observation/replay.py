"""A window watched again: the same calls in the same order, from the rows of a record."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import inf

from slo_action.core.model import Outcome, Sample, Witness
from slo_action.core.observation.policy import WindowPolicy
from slo_action.core.observation.real_traffic import TrafficReading
from slo_action.core.observation.streams import Slot
from slo_action.core.observation.window import (
    CONTROL_TICKET,
    GATE_TICKET,
    TRAFFIC_TICKET,
    Window,
    WindowEvent,
)

_WHENEVER = datetime(1970, 1, 1, tzinfo=UTC)


def replayed(
    window: Window,
    rows: Sequence[WindowEvent],
    readings: Iterable[TrafficReading],
    closed_seconds: float | None,
) -> Window:
    """Return the fresh `window` after everything the rows say has happened to it again.

    `closed_seconds` is None for one that was interrupted. Raises LookupError or ValueError where
    the rows do not fit the schedule.
    """
    for _ in _steps(window, rows, readings):
        pass
    if closed_seconds is not None:
        _send(window)
        window.close(closed_seconds)
    return window


def replayed_under(
    watched: Window, policy: WindowPolicy, *, grace_seconds: float, ready_by_seconds: float
) -> Window:
    """Return a window of another policy that heard what `watched` heard, as far as it would have.

    It asks nothing by itself: slots and answers are those of `watched`, so only what judges is
    taken from `policy`. It is still open (no end) where the answers cease before it ends.
    """
    again = _fresh(watched, watched.policy, watched.grace_seconds, watched.ready_by_seconds)
    asked_alike = replace(
        policy,
        rates=replace(policy.rates, adaptive=watched.policy.rates.adaptive),
        interval_seconds=watched.interval_seconds,
        min_planned=0,
        machine_every=watched.policy.machine_every,
        version_every=watched.policy.version_every,
        closer_seconds=watched.policy.closer_seconds,
        closer_probes=watched.policy.closer_probes,
    )
    listener = _RestrictedReplay(_fresh(watched, asked_alike, grace_seconds, ready_by_seconds))
    for step in _steps(again, watched.rows, watched.readings):
        listener.hear(step)
    closed = watched.closed_seconds
    if closed is not None:
        listener.close(_send(again), closed)
    return listener.window


def _fresh(watched: Window, policy: WindowPolicy, grace: float, ready_by: float) -> Window:
    return Window(
        policy,
        watched.streams,
        begun_seconds=watched.begun_seconds,
        grace_seconds=grace,
        ready_by_seconds=ready_by,
        controlled=watched.controlled,
    )


@dataclass(frozen=True, slots=True)
class _Step:
    """What happened: slots that were sent, then what `row` says, as a call to any window.

    `passed` is the slot that could not be taken; None in any other row.
    """

    row: WindowEvent
    sent: tuple[Slot, ...]
    apply: Callable[[Window], None]
    passed: Slot | None = None


def _steps(
    window: Window, rows: Sequence[WindowEvent], readings: Iterable[TrafficReading]
) -> Iterator[_Step]:
    """Yield each step after the window has taken it."""
    looks = iter(readings)
    for row in rows:
        sent = _send(window, row.sent)
        missed = row.ticket >= 0 and row.outcome is None
        passed = window.next() if missed else None
        if missed and passed is None:
            raise LookupError("the schedule has no such slot")
        look = next(looks, None) if row.ticket == TRAFFIC_TICKET else None
        if look is None and row.ticket == TRAFFIC_TICKET:
            raise LookupError("a reading is missing")
        step = _Step(row, sent, _telling(row, passed, look), passed)
        step.apply(window)
        yield step


def _telling(
    row: WindowEvent, passed: Slot | None, look: TrafficReading | None
) -> Callable[[Window], None]:
    """Return the call that the row stands for."""
    taken, heard = row.taken_seconds, row.heard_seconds
    if row.ticket == GATE_TICKET:
        return lambda window: window.gate_met(taken)
    if look is not None:
        return lambda window: window.read_traffic(look, taken)
    if row.ticket == CONTROL_TICKET:
        asked, alive = row.asked_seconds or 0.0, row.outcome is Outcome.OK
        return lambda window: window.control_heard(asked, heard, taken, alive=alive)
    if passed is not None:
        return lambda window: window.missed(passed, taken)
    sample = _sample(row)
    return lambda window: window.feed(row.ticket, sample, heard_seconds=heard, now_seconds=taken)


class _RestrictedReplay:
    """Feeds a window the probes of another schedule, until the window would not have asked on."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self._out: set[int] = set()
        self._met = False
        self._refused = False
        self._done = False

    def hear(self, step: _Step) -> None:
        """Take one step; what a live run would not have seen is left out."""
        window = self.window
        if window.end is not None and (step.sent or step.passed):
            if self._met and not self._done:  # ended before the gate was met it is never closed
                window.close(window.ended_seconds)
            self._done = True
        self._send(step.sent)
        if not (self._done or self._is_unasked(step)):
            self._out.discard(step.row.ticket)
            self._met = self._met or step.row.ticket == GATE_TICKET
            step.apply(window)
        if self._refused and not (self._done or window.waiting):
            self._done = True
            window.close(max(step.row.taken_seconds, window.ends_seconds))

    def close(self, rest: Sequence[Slot], closed_seconds: float) -> None:
        """End the window where the other one was closed, if its own end had come by then."""
        self._send(rest)
        over = self.window.end is not None or closed_seconds >= self.window.ends_seconds
        if over and not self._done:
            self.window.close(closed_seconds)

    def _send(self, slots: Sequence[Slot]) -> None:
        for slot in slots:
            if self.window.end is not None or self._done:
                return
            if slot.at_seconds >= self.window.ends_seconds:
                self._refused = True
            else:
                self._out.add(slot.ticket)
                self.window.sent(slot)

    def _is_unasked(self, step: _Step) -> bool:
        if step.passed is not None:
            late = step.passed.at_seconds >= self.window.ends_seconds
            self._refused = self._refused or late
            return late
        if step.row.ticket >= 0:
            return step.row.ticket not in self._out
        return self._refused and step.row.ticket != CONTROL_TICKET


def _send(window: Window, sent: float = inf) -> tuple[Slot, ...]:
    """Send the probes up to a ticket, all that are left without one."""
    taken: list[Slot] = []
    while (slot := window.next()) is not None and slot.ticket < sent:
        window.sent(slot)
        taken.append(slot)
    return tuple(taken)


def _sample(row: WindowEvent) -> Sample:
    """An event keeps no text, so the outcome's own name stands for what was seen."""
    outcome = row.outcome or Outcome.UNKNOWN
    return Sample(
        witness=Witness.HEALTH,
        url="",
        at=_WHENEVER,
        outcome=outcome,
        detail=outcome.value,
        total_seconds=row.seconds + row.late_seconds,
        observer_delay_seconds=row.late_seconds,
        version=row.version,
        retry_after_seconds=row.retry_after_seconds,
    )
