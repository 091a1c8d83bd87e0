"""The observation window's schedule, what it counts, and what it remembers."""

import gc
from collections import Counter
from collections.abc import Callable, Mapping
from heapq import heappop, heappush
from itertools import pairwise
from math import ceil
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo_action.core.model import Outcome, Probe, Sample, VersionRule, Witness
from slo_action.core.observation.policy import WindowPolicy
from slo_action.core.observation.streams import Slot, Stream, machine_stream
from slo_action.core.observation.window import MAX_EVENTS, Window
from slo_action.core.release.fleet import Machine
from slo_action.core.stats.rate_test import RatePolicy
from tests.builders import World, always, sample
from tests.sizes import sized
from tests.worlds.seeded import seeded

RULE = VersionRule(expected="v2")
_HEALTH = Probe(witness=Witness.HEALTH, url="https://dashboard.example/healthz", version_rule=RULE)
HEALTH = Stream(name="health", probe=_HEALTH)
VERSION = Stream(
    name="version",
    probe=Probe(
        witness=Witness.VERSION, url="https://dashboard.example/version", version_rule=RULE
    ),
)
PLAIN = RatePolicy(confidence=0.0)
GOOD = always(Outcome.OK)
BAD = always(Outcome.HTTP_5XX)

Answers = Callable[[Slot], Sample]
Alive = Callable[[float], bool]


def api(path: str = "/api") -> Stream:
    return Stream(
        name=path, probe=Probe(witness=Witness.API, url=f"https://dashboard.example{path}")
    )


def machine(name: str) -> Stream:
    return machine_stream(Machine(name=name, headers=(("fly-force-instance-id", name),)), _HEALTH)


def opened(
    *streams: Stream,
    begun: float = 10.0,
    rates: RatePolicy | None = None,
    met: bool = True,
    **changes: Any,
) -> Window:
    """A window of the usual policy; `changes` are of the policy, or of the window itself.

    Its gate is met as it begins, unless it has to do with the start of a service.
    """
    own = ("grace_seconds", "ready_by_seconds", "controlled")
    mine = {key: changes.pop(key) for key in own if key in changes}
    policy = WindowPolicy(rates=rates or RatePolicy(), **changes)
    window = Window(policy, streams or (HEALTH,), begun_seconds=begun, **mine)
    if met and not mine.keys() & {"grace_seconds", "ready_by_seconds"}:
        window.gate_met(begun)
    return window


def like(world: World | Mapping[str, World], took: float = 0.05, **changes: Any) -> Answers:
    """Answers of a service, or of each stream by its name; other streams answer well."""

    def answer(slot: Slot) -> Sample:
        own = world.get(slot.stream.name, GOOD) if isinstance(world, Mapping) else world
        outcome = own(slot.at_seconds)
        told = {"version": None if outcome.is_unanswered else "v2", **changes}
        return sample(outcome, slot.at_seconds, **{"total_seconds": took, **told})

    return answer


def between(begin: float, end: float, outcome: Outcome = Outcome.HTTP_5XX) -> World:
    return lambda now: outcome if begin <= now < end else Outcome.OK


def watch(
    window: Window, answers: Answers, alive: Alive | None = None, *, dead_seconds: float = 6.0
) -> list[Slot]:
    """Drive a window to its end in virtual time, as the observer does; return what was sent.

    `alive` is the control's state at a moment; a dead one takes `dead_seconds` to say so.
    """
    sky: list[tuple[float, int, float, Sample | bool]] = []
    slots: list[Slot] = []

    def land(now: float) -> None:
        while sky and sky[0][0] <= now:
            heard, ticket, asked, found = heappop(sky)
            if isinstance(found, Sample):
                window.feed(ticket, found, heard_seconds=heard, now_seconds=now)
            else:
                window.control_heard(asked, heard, now, alive=found)
        if alive is not None and window.wants_control(now):
            window.control_asked(now)
            lives = alive(now)
            heappush(sky, (now + (0.1 if lives else dead_seconds), -1, now, lives))

    while (slot := window.next()) is not None:
        found = answers(slot)
        window.sent(slot)
        slots.append(slot)
        heappush(sky, (slot.at_seconds + found.total_seconds, slot.ticket, 0.0, found))
        land(slot.at_seconds)
    now = slots[-1].at_seconds if slots else window.begun_seconds
    while sky and window.end is None:
        now += 0.25
        land(now)
    window.close(max(now, window.ends_seconds))
    return slots


# The schedule.


def test_there_is_one_probe_a_second_in_total_and_it_is_spread_evenly_over_endpoints() -> None:
    window = opened(HEALTH, api("/a"), api("/b"))
    slots = watch(window, like(GOOD))

    assert len(slots) == 290
    assert window.interval_seconds == 1.0
    counts = Counter(slot.stream.name for slot in slots)
    assert max(counts.values()) - min(counts.values()) <= 1


def test_each_probe_lies_in_its_own_second_and_never_in_step_with_a_fault() -> None:
    slots = watch(opened(), like(GOOD))
    parts = [(slot.at_seconds - 10.0) % 1.0 for slot in slots]

    assert [int(slot.at_seconds - 10.0) for slot in slots] == list(range(290))
    tenths = Counter(int(part * 10) for part in parts)
    assert min(tenths[tenth] for tenth in range(9)) > 20


def test_a_hanging_answer_never_delays_a_slot() -> None:
    swift, slow = opened(rates=PLAIN), opened(rates=PLAIN)
    watch(swift, like(GOOD))

    assert [s.at_seconds for s in watch(slow, like(GOOD, took=59.0))] == [
        s.at_seconds for s in watch(opened(rates=PLAIN), like(GOOD))
    ]


def test_every_third_probe_goes_to_a_machine_and_every_tenth_asks_for_the_version() -> None:
    fleet = (machine("a"), machine("b"))
    slots = watch(opened(HEALTH, VERSION, *fleet), like(GOOD))
    kinds = Counter(slot.stream.name for slot in slots)
    total = len(slots)

    assert kinds["version"] == total // 10
    assert abs(kinds["health@a"] + kinds["health@b"] - 0.3 * total) <= 2
    assert abs(kinds["health@a"] - kinds["health@b"]) <= 1


def test_each_machine_of_a_large_fleet_gets_its_turn() -> None:
    fleet = [machine(str(number)) for number in range(30)]
    slots = watch(opened(HEALTH, *fleet), like(GOOD))
    turns = Counter(slot.stream.machine for slot in slots if slot.stream.machine)

    assert len(turns) == 30
    assert max(turns.values()) - min(turns.values()) <= 1


@pytest.mark.parametrize("endpoints", [1, 3, 4, 8, 20])
@pytest.mark.parametrize("machines", [0, 5])
def test_the_pace_quickens_so_that_every_endpoint_gets_its_planned_probes(
    endpoints: int, machines: int
) -> None:
    fleet = [machine(str(number)) for number in range(machines)]
    window = opened(*[api(f"/{number}") for number in range(endpoints)], *fleet)
    counts = Counter(slot.stream.name for slot in watch(window, like(GOOD)))

    assert min(counts[f"/{number}"] for number in range(endpoints)) >= 74
    assert window.interval_seconds <= 1.0


def test_the_pace_quickens_for_a_short_window() -> None:
    slots = watch(opened(begun=2.0, length_seconds=62.0, minimum_seconds=60.0), like(GOOD))

    assert len(slots) == 75


def test_the_pace_has_a_limit_however_many_endpoints_there_are() -> None:
    window = opened(*[api(f"/{number}") for number in range(400)])

    assert window.interval_seconds == 0.02


def test_a_window_that_begins_late_still_lasts_a_minute() -> None:
    assert opened(begun=295.0).ends_seconds == 355.0
    assert opened(begun=10.0).ends_seconds == 300.0


def closer(slots: list[Slot]) -> list[Slot]:
    """The probes between the usual ones."""
    return [slot for slot in slots if slot.ticket % 4]


def test_an_endpoint_that_failed_is_looked_at_closely_until_it_is_surely_well() -> None:
    window = opened(HEALTH, api())
    failed = Slot(0, 0.0, HEALTH)

    def answer(slot: Slot) -> Sample:
        nonlocal failed
        fails = not failed.ticket and slot.stream.name == "/api" and slot.at_seconds > 29.0
        failed = slot if fails else failed
        return sample(Outcome.HTTP_5XX if fails else Outcome.OK, slot.at_seconds)

    slots = watch(window, answer)
    extra = closer(slots)
    asked = [s for s in slots if s.stream.name == "/api" and s.at_seconds <= extra[-1].at_seconds]

    assert {slot.stream.name for slot in extra} == {"/api"}
    assert failed.at_seconds < extra[0].at_seconds < failed.at_seconds + 2.0
    assert len(asked) == 163  # so many answers with one failure refute 5 % with 99 %, at any time
    assert extra[-1].at_seconds < 75.0
    assert len(slots) == 290 + len(extra)


def test_a_failure_among_many_good_answers_is_looked_at_closely_for_fifteen_seconds() -> None:
    slots = watch(opened(), like(between(250.0, 251.0)))
    (failed,) = (slot for slot in slots if 250 <= slot.at_seconds < 251)

    assert failed.at_seconds < closer(slots)[0].at_seconds
    assert failed.at_seconds + 14.0 < closer(slots)[-1].at_seconds <= failed.at_seconds + 15.0


@pytest.mark.parametrize("share", [0.02, 0.03, 0.04])
def test_an_endpoint_in_doubt_to_the_end_gets_three_times_the_usual_probes_at_most(
    share: float,
) -> None:
    chance = seeded(int(1000 * share))
    world = lambda _: Outcome.HTTP_5XX if chance.random() < share else Outcome.OK  # noqa: E731
    slots = watch(opened(HEALTH, api()), like(world))

    assert 600 < len(slots) <= 870


@settings(max_examples=sized(15, 200), deadline=None)
@given(
    share=st.sampled_from([0.02, 0.2, 0.5]),
    length=st.sampled_from([60.0, 120.0, 300.0]),
    paths=st.integers(0, 3),
    seed=st.integers(0, 10_000),
)
def test_no_more_than_five_probes_fall_into_any_second(
    share: float, length: float, paths: int, seed: int
) -> None:
    chance = seeded(seed)
    window = opened(
        HEALTH, *(api(f"/{n}") for n in range(paths)), machine("a"), length_seconds=length
    )
    world = lambda _: Outcome.HTTP_5XX if chance.random() < share else Outcome.OK  # noqa: E731
    at = [slot.at_seconds for slot in watch(window, like(world))]
    most = max(5, ceil(1.0 / window.interval_seconds + 0.9))  # a usual one may be so late

    assert all(late - early >= 1.0 for early, late in zip(at, at[most:], strict=False))


def test_one_extra_probe_a_second_leaves_room_for_those_of_the_gate() -> None:
    window = opened(HEALTH, met=False)
    slots = watch(window, like(between(40.0, 41.0)))
    extra = closer(slots)

    assert len(extra) > 20
    assert {slot.ticket % 4 for slot in extra} == {2}


def test_nothing_is_looked_at_closely_under_the_plain_rule() -> None:
    slots = watch(opened(HEALTH, rates=PLAIN), like(between(100.0, 103.0)))

    assert len(slots) == 290


def test_a_closer_look_does_not_make_a_burst_longer_than_it_was() -> None:
    window = opened()
    watch(window, like(between(100.0, 108.0)))
    rate = window.stream_stats["health"].rate

    assert rate.bad > 20
    assert rate.bad_weight == pytest.approx(8.0, abs=1.0)


_OUTCOMES = [
    Outcome.OK,
    Outcome.HTTP_5XX,
    Outcome.READ_TIMEOUT,
    Outcome.RATE_LIMITED,
    Outcome.WRONG_VERSION,
    Outcome.WAF_CHALLENGE,
]


@settings(max_examples=sized(10, 30))
@given(
    outcomes=st.lists(st.sampled_from(_OUTCOMES), min_size=1, max_size=40),
    took=st.lists(st.floats(0.0, 9.0), min_size=1, max_size=7),
    retry_after=st.none() | st.floats(0.0, 30.0),
    machines=st.integers(0, 3),
)
def test_slots_never_go_back_in_time_and_tickets_strictly_rise(
    outcomes: list[Outcome], took: list[float], retry_after: float | None, machines: int
) -> None:
    window = opened(HEALTH, api(), VERSION, *[machine(str(n)) for n in range(machines)])

    def answer(slot: Slot) -> Sample:
        outcome = outcomes[slot.ticket % len(outcomes)]
        limited = outcome is Outcome.RATE_LIMITED
        return sample(
            outcome,
            total_seconds=took[slot.ticket % len(took)],
            retry_after_seconds=retry_after if limited else None,
        )

    slots = watch(window, answer)
    assert all(a.ticket < b.ticket and a.at_seconds < b.at_seconds for a, b in pairwise(slots))
    assert all(10.0 <= slot.at_seconds < window.ends_seconds for slot in slots)


@pytest.mark.parametrize(("asked", "waits"), [(None, 5.0), (20.0, 20.0), (0.0, 0.0)])
def test_too_many_requests_pauses_all_probes_for_as_long_as_was_asked(
    asked: float | None, waits: float
) -> None:
    limited = {"at": 0.0}

    def answer(slot: Slot) -> Sample:
        if slot.at_seconds >= 100.0 and not limited["at"]:
            limited["at"] = slot.at_seconds
            return sample(Outcome.RATE_LIMITED, total_seconds=0.0, retry_after_seconds=asked)
        return sample(version="v2")

    slots = watch(opened(HEALTH, api(), machine("a")), answer)
    after = min(slot.at_seconds for slot in slots if slot.at_seconds > limited["at"])

    assert after >= limited["at"] + waits
    assert after <= limited["at"] + waits + 2.0


def test_the_probe_after_a_pause_stands_for_two_at_the_most() -> None:
    window = opened()

    def answer(slot: Slot) -> Sample:
        if 100.0 <= slot.at_seconds < 101.0:
            return sample(Outcome.RATE_LIMITED, total_seconds=0.0, retry_after_seconds=60.0)
        return sample(Outcome.HTTP_5XX if 160.0 <= slot.at_seconds < 162.0 else Outcome.OK)

    watch(window, answer)

    assert window.stream_stats["health"].rate.bad_weight <= 3.0


def test_a_slot_that_could_not_be_taken_counts_neither_way() -> None:
    window = opened()
    taken = 0
    while (slot := window.next()) is not None:
        if 50.0 <= slot.at_seconds < 80.0:
            window.missed(slot, slot.at_seconds + 20.0)
            continue
        taken += 1
        window.sent(slot)
        found = sample(version="v2")
        window.feed(slot.ticket, found, heard_seconds=slot.at_seconds, now_seconds=slot.at_seconds)
    window.close(window.ends_seconds)
    stats = window.stream_stats["health"]

    assert (stats.missed, stats.rate.valid, stats.rate.bad, taken) == (30, 260, 0, 260)


# Memory.


def _samples_alive() -> int:
    gc.collect()
    return sum(isinstance(thing, Sample) for thing in gc.get_objects())


def test_memory_is_bounded_over_an_hour_at_fifty_probes_a_second() -> None:
    seconds = sized(600, 3600)
    window = opened(
        begun=0.0, length_seconds=seconds, interval_seconds=0.02, rates=PLAIN, outage_seconds=1e9
    )
    good, before = sample(), _samples_alive()
    while (slot := window.next()) is not None and window.end is None:
        window.sent(slot)
        bad = slot.ticket % 50 == 0
        at = slot.at_seconds
        found = sample(Outcome.HTTP_5XX) if bad else good
        window.feed(slot.ticket, found, heard_seconds=at, now_seconds=at)
    stats = window.stream_stats["health"]

    assert stats.rate.valid == 50 * seconds
    assert len(window.rows) == MAX_EVENTS
    assert window.rows_left_out == 50 * seconds + 1 - MAX_EVENTS  # one says that the gate was met
    assert len(window.failures) == 40
    assert _samples_alive() - before <= 42
    assert (len(stats.rate._open), len(stats._weights), window.waiting) == (1, 0, False)
