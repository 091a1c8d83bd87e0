"""One machine restarted as it is, within a minute."""

import pytest

from slo_action.core.model import RollbackStep
from slo_action.errors import Interrupted
from tests.platforms.fly.failing_transport import FailingTransport
from tests.platforms.fly.scene import GOOD, Scene
from tests.worlds.fly import crashing, image


def restarted(scene: Scene) -> RollbackStep:
    return scene.platform().restart(scene.world.machines[0].id, scene.write)


def test_a_machine_that_the_proxy_lost_is_restarted_and_found_again() -> None:
    scene = Scene().launched(2)
    lost, other = (machine.id for machine in scene.world.machines)
    scene.world.proxy_loses(lost)

    step = restarted(scene)

    assert step.succeeded, step
    assert step.name == f"restart machine {lost}"
    assert step.detail.startswith("started, 1 of 1 checks passing, in ")
    assert not scene.world.machine(lost).is_lost
    assert {deed.machine for deed in scene.ours("restart")} == {lost}
    assert scene.world.machine(other).run == 1


def test_it_is_journalled_and_leased_and_leaves_no_lease() -> None:
    scene = Scene().launched(1)
    name, instance = scene.world.machines[0].id, scene.world.machines[0].instance_id

    restarted(scene)

    assert scene.journal == [
        f"lease machine {name} for 30 s",
        f"restart machine {name} (instance {instance})",
    ]
    assert scene.world.leases() == ()


def test_it_waits_for_checks_of_the_new_process() -> None:
    scene = Scene().launched(1)
    scene.world.becomes(image("1.0", checks_after_seconds=20.0))

    step = restarted(scene)

    assert step.succeeded, step
    assert step.duration_seconds > 20.0


def test_one_that_does_not_get_well_is_given_up_after_a_minute() -> None:
    scene = Scene().launched(1)
    scene.world.becomes(image("1.0", hangs=True))

    step = restarted(scene)

    assert not step.succeeded
    assert step.detail == "not healthy after 60 s: starting, 0 of 1 checks passing"
    assert 60.0 <= step.duration_seconds < 65.0
    assert scene.world.leases() == ()


def test_one_that_crashes_again_is_reported_at_once() -> None:
    scene = Scene().launched(1, changes={"restart": [{"policy": "no"}]})
    scene.world.becomes(crashing("1.0"))

    step = restarted(scene)

    assert not step.succeeded
    assert step.detail == "it does not stay up: exit code 1"
    assert step.duration_seconds < 15.0


def test_a_lost_answer_is_no_second_restart() -> None:
    scene = Scene().launched(1)
    scene.world.fails("restart", 502, after=True)

    step = restarted(scene)

    assert step.succeeded, step
    assert len(scene.ours("restart")) == 1


def test_another_clients_lease_is_waited_for_a_moment_only() -> None:
    scene = Scene().launched(1)
    scene.world.lease(scene.world.machines[0].id, ttl=600.0)

    step = restarted(scene)

    assert not step.succeeded
    assert "cannot be leased" in step.detail
    assert step.duration_seconds < 20.0
    assert scene.ours("restart") == []


@pytest.mark.parametrize("status", [403, 404])
def test_a_refusal_is_reported(status: int) -> None:
    scene = Scene().launched(1)
    scene.world.fails("restart", status, None)

    step = restarted(scene)

    assert not step.succeeded
    assert str(status) in step.detail
    assert scene.world.leases() == ()


def test_a_signal_is_reported_and_leaves_no_lease() -> None:
    for number in range(1, 12):
        scene = Scene().launched(1)
        scene.transport = FailingTransport(
            scene.world.transport(), number, lambda: Interrupted("SIGTERM")
        )

        step = restarted(scene)

        assert step.succeeded or step.detail == "the run was stopped"
        assert scene.world.leases() == ()
        assert scene.digests() == {GOOD.digest}
