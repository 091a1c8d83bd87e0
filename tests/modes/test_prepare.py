"""`prepare`: what is certified, what is watched, and what `verify` makes of it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from slo_action.core.model import Cause, Ending, Mode, Outcome, RunIdentity, Verdict, VersionRule
from slo_action.core.observation.policy import WindowPolicy
from slo_action.core.policy.policy import Policy
from slo_action.core.record.record import AuditRecord
from slo_action.core.release.baseline import Baseline, Prepared, Proof, ProofState, WayBackState
from slo_action.core.release.fleet import Machine
from slo_action.modes.prepare import Preparation, prepare
from slo_action.modes.publish import publish_prepared
from slo_action.modes.verify import verify
from tests.builders import World, always
from tests.worlds.memory_ports import VirtualRun

GOOD = always(Outcome.OK)
BAD = always(Outcome.HTTP_5XX)
PROVEN = Proof(name="image", state=ProofState.PROVEN, words="the registry has it")
GATE_ONLY = Policy(rule=VersionRule(expected="v2"), window=WindowPolicy(length_seconds=0))


def running(v1: World = GOOD, v2: World = GOOD) -> VirtualRun:
    stage = VirtualRun({"v1": v1, "v2": v2}, live="v1")
    stage.deploy.history = ["v0", "v1"]
    stage.deploy.fleet = (Machine(name="m1", release="v1"),)
    stage.deploy.proofs = (PROVEN,)
    return stage


def prepared(stage: VirtualRun, *, seconds: float = 30.0, required: bool = False) -> Preparation:
    request = replace(
        stage.request(Policy(rule=VersionRule(expected="v2"))),
        mode=Mode.PREPARE,
        baseline_seconds=seconds,
        require_way_back=required,
    )
    return prepare(request, stage.ports)


def deployed(
    stage: VirtualRun, preparation: Preparation, policy: Policy = GATE_ONLY
) -> AuditRecord:
    """Deploy v2, and verify it with what was prepared."""
    stage.deploy.deploy("v2")
    request = replace(stage.request(policy), prepared=preparation.prepared)
    return verify(request, stage.ports)


def test_a_proven_way_back_is_safe_and_names_what_runs_now() -> None:
    found = prepared(running())

    assert found.prepared.way_back is WayBackState.SAFE
    assert found.prepared.release is not None
    assert found.prepared.release.version == "v1"
    assert found.exit_code == 0


@pytest.mark.parametrize(
    ("state", "way_back"),
    [(ProofState.MISSING, WayBackState.NONE), (ProofState.UNKNOWN, WayBackState.UNPROVEN)],
)
@pytest.mark.parametrize(("required", "code"), [(True, 13), (False, 0)])
def test_a_missing_way_back_stops_the_deploy_only_where_that_is_asked_for(
    state: ProofState, way_back: WayBackState, required: bool, code: int
) -> None:
    stage = running()
    stage.deploy.proofs = (replace(PROVEN, state=state),)
    found = prepared(stage, required=required)

    assert (found.prepared.way_back, found.exit_code) == (way_back, code)


def test_a_platform_that_is_away_proves_nothing_and_is_quoted() -> None:
    stage = running()
    stage.deploy.tells_previous = False
    found = prepared(stage)

    assert found.prepared.way_back is WayBackState.UNPROVEN
    assert "the platform is away" in found.prepared.proofs[0].words


def test_a_platform_without_machines_can_prove_nothing_beforehand() -> None:
    stage = running()
    stage.deploy.fleet = ()

    assert prepared(stage).prepared.way_back is WayBackState.UNPROVEN


def test_what_runs_is_watched_and_changes_nothing() -> None:
    stage = running(v1=lambda now: Outcome.HTTP_5XX if int(now) % 4 == 0 else Outcome.OK)
    found = prepared(stage)
    baseline = found.prepared.baseline

    assert baseline is not None
    assert baseline.streams[0].name == "health"
    assert 0 < baseline.streams[0].bad < baseline.streams[0].valid
    assert stage.deploy.history == ["v0", "v1"]
    assert stage.clock.monotonic() < 45


def test_the_version_that_comes_with_the_deploy_is_not_asked_of_what_runs() -> None:
    baseline = prepared(running()).prepared.baseline

    assert baseline is not None
    assert baseline.streams[0].bad == 0


def test_what_runs_already_is_timed_from_the_first_answers_on() -> None:
    baseline = prepared(running()).prepared.baseline

    assert baseline is not None
    assert baseline.streams[0].p95_ms == pytest.approx(50.0)


def test_a_service_that_is_down_from_the_beginning_on_is_counted_so() -> None:
    baseline = prepared(running(v1=BAD)).prepared.baseline

    assert baseline is not None
    assert baseline.streams[0].bad == baseline.streams[0].valid > 3


def test_without_a_baseline_nothing_is_probed() -> None:
    stage = running()
    found = prepared(stage, seconds=0.0)

    assert found.prepared.baseline is None
    assert stage.deploy.asked == []


def test_it_hands_over_a_file_sets_outputs_and_writes_the_summary() -> None:
    stage = running()
    publish_prepared(prepared(stage), stage.ports, run=RunIdentity(), artifact_name="x")

    assert '"sealed": "sealed"' in stage.evidence.texts["prepared.json"]
    assert stage.outputs.values["way-back"] == "safe"
    assert stage.outputs.values["prepared-path"].endswith("/prepared.json")
    assert "a rollback to v1 is possible" in stage.outputs.summary
    assert "proofs/fly/dashboard_machines.json" in stage.evidence.texts


def test_a_full_disk_is_a_warning_and_the_outputs_are_reported_all_the_same() -> None:
    stage = running()
    found = prepared(stage)
    stage.evidence.is_full = True
    publish_prepared(found, stage.ports, run=RunIdentity(), artifact_name="x")

    assert stage.outputs.values["way-back"] == "safe"
    assert any("Not published: handover" in told.title for told in stage.log.annotations)


def test_a_service_that_was_down_before_the_deploy_is_not_rolled_back() -> None:
    stage = running(v1=BAD, v2=BAD)
    record = deployed(stage, prepared(stage))

    assert (record.judgement.row, record.judgement.cause) == ("down-before", Cause.PRE_EXISTING)
    assert record.ending is Ending.NOT_ROLLED_BACK


def test_a_service_that_was_well_before_the_deploy_is_rolled_back() -> None:
    stage = running(v2=BAD)
    record = deployed(stage, prepared(stage))

    assert record.ending is Ending.ROLLED_BACK_VERIFIED
    assert stage.deploy.live == "v1"


def test_a_check_that_passed_before_the_deploy_and_is_gone_now_is_the_releases_fault() -> None:
    stage = running(v2=always(Outcome.HTTP_4XX))
    record = deployed(stage, prepared(stage))

    assert (record.judgement.row, record.judgement.cause) == ("check-broke", Cause.APP)
    assert stage.deploy.live == "v1"


def test_without_a_baseline_the_same_is_the_checks_own_fault() -> None:
    stage = running(v2=always(Outcome.HTTP_4XX))
    record = deployed(stage, prepared(stage, seconds=0.0))

    assert record.judgement.cause is Cause.CONFIG
    assert stage.deploy.live == "v2"


def test_errors_that_were_there_before_the_deploy_are_reported_and_not_rolled_back() -> None:
    def flaky(now: float) -> Outcome:
        return Outcome.HTTP_5XX if int(now * 10) % 5 == 0 else Outcome.OK

    stage = running(v1=flaky, v2=lambda now: flaky(now) if now > 12 else Outcome.OK)
    policy = Policy(rule=VersionRule(expected="v2"))
    record = deployed(stage, prepared(stage, seconds=60.0), policy)

    assert (record.judgement.verdict, record.judgement.row) == (Verdict.DEGRADED, "failed-before")
    assert "failed as much before the deploy" in record.judgement.reason
    assert stage.deploy.live == "v2"


def test_a_public_address_that_broke_while_machines_are_well_is_rolled_back() -> None:
    stage = running(v2=BAD)
    found = prepared(stage)
    stage.deploy.sick["m1"] = Outcome.OK
    record = deployed(stage, found)

    assert (record.judgement.row, record.judgement.cause) == ("outside-broke", Cause.APP)


def test_a_deploy_that_made_no_release_is_said_and_nothing_older_is_restored() -> None:
    stage = running(v1=lambda now: Outcome.OK if now < 35 else Outcome.HTTP_5XX)
    found = prepared(stage)
    request = replace(stage.request(GATE_ONLY), prepared=found.prepared)
    record = verify(request, stage.ports)

    assert (record.judgement.row, record.judgement.cause) == ("not-deployed", Cause.WRONG_VERSION)
    assert stage.deploy.history == ["v0", "v1"]


def test_the_record_holds_what_was_prepared_but_for_the_sealed_copy() -> None:
    stage = running()
    record = deployed(stage, prepared(stage))

    assert isinstance(record.prepared, Prepared)
    assert isinstance(record.prepared.baseline, Baseline)
    assert record.prepared.taken_at < record.deployed_at + timedelta(seconds=1)
