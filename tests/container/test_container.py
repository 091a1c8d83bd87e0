"""The built image, started as a runner starts it, against real servers.

Scenes run in real time, so they run together: a healthy gate takes 10 s, one that is missed 30 s.
"""

import json
import signal
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from time import sleep

import pytest

from tests.container.podman import (
    as_container,
    as_pod,
    compressed_sizes,
    inside,
    podman,
)
from tests.worlds.runner import ROOT, Runner
from tests.worlds.runner_environment import Job
from tests.worlds.runner_inputs import read_action
from tests.worlds.runner_scene import (
    OTHER_USER,
    PROMPTLY_SECONDS,
    Playbill,
    Played,
    plant_traps,
    scene,
    sprung,
    wait_until,
)
from tests.worlds.shop import BAD, GOOD, ROLLBACK, write_rollback_script

pytestmark = pytest.mark.container

Plays = Mapping[str, Future[Played]]
PLAYBILL = Playbill()
LANES = 6
_LARGEST_OF_OURS_BYTES = 13 * 1024 * 1024


@pytest.fixture(scope="module")
def plays(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plays]:
    assert image
    with PLAYBILL.playing(tmp_path_factory.mktemp("plays"), LANES) as futures:
        yield futures


@PLAYBILL.scene
def rolled_back(root: Path) -> Played:
    with scene(root, start=as_container()) as here:
        here.shop.deploy(BAD)
        write_rollback_script(here.runner.workspace)
        previous = f"echo {GOOD}"
        return here.played(rollback_command=ROLLBACK, previous_version_command=previous)


@PLAYBILL.scene
def stopped_in_the_rollback(root: Path) -> Played:
    with scene(root, start=as_container()) as here:
        here.shop.deploy(BAD)
        begun = write_rollback_script(here.runner.workspace, before="trap '' TERM; sleep 60")
        running = here.start(rollback_command=ROLLBACK)
        wait_until(begun, sleep)
        return here.stopped(running, signal.SIGINT)


@PLAYBILL.scene
def healthy(root: Path) -> Played:
    with scene(root, start=as_container()) as here:
        return here.played(expected_version=GOOD)


@PLAYBILL.scene
def in_a_pod(root: Path) -> Played:
    """The version has every character that such a start must bring through."""
    with scene(root, start=as_pod) as here:
        return here.played(deployment_id="""a "b" 'c' $HOME `d` \\e""")


@PLAYBILL.scene
def in_a_hostile_place(root: Path) -> Played:
    with scene(root, start=as_container()) as here:
        there = here.runner.workspace / "lib"
        _plant_libraries(there)
        plant_traps(here.runner.workspace)
        leaked = {
            "LANG": "de_DE.ISO-8859-1",
            "LC_ALL": "de_DE.ISO-8859-1",
            "LD_LIBRARY_PATH": str(there),
            "PYTHONHOME": "/opt/hostedtoolcache/Python/3.12.1/x64",
            "PYTHONPATH": str(here.runner.workspace),
            "TMPDIR": "/home/runner/tmp",
        }
        return here.played(leaked)


@PLAYBILL.scene
def on_an_old_runner(root: Path) -> Played:
    """Before 2.331, RUNNER_TEMP was not mounted."""
    with scene(root, start=as_container()) as here:
        job = replace(here.runner.job, has_temp_mount=False)
        runner = Runner(root, job, start=as_container())
        return replace(here, runner=runner).played()


@PLAYBILL.scene
def stopped_as_it_starts(root: Path) -> Played:
    with scene(root, start=as_container()) as here:
        running = here.start()
        mine = f"volume={here.runner.workspace}"
        wait_until(lambda: bool(podman("ps", "--quiet", "--filter", mine)), sleep)
        return here.stopped(running, signal.SIGTERM)


@PLAYBILL.scene
def stopped_in_the_watch_by_sigint(root: Path) -> Played:
    return _stopped_in_the_watch(root, signal.SIGINT)


@PLAYBILL.scene
def stopped_in_the_watch_by_sigterm(root: Path) -> Played:
    return _stopped_in_the_watch(root, signal.SIGTERM)


@PLAYBILL.scene
def with_a_bad_hyphenated_input(root: Path) -> Played:
    with scene(root, start=as_container()) as here:
        return here.played(fail_on="unhelthy")


@PLAYBILL.scene
def with_a_read_only_workspace(root: Path) -> Played:
    with scene(root, start=as_container(workspace="ro")) as here:
        return here.played()


def _stopped_in_the_watch(root: Path, number: signal.Signals) -> Played:
    with scene(root, start=as_container()) as here:
        running = here.start()
        running.log.wait_for("attempt 1/8", 30)
        return here.stopped(running, number)


def _plant_libraries(directory: Path) -> None:
    directory.mkdir()
    for name in ("libssl.so.3", "libcrypto.so.3", "libz.so.1"):
        (directory / name).write_text("no library\n", encoding="utf-8")


def test_a_healthy_container_says_so_on_every_surface(plays: Plays) -> None:
    play = plays["healthy"].result()
    result = play.result
    assert (result.exit_code, result.outcome, result.problems) == (0, "success", [])
    assert (result.outputs["verdict"], result.outputs["live-version"]) == ("healthy", GOOD)
    assert "healthy" in result.summary.splitlines()[0]
    assert [shown.level for shown in result.log.annotations] == ["notice"]
    assert len(play.scene.artifacts.listed()) == 1
    assert result.outputs["artifact-url"] in result.summary
    ((body, _),) = play.scene.check_runs.created
    assert body["conclusion"] == "success"


def test_paths_in_the_outputs_lead_to_the_evidence(plays: Plays) -> None:
    result = plays["healthy"].result().result
    evidence = result.evidence()
    assert evidence.relative_to(result.workspace) == Path(result.outputs["evidence-dir"])


@pytest.mark.parametrize("name", ["healthy", "in_a_pod", "stopped_in_the_watch_by_sigterm"])
def test_every_file_belongs_to_the_workspaces_owner(plays: Plays, name: str) -> None:
    workspace = plays[name].result().result.workspace
    made = [workspace / "slo-verify", *(workspace / "slo-verify").rglob("*")]
    assert {(path.stat().st_uid, path.stat().st_gid) for path in made} == {(OTHER_USER, OTHER_USER)}


@pytest.mark.parametrize("name", ["healthy", "in_a_pod", "rolled_back"])
def test_nothing_is_left_in_the_runners_directories(plays: Plays, name: str) -> None:
    layout = plays[name].result().result.layout
    assert list(layout.home.iterdir()) == []
    assert {path.name for path in layout.temp.iterdir()} == {
        "_github_home",
        "_github_workflow",
        "_runner_file_commands",
    }


def test_no_secret_is_told(plays: Plays) -> None:
    play = plays["healthy"].result()
    job: Job = play.scene.runner.job
    for place, text in play.everything_told().items():
        assert job.token not in text, place
        assert job.runtime_token not in text, place


def test_a_bad_deploy_is_rolled_back_by_a_script_of_the_workspace(plays: Plays) -> None:
    play = plays["rolled_back"].result()
    assert (play.result.exit_code, play.result.problems) == (10, [])
    assert play.result.outputs["ending"] == "rolled-back-verified"
    assert play.scene.shop.live == GOOD


def test_hyphenated_inputs_arrive(plays: Plays) -> None:
    play = plays["with_a_bad_hyphenated_input"].result()
    assert play.result.exit_code == 2
    assert "fail-on: not accepted" in play.log
    assert play.scene.shop.requests == []


@pytest.mark.parametrize(
    ("scene_name", "name"),
    [
        ("stopped_as_it_starts", "SIGTERM"),
        ("stopped_in_the_watch_by_sigint", "SIGINT"),
        ("stopped_in_the_watch_by_sigterm", "SIGTERM"),
    ],
)
def test_pid_1_tells_what_it_knows_when_it_is_stopped(
    plays: Plays, scene_name: str, name: str
) -> None:
    play = plays[scene_name].result()
    assert play.seconds < PROMPTLY_SECONDS
    assert (play.result.exit_code, play.result.problems) == (11, [])
    assert play.result.outputs["verdict"] == "inconclusive"
    assert _audit(play)["interrupted"] == name
    assert name in play.result.summary


def test_a_rollback_that_is_stopped_is_told_as_a_failed_one(plays: Plays) -> None:
    play = plays["stopped_in_the_rollback"].result()
    assert play.seconds < PROMPTLY_SECONDS
    assert play.result.exit_code == 12
    assert play.result.outputs["ending"] == "rollback-failed"
    assert _audit(play)["interrupted"] == "SIGINT"
    assert "### Rollback" in play.result.summary


def test_a_read_only_workspace_ends_the_run_before_it_begins(plays: Plays) -> None:
    play = plays["with_a_read_only_workspace"].result()
    assert play.result.exit_code == 4
    assert play.scene.shop.requests == []


def test_neither_workspace_nor_leaked_variables_reach_python(plays: Plays) -> None:
    play = plays["in_a_hostile_place"].result()
    assert not sprung(play.result.workspace)
    assert (play.result.exit_code, play.result.problems) == (0, [])
    assert play.result.outputs["artifact-id"]


def test_the_planted_libraries_would_break_a_python_that_met_them(
    image: str, tmp_path: Path
) -> None:
    _plant_libraries(tmp_path / "lib")
    mount = ("-v", f"{tmp_path}:/github/workspace", "-e", "LD_LIBRARY_PATH=/github/workspace/lib")
    script = "/opt/slo-verify/bin/python -c 'import ssl' 2>&1 || true"
    assert image
    assert "/github/workspace/lib/lib" in inside(script, *mount)


def test_a_runner_without_a_mounted_temporary_directory_will_do(plays: Plays) -> None:
    assert plays["on_an_old_runner"].result().result.outputs["verdict"] == "healthy"


def test_a_pod_gets_every_variable_as_it_was(plays: Plays) -> None:
    play = plays["in_a_pod"].result()
    assert (play.result.exit_code, play.result.outputs["verdict"]) == (0, "healthy")
    assert _audit(play)["deployment_id"] == """a "b" 'c' $HOME `d` \\e"""


def test_the_image_starts_what_action_yml_says_as_root(image: str) -> None:
    (found,) = json.loads(podman("image", "inspect", image))
    assert found["Config"]["Entrypoint"] == [read_action(ROOT / "action.yml").entrypoint]
    assert found["Config"].get("User", "") in {"", "0", "root"}


def test_the_images_labels_name_what_it_is(image: str) -> None:
    (found,) = json.loads(podman("image", "inspect", image))
    labels = {k.rpartition(".")[2]: v for k, v in found["Labels"].items() if "opencontainers" in k}
    assert labels["title"] == "slo-verify"
    assert labels["licenses"] == "Apache-2.0"
    assert labels["source"] == "https://github.com/org/slo-verify"


def test_the_image_holds_no_compiler_and_no_installer_of_ours(image: str) -> None:
    assert image
    assert inside("command -v cc gcc g++ clang cargo make || true") == ""
    names = inside("ls /opt/slo-verify/lib/python3.*/site-packages").split()
    assert not [n for n in names if n.startswith(("pip", "setuptools", "wheel", "_distutils"))]


def test_the_image_holds_the_package_and_nothing_else_of_the_repository(image: str) -> None:
    assert image
    assert inside("ls -d /src || true") == ""
    assert inside("ls -A /opt/slo-verify").split() == [
        "bin",
        "entrypoint.py",
        "lib",
        "lib64",
        "pyvenv.cfg",
    ]


def test_byte_code_is_compiled_and_stays_valid_whatever_the_files_times(image: str) -> None:
    assert image
    package = "/opt/slo-verify/lib/python3.*/site-packages/slo_action"
    flags = inside(f"od -An -tu4 -j4 -N4 {package}/__pycache__/app.*")
    assert flags.split() == ["1"], "PEP 552: by hash, and not looked up in the source"


def test_our_layers_are_small(
    image: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The base may be a stand-in, so our own layers are the figure that means something."""
    base, ours = compressed_sizes(image, tmp_path / "image.tar")
    told = f"compressed: base {base / 1e6:.1f} MB, ours on top of it {ours / 1e6:.1f} MB"
    with capsys.disabled():
        sys.stdout.write(f"\n{told}\n")
    assert ours < _LARGEST_OF_OURS_BYTES


def _audit(play: Played) -> dict[str, object]:
    text = (play.result.evidence() / "audit.json").read_text(encoding="utf-8")
    audit: dict[str, object] = json.loads(text)
    return audit
