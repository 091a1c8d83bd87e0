"""Every workflow we show is valid, linted, and names only what the action has."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from slo_action.config.inputs import INPUTS
from slo_action.render.outputs import OUTPUTS
from tests.docs.pages import ROOT
from tests.docs.workflow_files import (
    EXAMPLES,
    OWN,
    Workflow,
    documented,
    examples,
    expressions,
    own,
)

SHOWN = [*examples(), *documented()]
SPECS = {spec.name: spec for spec in INPUTS}


def _id(workflow: Workflow) -> str:
    return workflow.name


def test_there_is_an_example_for_each_use() -> None:
    assert [path.stem for path in EXAMPLES] == [
        "all-services",
        "attest-verdict",
        "check",
        "deploy-and-verify",
        "fly-rollback",
        "fly",
        "matrix",
        "protected-service",
        "rollback-command",
        "use-outputs",
    ]
    modes = {
        Path(workflow.name).stem: [step["with"].get("mode", "verify") for step in workflow.ours]
        for workflow in examples()
    }
    assert modes.pop("check") == ["check"]
    assert modes.pop("fly") == ["prepare", "verify"]
    assert modes.pop("fly-rollback") == ["rollback"]
    assert set(map(tuple, modes.values())) == {("verify",)}


def test_the_fly_examples_never_run_at_the_same_time() -> None:
    groups = {
        workflow.document["concurrency"]["group"]
        for workflow in examples()
        if "/fly" in workflow.name
    }

    assert len(groups) == 1


def test_the_quick_start_is_a_whole_workflow_of_fifteen_lines() -> None:
    (first, *_) = [workflow for workflow in documented() if workflow.name.startswith("README.md")]

    assert len(first.text.splitlines()) <= 15
    assert first.ours


@pytest.mark.parametrize("workflow", SHOWN, ids=_id)
def test_every_input_named_exists_and_takes_its_value(workflow: Workflow) -> None:
    for step in workflow.ours:
        for given, value in step["with"].items():
            assert isinstance(value, str), f"{given}: quote what YAML would not read as text"
            if not expressions(value):
                SPECS[given].parse(value)


@pytest.mark.parametrize("workflow", SHOWN, ids=_id)
def test_every_output_read_exists(workflow: Workflow) -> None:
    ids = {step.get("id") for step in workflow.ours}
    read = {output for step, output in workflow.read_outputs if step in ids}

    assert read <= {spec.name for spec in OUTPUTS}


@pytest.mark.parametrize("workflow", [*SHOWN, *own()], ids=_id)
def test_no_script_holds_an_expression(workflow: Workflow) -> None:
    assert [s["run"] for s in workflow.steps if expressions(s.get("run", ""))] == []


@pytest.mark.parametrize("workflow", [*examples(), *own()], ids=_id)
def test_a_whole_workflow_is_as_we_advise(workflow: Workflow) -> None:
    document = workflow.document

    assert document["permissions"] == {}
    assert "cancel-in-progress" in document["concurrency"]
    for job in document["jobs"].values():
        assert job["timeout-minutes"] <= 30
        assert "permissions" in job


def test_the_last_job_waits_for_all_others() -> None:
    (ci,) = [workflow for workflow in own() if workflow.name.endswith("/ci.yml")]
    jobs = ci.document["jobs"]

    assert set(jobs["all-green"]["needs"]) == set(jobs) - {"all-green"}


def test_githubs_schemas_accept_every_workflow(tmp_path: Path) -> None:
    files = [*_written(SHOWN, tmp_path), *OWN]

    _passes("check_jsonschema", "vendor.github-workflows", files)
    _passes("check_jsonschema", "custom.github-workflows-require-timeout", files)


def test_githubs_schema_accepts_the_action() -> None:
    _passes("check_jsonschema", "vendor.github-actions", [ROOT / "action.yml"])


def test_zizmor_finds_nothing(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("zizmor")
    found = str(program) if program.exists() else shutil.which("zizmor")
    assert found, "zizmor is one of the development requirements"
    config = ROOT / ".github" / "zizmor.yml"
    files = [*_written(documented(), tmp_path), *EXAMPLES, *OWN, ROOT / "action.yml"]

    finished = subprocess.run(
        [found, "--offline", "--no-progress", "--config", str(config), *map(str, files)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert finished.returncode == 0, finished.stdout + finished.stderr


def _written(workflows: list[Workflow], directory: Path) -> list[Path]:
    paths = []
    for number, workflow in enumerate(workflows):
        path = directory / f"{number}-{Path(workflow.name).stem}.yml"
        path.write_text(workflow.text, encoding="utf-8")
        paths.append(path)
    return paths


def _passes(module: str, schema: str, files: list[Path]) -> None:
    finished = subprocess.run(
        [sys.executable, "-m", module, "--builtin-schema", schema, *map(str, files)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
