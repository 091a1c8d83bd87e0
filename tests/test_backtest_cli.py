"""`python -m slo_action backtest` as a person starts it."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from slo_action.audit.write import audit_document
from slo_action.core.model import Outcome, VersionRule
from slo_action.core.observation.policy import WindowPolicy
from slo_action.core.policy.policy import Policy
from slo_action.modes.verify import verify
from tests.builders import always, healthy_from
from tests.worlds import forked
from tests.worlds.memory_ports import VirtualRun

ROOT = Path(__file__).parents[1]
SHORT = Policy(rule=VersionRule(expected="v2"), window=WindowPolicy(length_seconds=90.0))


def backtest(
    *arguments: str | Path, cwd: Path, really: bool = False
) -> "subprocess.CompletedProcess[str]":
    asked = ["backtest", *map(str, arguments)]
    if not really:
        return forked.run(forked.MODULE, *asked, environment={}, cwd=cwd)
    return subprocess.run(
        [sys.executable, "-B", "-m", "slo_action", *asked],
        env={"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A directory with a slow boot that passed, a service named by a stranger, and a torn file."""
    directory = tmp_path / "runs"
    for number, service in enumerate(["dashboard", "::error::shop\x1b[31m\u202e"]):
        stage = VirtualRun({"v1": always(Outcome.OK), "v2": healthy_from(60.0)}, live="v2")
        request = replace(stage.request(SHORT), service=service)
        path = directory / str(number) / "audit.json"
        path.parent.mkdir(parents=True)
        document = audit_document(verify(request, stage.ports))
        path.write_text(json.dumps(document), encoding="utf-8")
    (directory / "audit.json").write_text('{"timestamp": ', encoding="utf-8")
    (tmp_path / "slo.yml").write_text("policy: {health_deadline: 40s}\n", encoding="utf-8")
    return tmp_path


def test_it_tells_what_would_have_differed(runs: Path) -> None:
    done = backtest("runs", "--policy", "slo.yml", "--service", "dashboard", cwd=runs, really=True)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "then: healthy (none)" in done.stdout
    assert "now:  unhealthy (app) at 4" in done.stdout
    assert "one more rollback" in done.stdout
    assert "audit.json: not judged: " in done.stdout
    assert "1 record judged, 1 could not be." in done.stdout


def test_what_strangers_wrote_is_shown_and_never_obeyed(runs: Path) -> None:
    done = backtest("runs", "--policy", "slo.yml", cwd=runs)

    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    assert "\u202e" not in done.stdout


def test_json_is_json_whatever_strangers_wrote(runs: Path) -> None:
    done = backtest("runs", "--policy", "slo.yml", "--json", cwd=runs)
    told = json.loads(done.stdout)

    assert told["sums"]["judged"] == 2
    assert told["sums"]["rolled_back"] == 2
    assert [case["now"]["verdict"] for case in told["cases"]] == ["unhealthy", "unhealthy"]
    assert len(told["unread"]) == 1


@pytest.mark.parametrize(
    ("arguments", "status", "word"),
    [
        (["none", "--policy", "slo.yml"], 2, "DIR"),
        (["runs", "--policy", "none.yml"], 2, "--policy"),
        (["runs", "--policy", "slo.yml", "--service", "shop"], 8, "of shop"),
        (["empty", "--policy", "slo.yml"], 8, "no audit record"),
    ],
)
def test_what_cannot_be_told_has_an_exit_status(
    arguments: list[str], status: int, word: str, runs: Path
) -> None:
    (runs / "empty").mkdir()
    done = backtest(*arguments, cwd=runs)

    assert done.returncode == status, done.stdout + done.stderr
    assert word in done.stderr
    assert word not in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
