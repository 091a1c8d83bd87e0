"""The document's four rollback triggers, as gate and window fire them."""

from typing import Any

import pytest

from slo_action.core.gate.gate import Gate
from slo_action.core.model import Outcome, Trigger
from slo_action.core.observation.streams import Stream
from slo_action.core.observation.window import Window, WindowEnd
from slo_action.core.release.baseline import Baseline, StreamBaseline
from slo_action.core.verdict.triggers import CONFIG_OUTCOMES, blamed_outcome, fired
from tests.builders import DEPLOYED_AT, World, always, drive
from tests.core.observation.test_window import (
    BAD,
    GOOD,
    HEALTH,
    PLAIN,
    api,
    between,
    like,
    opened,
    watch,
)

_MET = drive(GOOD)
_MISSED = drive(BAD)
_DEAD = between(100.0, 1e9)


def watched(world: World | dict[str, World], *streams: Stream, **changes: Any) -> Window:
    window = opened(*streams, **changes)
    watch(window, like(world))
    return window


def fires(gate: Gate, window: Window | None = None) -> tuple[Trigger, ...]:
    return fired(gate, window, 15.0)


def test_a_missed_gate_fires_the_health_check_and_an_outage_where_all_was_5xx() -> None:
    assert fires(_MISSED) == (
        Trigger.HEALTH_CHECK_FAILURE,
        Trigger.SERVICE_UNAVAILABILITY,
    )


def test_a_gate_that_was_met_fires_nothing() -> None:
    assert fires(_MET) == ()
    assert fires(_MET, watched(GOOD)) == ()


def test_a_missed_gate_that_was_slow_in_the_end_fires_the_response_time() -> None:
    gate = drive(always(Outcome.SLOW))

    assert Trigger.RESPONSE_TIME_DEGRADATION in fires(gate)


def test_a_window_in_which_everything_is_bad_fires_the_outage_and_nothing_else() -> None:
    assert fires(_MET, watched(_DEAD)) == (Trigger.SERVICE_UNAVAILABILITY,)


def test_a_window_with_one_dead_endpoint_fires_the_error_rate() -> None:
    window = watched({"/api": _DEAD}, HEALTH, api())

    assert fires(_MET, window) == (Trigger.ERROR_RATE_BREACH,)


@pytest.mark.parametrize("outcome", [Outcome.SLOW, Outcome.READ_TIMEOUT])
def test_a_health_endpoint_that_fails_by_slowness_fires_the_response_time(
    outcome: Outcome,
) -> None:
    def world(now: float) -> Outcome:
        return outcome if now > 60.0 and int(now) % 3 == 0 else Outcome.OK

    found = fires(_MET, watched(world))

    assert found == (Trigger.ERROR_RATE_BREACH, Trigger.RESPONSE_TIME_DEGRADATION)


def test_a_slow_endpoint_that_is_not_health_fires_the_error_rate_only() -> None:
    window = watched({"/api": between(100.0, 1e9, Outcome.SLOW)}, HEALTH, api())

    assert fires(_MET, window) == (Trigger.ERROR_RATE_BREACH,)


def test_a_single_slow_answer_fires_nothing() -> None:
    window = watched(between(100.0, 101.0, Outcome.SLOW))

    assert window.stream_stats["health"].rate.bad >= 1
    assert fires(_MET, window) == ()


def test_a_slowness_without_end_is_an_outage_and_a_response_time_degradation() -> None:
    found = fires(_MET, watched(between(100.0, 1e9, Outcome.SLOW)))

    assert Trigger.RESPONSE_TIME_DEGRADATION in found
    assert Trigger.SERVICE_UNAVAILABILITY in found


def test_the_plain_rule_fires_the_error_rate_at_the_end_on_what_could_be_reported() -> None:
    """Three of 36 are over 5 %, and under 5 % of what was planned."""

    def world(now: float) -> Outcome:
        told = now < 30.0
        bad = int(now) in (10, 17, 24) and now % 1.0 < 0.5
        return (Outcome.HTTP_5XX if bad else Outcome.OK) if told else Outcome.WAF_CHALLENGE

    window = watched(world, length_seconds=60.0, begun=2.0, rates=PLAIN)

    assert window.end is WindowEnd.OVER
    assert fires(_MET, window) == (Trigger.ERROR_RATE_BREACH,)


def test_with_confidence_the_end_of_a_window_fires_nothing() -> None:
    window = watched(between(20.0, 20.8), length_seconds=30.0, minimum_seconds=20.0, begun=2.0)

    assert window.end is WindowEnd.OVER
    assert fires(_MET, window) == ()


def test_a_window_blames_what_failed_it_and_not_what_else_fails() -> None:
    worlds: dict[str, World] = {
        "/api": between(100.0, 1e9, Outcome.RESET),
        "health": between(100.0, 101.0, Outcome.TLS_EXPIRED),
    }

    assert blamed_outcome(watched(worlds, HEALTH, api())) is Outcome.RESET
    assert blamed_outcome(watched(GOOD)) is None


@pytest.mark.parametrize("outcome", sorted(CONFIG_OUTCOMES))
@pytest.mark.parametrize(
    ("bad", "blamed"), [(None, True), (9, True), (0, False)], ids=["unknown", "failed", "was well"]
)
def test_what_never_was_well_is_the_check_s_fault_unless_the_baseline_saw_it_pass(
    outcome: Outcome, bad: int | None, blamed: bool
) -> None:
    window = watched({"/api": always(outcome)}, HEALTH, api())
    seen = () if bad is None else (StreamBaseline(name="/api", bad=bad, valid=9),)
    baseline = Baseline(taken_at=DEPLOYED_AT, seconds=60.0, streams=seen)

    assert blamed_outcome(window, baseline) is (outcome if blamed else None)
