"""Leases: taken all at once, kept, taken again, and given back."""

import pytest

from slo_action.platforms.fly.rollback.leases import TTL_SECONDS, Leases
from slo_action.platforms.fly.rollback.tools import RollbackAbortedError, RollbackTools
from tests.platforms.fly.scene import OURS, Scene, api_of


def leases_of(scene: Scene) -> tuple[Leases, list[str]]:
    """Return leases on an app, and the names of its machines."""
    api = api_of(scene.world, scene.clock)
    tools = RollbackTools(api=api, clock=scene.clock, concurrently=scene.clock.run_concurrently)
    return Leases(tools, scene.write), [machine.id for machine in scene.world.machines]


def held(scene: Scene) -> list[str]:
    return [lease.machine for lease in scene.world.leases() if lease.owner.startswith(OURS)]


def test_they_are_short_and_last_as_long_as_they_are_refreshed() -> None:
    scene = Scene().launched(2)
    leases, names = leases_of(scene)
    leases.take(names, until=60.0)

    for _ in range(100):
        scene.world.passes(1.0)
        leases.refresh()

    assert held(scene) == names
    scene.world.passes(TTL_SECONDS)
    assert held(scene) == []


def test_one_that_ran_out_is_taken_again() -> None:
    scene = Scene().launched(2)
    leases, names = leases_of(scene)
    leases.take(names, until=60.0)
    first = leases.nonce(names[0])
    scene.world.passes(TTL_SECONDS + 1.0)

    leases.ensure(names)

    assert held(scene) == names
    assert leases.nonce(names[0]) != first


def test_one_that_another_client_took_for_a_moment_is_waited_for() -> None:
    scene = Scene().launched(1)
    leases, names = leases_of(scene)
    leases.take(names, until=60.0)
    scene.world.passes(TTL_SECONDS + 1.0)
    scene.world.lease(names[0], ttl=3.0)

    leases.ensure(names)

    assert held(scene) == names


def test_one_that_another_client_keeps_is_given_up() -> None:
    scene = Scene().launched(1)
    leases, names = leases_of(scene)
    leases.take(names, until=60.0)
    scene.world.passes(TTL_SECONDS + 1.0)
    scene.world.lease(names[0], ttl=600.0)

    with pytest.raises(RollbackAbortedError, match="cannot be leased"):
        leases.ensure(names)


def test_an_answer_that_was_lost_is_waited_out_as_another_s_lease() -> None:
    scene = Scene().launched(1)
    leases, names = leases_of(scene)
    scene.world.fails("lease", 502, after=True)

    leases.take(names, until=60.0)

    assert held(scene) == names
    assert TTL_SECONDS <= scene.world.now < TTL_SECONDS + 5.0


def test_a_refusal_is_not_waited_for() -> None:
    scene = Scene().launched(1)
    leases, names = leases_of(scene)
    scene.world.fails("lease", 403, None)

    with pytest.raises(RollbackAbortedError, match="403"):
        leases.take(names, until=60.0)

    assert scene.world.now < 2.0


def test_what_cannot_be_given_back_is_forgotten_and_runs_out() -> None:
    scene = Scene().launched(2)
    leases, names = leases_of(scene)
    leases.take(names, until=60.0)
    scene.world.down(600.0)
    begun = scene.world.now

    leases.release_at_last()

    assert scene.world.now - begun < 5.0
    assert leases.nonce(names[0]) is None
    scene.world.passes(TTL_SECONDS)
    assert held(scene) == []
