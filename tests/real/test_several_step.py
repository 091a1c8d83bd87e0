"""The document's six services verified by one step: real processes, real HTTP, real seconds."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from time import sleep
from typing import Any
from zipfile import ZipFile

import pytest

from slo_action.audit.read import read_record
from tests.worlds.runner import ROOT, StepResult
from tests.worlds.runner_scene import OTHER_USER, PROMPTLY_SECONDS, wait_until
from tests.worlds.shop import BAD, GOOD
from tests.worlds.six_services import ROLL_BACK, SIX, SixServices, six_services

pytestmark = pytest.mark.real

BAD_ONE, OTHER_BAD = SIX[2], SIX[4]
CREDENTIALS = "deploy:s3cr3t-pass"
WAY_BACK = {"rollback_command": ROLL_BACK, "previous_version_command": f"echo {GOOD}"}


@dataclass(frozen=True)
class Played:
    """How a step ended; `seconds` is what it took to end after a signal."""

    result: StepResult
    six_services: SixServices
    seconds: float = 0.0

    @property
    def services(self) -> dict[str, Any]:
        found = json.loads(self.result.outputs["services"])
        assert isinstance(found, dict)
        return found

    def audits(self) -> dict[str, Any]:
        found = (self.result.workspace / "slo-verify" / "several-1").glob("*/audit.json")
        read = [json.loads(path.read_text(encoding="utf-8")) for path in found]
        return {audit["service"]: audit for audit in read}

    def endings(self) -> dict[str, str]:
        return {name: one["ending"] for name, one in self.services.items()}


def healthy(root: Path) -> Played:
    with six_services(root) as here:
        return Played(here.start(expected_version=GOOD).result(), here)


def two_are_bad(root: Path) -> Played:
    with six_services(root) as here:
        here.shops[BAD_ONE].deploy(BAD)
        here.shops[OTHER_BAD].deploy(BAD)
        return Played(here.start({}, **WAY_BACK).result(), here)


def stopped_in_the_watch(root: Path) -> Played:
    with six_services(root) as here:
        running = here.start(observe="60s")
        for name in SIX:
            running.log.wait_for(f"{name}: notice: {name}: healthy so far", 30)
        running.stop(signal.SIGTERM)
        seconds = running.seconds_to_end()
        return Played(running.result(), here, seconds)


def stopped_in_the_rollback(root: Path) -> Played:
    """The command ignores the polite signal, while five others watch."""
    with six_services(root, before_rollback="trap '' TERM; sleep 60") as here:
        here.shops[BAD_ONE].deploy(BAD)
        running = here.start({}, observe="60s", **WAY_BACK)
        wait_until((here.workspace / f"begun-{BAD_ONE}").exists, sleep)
        running.stop(signal.SIGINT)
        seconds = running.seconds_to_end()
        return Played(running.result(), here, seconds)


def with_credentials(root: Path) -> Played:
    with six_services(root) as here:
        three = "\n".join(here.urls().splitlines()[:3])
        url = three.replace("://", f"://{CREDENTIALS}@")
        running = here.start(url=url, observe="0s", service=f"{SIX[0]}, {SIX[1]}\n{SIX[2]}")
        return Played(running.result(), here)


def with_one_in_the_way(root: Path) -> Played:
    """A file of the user's stands where all evidence would go."""
    with six_services(root) as here:
        (here.workspace / "slo-verify").write_text("", encoding="utf-8")
        return Played(here.start(observe="0s").result(), here)


def on_a_laptop(root: Path) -> "subprocess.CompletedProcess[str]":
    """The same by options of a command line, its directory the workspace."""
    with six_services(root) as here:
        here.shops[BAD_ONE].deploy(BAD)
        options = {"service": "all", "url": here.urls(), "observe": "0s", "rollback": "off"}
        return subprocess.run(
            [
                *(sys.executable, "-m", "slo_action", "verify", "--control-url", "off"),
                *("--health-deadline", "3s", "--grace", "0s"),
                *(word for name, value in options.items() for word in (f"--{name}", value)),
            ],
            cwd=here.workspace,
            env={"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )


SCENES: tuple[Callable[[Path], Played], ...] = (
    two_are_bad,
    stopped_in_the_rollback,
    stopped_in_the_watch,
    healthy,
    with_credentials,
    with_one_in_the_way,
)
Plays = Mapping[str, Future[Played]]


@pytest.fixture(scope="module")
def plays(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plays]:
    with ThreadPoolExecutor(3) as pool:
        roots = {play.__name__: tmp_path_factory.mktemp(play.__name__) for play in SCENES}
        yield {play.__name__: pool.submit(play, roots[play.__name__]) for play in SCENES}


def test_a_laptop_does_the_same(tmp_path: Path) -> None:
    finished = on_a_laptop(tmp_path)

    assert (finished.returncode, finished.stderr) == (10, ""), finished.stdout
    services = tmp_path.rglob("out/slo-verify/several-1/services.json")
    verdicts = {
        name: one["verdict"]
        for path in services
        for name, one in json.loads(path.read_text(encoding="utf-8")).items()
    }
    assert verdicts == {name: "unhealthy" if name == BAD_ONE else "healthy" for name in SIX}


def test_six_healthy_services_are_one_green_step(plays: Plays) -> None:
    played = plays["healthy"].result()
    result = played.result

    assert (result.exit_code, result.outcome) == (0, "success"), result.log.visible
    assert result.problems == []
    assert result.outputs["verdict"] == "healthy"
    assert result.outputs["live-version"] == GOOD
    assert played.endings() == dict.fromkeys(SIX, "verified")
    assert "all 6 services are verified healthy" in result.summary
    assert result.summary.count("<details><summary>✅") == len(SIX)


def test_each_service_is_asked_by_its_own_paths(plays: Plays) -> None:
    shops = plays["healthy"].result().six_services.shops

    asked = {name: {one.path.partition("?")[0] for one in shops[name].requests} for name in SIX}

    assert asked[SIX[0]] == {"/healthz", "/__build"}
    assert asked[SIX[2]] == {"/healthz", "/search"}
    assert asked[SIX[3]] == {"/healthz", "/context/stats"}
    assert asked[SIX[5]] == {"/healthz"}


def test_the_bad_ones_are_rolled_back_and_no_other(plays: Plays) -> None:
    played = plays["two_are_bad"].result()

    assert played.result.exit_code == 10
    assert played.endings() == {
        name: "rolled-back-verified" if name in {BAD_ONE, OTHER_BAD} else "verified" for name in SIX
    }
    begun = sorted(path.name for path in played.result.workspace.glob("begun-*"))
    assert begun == sorted([f"begun-{BAD_ONE}", f"begun-{OTHER_BAD}"])
    assert {shop.live for shop in played.six_services.shops.values()} == {GOOD}


def test_the_worst_names_itself_and_the_summary_begins_with_it(plays: Plays) -> None:
    result = plays["two_are_bad"].result().result

    assert result.outputs["reason"].startswith(f"{BAD_ONE}: ")
    assert result.outputs["reason"].endswith("others: 1 unhealthy, 4 healthy")
    assert result.summary.startswith("## ↩️ sophiaai")
    rows = [line for line in result.summary.splitlines() if line.startswith("| <code>sophiaai")]
    assert [row.count("unhealthy") > 0 for row in rows] == [True, True, False, False, False, False]


def test_every_audit_is_valid_and_stands_where_the_outputs_say(plays: Plays) -> None:
    played = plays["two_are_bad"].result()

    for name, one in played.services.items():
        audit = read_record(played.result.workspace / one["audit-path"])
        assert audit.service == name
    assert json.loads(played.result.outputs["audit"]) == {
        name: one["audit-path"] for name, one in played.services.items()
    }


def test_one_artifact_holds_a_directory_for_each_service(plays: Plays) -> None:
    played = plays["two_are_bad"].result()

    (artifact,) = played.six_services.artifacts.listed()
    files = ZipFile(BytesIO(played.six_services.artifacts.content(artifact.name))).namelist()

    assert {name for name in SIX if f"{name}-1/audit.json" in files} == set(SIX)
    assert {"summary.md", "services.json"} <= set(files)


def test_each_service_has_its_check_run(plays: Plays) -> None:
    created = plays["two_are_bad"].result().six_services.check_runs.created

    conclusions = {str(body["name"]): body["conclusion"] for body, _ in created}
    assert conclusions == {
        f"slo-verify / {name}": "failure" if name in {BAD_ONE, OTHER_BAD} else "success"
        for name in SIX
    }


def test_a_stopped_step_ends_at_once_and_leaves_every_audit(plays: Plays) -> None:
    played = plays["stopped_in_the_watch"].result()

    assert played.seconds < PROMPTLY_SECONDS
    assert played.result.exit_code == 11
    assert {name: one["interrupted"] for name, one in played.audits().items()} == dict.fromkeys(
        SIX, "SIGTERM"
    )
    assert played.result.outputs["verdict"] == "inconclusive"


def test_a_rollback_that_is_stopped_is_journalled_and_reported(plays: Plays) -> None:
    played = plays["stopped_in_the_rollback"].result()
    evidence = played.result.workspace / "slo-verify" / "several-1"
    journal = (evidence / f"{BAD_ONE}-1" / "journal.jsonl").read_text(encoding="utf-8")

    assert played.seconds < PROMPTLY_SECONDS
    assert played.result.exit_code == 12
    assert "run rollback-command to restore" in journal
    assert "ended: rollback-failed, exit 12" in journal
    assert set(played.audits()) == set(SIX)
    assert played.services[BAD_ONE]["ending"] == "rollback-failed"
    assert played.result.outputs["reason"].startswith(BAD_ONE)


def test_credentials_of_any_services_address_are_nowhere(plays: Plays) -> None:
    played = plays["with_credentials"].result()
    texts = [
        path.read_text(encoding="utf-8")
        for path in (played.result.workspace / "slo-verify").rglob("*")
        if path.is_file()
    ]
    raw = [line for line in played.result.log.raw if not line.startswith("::add-mask::")]

    assert played.result.exit_code == 0, played.result.log.visible
    assert list(played.services) == list(SIX[:3])
    assert CREDENTIALS.partition(":")[2] not in "\n".join(
        [*texts, *raw, played.result.output_file, played.result.summary_file]
    )


def test_where_no_evidence_can_be_kept_nothing_is_sent(plays: Plays) -> None:
    played = plays["with_one_in_the_way"].result()

    assert played.result.exit_code == 4
    assert [shop.requests for shop in played.six_services.shops.values()] == [[]] * len(SIX)


@pytest.mark.skipif(os.geteuid() != 0, reason="files can be given away by root only")
def test_everything_written_belongs_to_the_workspaces_owner(plays: Plays) -> None:
    workspace = plays["two_are_bad"].result().result.workspace

    owners = {path.stat().st_uid for path in (workspace / "slo-verify").rglob("*")}

    assert owners == {OTHER_USER}
