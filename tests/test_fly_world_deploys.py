"""The stateful Fly: what other people's deploys do to it, its ledger, and its edge."""

from typing import Any

import httpx
import pytest

from slo_action.core.model import Outcome, Probe, Sample, VersionRule, Witness
from tests.worlds.fly import (
    DEPLOY_TOKEN,
    FOREIGN_TOKEN,
    PERSON_TOKEN,
    FlyWorld,
    broken,
    broken_api,
    crashing,
    flaky,
    image,
    ready_after,
    slow,
    unpullable,
)
from tests.worlds.virtual_clock import VirtualClock
from tests.worlds.virtual_pool import VirtualPool

GOOD, NEXT = image("1.0"), image("1.1")
_DOCUMENTED = "id version status imageRef createdAt user { email }"
_ALL = f"{_DOCUMENTED} configDefinition image {{ digest }}"


@pytest.fixture
def world() -> FlyWorld:
    world = FlyWorld(VirtualClock())
    world.launch(GOOD, machines=3, version=41, regions=("ams", "fra"))
    return world


def client(world: FlyWorld, token: str = DEPLOY_TOKEN) -> httpx.Client:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.Client(base_url="https://api.fly.io", transport=world.transport(), headers=headers)


def ledger(world: FlyWorld, fields: str = _ALL, token: str = DEPLOY_TOKEN) -> dict[str, Any]:
    query = f"""query($appName: String!, $limit: Int!) {{ app(name: $appName) {{
        releases: releasesUnprocessed(first: $limit) {{ nodes {{ {fields} }} }} }} }}"""
    variables = {"appName": "shop", "limit": 25}
    body = {"query": query, "variables": variables}
    found: dict[str, Any] = client(world, token).post("/graphql", json=body).json()
    return found


def probe(world: FlyWorld, path: str = "/healthz", machine: str = "", **more: Any) -> Sample:
    headers = (("fly-force-instance-id", machine),) if machine else ()
    values: dict[str, Any] = {"witness": Witness.HEALTH, "version_rule": VersionRule(), **more}
    url = f"https://shop.fly.dev{path}?nonce=1"
    return world.ask([Probe(url=url, headers=headers, machine=machine, **values)])[0]


def test_a_rolling_deploy_updates_every_machine_and_gives_its_leases_back(world: FlyWorld) -> None:
    deploy = world.deploy(NEXT)
    world.passes(20)
    assert len(world.leases()) == 3
    assert world.releases[-1].status == "running"
    assert sorted(world.running().values()) == ["1.0", "1.0", "1.1"]
    world.passes(100)
    assert deploy.ended == "complete"
    assert set(world.running().values()) == {"1.1"}
    assert world.leases() == ()
    assert all(m.metadata["fly_release_version"] == "42" for m in world.machines)


def test_a_deploy_runs_the_release_command_on_a_machine_of_its_own(world: FlyWorld) -> None:
    world.deploy(NEXT)
    world.passes(4)
    machines = world.app_state.flyd.machines.values()
    assert "fly_app_release_command" in {machine.group for machine in machines}
    assert len(world.machines) == 3
    world.passes(100)
    assert [deed.by for deed in world.deeds(action="release-command")] == ["deploy v42"]


def test_a_failed_release_command_ends_the_deploy_before_it_touches_a_machine(
    world: FlyWorld,
) -> None:
    deploy = world.deploy(image("1.2", release_command_exit=1))
    world.passes(60)
    assert (deploy.ended, world.releases[-1].status) == ("failed", "failed")
    assert set(world.running().values()) == {"1.0"}


def test_a_rolling_deploy_of_a_sick_image_fails_with_its_first_batch(world: FlyWorld) -> None:
    deploy = world.deploy(broken("1.2"), wait_seconds=60.0)
    world.passes(120)
    assert deploy.ended == "failed"
    assert "health checks" in deploy.why
    assert sorted(world.running().values()) == ["1.0", "1.0", "1.2"]


def test_a_crashing_image_is_noticed_by_the_smoke_checks(world: FlyWorld) -> None:
    deploy = world.deploy(crashing("1.2"))
    world.passes(60)
    assert "smoke checks" in deploy.why


def test_an_immediate_deploy_is_complete_before_anything_is_well(world: FlyWorld) -> None:
    deploy = world.deploy(broken("1.2"), strategy="immediate", skips_release_command=True)
    world.passes(3)
    assert deploy.ended == "complete"
    assert {machine.state for machine in world.machines} == {"replacing"}


def test_a_deploy_that_is_killed_leaves_mixed_images_and_leases_that_run_out(
    world: FlyWorld,
) -> None:
    deploy = world.deploy(NEXT, dies_after=2)
    world.passes(50)
    assert deploy.ended == "killed"
    assert world.releases[-1].status == "running"
    assert sorted(world.running().values()) == ["1.0", "1.1", "1.1"]
    world.passes(14)
    assert world.leases() == ()


def test_half_a_deploy_is_killed_in_the_middle(world: FlyWorld) -> None:
    world.deploy(NEXT, strategy="half")
    world.passes(60)
    assert sorted(world.running().values()) == ["1.0", "1.0", "1.1"]


def test_a_silent_revert_looks_complete(world: FlyWorld) -> None:
    deploy = world.deploy(unpullable("1.2"))
    world.passes(120)
    assert deploy.ended == "complete"
    assert set(world.running().values()) == {"1.0"}
    assert {m.metadata["fly_release_version"] for m in world.machines} == {"41"}


def test_bluegreen_makes_new_machines_and_destroys_the_old(world: FlyWorld) -> None:
    before = set(world.running())
    deploy = world.deploy(NEXT, strategy="bluegreen")
    world.passes(60)
    assert deploy.ended == "complete"
    assert not before & set(world.running())
    assert list(world.running().values()) == ["1.1"] * 3


def test_bluegreen_refuses_mixed_images(world: FlyWorld) -> None:
    world.machine_update(world.machines[0].id, NEXT)
    world.passes(20)
    deploy = world.deploy(image("1.2"), strategy="bluegreen")
    world.passes(20)
    assert deploy.why == "found multiple image versions"


def test_a_deploy_leaves_stopped_machines_stopped(world: FlyWorld) -> None:
    asleep = world.machines[0].id
    world.stop(asleep)
    world.passes(5)
    deploy = world.deploy(NEXT)
    world.passes(120)
    assert deploy.ended == "complete"
    assert world.machine(asleep).state == "stopped"
    assert world.machine(asleep).image.version == "1.1"


def test_secrets_make_a_release_of_the_same_image_and_new_instances(world: FlyWorld) -> None:
    before = {machine.instance_id for machine in world.machines}
    world.set_secrets()
    world.passes(120)
    assert [release.image.version for release in world.releases] == ["1.0", "1.0"]
    assert not before & {machine.instance_id for machine in world.machines}
    assert {m.running.secrets for m in world.machines if m.running} == {2}


def test_a_machine_update_makes_no_release(world: FlyWorld) -> None:
    world.machine_update(world.machines[0].id, NEXT)
    world.passes(20)
    assert len(world.releases) == 1
    assert world.machines[0].metadata["fly_release_version"] == "41"
    assert world.running()[world.machines[0].id] == "1.1"


def test_a_deploy_waits_for_another_ones_leases(world: FlyWorld) -> None:
    world.lease(world.machines[0].id, ttl=30)
    world.deploy(NEXT, strategy="immediate")
    world.passes(25)
    assert set(world.running().values()) == {"1.0"}
    world.passes(30)
    assert set(world.running().values()) == {"1.1"}


def test_a_deploy_gives_up_on_a_lease_that_lasts(world: FlyWorld) -> None:
    world.lease(world.machines[0].id, ttl=600)
    deploy = world.deploy(NEXT)
    world.passes(120)
    assert deploy.ended == "failed"
    assert "lease currently held" in deploy.why


def test_a_change_of_the_definition_reaches_the_machines_but_keeps_the_guest(
    world: FlyWorld,
) -> None:
    config = world.machines[0].config
    config["guest"]["memory_mb"] = 2048
    world.deploy(NEXT, strategy="immediate", changes={"env": {"MODE": "new"}})
    world.passes(20)
    changed = world.machines[0].config
    assert changed["env"]["MODE"] == "new"
    assert changed["guest"]["memory_mb"] == 2048
    assert world.releases[0].definition["env"] == {"PORT": "8080"}


def test_groups_without_a_service_are_deployed_and_not_routed() -> None:
    world = FlyWorld(VirtualClock())
    processes = {"processes": {"app": "", "worker": "run jobs"}}
    world.launch(GOOD, groups={"app": 1, "worker": 1}, changes=processes)
    worker = world.machines[1]
    assert worker.services == []
    assert worker.config["init"] == {"cmd": ["run", "jobs"]}
    assert probe(world, machine=worker.id).status == 404


def test_the_ledger_reports_releases_newest_first_with_digest_and_definition(
    world: FlyWorld,
) -> None:
    world.deploy(broken("1.2"), strategy="immediate")
    nodes = ledger(world)["data"]["app"]["releases"]["nodes"]
    assert [node["version"] for node in nodes] == [42, 41]
    assert [node["status"] for node in nodes] == ["running", "complete"]
    assert nodes[1]["image"]["digest"] == GOOD.digest
    assert nodes[1]["configDefinition"]["http_service"]["internal_port"] == 8080


def test_undocumented_fields_can_be_refused_with_status_200(world: FlyWorld) -> None:
    world.app_state.switches.refuses_undocumented = True
    told = ledger(world)
    assert told["errors"][0]["message"] == (
        "Field 'configDefinition' doesn't exist on type 'ReleaseUnprocessed'"
    )
    nodes = ledger(world, _DOCUMENTED)["data"]["app"]["releases"]["nodes"]
    assert nodes[0]["imageRef"] == GOOD.ref("shop")


def test_the_current_release_is_the_newest_even_if_it_failed(world: FlyWorld) -> None:
    world.remembers(NEXT, status="failed", age_seconds=60)
    query = '{ app(name: "shop") { currentReleaseUnprocessed { version status } } }'
    told = client(world).post("/graphql", json={"query": query}).json()
    assert told["data"]["app"]["currentReleaseUnprocessed"] == {"version": 42, "status": "failed"}


@pytest.mark.parametrize(
    ("token", "words"),
    [("", "You must be authenticated to view this."), (FOREIGN_TOKEN, "Could not find App")],
)
def test_graphql_says_no_with_status_200(world: FlyWorld, token: str, words: str) -> None:
    assert ledger(world, token=token)["errors"][0]["message"] == words


def test_a_release_can_be_written_by_rest_where_it_is_allowed(world: FlyWorld) -> None:
    body = {
        "app_name": "shop",
        "image": GOOD.pinned("shop"),
        "definition": {},
        "strategy": "ROLLING",
    }
    made = client(world).post("/api/v1/releases", json=body)
    assert made.status_code == 201
    release = made.json()["release"]
    done = client(world).patch(f"/api/v1/releases/{release['id']}", json={"status": "complete"})
    assert (done.json()["version"], done.json()["status"]) == (42, "complete")
    current = client(world).get("/api/v1/apps/shop/releases/current").json()
    assert current["image_ref"] == GOOD.pinned("shop")
    listed = client(world).get("/api/v1/apps/shop/releases", params={"limit": "1"}).json()
    assert [one["version"] for one in listed["releases"]] == [42]


@pytest.mark.parametrize("status", [403, 404])
def test_writing_a_release_can_be_impossible(world: FlyWorld, status: int) -> None:
    world.app_state.switches.release_api = status
    body = {"app_name": "shop", "image": GOOD.pinned("shop")}
    assert client(world).post("/api/v1/releases", json=body).status_code == status
    assert len(world.releases) == 1


def test_an_app_that_was_never_deployed_has_no_current_release() -> None:
    world = FlyWorld(VirtualClock())
    assert client(world).get("/api/v1/apps/shop/releases/current").status_code == 404
    assert ledger(world)["data"]["app"]["releases"]["nodes"] == []


def test_logs_are_refused_to_a_deploy_token(world: FlyWorld) -> None:
    path = "/api/v1/apps/shop/logs"
    assert client(world).get(path).status_code == 401
    first = client(world, PERSON_TOKEN).get(path).json()
    assert first["data"]
    more = {"next_token": first["meta"]["next_token"]}
    assert client(world, PERSON_TOKEN).get(path, params=more).json()["data"] == []


@pytest.mark.parametrize(
    ("password", "pruned", "status"),
    [(DEPLOY_TOKEN, False, 200), (DEPLOY_TOKEN, True, 404), ("fm2_unknown", False, 401)],
)
def test_the_registry_says_whether_an_image_is_there(
    world: FlyWorld, password: str, pruned: bool, status: int
) -> None:
    if pruned:
        world.prune(GOOD)
    registry = httpx.Client(transport=world.transport(), auth=("x", password))
    url = f"https://registry.fly.io/v2/shop/manifests/{GOOD.digest}"
    answer = registry.head(url)
    assert answer.status_code == status
    if status == 200:
        assert answer.headers["docker-content-digest"] == GOOD.digest
        assert registry.get(url).json()["schemaVersion"] == 2


def test_the_edge_spreads_requests_over_all_machines_that_are_well(world: FlyWorld) -> None:
    world.machine_update(world.machines[0].id, NEXT)
    world.passes(20)
    told = [probe(world).version for _ in range(60)]
    assert 5 < told.count("1.1") < 40
    assert told.count("1.0") + told.count("1.1") == 60


def test_a_machine_whose_check_fails_gets_no_traffic_but_can_be_forced(world: FlyWorld) -> None:
    sick = world.machines[0].id
    world.machine_update(sick, broken("1.2"))
    world.passes(30)
    assert {probe(world).outcome for _ in range(20)} == {Outcome.OK}
    found = probe(world, machine=sick)
    assert (found.outcome, found.machine, found.version) == (Outcome.HTTP_5XX, sick, "1.2")


def test_a_cordoned_machine_gets_no_traffic(world: FlyWorld) -> None:
    world.machine_update(world.machines[0].id, NEXT)
    world.passes(20)
    world.cordon(world.machines[0].id)
    assert {probe(world).version for _ in range(20)} == {"1.0"}


def test_a_forced_request_has_no_fallback(world: FlyWorld) -> None:
    stopped, unreachable, _ = (machine.id for machine in world.machines)
    world.machine(stopped).services[0]["autostart"] = False
    world.stop(stopped)
    world.host_fails(unreachable)
    world.passes(5)
    assert probe(world, machine=stopped).status == 503
    assert probe(world, machine=unreachable).status == 502
    assert probe(world, machine="9080000000000").status == 404
    assert probe(world).outcome is Outcome.OK


def test_no_healthy_machine_is_a_503(world: FlyWorld) -> None:
    world.deploy(broken("1.2"), strategy="immediate")
    world.passes(30)
    found = probe(world)
    assert (found.status, found.outcome) == (503, Outcome.HTTP_5XX)


def test_the_edge_wakes_a_machine_and_holds_the_request() -> None:
    world = FlyWorld(VirtualClock())
    world.launch(image("1.0", boot_seconds=3.0), machines=1)
    world.stop(world.machines[0].id)
    world.passes(5)
    first = probe(world)
    assert first.outcome is Outcome.OK
    assert first.total_seconds == pytest.approx(3.85)
    assert world.deeds(by="proxy", action="start")
    assert probe(world).total_seconds < 0.1


def test_a_start_longer_than_a_probes_patience_is_a_silence() -> None:
    world = FlyWorld(VirtualClock())
    world.launch(image("1.0", boot_seconds=20.0), machines=1)
    world.stop(world.machines[0].id)
    world.passes(5)
    found = probe(world, timeout_seconds=6.0)
    assert (found.outcome, found.total_seconds) == (Outcome.READ_TIMEOUT, 6.0)
    world.passes(20)
    assert probe(world).outcome is Outcome.OK


def test_a_held_lease_keeps_the_edge_from_waking(world: FlyWorld) -> None:
    for machine in world.machines:
        world.stop(machine.id)
    world.passes(5)
    for machine in world.machines:
        world.lease(machine.id, ttl=300)
    assert probe(world).status == 503
    assert not world.deeds(by="proxy")


def test_idle_machines_are_stopped_down_to_their_minimum() -> None:
    world = FlyWorld(VirtualClock())
    world.launch(GOOD, machines=3, changes={"http_service": {"auto_stop_machines": "stop"}})
    world.autostops_after(60.0)
    world.passes(120)
    assert sorted(m.state for m in world.machines) == ["started", "stopped", "stopped"]
    assert {deed.by for deed in world.deeds(action="stop")} == {"proxy"}


def test_a_machine_that_the_proxy_lost_is_found_again_by_a_restart() -> None:
    world = FlyWorld(VirtualClock())
    world.launch(GOOD, machines=1)
    only = world.machines[0].id
    world.proxy_loses(only)
    assert world.well()[only]
    assert probe(world).status == 503
    world.restart(only)
    world.passes(15)
    assert probe(world).outcome is Outcome.OK


@pytest.mark.parametrize(
    ("bad", "path", "witness", "outcome"),
    [
        (broken_api("1.2"), "/api/orders", Witness.API, Outcome.HTTP_5XX),
        (broken_api("1.2"), "/healthz", Witness.HEALTH, Outcome.OK),
        (slow("1.2", 5.5, checks_after_seconds=9e9), "/healthz", Witness.HEALTH, Outcome.SLOW),
        (flaky("1.2", 1.0), "/api/orders", Witness.API, Outcome.HTTP_5XX),
        (ready_after("1.2", 600.0), "/healthz", Witness.HEALTH, Outcome.HTTP_5XX),
    ],
)
def test_an_images_answers_are_judged_as_real_ones(
    world: FlyWorld, bad: Any, path: str, witness: Witness, outcome: Outcome
) -> None:
    only = world.machines[0].id
    world.machine_update(only, bad)
    world.passes(20)
    assert probe(world, path, machine=only, witness=witness).outcome is outcome


def test_a_version_that_was_not_expected_is_reported(world: FlyWorld) -> None:
    rule = VersionRule(expected="1.1")
    assert probe(world, version_rule=rule).outcome is Outcome.WRONG_VERSION
    found = probe(world, "/__build", witness=Witness.VERSION)
    assert (found.outcome, found.version) == (Outcome.OK, "1.0")


def test_the_control_answers_unless_switched_off(world: FlyWorld) -> None:
    world.edge.switches.is_down = True
    assert probe(world).status == 502
    assert probe(world, witness=Witness.CONTROL).outcome is Outcome.OK
    world.control_answers = False
    assert probe(world, witness=Witness.CONTROL).outcome is Outcome.CONNECT_TIMEOUT


def test_the_world_feeds_a_virtual_pool() -> None:
    clock = VirtualClock()
    world = FlyWorld(clock)
    world.launch(GOOD)
    pool = VirtualPool(clock, world.answer)
    pool.send(1, Probe(witness=Witness.HEALTH, url="https://shop.fly.dev/healthz"))
    assert pool.completed() == ()
    clock.advance(0.05)
    assert [completed.sample.outcome for completed in pool.completed()] == [Outcome.OK]


def test_an_image_may_behave_otherwise_from_now_on(world: FlyWorld) -> None:
    world.becomes(broken("1.0"))
    assert probe(world, machine=world.machines[0].id).outcome is Outcome.HTTP_5XX
