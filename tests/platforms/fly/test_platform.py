"""Fly.io as the modes know it."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from slo_action.config.request import RunEnvironment, VerifyRequest, read_request
from slo_action.core.model import Cause, Release, RunIdentity, Verdict
from slo_action.core.release.baseline import Prepared, ProofState, WayBackState, way_back_state
from slo_action.core.release.rollback_plan import MachineAction
from slo_action.core.release.track_record import PastVerdict
from slo_action.core.text.secrets import Scrubber
from slo_action.errors import Interrupted, PlatformError
from slo_action.platforms import PlatformContext
from slo_action.platforms.fly.platform import FlyPlatform, open_platform
from slo_action.ports import Certificate, MachinePlatform, Platform
from tests.platforms.fly.failing_transport import FailingTransport
from tests.platforms.fly.rollback.test_machines_engine import succeeded, told
from tests.platforms.fly.scene import GOOD, Scene
from tests.worlds.fly import (
    DEPLOY_TOKEN,
    FOREIGN_TOKEN,
    READ_TOKEN,
    FlyImage,
    broken,
    image,
)

BAD = broken("1.1")
PLAIN: dict[str, Any] = {"deploy": None}


def live() -> Scene:
    """Three machines on which v2 is bad and v1 was good, prepared before."""
    return Scene().launched(3).prepared().deployed(BAD)


def verdict(version: str, of: FlyImage, found: Verdict) -> PastVerdict:
    cause = Cause.NONE if found is Verdict.HEALTHY else Cause.APP
    return PastVerdict(
        service="shop",
        version=version,
        digest=of.digest,
        verdict=found,
        cause=cause,
        at=datetime(2026, 11, 1, tzinfo=UTC),
    )


def counted(scene: Scene, action: str) -> int:
    return sum(1 for asked in scene.world.requests if asked.action == action)


def test_it_is_both_kinds_of_platform() -> None:
    made = Scene().launched(1).platform()
    as_platform: Platform = made
    as_machines: MachinePlatform = made

    assert (as_platform.name, as_platform.can_restore) == ("fly", True)
    assert len(as_machines.look().machines) == 1


# Which releases there are.


def test_the_current_release_is_the_newest_whatever_became_of_it() -> None:
    scene = Scene().launched(2)
    scene.deployed(BAD, strategy="half")

    assert scene.platform().current_release() == Release(version="v2", digest=BAD.digest)


def test_an_app_without_releases_has_no_current_one_and_no_way_back() -> None:
    platform = Scene().platform()

    assert platform.current_release() is None
    with pytest.raises(PlatformError, match="no releases"):
        platform.previous_release()


def test_the_first_release_has_no_way_back() -> None:
    with pytest.raises(PlatformError) as caught:
        Scene().launched(1).platform().previous_release()

    assert caught.value.hint


def test_a_rollback_leads_to_what_ran_before_and_says_what_is_not_verified() -> None:
    found = live().platform().previous_release()

    assert found is not None
    assert (found.version, found.digest) == ("v1", GOOD.digest)
    assert "not verified" in found.remark


def test_a_verified_release_comes_before_what_ran_last() -> None:
    scene = Scene().launched(2)
    scene.deployed(image("1.0.1")).deployed(BAD)
    scene.past = (verdict("v1", GOOD, Verdict.HEALTHY),)

    assert scene.platform().previous_release() == Release(version="v1", digest=GOOD.digest)


def test_an_image_that_failed_before_is_no_target() -> None:
    scene = Scene().launched(2)
    middle = image("1.0.1")
    scene.deployed(middle).deployed(BAD)
    scene.past = (verdict("v2", middle, Verdict.UNHEALTHY),)

    found = scene.platform().previous_release()

    assert found is not None
    assert found.version == "v1"


def test_a_rollback_is_not_rolled_back() -> None:
    scene = live()
    scene.rolls_back()

    with pytest.raises(PlatformError, match="never rolled back") as caught:
        scene.platform().previous_release()
    assert "to-version" in caught.value.hint


def test_a_person_who_asks_once_more_gets_the_same_rollback_and_not_its_undoing() -> None:
    scene = live()
    scene.rolls_back()
    before = len(scene.ours("update"))
    again = scene.platform(by_hand=True)

    found = again.previous_release()
    steps = scene.rolls_back(again)

    assert found is not None
    assert found.version == "v1"
    assert all(step.succeeded for step in steps)
    assert "not needed" in steps[-1].detail
    assert len(scene.ours("update")) == before


def test_an_older_image_that_a_deploy_put_back_is_no_rollback_to_be_finished() -> None:
    scene = live()
    scene.deployed(GOOD)

    with pytest.raises(PlatformError, match="never rolled back") as caught:
        scene.platform(by_hand=True).previous_release()
    assert "to-version" in caught.value.hint


def test_a_rollback_of_ours_to_what_failed_since_is_not_finished() -> None:
    scene = live()
    scene.rolls_back()
    scene.past = (verdict("v1", GOOD, Verdict.UNHEALTHY),)

    with pytest.raises(PlatformError, match="never rolled back"):
        scene.platform(by_hand=True).previous_release()


def test_a_person_may_name_the_release() -> None:
    scene = Scene().launched(2)
    scene.deployed(image("1.0.1")).deployed(BAD)

    found = scene.platform(to_version="v1", by_hand=True).previous_release()

    assert found is not None
    assert found.version == "v1"


def test_where_the_ledger_reports_no_digests_the_machines_do() -> None:
    scene = live()
    scene.world.app_state.switches.refuses_undocumented = True
    platform = scene.platform()

    found = platform.previous_release()

    assert found is not None
    assert found.digest == GOOD.digest
    assert platform.current_release() == Release(version="v2", digest=BAD.digest)
    assert succeeded(platform.restore(found, None, scene.write))


# Looking.


def test_a_look_reports_machines_release_and_status() -> None:
    fleet = live().platform().look()

    assert fleet.app == "shop"
    assert fleet.release == Release(version="v2", digest=BAD.digest)
    assert fleet.status == "complete"
    assert len(fleet.counted) == 3
    assert all(fleet.runs(machine) for machine in fleet.machines)


def test_it_is_one_call_and_the_ledger_every_quarter_of_a_minute() -> None:
    scene = live()
    platform = scene.platform()
    begun = len(scene.world.requests)

    for _ in range(20):
        platform.look()
        scene.world.passes(2.0)

    actions = [asked.action for asked in scene.world.requests[begun:]]
    assert actions.count("list") == 20
    assert 4 <= actions.count("graphql") <= 5, "the app is described once"


def test_a_ledger_that_goes_away_is_remembered() -> None:
    scene = live()
    platform = scene.platform()
    platform.look()
    scene.world.passes(20.0)
    scene.world.fails("graphql", 503, None)

    fleet = platform.look()

    assert fleet.release == Release(version="v2", digest=BAD.digest)


@pytest.mark.parametrize("trouble", [503, 401, 403])
def test_an_api_that_does_not_answer_is_an_error_with_a_next_step(trouble: int) -> None:
    scene = live()
    scene.world.down(600.0, trouble)
    platform = scene.platform()
    begun = scene.world.now

    calls: list[Callable[[], Any]] = [
        platform.look,
        platform.current_release,
        platform.previous_release,
        lambda: platform.plan(Release(version="v1", digest=GOOD.digest)),
    ]
    for call in calls:
        with pytest.raises(PlatformError) as caught:
            call()
        assert caught.value.hint

    assert scene.world.now - begun < 120.0
    assert scene.world.log[-1].by != "deployer"


def test_without_an_answer_nothing_can_be_certified() -> None:
    scene = live()
    scene.world.down(600.0)

    with pytest.raises(PlatformError):
        scene.platform().certify()


@pytest.mark.parametrize("trouble", [401, 403])
def test_a_token_that_may_not_even_look_is_a_missing_way_back(trouble: int) -> None:
    scene = live()
    scene.world.down(600.0, trouble)

    (proof,) = scene.platform().certify().proofs

    assert (proof.name, proof.state) == ("token", ProofState.MISSING)
    assert ".;" not in proof.words


def test_a_look_is_quick_where_the_platform_does_not_answer() -> None:
    scene = live()
    platform = scene.platform()
    scene.world.down(600.0)
    begun = scene.world.now

    with pytest.raises(PlatformError):
        platform.look()

    assert scene.world.now - begun < 5.0


def test_after_a_rollback_the_target_is_what_should_run() -> None:
    scene = live()
    platform = scene.platform()
    scene.rolls_back(platform)
    scene.world.passes(20.0)

    fleet = platform.look()

    assert fleet.release == Release(version="v1", digest=GOOD.digest)
    assert fleet.status == "complete"
    assert fleet.behind == ()


def test_after_a_rollback_without_a_record_too() -> None:
    scene = live()
    scene.world.app_state.switches.release_api = 404
    platform = scene.platform()
    scene.rolls_back(platform)
    scene.world.passes(20.0)

    assert platform.look().release == Release(version="v1", digest=GOOD.digest)


def test_until_the_next_deploy() -> None:
    scene = live()
    platform = scene.platform()
    scene.rolls_back(platform)
    scene.deployed(image("1.2"))

    release = platform.look().release

    assert release is not None
    assert release.version == "v4"


# Files.


def test_before_the_first_look_there_are_no_files_and_no_request() -> None:
    scene = live()
    begun = len(scene.world.requests)

    assert scene.platform().snapshots() == ()
    assert len(scene.world.requests) == begun


def test_the_newest_look_is_kept_as_flyctl_prints_it() -> None:
    scene = live()
    platform = scene.platform()
    platform.look()
    begun = len(scene.world.requests)

    files = {one.name: json.loads(one.text) for one in platform.snapshots()}

    assert len(scene.world.requests) == begun
    assert set(files) == {
        "proofs/fly/shop_machines.json",
        "proofs/fly/shop_status.json",
        "diagnostics/shop_events.json",
        "diagnostics/shop_releases.json",
    }
    assert len(files["proofs/fly/shop_machines.json"]) == 3
    assert files["proofs/fly/shop_status.json"]["Version"] == 2
    assert [one["Version"] for one in files["diagnostics/shop_releases.json"]] == [2, 1]


def test_no_value_of_a_machine_s_environment_is_in_a_file_a_plan_or_a_step() -> None:
    secret = "pg://user:hunter2@db"
    scene = Scene().launched(2, changes={"env": {"DATABASE_URL": secret}}).prepared()
    scene.deployed(BAD, changes={"env": {"DATABASE_URL": "pg://other:hunter2@db"}})
    platform = scene.platform()
    platform.look()
    target = platform.previous_release()
    assert target is not None

    plan = platform.plan(target)
    steps = platform.restore(target, None, scene.write)

    shown = [repr(plan), told(steps), *scene.journal, *(s.text for s in platform.snapshots())]
    assert plan.steps[0].changes == ("image", "env DATABASE_URL")
    assert "hunter2" not in "\n".join(shown)


# The plan and the restore.


def test_a_plan_changes_nothing_and_says_everything() -> None:
    scene = live()
    scene.world.create(BAD)
    scene.world.passes(15.0)
    platform = scene.platform()
    target = platform.previous_release()
    assert target is not None

    plan = platform.plan(target)

    assert scene.ours() == []
    assert plan.target == target
    assert plan.engine == "machines"
    assert [step.step for step in plan.mutating] == [
        *[MachineAction.UPDATE] * 3,
        MachineAction.CORDON,
    ]
    assert {(step.before, step.after) for step in plan.steps[:3]} == {("v2", "v1")}
    assert plan.not_restored


def test_a_plan_finds_out_that_the_previous_image_is_gone() -> None:
    scene = live()
    platform = scene.platform()
    target = platform.previous_release()
    assert target is not None
    scene.world.prune(GOOD)

    with pytest.raises(PlatformError, match="has no image d0ff5974b6aa any more") as caught:
        platform.plan(target)

    assert "to-version" in caught.value.hint


def test_a_registry_that_gives_no_answer_is_no_reason_against_a_plan() -> None:
    scene = live()
    platform = scene.platform()
    target = platform.previous_release()
    assert target is not None
    scene.world.fails("manifest", 403, None)

    assert len(platform.plan(target).mutating) == 3


def test_an_app_without_machines_cannot_be_restored() -> None:
    scene = live()
    platform = scene.platform()
    target = platform.previous_release()
    for machine in scene.world.machines:
        scene.world.destroy(machine.id)
    scene.world.passes(5.0)

    (step,) = platform.restore(target, None, scene.write)

    assert "has no machines that a deploy manages" in step.detail


def test_a_fleet_out_of_reach_cannot_either() -> None:
    scene = live()
    for machine in scene.world.machines:
        scene.world.host_fails(machine.id)

    (step,) = scene.rolls_back()

    assert "no machine can be restored: their hosts do not answer" in step.detail
    assert scene.ours() == []


def test_without_a_target_nothing_is_done() -> None:
    scene = live()

    (step,) = scene.platform().restore(None, "1.1", scene.write)

    assert not step.succeeded
    assert scene.ours() == []


def test_a_restore_never_raises_for_what_the_platform_did() -> None:
    scene = live()
    platform = scene.platform()
    target = platform.previous_release()
    scene.world.down(3_600.0)

    (step,) = platform.restore(target, None, scene.write)

    assert not step.succeeded
    assert "nothing was changed" in step.detail


def test_nor_for_a_signal_while_it_is_planned() -> None:
    scene = live()
    platform = scene.platform()
    target = platform.previous_release()
    inner = scene.world.transport()
    scene.transport = FailingTransport(inner, 1, lambda: Interrupted("SIGINT"))

    (step,) = scene.platform().restore(target, None, scene.write)

    assert not step.succeeded
    assert step.detail == "the run was stopped; nothing was changed"


def test_the_release_that_was_seen_first_is_the_one_that_is_replaced() -> None:
    scene = live()
    platform = scene.platform()
    platform.look()
    scene.deployed(image("1.2"))
    target = platform.previous_release()

    (step,) = platform.restore(target, None, scene.write)

    assert "v3 is the newest release, and v2 was judged" in step.detail
    assert scene.ours() == []


# The certificate.


def certified(scene: Scene) -> Certificate:
    return scene.platform().certify()


def states(certificate: Certificate) -> dict[str, ProofState]:
    return {proof.name: proof.state for proof in certificate.proofs}


def test_a_plain_app_has_a_safe_way_back() -> None:
    scene = Scene().launched(3)

    certificate = certified(scene)

    assert certificate.release == Release(version="v1", digest=GOOD.digest)
    assert way_back_state(certificate.proofs) is WayBackState.SAFE
    assert list(states(certificate)) == [
        *("target", "token", "image", "config", "one release"),
        *("volumes", "release command", "secrets"),
    ]
    assert scene.ours() == []
    assert scene.world.leases() == ()


def test_what_prepare_proves_is_what_verify_finds_after_the_same_image_is_deployed_again() -> None:
    """The deploy failed, we rolled back, and the job is run again."""
    scene = live()
    scene.rolls_back()
    scene.past = (verdict("v2", BAD, Verdict.UNHEALTHY),)
    scene.prepared().deployed(BAD)

    found = scene.platform().previous_release()

    assert scene.certificate is not None
    assert way_back_state(scene.certificate.proofs) is WayBackState.SAFE
    assert found == scene.certificate.target
    assert found is not None
    assert (found.version, found.digest) == ("v1", GOOD.digest)
    assert succeeded(scene.rolls_back())


def test_a_running_image_that_failed_before_is_no_way_back() -> None:
    scene = Scene().launched(2)
    scene.past = (verdict("v1", GOOD, Verdict.UNHEALTHY),)

    certificate = certified(scene)

    assert states(certificate)["target"] is ProofState.MISSING
    assert way_back_state(certificate.proofs) is WayBackState.NONE
    assert certificate.target is None


def test_a_verified_release_that_does_not_run_is_named_as_what_a_rollback_restores() -> None:
    scene = Scene().launched(2)
    scene.deployed(image("1.1"))
    scene.past = (verdict("v1", GOOD, Verdict.HEALTHY),)

    certificate = certified(scene)
    (target, *_) = certificate.proofs

    assert target.words == "a rollback would restore v1, and not v2 which runs now"
    assert way_back_state(certificate.proofs) is WayBackState.SAFE
    scene.world.prune(GOOD)
    assert states(certified(scene))["target"] is ProofState.MISSING


def test_a_token_that_may_not_change_machines_closes_it() -> None:
    certificate = certified(Scene(token=READ_TOKEN).launched(2))

    assert states(certificate)["token"] is ProofState.MISSING
    assert way_back_state(certificate.proofs) is WayBackState.NONE


def test_a_pruned_image_closes_it() -> None:
    scene = Scene().launched(2)
    scene.world.prune(GOOD)

    certificate = certified(scene)

    assert states(certificate)["image"] is ProofState.MISSING


def test_a_registry_that_gives_no_answer_leaves_it_unproven() -> None:
    scene = Scene().launched(2)
    scene.world.fails("manifest", 403, None)

    certificate = certified(scene)

    assert states(certificate)["image"] is ProofState.UNKNOWN
    assert way_back_state(certificate.proofs) is WayBackState.UNPROVEN


def test_machines_on_several_images_close_it() -> None:
    scene = Scene().launched(3)
    scene.world.machine_update(scene.world.machines[0].id, image("hotfix"))
    scene.world.passes(20.0)

    certificate = certified(scene)

    assert states(certificate)["one release"] is ProofState.MISSING
    assert certificate.release == Release(version="v1", digest=GOOD.digest)


def test_a_machine_out_of_reach_closes_it() -> None:
    scene = Scene().launched(3)
    scene.world.host_fails(scene.world.machines[0].id)

    assert states(certified(scene))["config"] is ProofState.MISSING


def test_what_runs_is_not_the_newest_release_where_that_failed() -> None:
    scene = Scene().launched(2)
    scene.world.remembers(BAD, "failed")

    assert certified(scene).release == Release(version="v1", digest=GOOD.digest)


def test_an_app_without_machines_has_nothing_to_certify() -> None:
    certificate = certified(Scene())

    assert certificate.release is None
    assert certificate.sealed == ""
    assert way_back_state(certificate.proofs) is WayBackState.NONE


def test_a_release_without_a_migration_is_reported_as_one() -> None:
    proofs = {proof.name: proof for proof in certified(Scene().launched(1, changes=PLAIN)).proofs}

    assert proofs["release command"].state is ProofState.PROVEN
    assert proofs["release command"].words == "there is none"


def test_where_the_definition_is_not_available_a_migration_may_be() -> None:
    scene = Scene().launched(1)
    scene.world.app_state.switches.refuses_undocumented = True

    assert states(certified(scene))["release command"] is ProofState.UNKNOWN


@pytest.mark.parametrize("status", [500, 503])
def test_a_right_that_could_not_be_tried_is_unknown(status: int) -> None:
    scene = Scene().launched(1)
    scene.world.fails("release-lease", status, None)

    assert states(certified(scene))["token"] is ProofState.UNKNOWN


def test_a_leased_machine_is_not_asked_about() -> None:
    scene = Scene().launched(2)
    theirs = scene.world.lease(scene.world.machines[0].id, ttl=600.0)

    certificate = certified(scene)

    assert states(certificate)["token"] is ProofState.PROVEN
    assert scene.world.leases() == (theirs,)


def test_volumes_migrations_and_secrets_are_reported_and_do_not_count() -> None:
    certificate = certified(Scene().launched(2, has_volumes=True))

    found = states(certificate)
    assert found["volumes"] is ProofState.MISSING
    assert found["release command"] is ProofState.MISSING
    assert way_back_state(certificate.proofs) is WayBackState.SAFE
    assert len(certificate.not_restored) == 3


def test_the_sealed_copy_is_read_with_the_same_token_only() -> None:
    certificate = certified(Scene().launched(2))
    scene, other = Scene(), Scene(token=READ_TOKEN)
    scene.certificate = other.certificate = certificate

    assert scene.copy is not None
    assert other.copy is None
    assert GOOD.digest not in certificate.sealed


# How it is opened.


def request(token: str = DEPLOY_TOKEN, **given: str) -> VerifyRequest:
    around = RunEnvironment(
        run=RunIdentity(), workspace=Path("/nowhere"), now=datetime(2026, 11, 2, tzinfo=UTC)
    )
    named = {
        "service": "shop",
        "url": "https://shop.fly.dev",
        "fly-api-token": token,
        "check-run": "false",
    }
    return read_request({**named, **{key.replace("_", "-"): v for key, v in given.items()}}, around)


def opened(
    scene: Scene, asked: VerifyRequest | None = None, prepared: Prepared | None = None
) -> FlyPlatform:
    premises = PlatformContext(
        environment={},
        workspace=Path("/nowhere"),
        clock=scene.clock,
        scrubber=Scrubber(),
        prepared=prepared,
        past=scene.past,
    )
    return open_platform(
        asked or request(),
        premises,
        transport=scene.world.transport(),
        concurrently=scene.clock.run_concurrently,
    )


def handed_over(scene: Scene, **changes: Any) -> Prepared:
    certificate = certified(scene)
    made = Prepared(
        service="shop",
        app="shop",
        platform="fly",
        taken_at=datetime(2026, 11, 2, tzinfo=UTC) - timedelta(minutes=5),
        release=certificate.release,
        proofs=certificate.proofs,
        sealed=certificate.sealed,
    )
    return replace(made, **changes)


def test_a_request_opens_it_with_what_prepare_handed_over() -> None:
    scene = Scene().launched(2)
    prepared = handed_over(scene)
    scene.deployed(image("1.1"), strategy="bluegreen")

    platform = opened(scene, prepared=prepared)

    assert succeeded(scene.rolls_back(platform))
    assert scene.digests() == {GOOD.digest}


def test_what_was_prepared_for_another_app_or_by_another_token_is_not_used() -> None:
    scene = Scene().launched(2)
    other = handed_over(scene, app="other")
    foreign = handed_over(scene, sealed=handed_over(Scene(token=READ_TOKEN).launched(1)).sealed)
    scene.deployed(image("1.1"), strategy="bluegreen")

    for prepared in (other, foreign):
        steps = scene.rolls_back(opened(scene, prepared=prepared))
        assert "has no known configuration" in told(steps)


def test_a_copy_that_cannot_be_opened_is_reported_with_the_plan_and_with_the_lack_of_one() -> None:
    scene = Scene().launched(2)
    foreign = handed_over(scene, sealed=handed_over(Scene(token=READ_TOKEN).launched(1)).sealed)
    scene.deployed(BAD)
    target = Release(version="v1", digest=GOOD.digest)

    known = opened(scene).plan(target)
    plan = opened(scene, prepared=foreign).plan(target)
    scene.deployed(image("1.2"), strategy="bluegreen")
    with pytest.raises(PlatformError, match="sealed by another fly-api-token") as caught:
        opened(scene, prepared=foreign).plan(target)

    assert plan.not_restored[:-1] == known.not_restored
    assert "sealed by another fly-api-token" in plan.not_restored[-1]
    assert "has no known configuration" in caught.value.message


def test_a_version_that_a_person_named_is_the_target() -> None:
    scene = Scene().launched(2)
    scene.deployed(image("1.0.1")).deployed(BAD)

    asked = request(mode="rollback", to_version="v1")

    assert opened(scene, asked).previous_release() == Release(version="v1", digest=GOOD.digest)


def test_another_app_s_token_says_what_to_do() -> None:
    with pytest.raises(PlatformError) as caught:
        opened(Scene().launched(1), request(FOREIGN_TOKEN)).look()

    assert caught.value.hint


def test_without_settings_it_is_not_opened() -> None:
    with pytest.raises(PlatformError, match="without an app and a token"):
        opened(Scene(), replace(request(), fly=None))
