"""`mode: check` from the file to what people see of it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from slo_action.app import FILE_MODES, MODES
from slo_action.config.check import CheckRequest
from slo_action.config.fly_toml import read_toml
from slo_action.core.fly_rules import FLY_RULES
from slo_action.core.model import Mode, RunIdentity
from slo_action.core.rules import Document, Rule, Table
from slo_action.modes.check import check
from tests.test_bad_input import started
from tests.worlds.memory_log import MemoryLog
from tests.worlds.memory_ports import MemoryOutputs

ROOT = Path(__file__).parents[2]
SHAPES = ROOT / "tests" / "config" / "fixtures" / "fly"
PAGE = ROOT / "docs" / "check.md"

FOUND = {
    "document": ["19 warning auto-rollback-no-op"],
    "nomad": ["17 warning auto-rollback-no-op"],
    "launch": [
        "12 notice release-command",
        "14 warning no-service-checks",
        "19 notice autostop-min-zero",
    ],
    "checks": [
        "9 notice autostop-min-zero",
        "16 warning bare-duration",
        "17 warning bare-duration",
        "22 warning check-timeout",
        "24 warning no-service-checks",
        "38 warning bare-duration",
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
    path.write_text("[[http_service.checks]]\npath = '/healthz'\n", encoding="utf-8")
    log, outputs = MemoryLog(), MemoryOutputs()

    assert check(request(path), log, outputs) == 0
    assert (log.lines, log.annotations) == (["fly.toml: nothing to remark"], [])
    assert "nothing to remark" in outputs.summary


def test_each_mode_is_either_staged_or_only_reads_files() -> None:
    assert set(MODES) | set(FILE_MODES) == set(Mode)
    assert not set(MODES) & set(FILE_MODES)


@pytest.mark.parametrize("rule", FLY_RULES, ids=lambda rule: rule.name)
def test_each_rule_has_its_heading_and_its_row(rule: Rule[Table]) -> None:
    page = PAGE.read_text(encoding="utf-8")

    assert f"\n### {rule.name}\n" in page
    assert f"\n| [{rule.name}](#{rule.name}) | {rule.level} |" in page


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
    assert finished.stdout.startswith("fly.toml: 1 warning, 2 notices\n")
    assert "! fly.toml:14: A service without health checks\n" in finished.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["fly.toml"]
