"""A rollback that is stopped at any request, by a signal or for good, and the next one."""

import pytest

from slo_action.errors import Interrupted
from tests.platforms.fly.failing_transport import FailingTransport, KilledError
from tests.platforms.fly.rollback.test_machines_engine import succeeded, told
from tests.platforms.fly.scene import GOOD, Scene
from tests.sizes import sized
from tests.worlds.fly import crashing

MOST_REQUESTS = 120
STOPS = range(1, MOST_REQUESTS, sized(3, 1))


def stuck() -> Scene:
    """Two machines that gave up under the failed release: each must be updated and started."""
    scene = Scene().launched(2).prepared()
    return scene.deployed(crashing("1.1"), changes={"restart": [{"policy": "no"}]})


def finished(scene: Scene) -> None:
    """Let a new process finish the work of the one that was stopped."""
    steps = scene.rolls_back(scene.platform(by_hand=True, to_version="v1"))
    assert succeeded(steps), told(steps)
    assert scene.digests() == {GOOD.digest}
    assert all(scene.world.well().values())


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_signal_at_any_request_is_reported_and_leaves_no_lease(after: bool) -> None:
    for number in STOPS:
        scene = stuck()
        striking = FailingTransport(
            scene.world.transport(), 0, lambda: Interrupted("SIGTERM"), after=after
        )
        scene.transport = striking
        platform = scene.platform()
        target = platform.previous_release()
        striking._at = striking.count + number

        steps = platform.restore(target, None, scene.write)

        if not striking.has_failed:
            break
        was_recording = steps[-1].name == "release record"
        assert "the run was stopped" in steps[-1].detail, (number, told(steps))
        assert was_recording or not steps[-1].succeeded
        orphans = [lease for lease in scene.world.leases() if not after]
        assert orphans == [], number
        scene.world.passes(30.0)
        assert scene.world.leases() == ()
    else:
        raise AssertionError("the rollback never ended by itself")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_kill_at_any_request_can_be_finished_by_the_next_run(after: bool) -> None:
    for number in STOPS:
        scene = stuck()
        striking = FailingTransport(
            scene.world.transport(), 0, KilledError, after=after, is_final=True
        )
        scene.transport = striking
        platform = scene.platform()
        target = platform.previous_release()
        striking._at = striking.count + number

        try:
            platform.restore(target, None, scene.write)
        except KilledError:
            scene.transport = None
            explained = {deed.machine for deed in scene.ours() if deed.machine}
            assert all(any(name in line for line in scene.journal) for name in explained)
            scene.world.passes(30.0)
            assert scene.world.leases() == ()
            finished(scene)
        else:
            assert not striking.has_failed
            break
    else:
        raise AssertionError("the rollback never ended by itself")
