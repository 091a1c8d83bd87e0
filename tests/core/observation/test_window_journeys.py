"""Journeys in the window: how often they start, and what their failures come to."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo_action.core.model import Cause, Outcome, Verdict
from slo_action.core.observation.policy import WindowPolicy, restored_policy
from slo_action.core.observation.replay import replayed, replayed_under
from slo_action.core.observation.scheduler import JOURNEY_SECONDS
from slo_action.core.observation.streams import Slot, Stream, bounded_name, stream_name
from slo_action.core.observation.window import Window, WindowEnd
from slo_action.core.stats.latency import LatencyObjective
from slo_action.core.verdict.judge import Judgement
from tests.builders import (
    World,
    always,
    between,
    drive,
    drive_window,
    judged,
    sample,
    stream,
    watched,
)
from tests.sizes import sized

JITTER = 1.0
BUY = "journey buy"


def shop(world: World, *others: str, **changes: Any) -> Window:
    """A window in which only the journey may fail; it was well long before, where it was."""
    changes.setdefault("ready_by_seconds", 90.0)
    return watched({BUY: world}, endpoints=("/api", BUY, *others), **changes)


def verdict(window: Window) -> Judgement:
    return judged(drive(always(Outcome.OK), version="v1"), window=window)


def starts(window: Window, took: Callable[[Slot], float] = lambda _: 0.05) -> list[Slot]:
    """Run a window and return the slots of its journeys."""
    seen: list[Slot] = []

    def answer(slot: Slot) -> Any:
        if slot.stream.is_journey:
            seen.append(slot)
        return sample(at=slot.at_seconds, total_seconds=took(slot))

    drive_window(window, answer)
    return seen


def window_of(*names: str, policy: WindowPolicy | None = None, **changes: Any) -> Window:
    streams = [stream(name) for name in ("health", *names)]
    return Window(policy or WindowPolicy(), streams, begun_seconds=10.0, **changes)


@settings(max_examples=sized(10, 40))
@given(
    endpoints=st.integers(0, 6),
    journeys=st.integers(1, 3),
    others=st.lists(st.sampled_from(["version", "health@m1"]), unique=True),
    length=st.sampled_from([20.0, 60.0, 300.0]),
)
def test_journeys_start_ten_seconds_apart_whatever_else_is_asked(
    endpoints: int, journeys: int, others: list[str], length: float
) -> None:
    names = [f"/{n}" for n in range(endpoints)] + [f"journey {n}" for n in range(journeys)]
    policy = replace(WindowPolicy(), length_seconds=length)
    window = window_of(*names, *others, policy=policy)

    taken = starts(window)

    apart = [after.at_seconds - one.at_seconds for one, after in pairwise(taken)]
    assert len(taken) >= (window.ends_seconds - 10.0) / (4 * JOURNEY_SECONDS)
    assert all(gap >= JOURNEY_SECONDS - JITTER for gap in apart)
    assert window.stream_stats["health"].rate.valid >= 0.9 * window.policy.min_planned


def test_journeys_take_turns() -> None:
    taken = starts(window_of("journey a", "journey b", "journey c"))

    assert [slot.stream.name[-1] for slot in taken[:6]] == ["a", "b", "c", "a", "b", "c"]


def test_a_journey_is_never_under_way_twice() -> None:
    taken = starts(
        window_of("journey a", "journey b"), lambda s: 29.0 if "a" in s.stream.name else 1
    )

    slow = [slot.at_seconds for slot in taken if slot.stream.name == "journey a"]
    assert all(after - one >= 29.0 for one, after in pairwise(slow))
    assert len([slot for slot in taken if slot.stream.name == "journey b"]) > len(slow) > 5


def test_a_turn_that_no_journey_can_take_is_an_endpoint_s() -> None:
    slow, quick = window_of(BUY), window_of(BUY)
    starts(slow, lambda slot: 25.0 if slot.stream.is_journey else 0.05)
    starts(quick)

    spared = quick.stream_stats[BUY].rate.valid - slow.stream_stats[BUY].rate.valid
    assert spared > 5
    assert (
        slow.stream_stats["health"].rate.valid - quick.stream_stats["health"].rate.valid == spared
    )


def test_without_journeys_the_schedule_is_what_it_was() -> None:
    alone = watched(always(Outcome.OK), endpoints=("/api", "version", "health@m1"))

    assert {name: stats.rate.valid for name, stats in alone.stream_stats.items()} == {
        "health": 87,
        "/api": 87,
        "version": 29,
        "health@m1": 87,
    }


@pytest.mark.parametrize(
    ("seconds", "end", "row"),
    [
        (0, WindowEnd.OVER, "met"),
        (10, WindowEnd.OVER, "met"),
        (20, WindowEnd.OVER, "window-slo"),
        (30, WindowEnd.BREACHED, "window-breach"),
        (150, WindowEnd.BREACHED, "window-breach"),
    ],
)
def test_it_takes_three_failures_to_fail(seconds: float, end: WindowEnd, row: str) -> None:
    window = shop(between(150, 150 + seconds))

    assert (window.end, verdict(window).row) == (end, row)
    assert window.stream_stats[BUY].rate.bad <= 3


def test_a_journey_that_breaks_fails_the_release_and_is_named() -> None:
    window = shop(between(150, 999, Outcome.ASSERTION_FAILED))
    judgement = verdict(window)

    assert (judgement.verdict, judgement.cause) == (Verdict.UNHEALTHY, Cause.APP)
    assert judgement.reason.startswith("1 in 6 runs of journey buy failed (3 of 17")
    assert judgement.triggers == ("error-rate-breach",)
    assert window.breached == (BUY,)


def test_a_journey_that_never_went_well_by_4xx_is_a_wrong_check() -> None:
    judgement = verdict(shop(always(Outcome.HTTP_4XX)))

    assert (judgement.row, judgement.cause) == ("window-config", Cause.CONFIG)


def test_a_journey_that_is_starting_is_waited_for() -> None:
    window = shop(between(0, 60))

    assert (window.end, verdict(window).row) == (WindowEnd.OVER, "met")


def test_one_failure_in_the_minute_after_a_rollback_is_no_second_one() -> None:
    policy = restored_policy(WindowPolicy())

    once = shop(between(20, 30), policy=policy, ready_by_seconds=0.0)
    ever = shop(always(Outcome.HTTP_5XX), policy=policy, ready_by_seconds=0.0)

    assert (once.stream_stats[BUY].rate.bad, once.end) == (1, WindowEnd.OVER)
    assert (ever.stream_stats[BUY].rate.bad, ever.end) == (3, WindowEnd.BREACHED)


def test_a_journey_is_no_endpoint_in_any_sum() -> None:
    window = shop(between(150, 170))

    assert window.pooled is not None
    assert window.pooled.bad == 0
    assert window.endpoint_counts[0] == 0
    assert sum(bucket.bad for bucket in window.timeline.buckets()) == 0


def test_an_outage_does_not_wait_for_a_journey() -> None:
    window = watched(between(150, 999), endpoints=("/api", BUY))

    assert window.end is WindowEnd.OUTAGE
    assert window.ended_seconds < 170


def limited(seconds: float | None, *names: str) -> tuple[Window, list[Slot]]:
    """A window whose first journey is told to wait for so long, by each of its runs."""
    window, seen = window_of(*names), []

    def answer(slot: Slot) -> Any:
        seen.append(slot)
        found = sample(at=slot.at_seconds)
        if slot.stream.name != names[0]:
            return found
        return replace(found, outcome=Outcome.RATE_LIMITED, retry_after_seconds=seconds)

    drive_window(window, answer)
    return window, seen


def test_a_limit_in_a_journey_pauses_no_endpoint() -> None:
    window, _ = limited(3600.0, BUY)
    plain = window_of(BUY)
    starts(plain)

    heard, usual = window.stream_stats["health"].rate.valid, plain.stream_stats["health"].rate.valid
    assert heard > usual
    assert verdict(window).reason.startswith("inconclusive because")
    assert BUY in verdict(window).reason


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [(None, 9.0, 12.0), (30.0, 30.0, 42.0), (3600.0, 60.0, 72.0)],
)
def test_a_limited_journey_waits_as_asked_for_a_minute_at_most(
    asked: float | None, least: float, most: float
) -> None:
    _, seen = limited(asked, BUY)

    held = [slot.at_seconds for slot in seen if slot.stream.name == BUY]
    assert all(least <= after - one <= most for one, after in pairwise(held))


def test_other_journeys_take_the_turns_of_a_limited_one() -> None:
    window, seen = limited(60.0, BUY, "journey look")

    looks = [slot for slot in seen if slot.stream.name == "journey look"]
    assert len(looks) >= 20
    assert window.stream_stats[BUY].unusable >= 4


def test_an_outage_behind_a_limited_journey_is_found() -> None:
    worlds = {"health": between(150, 999), BUY: always(Outcome.RATE_LIMITED)}

    window = watched(worlds, endpoints=(BUY,))

    assert window.end is WindowEnd.OUTAGE


@pytest.mark.parametrize(
    ("outcome", "row"),
    [
        (Outcome.WAF_CHALLENGE, "window-challenge"),
        (Outcome.CACHED, "window-cached"),
        (Outcome.UNKNOWN, "window-silent"),
    ],
)
def test_a_journey_that_never_answered_is_not_passed(outcome: Outcome, row: str) -> None:
    judgement = verdict(shop(always(outcome)))

    assert (judgement.row, judgement.verdict) == (row, Verdict.INCONCLUSIVE)
    assert BUY in judgement.reason


def test_a_timeout_of_a_journey_that_answered_is_passed() -> None:
    window = shop(between(150, 200, Outcome.UNKNOWN))

    assert verdict(window).row == "met"
    assert window.stream_stats[BUY].unusable == 5


def test_a_passed_window_reports_its_journeys() -> None:
    assert verdict(shop(always(Outcome.OK))).reason.endswith(
        "and none of 29 runs of journey buy failed in the observation window"
    )


GOAL = LatencyObjective(name="p95", quantile=Fraction(95, 100), limit_seconds=3.0)


def own(name: str) -> Stream:
    plain = stream(name)
    return replace(plain, probe=replace(plain.probe, objective=GOAL))


@pytest.mark.parametrize(("took", "row"), [(2.5, "met"), (3.5, "window-slow")])
@pytest.mark.parametrize("name", [BUY, "/api/report"])
def test_a_stream_s_own_objective_comes_before_its_kind_s(took: float, row: str, name: str) -> None:
    window = Window(WindowPolicy(), [stream("health"), own(name)], begun_seconds=10.0)
    drive_window(
        window,
        lambda slot: sample(
            at=slot.at_seconds, total_seconds=took if slot.stream.name == name else 0.05
        ),
    )

    assert verdict(window).row == row


def test_a_journey_without_an_objective_has_none() -> None:
    assert shop(always(Outcome.OK)).stream_stats[BUY].goal is None


def lived(end: float, took: float) -> Window:
    return watched(
        {BUY: between(100, end)},
        endpoints=("/api", "version", "health@m1", BUY, "journey look"),
        took=lambda at: took if at % 7 < 1 else 0.2,
        controlled=True,
    )


@pytest.mark.parametrize("end", [100, 125, 999])
@pytest.mark.parametrize("took", [0.1, 25.0])
def test_a_window_with_journeys_is_watched_again_from_its_rows(end: float, took: float) -> None:
    window = lived(end, took)
    fresh = Window(window.policy, window.streams, begun_seconds=10.0, controlled=True)

    again = replayed(fresh, window.rows, (), window.closed_seconds)

    assert (again.end, again.ended_seconds) == (window.end, window.ended_seconds)
    for name, stats in window.stream_stats.items():
        other = again.stream_stats[name]
        assert (other.rate.bad, other.rate.valid) == (stats.rate.bad, stats.rate.valid)
        assert other.outcomes == stats.outcomes


def test_the_same_policy_judges_a_window_with_journeys_the_same() -> None:
    window = lived(125, 0.1)

    again = replayed_under(window, window.policy, grace_seconds=0.0, ready_by_seconds=0.0)

    assert again.end is window.end
    assert again.stream_stats[BUY].rate.bad == window.stream_stats[BUY].rate.bad


def test_a_journey_s_stream_is_named_by_it_on_one_short_line() -> None:
    probe = stream("journey buy\n::error::" + "x" * 200).probe

    name = stream_name(probe)
    assert name.startswith("journey buy ::error::xxx")
    assert len(name) < 80
    assert name.isprintable()
    assert bounded_name("buy") == "buy"
