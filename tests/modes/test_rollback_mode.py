"""`rollback`: a person's word is carried out at once, verified, and never repeated."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from slo_action.audit.read import read_record
from slo_action.audit.write import audit_document
from slo_action.core.decision.decide import RollbackMode
from slo_action.core.model import Ending, Mode, Outcome, Verdict, VersionRule
from slo_action.core.observation.policy import WindowPolicy
from slo_action.core.policy.policy import Policy
from slo_action.core.record.record import AuditRecord, past_verdicts
from slo_action.core.release.fleet import Machine
from slo_action.errors import PlatformError, ReplayError
from slo_action.modes.replay import replay
from slo_action.modes.rollback import rollback
from slo_action.render.endings import headline
from tests.builders import World, always
from tests.worlds.memory_ports import VirtualRun

GOOD = always(Outcome.OK)
BAD = always(Outcome.HTTP_5XX)
POLICY = Policy(rule=VersionRule(), window=WindowPolicy(length_seconds=0))


def failing(v1: World = GOOD) -> VirtualRun:
    stage = VirtualRun({"v1": v1, "v2": BAD}, live="v2")
    stage.deploy.fleet = (Machine(name="m1", release="v2"), Machine(name="m2", release="v2"))
    return stage


def run(stage: VirtualRun, policy: Policy = POLICY) -> AuditRecord:
    return rollback(replace(stage.request(policy), mode=Mode.ROLLBACK), stage.ports)


def test_it_goes_back_at_once_and_a_verified_one_is_green() -> None:
    stage = failing()
    record = run(stage)

    assert (record.ending, record.exit_code) == (Ending.ROLLED_BACK_VERIFIED, 0)
    assert record.judgement.verdict is Verdict.HEALTHY
    assert stage.deploy.live == "v1"
    assert stage.clock.monotonic() < 30


def test_it_takes_one_look_before_for_the_record_and_does_not_judge_by_it() -> None:
    record = run(failing())

    assert [o.deciding.outcome for o in record.gate.observations] == [Outcome.HTTP_5XX]


def test_a_healthy_service_is_rolled_back_too_where_a_person_asks() -> None:
    stage = failing()
    stage.deploy.release_answers("v2", GOOD)

    assert run(stage).ending is Ending.ROLLED_BACK_VERIFIED


def test_what_is_restored_and_not_well_needs_a_human() -> None:
    record = run(failing(v1=BAD))

    assert (record.ending, record.exit_code) == (Ending.ROLLED_BACK_UNHEALTHY, 12)


def test_a_step_that_fails_ends_it_and_is_quoted() -> None:
    stage = failing()
    stage.deploy.restore_works = False
    record = run(stage)

    assert (record.ending, record.exit_code) == (Ending.ROLLBACK_FAILED, 12)
    assert "the platform refused" in record.judgement.reason


def test_a_dry_run_shows_the_plan_changes_nothing_and_is_green() -> None:
    stage = failing()
    record = run(stage, replace(POLICY, rollback=RollbackMode.DRY_RUN))

    assert (record.ending, record.exit_code) == (Ending.NOT_ROLLED_BACK, 0)
    assert record.plan is not None
    assert [step.machine for step in record.plan.steps] == ["m1", "m2"]
    assert stage.deploy.live == "v2"
    assert any("m1: restore (v2 → v1)" in line for line in stage.log.lines)


def test_nowhere_to_go_is_an_error_and_nothing_is_touched() -> None:
    stage = failing()
    stage.deploy.tells_previous = False

    with pytest.raises(PlatformError, match="the platform is away"):
        run(stage)
    assert stage.deploy.live == "v2"


def test_another_deploy_between_look_and_act_stands_down() -> None:
    stage = failing()
    plan = stage.deploy.plan

    def planning(target: object) -> object:
        found = plan(target)  # type: ignore[arg-type] # the port's own
        stage.deploy.deploy("v3", GOOD)
        return found

    stage.deploy.plan = planning  # type: ignore[method-assign,assignment] # another deploy comes
    record = run(stage)

    assert (record.ending, record.exit_code) == (Ending.NOT_ROLLED_BACK, 10)
    assert record.decision.superseded
    assert stage.deploy.live == "v3"


def test_an_unsafe_plan_is_not_carried_out() -> None:
    stage = failing()
    stage.deploy.plan_problem = "a volume does not fit"
    record = run(stage)

    assert record.ending is Ending.NOT_ROLLED_BACK
    assert "a volume does not fit" in record.judgement.reason


def test_a_run_that_was_stopped_before_changes_nothing() -> None:
    stage = failing()
    stage.interrupts.received = "SIGTERM"

    with pytest.raises(PlatformError, match="stopped"):
        run(stage)
    assert stage.deploy.live == "v2"


def test_the_headline_does_not_say_that_the_previous_release_was_bad() -> None:
    assert headline(run(failing())) == (
        "↩️ dashboard was rolled back to v1 on request, verified healthy"
    )


@pytest.mark.parametrize("works", [True, False])
def test_its_record_is_valid_and_replays(works: bool, tmp_path: Path) -> None:
    stage = failing()
    stage.deploy.restore_works = works
    record = run(stage)
    path = tmp_path / "audit.json"
    path.write_text(json.dumps(audit_document(record)), encoding="utf-8")

    assert replay(read_record(path)).judgement.verdict is record.judgement.verdict


def test_a_record_that_claims_another_ending_is_refused(tmp_path: Path) -> None:
    data = audit_document(run(failing(v1=BAD)))
    path = tmp_path / "audit.json"
    path.write_text(json.dumps({**data, "exit_code": 0}), encoding="utf-8")

    with pytest.raises(ReplayError, match="exit status"):
        replay(read_record(path))


def test_what_was_restored_is_remembered_and_what_was_left_is_not_judged() -> None:
    kept = past_verdicts(run(failing()))

    assert [(verdict.version, verdict.verdict) for verdict in kept] == [("v1", Verdict.HEALTHY)]
