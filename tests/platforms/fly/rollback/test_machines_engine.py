"""Machines brought back one by one, in a world that misbehaves as Fly does."""

from collections.abc import Callable
from typing import Any

import pytest

from slo_action.core.model import RollbackStep
from tests.platforms.fly.scene import GOOD, OURS, Scene
from tests.sizes import sized
from tests.worlds.fly import READ_TOKEN, broken, crashing, image, unpullable

BAD = broken("1.1")


def succeeded(steps: tuple[RollbackStep, ...]) -> bool:
    return bool(steps) and all(step.succeeded for step in steps)


def told(steps: tuple[RollbackStep, ...]) -> str:
    return "\n".join(f"{step.name}: {step.detail}" for step in steps)


def becomes(scene: Scene, **behaviour: Any) -> None:
    """Let the former image behave otherwise from now on."""
    scene.world.becomes(image("1.0", **behaviour))


@pytest.mark.parametrize("is_prepared", [True, False], ids=["prepared", "unprepared"])
@pytest.mark.parametrize("machines", [1, 2, 5, 11])
def test_every_machine_gets_its_whole_previous_configuration_back(
    machines: int, is_prepared: bool
) -> None:
    scene = Scene().launched(machines)
    before = {machine.id: machine.config for machine in scene.world.machines}
    if is_prepared:
        scene.prepared()
    scene.deployed(BAD, changes={"env": {"NEW": "1", "PORT": "9090"}})

    steps = scene.rolls_back()

    assert succeeded(steps), told(steps)
    assert all(scene.world.well().values())
    for machine in scene.world.machines:
        pinned = {**before[machine.id], "image": GOOD.pinned("shop")}
        assert machine.config == pinned
        assert machine.image == GOOD


def test_a_step_says_what_was_and_is_and_how_well_it_is() -> None:
    scene = Scene().launched(1).prepared().deployed(BAD)

    step, *_ = scene.rolls_back()

    assert step.name == f"machine {scene.world.machines[0].id}"
    assert step.detail.startswith("v2 -> v1: started, 1 of 1 checks passing, in ")
    assert 2.0 < step.duration_seconds < 15.0


def test_one_machine_goes_first_and_it_is_a_sick_one() -> None:
    scene = Scene().launched(4).prepared().deployed(image("1.1"))
    sick = scene.world.machines[2]
    scene.world.machine_update(sick.id, broken("1.2"))
    scene.world.passes(20.0)

    steps = scene.rolls_back(scene.platform())

    assert succeeded(steps), told(steps)
    updates = scene.ours("update")
    assert updates[0].machine == sick.id
    assert updates[1].at - updates[0].at > 4.0


def test_no_more_than_half_of_those_that_serve_are_changed_at_once() -> None:
    scene = Scene().launched(10).prepared().deployed(image("1.1"))
    lowest = 10

    def count() -> None:
        nonlocal lowest
        lowest = min(lowest, sum(scene.world.well().values()))
        scene.world.at(scene.world.now + 0.5, count)

    count()
    steps = scene.rolls_back()

    assert succeeded(steps), told(steps)
    assert lowest == 5


def test_those_that_serve_no_user_are_changed_eight_at_a_time() -> None:
    scene = Scene().launched(9).prepared().deployed(BAD)

    steps = scene.rolls_back()

    assert succeeded(steps), told(steps)
    updates = sorted(deed.at for deed in scene.ours("update"))
    assert updates[8] - updates[1] < 1.0


def test_machines_that_have_the_previous_release_already_are_left_alone() -> None:
    scene = Scene().launched(4).prepared().deployed(BAD, strategy="half")
    behind = [machine.id for machine in scene.world.machines if machine.image == GOOD]

    steps = scene.rolls_back()

    assert succeeded(steps), told(steps)
    assert len(behind) == 2
    assert {deed.machine for deed in scene.ours("update")}.isdisjoint(behind)
    assert told(steps).count("it has its previous image and configuration already") == 2


def test_a_release_that_changed_the_configuration_only_is_undone() -> None:
    scene = Scene().launched(2).prepared()
    scene.deployed(GOOD, changes={"env": {"DATABASE": "wrong"}})

    steps = scene.rolls_back()

    assert succeeded(steps), told(steps)
    assert all("DATABASE" not in machine.config["env"] for machine in scene.world.machines)


@pytest.mark.parametrize("is_prepared", [True, False], ids=["prepared", "unprepared"])
def test_a_machine_that_gave_up_under_the_failed_release_is_started(is_prepared: bool) -> None:
    scene = Scene().launched(2)
    if is_prepared:
        scene.prepared()
    scene.deployed(crashing("1.1"), changes={"restart": [{"policy": "no"}]})
    assert {machine.state for machine in scene.world.machines} == {"stopped"}

    steps = scene.rolls_back()

    assert succeeded(steps), told(steps)
    assert all(scene.world.well().values())
    assert len(scene.ours("start")) == 2


@pytest.mark.parametrize("rests", ["stop", "suspend"])
def test_a_machine_that_did_not_run_before_is_not_started(rests: str) -> None:
    scene = Scene().launched(3)
    resting = scene.world.machines[1]
    getattr(scene.world, rests)(resting.id)
    scene.world.passes(5.0)
    scene.prepared().deployed(BAD)

    steps = scene.rolls_back()

    assert succeeded(steps), told(steps)
    assert scene.world.machine(resting.id).state == "stopped"
    assert scene.world.machine(resting.id).image == GOOD
    assert "not running, as before" in told(steps)


def test_a_standby_waits_on_and_gets_the_previous_release_too() -> None:
    scene = Scene().launched(2)
    standby = scene.world.create(standby_for=scene.world.machines[0].id)
    scene.world.passes(10.0)
    scene.prepared().deployed(BAD)

    steps = scene.rolls_back()

    assert succeeded(steps), told(steps)
    assert scene.world.machine(standby.id).state == "stopped"
    assert scene.world.machine(standby.id).image == GOOD


def test_machines_of_one_app_may_differ() -> None:
    scene = Scene().launched(3)
    odd = scene.world.machines[1]
    scene.world.machine_update(odd.id, GOOD, {"guest": {"memory_mb": 2048}, "env": {"ODD": "1"}})
    scene.world.passes(15.0)
    scene.prepared().deployed(BAD, changes={"vm": [{"memory": "256mb"}]})

    steps = scene.rolls_back()

    assert succeeded(steps), told(steps)
    sizes = {m.id: m.config["guest"]["memory_mb"] for m in scene.world.machines}
    assert sizes.pop(odd.id) == 2048
    assert set(sizes.values()) == {512}
    assert scene.world.machine(odd.id).config["env"]["ODD"] == "1"


def test_workers_without_traffic_and_checks_are_restored_too() -> None:
    scene = Scene().launched(
        groups={"app": 2, "worker": 2}, changes={"processes": {"app": "serve", "worker": "work"}}
    )
    scene.prepared().deployed(BAD)

    steps = scene.rolls_back()

    assert succeeded(steps), told(steps)
    assert scene.digests() == {GOOD.digest}
    assert told(steps).count("started, no checks configured") == 2


# What the deploy made, and what it destroyed.


def test_machines_that_replaced_all_others_get_the_previous_configuration() -> None:
    scene = Scene().launched(2, regions=("ams", "fra")).prepared()
    scene.deployed(image("1.1"), strategy="bluegreen")

    steps = scene.rolls_back()

    assert succeeded(steps), told(steps)
    assert scene.digests() == {GOOD.digest}
    assert all(scene.world.well().values())
    assert "another takes its place" in told(steps)


def test_without_a_copy_they_cannot_be_restored_and_the_other_engine_is_named() -> None:
    scene = Scene().launched(2).deployed(image("1.1"), strategy="bluegreen")

    (step,) = scene.rolls_back()

    assert not step.succeeded
    assert "has no known configuration of v1" in step.detail
    assert scene.ours() == []


def test_machines_that_the_deploy_added_leave_the_traffic_last() -> None:
    scene = Scene().launched(2).prepared()
    scene.deployed(BAD)
    extra = scene.world.create(BAD)
    scene.world.passes(15.0)

    steps = scene.rolls_back()

    assert succeeded(steps), told(steps)
    assert scene.world.machine(extra.id).is_cordoned
    (cordon,) = scene.ours("cordon")
    assert cordon.machine == extra.id
    assert all(deed.at < cordon.at for deed in scene.ours("update"))


def test_an_added_worker_is_stopped_because_it_works_without_traffic() -> None:
    processes = {"processes": {"app": "serve", "worker": "work"}}
    scene = Scene().launched(groups={"app": 1, "worker": 1}, changes=processes).prepared()
    scene.deployed(BAD)
    extra = scene.world.create(BAD, group="worker")
    scene.world.passes(15.0)

    steps = scene.rolls_back()
    scene.world.passes(5.0)

    assert succeeded(steps), told(steps)
    assert scene.world.machine(extra.id).state == "stopped"


@pytest.mark.parametrize("is_prepared", [True, False], ids=["prepared", "unprepared"])
def test_a_process_group_that_did_not_exist_before_is_taken_out(is_prepared: bool) -> None:
    scene = Scene().launched(2)
    if is_prepared:
        scene.prepared()
    scene.deployed(BAD, changes={"processes": {"app": "serve", "batch": "batch"}})
    extra = scene.world.create(BAD, group="batch")
    scene.world.passes(15.0)

    steps = scene.rolls_back()
    scene.world.passes(5.0)

    assert succeeded(steps), told(steps)
    assert scene.world.machine(extra.id).state == "stopped"


def test_machines_that_a_half_done_bluegreen_hid_get_their_traffic_back() -> None:
    scene = Scene().launched(2).prepared()
    blue = [machine.id for machine in scene.world.machines]
    scene.deployed(BAD, dies_after=0)
    for machine in blue:
        scene.world.cordon(machine)
    green = [scene.world.create(image("1.2")).id for _ in blue]
    scene.world.passes(15.0)

    steps = scene.rolls_back()

    assert succeeded(steps), told(steps)
    assert [scene.world.machine(machine).is_cordoned for machine in blue] == [False, False]
    assert [scene.world.machine(machine).is_cordoned for machine in green] == [True, True]


def test_destroyed_machines_are_named_and_not_made_again() -> None:
    scene = Scene().launched(3).prepared().deployed(BAD)
    gone = scene.world.machines[2].id
    scene.world.destroy(gone)
    scene.world.passes(3.0)

    steps = scene.rolls_back()

    assert succeeded(steps), told(steps)
    assert f"machine {gone}: destroyed since, and not made again" in told(steps)
    assert scene.ours("create") == []


# What goes wrong with the former release.


def failing(scene: Scene, untouched: int) -> tuple[RollbackStep, ...]:
    """Roll back, which must fail at the canary and leave the others alone."""
    steps = scene.rolls_back()
    last = steps[-1]
    assert not last.succeeded
    assert last.name == "rollback"
    assert len({deed.machine for deed in scene.ours("update")}) == 1
    assert len(scene.world.machines) - 1 == untouched
    assert scene.world.leases() == ()
    return steps


def test_a_silent_revert_is_seen_and_stops_the_rollback() -> None:
    scene = Scene().launched(3).prepared().deployed(BAD)
    scene.world.becomes(unpullable("1.0"))

    steps = failing(scene, untouched=2)

    assert "the image could not be pulled; the platform kept v2" in told(steps)
    assert scene.digests() == {BAD.digest}


def test_an_image_that_is_gone_is_reported_as_the_platform_reports_it() -> None:
    scene = Scene().launched(3).prepared().deployed(BAD)
    scene.world.prune(GOOD)

    steps = scene.rolls_back()

    assert not steps[-1].succeeded
    assert "failed to get manifest" in told(steps)
    assert scene.digests() == {BAD.digest}


def test_a_previous_release_that_crashes_fails_fast() -> None:
    scene = Scene().launched(3).prepared().deployed(BAD)
    scene.world.becomes(crashing("1.0"))
    begun = scene.world.now

    steps = failing(scene, untouched=2)

    assert "it does not stay up: exit code 1" in told(steps)
    assert scene.world.now - begun < 30.0


def test_a_machine_that_hangs_is_given_up_after_its_time() -> None:
    scene = Scene().launched(3).prepared().deployed(BAD)
    becomes(scene, hangs=True)
    begun = scene.world.now

    steps = failing(scene, untouched=2)

    assert "not ready after 299 s: state starting" in told(steps)
    assert 295.0 < scene.world.now - begun < 310.0


def test_checks_that_never_come_are_not_taken_for_passing() -> None:
    scene = Scene().launched(2).prepared().deployed(BAD)
    becomes(scene, checks_after_seconds=1_000.0)

    steps = failing(scene, untouched=1)

    assert "0 of 1 checks passing" in told(steps)


def test_a_long_grace_period_is_waited_for() -> None:
    slow = {"http_service": {"checks": [{"interval": "30s", "grace_period": "60s", "path": "/"}]}}
    scene = Scene().launched(1, changes=slow).prepared().deployed(BAD)
    becomes(scene, boot_seconds=110.0)

    steps = scene.rolls_back()

    assert succeeded(steps), told(steps)
    assert steps[0].duration_seconds > 110.0


def test_the_last_step_says_what_is_restored_and_what_is_not() -> None:
    scene = Scene().launched(3).prepared().deployed(BAD)
    first, *others = [machine.id for machine in scene.world.machines]
    scene.world.at(scene.world.now + 5.0, lambda: scene.world.becomes(unpullable("1.0")))

    *_, last = scene.rolls_back()

    assert not last.succeeded
    assert f"restored: {first}; in progress: {', '.join(others)}; untouched: none" in last.detail


# Everybody else.


@pytest.mark.parametrize(("ttl", "timeout"), [(40.0, 300.0), (120.0, 300.0), (400.0, 600.0)])
def test_a_lease_that_runs_out_is_waited_for(ttl: float, timeout: float) -> None:
    scene = Scene(timeout_seconds=timeout).launched(3).prepared().deployed(BAD)
    scene.world.lease(scene.world.machines[1].id, ttl=ttl)

    steps = scene.rolls_back()

    assert succeeded(steps), told(steps)


def test_a_lease_of_another_on_a_machine_to_be_cordoned_is_waited_for_too() -> None:
    scene = Scene().launched(1).prepared().deployed(BAD)
    extra = scene.world.create(BAD)
    scene.world.passes(15.0)
    scene.world.lease(extra.id, ttl=120.0)

    steps = scene.rolls_back()

    assert succeeded(steps), told(steps)
    assert scene.world.machine(extra.id).is_cordoned


def test_a_lease_that_stays_ends_it_when_the_time_is_over() -> None:
    scene = Scene().launched(2).prepared().deployed(BAD)
    for machine in scene.world.machines:
        scene.world.lease(machine.id, ttl=1_000.0)
    begun = scene.world.now

    (*_, last) = scene.rolls_back()

    assert not last.succeeded
    assert "cannot be leased" in last.detail
    assert 280.0 <= scene.world.now - begun <= 310.0
    assert scene.ours("update") == []
    assert {lease.owner for lease in scene.world.leases()} == {"somebody@tokens.fly.io"}


def test_no_lease_is_waited_for_while_holding_another() -> None:
    scene = Scene().launched(5).prepared().deployed(BAD)
    scene.world.lease(scene.world.machines[3].id, ttl=50.0)
    held: set[str] = set()

    def look() -> None:
        held.update(lease.owner for lease in scene.world.leases())

    scene.world.at(scene.world.now + 25.0, look)
    steps = scene.rolls_back()

    assert succeeded(steps), told(steps)
    assert held == {"somebody@tokens.fly.io"}


def test_another_release_before_the_first_change_ends_it_untouched() -> None:
    scene = Scene().launched(3).prepared().deployed(BAD)
    platform = scene.platform()
    target = platform.previous_release()
    scene.world.deploy(image("1.2"))

    (step,) = platform.restore(target, None, scene.write)

    assert not step.succeeded
    assert "another deploy took over: v3 is the newest release, and v2 was judged" in step.detail
    assert step.taken_over
    assert "nothing was changed" in step.detail
    assert scene.ours() == []
    assert scene.journal == []


@pytest.mark.parametrize("seconds", [0.5, 2.0, 6.0, 8.0])
def test_another_release_in_the_middle_ends_it(seconds: float) -> None:
    scene = Scene().launched(6).prepared().deployed(BAD)
    at = scene.world.now + seconds
    scene.world.at(at, lambda: scene.world.deploy(image("1.2")))

    *_, last = scene.rolls_back()
    theirs = scene.world.now
    scene.world.passes(240.0)

    assert not last.succeeded
    assert "another deploy took over" in last.detail
    assert scene.ours(since=theirs) == []
    assert {machine.image.version for machine in scene.world.machines} == {"1.2"}


def test_another_release_after_the_last_machine_gets_no_record_on_top() -> None:
    scene = Scene().launched(6).prepared().deployed(BAD)
    scene.world.at(scene.world.now + 12.0, lambda: scene.world.deploy(image("1.2")))

    *_, last = scene.rolls_back()

    assert last.succeeded
    assert last.detail == "not written: another release is the newest by now"
    assert scene.world.releases[-1].image.version == "1.2"


def test_a_machine_that_another_client_changed_is_not_touched() -> None:
    scene = Scene().launched(3).prepared().deployed(BAD)
    theirs = scene.world.machines[2].id
    hotfix = image("hotfix")
    at = scene.world.now + 3.0
    scene.world.at(at, lambda: scene.world.machine_update(theirs, hotfix))

    *_, last = scene.rolls_back()

    assert not last.succeeded
    assert f"another deploy took over: machine {theirs}" in last.detail
    assert scene.world.machine(theirs).image == hotfix


# What gets lost on the way.


def test_an_update_whose_answer_was_lost_is_not_made_twice() -> None:
    scene = Scene().launched(3).prepared().deployed(BAD)
    scene.world.fails("update", 502, times=2, after=True)

    steps = scene.rolls_back()

    assert succeeded(steps), told(steps)
    assert len(scene.ours("update")) == 3


def test_an_update_that_was_not_made_is_made_again() -> None:
    scene = Scene().launched(3).prepared().deployed(BAD)
    scene.world.fails("update", 500, times=2)

    steps = scene.rolls_back()

    assert succeeded(steps), told(steps)


@pytest.mark.parametrize("seconds", [0.6, 1.4, 2.5, 7.0, 8.5, 12.0])
@pytest.mark.parametrize("away", [5.0, 35.0])
def test_the_api_may_be_away_in_the_middle(seconds: float, away: float) -> None:
    scene = Scene().launched(4).prepared().deployed(BAD)
    platform = scene.platform()
    target = platform.previous_release()
    scene.world.at(scene.world.now + seconds, lambda: scene.world.down(away))

    steps = platform.restore(target, None, scene.write)

    assert succeeded(steps), told(steps)
    assert scene.digests() == {GOOD.digest}
    assert scene.world.leases() == ()


def test_an_api_that_stays_away_ends_it_with_what_is_known() -> None:
    scene = Scene().launched(4).prepared().deployed(BAD)
    scene.world.at(scene.world.now + 8.0, lambda: scene.world.down(3_600.0))

    *_, last = scene.rolls_back()

    assert not last.succeeded
    assert "restored: " in last.detail
    scene.world.passes(30.0)
    assert scene.world.leases() == ()


@pytest.mark.parametrize("action", ["lease", "update", "get", "graphql", "list", "start"])
def test_a_storm_of_429_is_weathered(action: str) -> None:
    scene = Scene().launched(3).prepared()
    scene.deployed(crashing("1.1"), changes={"restart": [{"policy": "no"}]})
    platform = scene.platform()
    target = platform.previous_release()
    scene.world.fails(action, 429, times=6)

    steps = platform.restore(target, None, scene.write)

    assert succeeded(steps), told(steps)


def test_a_list_that_lags_is_no_reason_to_give_up() -> None:
    scene = Scene().launched(3).prepared().deployed(BAD)
    scene.world.lists_late(4.0)
    scene.world.passes(5.0)

    steps = scene.rolls_back()

    assert succeeded(steps), told(steps)


@pytest.mark.parametrize("status", [409, 412])
def test_a_stale_version_is_a_takeover_whatever_its_status(status: int) -> None:
    scene = Scene().launched(2).prepared().deployed(BAD)
    scene.world.app_state.switches.stale_status = status
    theirs = scene.world.machines[0].id

    def change() -> None:
        machine = scene.world.machine(theirs)
        scene.world.app_state.flyd.update(
            machine, machine.config, image("1.2"), by="support", skip_launch=False
        )

    scene.world.app_state.know(image("1.2"))
    scene.world.at(scene.world.now + 1.8, change)
    *_, last = scene.rolls_back()

    assert not last.succeeded
    assert "took over" in last.detail


def test_a_ledger_that_cannot_be_read_ends_it_before_the_first_change() -> None:
    scene = Scene().launched(2).prepared().deployed(BAD)
    platform = scene.platform()
    target = platform.previous_release()
    scene.world.at(scene.world.now + 0.3, lambda: scene.world.fails("graphql", 503, None))
    survey = scene.world.now

    *_, last = platform.restore(target, None, scene.write)

    assert not last.succeeded
    assert "could not be read" in last.detail or "read the releases" in last.detail
    assert scene.ours(since=survey) == []


def test_later_the_machines_show_enough() -> None:
    scene = Scene().launched(2).prepared().deployed(BAD)
    scene.world.at(scene.world.now + 4.0, lambda: scene.world.fails("graphql", 503, 40))

    steps = scene.rolls_back()

    assert scene.digests() == {GOOD.digest}
    assert succeeded(steps), told(steps)


def test_a_machine_that_cannot_get_its_traffic_back_is_a_failure() -> None:
    scene = Scene().launched(1).prepared().deployed(BAD)
    scene.world.cordon(scene.world.machines[0].id)
    scene.world.fails("uncordon", 403, None)

    *_, last = scene.rolls_back()

    assert not last.succeeded
    assert scene.world.machines[0].is_cordoned
    assert scene.world.leases() == ()


def test_leases_that_ran_out_in_an_outage_are_taken_again() -> None:
    scene = Scene().launched(1).prepared().deployed(BAD)
    platform = scene.platform()
    target = platform.previous_release()
    scene.world.fails("update", 503, times=1)
    scene.world.at(scene.world.now + 1.9, lambda: scene.world.down(45.0))

    steps = platform.restore(target, None, scene.write)

    assert succeeded(steps), told(steps)
    assert sum(line.startswith("lease") for line in scene.journal) >= 2


def test_an_update_that_is_never_accepted_is_given_up() -> None:
    scene = Scene().launched(2).prepared().deployed(BAD)
    scene.world.fails("update", 500, None)

    steps = scene.rolls_back()

    assert "v2 -> v1: the update was not accepted: Fly.io refused to update" in told(steps)
    assert '(HTTP 500, "internal: something went wrong"' in told(steps)
    assert scene.ours("update") == []
    assert scene.world.leases() == ()


def test_a_machine_that_is_gone_when_its_turn_comes_ends_it() -> None:
    scene = Scene().launched(3).prepared().deployed(image("1.1"))
    gone = scene.world.machines[2].id
    scene.world.at(scene.world.now + 3.0, lambda: scene.world.destroy(gone))

    *_, last = scene.rolls_back()

    assert not last.succeeded
    assert gone in last.detail
    assert scene.world.leases() == ()


# Hosts, autostop, rights.


def test_a_machine_whose_host_is_away_is_left_and_named() -> None:
    scene = Scene().launched(3).prepared().deployed(BAD)
    lost = scene.world.machines[1].id
    scene.world.host_fails(lost)

    steps = scene.rolls_back()

    assert succeeded(steps), told(steps)
    assert f"machine {lost}: left on v2: its host does not answer" in told(steps)


def test_a_host_that_goes_away_in_the_middle_is_a_failure() -> None:
    scene = Scene().launched(3).prepared().deployed(BAD)
    lost = scene.world.machines[2].id
    scene.world.at(scene.world.now + 3.0, lambda: scene.world.host_fails(lost))

    *_, last = scene.rolls_back()

    assert not last.succeeded
    assert scene.world.leases() == ()


def test_autostop_in_the_middle_does_not_fail_it() -> None:
    sleepy = {"http_service": {"auto_stop_machines": "stop", "min_machines_running": 0}}
    scene = Scene().launched(3, changes=sleepy).prepared().deployed(BAD)
    scene.world.autostops_after(1.0)

    steps = scene.rolls_back()

    assert succeeded(steps), told(steps)
    assert scene.digests() == {GOOD.digest}


def test_a_token_that_may_not_write_is_reported_at_once() -> None:
    scene = Scene(token=READ_TOKEN).launched(2).deployed(BAD)

    (*_, last) = scene.rolls_back()

    assert not last.succeeded
    assert "403" in last.detail
    assert scene.world.now < 60.0 + 60.0


def test_volumes_stay_where_they_are() -> None:
    scene = Scene().launched(2, has_volumes=True).prepared().deployed(BAD)

    steps = scene.rolls_back()

    assert succeeded(steps), told(steps)
    assert scene.digests() == {GOOD.digest}


# The record, the journal, the release command.


@pytest.mark.parametrize("status", [403, 404, 500])
def test_the_release_record_is_wanted_and_not_needed(status: int) -> None:
    scene = Scene().launched(1).prepared().deployed(BAD)
    scene.world.app_state.switches.release_api = status

    steps = scene.rolls_back()

    assert succeeded(steps), told(steps)
    assert "`fly status` still names v2 until the next deploy" in steps[-1].detail


def test_a_record_makes_the_next_deploy_start_from_what_was_restored() -> None:
    scene = Scene().launched(1).prepared().deployed(BAD, changes={"env": {"NEW": "1"}})

    steps = scene.rolls_back()

    newest = scene.world.releases[-1]
    assert steps[-1].detail == "written: the next deploy starts from v1"
    assert (newest.version, newest.status, newest.image) == (3, "complete", GOOD)
    assert "NEW" not in newest.definition["env"]


def test_without_its_definition_no_record_is_written() -> None:
    scene = Scene().launched(1).prepared().deployed(BAD)
    scene.world.app_state.switches.refuses_undocumented = True

    steps = scene.rolls_back()

    assert succeeded(steps), told(steps)
    assert "the definition of v1 is not known" in steps[-1].detail
    assert len(scene.world.releases) == 2


def test_every_change_is_journalled_before_it_is_made() -> None:
    scene = Scene().launched(3).prepared()
    scene.deployed(crashing("1.1"), changes={"restart": [{"policy": "no"}]})
    extra = scene.world.create(BAD)
    scene.world.passes(15.0)

    steps = scene.rolls_back()

    assert succeeded(steps), told(steps)
    for number, deed in enumerate(scene.ours()):
        if deed.action in {"update", "start", "cordon"}:
            lines = [
                line
                for line, made in zip(scene.journal, scene.deeds_before, strict=True)
                if made <= number and line.startswith(deed.action) and deed.machine in line
            ]
            assert lines, deed
    assert extra.id in scene.journal[-2]
    assert scene.journal[-1].startswith("record a release")


@pytest.mark.parametrize(
    "change",
    [
        lambda scene: scene.deployed(BAD),
        lambda scene: scene.deployed(BAD, strategy="half"),
        lambda scene: scene.deployed(image("1.1"), strategy="bluegreen"),
    ],
    ids=["immediate", "half", "bluegreen"],
)
def test_a_release_command_never_runs(change: Callable[[Scene], Scene]) -> None:
    scene = change(Scene().launched(3).prepared())

    scene.rolls_back()

    assert scene.world.deeds(by=OURS, action="release-command") == []


def test_a_rollback_that_is_done_already_only_writes_its_record() -> None:
    scene = Scene().launched(2).prepared().deployed(BAD)
    scene.world.app_state.switches.release_api = 404
    scene.rolls_back()
    scene.world.app_state.switches.release_api = 200
    before = len(scene.ours("update"))

    steps = scene.rolls_back()

    assert succeeded(steps), told(steps)
    assert len(scene.ours("update")) == before
    assert steps[-1].detail.startswith("written: ")


def test_after_its_time_box_no_further_batch_is_begun() -> None:
    scene = Scene(timeout_seconds=5.0).launched(6).prepared().deployed(image("1.1"))

    steps = scene.rolls_back()

    assert "the 5 s of `rollback-timeout` are over" in steps[-1].detail
    assert steps[-1].late
    assert len(scene.ours("update")) == 1
    assert scene.world.leases() == ()


# Time: what is late has not failed.


@pytest.mark.parametrize("minutes", sized([4], [5, 10]))
def test_a_cold_pull_of_many_minutes_is_waited_for(minutes: int) -> None:
    scene = Scene(timeout_seconds=1_300.0).launched(2).prepared().deployed(BAD)
    becomes(scene, pull_seconds=60.0 * minutes)

    steps = scene.rolls_back()

    assert succeeded(steps), told(steps)
    assert steps[0].duration_seconds > 60.0 * minutes


def test_a_pull_that_outlasts_the_time_is_late_and_a_later_rollback_finishes_it() -> None:
    scene = Scene().launched(2).prepared().deployed(BAD)
    becomes(scene, pull_seconds=420.0)

    *_, last = scene.rolls_back()

    assert last.late
    assert "has not started within `rollback-timeout`" in last.detail
    assert "Run `mode: rollback` with a longer `rollback-timeout`" in last.detail
    assert scene.world.leases() == ()
    scene.timeout_seconds = 900.0
    scene.world.passes(180.0)
    steps = scene.rolls_back()
    assert succeeded(steps), told(steps)
    assert scene.digests() == {GOOD.digest}


def test_the_state_of_the_version_that_is_replaced_is_waited_for() -> None:
    scene = Scene().launched(2).prepared().deployed(BAD)
    scene.world.app_state.flyd.pace.replaced = 8.0

    steps = scene.rolls_back()

    assert succeeded(steps), told(steps)


def test_an_update_under_way_by_another_is_waited_for() -> None:
    """A machine whose bad image is still pulled refuses every update meanwhile."""
    scene = Scene().launched(1).prepared()
    scene.deployed(broken("1.1", pull_seconds=120.0), strategy="immediate")
    assert scene.world.machines[0].state == "replacing"

    steps = scene.rolls_back()

    assert succeeded(steps), told(steps)
    assert scene.digests() == {GOOD.digest}


# Capacity.


def test_a_machine_whose_host_is_full_is_replaced_by_another() -> None:
    scene = Scene().launched(3, regions=("ams", "fra", "iad")).prepared().deployed(BAD)
    old = scene.world.machines[1]
    before = old.config
    scene.world.fills(old.id)

    steps = scene.rolls_back()

    assert succeeded(steps), told(steps)
    assert old.id not in {machine.id for machine in scene.world.machines}
    (made,) = [m for m in scene.world.machines if m.name == f"in-place-of-{old.id}"]
    assert f"machine {old.id}: v2 -> v1: replaced by machine {made.id}: started" in told(steps)
    assert (made.region, made.image, len(scene.world.machines)) == ("fra", GOOD, 3)
    assert {**made.config, "image": ""} == {**scene.world.machines[0].config, "image": ""}
    assert before != made.config
    assert all(scene.world.well().values())
    assert any(f"create a machine on v1 in place of machine {old.id}" in x for x in scene.journal)
    assert any(line.startswith(f"destroy machine {old.id} ") for line in scene.journal)


def test_the_old_machine_is_destroyed_only_when_the_new_one_is_healthy() -> None:
    scene = Scene().launched(1).prepared().deployed(BAD)
    old = scene.world.machines[0].id
    scene.world.fills(old)
    scene.world.becomes(crashing("1.0"))

    *_, last = scene.rolls_back()

    assert not last.succeeded
    assert scene.ours("destroy") == []
    assert scene.world.machine(old).state == "started"


def test_a_machine_with_a_volume_is_not_replaced_and_the_step_says_what_to_do() -> None:
    scene = Scene().launched(2, has_volumes=True).prepared().deployed(BAD)
    full = scene.world.machines[0].id
    scene.world.fills(full)
    begun = scene.world.now

    steps = scene.rolls_back()

    assert not steps[-1].succeeded
    assert "there is no capacity for the machine (HTTP 409, " in told(steps)
    assert "insufficient memory available to fulfill request" in told(steps)
    assert "`fly volumes fork`" in told(steps)
    assert scene.ours("create") == []
    assert scene.world.now - begun < 15.0


def test_where_the_region_is_full_too_both_refusals_are_told() -> None:
    scene = Scene().launched(2).prepared().deployed(BAD)
    scene.world.fills(scene.world.machines[0].id)
    scene.world.fills("ams")

    steps = scene.rolls_back()

    assert not steps[-1].succeeded
    assert "refused to update machine" in told(steps)
    assert "refused to create a machine: there is no capacity" in told(steps)


def test_a_start_without_capacity_replaces_the_machine_too() -> None:
    scene = Scene().launched(1).prepared()
    scene.deployed(crashing("1.1"), changes={"restart": [{"policy": "no"}]})
    old = scene.world.machines[0].id
    words = "aborted: could not reserve resource for machine: insufficient memory available"
    scene.world.fails("start", 409, None, error=words)

    steps = scene.rolls_back()

    assert succeeded(steps), told(steps)
    assert [deed.machine for deed in scene.ours("update")] == [old]
    assert "replaced by machine" in told(steps)


@pytest.mark.parametrize("status", [502, 503])
def test_a_creation_whose_answer_was_lost_makes_no_second_machine(status: int) -> None:
    scene = Scene().launched(2).prepared().deployed(BAD)
    scene.world.fills(scene.world.machines[0].id)
    scene.world.fails("create", status, after=True)

    steps = scene.rolls_back()

    assert succeeded(steps), told(steps)
    assert len(scene.ours("create")) == 1
    assert len(scene.world.machines) == 2


def test_an_old_machine_that_cannot_be_destroyed_is_a_failure() -> None:
    scene = Scene().launched(1).prepared().deployed(BAD)
    scene.world.fills(scene.world.machines[0].id)
    scene.world.fails("destroy", 403, None)

    *_, last = scene.rolls_back()

    assert not last.succeeded
    assert "refused to destroy machine" in last.detail


@pytest.mark.parametrize("status", [412, 408])
def test_a_start_that_is_refused_is_told_in_the_platform_s_words(status: int) -> None:
    scene = Scene().launched(1).prepared()
    scene.deployed(crashing("1.1"), changes={"restart": [{"policy": "no"}]})
    scene.world.fails("start", status, None, error="failed_precondition: the words of the day")

    steps = scene.rolls_back()

    assert not steps[-1].succeeded
    assert f'(HTTP {status}, "failed_precondition: the words of the day"' in told(steps)


# Consistent in the end.


@pytest.mark.parametrize("action", ["get", "lease", "update", "start"])
def test_one_404_on_a_machine_is_asked_again(action: str) -> None:
    scene = Scene().launched(2).prepared()
    scene.deployed(crashing("1.1"), changes={"restart": [{"policy": "no"}]})
    platform = scene.platform()
    target = platform.previous_release()
    scene.world.fails(action, 404, error="not_found: machine not found")

    steps = platform.restore(target, None, scene.write)

    assert succeeded(steps), told(steps)
