"""What one machine's answers say, one after another; what the world never says included."""

from typing import Any

import pytest

from slo_action.platforms.fly.client.models import FlyMachine
from slo_action.platforms.fly.rollback.machine_order import MachineOrder
from slo_action.platforms.fly.rollback.machine_progress import MachineProgress
from slo_action.platforms.fly.rollback.plan import ordered
from slo_action.platforms.fly.rollback.tools import TakenOverError
from tests.platforms.fly.rollback.test_plan import B, C, Json, config, copied, machine, survey

LATEST = 300.0
PASSING = [{"name": "c", "status": "passing"}]


def order(**before: Any) -> MachineOrder:
    (made,) = ordered(survey(machine("m1", **before), copy=copied(machine("m1", "v42"))))
    return made


WAITS, STARTS, ENDS = (False, False), (True, False), (False, True)


def see(progress: MachineProgress, raw: Json, now: float) -> tuple[bool, bool]:
    """Return whether the machine needs a start, and whether it has ended."""
    return progress.see(FlyMachine.read(raw), now), progress.has_ended


def updated(*, sent: float | None = 0.0, **before: Any) -> MachineProgress:
    """Return the progress of a machine whose update was answered with the instance `new`."""
    return MachineProgress(
        order=order(**before), began=0.0, latest=LATEST, sent=sent, instance="new"
    )


def restored(**changes: Any) -> Json:
    return machine("m1", "v42", instance_id="new", checks=PASSING, **changes)


def image_ref(digest: str) -> Json:
    return {"registry": "registry.fly.io", "repository": "shop", "tag": "t", "digest": digest}


def exits(count: int) -> list[Json]:
    return [
        {
            "type": "exit",
            "timestamp": 1_790_000_000_000 + number,
            "request": {"exit_event": {"exit_code": 1, "restarting": True}},
        }
        for number in range(count)
    ]


def test_a_new_instance_that_runs_and_passes_is_well() -> None:
    made = updated()

    assert see(made, restored(), 4.2) == ENDS
    assert made.is_healthy
    assert made.ending == "v43 -> v42: started, 1 of 1 checks passing, in 4.2 s"


@pytest.mark.parametrize(
    "checks",
    [
        [],
        [{"name": "c", "status": "warning"}],
        [{"name": "c", "status": "critical"}],
        [*PASSING, {"name": "d", "status": "critical"}],
    ],
)
def test_anything_less_than_all_checks_passing_is_waited_for(checks: list[Json]) -> None:
    made = updated()

    assert see(made, machine("m1", "v42", instance_id="new", checks=checks), 5.0) == WAITS
    assert not made.has_ended


def test_a_check_from_before_the_start_is_not_believed_until_it_must_have_looked() -> None:
    started = [{"type": "start", "timestamp": 1_790_000_100_000}]
    old = [{"name": "c", "status": "passing", "updated_at": "2026-09-21T14:00:00Z"}]
    made = updated()

    answer = machine("m1", "v42", instance_id="new", checks=old, events=started)

    assert see(made, answer, 5.0) == WAITS
    assert see(made, answer, 20.0) == WAITS
    assert see(made, answer, 21.5) == ENDS
    assert made.is_healthy


def test_an_old_answer_is_no_revert_at_first() -> None:
    made = updated()

    for second in range(1, 10):
        assert see(made, machine("m1"), float(second)) == WAITS
    assert see(made, restored(), 10.0) == ENDS
    assert made.is_healthy


def test_it_is_one_when_it_stays() -> None:
    made = updated()

    for second in range(1, 11):
        see(made, machine("m1"), float(second))

    assert made.ending == ("v43 -> v42: the image could not be pulled; the platform kept v43")


def test_back_at_the_old_instance_after_the_new_one_is_a_revert_soon() -> None:
    made = updated()
    see(made, restored(state="replacing"), 1.0)

    for second in (2.0, 3.0, 4.0):
        see(made, machine("m1"), second)

    assert "could not be pulled" in made.ending


def test_a_new_instance_with_the_old_image_is_a_revert_too() -> None:
    made = updated()

    see(made, machine("m1", instance_id="third", state="replacing"), 1.0)
    assert not made.has_ended
    see(made, machine("m1", instance_id="third"), 2.0)

    assert "could not be pulled" in made.ending


def test_a_third_image_is_another_clients() -> None:
    made = updated()

    with pytest.raises(TakenOverError, match="m1"):
        see(made, machine("m1", instance_id="third", image_ref=image_ref(C)), 1.0)


def test_another_instance_with_the_right_image_and_mark_is_taken_as_ours() -> None:
    made = updated()

    see(made, {**restored(), "instance_id": "fourth"}, 2.0)

    assert made.is_healthy
    assert made.instance == "fourth"


def test_the_right_image_with_another_mark_is_not() -> None:
    foreign = machine("m1", "v42", instance_id="fourth", config=config("v43"))

    with pytest.raises(TakenOverError):
        see(updated(), foreign, 2.0)


def test_a_configuration_that_the_platform_wrote_otherwise_is_still_ours() -> None:
    made = updated()

    see(made, restored(config=config(restart={"policy": "on-failure"})), 2.0)

    assert made.is_healthy


def test_one_that_was_not_updated_must_stay_as_it_was() -> None:
    made = updated(sent=None)

    with pytest.raises(TakenOverError):
        see(made, machine("m1", instance_id="other", image_ref=image_ref(B)), 1.0)


@pytest.mark.parametrize("state", ["launch_failed", "destroyed", "migrated"])
def test_a_state_that_nothing_comes_after_ends_it(state: str) -> None:
    made = updated()

    see(made, restored(state=state), 1.0)

    assert made.ending == f"v43 -> v42: its state is {state}"


def test_three_crashes_end_it_and_two_do_not() -> None:
    made = updated()

    assert see(made, restored(state="starting", events=exits(2)), 1.0) == WAITS
    see(made, restored(state="starting", events=exits(3)), 2.0)

    assert "it does not stay up: exit code 1" in made.ending


def test_one_that_rests_is_asked_to_start_three_times_at_most() -> None:
    made, asked = updated(), 0

    for second in range(1, 60):
        if see(made, restored(state="stopped"), float(second)) == STARTS:
            asked += 1
            made.starts(float(second))

    assert asked == 3


def test_one_that_autostop_stops_after_it_ran_is_healthy() -> None:
    made = updated()
    see(made, machine("m1", "v42", instance_id="new"), 1.0)

    see(made, restored(state="stopped"), 2.0)

    assert made.is_healthy
    assert "stopped by autostop" in made.ending


def test_the_time_box_follows_the_checks_and_names_the_last_state() -> None:
    slow = {"internal_port": 1, "checks": [{"grace_period": "60s", "interval": "30s"}]}
    kept = machine("m1", "v42", config=config(services=[slow]))
    (slow_order,) = ordered(survey(machine("m1"), copy=copied(kept)))
    made = MachineProgress(order=slow_order, began=0.0, latest=LATEST, sent=0.0, instance="new")

    assert made.until == 180.0
    assert updated().until == 120.0
    see(made, restored(config=config(services=[slow])) | {"checks": []}, 100.0)
    assert made.until == 280.0
    made.wait(280.0, "no answer")

    assert made.ending == "v43 -> v42: not healthy after 180 s: no answer"


@pytest.mark.parametrize("state", ["replacing", "replaced", "updating", "created", "starting"])
def test_one_that_is_on_its_way_has_the_whole_rollback_s_time_and_is_late_after_it(
    state: str,
) -> None:
    made = updated()

    assert see(made, restored(state=state), LATEST - 1.0) == WAITS
    assert see(made, restored(state=state), LATEST) == ENDS

    assert made.is_late
    assert made.ending.startswith(f"v43 -> v42: not ready after 300 s: state {state}")


def test_one_that_has_started_gets_its_own_time_even_after_the_rollback_s() -> None:
    made = updated()
    failing = machine("m1", "v42", instance_id="new", checks=[{"name": "c", "status": "critical"}])

    see(made, failing, LATEST - 1.0)
    assert see(made, failing, LATEST + 118.0) == WAITS
    assert see(made, failing, LATEST + 119.0) == ENDS

    assert not made.is_late
    assert "not healthy after 120 s" in made.ending


def test_one_that_rests_and_cannot_be_started_says_what_the_platform_said() -> None:
    made = updated()
    made.refusal = "Fly.io refused to start machine m1"
    for second in (3.0, 6.0, 9.0):
        made.starts(second)

    see(made, restored(state="stopped"), 120.0)

    assert made.ending == (
        "v43 -> v42: not healthy after 120 s: state stopped, 0 of 1 checks passing; "
        "Fly.io refused to start machine m1"
    )
