"""A window watched again from its rows ends as it did, with the same counts."""

from dataclasses import replace
from heapq import heappop, heappush

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo_action.audit.document import WindowEntry
from slo_action.audit.window import parse_row, row_text, window_entry, window_of
from slo_action.core.model import Outcome, Sample
from slo_action.core.observation.policy import WindowPolicy
from slo_action.core.observation.real_traffic import TrafficReading
from slo_action.core.observation.replay import replayed
from slo_action.core.observation.streams import Slot, Stream
from slo_action.core.observation.window import Window, WindowEvent
from slo_action.core.stats.rate_test import RatePolicy
from slo_action.errors import RecordError, ReplayError
from tests.builders import sample
from tests.core.observation.test_window import (
    HEALTH,
    VERSION,
    api,
    between,
    like,
    machine,
    opened,
    watch,
)
from tests.sizes import sized
from tests.worlds.fake_metrics import UNREACHABLE, counted

_STREAMS: tuple[Stream, ...] = (HEALTH, api(), VERSION, machine("a"))

_SAMPLES = st.builds(
    lambda outcome, took, version, after: sample(
        outcome,
        total_seconds=took,
        version=version,
        retry_after_seconds=after if outcome is Outcome.RATE_LIMITED else None,
    ),
    outcome=st.sampled_from([Outcome.OK] * 60 + list(Outcome)),
    took=st.floats(0.0, 8.0),
    version=st.sampled_from([None, "v2", "v3 = 1 %", "ü\n"]),
    after=st.none() | st.floats(0.0, 20.0),
)


@st.composite
def _windows(draw: st.DrawFn) -> Window:
    policy = WindowPolicy(
        length_seconds=draw(st.sampled_from([30.0, 60.0, 120.0])),
        minimum_seconds=draw(st.sampled_from([0.5, 30.0])),
        outage_seconds=draw(st.sampled_from([5.0, 15.0])),
        rates=RatePolicy(confidence=draw(st.sampled_from([0.0, 0.9, 0.99]))),
    )
    return Window(
        policy,
        _STREAMS[: draw(st.integers(1, 4))],
        begun_seconds=draw(st.floats(0.0, 59.0)),
        grace_seconds=draw(st.sampled_from([0.0, 20.0])),
        ready_by_seconds=draw(st.sampled_from([0.0, 40.0])),
        controlled=draw(st.booleans()),
    )


def fresh(window: Window) -> Window:
    return Window(
        window.policy,
        window.streams,
        begun_seconds=window.begun_seconds,
        grace_seconds=window.grace_seconds,
        ready_by_seconds=window.ready_by_seconds,
        controlled=window.controlled,
    )


class Fate:
    """Random answers, late and out of order, with all that may happen between two slots."""

    def __init__(self, window: Window, samples: list[Sample], events: list[int]) -> None:
        self.window = window
        self._samples = samples
        self._events = events
        self._sky: list[tuple[float, int, float, Sample | bool]] = []
        self._turn = 0

    def live(self, *, to_the_end: bool) -> Window:
        window = self.window
        while (slot := window.next()) is not None:
            self._turn += 1
            event = self._events[self._turn % len(self._events)]
            if not to_the_end and self._turn > 25:
                return window
            if event == 1:
                window.missed(slot, slot.at_seconds + 1.5)
                continue
            self._send(slot)
            self._happen(event, slot.at_seconds)
            self._land(slot.at_seconds + 0.0123456789)
        self._land(window.ends_seconds + 9.0)
        window.close(window.ends_seconds + 9.0)
        return window

    def _send(self, slot: Slot) -> None:
        self.window.sent(slot)
        found = self._samples[self._turn % len(self._samples)]
        heappush(self._sky, (slot.at_seconds + found.total_seconds, slot.ticket, 0.0, found))

    def _happen(self, event: int, now: float) -> None:
        if event == 2:
            self.window.gate_met(now)
        elif event == 3:
            self.window.read_traffic(replace(_reading(self._turn), at_seconds=now), now)
        if self.window.wants_control(now):
            self.window.control_asked(now)
            took = 0.1 if event % 2 else 6.0
            heappush(self._sky, (now + took, -self._turn, now, bool(event % 2)))

    def _land(self, now: float) -> None:
        while self._sky and self._sky[0][0] <= now:
            heard, ticket, asked, found = heappop(self._sky)
            if isinstance(found, Sample):
                self.window.feed(ticket, found, heard_seconds=heard, now_seconds=now)
            else:
                self.window.control_heard(asked, heard, now, alive=found)


def _reading(turn: int) -> TrafficReading:
    return UNREACHABLE if turn % 3 else counted(turn % 7, 100.0)


def shown(window: Window) -> dict[str, object]:
    """Everything a verdict or a summary asks of a window."""
    tests = {name: stats.rate for name, stats in window.stream_stats.items()}
    tests |= {"identity": window.identity, **({"pooled": window.pooled} if window.pooled else {})}
    return {
        "end": (window.end, window.ended_seconds, window.closed_seconds),
        "tests": {
            name: (rate.valid, rate.bad, rate.neutral, rate.valid_weight, rate.bad_weight)
            for name, rate in tests.items()
        },
        "standing": {name: (rate.breach, rate.refuted_seconds) for name, rate in tests.items()},
        "stream_stats": {
            name: (t.outcomes, t.missed, t.excused, t.good, t.last_bad, t.latency.over)
            for name, t in window.stream_stats.items()
        },
        "versions": (window.latest_version, window.other_version, window.took_over),
        "names": (window.breached, window.failing_machines, window.outage_since),
        "strip": window.timeline.buckets(),
        "rows": window.rows,
        "traffic": window.traffic,
    }


_FATES = st.builds(
    Fate,
    _windows(),
    st.lists(_SAMPLES, min_size=1, max_size=40),
    st.lists(st.integers(0, 5), min_size=1, max_size=30),
)


@settings(max_examples=sized(12, 80))
@given(fate=_FATES, to_the_end=st.booleans())
def test_rows_lead_to_the_very_same_window(fate: Fate, to_the_end: bool) -> None:
    window = fate.live(to_the_end=to_the_end)
    again = replayed(fresh(window), window.rows, window.readings, window.closed_seconds)

    assert shown(again) == shown(window)


@settings(max_examples=sized(10, 40))
@given(fate=_FATES, to_the_end=st.booleans())
def test_a_record_leads_to_the_very_same_window(fate: Fate, to_the_end: bool) -> None:
    window = fate.live(to_the_end=to_the_end)
    text = window_entry(window).model_dump_json()
    again = window_of(WindowEntry.model_validate_json(text), window.policy)

    assert shown(again) == shown(window)


_SECONDS = st.floats(0.0, 4000.0)


@given(
    row=st.builds(
        WindowEvent,
        st.integers(-3, 10_000),
        st.integers(0, 10_000),
        _SECONDS,
        _SECONDS,
        st.none() | st.sampled_from(Outcome),
        _SECONDS,
        st.none() | st.text(),
        st.none() | _SECONDS,
        st.none() | _SECONDS,
    )
)
def test_a_row_is_read_back_as_it_was_written(row: WindowEvent) -> None:
    assert parse_row(row_text(row)) == row


def test_an_answer_that_fits_no_slot_is_refused() -> None:
    window = opened()
    watch(window, like(between(50.0, 52.0)))
    entry = window_entry(window)
    changed = entry.model_copy(update={"rows": (*entry.rows, entry.rows[1])})

    with pytest.raises(ReplayError, match="do not follow"):
        window_of(changed, window.policy)


def test_a_reading_that_is_missing_is_refused() -> None:
    window = opened()
    window.read_traffic(UNREACHABLE, 12.0)
    window.close(300.0)

    with pytest.raises(LookupError):
        replayed(fresh(window), window.rows, (), 300.0)


def test_a_window_with_rows_left_out_is_not_watched_again() -> None:
    window = opened()
    watch(window, like(between(50.0, 52.0)))
    entry = window_entry(window).model_copy(update={"rows_left_out": 1})

    with pytest.raises(RecordError, match="1 more answers"):
        window_of(entry, window.policy)
