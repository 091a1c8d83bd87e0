"""`verify` on a platform that knows its machines: who runs what, who fails, what is hopeless."""

from dataclasses import replace
from datetime import timedelta

import pytest

from slo_action.core.decision.decide import Action, RollbackMode
from slo_action.core.gate.gate import GateEnd
from slo_action.core.model import (
    Cause,
    Ending,
    ObservationResult,
    Outcome,
    Trigger,
    Verdict,
    VersionRule,
    Witness,
)
from slo_action.core.observation.policy import WindowPolicy
from slo_action.core.policy.policy import Policy
from slo_action.core.record.record import AuditRecord
from slo_action.core.release.fleet import CheckStatus, Machine, MachineExit, PlatformCheck
from slo_action.modes.verify import verify
from tests.builders import DEPLOYED_AT, World, always, healthy_from
from tests.worlds.memory_ports import VirtualRun

GOOD = always(Outcome.OK)
BAD = always(Outcome.HTTP_5XX)
GATE_ONLY = WindowPolicy(length_seconds=0)
POLICY = Policy(rule=VersionRule(expected="v2"), window=GATE_ONLY)
CRASH = MachineExit(at=DEPLOYED_AT + timedelta(seconds=3), exit_code=1)


def machine(name: str, **changes: object) -> Machine:
    return replace(Machine(name=name, region="ams", release="v2"), **changes)  # type: ignore[arg-type] # any field


def deployed(v2: World = GOOD, *machines: Machine) -> VirtualRun:
    stage = VirtualRun({"v1": GOOD, "v2": v2}, live="v2")
    stage.deploy.fleet = machines or (machine("m1"), machine("m2"), machine("m3"))
    return stage


def run(stage: VirtualRun, policy: Policy = POLICY) -> AuditRecord:
    return verify(stage.request(policy), stage.ports)


def asked_machines(stage: VirtualRun) -> set[str]:
    return {probe.machine for probe in stage.deploy.asked if probe.machine}


def test_every_started_machine_is_asked_in_every_attempt() -> None:
    stage = deployed()
    record = run(stage)

    assert record.ending is Ending.VERIFIED
    for attempt in record.gate.attempts:
        assert {s.machine for s in attempt.samples if s.machine} == {"m1", "m2", "m3"}
        assert [s.outcome for s in attempt.samples if s.witness is Witness.PLATFORM] == [Outcome.OK]


def test_machines_that_rest_or_do_not_serve_are_never_asked() -> None:
    stage = deployed(
        GOOD,
        machine("m1"),
        machine("m2", state="stopped", is_autostarted=True),
        machine("m3", is_cordoned=True),
        machine("m4", is_standby=True, state="stopped"),
        machine("m5", is_serving=False),
        machine("m6", is_host_ok=False),
    )

    assert run(stage).ending is Ending.VERIFIED
    assert asked_machines(stage) == {"m1"}


def test_a_deploy_that_did_not_reach_a_machine_is_waited_for_and_then_not_rolled_back() -> None:
    stage = deployed(GOOD, machine("m1"), machine("m2", release="v1"))
    record = run(stage)

    assert (record.judgement.cause, record.ending) == (Cause.WRONG_VERSION, Ending.NOT_ROLLED_BACK)
    assert "1/2 (ams m2) on v1" in record.judgement.reason
    assert stage.deploy.live == "v2"


def test_a_machine_that_is_reached_late_makes_the_attempts_good_from_then_on() -> None:
    stage = deployed(GOOD, machine("m1"), machine("m2", release="v1"))
    both = (machine("m1"), machine("m2"))
    stage.deploy.at(40.0, lambda: setattr(stage.deploy, "fleet", both))
    record = run(stage)

    assert record.gate.end is GateEnd.MET
    assert record.gate.attempts[0].result is ObservationResult.FAILED
    assert stage.clock.monotonic() < 52


def test_a_stopped_machine_on_the_old_image_must_be_reached_too() -> None:
    old = machine("m2", release="v1", state="stopped", is_autostarted=True)

    assert run(deployed(GOOD, machine("m1"), old)).judgement.cause is Cause.WRONG_VERSION


def test_a_stray_failure_of_a_machine_is_asked_about_again_and_fails_no_attempt() -> None:
    stage = deployed()
    stage.deploy.strays["m2"] = 3
    record = run(stage)

    assert record.ending is Ending.VERIFIED
    assert [o.result for o in record.gate.attempts] == [ObservationResult.PASSED] * 3
    strays = [s for o in record.gate.attempts for s in o.samples if s.outcome.is_bad]
    assert {sample.machine for sample in strays} == {"m2"}
    assert len(strays) == 3


def test_a_machine_that_only_our_probes_find_bad_is_reported_and_nothing_is_rolled_back() -> None:
    stage = deployed()
    stage.deploy.sees_nothing = True
    stage.deploy.sick["m2"] = Outcome.HTTP_4XX
    record = run(stage)

    assert (record.judgement.verdict, record.judgement.row) == (Verdict.DEGRADED, "machine-fails")
    assert "machine m2" in record.judgement.reason
    assert stage.deploy.restarted == []
    assert stage.deploy.live == "v2"


@pytest.mark.parametrize("state", ["replacing", "starting"])
def test_a_machine_that_stays_on_its_way_is_never_passed_and_nothing_is_rolled_back(
    state: str,
) -> None:
    stage = deployed(GOOD, machine("m1"), machine("m2", state=state), machine("m3"))
    record = run(stage)

    assert (record.judgement.verdict, record.judgement.cause) == (
        Verdict.UNHEALTHY,
        Cause.WRONG_VERSION,
    )
    assert f"machine m2: does not run: the platform says {state}" in record.judgement.reason
    assert stage.deploy.live == "v2"


def test_a_machine_that_failed_to_start_is_started_again_before_anything_else() -> None:
    stage = deployed(GOOD, machine("m1"), machine("m2", state="failed"), machine("m3"))
    record = run(stage)

    assert stage.deploy.restarted == ["m2"]
    assert "machine m2: does not run: the platform says failed" in record.judgement.reason


def test_a_spare_that_its_owner_stopped_is_left_alone() -> None:
    stage = deployed(GOOD, machine("m1"), machine("m2", state="stopped"))

    assert run(stage).ending is Ending.VERIFIED
    assert stage.deploy.restarted == []


@pytest.mark.parametrize("state", ["restarting", "starting", "stopped"])
def test_a_machine_that_is_restarted_at_the_very_end_is_looked_at_again(state: str) -> None:
    stage = deployed()
    first, *others = stage.deploy.fleet
    crashed = (CRASH,) if state == "stopped" else ()
    away = (replace(first, state=state, exits=crashed), *others)
    back = (replace(first, exits=crashed), *others)
    stage.deploy.at(119.0, lambda: setattr(stage.deploy, "fleet", away))
    stage.deploy.at(127.0, lambda: setattr(stage.deploy, "fleet", back))
    record = run(stage, replace(POLICY, window=WindowPolicy(length_seconds=120.0)))

    assert record.ending is Ending.VERIFIED
    assert stage.deploy.restarted == []


def test_a_machine_that_never_comes_back_in_the_end_is_no_pass() -> None:
    stage = deployed()
    first, *others = stage.deploy.fleet
    away = (replace(first, state="starting"), *others)
    stage.deploy.at(119.0, lambda: setattr(stage.deploy, "fleet", away))
    record = run(stage, replace(POLICY, window=WindowPolicy(length_seconds=120.0)))

    assert (record.judgement.verdict, record.judgement.row) == (
        Verdict.INCONCLUSIVE,
        "machine-starting",
    )
    assert stage.deploy.live == "v2"


def test_a_previous_process_that_answers_while_machines_are_replaced_is_no_sign_of_life() -> None:
    stage = deployed(GOOD, machine("m1", state="replacing"))
    started = (machine("m1"),)
    stage.deploy.at(25.0, lambda: setattr(stage.deploy, "fleet", started))
    stage.deploy.at(25.0, lambda: stage.deploy.release_answers("v2", healthy_from(45.0)))
    record = run(stage, replace(POLICY, window=WindowPolicy(length_seconds=120.0)))

    assert record.ending is Ending.VERIFIED
    assert record.window is not None
    assert record.window.begun_seconds > 44


def test_a_machine_that_stops_for_good_after_the_gate_is_started_again() -> None:
    stage = deployed()
    first, *others = stage.deploy.fleet
    lost = (replace(first, state="stopped", exits=(CRASH,)), *others)
    stage.deploy.at(60.0, lambda: setattr(stage.deploy, "fleet", lost))
    record = run(stage, replace(POLICY, window=WindowPolicy(length_seconds=120.0)))

    assert stage.deploy.restarted == ["m1"]
    assert record.remedy is not None


def test_an_unreachable_host_degrades_the_verdict_and_is_named() -> None:
    record = run(deployed(GOOD, machine("m1"), machine("m2", release="v1", is_host_ok=False)))

    assert (record.judgement.verdict, record.judgement.row) == (
        Verdict.DEGRADED,
        "machine-unreachable",
    )
    assert "ams m2 has v1" in record.judgement.reason


def test_one_sick_machine_is_started_again_once_and_nothing_is_rolled_back() -> None:
    stage = deployed()
    stage.deploy.sick["m2"] = Outcome.HTTP_5XX
    heal = stage.deploy.restart

    def healing(name: str, journal: object) -> object:
        stage.deploy.sick.clear()
        return heal(name, journal)  # type: ignore[arg-type] # the port's own

    stage.deploy.restart = healing  # type: ignore[method-assign,assignment] # the machine heals
    record = run(stage)

    assert (record.judgement.verdict, record.judgement.row) == (Verdict.DEGRADED, "remedied")
    assert (record.ending, record.exit_code) == (Ending.VERIFIED, 0)
    assert stage.deploy.restarted == ["m2"]
    assert stage.deploy.live == "v2"
    assert "restart machine m2" in stage.evidence.steps


def test_a_machine_that_stays_sick_after_its_restart_is_rolled_back() -> None:
    stage = deployed()
    stage.deploy.sick["m2"] = Outcome.HTTP_5XX
    stage.deploy.at(160.0, stage.deploy.sick.clear)
    record = run(stage)

    assert stage.deploy.restarted == ["m2"]
    assert record.remedy is not None
    assert record.remedy.result is not None
    assert not record.remedy.result.is_well
    assert record.decision.action is Action.ROLL_BACK
    assert stage.deploy.live == "v1"


def test_a_restart_that_fails_is_followed_by_the_rollback() -> None:
    stage = deployed()
    stage.deploy.sick["m2"] = Outcome.HTTP_5XX
    stage.deploy.restart_works = False
    stage.deploy.at(100.0, stage.deploy.sick.clear)
    record = run(stage)

    assert record.remedy is not None
    assert record.remedy.verification is None
    assert record.ending is Ending.ROLLED_BACK_VERIFIED


@pytest.mark.parametrize("sick", [("m1", "m2"), ("m1", "m2", "m3")])
def test_several_sick_machines_are_rolled_back_without_a_restart(sick: tuple[str, ...]) -> None:
    stage = deployed()
    stage.deploy.sick.update(dict.fromkeys(sick, Outcome.HTTP_5XX))
    stage.deploy.at(95.0, stage.deploy.sick.clear)
    record = run(stage)

    assert stage.deploy.restarted == []
    assert record.ending is Ending.ROLLED_BACK_VERIFIED


def test_a_single_machine_that_is_all_there_is_is_not_restarted() -> None:
    stage = deployed(BAD, machine("m1"))
    run(stage)

    assert stage.deploy.restarted == []
    assert stage.deploy.live == "v1"


def test_a_dry_run_restarts_nothing() -> None:
    stage = deployed()
    stage.deploy.sick["m2"] = Outcome.HTTP_5XX
    record = run(stage, replace(POLICY, rollback=RollbackMode.DRY_RUN))

    assert stage.deploy.restarted == []
    assert record.decision.action is Action.STAND_DOWN
    assert record.plan is not None
    assert stage.deploy.live == "v2"


def test_a_release_whose_machines_have_all_exited_is_given_up_at_once() -> None:
    dead = {"state": "stopped", "exits": (CRASH,)}
    stage = deployed(BAD, machine("m1", **dead), machine("m2", **dead))
    record = run(stage)

    assert record.gate.end is GateEnd.HOPELESS
    assert (record.judgement.row, record.judgement.cause) == ("hopeless", Cause.APP)
    assert record.judgement.triggers == (Trigger.SERVICE_UNAVAILABILITY,)
    assert record.gate.observations[-1].ended_seconds < 5
    assert stage.deploy.live == "v1"


def test_what_the_platform_calls_dead_is_believed_only_while_the_service_fails() -> None:
    dead = {"state": "stopped", "exits": (CRASH,)}
    record = run(deployed(GOOD, machine("m1", **dead)))

    assert record.gate.end is GateEnd.MISSED
    assert all(o.hopeless is None for o in record.gate.observations)


def test_a_failed_deploy_of_which_nothing_is_live_is_said_after_grace_and_not_rolled_back() -> None:
    stage = VirtualRun({"v1": GOOD, "v2": GOOD}, live="v2")
    stage.deploy.fleet = (machine("m1", release="v1"), machine("m2", release="v1"))
    record = run(stage)

    assert (record.judgement.row, record.ending) == ("hopeless-not-live", Ending.NOT_ROLLED_BACK)
    assert 30 <= record.gate.observations[-1].ended_seconds < 40


def test_a_platform_that_cannot_be_asked_is_no_evidence_against_the_service() -> None:
    stage = deployed()
    stage.deploy.tells_previous = False
    record = run(stage)

    assert record.judgement.verdict is Verdict.HEALTHY
    assert record.fleet is None
    assert "the platform's machines and checks" in record.unconsulted
    assert asked_machines(stage) == set()


def test_a_platform_that_is_away_when_it_must_be_compared_stops_the_rollback() -> None:
    stage = deployed(BAD)
    stage.deploy.at(60.0, lambda: setattr(stage.deploy, "tells_previous", False))
    record = run(stage)

    assert (record.judgement.verdict, record.ending) == (
        Verdict.UNHEALTHY,
        Ending.NOT_ROLLED_BACK,
    )
    assert "the platform is away" in record.decision.why


def test_another_deploy_in_mid_verification_is_superseded_and_touches_nothing() -> None:
    stage = deployed(BAD)
    stage.deploy.at(45.0, lambda: stage.deploy.deploy("v3", BAD))
    record = run(stage)

    assert (record.judgement.verdict, record.judgement.cause) == (
        Verdict.INCONCLUSIVE,
        Cause.SUPERSEDED,
    )
    assert stage.deploy.live == "v3"


def test_without_a_safe_plan_nothing_is_touched_and_the_reason_is_said() -> None:
    stage = deployed(BAD)
    stage.deploy.plan_problem = "the former configuration of m2 is not known"
    record = run(stage)

    assert record.ending is Ending.NOT_ROLLED_BACK
    assert "the former configuration of m2 is not known" in record.decision.why
    assert stage.deploy.live == "v2"


def test_snapshots_are_kept_after_the_deploy_and_around_a_rollback() -> None:
    stage = deployed(BAD)
    run(stage)
    name = "dashboard_machines.json"

    assert stage.evidence.texts[f"proofs/fly/{name}"] == '["v2"]\n'
    assert stage.evidence.texts[f"proofs/fly/before/{name}"] == '["v2"]\n'
    assert stage.evidence.texts[f"proofs/fly/after/{name}"] == '["v1"]\n'


def test_machines_that_all_answer_while_the_public_address_does_not_are_the_paths_fault() -> None:
    stage = deployed(BAD)
    stage.deploy.sick.update(dict.fromkeys(("m1", "m2", "m3"), Outcome.OK))
    record = run(stage)

    assert (record.judgement.row, record.judgement.cause) == ("outside", Cause.PATH)
    assert stage.deploy.live == "v2"


def test_a_machine_that_crashed_and_came_back_degrades_the_verdict() -> None:
    record = run(deployed(GOOD, machine("m1", exits=(CRASH,), restarts=1), machine("m2")))

    assert (record.judgement.verdict, record.judgement.row) == (Verdict.DEGRADED, "machine-exits")


def test_a_machine_that_fails_our_probes_and_the_platforms_check_fails_though_hidden() -> None:
    critical = PlatformCheck(name="http", status=CheckStatus.CRITICAL)
    stage = deployed(GOOD, machine("m1"), machine("m2", checks=(critical,)))
    stage.deploy.at(30.0, lambda: stage.deploy.sick.update(m2=Outcome.HTTP_5XX))
    record = run(stage, replace(POLICY, window=WindowPolicy(length_seconds=120.0)))

    assert record.judgement.triggers or record.judgement.row == "machine-critical"
    assert stage.deploy.restarted == ["m2"]


def test_a_service_at_rest_is_woken_by_a_request_that_is_not_judged() -> None:
    resting = machine("m1", state="stopped", is_autostarted=True)
    stage = deployed(GOOD, resting)
    record = run(stage)

    assert record.wake is not None
    assert record.ending is Ending.VERIFIED
    assert record.wake not in [s for o in record.gate.observations for s in o.samples]


def test_verdicts_are_kept_for_later_runs_on_the_platforms_releases() -> None:
    record = run(deployed(BAD))

    assert record.released is not None
    assert record.released.version == "v2"
