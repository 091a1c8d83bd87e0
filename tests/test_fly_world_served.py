"""The stateful Fly, served: a port to try the product on."""

from collections.abc import Iterator

import httpx
import pytest

from tests.worlds.fly import DEPLOY_TOKEN, FlyWorld
from tests.worlds.fly.real_time import RealTime, served
from tests.worlds.fly.scenarios import SCENARIOS, staged
from tests.worlds.fly.serve import usage
from tests.worlds.virtual_clock import VirtualClock


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_every_scenario_begins_with_an_app_that_was_well(name: str) -> None:
    clock = VirtualClock()
    world = staged(FlyWorld(clock), name, machines=3)
    assert set(world.running().values()) == {"1.0.0"}
    world.passes(90)
    assert len(world.releases) == (1 if name == "rest" else 3 if name == "raced" else 2)
    assert SCENARIOS[name].words in usage("http://127.0.0.1:1", name, "shop")


@pytest.fixture
def address() -> Iterator[str]:
    clock = RealTime()
    world = staged(FlyWorld(clock), "rest", machines=2)
    world.latencies.by_action.clear()
    world.latencies.usual = 0.0
    with served(world, clock) as address:
        yield address


def test_one_port_serves_the_apis_the_edge_and_the_makers_door(address: str) -> None:
    with httpx.Client(base_url=address, headers={"Authorization": DEPLOY_TOKEN}) as client:
        machines = client.get("/v1/apps/shop/machines").json()
        forced = {"fly-force-instance-id": machines[1]["id"]}
        assert client.get("/healthz", headers=forced).json()["version"] == "1.0.0"
        assert client.get("/api/orders").json() == {"items": []}
        assert client.head("/v2/shop/manifests/sha256:0").status_code == 404
        assert client.get(f"/v1/apps/shop/machines/{machines[0]['id']}/wait").json()["ok"]
        stopped = client.post("/_world/stop", json={"machine": machines[0]["id"]}).json()
        assert stopped["machines"][0]["state"] == "stopping"
        made = client.post("/_world/deploy", json={"version": "2.0", "kind": "broken"}).json()
        assert made["releases"][-1] == {"version": 42, "status": "running", "image": "2.0"}
        assert client.get("/_world/log").json()[-1]["action"] == "release"
        assert client.post("/_world/nonsense").status_code == 404
        assert client.post("/_world/stop", json={}).status_code == 400
        client.post("/_world/down", json={"seconds": 60})
        assert client.get("/v1/apps/shop").status_code == 503
