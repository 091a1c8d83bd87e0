"""The health gate: examples from the policy, then properties over any service at all."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_action.core.gate.gate import Ask, Gate, GateEnd, GatePolicy, recheck
from slo_action.core.model import (
    Hopeless,
    HopelessReason,
    ObservationKind,
    ObservationResult,
    Outcome,
    Witness,
)
from tests.builders import always, drive, healthy_from, observation

_TELLING = [Outcome.OK, Outcome.HTTP_5XX, Outcome.CONNECT_REFUSED, Outcome.WRONG_VERSION]
_ANY = [*_TELLING, Outcome.UNKNOWN, Outcome.RATE_LIMITED, Outcome.CACHED, Outcome.DEGRADED_BODY]


def starts(gate: Gate, kind: ObservationKind = ObservationKind.ATTEMPT) -> list[float]:
    return [round(o.started_seconds, 1) for o in gate.observations if o.kind is kind]


def test_a_healthy_service_is_green_in_about_ten_seconds() -> None:
    gate = drive(always(Outcome.OK))

    assert gate.end is GateEnd.MET
    assert starts(gate) == [0.0, 5.0, 10.1]


def test_a_degraded_answer_is_alive_and_counts_to_the_streak() -> None:
    assert drive(always(Outcome.DEGRADED_BODY)).end is GateEnd.MET


def test_a_service_that_comes_up_is_noticed_within_a_peek() -> None:
    gate = drive(healthy_from(40.0))

    first_success = next(o for o in gate.attempts if o.result is ObservationResult.PASSED)

    assert gate.end is GateEnd.MET
    assert first_success.started_seconds - 40.0 <= GatePolicy().peek_interval_seconds + 0.1


def test_a_service_that_needs_75_seconds_to_boot_still_passes_in_90() -> None:
    gate = drive(healthy_from(75.0, Outcome.CONNECT_REFUSED))

    assert gate.end is GateEnd.MET
    assert gate.attempts[-1].ended_seconds <= 90.0


def test_the_waits_after_counted_failures_grow_as_the_document_says() -> None:
    policy = replace(GatePolicy(), deadline_seconds=600.0, grace_seconds=0.0)
    gate = drive(always(Outcome.HTTP_5XX), policy=policy)

    times = [o.started_seconds for o in gate.attempts]
    waits = [round(after - before) for before, after in itertools.pairwise(times)]

    assert waits == [15, 16, 17, 18, 19, 20, 20]


def test_eight_failed_attempts_end_the_gate_whenever_they_happen() -> None:
    policy = replace(GatePolicy(), deadline_seconds=600.0, grace_seconds=0.0)
    gate = drive(always(Outcome.HTTP_5XX), policy=policy)

    assert gate.end is GateEnd.MISSED
    assert len(gate.attempts) == 8
    assert gate.attempts[-1].ended_seconds < 600.0


def test_a_service_that_never_answers_well_is_missed_at_the_deadline() -> None:
    gate = drive(always(Outcome.HTTP_5XX))

    assert gate.end is GateEnd.MISSED
    assert gate.observations[-1].started_seconds == pytest.approx(90.0)
    assert gate.observations[-1].kind is ObservationKind.ATTEMPT


def test_failures_in_grace_do_not_count_but_successes_do() -> None:
    gate = drive(healthy_from(12.0))

    assert starts(gate, ObservationKind.WARMUP) == [0.0]
    assert gate.end is GateEnd.MET
    assert gate.attempts[0].started_seconds < GatePolicy().grace_seconds


def test_grace_ends_at_its_second() -> None:
    last, first = (
        Gate(policy=GatePolicy(), begun_seconds=0.0).feed(observation(Outcome.HTTP_5XX, at))
        for at in (29.9, 30.0)
    )

    assert (len(last.attempts), len(first.attempts)) == (0, 1)


def test_a_failure_in_grace_still_parts_what_was_before_from_what_comes_after() -> None:
    gate = drive(lambda now: Outcome.HTTP_5XX if 9 < now < 12 else Outcome.OK)

    results = [o.result for o in gate.attempts]

    assert gate.end is GateEnd.MET
    assert results == [ObservationResult.PASSED] * 5


def test_a_streak_in_progress_at_the_deadline_is_finished_and_is_late() -> None:
    gate = drive(healthy_from(86.0))

    assert gate.end is GateEnd.LATE
    assert sum(1 for o in gate.attempts if o.started_seconds > 90.0) <= 2


def test_the_attempt_at_the_deadline_is_a_last_chance() -> None:
    gate = drive(healthy_from(89.9))

    assert gate.end is GateEnd.LATE


def test_a_failure_after_the_deadline_ends_the_gate_at_once() -> None:
    gate = drive(lambda now: Outcome.OK if 89.9 <= now < 91 else Outcome.HTTP_5XX)

    assert gate.end is GateEnd.MISSED
    assert gate.observations[-1].started_seconds < 95.0


def test_a_late_observer_of_a_healthy_service_does_not_call_it_late() -> None:
    assert drive(always(Outcome.OK), begun=200.0).end is GateEnd.MET


def test_a_late_observer_does_not_fail_on_one_look() -> None:
    gate = drive(always(Outcome.HTTP_5XX), begun=200.0)

    assert gate.end is GateEnd.MISSED
    assert gate.observations[-1].started_seconds - 200.0 >= 30.0


def test_a_deadline_shorter_than_the_minimum_watch_is_kept_to() -> None:
    policy = replace(GatePolicy(), deadline_seconds=10.0, grace_seconds=0.0)
    gate = drive(always(Outcome.HTTP_5XX), policy=policy)

    assert gate.end is GateEnd.MISSED
    assert gate.observations[-1].ended_seconds < 11.0


def test_a_late_observer_that_saw_it_fail_calls_it_late() -> None:
    assert drive(healthy_from(215.0), begun=200.0).end is GateEnd.LATE


def test_answers_that_say_nothing_never_fail() -> None:
    assert drive(always(Outcome.UNKNOWN)).end is GateEnd.UNJUDGED


def test_failures_after_answers_that_said_nothing_do_fail() -> None:
    gate = drive(lambda now: Outcome.UNKNOWN if now < 40 else Outcome.HTTP_5XX)

    assert gate.end is GateEnd.MISSED


def test_a_network_lost_at_the_end_is_not_the_services_failure() -> None:
    gate = drive(lambda now: Outcome.HTTP_5XX if now < 60 else Outcome.UNKNOWN)

    assert gate.end is GateEnd.UNJUDGED


def test_no_answer_counts_for_nothing_while_the_control_is_dead_too() -> None:
    gate = drive(always(Outcome.CONNECT_TIMEOUT), control_alive=False)

    assert gate.end is GateEnd.UNJUDGED


def test_no_answer_fails_while_the_control_answers() -> None:
    assert drive(always(Outcome.CONNECT_TIMEOUT), control_alive=True).end is GateEnd.MISSED


def test_a_service_that_limits_the_rate_is_not_peeked_at() -> None:
    gate = drive(always(Outcome.RATE_LIMITED))

    assert starts(gate, ObservationKind.PEEK) == []
    assert gate.end is GateEnd.UNJUDGED


def test_retry_after_is_honoured_even_beyond_the_deadline() -> None:
    gate = drive(always(Outcome.RATE_LIMITED), retry_after_seconds=300.0)

    assert len(gate.observations) == 1
    assert gate.end is GateEnd.UNJUDGED


def test_a_peek_asks_the_witness_that_failed() -> None:
    gate = Gate(policy=GatePolicy(), begun_seconds=0.0)
    step = gate.feed(observation(Outcome.WRONG_VERSION, witness=Witness.VERSION)).next()

    assert step == Ask(kind=ObservationKind.PEEK, at_seconds=2.05, witness=Witness.VERSION)


def test_a_flapping_service_must_earn_each_early_attempt() -> None:
    gate = drive(lambda now: Outcome.OK if int(now * 10) % 41 < 20 else Outcome.HTTP_5XX)

    assert len(gate.attempts) <= 8


def test_the_attempts_that_a_streak_needs_are_not_spent_early() -> None:
    """Each early attempt costs one more good peek in a row; the last three wait their time."""
    gate = Gate(policy=replace(GatePolicy(), deadline_seconds=600.0), begun_seconds=30.0)
    while isinstance(step := gate.next(), Ask):
        outcome = Outcome.OK if step.kind is ObservationKind.PEEK else Outcome.HTTP_5XX
        gate = gate.feed(observation(outcome, step.at_seconds, step.kind, took=0.0))

    assert gate.end is GateEnd.MISSED
    waits = [round(after - before) for before, after in itertools.pairwise(starts(gate))]
    assert waits == [2, 4, 6, 8, 10, 20, 20]


def test_a_question_that_outlasts_the_deadline_is_asked_again_at_once_then_after_a_gap() -> None:
    """An attempt at the deadline is the last chance, so one that began before it is not."""
    gate = Gate(policy=GatePolicy(), begun_seconds=0.0)
    asked = []
    for at, took in ((31.0, 1.0), (89.0, 3.0), (92.0, 3.0)):
        gate = gate.feed(observation(Outcome.UNKNOWN, at, took=took))
        step = gate.next()
        assert isinstance(step, Ask)
        asked.append(step.at_seconds)

    assert asked[1:] == [92.0, 95.0 + GatePolicy().confirm_gap_seconds]


@pytest.mark.parametrize(
    ("why", "reported", "ends"),
    [
        (HopelessReason.EXITED, [1.0], False),
        (HopelessReason.EXITED, [1.0, 3.0], True),
        (HopelessReason.NOT_LIVE, [1.0, 29.9], False),
        (HopelessReason.NOT_LIVE, [29.9, 30.0], True),
        (HopelessReason.UNREACHABLE, [1.0, 29.9], False),
        (HopelessReason.UNREACHABLE, [29.9, 30.0], True),
    ],
)
def test_the_gate_ends_where_the_platform_reports_twice_that_waiting_is_of_no_use(
    why: HopelessReason, reported: list[float], ends: bool
) -> None:
    """What may be over soon, in grace, does not end it."""
    gate = Gate(policy=GatePolicy(), begun_seconds=0.0)
    for at in reported:
        failed = observation(Outcome.CONNECT_REFUSED, at, control_alive=True)
        gate = gate.feed(replace(failed, hopeless=Hopeless(why=why, words="all exited")))

    assert (gate.end is GateEnd.HOPELESS) is ends
    well = observation(Outcome.OK, reported[-1])
    assert gate.feed(well).end is not GateEnd.HOPELESS


def test_the_last_look_ends_at_its_first_failure() -> None:
    gate = drive(always(Outcome.HTTP_5XX), policy=recheck(GatePolicy()), begun=95.0)

    assert gate.end is GateEnd.MISSED
    assert len(gate.observations) == 1


def test_the_last_look_wants_a_whole_streak() -> None:
    gate = drive(always(Outcome.OK), policy=recheck(GatePolicy()), begun=95.0)

    assert gate.end is GateEnd.MET
    assert len(gate.attempts) == 3
    assert gate.attempts[-1].ended_seconds - 95.0 < 5.0


worlds = st.lists(st.sampled_from(_ANY), min_size=1, max_size=60)
times = st.floats(min_value=0.0, max_value=6.5)


@given(answers=worlds, took=times, begun=st.floats(min_value=0.0, max_value=300.0))
def test_every_gate_ends_with_at_most_eight_attempts(
    answers: list[Outcome], took: float, begun: float
) -> None:
    gate = drive(lambda now: answers[int(now / 2) % len(answers)], took=took, begun=begun)

    assert gate.end is not None
    assert len(gate.attempts) + len(starts(gate, ObservationKind.WARMUP)) >= 1
    assert len(gate.attempts) <= 8


@given(answers=worlds, took=times, begun=st.floats(min_value=0.0, max_value=300.0))
def test_after_the_deadline_only_an_open_question_goes_on(
    answers: list[Outcome], took: float, begun: float
) -> None:
    gate = drive(lambda now: answers[int(now / 2) % len(answers)], took=took, begun=begun)
    late = [o for o in gate.observations if o.started_seconds > gate.deadline_seconds]

    assert all(o.kind is ObservationKind.ATTEMPT for o in late)
    assert all(o.result is not ObservationResult.FAILED for o in late[:-1])
    assert len(late) <= GatePolicy().late_attempts + 1


@given(answers=worlds, took=times)
def test_met_means_a_whole_streak_at_the_end(answers: list[Outcome], took: float) -> None:
    gate = drive(lambda now: answers[int(now / 2) % len(answers)], took=took)
    asked = [o for o in gate.observations if o.kind is not ObservationKind.PEEK]
    told = [o.result for o in asked if o.result is not ObservationResult.NEUTRAL]
    streak = told[-3:] == [ObservationResult.PASSED] * 3

    assert streak == (gate.end in (GateEnd.MET, GateEnd.LATE))


@given(answers=worlds, took=times)
def test_time_never_runs_back_and_no_two_looks_overlap(answers: list[Outcome], took: float) -> None:
    gate = drive(lambda now: answers[int(now / 2) % len(answers)], took=took)
    pairs = zip(gate.observations, gate.observations[1:], strict=False)

    assert all(after.started_seconds >= before.ended_seconds for before, after in pairs)


@given(boot=st.floats(min_value=0.0, max_value=78.0), took=st.floats(min_value=0.0, max_value=0.5))
def test_whatever_boots_by_78_seconds_and_stays_up_is_never_missed(
    boot: float, took: float
) -> None:
    gate = drive(healthy_from(boot), took=took)

    assert gate.end is GateEnd.MET


@given(outcome=st.sampled_from([o for o in Outcome if o.is_bad]), took=times)
def test_whatever_is_always_bad_is_always_missed(outcome: Outcome, took: float) -> None:
    assert drive(always(outcome), took=took, control_alive=True).end is GateEnd.MISSED


@given(answers=worlds, took=times)
def test_feeding_a_gate_its_own_observations_leads_to_the_same_end(
    answers: list[Outcome], took: float
) -> None:
    gate = drive(lambda now: answers[int(now / 2) % len(answers)], took=took)
    again = Gate(policy=gate.policy, begun_seconds=gate.begun_seconds)
    for seen in gate.observations:
        step = again.next()
        assert isinstance(step, Ask)
        again = again.feed(replace(seen, kind=step.kind))

    assert again == gate
