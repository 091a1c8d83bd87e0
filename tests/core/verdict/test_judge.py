"""The truth table: what each kind of evidence says, and what it blames."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_action.core.gate.gate import Gate, GatePolicy, recheck
from slo_action.core.model import Cause, Outcome, Trigger, Verdict
from slo_action.core.observation.policy import WindowPolicy
from slo_action.core.release.baseline import Baseline, StreamBaseline
from slo_action.core.stats.rate_test import RatePolicy
from slo_action.core.verdict.context import JudgementContext
from slo_action.core.verdict.facts import OnLateStart
from slo_action.core.verdict.judge import TABLE, Judgement
from tests.builders import DEPLOYED_AT, always, drive, healthy_from, judged, observation


def verdict_and_cause(judgement: Judgement) -> tuple[Verdict, Cause]:
    return judgement.verdict, judgement.cause


_SIMPLE = [
    (Outcome.OK, Verdict.HEALTHY, Cause.NONE),
    (Outcome.DEGRADED_BODY, Verdict.DEGRADED, Cause.APP),
    (Outcome.UNHEALTHY_BODY, Verdict.UNHEALTHY, Cause.APP),
    (Outcome.SLOW, Verdict.UNHEALTHY, Cause.APP),
    (Outcome.HTTP_5XX, Verdict.UNHEALTHY, Cause.APP),
    (Outcome.READ_TIMEOUT, Verdict.UNHEALTHY, Cause.APP),
    (Outcome.RESET, Verdict.UNHEALTHY, Cause.CONFIG),
    (Outcome.ASSERTION_FAILED, Verdict.UNHEALTHY, Cause.APP),
    (Outcome.PROTOCOL_ERROR, Verdict.UNHEALTHY, Cause.CONFIG),
    (Outcome.CONNECT_REFUSED, Verdict.UNHEALTHY, Cause.APP),
    (Outcome.CONNECT_TIMEOUT, Verdict.UNHEALTHY, Cause.APP),
    (Outcome.HTTP_4XX, Verdict.UNHEALTHY, Cause.CONFIG),
    (Outcome.REDIRECT, Verdict.UNHEALTHY, Cause.CONFIG),
    (Outcome.CAPTURE_FAILED, Verdict.UNHEALTHY, Cause.CONFIG),
    (Outcome.BODY_UNREADABLE, Verdict.UNHEALTHY, Cause.CONFIG),
    (Outcome.BODY_TOO_LARGE, Verdict.UNHEALTHY, Cause.CONFIG),
    (Outcome.TLS_EXPIRED, Verdict.UNHEALTHY, Cause.PATH),
    (Outcome.TLS_EXPIRING, Verdict.UNHEALTHY, Cause.PATH),
    (Outcome.TLS_NAME, Verdict.UNHEALTHY, Cause.PATH),
    (Outcome.TLS_OTHER, Verdict.UNHEALTHY, Cause.PATH),
    (Outcome.DNS_NXDOMAIN, Verdict.UNHEALTHY, Cause.PATH),
    (Outcome.DNS_TIMEOUT, Verdict.UNHEALTHY, Cause.PATH),
    (Outcome.CACHED, Verdict.INCONCLUSIVE, Cause.CONFIG),
    (Outcome.QUERY_REFUSED, Verdict.INCONCLUSIVE, Cause.CONFIG),
    (Outcome.WAF_CHALLENGE, Verdict.INCONCLUSIVE, Cause.PATH),
    (Outcome.RATE_LIMITED, Verdict.INCONCLUSIVE, Cause.OBSERVER),
    (Outcome.OBSERVER_LATE, Verdict.INCONCLUSIVE, Cause.OBSERVER),
    (Outcome.UNKNOWN, Verdict.INCONCLUSIVE, Cause.OBSERVER),
]


@pytest.mark.parametrize(("outcome", "verdict", "cause"), _SIMPLE)
def test_a_service_that_always_answers_so_is_judged_so(
    outcome: Outcome, verdict: Verdict, cause: Cause
) -> None:
    judgement = judged(drive(always(outcome), control_alive=True))

    assert verdict_and_cause(judgement) == (verdict, cause)


SHA = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("reported", "row"),
    [("1.4.2", "version-unverified"), ("v1.4.2-7-g0123456", "met"), (SHA, "met")],
)
def test_a_version_that_cannot_be_compared_is_not_verified(reported: str, row: str) -> None:
    judgement = judged(drive(always(Outcome.OK), version=reported), expected=SHA)

    assert judgement.row == row
    if row != "met":
        assert verdict_and_cause(judgement) == (Verdict.INCONCLUSIVE, Cause.CONFIG)
        assert "1.4.2 cannot be compared with 0123456" in judgement.reason


@pytest.mark.parametrize(
    ("outcome", "row"),
    [(Outcome.PROTOCOL_ERROR, "check-broke"), (Outcome.RESET, "missed-app")],
)
def test_a_check_that_passed_before_the_deploy_asks_the_right_protocol(
    outcome: Outcome, row: str
) -> None:
    well = StreamBaseline(name="health", bad=0, valid=30)
    before = Baseline(taken_at=DEPLOYED_AT, seconds=30.0, streams=(well,))
    judgement = judged(
        drive(always(outcome), control_alive=True), context=JudgementContext(baseline=before)
    )

    assert (judgement.row, judgement.cause) == (row, Cause.APP)


def test_a_service_that_has_answered_once_speaks_the_protocol() -> None:
    answered = observation(Outcome.HTTP_5XX, 31.0, status=500)
    gate = drive(always(Outcome.RESET), control_alive=True)
    gate = replace(gate, observations=(answered, *gate.observations))

    assert judged(gate).row == "missed-app"


@pytest.mark.parametrize("alive", [True, False])
def test_the_runners_network_is_named_only_where_the_control_did_not_answer(alive: bool) -> None:
    judgement = judged(drive(always(Outcome.UNKNOWN), control_alive=alive))

    assert judgement.row == "unjudged"
    assert ("the fault may be the runner's network" in judgement.reason) is not alive


def test_an_answer_that_our_client_never_could_read_is_no_fault_of_the_release() -> None:
    judgement = judged(drive(always(Outcome.PROTOCOL_ERROR), control_alive=True, status=200))

    assert verdict_and_cause(judgement) == (Verdict.UNHEALTHY, Cause.CONFIG)


@pytest.mark.parametrize("outcome", [Outcome.HTTP_4XX, Outcome.REDIRECT, Outcome.PROTOCOL_ERROR])
def test_a_check_that_passed_at_first_is_no_wrong_check(outcome: Outcome) -> None:
    judgement = judged(drive(lambda now: Outcome.OK if now < 3 else outcome))

    assert (judgement.row, judgement.cause) == ("check-broke", Cause.APP)
    assert "passed at first and fails now" in judgement.reason


def test_an_answer_that_breaks_off_is_no_other_protocol() -> None:
    judgement = judged(drive(always(Outcome.RESET), control_alive=True, status=200))

    assert judgement.row == "missed-app"


def test_the_table_above_leaves_no_outcome_out() -> None:
    assert {row[0] for row in _SIMPLE} | {Outcome.WRONG_VERSION} == set(Outcome)


def test_an_old_version_to_the_end_is_a_wrong_version_and_no_reason_to_roll_back() -> None:
    gate = drive(always(Outcome.WRONG_VERSION), version="v1.2.2")
    judgement = judged(gate, expected="v1.2.3")

    assert verdict_and_cause(judgement) == (Verdict.UNHEALTHY, Cause.WRONG_VERSION)
    assert "v1.2.3 is not live" in judgement.reason
    assert "v1.2.2" in judgement.reason


def test_answers_that_report_no_version_cannot_be_judged() -> None:
    judgement = judged(drive(always(Outcome.WRONG_VERSION)), expected="v1.2.3")

    assert verdict_and_cause(judgement) == (Verdict.INCONCLUSIVE, Cause.CONFIG)


def test_a_version_that_came_and_went_was_superseded() -> None:
    gate = drive(lambda now: Outcome.OK if now < 4 else Outcome.WRONG_VERSION, version="whatever")

    assert verdict_and_cause(judged(gate, expected="v1")) == (
        Verdict.INCONCLUSIVE,
        Cause.SUPERSEDED,
    )


def test_an_old_version_that_gave_way_to_a_broken_one_is_the_apps_fault() -> None:
    gate = drive(lambda now: Outcome.WRONG_VERSION if now < 80 else Outcome.HTTP_5XX)

    assert judged(gate, expected="v1").cause is Cause.APP


def test_a_start_after_the_deadline_is_degraded_or_to_the_letter_unhealthy() -> None:
    gate = drive(healthy_from(89.9))
    to_the_letter = judged(gate, on_late_start=OnLateStart.ROLLBACK)

    assert judged(gate).verdict is Verdict.DEGRADED
    assert to_the_letter.verdict is Verdict.UNHEALTHY
    assert to_the_letter.triggers == (Trigger.HEALTH_CHECK_FAILURE,)


def test_a_streak_in_the_last_look_turns_a_failure_into_a_late_start() -> None:
    gate = drive(always(Outcome.HTTP_5XX))
    again = drive(always(Outcome.OK), policy=recheck(GatePolicy()), begun=91.0)

    assert judged(gate, recheck=again).verdict is Verdict.DEGRADED
    assert judged(gate, recheck=again).row == "recovered"


def test_to_the_letter_a_streak_in_the_last_look_changes_nothing() -> None:
    gate = drive(always(Outcome.HTTP_5XX))
    again = drive(always(Outcome.OK), policy=recheck(GatePolicy()), begun=91.0)
    judgement = judged(gate, recheck=again, on_late_start=OnLateStart.ROLLBACK)

    assert judgement.verdict is Verdict.UNHEALTHY


def test_a_single_failure_in_the_last_look_lets_the_failure_stand() -> None:
    gate = drive(always(Outcome.HTTP_5XX))
    again = drive(
        lambda now: Outcome.OK if now < 94 else Outcome.RESET,
        begun=91.0,
        policy=recheck(GatePolicy()),
        control_alive=True,
    )

    assert judged(gate, recheck=again).verdict is Verdict.UNHEALTHY


def test_a_run_stopped_before_its_first_probe_is_inconclusive() -> None:
    judgement = judged(Gate(policy=GatePolicy(), begun_seconds=0.0))

    assert verdict_and_cause(judgement) == (Verdict.INCONCLUSIVE, Cause.OBSERVER)
    assert judgement.row == "interrupted"


def test_answers_above_five_seconds_fire_the_response_time_trigger() -> None:
    judgement = judged(drive(always(Outcome.SLOW), took=5.5))

    assert judgement.triggers == (
        Trigger.HEALTH_CHECK_FAILURE,
        Trigger.RESPONSE_TIME_DEGRADATION,
    )


@pytest.mark.parametrize(("outage_after", "is_outage"), [(15.0, True), (300.0, False)])
def test_nothing_but_5xx_for_as_long_as_the_policy_says_is_a_complete_outage(
    outage_after: float, is_outage: bool
) -> None:
    policy = WindowPolicy(outage_seconds=outage_after)
    judgement = judged(drive(always(Outcome.HTTP_5XX)), window_policy=policy)

    assert (Trigger.SERVICE_UNAVAILABILITY in judgement.triggers) is is_outage


@pytest.mark.parametrize(
    ("trigger", "row"), [(Fraction(5, 100), "missed-config"), (Fraction(1, 5), "check-broke")]
)
def test_what_was_well_before_is_measured_by_the_error_rate_of_the_policy(
    trigger: Fraction, row: str
) -> None:
    tenth = StreamBaseline(name="health", bad=3, valid=30)
    before = Baseline(taken_at=DEPLOYED_AT, seconds=30.0, streams=(tenth,))
    judgement = judged(
        drive(always(Outcome.HTTP_4XX)),
        window_policy=WindowPolicy(rates=RatePolicy(trigger=trigger)),
        context=JudgementContext(baseline=before),
    )

    assert judgement.row == row


def test_a_flapping_service_is_no_complete_outage() -> None:
    gate = drive(lambda now: Outcome.OK if int(now / 3) % 2 else Outcome.HTTP_5XX)
    judgement = judged(gate)

    assert judgement.verdict is Verdict.UNHEALTHY
    assert Trigger.SERVICE_UNAVAILABILITY not in judgement.triggers


def test_the_reason_of_a_missed_slo_names_count_limit_and_last_answer() -> None:
    reason = judged(drive(always(Outcome.HTTP_5XX))).reason

    assert "5 of 5 health checks failed within 90 s of the deploy (3 in a row must pass)" in reason
    assert "what http_5xx looks like" in reason


def test_every_row_has_a_name_of_its_own() -> None:
    names = [row.name for row in TABLE]

    assert len(set(names)) == len(names)


@given(
    answers=st.lists(st.sampled_from(list(Outcome)), min_size=1, max_size=50),
    took=st.floats(min_value=0.0, max_value=6.0),
    alive=st.sampled_from([True, False, None]),
)
def test_any_evidence_gets_a_verdict_and_only_answers_of_the_service_fail(
    answers: list[Outcome], took: float, alive: bool | None
) -> None:
    gate = drive(lambda now: answers[int(now) % len(answers)], took=took, control_alive=alive)
    judgement = judged(gate)
    convicting = [o for o in answers if o.is_bad and not (o.is_unanswered and alive is False)]

    assert judgement.reason
    if judgement.verdict is Verdict.UNHEALTHY:
        assert convicting
        assert judgement.triggers
    else:
        assert judgement.triggers == ()


@given(answers=st.lists(st.sampled_from(list(Outcome)), min_size=1, max_size=50))
def test_the_verdict_does_not_depend_on_the_details_of_the_answers(answers: list[Outcome]) -> None:
    gate = drive(lambda now: answers[int(now) % len(answers)])
    renamed = replace(
        gate,
        observations=tuple(
            replace(o, samples=tuple(replace(s, detail="other words") for s in o.samples))
            for o in gate.observations
        ),
    )

    assert verdict_and_cause(judged(renamed)) == verdict_and_cause(judged(gate))
