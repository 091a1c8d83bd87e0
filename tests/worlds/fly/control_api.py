"""The maker's door of the served world: `/_world/...` looks at it, and lets things happen."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import httpx

from tests.worlds.fly import images
from tests.worlds.fly.images import FlyImage
from tests.worlds.fly.refusal import RefusalError, reply
from tests.worlds.fly.world import FlyWorld

_PREFIX = "/_world/"

KINDS: dict[str, Callable[[str], FlyImage]] = {
    "good": images.image,
    "broken": images.broken,
    "broken-api": images.broken_api,
    "crashing": images.crashing,
    "out-of-memory": images.out_of_memory,
    "unpullable": images.unpullable,
    "slow": images.slow,
    "late": lambda version: images.ready_after(version, 45.0),
}


def is_control(request: httpx.Request) -> bool:
    """Return whether a request is meant for the maker's door."""
    return request.url.path.startswith(_PREFIX)


def made(world: FlyWorld, request: httpx.Request) -> httpx.Response:
    """Do what is asked and tell how the world stands. Raises RefusalError."""
    action = request.url.path.removeprefix(_PREFIX)
    body = json.loads(request.read() or b"{}")
    if request.method == "GET" and action in _LOOKS:
        return reply(200, _LOOKS[action](world))
    act = _ACTS.get(action) if request.method == "POST" else None
    if act is None:
        known = ", ".join([*(f"GET {name}" for name in _LOOKS), *(f"POST {n}" for n in _ACTS)])
        raise RefusalError(404, f"known are: {known}")
    try:
        act(world, body)
    except (KeyError, TypeError, ValueError) as error:
        raise RefusalError(400, f"the body does not fit: {error!r}") from None
    return reply(200, _state(world))


def _state(world: FlyWorld) -> dict[str, Any]:
    running, well = world.running(), world.well()
    return {
        "seconds": round(world.now, 1),
        "machines": [
            {
                "id": machine.id,
                "region": machine.region,
                "state": machine.state,
                "configured": machine.image.version,
                "release": machine.metadata.get("fly_release_version"),
                "runs": running[machine.id],
                "is_well": well[machine.id],
                "restarts": machine.restarts,
            }
            for machine in world.machines
        ],
        "releases": [
            {"version": one.version, "status": one.status, "image": one.image.version}
            for one in world.releases
        ],
        "leases": [asdict(lease) for lease in world.leases()],
    }


_LOOKS: dict[str, Callable[[FlyWorld], object]] = {
    "state": _state,
    "log": lambda world: [asdict(deed) for deed in world.log],
    "requests": lambda world: [asdict(asked) for asked in world.requests],
}


def _deploy(world: FlyWorld, body: Mapping[str, Any]) -> None:
    made_image = KINDS[body.get("kind", "good")](body["version"])
    world.deploy(
        made_image,
        strategy=body.get("strategy", "rolling"),
        changes=body.get("changes"),
        skips_release_command=bool(body.get("skips_release_command")),
    )


def _fails(world: FlyWorld, body: Mapping[str, Any]) -> None:
    world.fails(body["match"], int(body.get("status", 503)), body.get("times", 1))


_ACTS: dict[str, Callable[[FlyWorld, Mapping[str, Any]], object]] = {
    "deploy": _deploy,
    "set-secrets": lambda world, _: world.set_secrets(),
    "stop": lambda world, body: world.stop(body["machine"]),
    "start": lambda world, body: world.start(body["machine"]),
    "restart": lambda world, body: world.restart(body["machine"]),
    "destroy": lambda world, body: world.destroy(body["machine"]),
    "cordon": lambda world, body: world.cordon(body["machine"]),
    "host-fails": lambda world, body: world.host_fails(body["machine"]),
    "fills": lambda world, body: world.fills(body["machine"]),
    "lease": lambda world, body: world.lease(body["machine"], float(body.get("ttl", 60))),
    "down": lambda world, body: world.down(float(body["seconds"])),
    "fails": _fails,
}
