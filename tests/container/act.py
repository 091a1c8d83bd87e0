"""Whole workflows, run by nektos/act through podman's socket: a real runner, not our stand-in.

The programs of a job run in an image that is made here, since no registry need be reachable; it
holds no Node, which only JavaScript actions need. act itself stands in for `actions/checkout`.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from time import sleep
from typing import Any
from zipfile import ZipFile

from tests.container.podman import BASE, IMAGE
from tests.docs.workflow_files import ACTION
from tests.worlds.runner import ROOT
from tests.worlds.runner_scene import wait_until

PROGRAM = Path(sys.executable).with_name("act")
JOB_IMAGE = "localhost/slo-verify-job:dev"
SELF_HOSTED = "-self-hosted"
_JOB_IMAGE_FILE = f"""\
FROM {BASE}
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends curl jq
"""
_LONGEST_SECONDS = 300


@dataclass(frozen=True)
class ActRun:
    """What act logged, in its own words, and the artifacts that its server took."""

    exit_code: int
    entries: list[Mapping[str, Any]]
    artifact_directory: Path

    def results(self, job: str) -> dict[str, str]:
        """Return the outcome of each step of a job that ran, by its name."""
        return {
            entry["step"]: entry["stepResult"]
            for entry in self.entries
            if entry.get("jobID") == job and entry.get("stage") == "Main" and "stepResult" in entry
        }

    def printed(self, step: str) -> str:
        """Return what the step's program wrote, workflow commands left out."""
        return "".join(
            entry["msg"]
            for entry in self.entries
            if entry.get("step") == step and entry.get("raw_output")
        )

    def told(self, step: str, command: str) -> list[Mapping[str, Any]]:
        """Return the entries of a workflow command, or of a runner file, such as `set-output`."""
        return [
            entry
            for entry in self.entries
            if entry.get("step") == step and entry.get("command") == command
        ]

    def outputs(self, step: str) -> dict[str, str]:
        return {entry["name"]: entry["arg"] for entry in self.told(step, "set-output")}

    def summary(self, step: str) -> str:
        (entry,) = self.told(step, "summary")
        return str(entry["content"])

    def failures(self, step: str) -> list[str]:
        """Return act's own errors, such as the exit status of a container."""
        return [
            entry["msg"]
            for entry in self.entries
            if entry.get("step") == step and entry["level"] == "error" and "command" not in entry
        ]

    @cached_property
    def artifacts(self) -> dict[str, list[str]]:
        """The names of the files in each artifact, by the artifact's name."""
        found = {}
        for path in self.artifact_directory.glob("*/*/*.zip"):
            with ZipFile(path) as opened:
                found[path.stem] = sorted(opened.namelist())
        return found


@dataclass(frozen=True)
class Act:
    """Runs workflows of a repository that is made for it below `root`."""

    root: Path
    podman_socket: Path
    action: Path
    """The directory that stands for the repository of the action."""
    job_image: str = JOB_IMAGE
    files: Mapping[str, str] = field(default_factory=dict)
    """Scripts of the repository, by path."""

    @property
    def workspace(self) -> Path:
        return self.root / "shop"

    def run(self, workflow: str, event: str = "push", *options: str, bind: bool = True) -> ActRun:
        """Commit the workflow, and run it; with `bind`, its workspace is the directory here."""
        # act names containers by workflow and job: two runs of the same names remove each other's.
        own = re.sub("^name: ", f"name: {self.root.name} ", workflow, count=1, flags=re.MULTILINE)
        self._commit({".github/workflows/it.yml": own, **self.files})
        artifacts = self.root / "artifacts"
        command = [
            *(str(PROGRAM), event, "--json", "--rm", "--pull=false", "--container-daemon-socket=-"),
            *(f"--platform=ubuntu-latest={self.job_image}", *(("--bind",) if bind else ())),
            f"--local-repository={ACTION}={self.action}",
            f"--artifact-server-path={artifacts}",
            *("--artifact-server-addr=127.0.0.1", f"--artifact-server-port={_free_port()}"),
            *("--no-cache-server", *options),
        ]
        done = subprocess.run(
            command,
            cwd=self.workspace,
            env={
                "DOCKER_HOST": f"unix://{self.podman_socket}",
                "HOME": str(self.root),
                "PATH": os.environ["PATH"],
            },
            capture_output=True,
            text=True,
            timeout=_LONGEST_SECONDS,
            check=False,
        )
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        entries = [json.loads(line) for line in lines]
        assert any("jobResult" in entry for entry in entries), done.stdout + done.stderr
        return ActRun(done.returncode, entries, artifacts)

    def _commit(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.workspace / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            path.chmod(0o755)
        git = ["git", "-c", "user.name=shop", "-c", "user.email=shop@example.com"]
        for words in (
            ("init", "--quiet", "--initial-branch=main"),
            ("add", "."),
            ("commit", "--quiet", "--message=Sell"),
        ):
            subprocess.run([*git, *words], cwd=self.workspace, check=True)


@contextmanager
def podman_socket(directory: Path) -> Iterator[Path]:
    """Serve podman's Docker-compatible API on a socket below the directory."""
    path = directory / "podman.sock"
    command = ["podman", "system", "service", "--time=0", f"unix://{path}"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as service:
        try:
            wait_until(path.exists, sleep)
            yield path
        finally:
            service.terminate()


def build_job_image() -> None:
    """Make the image that jobs run in, from the base and the package mirror that it knows."""
    command = ["buildah", "build", "--isolation", "chroot", "--pull-never", "-t", JOB_IMAGE, "-"]
    done = subprocess.run(
        command, input=_JOB_IMAGE_FILE, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def action_as_in_the_tree(root: Path) -> Path:
    """Copy what git knows: act sends the directory to the builder as it is."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.split("\0")[:-1]:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    return root


def action_as_released(root: Path) -> Path:
    """Write the action.yml of a release, which names an image that was built before."""
    text = (ROOT / "action.yml").read_text(encoding="utf-8")
    released = text.replace("\n  image: Dockerfile\n", f"\n  image: docker://{IMAGE}\n")
    assert released != text
    root.mkdir()
    (root / "action.yml").write_text(released, encoding="utf-8")
    return root


def _free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return int(server.getsockname()[1])
