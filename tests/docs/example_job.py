"""A job of an example, played: scripts by a shell with stubs, the action by the stand-in."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slo_action.render.outputs import OUTPUTS
from tests.docs.workflow_files import ACTION, Workflow, filled
from tests.worlds.runner import Runner, RunningStep, StepResult
from tests.worlds.runner_environment import SHA, Job, Step
from tests.worlds.runner_files import read_pairs

SECRET = "a-secret-of-the-workflow"
KUBECTL = """\
#!/bin/sh
printf '%s\\n' "$*" >> "$(dirname "$0")/kubectl.log"
case "$*" in
  *former-image} | *.image}*) echo ghcr.io/org/dashboard:former ;;
esac
"""
"""It says what it was asked, and tells the former image where it is asked for one."""

OBSERVED = "7s"
"""A test does not wait for the five minutes that a job does."""


@dataclass(frozen=True)
class ExampleJob:
    """One job of an example in a workspace of its own, its service replaced by one on loopback."""

    workflow: Workflow
    name: str
    root: Path
    service: str
    known: dict[str, str] = field(default_factory=dict)
    matrix: Mapping[str, str] | None = None

    @property
    def steps(self) -> list[Mapping[str, Any]]:
        steps = self.workflow.document["jobs"][self.name]["steps"]
        assert isinstance(steps, list)
        return steps

    @property
    def stubs(self) -> Path:
        return self.root / "stubs"

    @property
    def verifying(self) -> Mapping[str, Any]:
        (step,) = [step for step in self.steps if step.get("uses") == ACTION]
        return step

    def before(self) -> list[Mapping[str, Any]]:
        return self.steps[: self.steps.index(self.verifying)]

    def after(self) -> list[Mapping[str, Any]]:
        return self.steps[self.steps.index(self.verifying) + 1 :]

    def start(self) -> RunningStep:
        """Play what comes before the action, and start the action."""
        runner = Runner(self.root, Job(api_url=self.service, matrix=self.matrix))
        self._prepare(runner.workspace)
        for step in self.before():
            if "run" in step:
                self.play(step, runner.workspace)
        given = {**self.given(), "observe": OBSERVED}
        return runner.start(Step(given=given, env=self.environment(self.verifying)))

    def given(self) -> dict[str, str]:
        """Return the step's `with:`, evaluated; only the address is another one."""
        given = {name: filled(text, self.known) for name, text in self.verifying["with"].items()}
        return {**given, "url": self.service} if "url" in given else given

    def environment(self, step: Mapping[str, Any]) -> dict[str, str]:
        """Return what workflow, job and step set by `env:`, evaluated."""
        job = self.workflow.document["jobs"][self.name]
        declared = {**self.workflow.document.get("env", {}), **job.get("env", {})}
        return {
            name: filled(text, self.known)
            for name, text in {**declared, **step.get("env", {})}.items()
        }

    def learn(self, result: StepResult) -> None:
        """Make the declared outputs known to later steps, empty where they were not set."""
        for output in OUTPUTS:
            reference = f"steps.{self.verifying['id']}.outputs.{output.name}"
            self.known[reference] = result.outputs.get(output.name, "")

    def play(self, step: Mapping[str, Any], workspace: Path) -> str:
        """Run a script as a runner does, stop at its first failure, and return what it printed."""
        outputs = self.root / "script-outputs"
        outputs.write_bytes(b"")
        shell = shutil.which("bash") or "sh"
        finished = subprocess.run(
            [shell, "-e", "-c", step["run"]],
            cwd=workspace,
            env={
                "PATH": f"{self.stubs}{os.pathsep}{os.environ['PATH']}",
                "GITHUB_OUTPUT": str(outputs),
                **self.environment(step),
            },
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert finished.returncode == 0, finished.stderr
        for name, value in read_pairs(outputs.read_text(encoding="utf-8")):
            self.known[f"steps.{step['id']}.outputs.{name}"] = value
        return finished.stdout

    def _prepare(self, workspace: Path) -> None:
        """What a checkout and a runner would have brought."""
        known = {
            "github.sha": SHA,
            "github.workspace": str(workspace),
            "secrets.DEPLOY_TOKEN": SECRET,
            "secrets.KUBECONFIG": SECRET,
            "secrets.CHAT_WEBHOOK": SECRET,
        }
        self.known.update(known)
        _program(workspace / "scripts" / "deploy.sh", "#!/bin/sh\n")
        _program(self.stubs / "kubectl", KUBECTL)
        _program(self.stubs / "curl", '#!/bin/sh\nexec cat > "${0%/*}/curl.log"\n')


def _program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
