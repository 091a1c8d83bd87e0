"""The observation window from end to end, in a world where rollbacks really restore."""

import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import pytest

from slo_action.core.decision.decide import Action, RollbackMode
from slo_action.core.gate.gate import GateEnd
from slo_action.core.model import (
    Cause,
    Ending,
    Outcome,
    Probe,
    Sample,
    Trigger,
    Verdict,
    VersionRule,
    Witness,
)
from slo_action.core.observation.observer_delay import ObserverDelay
from slo_action.core.observation.policy import WindowPolicy
from slo_action.core.observation.streams import Stream
from slo_action.core.observation.window import Window, WindowEnd
from slo_action.core.policy.policy import Policy
from slo_action.core.record.record import AuditRecord
from slo_action.core.release.fleet import Machine
from slo_action.core.stats.rate_test import RatePolicy
from slo_action.core.verdict.facts import OnLateStart
from slo_action.modes.steps.window import WindowDriver
from slo_action.modes.verify import verify
from tests.builders import World, always, healthy_from, sample
from tests.worlds.memory_ports import VirtualRun
from tests.worlds.virtual_clock import VirtualClock
from tests.worlds.virtual_pool import VirtualPool

GOOD = always(Outcome.OK)
BAD = always(Outcome.HTTP_5XX)
POLICY = Policy(rule=VersionRule(expected="v2"))
API = Probe(witness=Witness.API, url="https://dashboard.example/api")


def deployed(v2: World, v1: World = GOOD) -> VirtualRun:
    return VirtualRun({"v1": v1, "v2": v2}, live="v2")


def run(stage: VirtualRun, policy: Policy = POLICY, *, control: bool = True) -> AuditRecord:
    return verify(stage.request(policy, control=control), stage.ports)


def with_api(stage: VirtualRun, api: World) -> VirtualRun:
    """Add an endpoint whose answers have nothing to do with those of the health endpoint.

    The release before answers well on it.
    """

    def answer(probe: Probe, at: float) -> Sample:
        found = stage.deploy.answer(probe, at)
        if probe.witness is not Witness.API or stage.deploy.live != "v2":
            return found
        outcome = api(stage.clock.monotonic())
        return replace(found, outcome=outcome, detail=f"what {outcome} looks like", status=200)

    stage.endpoints = (API,)
    stage.pool = VirtualPool(stage.clock, answer)
    return stage


def shown(record: AuditRecord) -> Window:
    assert record.window is not None
    return record.window


def broken_from(second: float, outcome: Outcome = Outcome.CONNECT_REFUSED) -> World:
    return lambda now: outcome if now >= second else Outcome.OK


def every(number: int, since: float = 0.0) -> World:
    """A world in which all answers of one second of so many fail."""
    return lambda now: Outcome.HTTP_5XX if now >= since and int(now) % number == 0 else Outcome.OK


# Endings.


def test_a_good_deploy_is_watched_until_five_minutes_after_it() -> None:
    stage = deployed(GOOD)
    record = run(stage)
    window = shown(record)

    assert (record.ending, record.exit_code) == (Ending.VERIFIED, 0)
    assert (window.end, window.ended_seconds) == (WindowEnd.OVER, 300.0)
    assert window.stream_stats["health"].rate.bad == 0
    assert stage.clock.monotonic() == pytest.approx(300.0, abs=1.0)
    assert "none of 290 requests failed in the observation window" in record.judgement.reason
    assert stage.deploy.live == "v2"


def test_the_window_begins_at_the_first_sign_of_life_and_not_when_the_gate_is_met() -> None:
    record = run(deployed(healthy_from(40.0)))

    assert shown(record).begun_seconds == pytest.approx(40.0, abs=2.5)
    assert record.gate.attempts[-1].ended_seconds > 44.0
    assert record.judgement.verdict is Verdict.HEALTHY


def test_a_service_that_dies_after_two_minutes_is_rolled_back_fifteen_seconds_later() -> None:
    stage = deployed(broken_from(120.0))
    record = run(stage)

    assert record.ending is Ending.ROLLED_BACK_VERIFIED
    assert record.judgement.triggers == (Trigger.SERVICE_UNAVAILABILITY,)
    assert 134.0 < shown(record).ended_seconds < 138.0
    assert stage.deploy.live == "v1"
    assert "failed since 12" in record.judgement.reason


def test_a_rollback_is_verified_by_a_gate_and_a_minute_of_its_own() -> None:
    record = run(deployed(broken_from(120.0)))
    assert record.rollback is not None
    assert record.rollback.verification is not None
    after = record.rollback.verification
    assert after.window is not None

    assert after.gate.end is GateEnd.MET
    assert after.window.end is WindowEnd.OVER
    assert 59.0 <= after.window.ends_seconds - after.window.begun_seconds <= 71.0
    assert after.window.policy.rates.confidence == 0.0
    assert after.judgement.verdict is Verdict.HEALTHY


def test_what_a_rollback_restored_is_not_verified_where_it_fails_in_its_own_minute() -> None:
    record = run(deployed(broken_from(120.0), every(7)))

    assert (record.ending, record.exit_code) == (Ending.ROLLED_BACK_UNHEALTHY, 12)


def test_ten_percent_of_errors_are_rolled_back_before_the_window_is_over() -> None:
    record = run(deployed(every(10)))

    assert record.ending is Ending.ROLLED_BACK_VERIFIED
    assert record.judgement.triggers == (Trigger.ERROR_RATE_BREACH,)
    assert shown(record).end is WindowEnd.BREACHED
    assert shown(record).ended_seconds < 200.0


def test_ten_percent_of_errors_are_rolled_back_by_the_plain_rule_too() -> None:
    plain = replace(POLICY, window=WindowPolicy(rates=RatePolicy(confidence=0.0)))
    record = run(deployed(every(10)), plain)

    assert record.ending is Ending.ROLLED_BACK_VERIFIED


def test_an_endpoint_that_dies_while_health_is_fine_is_rolled_back() -> None:
    record = run(with_api(deployed(GOOD), broken_from(60.0, Outcome.HTTP_5XX)))

    assert record.ending is Ending.ROLLED_BACK_VERIFIED
    assert record.judgement.reason.startswith("66 % of requests to /api failed (")
    assert shown(record).breached[0] == "/api"
    assert "health" in shown(record).stream_stats


def test_an_endpoint_that_never_answered_well_is_failed_once_the_deadline_is_over() -> None:
    record = run(with_api(deployed(GOOD), BAD))

    assert record.ending is Ending.ROLLED_BACK_VERIFIED
    assert 90.0 <= shown(record).ended_seconds < 95.0


def test_a_gate_that_is_met_late_is_watched_for_the_rest_and_stays_degraded() -> None:
    record = run(deployed(healthy_from(88.0)))

    assert record.gate.end is GateEnd.LATE
    assert (record.judgement.verdict, record.judgement.row) == (Verdict.DEGRADED, "late")
    assert shown(record).end is WindowEnd.OVER


def test_a_gate_that_was_missed_is_not_watched_any_longer() -> None:
    stage = deployed(BAD)
    record = run(stage)

    assert record.window is None
    assert record.judgement.triggers[0] is Trigger.HEALTH_CHECK_FAILURE
    assert record.ending is Ending.ROLLED_BACK_VERIFIED


def _recovers(then: World) -> Callable[[float], Outcome]:
    return lambda now: Outcome.HTTP_5XX if now < 90.03 else then(now)


def test_what_recovers_in_the_last_look_is_watched_on() -> None:
    stage = deployed(_recovers(GOOD))
    record = run(stage)

    assert record.gate.end is GateEnd.MISSED
    assert record.recheck is not None
    assert record.judgement.row == "recovered"
    assert shown(record).end is WindowEnd.OVER
    assert stage.deploy.live == "v2"


def test_what_recovers_in_the_last_look_and_then_fails_half_the_time_is_rolled_back() -> None:
    def flapping(now: float) -> Outcome:
        return Outcome.HTTP_5XX if now > 100 and now * 53 % 100 < 53 else Outcome.OK

    stage = deployed(_recovers(flapping))
    record = run(stage)

    assert record.recheck is not None
    assert record.recheck.end is not GateEnd.MISSED
    assert (record.judgement.row, record.judgement.cause) == ("window-breach", Cause.APP)
    assert record.ending is Ending.ROLLED_BACK_VERIFIED


def test_what_recovers_late_is_rolled_back_to_the_letter_without_a_window() -> None:
    record = run(deployed(_recovers(GOOD)), replace(POLICY, on_late_start=OnLateStart.ROLLBACK))

    assert record.window is None
    assert record.judgement.verdict is Verdict.UNHEALTHY


def test_a_dry_run_watches_too_and_touches_nothing() -> None:
    stage = deployed(broken_from(120.0))
    record = run(stage, replace(POLICY, rollback=RollbackMode.DRY_RUN))

    assert (record.ending, record.decision.action) == (
        Ending.NOT_ROLLED_BACK,
        Action.STAND_DOWN,
    )
    assert stage.deploy.live == "v2"


def test_without_a_window_the_gate_alone_decides() -> None:
    stage = deployed(broken_from(120.0))
    record = run(stage, replace(POLICY, window=WindowPolicy(length_seconds=0.0)))

    assert record.window is None
    assert record.ending is Ending.VERIFIED
    assert stage.clock.monotonic() < 13.0
    assert stage.outputs.values == {}


def test_machines_of_the_platform_are_asked_each_by_itself() -> None:
    stage = deployed(GOOD)
    fleet = [Machine(name=name, headers=(("to", name),)) for name in ("a", "b")]
    stage.deploy.fleet = tuple(fleet)
    record = run(stage)
    asked = [dict(probe.headers).get("to") for probe in stage.deploy.asked]

    by_gate, by_window = 3, 50
    assert asked.count("a") == asked.count("b") == by_gate + by_window
    assert {"health@a", "health@b"} <= set(shown(record).stream_stats)


def test_a_service_that_is_already_dying_while_the_gate_waits_is_failed_at_once() -> None:
    """Good once, then dead: the gate would wait for its deadline."""
    record = run(deployed(lambda now: Outcome.OK if 40 < now < 42.5 else Outcome.HTTP_5XX))

    assert record.judgement.verdict is Verdict.UNHEALTHY
    assert record.ending is Ending.ROLLED_BACK_VERIFIED


# What is told meanwhile.


def test_the_gates_verdict_is_an_output_and_an_annotation_before_the_window_ends() -> None:
    stage = deployed(GOOD)
    seen: list[tuple[str | None, int]] = []
    stage.deploy.at(
        30.0,
        lambda: seen.append(
            (stage.outputs.values.get("provisional-verdict"), len(stage.log.annotations))
        ),
    )
    run(stage)

    assert seen == [("healthy", 1)]


def test_nothing_provisional_is_reported_of_a_gate_that_was_missed() -> None:
    stage = deployed(BAD)
    run(stage)

    assert "provisional-verdict" not in stage.outputs.values


def test_every_answer_is_in_the_evidence_as_a_line() -> None:
    stage = deployed(GOOD)
    run(stage)
    lines = [json.loads(line) for line in stage.evidence.texts["samples.jsonl"].splitlines()]
    kept = [line for line in lines if line["kind"] == "window"]

    assert len(kept) == 300
    assert all(line["stream"] == "health" for line in kept)


def test_the_live_log_states_sums_and_the_first_failures_only() -> None:
    stage = deployed(lambda now: Outcome.WAF_CHALLENGE if now > 60 else Outcome.OK)
    record = run(stage)
    window_lines = [line for line in stage.log.lines if " s  health  waf_challenge" in line]

    assert len(window_lines) == 20
    assert shown(record).stream_stats["health"].rate.neutral == 250
    assert sum("0 of 50 failed (" in line for line in stage.log.lines) >= 7


# What may happen in between.


def test_a_job_that_is_cancelled_in_the_window_decides_nothing_and_keeps_its_evidence() -> None:
    stage = deployed(broken_from(150.0))
    stage.deploy.at(155.0, stage.interrupts.arrive)
    record = run(stage)
    window = shown(record)

    assert (record.judgement.verdict, record.judgement.cause) == (
        Verdict.INCONCLUSIVE,
        Cause.OBSERVER,
    )
    assert (record.ending, record.interrupted) == (Ending.UNDECIDED, "SIGTERM")
    assert (window.end, window.closed_seconds) == (None, None)
    assert len(stage.evidence.texts["samples.jsonl"].splitlines()) >= 150
    assert stage.deploy.live == "v2"
    assert stage.evidence.steps == ["begin verifying dashboard at https://dashboard.example"]


def test_a_full_disk_in_the_window_changes_no_verdict() -> None:
    stage = deployed(broken_from(120.0))
    stage.deploy.at(60.0, lambda: setattr(stage.evidence, "is_full", True))
    record = run(stage)

    assert record.ending is Ending.ROLLED_BACK_VERIFIED


def test_a_runners_network_lost_in_the_window_is_not_the_services_fault() -> None:
    stage = deployed(lambda now: Outcome.CONNECT_TIMEOUT if 100 <= now < 130 else Outcome.OK)
    stage.deploy.at(100.0, lambda: setattr(stage.deploy, "control_answers", False))
    stage.deploy.at(130.0, lambda: setattr(stage.deploy, "control_answers", True))
    record = run(stage)

    assert record.judgement.verdict is Verdict.HEALTHY
    assert shown(record).stream_stats["health"].excused >= 29
    assert stage.deploy.live == "v2"


def test_the_control_is_asked_while_timeouts_are_fresh_and_at_no_other_time() -> None:
    stage = deployed(lambda now: Outcome.CONNECT_TIMEOUT if 100 <= now < 103 else Outcome.OK)
    asked: list[float] = []

    def answer(probe: Probe, at: float) -> Sample:
        if probe.witness is Witness.CONTROL:
            asked.append(at)
        return stage.deploy.answer(probe, at)

    stage.pool = VirtualPool(stage.clock, answer)
    run(stage)

    assert 3 <= len(asked) <= 6
    assert 100.0 <= asked[0] <= 102.0
    assert asked[-1] <= 111.0


def test_a_version_that_takes_over_in_the_window_is_left_alone() -> None:
    stage = deployed(GOOD)
    stage.deploy.at(111.3, lambda: stage.deploy.deploy("v3"))
    record = run(stage)

    assert record.judgement.cause is Cause.SUPERSEDED
    assert record.ending is Ending.UNDECIDED
    assert stage.deploy.live == "v3"


def test_a_deploy_by_another_run_while_the_window_fails_is_left_alone() -> None:
    stage = deployed(broken_from(120.0))
    stage.deploy.at(133.0, lambda: stage.deploy.deploy("v3", BAD))
    record = run(stage)

    assert record.decision.superseded
    assert stage.deploy.live == "v3"


def observer(stage: VirtualRun, *, controlled: bool = True) -> WindowDriver:
    health = Probe(witness=Witness.HEALTH, url="https://dashboard.example/healthz")

    def window(begun: float) -> Window:
        stream = Stream(name="health", probe=health)
        return Window(WindowPolicy(), (stream,), begun_seconds=begun, controlled=controlled)

    return WindowDriver(
        window,
        stage.ports,
        control=None,
        anchor=0.0,
        ask_traffic=lambda: None,
        delay=ObserverDelay(1.0),
    )


def test_a_slot_that_the_host_comes_to_too_late_is_not_sent() -> None:
    stage = deployed(GOOD)
    watching = observer(stage)
    watching.begin()
    watching.until(50.0)
    sent = len(stage.deploy.asked)
    stage.clock.advance(60.0)
    watching.until(111.0)
    window = watching.window
    assert window is not None

    assert window.stream_stats["health"].missed in (58, 59, 60)
    assert len(stage.deploy.asked) - sent <= 3
    assert window.stream_stats["health"].rate.bad == 0


class StallingClock(VirtualClock):
    """A host that sleeps on for so long once in each of the seconds `naps`."""

    def __init__(self, naps: set[int], seconds: float) -> None:
        super().__init__()
        self._naps = naps
        self._seconds = seconds

    def sleep_until(self, instant: float) -> None:
        super().sleep_until(instant)
        if int(instant) in self._naps:
            self._naps.discard(int(instant))
            self.advance(self._seconds)


def test_timeouts_of_a_host_that_overslept_are_not_the_service_s() -> None:
    stage = deployed(GOOD)
    stage.clock = StallingClock({60, 120, 180}, 8.0)

    def answer(_probe: Probe, at: float) -> Sample:
        hidden = any(nap - 5.0 < at < nap for nap in (60, 120, 180))
        return sample(Outcome.READ_TIMEOUT if hidden else Outcome.OK, at, total_seconds=6.0)

    stage.pool = VirtualPool(stage.clock, answer)
    watching = observer(stage, controlled=False)
    watching.begin()
    watching.finish()
    window = watching.window
    assert window is not None
    found = window.stream_stats["health"]

    assert found.rate.bad == 0
    assert found.outcomes[Outcome.OBSERVER_LATE] == 15
    assert found.last_neutral is not None
    assert "this host was 8 s late" in found.last_neutral.detail


def test_an_observer_that_never_saw_a_sign_of_life_sends_nothing() -> None:
    stage = deployed(GOOD)
    watching = observer(stage)
    watching.until(50.0)
    watching.finish()

    assert watching.window is None
    assert stage.deploy.asked == []


def test_an_answer_that_is_out_at_the_end_is_waited_for() -> None:
    stage = deployed(GOOD)
    slow = VirtualPool(
        stage.clock, lambda probe, at: replace(stage.deploy.answer(probe, at), total_seconds=4.9)
    )
    stage.pool = slow
    watching = observer(stage)
    watching.begin()
    watching.finish()
    window = watching.window
    assert window is not None

    assert slow.in_flight == 0
    assert window.stream_stats["health"].rate.valid == 300
    assert 300.0 < (window.closed_seconds or 0.0) < 306.0


def test_what_this_host_was_late_is_no_response_time_of_the_service() -> None:
    stage = deployed(GOOD)
    late = stage.pool.send

    def send(ticket: int, probe: Probe) -> None:
        stage.clock.advance(0.7)
        late(ticket, probe)

    stage.pool.send = send  # type: ignore[method-assign]
    record = run(stage)
    slowest = shown(record).stream_stats["health"].latency.percentile(Fraction(50, 100))

    assert slowest is not None
    assert 0.04 < slowest < 0.06
