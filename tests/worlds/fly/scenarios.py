"""Situations to try the product in: each is an app whose newest deploy has just been made."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.worlds.fly.images import (
    FlyImage,
    broken,
    broken_api,
    crashing,
    dies_after,
    image,
    out_of_memory,
    ready_after,
    unpullable,
)
from tests.worlds.fly.world import FlyWorld

FORMER = image("1.0.0")
_NEW = "1.1.0"


@dataclass(frozen=True, slots=True)
class Scenario:
    """What `words` say has happened, made true by `plays`, on an app that is well."""

    words: str
    plays: Callable[[FlyWorld], object]


def _deploys(made: FlyImage, strategy: str = "immediate") -> Callable[[FlyWorld], object]:
    return lambda world: world.deploy(made, strategy=strategy, skips_release_command=True)


def _one_sick(world: FlyWorld) -> None:
    world.deploy(image(_NEW), strategy="immediate", skips_release_command=True)
    last = world.machines[-1].id
    world.at(8.0, lambda: world.sickens(last))


def _raced(world: FlyWorld) -> None:
    world.deploy(broken(_NEW), strategy="immediate", skips_release_command=True)
    world.at(60.0, lambda: world.deploy(image("1.2.0"), strategy="immediate"))


def _asleep(world: FlyWorld) -> None:
    world.deploy(image(_NEW, boot_seconds=3.0), strategy="immediate", skips_release_command=True)
    for machine in world.machines:
        world.at(15.0, lambda one=machine.id: world.stop(one))  # type: ignore[misc]


def _pruned(world: FlyWorld) -> None:
    world.deploy(broken(_NEW), strategy="immediate", skips_release_command=True)
    world.prune(FORMER)


def _no_api(world: FlyWorld) -> None:
    world.deploy(broken(_NEW), strategy="immediate", skips_release_command=True)
    world.at(20.0, lambda: world.down(600.0))


SCENARIOS = {
    "rest": Scenario("nothing is deployed yet: for `prepare`", lambda _: None),
    "healthy": Scenario("a good release", _deploys(image(_NEW))),
    "rolling": Scenario("a good release, still rolling", _deploys(image(_NEW), "rolling")),
    "bad": Scenario("every path but the version answers 503", _deploys(broken(_NEW))),
    "api-fails": Scenario(
        "healthy by its own word, the API answers 500", _deploys(broken_api(_NEW))
    ),
    "half": Scenario("the deploy was killed in the middle", _deploys(image(_NEW), "half")),
    "half-bad": Scenario("the same, with a sick image", _deploys(broken(_NEW), "half")),
    "crash-loop": Scenario("the process exits at once", _deploys(crashing(_NEW))),
    "oom": Scenario("the process needs more memory than there is", _deploys(out_of_memory(_NEW))),
    "late": Scenario("healthy after 45 s", _deploys(ready_after(_NEW, 45.0))),
    "dies": Scenario("healthy for 150 s, then not", _deploys(dies_after(_NEW, 150.0))),
    "unpullable": Scenario(
        "no host can pull the image: a silent revert", _deploys(unpullable(_NEW))
    ),
    "one-sick": Scenario("one machine is sick until it is restarted", _one_sick),
    "asleep": Scenario("a good release whose machines are stopped by autostop", _asleep),
    "raced": Scenario("a bad release, and another deploy a minute later", _raced),
    "pruned": Scenario("a bad release, and the former image is gone", _pruned),
    "no-api": Scenario("a bad release, and the platform's APIs are away", _no_api),
}


def staged(world: FlyWorld, name: str, machines: int) -> FlyWorld:
    """Launch the app as it was yesterday, and let a scenario begin."""
    world.launch(FORMER, machines=machines, regions=("ams", "fra", "iad"), version=41)
    SCENARIOS[name].plays(world)
    return world
