"""The stateful Fly: what its Machines API does, by the facts it was built from."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx
import pytest

from tests.worlds.fly import (
    DEPLOY_TOKEN,
    FOREIGN_TOKEN,
    READ_TOKEN,
    Crash,
    FlyWorld,
    SharedClock,
    broken,
    crashing,
    image,
    out_of_memory,
    unpullable,
)
from tests.worlds.virtual_clock import VirtualClock

APP = "/v1/apps/shop"
GOOD, NEXT = image("1.0"), image("1.1")


class Bench:
    """A launched app and a client of its APIs that pays for time."""

    def __init__(self, machines: int = 2, **launch: Any) -> None:
        self.clock = VirtualClock()
        self.world = FlyWorld(self.clock)
        self.world.launch(GOOD, machines=machines, version=41, **launch)
        self.ids = [machine.id for machine in self.world.machines]
        self.id = self.ids[0]
        self.client = self.client_of(DEPLOY_TOKEN)

    def client_of(self, token: str) -> httpx.Client:
        return httpx.Client(
            base_url="https://api.machines.dev",
            transport=self.world.transport(),
            headers={"Authorization": token} if token else {},
            timeout=70.0,
        )

    def get(self, path: str = "", **params: str) -> httpx.Response:
        return self.client.get(f"{APP}/machines/{self.id}{path}", params=params)

    def post(self, path: str = "", nonce: str = "", **body: Any) -> httpx.Response:
        headers = {"fly-machine-lease-nonce": nonce} if nonce else {}
        return self.client.post(f"{APP}/machines/{self.id}{path}", json=body, headers=headers)

    def lease(self, ttl: int = 60) -> str:
        nonce: str = self.post("/lease", ttl=ttl).json()["data"]["nonce"]
        return nonce

    def seen(self) -> dict[str, Any]:
        found: dict[str, Any] = self.get().json()
        return found

    def update(self, to: str, nonce: str = "", **more: Any) -> httpx.Response:
        config = {**self.seen()["config"], "image": to}
        return self.post(config=config, nonce=nonce, **more)


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.world.app_state.know(NEXT)
    return bench


def test_the_list_reports_each_machine_in_full(bench: Bench) -> None:
    machines = bench.client.get(f"{APP}/machines").json()
    first = machines[0]
    assert [machine["id"] for machine in machines] == bench.ids
    assert first["instance_id"] == first["version"]
    assert first["image_ref"]["digest"] == GOOD.digest
    assert first["config"]["metadata"]["fly_release_version"] == "41"
    assert [check["status"] for check in first["checks"]] == ["passing"]
    assert first["checks"][0]["name"] == "servicecheck-00-http-8080"


def test_an_app_names_its_organisation(bench: Bench) -> None:
    app = bench.client.get(APP).json()
    assert (app["organization"]["slug"], app["machine_count"]) == ("personal", 2)


def test_a_summary_has_no_checks_and_little_config(bench: Bench) -> None:
    machine = bench.client.get(f"{APP}/machines", params={"summary": "true"}).json()[0]
    assert machine["checks"] == []
    assert "services" not in machine["config"]


def test_a_list_is_filtered_by_state_region_and_metadata(bench: Bench) -> None:
    bench.world.stop(bench.id)
    bench.world.passes(5)
    found = bench.client.get(f"{APP}/machines", params={"state": "stopped,suspended"}).json()
    assert [machine["id"] for machine in found] == [bench.id]
    assert bench.client.get(f"{APP}/machines", params={"region": "fra"}).json() == []
    params = {"metadata.fly_process_group": "app"}
    assert len(bench.client.get(f"{APP}/machines", params=params).json()) == 2


def test_every_update_changes_the_instance_and_replaces_the_whole_config(bench: Bench) -> None:
    before = bench.seen()
    answer = bench.post(config={"image": NEXT.pinned("shop"), "metadata": {"a": "b"}}).json()
    assert answer["instance_id"] != before["instance_id"]
    assert answer["state"] == "replacing"
    bench.world.passes(10)
    after = bench.seen()
    assert after["state"] == "started"
    assert after["config"] == {"image": NEXT.pinned("shop"), "metadata": {"a": "b"}}
    assert bench.world.machine(bench.id).running is not None


def test_a_stale_version_is_refused_and_changes_nothing(bench: Bench) -> None:
    stale = bench.seen()["instance_id"]
    bench.world.machine_update(bench.id, image("1.2"))
    bench.world.passes(10)
    assert bench.update(NEXT.ref("shop"), current_version=stale).status_code == 409
    bench.world.app_state.switches.stale_status = 412
    assert bench.update(NEXT.ref("shop"), current_version=stale).status_code == 412
    assert bench.world.running()[bench.id] == "1.2"


def test_a_second_update_meets_the_first(bench: Bench) -> None:
    config = bench.seen()["config"]
    bench.post(config=config)
    answer = bench.post(config=config)
    assert answer.status_code == 409
    assert "machine is replacing" in answer.json()["error"]


def test_a_start_while_replacing_is_to_be_repeated(bench: Bench) -> None:
    bench.update(NEXT.ref("shop"))
    answer = bench.post("/start")
    assert answer.status_code == 412
    assert "unable to start machine from current state" in answer.json()["error"]


def test_the_update_of_a_stopped_machine_leaves_it_stopped(bench: Bench) -> None:
    bench.world.stop(bench.id)
    bench.world.passes(5)
    bench.update(NEXT.ref("shop"))
    bench.world.passes(30)
    assert bench.seen()["state"] == "stopped"
    assert bench.seen()["image_ref"]["digest"] == NEXT.digest
    assert bench.post("/start").json()["previous_state"] == "stopped"
    bench.world.passes(10)
    assert bench.world.running()[bench.id] == "1.1"


def test_skip_launch_leaves_a_started_machine_stopped(bench: Bench) -> None:
    bench.update(NEXT.ref("shop"), skip_launch=True)
    bench.world.passes(30)
    assert bench.seen()["state"] == "stopped"


def test_a_suspended_machine_resumes_what_it_ran(bench: Bench) -> None:
    bench.post("/suspend")
    bench.world.passes(2)
    assert bench.seen()["state"] == "suspended"
    bench.post("/start")
    bench.world.passes(1)
    assert bench.world.running()[bench.id] == "1.0"
    assert bench.seen()["checks"][0]["status"] == "passing"


def test_a_failed_pull_reverts_silently(bench: Bench) -> None:
    lost = bench.world.app_state.know(unpullable("1.2"))
    before = bench.seen()
    assert bench.update(lost.pinned("shop")).json()["instance_id"] != before["instance_id"]
    bench.world.passes(10)
    after = bench.seen()
    assert after["instance_id"] == before["instance_id"]
    assert after["image_ref"]["digest"] == GOOD.digest
    assert (after["state"], after["checks"][0]["status"]) == ("started", "passing")


def test_an_image_that_the_registry_has_not_is_refused_at_once(bench: Bench) -> None:
    bench.world.prune(NEXT)
    answer = bench.update(NEXT.pinned("shop"))
    assert answer.status_code == 400
    assert "failed to get manifest" in answer.json()["error"]


def test_checks_appear_late_and_pass_after_boot_and_grace(bench: Bench) -> None:
    bench.update(NEXT.ref("shop"))
    seen: list[list[str]] = []
    for _ in range(24):
        bench.world.passes(0.5)
        now = [check["status"] for check in bench.seen()["checks"]]
        if not seen or seen[-1] != now:
            seen.append(now)
    assert seen == [["passing"], [], ["warning"], ["passing"]]


def test_checks_of_a_stopped_machine_are_absent(bench: Bench) -> None:
    bench.world.stop(bench.id)
    bench.world.passes(3)
    assert bench.seen()["checks"] == []


def test_a_check_fails_where_the_image_is_unwell(bench: Bench) -> None:
    bad = bench.world.app_state.know(broken("1.2"))
    bench.update(bad.ref("shop"))
    bench.world.passes(20)
    check = bench.seen()["checks"][0]
    assert (check["status"], json.loads(check["output"])["status"]) == ("critical", "unhealthy")


def test_a_crash_loop_ends_at_the_restart_limit(bench: Bench) -> None:
    bad = bench.world.app_state.know(crashing("1.2", Crash(exit_code=3)))
    bench.update(bad.ref("shop"))
    bench.world.passes(120)
    machine = bench.seen()
    exits = [event["request"] for event in machine["events"] if event["type"] == "exit"]
    assert machine["state"] == "stopped"
    assert exits[0]["exit_event"]["exit_code"] == 3
    assert not exits[0]["exit_event"]["requested_stop"]
    assert [one["exit_event"]["restarting"] for one in exits[:2]] == [False, True]
    assert exits[0]["restart_count"] == 10


def test_a_machine_that_crash_looped_to_its_end_stays_stopped_through_an_update() -> None:
    bench = Bench()
    bench.world.deploy(crashing("1.2"), strategy="immediate")
    bench.world.passes(120)
    bench.update(GOOD.ref("shop"))
    bench.world.passes(30)
    assert bench.seen()["state"] == "stopped"
    assert bench.seen()["image_ref"]["digest"] == GOOD.digest


@pytest.mark.parametrize(("policy", "state"), [("no", "stopped"), ("always", "started")])
def test_the_restart_policy_decides(policy: str, state: str) -> None:
    bench = Bench()
    lives = crashing("1.2", Crash(after_seconds=20.0, exit_code=0))
    bench.world.app_state.know(lives)
    config = {**bench.seen()["config"], "image": lives.ref("shop"), "restart": {"policy": policy}}
    bench.post(config=config)
    bench.world.passes(4 * 22.0)
    assert bench.seen()["state"] == state


def test_memory_decides_whether_an_image_is_killed(bench: Bench) -> None:
    hungry = bench.world.app_state.know(out_of_memory("1.2", needs_mb=1024))
    config = {**bench.seen()["config"], "image": hungry.ref("shop")}
    bench.post(config=config)
    bench.world.passes(15)
    exit_event = next(e for e in bench.seen()["events"] if e["type"] == "exit")
    assert exit_event["request"]["exit_event"]["oom_killed"] is True
    bench.world.passes(200)
    roomy = {**config, "guest": {"cpu_kind": "shared", "cpus": 1, "memory_mb": 2048}}
    bench.post(config=roomy)
    bench.post("/start")
    bench.world.passes(5)
    bench.post("/start")
    bench.world.passes(60)
    assert bench.world.well()[bench.id]


def test_versions_are_kept_newest_first_up_to_the_retention(bench: Bench) -> None:
    bench.world.app_state.flyd.versions_kept = 2
    first = bench.seen()["instance_id"]
    for number in range(3):
        bench.world.machine_update(bench.id, image(f"2.{number}"))
        bench.world.passes(10)
    versions = bench.get("/versions").json()
    assert len(versions) == 2
    assert versions[0]["version"] == bench.seen()["instance_id"]
    assert first not in [version["version"] for version in versions]
    assert versions[1]["user_config"]["image"] == image("2.1").ref("shop")


def test_events_are_newest_first(bench: Bench) -> None:
    bench.world.restart(bench.id)
    bench.world.passes(5)
    events = bench.get("/events", limit="3").json()
    assert [event["type"] for event in events] == ["start", "start", "exit"]
    assert events[2]["request"]["exit_event"]["requested_stop"] is True
    stamps = [event["timestamp"] for event in events]
    assert stamps == sorted(stamps, reverse=True)


def test_a_wait_is_held_until_the_new_version_runs(bench: Bench) -> None:
    version = bench.update(NEXT.ref("shop")).json()["instance_id"]
    asked = bench.clock.monotonic()
    answer = bench.get("/wait", state="started", version=version, timeout="60")
    assert answer.json()["version"] == version
    assert 2.5 < bench.clock.monotonic() - asked < 3.5


def test_a_wait_that_is_not_fulfilled_times_out(bench: Bench) -> None:
    asked = bench.clock.monotonic()
    answer = bench.get("/wait", state="stopped", timeout="5")
    assert answer.status_code == 408
    assert bench.clock.monotonic() - asked == pytest.approx(5.1)


def test_a_wait_for_a_reverted_version_times_out(bench: Bench) -> None:
    lost = bench.world.app_state.know(unpullable("1.2"))
    version = bench.update(lost.ref("shop")).json()["instance_id"]
    answer = bench.get("/wait", state="started", version=version, timeout="20")
    assert answer.status_code == 408


@pytest.mark.parametrize("timeout", ["61", "0"])
def test_a_wait_lasts_a_minute_at_most(bench: Bench, timeout: str) -> None:
    answer = bench.get("/wait", state="started", timeout=timeout)
    assert answer.status_code == 400
    assert "value must be inside range [1s, 1m0s]" in answer.json()["error"]


def test_a_new_machine_can_be_unknown_to_wait_for_a_moment(bench: Bench) -> None:
    bench.world.app_state.switches.wait_404_seconds = 2.0
    made = bench.client.post(f"{APP}/machines", json={"config": {"image": GOOD.ref("shop")}})
    bench.id = made.json()["id"]
    assert bench.get("/wait", state="started").status_code == 404
    bench.world.passes(2)
    assert bench.get("/wait", state="started").status_code == 200


def test_a_client_that_reads_no_longer_is_left_in_the_dark(bench: Bench) -> None:
    bench.world.latencies.by_action["update"] = 9.0
    config = bench.seen()["config"]
    with pytest.raises(httpx.ReadTimeout):
        bench.client.post(f"{APP}/machines/{bench.id}", json={"config": config}, timeout=5.0)
    assert bench.world.machine(bench.id).state == "replacing"


def test_a_lease_keeps_everybody_without_its_nonce_away(bench: Bench) -> None:
    nonce = bench.lease()
    answer = bench.update(NEXT.ref("shop"))
    assert answer.status_code == 409
    assert "lease currently held by deployer@tokens.fly.io, expires at" in answer.json()["error"]
    assert bench.post("/stop").status_code == 409
    assert bench.world.machine_update(bench.id, NEXT) is False
    assert bench.update(NEXT.ref("shop"), nonce=nonce).status_code == 200


def test_a_lease_is_refreshed_by_its_nonce_and_expires_without(bench: Bench) -> None:
    nonce = bench.lease(ttl=10)
    bench.world.passes(6)
    assert bench.post("/lease", nonce=nonce, ttl=10).json()["data"]["nonce"] == nonce
    bench.world.passes(6)
    assert len(bench.world.leases()) == 1
    bench.world.passes(6)
    assert bench.world.leases() == ()
    assert bench.update(NEXT.ref("shop"), nonce=nonce).status_code == 409


def test_a_lease_is_given_back_by_its_holder_only(bench: Bench) -> None:
    nonce = bench.lease()
    path = f"{APP}/machines/{bench.id}/lease"
    told = bench.client.get(path).json()["data"]
    assert (told["owner"], told["nonce"]) == ("deployer@tokens.fly.io", nonce)
    assert told["version"] == bench.seen()["instance_id"]
    assert bench.client.delete(path).status_code == 409
    headers = {"fly-machine-lease-nonce": nonce}
    assert bench.client.delete(path, headers=headers).status_code == 200
    assert bench.client.get(path).status_code == 404


def test_an_older_version_of_a_machine_is_replaced(bench: Bench) -> None:
    old = bench.seen()["instance_id"]
    bench.update(NEXT.ref("shop"))
    bench.world.passes(20.0)
    path = f"{APP}/machines/{bench.id}"

    told = bench.client.get(path, params={"version": old}).json()

    assert (told["state"], told["instance_id"]) == ("replaced", old)
    assert bench.client.get(path).json()["state"] == "started"
    assert bench.client.get(path, params={"version": "01X"}).status_code == 404


def test_an_image_by_digest_has_no_tag(bench: Bench) -> None:
    assert bench.seen()["image_ref"]["tag"] == GOOD.tag
    bench.update(NEXT.pinned("shop"))

    assert "tag" not in bench.seen()["image_ref"]
    assert bench.seen()["image_ref"]["digest"] == NEXT.digest


def test_a_wait_may_name_states_and_the_event_to_wait_after(bench: Bench) -> None:
    newest = bench.seen()["events"][0]["id"]
    path = f"{APP}/machines/{bench.id}/wait"
    after = {"state": ["stopped", "started"], "from_event_id": newest}

    assert bench.client.get(path, params={"state": ["stopped", "started"]}).status_code == 200
    assert (
        bench.world.handler(bench.client.build_request("GET", path, params=after)).status_code
        == 408
    )
    bench.post("/stop")
    bench.world.passes(5.0)
    assert bench.client.get(path, params=after).json()["state"] == "stopped"


def test_a_full_host_refuses_updates_and_starts_and_a_full_region_creations(bench: Bench) -> None:
    bench.world.fills(bench.id)
    answer = bench.update(NEXT.ref("shop"))

    assert answer.status_code == 409
    assert answer.json()["error"].startswith("aborted: could not reserve resource for machine")
    bench.post("/stop")
    bench.world.passes(5.0)
    assert bench.post("/start").status_code == 409
    bench.world.fills("ams")
    body = {"region": "ams", "config": {"image": NEXT.ref("shop")}}
    created = bench.client.post(f"{APP}/machines", json=body)
    assert (created.status_code, created.json()["status"]) == (422, "insufficient_capacity")


def test_volumes_and_secrets_are_listed_without_values(bench: Bench) -> None:
    bench.world.machine(bench.id).config["mounts"] = [
        {"volume": "vol_1", "path": "/data", "name": "data", "encrypted": True, "size_gb": 1}
    ]
    (volume,) = bench.client.get(f"{APP}/volumes").json()
    (secret,) = bench.client.get(f"{APP}/secrets").json()["secrets"]

    assert (volume["id"], volume["attached_machine_id"]) == ("vol_1", bench.id)
    assert "value" not in secret


def test_the_releases_api_is_sent_bearer_with_macaroons_too(bench: Bench) -> None:
    path = "/api/v1/apps/shop/releases/current"
    bare = DEPLOY_TOKEN.removeprefix("FlyV1 ")

    assert bench.client_of(DEPLOY_TOKEN).get(path).status_code == 401
    assert bench.client_of(f"Bearer {bare}").get(path).json()["version"] == 41


def test_a_deploy_stores_its_definition_as_flyctl_does(bench: Bench) -> None:
    bench.world.deploy(strategy="immediate", changes={"deploy": None})
    definition = bench.world.releases[-1].definition

    assert definition["deploy"] == {"strategy": "immediate"}
    assert definition["http_service"]["auto_stop_machines"] is False


def test_leases_are_listed_on_demand(bench: Bench) -> None:
    bench.world.lease(bench.id, owner="other")
    listed = bench.client.get(f"{APP}/machines", params={"include_leases": "true"}).json()
    assert listed[0]["lease"]["owner"] == "other@tokens.fly.io"
    assert "lease" not in listed[1]
    assert "lease" not in bench.client.get(f"{APP}/machines").json()[0]


def test_a_cordoned_machine_says_so(bench: Bench) -> None:
    bench.post("/cordon")
    assert bench.seen()["cordoned"] is True
    bench.post("/uncordon")
    assert bench.seen()["cordoned"] is False


def test_a_created_machine_becomes_started_and_is_no_part_of_the_deploys(bench: Bench) -> None:
    body = {"config": {"image": GOOD.ref("shop")}, "region": "fra", "lease_ttl": 30}
    made = bench.client.post(f"{APP}/machines", json=body).json()
    assert made["state"] == "created"
    assert made["nonce"]
    bench.world.passes(10)
    assert bench.world.machine(made["id"]).state == "started"
    assert made["id"] not in bench.world.running()


def test_a_destroyed_machine_is_listed_on_demand_only(bench: Bench) -> None:
    path = f"{APP}/machines/{bench.id}"
    assert bench.client.delete(path).status_code == 412
    assert bench.client.delete(path, params={"force": "true"}).status_code == 200
    bench.world.passes(3)
    assert len(bench.client.get(f"{APP}/machines").json()) == 1
    listed = bench.client.get(f"{APP}/machines", params={"include_deleted": "true"}).json()
    assert [machine["state"] for machine in listed] == ["destroyed", "started"]


def test_volumes_cannot_be_changed_by_an_update() -> None:
    bench = Bench(has_volumes=True)
    config = bench.seen()["config"]
    other = {**config, "mounts": [{**config["mounts"][0], "volume": "vol_other"}]}
    assert bench.post(config=other).status_code == 400
    assert bench.post(config=config).status_code == 200


def test_an_unreachable_host_reports_an_incomplete_config(bench: Bench) -> None:
    bench.world.host_fails(bench.id)
    machine = bench.seen()
    assert machine["host_status"] == "unreachable"
    assert "config" not in machine
    assert "services" not in machine["incomplete_config"]
    assert bench.post("/start").status_code in {200, 503}
    assert bench.post("/restart").status_code == 503


def test_a_standby_starts_when_its_machines_host_is_lost(bench: Bench) -> None:
    standby = bench.world.create(standby_for=bench.id)
    bench.world.passes(10)
    assert standby.state == "stopped"
    bench.world.host_fails(bench.id)
    bench.world.passes(10)
    assert standby.state == "started"


def test_metadata_changes_without_a_restart_or_a_version(bench: Bench) -> None:
    before = bench.seen()
    assert bench.post("/metadata/team", value="blue").status_code == 204
    assert bench.get("/metadata").json()["team"] == "blue"
    assert bench.seen()["instance_id"] == before["instance_id"]
    stale = {"machine_version": "01OLD", "metadata": {}}
    path = f"{APP}/machines/{bench.id}/metadata"
    assert bench.client.put(path, json=stale).status_code == 412


def test_an_action_is_limited_by_machine_and_recovers(bench: Bench) -> None:
    statuses = [bench.post("/cordon").status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    bench.id = bench.ids[1]
    assert bench.post("/cordon").status_code == 200
    bench.world.passes(1)
    bench.id = bench.ids[0]
    assert bench.post("/cordon").status_code == 200


def test_a_single_machine_may_be_read_more_often(bench: Bench) -> None:
    bench.world.latencies.usual = 0.0
    statuses = [bench.get().status_code for _ in range(11)]
    assert statuses == [200] * 10 + [429]
    bench.world.app_state.limits.are_on = False
    assert bench.get().status_code == 200


def test_errors_have_the_platforms_form(bench: Bench) -> None:
    answer = bench.client.get(f"{APP}/machines/nobody")
    assert answer.status_code == 404
    assert set(answer.json()) == {"error", "status"}
    assert answer.headers["fly-request-id"]


@pytest.mark.parametrize("token", ["", "FlyV1 fm2_unknown"])
def test_without_a_known_token_nothing_is_reported(bench: Bench, token: str) -> None:
    assert bench.client_of(token).get(f"{APP}/machines").status_code == 401


def test_a_read_only_token_changes_nothing(bench: Bench) -> None:
    client = bench.client_of(READ_TOKEN)
    assert client.get(f"{APP}/machines").status_code == 200
    assert client.post(f"{APP}/machines/{bench.id}/stop").status_code == 403
    assert client.post(f"{APP}/machines/{bench.id}/lease", json={}).status_code == 403


def test_another_apps_token_does_not_see_the_app(bench: Bench) -> None:
    client = bench.client_of(FOREIGN_TOKEN)
    assert client.get(f"{APP}/machines").status_code == 404
    bench.world.app_state.switches.hides_foreign_apps = False
    assert client.get(f"{APP}/machines").status_code == 403


@pytest.mark.parametrize(
    "value", [DEPLOY_TOKEN, f"Bearer {DEPLOY_TOKEN}", DEPLOY_TOKEN.partition(",")[0]]
)
def test_a_token_is_known_under_any_scheme(bench: Bench, value: str) -> None:
    told = bench.client_of(value).get("/v1/tokens/current").json()["tokens"][0]
    assert told["apps"] == ["shop"]


def test_a_fault_hits_as_often_as_set(bench: Bench) -> None:
    bench.world.fails("list", 503, times=2)
    statuses = [bench.client.get(f"{APP}/machines").status_code for _ in range(3)]
    assert statuses == [503, 503, 200]


def test_a_fault_may_break_the_connection_before_or_after_the_deed(bench: Bench) -> None:
    bench.world.fails(f"POST {APP}/machines/{bench.id}/stop", httpx.ConnectError)
    with pytest.raises(httpx.ConnectError):
        bench.post("/stop")
    assert bench.seen()["state"] == "started"
    bench.world.fails("stop", httpx.RemoteProtocolError, after=True)
    with pytest.raises(httpx.RemoteProtocolError):
        bench.post("/stop")
    assert bench.seen()["state"] == "stopping"


def test_the_apis_can_be_away_while_the_app_lives_on(bench: Bench) -> None:
    bench.world.down(30)
    assert bench.get().status_code == 503
    bench.world.down(30, httpx.ConnectTimeout)
    with pytest.raises(httpx.ConnectTimeout):
        bench.get()
    bench.world.passes(31)
    assert bench.get().status_code == 200


def test_a_list_may_lag_behind_the_machine_itself(bench: Bench) -> None:
    bench.world.lists_late(4.0)
    bench.world.passes(5)
    bench.world.stop(bench.id)
    bench.world.passes(2)
    assert bench.seen()["state"] == "stopped"
    assert bench.client.get(f"{APP}/machines").json()[0]["state"] == "started"
    bench.world.passes(4)
    assert bench.client.get(f"{APP}/machines").json()[0]["state"] == "stopped"


def test_the_handler_moves_no_clock(bench: Bench) -> None:
    transport = httpx.MockTransport(bench.world.handler)
    headers = {"Authorization": DEPLOY_TOKEN}
    client = httpx.Client(base_url="http://127.0.0.1", transport=transport, headers=headers)
    assert client.get(f"{APP}/machines").status_code == 200
    path = f"{APP}/machines/{bench.id}/wait?state=stopped"
    assert client.get(path).status_code == 408
    assert client.get("/healthz").json()["version"] == "1.0"
    assert bench.clock.monotonic() == 0.0


def test_every_request_and_every_change_is_on_record(bench: Bench) -> None:
    bench.post("/stop")
    bench.get("/wait", state="stopped")
    assert [asked.action for asked in bench.world.requests] == ["stop", "wait"]
    assert [asked.status for asked in bench.world.requests] == [200, 200]
    deed = bench.world.deeds(by="deployer")[0]
    assert (deed.action, deed.machine, deed.image) == ("stop", bench.id, "1.0")


def _start(world: FlyWorld, machine: str) -> object:
    return world.start(machine)


@pytest.mark.parametrize("act", [FlyWorld.stop, FlyWorld.restart, FlyWorld.suspend, _start])
def test_the_clock_of_the_log_is_the_instant_of_the_deed(
    bench: Bench, act: Callable[[FlyWorld, str], object]
) -> None:
    bench.world.stop(bench.ids[1])
    target = bench.ids[1] if act is _start else bench.id
    bench.world.at(12.5, lambda: act(bench.world, target))
    bench.world.passes(100)
    assert bench.world.log[-1].at == 12.5


def test_calls_side_by_side_take_as_long_as_the_longest() -> None:
    clock = SharedClock()
    world = FlyWorld(clock)
    world.launch(GOOD, machines=12)
    http = httpx.Client(
        base_url="https://api.machines.dev",
        transport=world.transport(),
        headers={"Authorization": DEPLOY_TOKEN},
    )
    paths = [f"{APP}/machines/{machine.id}/restart" for machine in world.machines]
    answers = clock.run_concurrently([partial(http.post, path) for path in paths])
    assert [answer.status_code for answer in answers] == [200] * 12
    assert clock.monotonic() == pytest.approx(0.6)
    assert [deed.at for deed in world.deeds(action="restart")] == pytest.approx(
        [0.3] * 8 + [0.6] * 4
    )


def test_a_call_that_waits_lets_the_others_go_on() -> None:
    clock = SharedClock()
    seen: list[float] = []

    def waits(seconds: float) -> None:
        clock.sleep_until(clock.monotonic() + seconds)
        seen.append(clock.monotonic())

    clock.run_concurrently([partial(waits, 3.0), partial(waits, 1.0), partial(waits, 2.0)])
    assert seen == [1.0, 2.0, 3.0]
