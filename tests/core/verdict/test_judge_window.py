"""The rows of the truth table that a window reaches, each with a reason a person can check."""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from slo_action.core.gate.gate import Gate, GatePolicy, recheck
from slo_action.core.model import Cause, Outcome, Sample, Trigger, Verdict, VersionRule
from slo_action.core.observation.policy import WindowPolicy
from slo_action.core.observation.real_traffic import OnNoData, TrafficPolicy, TrafficReading
from slo_action.core.observation.streams import Slot, Stream
from slo_action.core.observation.window import Window
from slo_action.core.stats.rate_test import RatePolicy
from slo_action.core.verdict.context import JudgementContext
from slo_action.core.verdict.facts import Facts, OnLateStart
from slo_action.core.verdict.judge import TABLE, Judgement, judge
from slo_action.core.verdict.window_facts import rate_details
from tests.builders import World, always, drive, healthy_from, sample
from tests.core.observation.test_window import (
    BAD,
    GOOD,
    HEALTH,
    PLAIN,
    RULE,
    Answers,
    api,
    between,
    like,
    machine,
    opened,
    watch,
)
from tests.worlds.fake_metrics import STALE, UNREACHABLE, counted

_MET = drive(GOOD, version="v2")
_DEAD = between(100.0, 1e9)
_ERROR_RATE = (Trigger.ERROR_RATE_BREACH,)
_NO_TRIGGER: tuple[Trigger, ...] = ()


def judged(window: Window, gate: Gate = _MET, again: Gate | None = None) -> Judgement:
    return judge(
        Facts(
            gate=gate,
            rule=RULE,
            on_late_start=OnLateStart.WARN,
            window_policy=window.policy,
            window=window,
            recheck=again,
        )
    )


def watched(answers: Answers, *streams: Stream, **changes: Any) -> Window:
    window = opened(*streams, **changes)
    watch(window, answers)
    return window


def late_by_a_minute() -> Window:
    """A window whose runner stood still for its last minute."""
    window = opened()
    while (slot := window.next()) is not None:
        at = slot.at_seconds
        if at >= window.ends_seconds - 60.0:
            window.missed(slot, at)
        else:
            window.sent(slot)
            window.feed(slot.ticket, sample(at=at), heard_seconds=at, now_seconds=at)
    window.close(window.ends_seconds)
    return window


def told(reading: TrafficReading, answers: Answers | None = None, **policy: object) -> Window:
    """A window with one look at real traffic, at its beginning."""
    window = opened(traffic=TrafficPolicy(**policy))  # type: ignore[arg-type]
    window.read_traffic(reading, 12.0)
    watch(window, answers or like(GOOD))
    return window


def every(number: int, outcome: Outcome = Outcome.HTTP_5XX) -> World:
    """A world in which every so many seconds all answers of one second are such."""
    return lambda now: outcome if int(now) % number == 0 else Outcome.OK


def in_turn() -> Answers:
    turns = iter([("v2", Outcome.OK), ("v3", Outcome.WRONG_VERSION)] * 200)

    def answer(slot: Slot) -> Sample:
        version, outcome = next(turns)
        return sample(outcome, slot.at_seconds, version=version)

    return answer


def plainly(reason: str) -> str:
    """The reason without the spaces before its percents."""
    return re.sub(r"\s+%", "%", reason)


Expected = tuple[str, Verdict, Cause, tuple[Trigger, ...], str]
_ROWS: list[tuple[Callable[[], Window], Expected]] = [
    (
        lambda: told(counted(30.0, 100.0, before=(300.0, 1000.0)), like(_DEAD)),
        (
            "pre-existing",
            Verdict.DEGRADED,
            Cause.PRE_EXISTING,
            _NO_TRIGGER,
            "; the deploy did not cause it: 30 of 100 requests of real traffic failed (30.0%)",
        ),
    ),
    (
        lambda: watched(like(between(100.0, 1e9, Outcome.TLS_EXPIRED))),
        (
            "window-path",
            Verdict.UNHEALTHY,
            Cause.PATH,
            (Trigger.SERVICE_UNAVAILABILITY,),
            (
                "every request to health failed since 100 s after the deploy (limit 15 s): "
                "what tls_expired looks like"
            ),
        ),
    ),
    (
        lambda: watched(
            like({"/api": always(Outcome.HTTP_4XX)}), HEALTH, api(), ready_by_seconds=90.0
        ),
        (
            "window-config",
            Verdict.UNHEALTHY,
            Cause.CONFIG,
            _ERROR_RATE,
            "all 41 requests to /api failed (limit 5%), failing since 11 s after the deploy: ",
        ),
    ),
    (
        lambda: watched(like(_DEAD)),
        (
            "window-outage",
            Verdict.UNHEALTHY,
            Cause.APP,
            (Trigger.SERVICE_UNAVAILABILITY,),
            (
                "every request to health failed since 100 s after the deploy (limit 15 s): "
                "what http_5xx looks like"
            ),
        ),
    ),
    (
        lambda: watched(like({"/api": _DEAD}), HEALTH, api()),
        (
            "window-breach",
            Verdict.UNHEALTHY,
            Cause.APP,
            _ERROR_RATE,
            " requests to /api failed (",
        ),
    ),
    (
        lambda: told(counted(60.0, 400.0)),
        (
            "window-traffic",
            Verdict.UNHEALTHY,
            Cause.APP,
            _ERROR_RATE,
            "60 of 400 requests of real traffic failed (15.0%)",
        ),
    ),
    (
        lambda: watched(
            lambda slot: sample(
                Outcome.OK if slot.at_seconds < 102.5 else Outcome.WRONG_VERSION,
                version="v2" if slot.at_seconds < 102.5 else "v3",
            )
        ),
        (
            "window-superseded",
            Verdict.INCONCLUSIVE,
            Cause.SUPERSEDED,
            _NO_TRIGGER,
            "another deploy took over: version v3 answers since",
        ),
    ),
    (
        lambda: watched(in_turn()),
        (
            "window-mixed",
            Verdict.UNHEALTHY,
            Cause.WRONG_VERSION,
            _NO_TRIGGER,
            "two versions answer at once: ",
        ),
    ),
    (
        lambda: told(UNREACHABLE, on_no_data=OnNoData.FAIL),
        (
            "no-traffic-fail",
            Verdict.UNHEALTHY,
            Cause.OBSERVER,
            _NO_TRIGGER,
            "no count of real traffic (unreachable): the source answered HTTP 503",
        ),
    ),
    (
        lambda: watched(like(between(60.0, 1e9, Outcome.CACHED))),
        (
            "window-cached",
            Verdict.INCONCLUSIVE,
            Cause.CONFIG,
            _NO_TRIGGER,
            (
                "inconclusive because 240 of 290 answers from health say nothing about the "
                "service, all of the last 241 s; last: what cached looks like"
            ),
        ),
    ),
    (
        lambda: watched(like(between(60.0, 1e9, Outcome.QUERY_REFUSED))),
        (
            "window-query",
            Verdict.INCONCLUSIVE,
            Cause.CONFIG,
            _NO_TRIGGER,
            "last: what query_refused looks like",
        ),
    ),
    (
        lambda: watched(like(between(60.0, 1e9, Outcome.WAF_CHALLENGE))),
        (
            "window-challenge",
            Verdict.INCONCLUSIVE,
            Cause.PATH,
            _NO_TRIGGER,
            "last: what waf_challenge looks like",
        ),
    ),
    (
        lambda: watched(like(between(200.0, 1e9, Outcome.OBSERVER_LATE))),
        (
            "observer-late-timeouts",
            Verdict.INCONCLUSIVE,
            Cause.OBSERVER,
            _NO_TRIGGER,
            "all of the last 101 s; last: what observer_late looks like",
        ),
    ),
    (
        lambda: watched(like(GOOD, took=2.55, observer_delay_seconds=2.5)),
        (
            "observer-late",
            Verdict.INCONCLUSIVE,
            Cause.OBSERVER,
            _NO_TRIGGER,
            "290 of 290 probes were sent or read more than 1 s late, 2.5 s in the median",
        ),
    ),
    (
        lambda: watched(like(between(60.0, 1e9, Outcome.RATE_LIMITED))),
        (
            "window-silent",
            Verdict.INCONCLUSIVE,
            Cause.OBSERVER,
            _NO_TRIGGER,
            "last: what rate_limited looks like",
        ),
    ),
    (
        lambda: watched(like(every(27)), length_seconds=60.0, begun=2.0),
        (
            "window-unsure",
            Verdict.INCONCLUSIVE,
            Cause.APP,
            _NO_TRIGGER,
            "requests to the health endpoint failed (",
        ),
    ),
    (
        lambda: told(STALE, on_no_data=OnNoData.INCONCLUSIVE),
        (
            "no-traffic-inconclusive",
            Verdict.INCONCLUSIVE,
            Cause.OBSERVER,
            _NO_TRIGGER,
            "no count of real traffic (no-series): no series is called shop",
        ),
    ),
    (
        lambda: watched(like({"health@b": BAD}), HEALTH, machine("a"), machine("b")),
        (
            "window-machine",
            Verdict.DEGRADED,
            Cause.APP,
            _NO_TRIGGER,
            "hides it from users: all 48 requests to machine b failed (",
        ),
    ),
    (
        lambda: watched(like(between(100.0, 104.0))),
        (
            "window-slo",
            Verdict.DEGRADED,
            Cause.APP,
            _NO_TRIGGER,
            "the error rate misses its SLO of 1%: 1 in ",
        ),
    ),
    (
        lambda: told(counted(12.0, 400.0)),
        (
            "window-traffic-slo",
            Verdict.DEGRADED,
            Cause.APP,
            _NO_TRIGGER,
            "12 of 400 requests of real traffic failed (3.0%)",
        ),
    ),
    (
        lambda: told(counted(120.0, 400.0, before=(600.0, 2000.0))),
        (
            "traffic-pre-existing",
            Verdict.DEGRADED,
            Cause.PRE_EXISTING,
            _NO_TRIGGER,
            "before the deploy it was 600 of 2000",
        ),
    ),
    (
        lambda: watched(like(GOOD, took=0.8)),
        (
            "window-slow",
            Verdict.DEGRADED,
            Cause.APP,
            _NO_TRIGGER,
            (
                "health misses its response-time SLO p95 < 500 ms: 289 of 289 answers took longer, "
                "5% may"
            ),
        ),
    ),
    (
        lambda: watched(like(always(Outcome.DEGRADED_BODY))),
        (
            "window-degraded",
            Verdict.DEGRADED,
            Cause.APP,
            _NO_TRIGGER,
            "health answers as degraded: what degraded_body looks like",
        ),
    ),
]


@pytest.mark.parametrize(("make", "expected"), _ROWS, ids=[row[1][0] for row in _ROWS])
def test_a_window_reaches_its_row(make: Callable[[], Window], expected: Expected) -> None:
    found = judged(make())
    row, verdict, cause, triggers, sentence = expected

    assert (found.row, found.verdict, found.cause) == (row, verdict, cause), found.reason
    assert found.triggers == triggers
    assert sentence in plainly(found.reason)


def test_a_timeout_by_another_stream_s_limit_names_whoever_was_limited() -> None:
    limited = {"/api": between(60.0, 1e9, Outcome.RATE_LIMITED)}

    found = judged(watched(like(limited, retry_after_seconds=900.0), HEALTH, api()))

    assert (found.row, found.cause) == ("window-silent", Cause.OBSERVER)
    assert plainly(found.reason) == (
        "inconclusive because health gave no answer in the last 238 s; all probes paused, as /api "
        "was rate limited; last: what rate_limited looks like"
    )


def test_a_timeout_by_a_late_runner_blames_the_runner() -> None:
    found = judged(late_by_a_minute())

    assert (found.row, found.cause) == ("window-silent", Cause.OBSERVER)
    assert found.reason == (
        "inconclusive because health gave no answer in the last 61 s; "
        "60 of its probes were not sent, as the runner was late"
    )


def test_a_failure_that_was_answered_fails_the_deploy_however_late_the_runner_is() -> None:
    found = judged(watched(like(_DEAD, observer_delay_seconds=3.0, took=3.1)))

    assert (found.row, found.verdict) == ("window-outage", Verdict.UNHEALTHY)


def test_a_runner_that_is_late_now_and_then_decides_nothing() -> None:
    def answer(slot: Slot) -> Sample:
        late = 2.0 if int(slot.at_seconds) % 3 == 0 else 0.0
        return sample(at=slot.at_seconds, total_seconds=late + 0.05, observer_delay_seconds=late)

    assert judged(watched(answer)).row == "met"


def test_the_cases_above_leave_no_row_of_a_window_out() -> None:
    begins = ("window-", "no-traffic-", "traffic-", "pre-existing", "observer-")

    assert [row[1][0] for row in _ROWS] == [
        row.name for row in TABLE if row.name.startswith(begins)
    ]


def test_a_breach_says_what_failed_how_often_since_when_against_which_limit_and_how() -> None:
    window = watched(like({"/api": _DEAD}), HEALTH, api())
    rate = window.stream_stats["/api"].rate
    details = rate_details("/api", rate, window)

    assert plainly(judged(window).reason) == (
        f"51% of requests to /api failed ({rate.bad} of {rate.valid}, limit 5%), failing since "
        "102 s after the deploy: what http_5xx looks like"
    )
    for part in ("/api: ", " failed (", "any-time interval", "more than 5"):
        assert part in details


def test_a_healthy_window_adds_what_it_saw_to_the_gates_reason() -> None:
    found = judged(watched(like(GOOD), HEALTH, api()))

    assert (found.verdict, found.row) == (Verdict.HEALTHY, "met")
    assert "; none of 290 requests failed in the observation window" in found.reason


def test_what_recovered_in_the_last_look_is_degraded_where_the_window_is_well() -> None:
    missed = drive(BAD)
    again = drive(GOOD, policy=recheck(GatePolicy()), begun=95.0)
    found = judged(watched(like(GOOD), begun=100.0), missed, again)

    assert (found.row, found.verdict, found.cause) == ("recovered", Verdict.DEGRADED, Cause.APP)
    assert "in the recheck before the rollback; none of 200" in found.reason


def test_what_recovered_in_the_last_look_is_unhealthy_where_the_window_is_not() -> None:
    missed = drive(BAD)
    again = drive(GOOD, policy=recheck(GatePolicy()), begun=95.0)
    found = judged(watched(like(every(2)), begun=100.0), missed, again)

    assert (found.row, found.verdict) == ("window-breach", Verdict.UNHEALTHY)


def test_a_late_gate_stays_degraded_however_well_the_window_is() -> None:
    gate = drive(healthy_from(86.0))
    found = judged(watched(like(GOOD), begun=87.0), gate)

    assert (found.row, found.verdict) == ("late", Verdict.DEGRADED)
    assert "; none of 213 requests failed in the observation window" in found.reason


def test_a_window_may_fail_before_the_gate_has_ended() -> None:
    gate = replace(_MET, observations=_MET.observations[:1])
    found = judged(watched(like(_DEAD)), gate)

    assert (gate.end, found.row) == (None, "window-outage")


def test_a_window_that_was_stopped_decides_nothing() -> None:
    found = judged(opened())

    assert (found.row, found.verdict, found.cause) == (
        "interrupted",
        Verdict.INCONCLUSIVE,
        Cause.OBSERVER,
    )


def test_four_xx_of_an_endpoint_that_answered_well_before_blame_the_app() -> None:
    dead = between(100.0, 1e9, Outcome.HTTP_4XX)
    found = judged(watched(like({"/api": dead}), HEALTH, api()))

    assert (found.row, found.cause) == ("window-breach", Cause.APP)


def test_a_restored_service_is_judged_by_the_plain_rule_of_its_minute() -> None:
    minute = {"length_seconds": 60.0, "begun": 5.0, "rates": PLAIN}
    rule = VersionRule(rejected="v3")
    context = JudgementContext(since="rollback")
    restored = partial(
        Facts,
        gate=_MET,
        rule=rule,
        on_late_start=OnLateStart.WARN,
        window_policy=WindowPolicy(),
        context=context,
    )
    well = judge(restored(window=watched(like(every(27)), **minute)))
    ill = judge(restored(window=watched(like(every(9)), **minute)))
    mixed = judge(restored(window=watched(in_turn(), **minute)))

    assert well.verdict in (Verdict.HEALTHY, Verdict.DEGRADED)
    assert (ill.verdict, ill.row, ill.triggers) == (
        Verdict.UNHEALTHY,
        "window-breach",
        _ERROR_RATE,
    )
    assert (mixed.verdict, mixed.row) == (Verdict.UNHEALTHY, "window-mixed")
    assert "of the rollback" in well.reason or "misses its SLO" in well.reason


@pytest.mark.parametrize("meaning", OnNoData)
def test_no_data_means_what_the_policy_says(meaning: OnNoData) -> None:
    found = judged(told(UNREACHABLE, on_no_data=meaning))
    expected = {
        OnNoData.SYNTHETIC: (Verdict.HEALTHY, "met"),
        OnNoData.PASS: (Verdict.HEALTHY, "met"),
        OnNoData.INCONCLUSIVE: (Verdict.INCONCLUSIVE, "no-traffic-inconclusive"),
        OnNoData.FAIL: (Verdict.UNHEALTHY, "no-traffic-fail"),
    }

    assert (found.verdict, found.row) == expected[meaning]


def test_no_source_at_all_is_never_a_lack_of_data() -> None:
    window = opened(traffic=TrafficPolicy(on_no_data=OnNoData.FAIL))
    watch(window, like(GOOD))

    assert judged(window).verdict is Verdict.HEALTHY


def test_a_dead_source_does_not_save_a_dead_service() -> None:
    found = judged(told(UNREACHABLE, like(_DEAD), on_no_data=OnNoData.PASS))

    assert found.row == "window-outage"


def test_failures_add_up_over_endpoints_that_fail_alone_too_rarely() -> None:
    seldom = {f"/{n}": every(11) for n in range(8)}
    window = watched(like(seldom), *[api(path) for path in seldom])

    assert judged(window).verdict is Verdict.UNHEALTHY


def test_the_plain_rule_fails_at_the_end_of_a_short_window() -> None:
    window = watched(like(every(9)), length_seconds=60.0, begun=2.0, rates=PLAIN)
    found = judged(window)

    assert (found.row, found.triggers) == ("window-breach", _ERROR_RATE)


def test_a_rate_policy_needs_its_slo_below_its_trigger() -> None:
    with pytest.raises(ValueError, match="slo"):
        RatePolicy(slo=RatePolicy().trigger * 2)
