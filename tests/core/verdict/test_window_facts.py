"""Sentences a person can check, and the facts behind them."""

import re
from itertools import cycle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo_action.core.model import Outcome, Sample
from slo_action.core.observation.streams import Slot, Stream
from slo_action.core.observation.window import Window
from slo_action.core.verdict.window_facts import (
    endpoints,
    failed_streams,
    failure_summary,
    latency_summary,
    missed_latency,
    over_slo,
    rate_details,
    requests_failed,
    unheard,
    unsure,
    window_summary,
)
from tests.builders import World, sample
from tests.core.observation.test_window import (
    BAD,
    GOOD,
    HEALTH,
    VERSION,
    Answers,
    api,
    between,
    like,
    machine,
    opened,
    watch,
)
from tests.sizes import sized

_DEAD = between(100.0, 1e9)


def watched(world: World | dict[str, World], *streams: Stream, **changes: Any) -> Window:
    return answered(like(world), *streams, **changes)


def answered(answers: Answers, *streams: Stream, **changes: Any) -> Window:
    window = opened(*streams, **changes)
    watch(window, answers)
    return window


def names(window: Window) -> list[str]:
    return [stats.stream.name for stats in failed_streams(window)]


def test_a_failure_is_since_its_first_failed_probe_and_after_what_the_run_counts_from() -> None:
    breached = watched({"/api": between(103.0, 1e9)}, HEALTH, api())
    out = watched(_DEAD)

    first = next(iter(breached.stream_stats["/api"].failed_seconds))
    assert 103.0 <= first < 105.0
    assert f", failing since {first:.0f} s after the restart: " in failure_summary(
        breached, "restart"
    )
    assert " failed since 100 s after the rollback (" in failure_summary(out, "rollback")


def test_what_failed_in_the_grace_period_already_is_not_since_its_end() -> None:
    window = watched({"/api": between(0.0, 1e9)}, HEALTH, api(), grace_seconds=30.0)

    assert window.stream_stats["/api"].early_failures
    assert ", failing since the first 30 s after the deploy: " in failure_summary(window)


def test_users_ask_endpoints_only() -> None:
    window = opened(HEALTH, api(), VERSION, machine("a"))

    assert [stats.stream.name for stats in endpoints(window)] == ["health", "/api"]


def test_what_fails_is_named_and_what_is_well_is_not() -> None:
    window = watched({"/api": _DEAD}, HEALTH, api(), api("/b"))

    assert names(window) == ["/api"]
    assert " requests to /api failed (" in failure_summary(window)
    assert "health" not in failure_summary(window)


def test_endpoints_that_fail_only_together_are_reported_as_one() -> None:
    turns = cycle([Outcome.HTTP_5XX] + [Outcome.OK] * 12)
    paths = [api(f"/{number}") for number in range(8)]
    window = answered(lambda slot: sample(next(turns), slot.at_seconds), *paths)

    assert window.breached == ("all endpoints",)
    assert " requests to all endpoints failed (" in failure_summary(window)


def test_an_outage_names_every_endpoint_and_since_when() -> None:
    window = watched(_DEAD)

    assert names(window) == ["health"]
    assert failure_summary(window) == (
        "every request to health failed since 100 s after the deploy (limit 15 s): "
        "what http_5xx looks like"
    )


def test_counts_in_a_sentence_are_the_counts_of_its_stream() -> None:
    window = watched(between(100.0, 104.0))
    rate = window.stream_stats["health"].rate

    assert window_summary(window) == f"{rate.bad} of {rate.valid} requests failed"
    details = rate_details("health", rate, window)
    assert f"health: {rate.bad} of {rate.valid} failed (" in details
    assert "ruled out at the end" in details or "ruled out at" in details


def test_a_window_without_a_single_answer_says_so() -> None:
    window = opened()

    assert window_summary(window) == "no request was answered"
    rate = window.stream_stats["health"].rate
    assert "0 of 0 failed (no answer" in rate_details("health", rate, window)


def test_a_percent_sign_is_never_stuck_to_a_semicolon() -> None:
    window = watched(between(100.0, 104.0))
    details = rate_details("health", window.stream_stats["health"].rate, window)

    assert "%;" not in re.sub(r"\s+%;", "", details)


def test_the_slo_is_one_of_all_endpoints_together() -> None:
    seldom = {"/api": between(100.0, 101.0)}
    often = {"/api": between(100.0, 110.0)}
    missed = over_slo(watched(often, HEALTH, api()))

    assert over_slo(watched(seldom, HEALTH, api())) is None
    assert missed is not None
    assert missed.stream.name == "/api"


def test_an_endpoint_is_unsure_where_its_answers_do_not_refute_the_trigger() -> None:
    few = watched(between(20.0, 22.0), length_seconds=60.0, begun=2.0)
    stats = unsure(few)

    assert stats is not None
    assert stats.stream.name == "health"
    assert unsure(watched(GOOD)) is None


@pytest.mark.parametrize("outcome", [o for o in Outcome if o.is_neutral])
def test_answers_that_say_nothing_are_why_it_is_unsure_only_where_they_are_many(
    outcome: Outcome,
) -> None:
    many = watched(between(60.0, 1e9, outcome))
    few = watched(between(60.0, 80.0, outcome))

    assert unheard(many) is many.stream_stats["health"]
    assert unheard(few) is None


def test_a_missed_response_time_is_reported_by_counts() -> None:
    window = answered(like(GOOD, took=2.5), HEALTH, api())
    stats = missed_latency(window)

    assert stats is not None
    assert "p95 < 500 ms: 144 of 144 answers took longer" in latency_summary(stats)
    assert missed_latency(watched(GOOD)) is None


def test_a_cold_first_answer_misses_no_response_time() -> None:
    def answer(slot: Slot) -> Sample:
        return sample(version="v2", total_seconds=4.0 if slot.ticket == 0 else 0.05)

    window = answered(answer)

    assert missed_latency(window) is None
    assert window.stream_stats["health"].latency.cold_n == 1


@settings(max_examples=sized(8, 25))
@given(
    bad=st.sets(st.integers(10, 299), max_size=60),
    two=st.booleans(),
    outcome=st.sampled_from([Outcome.HTTP_5XX, Outcome.SLOW, Outcome.RATE_LIMITED]),
)
def test_facts_and_sentences_are_there_for_any_window(
    bad: set[int], two: bool, outcome: Outcome
) -> None:
    streams = (HEALTH, api()) if two else (HEALTH,)
    window = watched(lambda now: outcome if int(now) in bad else Outcome.OK, *streams)
    words = [window_summary(window), failure_summary(window)]
    for stats in endpoints(window):
        words.append(rate_details(stats.stream.name, stats.rate, window))
        words.append(requests_failed(stats.stream, stats.rate, window))

    assert all("None" not in text and "nan" not in text for text in words)
    for stats in endpoints(window):
        assert stats.rate.bad <= stats.rate.valid
        assert stats.rate.valid + stats.rate.neutral <= 3 * 290


def test_a_never_good_endpoint_is_named_as_what_fails() -> None:
    window = watched({"/api": BAD}, HEALTH, api(), ready_by_seconds=90.0)

    assert failure_summary(window).startswith("all 41 requests to /api failed (")
