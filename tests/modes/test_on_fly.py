"""Whole runs on the Fly world: from the first probe to a verified rollback, in virtual time."""

from collections.abc import Callable
from dataclasses import replace

from slo_action.audit.write import audit_document
from slo_action.core.decision.decide import RollbackMode
from slo_action.core.gate.gate import GateEnd
from slo_action.core.model import (
    Cause,
    Ending,
    Level,
    Mode,
    Outcome,
    Release,
    RollbackStep,
    Trigger,
    Verdict,
    VersionRule,
)
from slo_action.core.observation.policy import WindowPolicy
from slo_action.core.policy.policy import Policy
from slo_action.core.record.record import AuditRecord
from slo_action.core.release.baseline import WayBackState
from slo_action.core.release.rollback_plan import RollbackPlan
from slo_action.modes.prepare import prepare
from slo_action.modes.rollback import rollback
from slo_action.modes.verify import verify
from slo_action.render.annotations import annotations
from slo_action.render.endings import headline, next_steps, reason
from slo_action.render.outputs import output_values
from tests.platforms.fly.scene import GOOD, Scene
from tests.worlds.fly import (
    FOREIGN_TOKEN,
    FlyWorld,
    broken,
    crashing,
    image,
    out_of_memory,
    unpullable,
)
from tests.worlds.fly_ports import FlyPorts

GATE_ONLY = Policy(rule=VersionRule(), window=WindowPolicy(length_seconds=0))
WATCHED = Policy(rule=VersionRule(), window=WindowPolicy(length_seconds=120.0))
NEW = image("1.1")


def scene(machines: int = 3) -> Scene:
    return Scene().launched(machines)


def verified(
    made: Scene, policy: Policy = GATE_ONLY, change: Callable[[FlyWorld], object] | None = None
) -> tuple[FlyPorts, AuditRecord]:
    stage = FlyPorts(made)
    request = stage.asked(policy)
    if change:
        change(made.world)
    return stage, verify(request, stage.ports)


def images_of(stage: FlyPorts) -> set[str]:
    return set(stage.scene.world.running().values())


def test_a_good_deploy_is_verified_on_every_machine_and_nothing_is_touched() -> None:
    stage, record = verified(scene().deployed(NEW), WATCHED)

    assert record.ending is Ending.VERIFIED
    assert record.fleet is not None
    assert len(record.fleet.counted) == 3
    assert not record.fleet.behind
    assert stage.scene.ours() == []


def test_a_bad_deploy_is_taken_back_on_every_machine_and_that_is_verified() -> None:
    stage, record = verified(scene().deployed(broken("1.1")))

    assert record.ending is Ending.ROLLED_BACK_VERIFIED
    assert images_of(stage) == {"1.0"}
    assert all(stage.scene.world.well().values())
    assert stage.scene.world.leases() == ()
    assert stage.scene.ours(action="release-command") == []
    assert record.rollback is not None
    assert record.rollback.verification is not None
    assert record.rollback.verification.fleet is not None
    assert not record.rollback.verification.fleet.behind


def test_a_release_that_runs_out_of_memory_again_and_again_is_not_called_healthy() -> None:
    _, record = verified(scene().deployed(out_of_memory("1.1")), WATCHED)

    assert record.judgement.verdict in (Verdict.UNHEALTHY, Verdict.DEGRADED)
    assert record.fleet is not None
    assert any(found.oom_killed for m in record.fleet.machines for found in m.exits)


def test_a_release_that_exits_for_good_is_given_up_long_before_the_deadline() -> None:
    stage, record = verified(scene().deployed(crashing("1.1")))

    assert record.gate.end is GateEnd.HOPELESS
    assert record.judgement.triggers == (Trigger.SERVICE_UNAVAILABILITY,)
    assert record.gate.observations[-1].ended_seconds < 30
    assert record.ending is Ending.ROLLED_BACK_VERIFIED
    assert images_of(stage) == {"1.0"}


def test_an_image_that_cannot_be_pulled_is_never_taken_for_live() -> None:
    stage, record = verified(scene().deployed(unpullable("1.1")))

    assert (record.judgement.cause, record.ending) == (Cause.WRONG_VERSION, Ending.NOT_ROLLED_BACK)
    assert stage.scene.ours() == []


def test_a_half_failed_deploy_of_a_good_image_is_mixed_and_said_machine_by_machine() -> None:
    stage, record = verified(scene().deployed(NEW, strategy="half"))

    assert record.judgement.cause is Cause.WRONG_VERSION
    assert "on v1" in record.judgement.reason
    assert "on v2" in record.judgement.reason
    assert stage.scene.ours() == []


def test_a_half_failed_deploy_of_a_bad_image_goes_back_to_one_image() -> None:
    stage, record = verified(scene().deployed(broken("1.1"), strategy="half"))

    assert record.ending is Ending.ROLLED_BACK_VERIFIED
    assert images_of(stage) == {"1.0"}


def test_one_sick_machine_is_restarted_and_the_release_stays() -> None:
    made = scene().deployed(NEW)
    stage, record = verified(made, change=lambda world: world.sickens(world.machines[-1].id))

    assert record.judgement.row == "remedied"
    assert record.exit_code == 0
    assert images_of(stage) == {"1.1"}
    assert len(stage.scene.ours(action="restart")) == 1


def test_an_api_that_is_away_all_the_time_fails_nothing() -> None:
    _, record = verified(scene().deployed(NEW), change=lambda world: world.down(900.0))

    assert record.judgement.verdict is Verdict.HEALTHY
    assert record.fleet is None
    assert record.gate.begun_seconds < 10


def test_an_api_that_was_away_at_the_beginning_only_does_not_cost_the_way_back() -> None:
    stage, record = verified(scene().deployed(broken("1.1")), change=lambda world: world.down(20.0))

    assert record.ending is Ending.ROLLED_BACK_VERIFIED
    assert images_of(stage) == {"1.0"}


def test_an_api_that_is_away_at_the_decision_stands_down_and_says_so() -> None:
    stage, record = verified(
        scene().deployed(broken("1.1")),
        change=lambda world: world.at(20.0, lambda: world.down(900.0)),
    )

    assert record.judgement.verdict is Verdict.UNHEALTHY
    assert record.ending is Ending.NOT_ROLLED_BACK
    assert stage.scene.ours() == []


def test_a_short_outage_of_the_api_in_mid_rollback_is_waited_out() -> None:
    made = scene().deployed(broken("1.1"))
    made.world.fails("POST", 503, times=4)
    stage, record = verified(made)

    assert record.ending is Ending.ROLLED_BACK_VERIFIED
    assert images_of(stage) == {"1.0"}


def test_another_deploy_before_the_rollback_supersedes_it() -> None:
    stage, record = verified(
        scene().deployed(broken("1.1")),
        change=lambda world: world.at(
            30.0, lambda: world.deploy(image("1.2"), strategy="immediate")
        ),
    )

    assert record.judgement.cause is Cause.SUPERSEDED
    assert stage.scene.ours() == []
    assert "1.0" not in images_of(stage)


def test_another_deploy_while_the_rollback_is_verified_is_named_and_left_alone() -> None:
    made = scene().deployed(broken("1.1"))
    done: list[float] = []

    def races(world: FlyWorld) -> None:
        def look() -> None:
            if set(world.running().values()) == {"1.0"} and not done:
                done.append(world.now)
                world.deploy(image("1.2"), strategy="immediate")

        for second in range(1, 200):
            world.at(float(second), look)

    stage, record = verified(made, WATCHED, races)

    assert done
    assert record.rollback is not None
    told = record.rollback.verification or record.rollback.steps[-1]
    words = told.detail if isinstance(told, RollbackStep) else told.judgement.reason
    assert "another deploy" in words
    assert "another deploy took over" in headline(record)
    assert next_steps(record)[0].startswith("See the newer deploy's own run")
    assert stage.scene.ours(since=done[0] + 40.0) == []


def test_a_first_deploy_has_no_way_back_and_says_so() -> None:
    made = Scene()
    made.world.launch(broken("1.0"), machines=2)
    stage, record = verified(made)

    assert record.ending is Ending.NOT_ROLLED_BACK
    assert "first release" in record.decision.why
    assert stage.scene.ours() == []


def test_an_image_that_is_gone_from_the_registry_is_found_before_anything_is_touched() -> None:
    made = scene().deployed(broken("1.1"))
    made.world.prune(GOOD)
    stage, record = verified(made)

    assert record.ending is Ending.NOT_ROLLED_BACK
    assert "registry" in record.decision.why
    assert stage.scene.ours() == []


def test_a_dry_run_plans_machine_by_machine_and_touches_nothing() -> None:
    stage, record = verified(
        scene().deployed(broken("1.1")), replace(GATE_ONLY, rollback=RollbackMode.DRY_RUN)
    )

    assert record.plan is not None
    assert len(record.plan.mutating) == 3
    assert all("image" in step.changes for step in record.plan.steps)
    assert stage.scene.ours() == []


def test_a_rollback_is_never_rolled_back() -> None:
    made = scene().deployed(broken("1.1")).deployed(GOOD)
    made.world.becomes(broken("1.0"))
    stage, record = verified(made)

    assert record.ending is Ending.NOT_ROLLED_BACK
    assert "rollback" in record.decision.why
    assert stage.scene.ours() == []


def prepared_scene() -> tuple[Scene, FlyPorts]:
    made = scene()
    stage = FlyPorts(made)
    return made, stage


def test_prepare_certifies_what_runs_and_changes_nothing() -> None:
    made, stage = prepared_scene()
    request = replace(stage.asked(GATE_ONLY, Mode.PREPARE), baseline_seconds=20.0)
    found = prepare(request, stage.ports)

    assert found.prepared.way_back is WayBackState.SAFE
    assert found.prepared.sealed
    assert found.prepared.release is not None
    assert found.prepared.release.version == "v1"
    assert made.ours() == []


def test_prepare_says_that_there_is_no_way_back_where_the_image_is_gone() -> None:
    made, stage = prepared_scene()
    made.world.prune(GOOD)
    request = replace(
        stage.asked(GATE_ONLY, Mode.PREPARE), baseline_seconds=0.0, require_way_back=True
    )
    found = prepare(request, stage.ports)

    assert found.prepared.way_back is WayBackState.NONE
    assert found.exit_code == 13


def test_what_was_prepared_is_restored_though_the_platform_forgot_its_versions() -> None:
    made = scene().prepared()
    made.world.fails("versions", 404, times=99)
    made.deployed(broken("1.1"))
    stage, record = verified(made)

    assert record.ending is Ending.ROLLED_BACK_VERIFIED
    assert images_of(stage) == {"1.0"}
    assert record.plan is not None
    assert all("before the deploy" in step.why for step in record.plan.steps)


def test_a_rollback_by_hand_goes_back_at_once() -> None:
    made = scene().deployed(broken("1.1"))
    stage = FlyPorts(made)
    record = rollback(stage.asked(GATE_ONLY, Mode.ROLLBACK), stage.ports)

    assert (record.ending, record.exit_code) == (Ending.ROLLED_BACK_VERIFIED, 0)
    assert images_of(stage) == {"1.0"}


def test_probes_of_machines_are_forced_to_each_of_them() -> None:
    made = scene().deployed(NEW)
    verified(made)
    forced = {dict(probe.headers).get("fly-force-instance-id") for probe in made.world.asked} - {
        None
    }

    assert forced == {machine.id for machine in made.world.machines}


def test_a_machine_that_rests_is_not_woken_by_probes_of_its_own() -> None:
    made = scene().deployed(NEW)
    resting = made.world.machines[0].id
    made.world.stop(resting)
    _, record = verified(made)

    assert record.judgement.verdict is Verdict.HEALTHY
    assert record.fleet is not None
    found = record.fleet.named(resting)
    assert found is not None
    assert found.is_resting


def test_outcomes_of_machines_are_in_the_record() -> None:
    _, record = verified(scene().deployed(broken("1.1")))
    asked = [s for o in record.gate.observations for s in o.samples if s.machine]

    assert {sample.machine for sample in asked}
    assert {sample.outcome for sample in asked} <= {Outcome.HTTP_5XX}


def test_an_image_digest_that_was_expected_is_compared_with_every_machine() -> None:
    made = scene().deployed(NEW)
    stage = FlyPorts(made)
    expected = replace(stage.asked(GATE_ONLY), expected_digest=NEW.digest)
    other = replace(stage.asked(GATE_ONLY), expected_digest=f"sha256:{'f' * 64}")

    assert verify(expected, stage.ports).ending is Ending.VERIFIED
    assert verify(other, stage.ports).judgement.cause is Cause.WRONG_VERSION


def test_an_api_that_dies_right_before_the_change_leaves_a_run_that_changed_nothing() -> None:
    stage = FlyPorts(scene().deployed(broken("1.1")))
    plan = stage.platform.plan

    def planning(target: Release) -> RollbackPlan:
        found = plan(target)
        stage.scene.world.down(900.0)
        return found

    stage.platform.plan = planning  # type: ignore[method-assign] # the API dies after it
    record = verify(stage.asked(GATE_ONLY), stage.ports)

    assert (record.ending, record.exit_code) == (Ending.NOT_ROLLED_BACK, 10)
    assert record.rollback is None
    assert "nothing was changed" in record.decision.why
    assert stage.scene.ours("update") == []


def test_a_token_of_another_app_is_a_warning_beside_a_healthy_verdict() -> None:
    made = Scene(token=FOREIGN_TOKEN).launched(2).deployed(NEW)
    stage = FlyPorts(made)
    record = verify(stage.asked(GATE_ONLY), stage.ports)

    assert record.judgement.verdict is Verdict.HEALTHY
    told = [a for a in annotations(record) if a.level is Level.WARNING]
    assert "judged without the platform's machines" in told[0].title
    assert "app" in told[0].message


def test_the_outputs_of_a_rollback_by_hand_are_about_what_it_restored() -> None:
    made = scene().deployed(broken("1.1"))
    stage = FlyPorts(made)
    record = rollback(stage.asked(GATE_ONLY, Mode.ROLLBACK), stage.ports)
    document = audit_document(record)
    told = output_values(record, document)

    assert (told["attempts"], told["success-count"], told["availability"]) == ("3", "3", "1.0000")
    assert document["health_checks"]["attempts"] == 3
    assert document["health_checks"]["success_count"] == 3


def test_a_machine_on_an_unreachable_host_is_named_after_a_rollback_it_could_not_be_part_of() -> (
    None
):
    made = scene().deployed(broken("1.1"))
    lost = made.world.machines[0].id
    stage, record = verified(made, change=lambda world: world.host_fails(lost))

    assert record.rollback is not None
    assert record.rollback.verification is not None
    after = record.rollback.verification
    assert after.judgement.row == "machine-unreachable"
    assert "the host of a machine does not answer the platform" in reason(record)
    assert after.fleet is not None
    assert [m.name for m in after.fleet.unreachable] == [lost]
    assert stage.scene.ours("update", since=0.0)


def test_hosts_that_are_all_unreachable_are_the_platforms_fault_and_said_soon() -> None:
    def all_fail(world: FlyWorld) -> None:
        for machine in world.machines:
            world.host_fails(machine.id)

    _, record = verified(scene().deployed(broken("1.1")), change=all_fail)

    assert (record.judgement.row, record.judgement.cause) == (
        "hopeless-unreachable",
        Cause.PLATFORM,
    )
