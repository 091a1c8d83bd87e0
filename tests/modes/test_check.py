"""`mode: check` from the file to what people see of it."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from slo_action.app import FILE_MODES, MODES
from slo_action.config.check import CheckRequest
from slo_action.config.fly_toml import read_toml
from slo_action.core.fly_rules import FLY_RULES
from slo_action.core.match_rules import MATCH_RULES
from slo_action.core.model import Mode, RunIdentity
from slo_action.core.rules import Document, Rule
from slo_action.modes.check import check
from tests.test_bad_input import started
from tests.worlds.memory_log import MemoryLog
from tests.worlds.memory_ports import MemoryOutputs

ROOT = Path(__file__).parents[2]
SHAPES = ROOT / "tests" / "config" / "fixtures" / "fly"
PAGE = ROOT / "docs" / "check.md"

FOUND: dict[str, list[str]] = {
    "checks": [
        "6 notice no-concurrency",
        "9 notice autostop-min-zero",
        "15 notice check-timing-left-out",
        "16 warning bare-duration",
        "17 warning bare-duration",
        "20 notice check-timing-left-out",
        "22 warning check-timeout",
        "24 warning no-service-checks",
        "24 notice no-concurrency",
        "38 warning bare-duration",
    ],
    "django-statics": [
        "8 warning auto-rollback-no-op",
        "19 notice legacy-form",
        "39 warning ignored-check-key",
        "53 notice release-command",
    ],
    "document": [
        "19 warning auto-rollback-no-op",
    ],
    "every-rule": [
        "5 warning strategy-refused",
        "8 notice legacy-form",
        "13 warning autostop-never-starts",
        "16 warning concurrency-type",
        "19 warning check-without-path",
        "19 notice check-timing-left-out",
        "20 warning check-method",
        "21 warning duration-out-of-range",
        "22 warning duration-out-of-range",
        "24 warning no-service-checks",
        "27 notice legacy-form",
        "29 warning ignored-check-key",
        "38 notice grace-past-deadline",
    ],
    "go-suspend": [],
    "launch": [
        "12 notice release-command",
        "14 warning no-service-checks",
        "14 notice no-concurrency",
        "19 notice autostop-min-zero",
    ],
    "mixed-services": [
        "14 warning auto-rollback-no-op",
        "17 warning no-service-checks",
        "17 notice no-concurrency",
        "20 notice legacy-form",
        "22 notice autostop-min-zero",
        "25 notice no-concurrency",
        "37 warning ignored-check-key",
        "41 warning bare-duration",
        "46 warning bare-duration",
        "50 warning bare-duration",
        "54 warning bare-duration",
    ],
    "node-consul": [
        "10 warning auto-rollback-no-op",
        "17 notice release-command",
    ],
    "node-millis": [
        "12 warning auto-rollback-no-op",
        "47 warning bare-duration",
        "52 warning bare-duration",
    ],
    "node-two-services": [
        "12 warning auto-rollback-no-op",
        "14 warning no-service-checks",
        "14 notice no-concurrency",
    ],
    "node-volume": [],
    "nomad": [
        "17 warning auto-rollback-no-op",
    ],
    "phoenix-metrics": [
        "7 warning auto-rollback-no-op",
        "10 notice release-command",
        "33 warning ignored-check-key",
    ],
    "phoenix-volume": [
        "20 warning no-service-checks",
        "23 notice legacy-form",
        "25 notice autostop-min-zero",
        "31 warning concurrency-limits",
    ],
    "python-rolling": [
        "7 warning auto-rollback-no-op",
        "21 notice legacy-form",
        "29 warning concurrency-limits",
    ],
    "rails-bluegreen": [
        "7 warning auto-rollback-no-op",
        "10 notice release-command",
        "11 notice strategy-bluegreen",
        "20 notice legacy-form",
    ],
    "rails-groups": [
        "8 notice release-command",
        "14 notice no-concurrency",
        "24 warning check-timeout",
    ],
    "rails-top-checks": [
        "10 notice release-command",
        "18 warning no-service-checks",
        "18 notice no-concurrency",
        "30 warning bare-duration",
    ],
    "rust-immediate": [
        "18 warning strategy-immediate",
        "27 notice legacy-form",
        "29 notice autostop-min-zero",
    ],
    "rust-release": [
        "7 notice release-command",
        "13 warning auto-rollback-no-op",
    ],
}


def request(path: Path) -> CheckRequest:
    document = read_toml(path, "fly.toml", "fly-config")
    assert isinstance(document, Document)
    return CheckRequest(fly_toml=document, run=RunIdentity())


@pytest.mark.parametrize("shape", FOUND)
def test_each_finding_stands_beside_its_line(shape: str) -> None:
    log, outputs = MemoryLog(), MemoryOutputs()

    assert check(request(SHAPES / f"{shape}.toml"), log, outputs) == 0
    told = [re.sub(r"fly\.toml:(\d+): (\w+): ([\w-]+): .*", r"\1 \2 \3", t) for t in log.lines[1:]]
    assert told == FOUND[shape]
    assert [(a.path, f"{a.line} {a.level}") for a in log.annotations] == [
        ("fly.toml", line.rpartition(" ")[0]) for line in FOUND[shape]
    ]


def test_every_rule_is_met_by_one_of_the_shapes() -> None:
    met = {line.rpartition(" ")[2] for lines in FOUND.values() for line in lines}

    assert met == {rule.name for rule in FLY_RULES}


def test_every_shape_is_looked_at() -> None:
    assert {path.stem for path in SHAPES.glob("*.toml")} == set(FOUND)


def test_a_file_without_faults_is_told_to_be_so(tmp_path: Path) -> None:
    path = tmp_path / "fly.toml"
    path.write_text("app = 'worker'\n[deploy]\nstrategy = 'rolling'\n", encoding="utf-8")
    log, outputs = MemoryLog(), MemoryOutputs()

    assert check(request(path), log, outputs) == 0
    assert (log.lines, log.annotations) == (["fly.toml: nothing to remark"], [])
    assert "nothing to remark" in outputs.summary


def test_each_mode_is_either_staged_or_only_reads_files() -> None:
    assert set(MODES) | set(FILE_MODES) == set(Mode)
    assert not set(MODES) & set(FILE_MODES)


@pytest.mark.parametrize("rule", [*FLY_RULES, *MATCH_RULES], ids=lambda rule: rule.name)
def test_each_rule_has_its_heading_and_its_row(rule: Rule[Any]) -> None:
    page = PAGE.read_text(encoding="utf-8")

    assert f"\n### {rule.name}\n" in page
    assert f"\n| [{rule.name}](#{rule.name}) | {rule.level} |" in page


def test_the_page_has_no_other_rules() -> None:
    rows = re.findall(r"^\| \[([\w-]+)\]", PAGE.read_text(encoding="utf-8"), re.MULTILINE)

    assert rows == [rule.name for rule in (*FLY_RULES, *MATCH_RULES)]


def on_a_runner(workspace: Path, **more: str) -> "subprocess.CompletedProcess[str]":
    """Run the entry point with what a workflow of `check` gives: neither service nor address."""
    summary = workspace / "summary.md"
    changes = {
        "INPUT_MODE": "check",
        "INPUT_SERVICE": "",
        "INPUT_URL": "",
        "INPUT_TOKEN": "",
        "GITHUB_STEP_SUMMARY": str(summary),
        **more,
    }
    return started(workspace, **changes)


def test_the_documents_own_file_is_annotated_where_auto_rollback_stands(tmp_path: Path) -> None:
    text = (SHAPES / "document.toml").read_text(encoding="utf-8")
    (tmp_path / "fly.toml").write_text(text, encoding="utf-8")

    finished = on_a_runner(tmp_path)

    commands = [line for line in finished.stdout.splitlines() if line.startswith("::")]
    assert (finished.returncode, finished.stderr) == (0, "")
    assert len(commands) == 1
    assert commands[0].startswith(
        "::warning title=auto_rollback does nothing,file=fly.toml,line=19,col=3::"
    )
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert summary.startswith("## ⚠️ fly&#46;toml: 1 warning\n")
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"fly.toml", "output.txt", "summary.md"}


def test_a_file_that_is_broken_is_an_error_on_its_line(tmp_path: Path) -> None:
    (tmp_path / "fly.toml").write_text("app = 'shop'\n[vm\n", encoding="utf-8")

    finished = on_a_runner(tmp_path, INPUT_GRACE="30")

    assert finished.returncode == 2
    assert finished.stdout.count("::error ") == 2
    assert "file=fly.toml,line=2,col=4::" in finished.stdout


def test_without_a_file_it_says_what_it_looked_for(tmp_path: Path) -> None:
    finished = on_a_runner(tmp_path)

    assert finished.returncode == 2
    assert "fly-config: no such file (got 'fly.toml')" in finished.stdout


def test_on_a_laptop_it_reads_the_directory_it_is_started_in(tmp_path: Path) -> None:
    text = (SHAPES / "launch.toml").read_text(encoding="utf-8")
    (tmp_path / "fly.toml").write_text(text, encoding="utf-8")

    finished = subprocess.run(
        [sys.executable, "-B", "-m", "slo_action", "check"],
        env={"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert finished.stdout.startswith("fly.toml: 1 warning, 3 notices\n")
    assert "! fly.toml:14: A service without health checks\n" in finished.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["fly.toml"]
