"""flyctl as the engine: its command, its room, and what its word is worth."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from slo_action.config.settings.fly import EngineName
from slo_action.core.model import Release, RollbackStep
from slo_action.core.text.secrets import Secret
from slo_action.errors import Interrupted, PlatformError
from slo_action.platforms.fly.flyctl.command import quiet_environment
from slo_action.system.process import Finished, run
from tests.platforms.fly.rollback.test_machines_engine import succeeded, told
from tests.platforms.fly.scene import GOOD, OURS, Scene
from tests.worlds.fly import DEPLOY_TOKEN, FlyWorld, broken, crashing, image, unpullable

BAD = broken("1.1")
PLAIN = {"deploy": {"release_command": "bin/migrate"}}


@dataclass
class Flyctl:
    """The program, acting on the world: `dies` ends it before it has done anything."""

    world: FlyWorld | None = None
    exit_code: int = 0
    dies: bool = False
    problem: str = ""
    signal: bool = False
    calls: list[dict[str, Any]] = field(default_factory=list)

    def __call__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        cwd: Path,
        timeout_seconds: float,
    ) -> Finished:
        definition = json.loads((cwd / "prev.json").read_text(encoding="utf-8"))
        self.calls.append(
            {
                "command": list(command),
                "environment": dict(environment),
                "files": sorted(path.name for path in cwd.iterdir()),
                "cwd": cwd,
                "definition": definition,
                "timeout": timeout_seconds,
            }
        )
        if self.signal:
            raise Interrupted("SIGTERM")
        if not self.dies:
            self._deploy(command, definition)
        code = None if self.problem else self.exit_code
        return Finished(
            exit_code=code, stdout="", output="deploying fm2_deploy", problem=self.problem
        )

    def _deploy(self, command: Sequence[str], definition: dict[str, Any]) -> None:
        """Do as flyctl does; the definition takes the place of the current one."""
        assert self.world is not None
        digest = command[command.index("--image") + 1].partition("@")[2]
        found = self.world.estate.images[digest]
        current = self.world.estate.ledger.current
        assert current is not None
        current_definition, current.definition = current.definition, definition
        deploy = self.world.deploy(found, skips_release_command="--skip-release-command" in command)
        current.definition = current_definition
        while not deploy.ended:
            self.world.passes(1.0)


@pytest.fixture
def program(tmp_path: Path) -> dict[str, str]:
    """Return an environment whose PATH holds something called flyctl."""
    flyctl = tmp_path / "bin" / "flyctl"
    flyctl.parent.mkdir()
    flyctl.write_text("#!/bin/sh\nexit 99\n", encoding="utf-8")
    flyctl.chmod(0o755)
    return {
        "PATH": str(flyctl.parent),
        "FLY_ACCESS_TOKEN": "another",
        "FLY_APP": "another",
        "DEPLOY_TRIGGER": "launch",
        "INPUT_TOKEN": "github",
        "FLY_FLAPS_BASE_URL": "http://127.0.0.1:1",
    }


def staged(program: Mapping[str, str], flyctl: Flyctl, machines: int = 2, **how: Any) -> Scene:
    scene = Scene(engine=EngineName.FLYCTL, environment=program, run=flyctl)
    flyctl.world = scene.world
    return scene.launched(machines, **how)


def last(steps: tuple[RollbackStep, ...]) -> RollbackStep:
    return steps[-1]


def test_it_restores_image_and_definition(program: dict[str, str]) -> None:
    flyctl = Flyctl()
    scene = staged(program, flyctl).deployed(BAD, changes={"env": {"NEW": "1"}})

    steps = scene.rolls_back()

    assert succeeded(steps), told(steps)
    assert scene.digests() == {GOOD.digest}
    assert all("NEW" not in machine.config["env"] for machine in scene.world.machines)
    assert steps[0].name == "flyctl deploy"
    assert told(steps).count("started, 1 of 1 checks passing") == 2


def test_its_command_is_the_documented_one_by_digest(program: dict[str, str]) -> None:
    flyctl = Flyctl()
    scene = staged(program, flyctl).deployed(BAD)

    scene.rolls_back()

    (call,) = flyctl.calls
    assert call["command"] == [
        f"{program['PATH']}/flyctl",
        *["deploy", "-a", "shop", "-c", "prev.json", "--image"],
        GOOD.pinned("shop"),
        *["--strategy", "rolling", "--skip-release-command", "--ha=false", "--update-only"],
        *["--no-public-ips", "--dns-checks=false", "--wait-timeout", "3m", "--yes"],
    ]
    assert call["timeout"] == 300.0


def test_its_room_holds_the_definition_only_and_is_gone_afterwards(
    program: dict[str, str],
) -> None:
    flyctl = Flyctl()
    scene = staged(program, flyctl).deployed(BAD)

    scene.rolls_back()

    (call,) = flyctl.calls
    assert call["files"] == ["prev.json"]
    assert not call["cwd"].exists()
    assert call["definition"] == scene.world.releases[0].definition
    assert call["definition"]["deploy"] == {"release_command": "bin/migrate"}


def test_the_token_is_in_the_environment_and_nothing_of_the_job_is(
    program: dict[str, str],
) -> None:
    flyctl = Flyctl()
    scene = staged(program, flyctl).deployed(BAD)

    scene.rolls_back()

    (call,) = flyctl.calls
    environment = call["environment"]
    assert environment["FLY_API_TOKEN"] == DEPLOY_TOKEN
    assert "fm2" not in " ".join(call["command"])
    assert {"FLY_ACCESS_TOKEN", "FLY_APP", "DEPLOY_TRIGGER", "INPUT_TOKEN"}.isdisjoint(environment)
    assert environment["FLY_FLAPS_BASE_URL"] == "http://127.0.0.1:1"
    assert environment["FLY_NO_UPDATE_CHECK"] == "1"
    assert environment["HOME"] == environment["FLY_CONFIG_DIR"] != str(call["cwd"])


def test_a_real_program_gets_all_of_it(tmp_path: Path) -> None:
    seen = tmp_path / "seen.json"
    flyctl = tmp_path / "flyctl"
    flyctl.write_text(
        f"#!{sys.executable} -I\n"
        "import json, os, sys\n"
        "told = [sys.argv[1:], dict(os.environ), open('prev.json').read(), os.listdir('.')]\n"
        f"open({str(seen)!r}, 'w').write(json.dumps(told))\n"
        "print('no such app', file=sys.stderr)\n"
        "sys.exit(1)\n",
        encoding="utf-8",
    )
    flyctl.chmod(0o755)
    scene = Scene(engine=EngineName.FLYCTL, environment={"PATH": str(tmp_path)}, run=run)
    scene.launched(2).deployed(BAD)

    step, *_, end = scene.rolls_back()

    argv, environment, definition, files = json.loads(seen.read_text(encoding="utf-8"))
    assert argv[:3] == ["deploy", "-a", "shop"]
    assert environment["FLY_API_TOKEN"] == DEPLOY_TOKEN
    assert json.loads(definition)["app"] == "shop"
    assert files == ["prev.json"]
    assert step.detail == "exit status 1: it failed"
    assert "no such app" in step.output
    assert not end.succeeded


def test_the_release_command_is_kept_and_not_run(program: dict[str, str]) -> None:
    scene = staged(program, Flyctl(), changes=PLAIN).deployed(BAD)
    since = scene.world.now

    scene.rolls_back()

    assert scene.world.deeds(action="release-command", since=since) == []
    assert scene.world.releases[-1].definition["deploy"] == PLAIN["deploy"]


def test_machines_that_flyctl_leaves_stopped_are_started(program: dict[str, str]) -> None:
    scene = staged(program, Flyctl())
    scene.deployed(crashing("1.1"), changes={"restart": [{"policy": "no"}]})

    steps = scene.rolls_back()

    assert succeeded(steps), told(steps)
    assert all(scene.world.well().values())
    assert len(scene.ours("start")) == 2
    assert sum(line.startswith("start machine") for line in scene.journal) >= 2


def test_machines_that_rested_before_rest_on(program: dict[str, str]) -> None:
    scene = staged(program, Flyctl(), machines=3)
    scene.world.stop(scene.world.machines[0].id)
    scene.world.passes(5.0)
    scene.prepared().deployed(BAD)

    steps = scene.rolls_back()

    assert succeeded(steps), told(steps)
    assert scene.world.machines[0].state == "stopped"
    assert "not running, as before" in told(steps)


def test_exit_status_0_is_not_believed(program: dict[str, str]) -> None:
    scene = staged(program, Flyctl(dies=True)).deployed(BAD)

    steps = scene.rolls_back()

    assert steps[0].succeeded
    assert steps[0].detail == "exit status 0"
    assert not last(steps).succeeded
    assert "it runs image" in told(steps)


def test_an_image_that_silently_did_not_arrive_is_seen(program: dict[str, str]) -> None:
    scene = staged(program, Flyctl()).deployed(BAD)
    scene.world.becomes(unpullable("1.0"))
    scene.world.becomes(broken("1.1", checks_after_seconds=None))

    steps = scene.rolls_back()

    assert not last(steps).succeeded
    assert "not that of v1" in told(steps)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (1, "exit status 1: it failed"),
        (3, "exit status 3: it broke"),
        (126, "exit status 126: its own time box was over"),
        (127, "exit status 127: it was cancelled"),
    ],
)
def test_a_failure_that_restored_everything_is_no_failure(
    program: dict[str, str], code: int, words: str
) -> None:
    scene = staged(program, Flyctl(exit_code=code)).deployed(BAD)

    steps = scene.rolls_back()

    assert succeeded(steps), told(steps)
    assert steps[0].detail == f"{words}, and yet every machine is restored"


def test_a_time_box_that_was_over_is_told(program: dict[str, str]) -> None:
    flyctl = Flyctl(dies=True, problem="stopped after 300 s, its time box")
    scene = staged(program, flyctl).deployed(BAD)

    steps = scene.rolls_back()

    assert steps[0].detail == "stopped after 300 s, its time box"
    assert not steps[0].succeeded


def test_what_it_prints_is_redacted(program: dict[str, str]) -> None:
    scene = staged(program, Flyctl()).deployed(BAD)
    scene.redact = lambda text: text.replace("fm2_deploy", "***")

    steps = scene.rolls_back()

    assert steps[0].output == "deploying ***"


def test_a_signal_while_it_deploys_is_told(program: dict[str, str]) -> None:
    scene = staged(program, Flyctl(signal=True)).deployed(BAD)

    (step,) = scene.rolls_back()

    names = ", ".join(machine.id for machine in scene.world.machines)
    assert step.detail == f"the run was stopped; restored: none; in work: {names}; untouched: none"


def test_another_release_ends_it_before_it_begins(program: dict[str, str]) -> None:
    flyctl = Flyctl()
    scene = staged(program, flyctl).deployed(BAD)
    platform = scene.platform()
    target = platform.previous_release()
    scene.world.deploy(image("1.2"))

    (step,) = platform.restore(target, None, scene.write)

    assert "another deploy took over" in step.detail
    assert flyctl.calls == []
    assert scene.journal == []


def test_it_says_what_it_is_about_to_do(program: dict[str, str]) -> None:
    scene = staged(program, Flyctl()).deployed(BAD)

    scene.rolls_back()

    assert scene.journal[0].startswith("run flyctl deploy to restore v1, image ")
    assert scene.deeds_before[0] == 0
    assert scene.world.deeds(by=OURS, action="update") == []


def test_a_machine_on_a_lost_host_is_replaced_and_said_so(program: dict[str, str]) -> None:
    scene = staged(program, Flyctl()).deployed(BAD)
    scene.world.host_fails(scene.world.machines[0].id)
    platform = scene.platform()

    plan = platform.plan(platform.previous_release() or Release(version=""))

    lost, well = sorted(plan.steps, key=lambda step: "replaces" not in step.why)
    assert "flyctl replaces it by a new machine" in lost.why
    assert well.why == "by the definition of its release"


def test_a_former_release_that_crashes_is_seen(program: dict[str, str]) -> None:
    scene = staged(program, Flyctl()).deployed(BAD)
    scene.world.becomes(crashing("1.0"))

    steps = scene.rolls_back()

    assert not last(steps).succeeded
    assert "it does not stay up: exit code 1" in told(steps)


def test_machines_that_cannot_be_read_afterwards_are_no_success(
    program: dict[str, str],
) -> None:
    flyctl = Flyctl()
    scene = staged(program, flyctl).deployed(BAD)
    scene.machine_seconds = 20.0
    platform = scene.platform()
    target = platform.previous_release()
    scene.world.at(scene.world.now + 10.0, lambda: scene.world.down(600.0))

    steps = platform.restore(target, None, scene.write)

    assert not last(steps).succeeded
    assert "they could not be read" in told(steps)


# What it refuses.


def refusal(scene: Scene) -> PlatformError:
    platform = scene.platform()
    target = platform.previous_release()
    assert target is not None
    with pytest.raises(PlatformError) as caught:
        platform.plan(target)
    (step,) = platform.restore(target, None, scene.write)
    assert not step.succeeded
    assert caught.value.message in step.detail
    assert scene.journal == []
    assert caught.value.hint
    return caught.value


def test_without_the_program_it_says_what_to_do() -> None:
    scene = Scene(engine=EngineName.FLYCTL, environment={"PATH": "/nowhere"})

    error = refusal(scene.launched(1).deployed(BAD))

    assert "the PATH has none" in error.message
    assert "machines" in error.hint


def test_without_the_definition_it_is_refused(program: dict[str, str]) -> None:
    scene = staged(program, Flyctl()).prepared().deployed(BAD)
    scene.world.estate.switches.refuses_undocumented = True

    assert "the definition of v1 is not known" in refusal(scene).message


@pytest.mark.parametrize(
    ("changes", "needed"),
    [
        ({"files": [{"guest_path": "/x", "local_path": "x"}]}, "[[files]] local_path"),
        ({"experimental": {"machine_config": "m.json"}}, "[experimental] machine_config"),
        ({"build": {"compose": {"file": "compose.yml"}}}, "[build] compose"),
    ],
)
def test_a_definition_that_needs_local_files_is_refused(
    program: dict[str, str], changes: dict[str, Any], needed: str
) -> None:
    scene = staged(program, Flyctl(), changes=changes).deployed(BAD)

    assert f"needs local files ({needed})" in refusal(scene).message


def test_a_file_with_its_content_in_the_definition_is_fine(program: dict[str, str]) -> None:
    files = {"files": [{"guest_path": "/x", "raw_value": "eA=="}]}
    scene = staged(program, Flyctl(), changes=files).deployed(BAD)

    assert succeeded(scene.rolls_back())


def test_machines_that_flyctl_would_destroy_are_a_refusal(program: dict[str, str]) -> None:
    scene = staged(program, Flyctl())
    scene.deployed(BAD, changes={"processes": {"app": "serve", "batch": "batch"}})
    extra = scene.world.create(BAD, group="batch")
    scene.world.passes(10.0)

    assert f"machine {extra.id}, so flyctl would destroy it" in refusal(scene).message


def test_its_plan_says_what_it_does_not_bring_back(program: dict[str, str]) -> None:
    scene = staged(program, Flyctl()).deployed(BAD)
    platform = scene.platform()

    plan = platform.plan(platform.previous_release() or Release(version=""))

    assert plan.engine == "flyctl"
    assert [step.after for step in plan.steps] == ["v1", "v1"]
    assert any("machine sizes" in words for words in plan.not_restored)
    assert any("v2 has a release command" in words for words in plan.not_restored)


def test_the_environment_is_a_short_list() -> None:
    made = quiet_environment(dict(os.environ), Secret(" FlyV1 fm2_x "), Path("/home"))

    assert made["FLY_API_TOKEN"] == "FlyV1 fm2_x"
    assert {"HOME", "FLY_CONFIG_DIR", "CI", "NO_COLOR"} <= set(made)
    assert len(made) < 25
