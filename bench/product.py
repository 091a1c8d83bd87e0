"""slo-verify as the image has it: the locked packages alone, byte-compiled, and a runner's step."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

ROOT = Path(__file__).parents[1]
FLAGS = ("-I", "-u", "-B")
"""What container/slo-verify gives Python."""


@dataclass(frozen=True, slots=True)
class Installed:
    """A virtual environment like the image's /opt/slo-verify."""

    folder: Path

    @property
    def python(self) -> str:
        """The interpreter."""
        return str(self.folder / "bin" / "python")

    @property
    def command(self) -> list[str]:
        """What the image's entry point runs."""
        return [self.python, *FLAGS, str(self.folder / "entrypoint.py")]


@contextmanager
def installed() -> Iterator[Installed]:
    """Install as the Dockerfile does, outside this checkout and its development packages."""
    with TemporaryDirectory(prefix="slo-verify-bench-") as name:
        made = Installed(Path(name) / "slo-verify")
        base = [sys.executable, "-m"]
        _run([*base, "venv", "--without-pip", str(made.folder)])
        quiet = ["--quiet", "--no-cache-dir", "--no-compile", "--disable-pip-version-check"]
        locked = ["--only-binary=:all:", "--require-hashes", "-r", "requirements/runtime.lock"]
        _run([*base, "pip", "--python", made.python, "install", *quiet, *locked])
        asked = "import sysconfig; print(sysconfig.get_path('purelib'))"
        packages = Path(_run([made.python, "-c", asked]).strip())
        shutil.copytree(ROOT / "slo_action", packages / "slo_action", ignore=_byte_code)
        shutil.copy(ROOT / "entrypoint.py", made.folder)
        mode = ["--invalidation-mode", "unchecked-hash"]
        _run([made.python, "-m", "compileall", "-q", *mode, str(made.folder)])
        yield made


def source_digest(root: Path) -> str:
    """Name the product's sources below `root`, which may not be committed."""
    digest = hashlib.sha256()
    for path in (root / "entrypoint.py", *sorted((root / "slo_action").rglob("*.py"))):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def runner_step(folder: Path, url: str, *, seen_as: str = "") -> dict[str, str]:
    """Make a step's files below `folder`; return the environment a runner gives an action.

    Every input is there with action.yml's default, as a runner passes it. `seen_as` is where a
    container sees `folder`.
    """
    base = url.removesuffix("/healthz")
    given = {"service": "bench", "url": base, "health-path": "/healthz"}
    files = {
        "GITHUB_OUTPUT": "commands/output",
        "GITHUB_ENV": "commands/env",
        "GITHUB_PATH": "commands/path",
        "GITHUB_STATE": "commands/state",
        "GITHUB_STEP_SUMMARY": "commands/summary.md",
        "GITHUB_EVENT_PATH": "workflow/event.json",
    }
    for name in files.values():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}" if name.endswith(".json") else "", encoding="utf-8")
    (folder / "workspace").mkdir(exist_ok=True)
    inside = seen_as or str(folder)
    return {
        **{f"INPUT_{name.upper()}": value for name, value in (_defaults() | given).items()},
        **{key: f"{inside}/{name}" for key, name in files.items()},
        "GITHUB_WORKSPACE": f"{inside}/workspace",
        "RUNNER_TEMP": f"{inside}/temp",
        **_RUNNER,
    }


def on_the_host(step: Mapping[str, str]) -> dict[str, str]:
    """Return a step's environment with what programs of the host need."""
    return {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **step}


_RUNNER = {
    "CI": "true",
    "GITHUB_ACTIONS": "true",
    "GITHUB_ACTION": "__self",
    "GITHUB_ACTOR": "octocat",
    "GITHUB_API_URL": "http://127.0.0.1:9",
    "GITHUB_EVENT_NAME": "push",
    "GITHUB_GRAPHQL_URL": "http://127.0.0.1:9/graphql",
    "GITHUB_JOB": "deploy",
    "GITHUB_REF": "refs/heads/main",
    "GITHUB_REF_NAME": "main",
    "GITHUB_REPOSITORY": "octo/shop",
    "GITHUB_REPOSITORY_OWNER": "octo",
    "GITHUB_RETENTION_DAYS": "90",
    "GITHUB_RUN_ATTEMPT": "1",
    "GITHUB_RUN_ID": "17159876543",
    "GITHUB_RUN_NUMBER": "42",
    "GITHUB_SERVER_URL": "http://127.0.0.1:9",
    "GITHUB_SHA": "a" * 40,
    "GITHUB_TRIGGERING_ACTOR": "octocat",
    "GITHUB_WORKFLOW": "deploy",
    "RUNNER_ARCH": "X64",
    "RUNNER_OS": "Linux",
    "RUNNER_NAME": "bench",
}


def _defaults() -> dict[str, str]:
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    computed = {"${{ github.token }}": "ghs_bench", "${{ toJSON(matrix) }}": json.dumps(None)}
    texts = {name: str(one.get("default", "")) for name, one in action["inputs"].items()}
    return {name: computed.get(text, text) for name, text in texts.items()}


def _byte_code(_folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name == "__pycache__"]


def _run(command: list[str]) -> str:
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
