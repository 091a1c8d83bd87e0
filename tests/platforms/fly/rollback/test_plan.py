"""What happens to each machine, and where its former configuration comes from."""

from collections.abc import Mapping
from typing import Any

import pytest

from slo_action.core.model import Release
from slo_action.core.release.rollback_plan import MachineAction, MachineStep
from slo_action.errors import PlatformError
from slo_action.platforms.fly.client.models import (
    FlyMachine,
    FlyRelease,
    MachineConfig,
    MachineVersion,
)
from slo_action.platforms.fly.rollback.machine_order import MachineOrder, changed_parts, pinned
from slo_action.platforms.fly.rollback.plan import batched, not_restored, ordered
from slo_action.platforms.fly.rollback.survey import Survey
from slo_action.platforms.fly.state.restore_copy import RestoreCopy, as_json, read_copy

Json = dict[str, Any]

A, B, C = (f"sha256:{letter * 64}" for letter in "abc")
IMAGE = "registry.fly.io/shop"
MIGRATES = {"deploy": {"release_command": "bin/migrate --password=hunter2"}}
DIGESTS = {"v41": C, "v42": A, "v43": B}
SERVICE: Json = {"internal_port": 8080, "autostart": True, "checks": [{"type": "http"}]}


def config(release: str = "v42", group: str = "app", **changes: Any) -> Json:
    """Return a configuration as a deploy of that release writes it."""
    made: Json = {
        "image": f"{IMAGE}:tag-{release}",
        "env": {"PORT": "8080"},
        "services": [SERVICE] if group == "app" else [],
        "metadata": {
            "fly_platform_version": "v2",
            "fly_process_group": group,
            "fly_release_version": release.removeprefix("v"),
        },
    }
    return {**made, **changes}


def machine(name: str, release: str = "v43", group: str = "app", **changes: Any) -> Json:
    """Return a machine that runs a release's image and is well."""
    made: Json = {
        "id": name,
        "region": "ams",
        "state": "started",
        "instance_id": f"01J-{name}-{release}",
        "host_status": "ok",
        "image_ref": {
            "registry": "registry.fly.io",
            "repository": "shop",
            "tag": f"tag-{release}",
            "digest": DIGESTS[release],
        },
        "config": config(release, group),
    }
    return {**made, **changes}


def version(release: str, number: int = 0, **changes: Any) -> Json:
    return {"version": f"01J{number:05d}", "user_config": config(release, **changes)}


def copied(*machines: Json, release: str = "v42") -> RestoreCopy:
    of = Release(version=release, digest=DIGESTS[release])
    return RestoreCopy(
        app="shop", release=of, machines=tuple(FlyMachine.read(one) for one in machines)
    )


def survey(
    *machines: Json,
    copy: RestoreCopy | None = None,
    versions: Mapping[str, list[Json]] | None = None,
    definition: Json | None = None,
    names: frozenset[str] = frozenset({"v42"}),
    target: Release | None = None,
) -> Survey:
    """Return a survey of an app whose v43 failed after v42."""
    return Survey(
        app="shop",
        target=target or Release(version="v42", digest=A),
        judged=FlyRelease(version=43, digest=B, image=f"{IMAGE}:tag-v43", definition=MIGRATES),
        row=FlyRelease(version=42, digest=A, image=f"{IMAGE}:tag-v42", definition=definition),
        names=names,
        machines=tuple(FlyMachine.read(one) for one in machines),
        copy=copy,
        versions={
            name: [MachineVersion.read(one) for one in found]
            for name, found in (versions or {}).items()
        },
    )


def orders(made: Survey) -> dict[str, MachineOrder]:
    return {order.name: order for order in ordered(made)}


def steps(made: Survey) -> dict[str, MachineStep]:
    return {name: order.step for name, order in orders(made).items()}


def restored(made: Survey, name: str = "m1") -> Json:
    found = orders(made)[name].previous
    assert found is not None
    return dict(found.config.raw)


def changes(live: Json, previous: Json) -> tuple[str, ...]:
    return changed_parts(MachineConfig.read(live), MachineConfig.read(previous))


# How it is named.


def test_releases_of_the_target_s_content_go_by_the_target_s_name() -> None:
    """Secrets were set since v41: machines are marked v42, which has the same content."""
    target = Release(version="v41", digest=A)
    made = survey(
        machine("m1"),
        machine("m2", "v42", config=config("v42", image=f"{IMAGE}@{A}")),
        versions={"m1": [version("v42")], "m2": [version("v42")]},
        names=frozenset({"v41", "v42"}),
        target=target,
    )
    found = steps(made)

    assert (found["m1"].before, found["m1"].after) == ("v43", "v41")
    kept = found["m2"]
    assert (kept.step, kept.before, kept.after) == (MachineAction.LEAVE, "v41", "v41")


def test_a_machine_that_ran_another_image_keeps_that_one_s_name() -> None:
    kept = [machine("m1", "v42"), machine("m2", "v41")]
    found = steps(survey(machine("m1"), machine("m2"), copy=copied(*kept)))

    assert (found["m1"].after, found["m2"].after) == ("v42", "v41")


# Where it comes from.


def test_the_copy_comes_before_the_versions_and_is_pinned() -> None:
    kept = machine("m1", "v42", config=config("v42", env={"FROM": "copy"}))
    made = survey(machine("m1"), copy=copied(kept), versions={"m1": [version("v42")]})

    assert restored(made) == {**kept["config"], "image": f"{IMAGE}@{A}"}
    assert steps(made)["m1"].why == "as it was before the deploy"


def test_a_copy_of_another_release_is_not_it() -> None:
    kept = machine("m1", "v41")
    made = survey(
        machine("m1"), copy=copied(kept, release="v41"), versions={"m1": [version("v42")]}
    )

    assert restored(made)["metadata"]["fly_release_version"] == "42"


def test_a_copy_of_the_same_release_on_another_image_is_not_it() -> None:
    """Somebody had updated the machines by hand, and a person names the release itself."""
    kept = copied(machine("m1", "v41"), release="v41")
    by_hand = RestoreCopy(
        app="shop", release=Release(version="v42", digest=C), machines=kept.machines
    )
    made = survey(machine("m1"), copy=by_hand, versions={"m1": [version("v42")]})

    assert restored(made)["image"] == f"{IMAGE}@{A}"


def test_what_the_copy_says_of_running_holds_for_any_target() -> None:
    kept = machine("m1", "v41", state="stopped")
    made = survey(
        machine("m1"), copy=copied(kept, release="v41"), versions={"m1": [version("v42")]}
    )

    assert steps(made)["m1"].stays_stopped


def test_the_newest_version_of_the_release_is_taken_whatever_the_order() -> None:
    told = [
        version("v42", 3, env={"AT": "3"}),
        version("v43", 9),
        version("v42", 5, env={"AT": "5"}),
        version("v41", 1),
    ]

    assert restored(survey(machine("m1"), versions={"m1": told}))["env"] == {"AT": "5"}


def test_a_release_of_the_same_content_will_do() -> None:
    told = [version("v43", 9), version("v41", 5, env={"AT": "secrets"})]
    made = survey(machine("m1"), versions={"m1": told}, names=frozenset({"v42", "v41"}))

    assert restored(made)["env"] == {"AT": "secrets"}


def test_else_an_older_version_with_the_same_image_will_do() -> None:
    older = version("v40", 2, image=f"{IMAGE}@{A}")
    made = survey(machine("m1"), versions={"m1": [older, version("v43", 9)]})

    assert restored(made)["metadata"]["fly_release_version"] == "40"


def test_what_the_failed_release_configured_is_never_taken() -> None:
    same_image = version("v43", 9, image=f"{IMAGE}@{A}", env={"BAD": "1"})
    made = survey(machine("m1"), versions={"m1": [same_image]})

    with pytest.raises(PlatformError):
        ordered(made)


def test_a_copy_that_the_failed_release_had_reached_is_not_taken() -> None:
    kept = machine("m1", "v42", config=config("v43", env={"BAD": "1"}))
    made = survey(machine("m1"), copy=copied(kept), versions={"m1": [version("v42", 1)]})

    assert "BAD" not in restored(made)["env"]


def test_a_copy_taken_on_the_failed_image_is_not_taken() -> None:
    kept = machine("m1", "v42")
    kept["image_ref"]["digest"] = B
    made = survey(machine("m1"), copy=copied(kept), versions={"m1": [version("v42", 1)]})

    assert restored(made)["image"] == f"{IMAGE}@{A}"


@pytest.mark.parametrize(
    ("named", "image"),
    [
        ("registry.fly.io/shop:tag", f"{IMAGE}@{A}"),
        ("registry.fly.io/shop:tag@sha256:old", f"{IMAGE}@{A}"),
        ("registry.fly.io/shop", f"{IMAGE}@{A}"),
        ("localhost:5000/team/shop:1", f"localhost:5000/team/shop@{A}"),
    ],
)
def test_an_image_is_pinned_whatever_it_was_named_by(named: str, image: str) -> None:
    assert pinned(named, A) == image


# What changes: names, never values.


def test_changes_are_named_and_no_value_is_shown() -> None:
    live = config(
        "v43",
        env={"PORT": "9090", "API_KEY": "s3cret", "SAME": "1"},
        guest={"memory_mb": 256},
        files=[{"guest_path": "/etc/x", "raw_value": "c2VjcmV0"}],
        metadata={**config()["metadata"], "fly_release_version": "43", "team": "a"},
    )
    before = config("v42", env={"PORT": "8080", "GONE": "x", "SAME": "1"}, init={"cmd": ["x"]})
    made = survey(machine("m1", config=live), copy=copied(machine("m1", "v42", config=before)))

    step = steps(made)["m1"]

    assert step.changes == (
        "image",
        "env API_KEY",
        "env GONE",
        "env PORT",
        "file /etc/x",
        "metadata team",
        "guest",
        "init",
    )
    assert "s3cret" not in repr(step)


def test_what_the_api_writes_for_nothing_is_no_change() -> None:
    live = config(init={"cmd": None, "exec": []}, mounts=None, files=[], dns={})

    assert changes(live, config()) == ()


def test_an_empty_variable_is_not_a_missing_one() -> None:
    assert changes(config(env={"A": ""}), config(env={})) == ("env A",)


def test_a_machine_that_is_restored_already_is_left() -> None:
    made = survey(machine("m1", "v42"), copy=copied(machine("m1", "v42")))

    step = steps(made)["m1"]

    assert (step.step, step.changes) == (MachineAction.LEAVE, ())


def test_the_same_image_with_another_configuration_is_updated() -> None:
    live = machine("m1", "v42", config=config("v43", env={"BAD": "1"}))
    made = survey(live, copy=copied(machine("m1", "v42")))

    step = steps(made)["m1"]

    assert step.step is MachineAction.UPDATE
    assert step.changes == ("env BAD", "env PORT")


def test_one_that_lacks_only_its_traffic_or_its_process_is_not_updated() -> None:
    made = survey(
        machine("m1", "v42", cordoned=True),
        machine("m2", "v42", state="stopped"),
        copy=copied(machine("m1", "v42"), machine("m2", "v42")),
    )

    found = orders(made)

    assert [order.step.step for order in found.values()] == [
        MachineAction.START,
        MachineAction.START,
    ]
    assert found["m1"].uncordons
    assert found["m1"].step.changes == ("uncordoned",)


def test_one_that_was_cordoned_before_stays_so() -> None:
    kept = machine("m1", "v42", cordoned=True)
    made = survey(machine("m1", cordoned=True), copy=copied(kept))

    assert not orders(made)["m1"].uncordons


# Who runs afterwards.


@pytest.mark.parametrize(
    ("state", "stays"),
    [("started", False), ("stopped", True), ("suspended", True), ("created", True)],
)
def test_the_copy_says_who_ran(state: str, stays: bool) -> None:
    made = survey(machine("m1", state="stopped"), copy=copied(machine("m1", "v42", state=state)))

    assert steps(made)["m1"].stays_stopped is stays


def exit_event(*, requested: bool) -> Json:
    ended = {"exit_code": 1, "requested_stop": requested}
    return {"type": "exit", "timestamp": 1_790_000_000_000, "request": {"exit_event": ended}}


@pytest.mark.parametrize("requested", [True, False])
def test_without_a_copy_who_crashed_ran_and_who_was_stopped_did_not(requested: bool) -> None:
    live = machine("m1", state="stopped", events=[exit_event(requested=requested)])
    made = survey(live, versions={"m1": [version("v42")]})

    assert steps(made)["m1"].stays_stopped is requested


def test_a_standby_never_runs() -> None:
    kept = machine("m1", "v42", config=config(standbys=["m2"]))
    live = machine("m1", config=config("v43", standbys=["m2"]))

    assert steps(survey(live, copy=copied(kept)))["m1"].stays_stopped


# Machines that are new, gone, foreign or out of reach.


def test_a_new_machine_leaves_the_traffic_where_others_are_restored() -> None:
    made = survey(machine("m1"), machine("new"), copy=copied(machine("m1", "v42")))

    step = steps(made)["new"]

    assert step.step is MachineAction.CORDON
    assert step.after == "out of the traffic"


def test_new_machines_take_the_places_of_those_that_are_gone_same_region_first() -> None:
    kept = (
        machine("old1", "v42", region="fra", config=config(env={"REGION": "fra"})),
        machine("old2", "v42", region="ams", config=config(env={"REGION": "ams"})),
    )
    made = survey(
        machine("new1", region="ams"),
        machine("new2", region="fra"),
        machine("new3", region="fra"),
        copy=copied(*kept),
    )

    found = orders(made)

    assert restored(made, "new1")["env"] == {"REGION": "ams"}
    assert restored(made, "new2")["env"] == {"REGION": "fra"}
    assert found["new3"].step.step is MachineAction.CORDON
    assert found["old1"].step.step is MachineAction.LEAVE
    assert "another takes its place" in found["old1"].step.why


def test_a_group_that_lost_machines_says_that_it_is_smaller() -> None:
    made = survey(machine("m1"), copy=copied(machine("m1", "v42"), machine("m2", "v42")))

    step = steps(made)["m2"]

    assert (step.step, step.before) == (MachineAction.LEAVE, "destroyed")
    assert "its group has fewer machines now" in step.why


def test_a_sibling_with_a_volume_is_no_model() -> None:
    mounts = [{"volume": "vol_1", "path": "/data"}]
    kept = machine("old", "v42", config=config(mounts=mounts))

    with pytest.raises(PlatformError, match="m1"):
        ordered(survey(machine("m1"), copy=copied(kept)))


def test_a_machine_without_a_past_that_serves_is_a_refusal_with_a_next_step() -> None:
    with pytest.raises(PlatformError) as caught:
        ordered(survey(machine("m1"), versions={"m1": []}))

    assert "machine m1 has no known configuration of v42" in caught.value.message
    assert caught.value.hint == "deploy v42 again, from its own commit"


def test_a_group_that_the_previous_definition_does_not_know_is_taken_out() -> None:
    made = survey(
        machine("m1"),
        machine("m2", group="batch"),
        versions={"m1": [version("v42")]},
        definition={"app": "shop"},
    )

    step = steps(made)["m2"]

    assert (step.step, step.after) == (MachineAction.CORDON, "stopped")


def test_without_a_definition_an_unknown_group_is_a_refusal() -> None:
    made = survey(machine("m1"), machine("m2", group="batch"), versions={"m1": [version("v42")]})

    with pytest.raises(PlatformError, match="m2"):
        ordered(made)


def test_a_machine_that_an_older_release_configured_is_left_alone() -> None:
    made = survey(machine("m1"), machine("m2", "v41"), versions={"m1": [version("v42")], "m2": []})

    assert steps(made)["m2"].step is MachineAction.LEAVE


def test_other_volumes_than_before_are_a_refusal() -> None:
    kept = machine("m1", "v42", config=config(mounts=[{"volume": "vol_1", "path": "/data"}]))
    live = machine("m1", config=config("v43", mounts=[{"volume": "vol_2", "path": "/data"}]))

    with pytest.raises(PlatformError, match="has other volumes now"):
        ordered(survey(live, copy=copied(kept)))


def test_a_host_that_does_not_answer_is_said_and_left() -> None:
    live = machine("m1", host_status="unreachable")
    del live["config"]
    made = survey(live, machine("m2"), copy=copied(machine("m1", "v42"), machine("m2", "v42")))

    step = steps(made)["m1"]

    assert step.step is MachineAction.LEAVE
    assert "its host does not answer" in step.why
    assert any("m1" in words for words in not_restored(made, ordered(made)))


# What is not restored.


def test_a_migration_is_named_by_its_release_and_the_command_is_not_shown() -> None:
    made = survey(machine("m1"), copy=copied(machine("m1", "v42")))

    notes = not_restored(made, ordered(made))

    assert any("v43 has a release command" in words for words in notes)
    assert any(words.startswith("secrets") for words in notes)
    assert "hunter2" not in "".join(notes)


def test_volumes_and_destroyed_machines_are_named() -> None:
    mounts = [{"volume": "vol_1", "path": "/data"}]
    kept = machine("m1", "v42", config=config(mounts=mounts))
    live = machine("m1", config=config("v43", mounts=mounts))
    made = survey(live, copy=copied(kept, machine("gone", "v42")))

    notes = not_restored(made, ordered(made))

    assert "volumes: what was written to 1 volume since" in notes
    assert "destroyed machines: gone" in notes


# In which order.


def batch_names(*machines: Json, **groups: Any) -> list[list[str]]:
    del groups
    kept = [
        machine(one["id"], "v42", one["config"]["metadata"]["fly_process_group"])
        for one in machines
    ]
    made = ordered(survey(*machines, copy=copied(*kept)))
    return [[order.name for order in batch] for batch in batched(made)]


def sick(name: str, group: str = "app") -> Json:
    return machine(name, group=group, checks=[{"name": "c", "status": "critical"}])


def test_the_canary_is_a_sick_machine_of_the_biggest_group_with_traffic() -> None:
    found = batch_names(
        machine("w1", group="worker"),
        machine("w2", group="worker"),
        machine("w3", group="worker"),
        machine("a1"),
        sick("a2"),
    )

    assert found[0] == ["a2"]


def test_a_third_of_each_group_at_a_time() -> None:
    apps = [machine(f"a{number}") for number in range(7)]
    workers = [machine(f"w{number}", group="worker") for number in range(2)]

    sizes = [len(batch) for batch in batch_names(*apps, *workers)]

    assert sizes == [1, 4, 4]


@pytest.mark.parametrize(
    ("machines", "sizes"), [(1, [1]), (2, [1, 1]), (3, [1, 2]), (5, [1, 2, 2]), (10, [1, 4, 5])]
)
def test_what_is_restored_vouches_for_twice_as_many_and_never_for_more_than_half(
    machines: int, sizes: list[int]
) -> None:
    found = batch_names(*[machine(f"m{number}") for number in range(machines)])

    assert [len(batch) for batch in found] == sizes


def test_never_more_than_eight() -> None:
    found = batch_names(*[sick(f"m{number}") for number in range(30)])

    assert [len(batch) for batch in found] == [1, 8, 8, 8, 5]


# Beside it.


def test_the_longest_grace_and_interval_of_all_checks_count() -> None:
    checks = {"alive": {"interval": "1m30s", "grace_period": 5_000_000_000}}
    services = [{"checks": [{"interval": "10s", "grace_period": "500ms"}]}]

    read = MachineConfig.read({"checks": checks, "services": services})
    assert (read.grace_seconds, read.interval_seconds) == (5.0, 90.0)
    empty = MachineConfig()
    assert (empty.grace_seconds, empty.interval_seconds) == (0.0, 0.0)


def test_a_copy_is_read_back_as_it_was() -> None:
    kept = copied(machine("m1", "v42"))

    assert read_copy(as_json(kept), "shop") == kept


@pytest.mark.parametrize(
    "document",
    [None, {}, {"app": "other"}, {"app": "shop"}, {"app": "shop", "release": 1, "machines": 2}],
)
def test_what_is_no_copy_of_this_app_is_none(document: Json | None) -> None:
    assert read_copy(document, "shop") is None
