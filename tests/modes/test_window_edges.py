"""Cases a reviewer found by use: each had a wrong verdict once."""

from dataclasses import replace

import pytest

from slo_action.core.model import Cause, Outcome, Sample, Verdict, VersionRule
from slo_action.core.observation.policy import WindowPolicy
from slo_action.core.policy.policy import Policy, gate_beside_window
from slo_action.core.record.record import AuditRecord
from slo_action.modes.verify import verify
from tests.builders import World, always
from tests.worlds.fake_metrics import FakeMetricSource, counted
from tests.worlds.memory_ports import VirtualRun

GOOD = always(Outcome.OK)


def deployed(v2: World = GOOD) -> VirtualRun:
    return VirtualRun({"v1": GOOD, "v2": v2}, live="v2")


def run(stage: VirtualRun, seconds: float = 300.0) -> AuditRecord:
    window = WindowPolicy(length_seconds=seconds)
    policy = Policy(rule=VersionRule(expected="v2"), window=window)
    gate = gate_beside_window(policy.gate, window)
    return verify(stage.request(replace(policy, gate=gate)), stage.ports)


def test_what_was_not_heard_at_the_end_is_not_passed() -> None:
    """Sixty good answers refute the trigger, and say nothing of the four minutes after them."""
    record = run(deployed(lambda now: Outcome.OK if now < 66 else Outcome.WAF_CHALLENGE))

    assert (record.judgement.verdict, record.judgement.cause) == (
        Verdict.INCONCLUSIVE,
        Cause.PATH,
    )
    assert "all of the last 23" in record.judgement.reason


def test_half_a_minute_without_a_runner_s_network_in_the_middle_is_passed() -> None:
    stage = deployed(lambda now: Outcome.CONNECT_TIMEOUT if 100 <= now < 130 else Outcome.OK)
    stage.deploy.at(99.0, lambda: setattr(stage.deploy, "control_answers", False))
    stage.deploy.at(131.0, lambda: setattr(stage.deploy, "control_answers", True))

    assert run(stage).judgement.verdict is Verdict.HEALTHY
    assert stage.deploy.live == "v2"


def test_a_deploy_may_roll_while_the_gate_waits() -> None:
    """Old and new answer in turn for half a minute: that is what a rolling deploy looks like."""
    stage = deployed()
    answers = iter(range(10_000))
    original = stage.deploy._answer

    def turning(probe: object) -> Sample:
        found = original(probe)  # type: ignore[arg-type]
        rolling = stage.clock.monotonic() < 30 and next(answers) % 2
        return replace(found, outcome=Outcome.WRONG_VERSION, version="v1") if rolling else found

    stage.deploy._answer = turning  # type: ignore[method-assign]

    assert run(stage).judgement.verdict is Verdict.HEALTHY


def test_users_errors_that_were_there_before_are_a_warning_even_where_our_probes_are_well() -> None:
    stage = deployed()
    stage.metrics = FakeMetricSource(
        stage.clock, lambda _: counted(660.0, 2180.0, before=(4147.0, 14925.0))
    )
    record = run(stage)

    assert (record.judgement.verdict, record.judgement.cause) == (
        Verdict.DEGRADED,
        Cause.PRE_EXISTING,
    )


@pytest.mark.parametrize("seconds", [5.0, 10.0, 20.0, 60.0, 300.0])
def test_a_perfect_service_passes_a_window_of_any_length(seconds: float) -> None:
    assert run(deployed(), seconds).judgement.verdict is Verdict.HEALTHY
