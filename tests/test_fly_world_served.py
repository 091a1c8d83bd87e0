"""The stateful Fly, served: a port to try the product on, and a pretend flyctl."""

import json
import os
import subprocess
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.worlds.fly import DEPLOY_TOKEN, FlyWorld, SharedClock, crashing, image, unpullable
from tests.worlds.fly.fake_flyctl import RECORD, Flyctl, put_on_path
from tests.worlds.fly.fake_flyctl_deploy import Hands
from tests.worlds.fly.real_time import RealTime, served
from tests.worlds.fly.scenarios import SCENARIOS, staged
from tests.worlds.fly.serve import usage
from tests.worlds.virtual_clock import VirtualClock

GOOD, BAD = image("1.0"), image("1.1")


class Shell:
    """A flyctl in virtual time, in an empty directory; `out` and `err` are what it printed."""

    def __init__(self, directory: Path, machines: int = 2) -> None:
        self.clock = SharedClock()
        self.world = FlyWorld(self.clock)
        self.world.launch(GOOD, machines=machines, version=41)
        self.directory = directory
        self.record = directory.parent / "record.jsonl"
        self.environment = {"FLY_API_TOKEN": DEPLOY_TOKEN, RECORD: str(self.record)}
        self.out = self.err = ""

    def flyctl(self, *arguments: str) -> int:
        out, err = StringIO(), StringIO()
        hands = Hands(
            pause=self.clock.advance,
            now=self.clock.monotonic,
            say=lambda _: None,
        )
        program = Flyctl(
            environment=self.environment,
            directory=self.directory,
            hands=hands,
            out=out,
            err=err,
            transport=self.world.transport(),
        )
        code = program.run(arguments)
        self.out, self.err = out.getvalue(), err.getvalue()
        return code

    def rollback(self, *more: str, to: str = GOOD.pinned("shop"), **changes: Any) -> int:
        """Deploy as the recommended command does, with the first release's definition."""
        definition = {**self.world.releases[0].definition, **changes}
        (self.directory / "prev.json").write_text(json.dumps(definition), encoding="utf-8")
        usual = ("--skip-release-command", "--ha=false", "--update-only", "--yes")
        flags = ("--image", to, "--strategy", "rolling", "--wait-timeout", "3m", *usual)
        return self.flyctl("deploy", "-a", "shop", "-c", "prev.json", *flags, *more)

    def deploy_bad(self, **changes: Any) -> None:
        self.world.deploy(BAD, strategy="immediate", skips_release_command=True, changes=changes)
        self.world.passes(30)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    directory = tmp_path / "empty"
    directory.mkdir()
    return Shell(directory)


def test_a_rollback_by_flyctl_restores_image_and_definition(shell: Shell) -> None:
    shell.deploy_bad(env={"MODE": "bad"})
    assert shell.rollback() == 0
    assert set(shell.world.running().values()) == {"1.0"}
    assert all("MODE" not in machine.config["env"] for machine in shell.world.machines)
    assert [(one.version, one.status) for one in shell.world.releases][-1] == (43, "complete")
    assert shell.world.deeds(action="release-command") == []
    assert shell.world.leases() == ()


def test_without_a_config_flyctl_deploys_the_failed_releases_definition(shell: Shell) -> None:
    shell.deploy_bad(env={"MODE": "bad"})
    assert shell.flyctl("deploy", "-a", "shop", "-i", GOOD.pinned("shop"), "--ha=false") == 0
    assert all(machine.config["env"]["MODE"] == "bad" for machine in shell.world.machines)


def test_flyctl_runs_the_release_command_unless_it_is_told_not_to(shell: Shell) -> None:
    assert shell.flyctl("deploy", "-a", "shop", "-i", GOOD.ref("shop"), "--ha=false") == 0
    assert [deed.image for deed in shell.world.deeds(action="release-command")] == ["1.0"]


def test_flyctl_leaves_a_stopped_machine_stopped_and_is_content(shell: Shell) -> None:
    shell.world.deploy(crashing("1.1"), strategy="immediate")
    shell.world.passes(120)
    assert shell.rollback() == 0
    shell.world.passes(5)
    assert {machine.state for machine in shell.world.machines} == {"stopped"}
    assert {machine.image.version for machine in shell.world.machines} == {"1.0"}


def test_flyctl_does_not_notice_a_silent_revert(shell: Shell) -> None:
    lost = shell.world.estate.know(unpullable("0.9"))
    assert shell.rollback(to=lost.pinned("shop")) == 0
    assert set(shell.world.running().values()) == {"1.0"}
    assert shell.world.releases[-1].status == "complete"


def test_flyctl_makes_a_second_machine_unless_it_is_told_not_to(tmp_path: Path) -> None:
    shell = Shell(tmp_path, machines=1)
    assert shell.rollback() == 0
    assert len(shell.world.machines) == 1
    assert shell.rollback("--ha=true") == 0
    assert len(shell.world.machines) == 2


def test_flyctl_destroys_machines_of_groups_that_the_definition_has_not(shell: Shell) -> None:
    shell.world.create(group="worker")
    shell.world.passes(10)
    assert shell.rollback() == 0
    assert {machine.group for machine in shell.world.machines} == {"app"}


def test_flyctl_refuses_bluegreen_on_mixed_images(shell: Shell) -> None:
    shell.world.machine_update(shell.world.machines[0].id, BAD)
    shell.world.passes(10)
    assert shell.rollback("--strategy=bluegreen") == 1
    assert "found multiple image versions" in shell.err
    assert shell.world.releases[-1].status == "failed"


def test_flyctl_immediate_returns_before_anything_runs(shell: Shell) -> None:
    shell.deploy_bad()
    assert shell.rollback("--strategy", "immediate") == 0
    assert {machine.state for machine in shell.world.machines} == {"replacing"}


def test_flyctl_waits_a_minute_for_a_lease(shell: Shell) -> None:
    shell.world.lease(shell.world.machines[0].id, ttl=30)
    assert shell.rollback() == 0
    shell.world.lease(shell.world.machines[0].id, ttl=600)
    assert shell.rollback() == 1
    assert "lease currently held" in shell.err


def test_flyctl_ends_with_126_where_the_platform_does_not_answer(shell: Shell) -> None:
    shell.world.latencies.by_action["list"] = 60.0
    assert shell.flyctl("machines", "list", "-a", "shop", "--json") == 126


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("releases", "rollback", "41", "-a", "shop", "--yes"), 'unknown command "rollback"'),
        (("rollback", "-a", "shop"), 'unknown command "rollback"'),
        (("deploy", "-a", "shop", "--image", "x", "--rollback"), "unknown flag: --rollback"),
        (("releases", "-a", "shop", "--yes"), "unknown flag: --yes"),
        (("deploy", "-a", "shop", "--image"), "flag needs an argument"),
        (("deploy", "-a", "shop", "--image", "registry.fly.io/shop:gone"), "could not find image"),
        (("status",), "missing an app name"),
        (("status", "-a", "other"), "Could not find App"),
    ],
)
def test_flyctl_refuses_what_the_real_one_has_not(
    shell: Shell, arguments: tuple[str, ...], words: str
) -> None:
    assert shell.flyctl(*arguments) == 1
    assert shell.err.startswith("Error: ")
    assert words in shell.err


def test_flyctl_needs_a_token_and_a_readable_toml(shell: Shell) -> None:
    (shell.directory / "fly.toml").write_text("app = ", encoding="utf-8")
    assert shell.flyctl("status", "-a", "shop") == 1
    (shell.directory / "fly.toml").unlink()
    assert shell.flyctl("status", "-a", "shop") == 0
    shell.environment.pop("FLY_API_TOKEN")
    assert shell.flyctl("status", "-a", "shop") == 1
    assert "no access token available" in shell.err


def test_flyctl_reads_files_of_the_definition_from_the_disk(shell: Shell) -> None:
    files = [{"guest_path": "/etc/x", "local_path": "x.conf"}]
    assert shell.rollback(files=files) == 1
    assert "could not read file x.conf" in shell.err


def test_flyctl_prints_what_it_knows_as_json(shell: Shell) -> None:
    shell.flyctl("releases", "-a", "shop", "--json")
    assert [(one["Version"], one["Status"]) for one in json.loads(shell.out)] == [(41, "complete")]
    shell.flyctl("status", "-a", "shop", "-j")
    assert json.loads(shell.out)["Machines"][0]["state"] == "started"
    shell.flyctl("m", "ls", "-a", "shop", "--json")
    assert len(json.loads(shell.out)) == 2


def test_flyctl_keeps_a_record_without_the_token(shell: Shell) -> None:
    shell.rollback()
    run = json.loads(shell.record.read_text(encoding="utf-8").splitlines()[-1])
    assert run["argv"][:5] == ["deploy", "-a", "shop", "-c", "prev.json"]
    assert run["files"] == ["prev.json"]
    assert run["environment"] == {"FLY_API_TOKEN": "***"}


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


def test_the_pretend_flyctl_is_a_program_on_the_path(address: str, tmp_path: Path) -> None:
    programs, empty = tmp_path / "bin", tmp_path / "empty"
    programs.mkdir()
    empty.mkdir()
    put_on_path(programs, tmp_path / "record.jsonl")
    environment = {
        "PATH": f"{programs}{os.pathsep}{os.defpath}",
        "FLY_API_TOKEN": DEPLOY_TOKEN,
        "FLY_FLAPS_BASE_URL": address,
        "FLY_API_BASE_URL": address,
    }
    done = subprocess.run(
        ["flyctl", "status", "-a", "shop", "--json"],
        env=environment,
        cwd=empty,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["Version"] == 41
    run = json.loads((tmp_path / "record.jsonl").read_text(encoding="utf-8"))
    assert run["environment"]["FLY_API_TOKEN"] == "***"
