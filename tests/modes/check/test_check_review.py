"""What a pull request changes in slo.yml, in words: through GitHub's API, and by earlier runs."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from slo_action.audit.write import audit_document
from slo_action.config.files.workspace import WorkspaceFiles
from slo_action.core.model import Outcome, VersionRule
from slo_action.core.policy.policy import Policy
from slo_action.errors import GitHubError
from slo_action.modes.check.slo_diff import BaseSloFiles
from slo_action.modes.verify import verify
from tests.builders import always
from tests.modes.check.test_check_on_a_runner import commands, on_a_runner, summary, write
from tests.worlds.artifact_faces import loopback_face
from tests.worlds.check_world import CheckWorld
from tests.worlds.github_contents import GitHubContents
from tests.worlds.memory_ports import MemoryBaseFiles, VirtualRun
from tests.worlds.rendered import rendered

BASE = "b" * 40


def matrix(p95: str = "500ms", more: str = "") -> str:
    return (
        "service: dashboard\nurl: https://dashboard.example\nhealth_endpoint: /healthz\n"
        f"slo_targets: {{response_time_p95: {p95}}}\nmonitoring: {{timeout: 5s}}\n{more}"
    )


@cache
def recorded() -> str:
    """The audit record of a real run, in virtual time."""
    policy = replace(Policy(), rule=VersionRule(expected="v2"))
    world = VirtualRun({"v1": always(Outcome.OK), "v2": always(Outcome.OK)}, live="v2")
    return json.dumps(audit_document(verify(world.request(policy), world.ports)))


def took(milliseconds: int) -> str:
    """The same run as if its answers had taken longer."""
    record: dict[str, Any] = json.loads(recorded())
    for stream in record["window"]["streams"]:
        stream["latency"]["percentiles_ms"] = {"p95": float(milliseconds)}
    return json.dumps(record)


@pytest.fixture
def github() -> Iterator[GitHubContents]:
    world = GitHubContents({BASE: {".github/slo.yml": matrix().encode()}})
    with loopback_face(world):
        yield world


def reviewed(
    workspace: Path, github: GitHubContents, files: Mapping[str, str], **more: str
) -> "subprocess.CompletedProcess[str]":
    """Check a pull request that makes the files what they are."""
    event = workspace.parent / f"{workspace.name}.json"
    repository = {"full_name": "octo/shop"}
    pull_request = {"base": {"sha": BASE, "repo": repository}, "head": {"repo": repository}}
    event.write_text(json.dumps({"pull_request": pull_request}), encoding="utf-8")
    write(workspace, files)
    given = {
        "GITHUB_API_URL": github.origin,
        "GITHUB_REPOSITORY": "octo/shop",
        "GITHUB_EVENT_PATH": str(event),
        "INPUT_TOKEN": "ghs_123456",
        **more,
    }
    return on_a_runner(workspace, **given)


def annotations(finished: "subprocess.CompletedProcess[str]") -> list[str]:
    return [line for line in commands(finished) if not line.startswith("::add-mask::")]


def test_a_looser_limit_is_reported_as_text_and_fails_nothing(
    tmp_path: Path, github: GitHubContents
) -> None:
    finished = reviewed(tmp_path, github, {".github/slo.yml": matrix("800ms")})

    page = rendered(summary(tmp_path))
    assert (finished.returncode, finished.stderr) == (0, "")
    assert page.rows[-1][:4] == [
        "⚠️\xa0looser",
        "dashboard",
        "health p95",
        "500\xa0ms → 800\xa0ms",
    ]
    assert "No history yet" in page.prose
    (notice,) = annotations(finished)
    assert notice.startswith("::notice ")
    assert "file=.github/slo.yml" in notice
    assert "500 ms → 800 ms" in notice
    assert {asked.raw_query["ref"] for asked in github.asked} == {BASE}


def test_earlier_runs_say_what_would_have_passed(tmp_path: Path, github: GitHubContents) -> None:
    records = {
        f"records/{number}/audit.json": took(milliseconds)
        for number, milliseconds in enumerate((400, 600, 700, 900))
    }

    reviewed(
        tmp_path, github, {".github/slo.yml": matrix("800ms"), **records}, INPUT_RECORDS="records"
    )

    assert (
        "2 of the last 4 verified deploys would have passed only under the new one"
        in rendered(summary(tmp_path)).rows[-1][4]
    )


@pytest.mark.real
def test_a_directory_without_records_is_no_history(tmp_path: Path, github: GitHubContents) -> None:
    (tmp_path / "records").mkdir()
    finished = reviewed(
        tmp_path, github, {".github/slo.yml": matrix("800ms")}, INPUT_RECORDS="records"
    )

    assert finished.returncode == 0
    assert "No history yet" in rendered(summary(tmp_path)).prose


@pytest.mark.real
@pytest.mark.parametrize("is_private", [True, False])
def test_a_token_that_may_not_read_is_one_line(
    tmp_path: Path,
    github: GitHubContents,
    is_private: bool,
) -> None:
    github.may_read, github.is_private = False, is_private

    finished = reviewed(tmp_path, github, {".github/slo.yml": matrix("800ms")})

    reported = [
        line for line in finished.stdout.splitlines() if "the changes cannot be shown" in line
    ]
    assert (finished.returncode, len(reported), annotations(finished)) == (0, 1, [])
    assert "permissions: contents: read" in reported[0]
    assert "looser" not in summary(tmp_path)


@pytest.mark.real
def test_without_a_token_no_request_is_sent_and_one_line_says_so(
    tmp_path: Path, github: GitHubContents
) -> None:
    finished = reviewed(tmp_path, github, {".github/slo.yml": matrix("800ms")}, INPUT_TOKEN="")

    assert (finished.returncode, finished.stderr, github.asked) == (0, "", [])
    assert finished.stdout.splitlines()[-1] == (
        "│ .github/slo.yml: the changes cannot be shown: the input token is empty; "
        "pass `${{ github.token }}`"
    )


@pytest.mark.real
def test_without_github_there_is_one_line(tmp_path: Path, github: GitHubContents) -> None:
    finished = reviewed(
        tmp_path,
        github,
        {".github/slo.yml": matrix("800ms")},
        GITHUB_API_URL="http://127.0.0.1:1",
    )

    assert (finished.returncode, finished.stderr) == (0, "")
    assert finished.stdout.count("the changes cannot be shown") == 1


@pytest.mark.real
def test_what_did_not_change_is_not_reported(tmp_path: Path, github: GitHubContents) -> None:
    finished = reviewed(tmp_path, github, {".github/slo.yml": matrix() + "# a comment\n"})

    lines = [line for line in finished.stdout.splitlines() if line.startswith("│")]
    assert (lines, annotations(finished)) == (["│ .github/slo.yml: no findings"], [])


# Directly


@pytest.fixture
def world(tmp_path: Path) -> CheckWorld:
    return CheckWorld(tmp_path)


def changes(world: CheckWorld, **base_files: str) -> list[str]:
    """Check slo.yml against these base files; return the lines about changes."""
    files = {name.replace("__", "/").replace("_", "."): text for name, text in base_files.items()}
    world.base = MemoryBaseFiles(files)
    world.run(config="slo.yml")
    return [line for line in world.log.lines if "→" in line or "change" in line]


def test_a_new_file_is_stricter_all_over(world: CheckWorld) -> None:
    world.write(slo_yml=matrix())
    changes(world)

    assert "stricter" in world.outputs.summary
    assert "looser" not in world.outputs.summary
    assert world.log.annotations == []


def test_included_files_are_read_from_the_base_commit(world: CheckWorld) -> None:
    world.write(slo_yml="include: teams/*.yml\n", teams__a_yml=matrix("800ms"))
    reported = changes(world, slo_yml="include: teams/*.yml\n", teams__a_yml=matrix("500ms"))

    assert any("500 ms → 800 ms" in line for line in reported)


def test_an_included_file_that_is_new_is_a_new_service(world: CheckWorld) -> None:
    second = matrix().replace("dashboard", "cart")
    world.write(slo_yml="include: teams/*.yml\n", teams__a_yml=matrix(), teams__b_yml=second)
    changes(world, slo_yml="include: teams/*.yml\n", teams__a_yml=matrix())

    assert {row[1] for row in rendered(world.outputs.summary).rows[1:]} == {"cart"}


@pytest.mark.parametrize("broken", ["service: [", "service: x\nuri: y\n", "\tservice: x\n"])
def test_a_base_file_that_was_broken_is_one_line(world: CheckWorld, broken: str) -> None:
    world.write(slo_yml=matrix("800ms"))
    (line,) = changes(world, slo_yml=broken)

    assert line == "slo.yml: the changes cannot be shown: the file of the base commit has mistakes"
    assert world.log.annotations == []


def test_a_file_with_mistakes_is_not_compared(world: CheckWorld) -> None:
    world.write(slo_yml=matrix("800ms", "team: nobody\n"))

    assert changes(world, slo_yml=matrix()) == [
        "slo.yml: the changes cannot be shown: the file has mistakes"
    ]
    assert "looser" not in world.outputs.summary


def test_a_file_that_contradicts_itself_is_compared(world: CheckWorld) -> None:
    world.write(slo_yml=matrix("8s"))

    assert len(changes(world, slo_yml=matrix())) == 1
    assert world.reported[-1].endswith("error limit-above-timeout")


def test_a_refusal_of_github_is_one_line(world: CheckWorld) -> None:
    world.write(slo_yml=matrix("800ms"))
    base_files = MemoryBaseFiles()
    base_files.error = GitHubError("HTTP 502", hint="run it again")
    world.base = base_files

    assert world.run(config="slo.yml") == 0
    assert world.log.lines[-1] == "slo.yml: the changes cannot be shown: HTTP 502; run it again"


def test_without_slo_yml_before_and_after_there_is_nothing_to_report(world: CheckWorld) -> None:
    world.write(fly_toml="app = 'shop'\n")
    world.base = MemoryBaseFiles({"fly.toml": "app = 'old'\n"})

    assert world.run() == 0
    assert world.log.lines == ["fly.toml: no findings"]


@pytest.mark.real
def test_a_deleted_slo_yml_is_looser_all_over(tmp_path: Path, github: GitHubContents) -> None:
    finished = reviewed(tmp_path, github, {"fly.toml": "app = 'shop'\n"})

    (notice,) = annotations(finished)
    assert finished.returncode == 0
    assert notice.startswith("::notice ")
    assert "file=.github/slo.yml" in notice
    assert "no longer monitored" in summary(tmp_path)


@pytest.mark.real
def test_a_deleted_file_that_a_pattern_included_is_looser(
    tmp_path: Path, github: GitHubContents
) -> None:
    text = "include: ../services/*.yml\n"
    files = {
        ".github/slo.yml": text,
        "services/a.yml": matrix(),
        "services/c.yml": matrix().replace("dashboard", "cart"),
        "services/notes.md": "no YAML: [",
    }
    github.commits[BASE] = {name: content.encode() for name, content in files.items()}
    del files["services/c.yml"]

    finished = reviewed(tmp_path, github, files)

    (notice,) = annotations(finished)
    assert "cart" in notice
    assert "dashboard" not in notice


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("teams/*.yml", ["teams/a.yml"]),
        ("teams/*/slo.yml", ["teams/one/slo.yml", "teams/two/slo.yml"]),
        ("**/slo.yml", ["slo.yml", "teams/one/slo.yml", "teams/two/slo.yml"]),
        ("**/[to]*/**/*.yml", ["teams/a.yml", "teams/one/slo.yml", "teams/two/slo.yml"]),
        ("team?/a.yml", ["teams/a.yml"]),
        ("teams/**/none.yml", []),
        ("teams/a.yml", ["teams/a.yml"]),
        ("../*.yml", []),
        ("/*.yml", []),
    ],
)
def test_base_names_match_as_those_of_the_workspace_do(
    tmp_path: Path, pattern: str, found: list[str]
) -> None:
    files = ("slo.yml", "teams/a.yml", "teams/one/slo.yml", "teams/two/slo.yml", "teams/b.txt")
    write(tmp_path, dict.fromkeys(files, ""))
    base_files = BaseSloFiles(MemoryBaseFiles(dict.fromkeys(files, "")))

    assert list(base_files.matching(pattern, "slo.yml")) == found
    assert list(WorkspaceFiles(tmp_path).matching(pattern, "slo.yml")) == found


def test_a_pattern_over_too_many_base_folders_is_one_line(world: CheckWorld) -> None:
    world.write(slo_yml=matrix("800ms"))
    folders = {f"f{number}/a.yml": "" for number in range(101)}
    world.base = MemoryBaseFiles({"slo.yml": "include: '**/a.yml'\n", **folders})
    world.run(config="slo.yml")

    assert world.log.lines[-1] == (
        "slo.yml: the changes cannot be shown: include looks into more than 100 folders; "
        "name the folders in the pattern"
    )


@pytest.mark.real
def test_a_secret_in_a_new_address_is_in_no_text_of_the_difference(
    tmp_path: Path, github: GitHubContents
) -> None:
    address = "https://dashboard.example/t0p&secret"
    text = matrix("800ms").replace("https://dashboard.example\n", f"{address}\n")
    assert address in text

    finished = reviewed(
        tmp_path, github, {".github/slo.yml": text}, INPUT_SECRETS="PASSWORD=t0p&secret"
    )

    page = summary(tmp_path)
    said = "\n".join(line for line in finished.stdout.splitlines() if "add-mask" not in line)
    assert "url" in page
    for reported in (page, said):
        assert "t0p" not in reported


@pytest.mark.real
def test_what_is_looser_is_shown_beside_more_notices_than_github_shows(
    tmp_path: Path, github: GitHubContents
) -> None:
    files = "[[services]]\n  internal_port = 1\n  [[services.ports]]\n    port = 80\n" * 12

    finished = reviewed(tmp_path, github, {".github/slo.yml": matrix("800ms"), "fly.toml": files})

    notices = [line for line in annotations(finished) if line.startswith("::notice ")]
    assert len(notices) == 10
    assert "looser than before" in notices[0]


@pytest.mark.real
def test_each_base_file_is_asked_for_once(tmp_path: Path, github: GitHubContents) -> None:
    reviewed(tmp_path, github, {".github/slo.yml": matrix("800ms")})

    paths = [asked.path for asked in github.asked]
    assert len(paths) == len(set(paths))
