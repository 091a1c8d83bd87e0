"""What the platform's machines say of a deploy."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from slo_action.core.model import HopelessReason, Outcome, Release
from slo_action.core.release.fleet import (
    CheckStatus,
    Fleet,
    Machine,
    MachineExit,
    PlatformCheck,
    crash_summary,
    exit_summary,
    fleet_summary,
    hopeless,
    platform_samples,
)
from tests.builders import DEPLOYED_AT

NEW, OLD = "sha256:" + "b" * 64, "sha256:" + "a" * 64
V43 = Release(version="v43", digest=NEW)


def machine(name: str = "9080e6f3a12345", **changes: Any) -> Machine:
    values: dict[str, Any] = {"region": "ams", "release": "v43", "digest": NEW}
    return Machine(name=name, **{**values, **changes})


def fleet(*machines: Machine, **changes: Any) -> Fleet:
    values: dict[str, Any] = {"release": V43, "status": "complete"}
    return Fleet(app="shop", taken_at=DEPLOYED_AT, machines=machines, **{**values, **changes})


def crash(second: float = 5.0, **changes: Any) -> MachineExit:
    return MachineExit(at=DEPLOYED_AT + timedelta(seconds=second), **{"exit_code": 1, **changes})


def dead(name: str = "m1", **changes: Any) -> Machine:
    return machine(name, **{"state": "stopped", "exits": (crash(),), **changes})


def test_the_image_decides_who_runs_a_release_and_not_what_a_machine_says_of_itself() -> None:
    seen = fleet()

    assert seen.runs(machine(release="v42")) is True
    assert seen.runs(machine(release="v43", digest=OLD)) is False


def test_without_digests_the_release_number_decides() -> None:
    seen = fleet(release=Release(version="v43"))

    assert seen.runs(machine(digest="")) is True
    assert seen.runs(machine(digest="", release="v42")) is False


def test_what_is_not_known_is_neither() -> None:
    assert fleet(release=None).runs(machine()) is None
    assert fleet().runs(machine(digest="", release="")) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"is_cordoned": True},
        {"is_standby": True},
        {"is_serving": False},
        {"state": "stopped"},
        {"state": "suspended"},
        {"is_host_ok": False},
    ],
)
def test_only_a_started_machine_that_serves_is_asked(changes: dict[str, Any]) -> None:
    assert machine().is_asked
    assert not machine(**changes).is_asked


def test_a_machine_that_autostop_stopped_rests_and_is_not_dead() -> None:
    stopped = machine(
        state="stopped", is_autostarted=True, exits=(crash(exit_code=0, requested=True),)
    )

    assert stopped.is_resting
    assert not stopped.is_down


def test_a_machine_that_crashed_does_not_rest_though_it_would_be_started_again() -> None:
    crashed = dead(is_autostarted=True)

    assert crashed.is_down
    assert not crashed.is_resting


def test_a_process_that_ends_by_itself_with_zero_is_dead_all_the_same() -> None:
    assert dead(exits=(crash(exit_code=0),)).is_down


def test_a_crash_loop_is_over_at_the_restart_limit_and_not_before() -> None:
    looping = machine(exits=(crash(), crash(9)), restarts=9, restart_limit=10)

    assert not looping.is_down
    assert replace(looping, restarts=10).is_down


def test_a_machine_that_crashed_and_was_then_stopped_by_somebody_is_not_dead() -> None:
    assert not dead(exits=(crash(), crash(9, requested=True))).is_down


def test_nothing_is_hopeless_while_one_machine_of_the_release_may_start() -> None:
    assert hopeless(fleet(dead("m1"), machine("m2", state="starting"))) is None


def test_it_is_hopeless_once_every_machine_of_the_release_has_exited() -> None:
    found = hopeless(fleet(dead("m1", exits=(crash(oom_killed=True, exit_code=137),)), dead("m2")))

    assert found is not None
    assert found.why is HopelessReason.EXITED
    assert "exit code 137, out of memory" in found.words


def test_old_machines_that_still_run_do_not_save_a_release_whose_own_have_all_exited() -> None:
    found = hopeless(fleet(dead("m1"), machine("m2", digest=OLD, release="v42")))

    assert found is not None
    assert found.why is HopelessReason.EXITED


@pytest.mark.parametrize(
    ("status", "ends"),
    [("complete", True), ("failed", True), ("interrupted", True), ("running", False)],
)
def test_a_deploy_that_has_ended_and_reached_no_machine_is_not_live(
    status: str, ends: bool
) -> None:
    found = hopeless(fleet(machine(digest=OLD, release="v42"), status=status))

    assert (found is not None) is ends
    if found:
        assert found.why is HopelessReason.NOT_LIVE
        assert "1/1 on v42" in found.words


def test_unreachable_hosts_are_the_platforms_fault() -> None:
    found = hopeless(fleet(machine("m1", is_host_ok=False), machine("m2", is_host_ok=False)))

    assert found is not None
    assert found.why is HopelessReason.UNREACHABLE


def test_an_app_without_machines_says_nothing() -> None:
    assert hopeless(fleet()) is None
    assert hopeless(fleet(dead(is_standby=True))) is None


def test_the_matrix_is_reported_in_one_line_with_the_odd_ones_named() -> None:
    odd = machine("9080e6f3a99999", digest=OLD, release="v42")
    seen = fleet(*(machine(f"m{number}") for number in range(5)), odd)

    assert fleet_summary(seen) == "5/6 on v43, 1/6 (ams 9080e6…) on v42"


def test_a_machine_that_claims_the_release_with_another_image_is_named_by_the_image() -> None:
    assert fleet_summary(fleet(machine(digest=OLD))) == "1/1 on image aaaaaaaaaaaa"


def test_machines_that_do_not_serve_are_not_in_the_matrix() -> None:
    seen = fleet(machine(), machine("m2", is_standby=True, digest=OLD))

    assert fleet_summary(seen) == "1/1 on v43"
    assert not seen.behind


def test_the_platform_state_is_well_where_all_run_the_release() -> None:
    assert platform_samples(fleet(machine()), "fly:machines", 0.2)[0].outcome is Outcome.OK


def test_a_stopped_machine_on_the_old_image_is_behind_too() -> None:
    old = machine("m2", state="stopped", is_autostarted=True, digest=OLD, release="v42")
    (word,) = platform_samples(fleet(machine(), old), "fly:machines", 0.2)

    assert word.outcome is Outcome.WRONG_VERSION
    assert word.version == "v42"


@pytest.mark.parametrize("state", ["replacing", "updating", "starting", "restarting"])
def test_who_is_on_its_way_is_waited_for_and_blames_nobody(state: str) -> None:
    _, idle = platform_samples(fleet(machine("m1"), machine("m2", state=state)), "fly", 0.2)

    assert (idle.machine, idle.outcome) == ("m2", Outcome.WRONG_VERSION)
    assert state in idle.detail


@pytest.mark.parametrize(
    "changes",
    [{"state": "failed"}, {"state": "launch_failed"}, {"state": "stopped", "exits": (crash(),)}],
)
def test_who_has_ended_without_being_asked_to_has_failed_once_the_deploy_is_over(
    changes: dict[str, Any],
) -> None:
    lost = machine("m2", **changes)
    _, over = platform_samples(fleet(machine("m1"), lost), "fly", 0.2)
    _, rolling = platform_samples(fleet(machine("m1"), lost, status="running"), "fly", 0.2)

    assert over.outcome is Outcome.UNHEALTHY_BODY
    assert rolling.outcome is Outcome.WRONG_VERSION


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "stopped"},
        {"state": "suspended", "is_autostarted": True},
        {"state": "created"},
        {"state": "stopped", "exits": (crash(2), crash(9, requested=True))},
        {"state": "starting", "exits": (crash(9, requested=True),)},
        {"state": "stopping"},
        {"state": "stopped", "is_standby": True},
        {"state": "starting", "is_cordoned": True},
        {"state": "starting", "is_serving": False},
        {"state": "starting", "is_host_ok": False},
    ],
)
def test_who_need_not_run_is_not_waited_for(changes: dict[str, Any]) -> None:
    assert fleet(machine("m1"), machine("m2", **changes)).pending == ()


def test_a_machine_on_an_unreachable_host_is_neither_behind_nor_forgotten() -> None:
    lost = machine("m2", digest=OLD, release="v42", is_host_ok=False)
    seen = fleet(machine("m1"), lost)

    assert not seen.behind
    assert seen.unreachable == (lost,)


def test_a_critical_check_is_critical_and_a_warning_is_not() -> None:
    def checked(status: CheckStatus) -> Machine:
        return machine(checks=(PlatformCheck(name="http", status=status),))

    assert checked(CheckStatus.CRITICAL).is_critical
    assert not checked(CheckStatus.WARNING).is_critical


def test_exits_are_reported_with_their_code_and_how_often_it_was_started_again() -> None:
    assert exit_summary(machine(exits=(crash(),), restarts=3)) == "exit code 1, 3 restarts"
    assert exit_summary(machine(exits=(crash(exit_code=None),))) == "unknown exit code"
    assert exit_summary(machine()) == "started"


def test_only_crashes_of_the_release_itself_make_it_unwell() -> None:
    asked_for = machine("m1", exits=(crash(requested=True),))
    of_old = machine("m2", digest=OLD, exits=(crash(),))

    assert crash_summary(fleet(asked_for, of_old)) == ""
    assert crash_summary(fleet(machine("m3", exits=(crash(),)))) == "ams m3: exit code 1"
