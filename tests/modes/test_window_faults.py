"""What goes wrong around a window, and what is said of it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime

import pytest

from slo_action.core.model import (
    Cause,
    Ending,
    Outcome,
    Phases,
    Probe,
    Release,
    Response,
    RollbackStep,
    Sample,
    Trigger,
    Verdict,
    VersionRule,
    Witness,
)
from slo_action.core.observation.policy import WindowPolicy
from slo_action.core.observation.real_traffic import (
    OnNoData,
    TrafficPolicy,
    TrafficReading,
    TrafficState,
    TrafficVerdict,
)
from slo_action.core.observation.window import Window, WindowEnd
from slo_action.core.policy.policy import Policy
from slo_action.core.record.record import AuditRecord
from slo_action.modes.verify import verify
from tests.builders import World, always
from tests.worlds.fake_metrics import FakeMetricSource, steady
from tests.worlds.memory_ports import VirtualRun
from tests.worlds.virtual_pool import VirtualPool

GOOD = always(Outcome.OK)
POLICY = Policy(rule=VersionRule(expected="v2"))
API = Probe(witness=Witness.API, url="https://dashboard.example/api")

Change = Callable[[Sample, float], Sample]
"""What becomes of an answer of the service, at a second since the deploy."""


def deployed(v2: World = GOOD, change: Change | None = None) -> VirtualRun:
    """A deploy whose window's answers are changed; those of the gate are not."""
    stage = VirtualRun({"v1": GOOD, "v2": v2}, live="v2")

    def answer(probe: Probe, at: float) -> Sample:
        found = stage.deploy.answer(probe, at)
        asked = change is not None and probe.witness is not Witness.CONTROL
        return change(found, at) if change and asked and stage.deploy.live == "v2" else found

    stage.pool = VirtualPool(stage.clock, answer)
    return stage


def run(stage: VirtualRun, policy: Policy = POLICY) -> AuditRecord:
    return verify(stage.request(policy), stage.ports)


def shown(record: AuditRecord) -> Window:
    assert record.window is not None
    return record.window


def becomes(
    outcome: Outcome, detail: str, since: float = 0.0, witness: Witness = Witness.HEALTH
) -> Change:
    def change(found: Sample, at: float) -> Sample:
        if at < since or found.witness is not witness:
            return found
        return replace(found, outcome=outcome, detail=detail)

    return change


# What the service answers.

_HUGE = "the body is larger than 65536 bytes"


def test_endless_bodies_of_an_endpoint_that_was_well_before_are_the_deploys_fault() -> None:
    record = run(deployed(change=becomes(Outcome.BODY_TOO_LARGE, _HUGE, since=60.0)))

    assert (record.judgement.verdict, record.judgement.cause) == (Verdict.UNHEALTHY, Cause.APP)
    assert record.judgement.reason.endswith(f": {_HUGE}")
    assert record.ending is Ending.ROLLED_BACK_VERIFIED


def test_endless_bodies_of_an_endpoint_that_never_was_well_are_the_checks_fault() -> None:
    stage = deployed(change=becomes(Outcome.BODY_TOO_LARGE, _HUGE, witness=Witness.API))
    stage.endpoints = (API,)
    record = run(stage)

    assert (record.judgement.verdict, record.judgement.cause) == (
        Verdict.UNHEALTHY,
        Cause.CONFIG,
    )
    assert record.judgement.reason.startswith("all 41 requests to /api failed (")
    assert record.judgement.reason.endswith(f": {_HUGE}")
    assert stage.deploy.live == "v2"


def test_a_firewall_that_challenges_the_whole_window_decides_nothing() -> None:
    told = "answers 403 with a challenge"
    record = run(deployed(change=becomes(Outcome.WAF_CHALLENGE, told)))

    assert (record.judgement.verdict, record.judgement.cause) == (
        Verdict.INCONCLUSIVE,
        Cause.PATH,
    )
    assert record.judgement.reason == (
        "inconclusive because 300 of 300 answers from health say nothing about the service, "
        "all of the last 290 s; "
        f"last: {told}"
    )


def test_a_service_that_asks_for_patience_gets_it() -> None:
    """A 429 for half a minute is no failure, and the rest of the window is enough."""
    asked: list[float] = []

    def limited(found: Sample, at: float) -> Sample:
        asked.append(at)
        if 60.0 <= at < 62.0:
            return replace(found, outcome=Outcome.RATE_LIMITED, retry_after_seconds=30.0)
        return found

    record = run(deployed(change=limited))

    assert not [at for at in asked if 63.0 < at < 89.0]
    assert shown(record).stream_stats["health"].rate.bad == 0
    assert record.judgement.verdict is Verdict.HEALTHY


def test_a_limit_for_the_rest_of_the_window_decides_nothing_and_is_reported() -> None:
    def limited(found: Sample, _: float) -> Sample:
        told = "answers 429 and asks to wait for 3600 s"
        return replace(found, outcome=Outcome.RATE_LIMITED, retry_after_seconds=3600.0, detail=told)

    record = run(deployed(change=limited))

    assert record.judgement.verdict is Verdict.INCONCLUSIVE
    assert record.judgement.cause is Cause.OBSERVER
    assert "asks to wait for 3600 s" in record.judgement.reason


def _dated(found: Sample, date: str) -> Sample:
    response = Response(
        http_version="HTTP/1.1",
        status=200,
        reason="OK",
        headers=(("Date", date),),
        body="{}",
        body_bytes=2,
    )
    return replace(found, response=response, phases=Phases())


@pytest.mark.parametrize("skew", [-45.0, 45.0])
def test_a_service_whose_clock_is_wrong_is_not_taken_for_a_cache(skew: float) -> None:
    def skewed(found: Sample, _: float) -> Sample:
        return _dated(found, format_datetime(found.at + timedelta(seconds=skew), usegmt=True))

    record = run(deployed(change=skewed))

    assert record.judgement.verdict is Verdict.HEALTHY
    assert Outcome.CACHED not in shown(record).stream_stats["health"].outcomes


def test_answers_that_all_have_one_date_come_from_a_cache_and_decide_nothing() -> None:
    def kept(found: Sample, at: float) -> Sample:
        return _dated(found, "Mon, 02 Nov 2026 10:00:00 GMT") if at > 30.0 else found

    record = run(deployed(change=kept))

    assert (record.judgement.verdict, record.judgement.cause) == (
        Verdict.INCONCLUSIVE,
        Cause.CONFIG,
    )
    assert "its Date header is that of an earlier answer" in record.judgement.reason


def test_answers_of_a_cache_for_a_while_do_not_matter() -> None:
    def kept(found: Sample, at: float) -> Sample:
        return _dated(found, "Mon, 02 Nov 2026 10:00:00 GMT") if 30.0 < at < 60.0 else found

    record = run(deployed(change=kept))

    assert record.judgement.verdict is Verdict.HEALTHY
    assert shown(record).stream_stats["health"].outcomes[Outcome.CACHED] > 20


def test_a_service_that_hangs_is_rolled_back_though_no_answer_ever_comes() -> None:
    def hangs(found: Sample, at: float) -> Sample:
        return replace(found, total_seconds=3600.0) if at >= 100.0 else found

    record = run(deployed(change=hangs))

    assert record.judgement.verdict is Verdict.UNHEALTHY
    assert Trigger.RESPONSE_TIME_DEGRADATION in record.judgement.triggers
    assert "timed out after 6.0 s" in record.judgement.reason
    assert shown(record).ended_seconds < 122.0


# What the metric source says.

_BAD_READINGS = {
    "unreachable": (TrafficState.UNREACHABLE, "the source could not be reached: refused"),
    "unauthorized": (TrafficState.UNREACHABLE, "the source answered HTTP 401"),
    "malformed": (TrafficState.UNREACHABLE, "the source's answer is no JSON"),
    "huge": (TrafficState.UNREACHABLE, "the source's answer is larger than 1 MiB"),
    "wrong type": (TrafficState.NO_RATIO, "the query returned a string"),
    "nothing": (TrafficState.NO_SERIES, "no series matches the service"),
    "not a number": (TrafficState.NOT_A_NUMBER, "the query returned NaN"),
}


def _reading(kind: str) -> TrafficReading:
    state, detail = _BAD_READINGS[kind]
    return TrafficReading(state=state, at_seconds=0.0, detail=detail)


def metered(
    traffic: Callable[[float], TrafficReading] | TrafficReading,
    v2: World = GOOD,
    seconds: float = 0.2,
) -> VirtualRun:
    stage = deployed(v2)
    source = FakeMetricSource(stage.clock, seconds=seconds)
    source.becomes(traffic)
    stage.metrics = source
    return stage


def meaning(word: OnNoData) -> Policy:
    return replace(POLICY, window=WindowPolicy(traffic=TrafficPolicy(on_no_data=word)))


@pytest.mark.parametrize("kind", _BAD_READINGS)
@pytest.mark.parametrize("word", OnNoData)
def test_a_source_without_numbers_means_what_the_user_wants(kind: str, word: OnNoData) -> None:
    stage = metered(_reading(kind))
    record = run(stage, meaning(word))
    expected = {
        OnNoData.SYNTHETIC: (Verdict.HEALTHY, Cause.NONE),
        OnNoData.PASS: (Verdict.HEALTHY, Cause.NONE),
        OnNoData.INCONCLUSIVE: (Verdict.INCONCLUSIVE, Cause.OBSERVER),
        OnNoData.FAIL: (Verdict.UNHEALTHY, Cause.OBSERVER),
    }[word]
    state, detail = _BAD_READINGS[kind]

    assert (record.judgement.verdict, record.judgement.cause) == expected
    assert shown(record).traffic.sentence == f"no count of real traffic ({state}): {detail}"
    if word in (OnNoData.INCONCLUSIVE, OnNoData.FAIL):
        assert record.judgement.reason == shown(record).traffic.sentence
    assert stage.deploy.live == "v2"


def test_a_source_that_never_answers_delays_nothing() -> None:
    stage = metered(steady(0.0), seconds=1e6)
    record = run(stage)

    assert record.judgement.verdict is Verdict.HEALTHY
    assert shown(record).readings[-1].state is TrafficState.UNREACHABLE
    assert "has not answered" in shown(record).traffic.sentence
    assert stage.clock.monotonic() < 301.0


def test_a_slow_source_is_heard_all_the_same() -> None:
    record = run(metered(_reading("unauthorized"), seconds=40.0), meaning(OnNoData.INCONCLUSIVE))

    assert 6 <= len(shown(record).readings) <= 7
    assert "HTTP 401" in record.judgement.reason


def test_the_source_is_asked_every_fifteen_seconds() -> None:
    stage = metered(steady(0.0))
    run(stage)
    assert isinstance(stage.metrics, FakeMetricSource)
    gaps = [b - a for a, b in zip(stage.metrics.asked, stage.metrics.asked[1:], strict=False)]

    assert 18 <= len(stage.metrics.asked) <= 21
    assert min(gaps) >= 15.0


def test_errors_that_only_users_meet_are_rolled_back() -> None:
    stage = metered(steady(0.2, since=60.0))
    record = run(stage)

    assert stage.deploy.live == "v1"
    assert record.judgement.triggers == (Trigger.ERROR_RATE_BREACH,)
    assert shown(record).end is WindowEnd.TRAFFIC
    assert "requests of real traffic failed" in record.judgement.reason


def test_what_users_met_before_a_rollback_says_nothing_of_what_it_restored() -> None:
    stage = metered(steady(0.2, since=60.0))
    source = stage.metrics
    assert isinstance(source, FakeMetricSource)
    begin = stage.deploy.restore

    def restore(
        target: Release | None, failed: str | None, journal: Callable[[str], None]
    ) -> tuple[RollbackStep, ...]:
        source.becomes(steady(0.02))
        return begin(target, failed, journal)

    stage.deploy.restore = restore  # type: ignore[method-assign]
    record = run(stage)

    assert record.ending is Ending.ROLLED_BACK_VERIFIED


def test_users_errors_from_before_the_deploy_are_no_reason_to_roll_back() -> None:
    stage = metered(steady(0.2, before=(600.0, 3000.0)), _tenth)
    record = run(stage)

    assert (record.judgement.verdict, record.judgement.cause) == (
        Verdict.DEGRADED,
        Cause.PRE_EXISTING,
    )
    assert "before the deploy it was 600 of 3000 (20.0" in record.judgement.reason
    assert stage.deploy.live == "v2"


def _tenth(now: float) -> Outcome:
    return Outcome.HTTP_5XX if now > 45 and int(now) % 10 == 0 else Outcome.OK


def test_a_source_that_dies_keeps_its_last_numbers() -> None:
    stage = metered(steady(0.03))
    source = stage.metrics
    assert isinstance(source, FakeMetricSource)
    stage.deploy.at(200.0, lambda: source.becomes(_reading("unreachable")))
    record = run(stage)

    assert shown(record).traffic.verdict is TrafficVerdict.ELEVATED
    assert record.judgement.verdict is Verdict.DEGRADED


def test_text_of_the_source_are_printable() -> None:
    evil = TrafficReading(
        state=TrafficState.UNREACHABLE, at_seconds=0.0, detail="no\n::error::\x1b[31mgo"
    )
    record = run(metered(evil), meaning(OnNoData.INCONCLUSIVE))

    assert "\n" not in record.judgement.reason
    assert "\x1b" not in record.judgement.reason
