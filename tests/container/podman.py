"""Starts the image as a runner does: one container a step, through podman instead of docker.

Source: actions/runner, ContainerActionHandler.cs and DockerCommandManager.cs; for Kubernetes
actions/runner-container-hooks, packages/k8s. Not here: docker.sock, and a network of its own, for
the servers of these tests are on loopback.
"""

import gzip
import json
import os
import signal
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from tests.worlds.runner import ROOT, Starter, open_process
from tests.worlds.runner_environment import Job, Layout, translated
from tests.worlds.runner_inputs import Action

IMAGE = "localhost/slo-verify:dev"
BASE = "docker.io/library/python:3.13-slim"
_READ_BY_PODMAN = frozenset({"TMPDIR"})


@dataclass(frozen=True, slots=True)
class Container:
    """A container's command line program, and its name."""

    process: "subprocess.Popen[str]"
    name: str

    def stop(self, number: signal.Signals) -> None:
        """SIGINT goes to the program, as from a runner, and by it to PID 1; the rest directly."""
        if number is signal.SIGINT:
            self.process.send_signal(number)
        else:
            podman("kill", "--signal", number.name, self.name)


def as_container(*, workspace: str = "rw") -> Starter:
    """Start as a runner with Docker does; `workspace` is how that directory is mounted."""

    def start(
        action: Action, environment: Mapping[str, str], layout: Layout, job: Job
    ) -> Container:
        mounts = layout.mounts(has_temp=job.has_temp_mount)
        inside = translated(environment, mounts)
        options = [*_volumes(mounts, workspace), "--entrypoint", action.entrypoint]
        return _run([*_passed(inside), *options, IMAGE], inside)

    return start


def as_pod(action: Action, environment: Mapping[str, str], layout: Layout, job: Job) -> Container:
    """Start as ARC's Kubernetes mode does: a script becomes `env`, which becomes the action."""
    mounts = layout.mounts(has_temp=job.has_temp_mount)
    words = " ".join(_quoted(k, v) for k, v in translated(environment, mounts).items())
    script = layout.temp / "start.sh"
    script.write_text(
        f'rm "$0"\ncd /github/workspace\nexec env {words} {action.entrypoint}\n', encoding="utf-8"
    )
    options = [*_volumes(mounts, "rw"), "--entrypoint", "sh"]
    return _run([*options, IMAGE, "-e", "/github/runner_temp/start.sh"], {})


def podman(*words: str) -> str:
    """Run podman and return what it printed."""
    done = subprocess.run(["podman", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def inside(script: str, *options: str) -> str:
    """Run a shell script in a fresh container of the image and return what it printed."""
    return podman("run", "--rm", *options, "--entrypoint", "sh", IMAGE, "-c", script)


def cannot_be_tested(so: str) -> None:
    """Skip, naming what to do about it; fail where nothing may be skipped."""
    if os.environ.get("CI_NO_SKIP") == "1":
        pytest.fail(f"the container cannot be tested: {so}")
    pytest.skip(f"the container cannot be tested: {so}")


def build_image() -> None:
    """Build from the Dockerfile as it is, without asking a registry."""
    command = ["buildah", "build", "--isolation", "chroot", "--pull-never", "-t", IMAGE, "."]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def compressed_sizes(image: str, archive: Path) -> tuple[int, int]:
    """Return the bytes of the base's layers and of those on top of it, each layer gzipped."""
    podman("save", "--output", str(archive), image)
    (base,) = json.loads(podman("image", "inspect", BASE))
    with tarfile.open(archive) as opened:
        (manifest,) = json.loads(_member(opened, "manifest.json"))
        sizes = [len(gzip.compress(_member(opened, name), 6)) for name in manifest["Layers"]]
    below = len(base["RootFS"]["Layers"])
    return sum(sizes[:below]), sum(sizes[below:])


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    found = archive.extractfile(name)
    assert found is not None, name
    return found.read()


def _run(words: list[str], environment: Mapping[str, str]) -> Container:
    """Values come from the environment of the program, so that no command line shows them."""
    label = uuid4().hex[:6]
    name = f"localhostsloverifydev_{label}"
    own = ["--name", name, "--label", label, "--workdir", "/github/workspace", "--rm"]
    command = ["podman", "run", *own, "--network", "host", *words]
    own_environment = {k: v for k, v in environment.items() if k not in _READ_BY_PODMAN}
    return Container(open_process(command, {"PATH": os.defpath, **own_environment}), name)


def _passed(environment: Mapping[str, str]) -> list[str]:
    """Name the variables; podman, unlike docker, would take some of them to heart itself."""
    return [
        option
        for name, value in environment.items()
        for option in ("-e", f"{name}={value}" if name in _READ_BY_PODMAN else name)
    ]


def _volumes(mounts: Mapping[Path, str], workspace: str) -> list[str]:
    return [
        option
        for host, there in mounts.items()
        for option in ("-v", f"{host}:{there}:{workspace if there.endswith('workspace') else 'rw'}")
    ]


def _quoted(name: str, value: str) -> str:
    assert not set("='\"$") & set(name), f"ARC refuses a variable named {name}"
    for character in '\\"$`':
        value = value.replace(character, f"\\{character}")
    return f'"{name}={value}"'
