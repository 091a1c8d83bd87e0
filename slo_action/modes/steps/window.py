"""Drives an observation window over the real world: an open loop that waits for no answer."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import count

from slo_action.core.answer.freshness import refreshed
from slo_action.core.model import Probe, Sample
from slo_action.core.observation.observer_delay import ObserverDelay
from slo_action.core.observation.real_traffic import TrafficReading, TrafficState
from slo_action.core.observation.streams import Slot
from slo_action.core.observation.window import Window
from slo_action.errors import WorkspaceError
from slo_action.ports import Clock, CompletedProbe, Ports
from slo_action.render.progress import (
    WindowProgress,
    stream_counts,
    window_sample_line,
    window_status,
)

_DRAIN_SECONDS = 0.25
_LONGEST_DRAIN_SECONDS = 13.0
_CONTROL_SECONDS = 7.0
"""The last probe's timeout, and the control's after it; a journey takes longer than any other."""
_TRAFFIC_SECONDS = 15.0


class WindowDriver:
    """Drives one window, in pieces between which others may work.

    `open_window` makes the window when it begins, at a second since the deploy; `anchor` is the
    monotonic instant of second zero; `ask_traffic` starts a look at real traffic; `window` is None
    before its beginning. Every answer is put into samples.jsonl at once; failures are logged one by
    one, successes as sums. `delay` is how late this host was, by the monotonic clock.
    """

    def __init__(
        self,
        open_window: Callable[[float], Window],
        ports: Ports,
        *,
        control: Probe | None,
        anchor: float,
        ask_traffic: Callable[[], None],
        delay: ObserverDelay,
    ) -> None:
        self._open_window = open_window
        self._ports = ports
        self._control = control
        self._anchor = anchor
        self._ask_traffic = ask_traffic
        self._delay = delay
        self.window: Window | None = None
        self._progress: WindowProgress | None = None
        self._tickets = count(1)
        self._controls: dict[int, float] = {}
        self._slots: dict[int, Slot] = {}
        self._dated: dict[str, Sample] = {}
        self._traffic_asked: float | None = None

    @property
    def ended_early(self) -> bool:
        """True where the window has ended early."""
        return self.window is not None and self.window.end is not None

    def begin(self) -> None:
        """Begin the window now, if it has not begun: there is a sign of life."""
        if self.window is None:
            self.window = self._open_window(self._now())
            self._progress = WindowProgress(self.window)

    def gate_met(self) -> None:
        """Take note that the health gate was met."""
        if self.window is not None:
            self.window.gate_met(self._now())

    def until(self, second: float, status: Callable[[float], str] | None = None) -> None:
        """Watch until a second since the deploy, or until the window ends.

        `status` says at a second what is waited for: the window's own end where it is None.
        """
        window = self.window
        while window is not None and (slot := window.next()) is not None:
            if slot.at_seconds > second:
                break
            sleep_until(self._anchor + slot.at_seconds, self._ports.clock, self._delay)
            self._take(window, slot)
            self._collect(window)
            self._ask_others(window)
            self._show(window, status)

    def _show(self, window: Window, status: Callable[[float], str] | None = None) -> None:
        waits = (status or partial(window_status, window))(self._now())
        self._ports.log.progress(f"{waits}; {stream_counts(window)}")

    def finish(self) -> None:
        """Watch to the end, and wait for what is still out, unless the window has ended early."""
        window, clock = self.window, self._ports.clock
        if window is None:
            return
        self.until(window.ends_seconds)
        longest = max(stream.probe.timeout_seconds for stream in window.streams)
        latest = self._now() + max(_LONGEST_DRAIN_SECONDS, longest + _CONTROL_SECONDS)
        while window.end is None and window.waiting and self._now() < latest:
            sleep_until(clock.monotonic() + _DRAIN_SECONDS, clock, self._delay)
            self._collect(window)
            self._ask_others(window)
            self._show(window)
        if window.end is None:
            clock.sleep_until(self._anchor + window.ends_seconds)
            self._ask_others(window)
        if self._ports.metrics is not None and not window.readings:
            reading = TrafficReading(
                state=TrafficState.UNREACHABLE,
                at_seconds=self._now(),
                detail="the metric source has not answered in all this time",
            )
            window.read_traffic(reading, self._now())
        window.close(self._now())

    def _now(self) -> float:
        return self._ports.clock.monotonic() - self._anchor

    def _take(self, window: Window, slot: Slot) -> None:
        """Send the slot's probe; one that is overdue would measure this host, in a burst."""
        now = self._now()
        if now - slot.at_seconds > self._delay.limit_seconds:
            window.missed(slot, now)
            return
        ticket = next(self._tickets)
        self._slots[ticket] = slot
        window.sent(slot)
        self._ports.pool.send(ticket, slot.stream.probe)

    def _ask_others(self, window: Window) -> None:
        """Ask the control right after a timeout, and the metric source every 15 s."""
        now = self._now()
        if self._control is not None and window.wants_control(now):
            ticket = next(self._tickets)
            self._controls[ticket] = now
            window.control_asked(now)
            self._ports.pool.send(ticket, self._control)
        metrics = self._ports.metrics
        if metrics is None:
            return
        if self._traffic_asked is None or now - self._traffic_asked >= _TRAFFIC_SECONDS:
            self._traffic_asked = now
            self._ask_traffic()
        reading = metrics.newest()
        if reading is not None:
            window.read_traffic(reading, now)

    def _collect(self, window: Window) -> None:
        """Feed what has completed, and keep it: a full disk must not end a watch."""
        lines: list[str] = []
        for completed in self._ports.pool.completed():
            heard = completed.ended - self._anchor
            if completed.ticket in self._controls:
                asked = self._controls.pop(completed.ticket)
                alive = completed.sample.status is not None
                window.control_heard(asked, heard, self._now(), alive=alive)
            elif completed.ticket in self._slots:
                lines.append(self._feed(window, completed, heard))
        if lines:
            with suppress(WorkspaceError):
                self._ports.evidence.append("samples.jsonl", "".join(lines))
        for line in self._progress.lines(self._now()) if self._progress else ():
            self._ports.log.line(line)

    def _feed(self, window: Window, completed: CompletedProbe, heard: float) -> str:
        slot = self._slots.pop(completed.ticket)
        name = slot.stream.name
        dated = self._dated.get(name)
        sample = refreshed(dated, _since_slot(completed, slot.at_seconds + self._anchor))
        sample = self._delay.judged(sample, completed.ended)
        if dated is None or _date(dated) != _date(sample):
            self._dated[name] = sample
        window.feed(slot.ticket, sample, heard_seconds=heard, now_seconds=self._now())
        if self._progress:
            self._progress.saw(slot, sample)
        return window_sample_line(slot, sample)


def sleep_until(instant: float, clock: Clock, delay: ObserverDelay) -> None:
    """Sleep until an instant, and take note of how late this host awoke."""
    due = max(instant, clock.monotonic())
    clock.sleep_until(instant)
    delay.woke(due, clock.monotonic())


def _date(sample: Sample) -> str | None:
    """Of answers with one date the first is kept: two in a row are too close to detect a cache."""
    return sample.response.header("date") if sample.response else None


def _since_slot(completed: CompletedProbe, scheduled: float) -> Sample:
    """Time an answer from the instant its slot stood at; what this host was late is its own.

    Slots wait for no answer, so a slow service makes no slot late (no coordinated omission).
    """
    late, sample = completed.sent - scheduled, completed.sample
    if late <= 0:
        return sample
    return replace(
        sample,
        total_seconds=sample.total_seconds + late,
        observer_delay_seconds=sample.observer_delay_seconds + late,
    )
