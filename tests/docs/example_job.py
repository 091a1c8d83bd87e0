"""A job of an example, played: scripts by a shell with stubs, the action by the stand-in."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slo_action.render.outputs import OUTPUTS
from tests.docs.workflow_files import ACTION, Workflow, filled
from tests.sizes import sized
from tests.worlds.fly.tokens import DEPLOY_TOKEN
from tests.worlds.runner import Runner, RunningStep, Starter, StepResult, as_fork
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

FLY_DEPLOY = """\
#!{python}
import json, sys, time, urllib.request
def world(action, content=None):
    with urllib.request.urlopen("{fly}/_world/" + action, content, timeout=10) as answer:
        return json.load(answer)
version = sys.argv[1]
deploy = {{"version": version, "strategy": "immediate", "skips_release_command": True}}
world("deploy", json.dumps(deploy).encode())
while any((one["runs"], one["is_well"]) != (version, True) for one in world("state")["machines"]):
    time.sleep(0.05)
"""
"""It deploys a good release of the version that it is told, and waits for its machines."""

ADDRESSES = (
    "FLY_FLAPS_BASE_URL",
    "FLY_API_BASE_URL",
    "FLY_UIEX_BASE_URL",
    "FLY_REGISTRY_HOST",
)

OBSERVED = sized("10s", "20s")
"""A test does not wait for the five minutes that a job does; a busy machine needs some seconds."""


@dataclass(frozen=True)
class ExampleJob:
    """One job of an example in a workspace of its own, its service replaced by one on loopback."""

    workflow: Workflow
    name: str
    root: Path
    service: str
    known: dict[str, str] = field(default_factory=dict)
    matrix: Mapping[str, str] | None = None
    fly: str = ""
    """Where Fly.io is, if not where it really is; the service is behind its proxy then."""
    starts: Starter = as_fork
    observed: str = OBSERVED
    earlier: list[StepResult] = field(default_factory=list)
    """What became of the steps of ours before the last one."""

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
        """The last step of ours: those before it prepare."""
        return [step for step in self.steps if step.get("uses") == ACTION][-1]

    def before(self) -> list[Mapping[str, Any]]:
        return self.steps[: self.steps.index(self.verifying)]

    def after(self) -> list[Mapping[str, Any]]:
        return self.steps[self.steps.index(self.verifying) + 1 :]

    def start(self) -> RunningStep:
        """Play what comes before the last step of ours, and start that one."""
        runner = self._runner()
        self._prepare(runner.workspace)
        for step in self.before():
            if "run" in step:
                self.play(step, runner.workspace)
            elif step["uses"] == ACTION:
                self.earlier.append(self._started(self._runner(), step).result())
        return self._started(runner, self.verifying)

    def given(self, step: Mapping[str, Any] | None = None) -> dict[str, str]:
        """Return a step's `with:`, evaluated; only the address is another one."""
        asked = (step or self.verifying)["with"]
        given = {name: filled(text, self.known) for name, text in asked.items()}
        return {**given, "url": self.fly or self.service} if "url" in given else given

    def _runner(self) -> Runner:
        job = Job(api_url=self.service, matrix=self.matrix)
        return Runner(self.root, job, start=self.starts)

    def _started(self, runner: Runner, step: Mapping[str, Any]) -> RunningStep:
        """Start a step of ours; only how long it watches is shorter than what is shown."""
        given = self.given(step)
        watch = {"baseline": "5s"} if given.get("mode") == "prepare" else {"observe": self.observed}
        shortened = {} if given.get("observe") == "0s" else watch
        places = dict.fromkeys(ADDRESSES, self.fly) if self.fly else {}
        return runner.start(
            Step(given={**given, **shortened}, env={**self.environment(step), **places})
        )

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
            "secrets.FLY_API_TOKEN": DEPLOY_TOKEN,
            "github.workspace": str(workspace),
            "secrets.DEPLOY_TOKEN": SECRET,
            "secrets.KUBECONFIG": SECRET,
            "secrets.CHAT_WEBHOOK": SECRET,
            "secrets.PROTECTION_BYPASS": SECRET,
            "secrets.PROBE_TOKEN": SECRET,
        }
        self.known.update(known)
        deploys = FLY_DEPLOY.format(python=sys.executable, fly=self.fly)
        _program(workspace / "scripts" / "deploy.sh", deploys if self.fly else "#!/bin/sh\n")
        _program(self.stubs / "kubectl", KUBECTL)
        _program(self.stubs / "curl", '#!/bin/sh\nexec cat > "${0%/*}/curl.log"\n')


def _program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
