"""Where a step finds itself: directories, mounts and variables, on a runner and in act.

Source: actions/runner, ContainerActionHandler.cs, GitHubContext.cs; nektos/act, run_context.go.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from tests.worlds.runner_inputs import (
    Action,
    act_input_variables,
    evaluated,
    given_inputs,
    input_variables,
)

SHA = "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """The job a step belongs to. `has_temp_mount` is False for runners before 2.331."""

    token: str = "ghs_aVeryShortLivedToken0123456789abcdef"
    matrix: Mapping[str, object] | None = None
    server_url: str = "https://github.com"
    api_url: str = "https://api.github.com"
    results_url: str = ""
    runtime_token: str = ""
    event: Mapping[str, object] = field(default_factory=dict)
    proxies: Mapping[str, str] = field(default_factory=dict)
    debug: bool = False
    has_temp_mount: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """`env` holds what the workflow sets and what earlier steps exported through GITHUB_ENV.

    `missing` names variables that a broken runner forgets.
    """

    given: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    missing: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The directories of one step on the host, made anew, and its file commands."""

    work: Path
    workspace: Path
    files: Mapping[str, Path]
    event: Path

    @property
    def temp(self) -> Path:
        return self.work / "_temp"

    @property
    def home(self) -> Path:
        return self.temp / "_github_home"

    def mounts(self, *, has_temp: bool = True) -> dict[Path, str]:
        """Return what a container gets; for translating, later entries are tried first."""
        always = {
            self.home: "/github/home",
            self.event.parent: "/github/workflow",
            self.files["output"].parent: "/github/file_commands",
            self.workspace: "/github/workspace",
        }
        return {self.temp: "/github/runner_temp", **always} if has_temp else always


_FILES = {
    "output": "set_output_",
    "state": "save_state_",
    "env": "set_env_",
    "path": "add_path_",
    "step_summary": "step_summary_",
}
_ACT_FILES = {
    "output": "outputcmd.txt",
    "state": "statecmd.txt",
    "env": "envs.txt",
    "path": "pathcmd.txt",
    "step_summary": "SUMMARY.md",
}


def runner_layout(root: Path, job: Job) -> Layout:
    work = root / "work"
    suffix = str(uuid4())
    commands = work / "_temp" / "_runner_file_commands"
    files = {name: commands / f"{prefix}{suffix}" for name, prefix in _FILES.items()}
    event = work / "_temp" / "_github_workflow" / "event.json"
    return _made(Layout(work=work, workspace=work / "shop" / "shop", files=files, event=event), job)


def act_layout(root: Path, job: Job) -> Layout:
    """The checkout is mounted where it is on the host; act's own files are elsewhere."""
    own = root / "var" / "run" / "act" / "workflow"
    files = {name: own / file_name for name, file_name in _ACT_FILES.items()}
    workspace = root / "home" / "me" / "shop"
    return _made(
        Layout(work=root / "act", workspace=workspace, files=files, event=own / "event.json"), job
    )


def _made(layout: Layout, job: Job) -> Layout:
    for path in (*layout.files.values(), layout.event):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    layout.event.write_text(json.dumps(job.event), encoding="utf-8")
    for directory in (layout.home, layout.workspace):
        directory.mkdir(parents=True, exist_ok=True)
    return layout


def runner_environment(
    action: Action, step: Step, job: Job, layout: Layout
) -> tuple[dict[str, str], str]:
    """Return the variables with the host's paths, and the warning about unknown inputs."""
    inputs, warning = given_inputs(action, step.given, token=job.token, matrix=job.matrix)
    environment = {**step.env, **input_variables(inputs)}
    for name, text in action.environment.items():
        environment.setdefault(name, evaluated(text, token=job.token, matrix=job.matrix))
    environment |= {"HOME": str(layout.home), **_github(job, layout), **_runner(job, layout)}
    environment |= {**_service(job), **_proxies(job), "GITHUB_ACTIONS": "true"}
    environment.setdefault("CI", "true")
    return _without(environment, step.missing), warning


def act_environment(
    action: Action, step: Step, job: Job, layout: Layout
) -> tuple[dict[str, str], str]:
    """As runner_environment; act has no tokens unless it is given some, and warns of nothing."""
    inputs, _ = given_inputs(action, step.given, token="", matrix=job.matrix)
    environment = {**step.env, **act_input_variables(inputs), **_github(job, layout)}
    environment |= {
        "ACT": "true",
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        "GITHUB_ACTOR": "nektos/act",
        "GITHUB_RUN_ID": "1",
        "GITHUB_RUN_NUMBER": "1",
        "RUNNER_ARCH": "X64",
        "RUNNER_OS": "Linux",
        "RUNNER_TEMP": "/tmp",
        "RUNNER_TOOL_CACHE": "/opt/hostedtoolcache",
    }
    del environment["GITHUB_TRIGGERING_ACTOR"]
    return _without(environment, step.missing), ""


def translated(environment: Mapping[str, str], mounts: Mapping[Path, str]) -> dict[str, str]:
    """Rewrite values that are, or begin with, a mounted directory."""
    return {name: _translated(value, mounts) for name, value in environment.items()}


def _translated(value: str, mounts: Mapping[Path, str]) -> str:
    for host, inside in reversed(list(mounts.items())):
        if value == str(host) or value.startswith(f"{host}/"):
            return inside + value.removeprefix(str(host))
    return value


def _github(job: Job, layout: Layout) -> dict[str, str]:
    told = {
        "ACTION": "__octo_slo-verify",
        "ACTION_REF": "v1",
        "ACTION_REPOSITORY": "octo/slo-verify",
        "ACTOR": "octocat",
        "ACTOR_ID": "583231",
        "API_URL": job.api_url,
        "BASE_REF": "",
        "EVENT_NAME": "push",
        "EVENT_PATH": str(layout.event),
        "GRAPHQL_URL": f"{job.api_url}/graphql",
        "HEAD_REF": "",
        "JOB": "deploy",
        "REF": "refs/heads/main",
        "REF_NAME": "main",
        "REF_PROTECTED": "true",
        "REF_TYPE": "branch",
        "REPOSITORY": "octo/shop",
        "REPOSITORY_ID": "1296269",
        "REPOSITORY_OWNER": "octo",
        "REPOSITORY_OWNER_ID": "583231",
        "RETENTION_DAYS": "90",
        "RUN_ATTEMPT": "1",
        "RUN_ID": "4242",
        "RUN_NUMBER": "7",
        "SERVER_URL": job.server_url,
        "SHA": SHA,
        "TRIGGERING_ACTOR": "hubot",
        "WORKFLOW": "Deploy",
        "WORKFLOW_REF": "octo/shop/.github/workflows/deploy.yml@refs/heads/main",
        "WORKFLOW_SHA": SHA,
        "WORKSPACE": str(layout.workspace),
    }
    files = {name.upper(): str(path) for name, path in layout.files.items()}
    return {f"GITHUB_{name}": value for name, value in {**told, **files}.items()}


def _runner(job: Job, layout: Layout) -> dict[str, str]:
    told = {
        "RUNNER_ARCH": "X64",
        "RUNNER_ENVIRONMENT": "self-hosted",
        "RUNNER_NAME": "box",
        "RUNNER_OS": "Linux",
        "RUNNER_TEMP": str(layout.temp),
        "RUNNER_TOOL_CACHE": "/opt/hostedtoolcache",
        "RUNNER_WORKSPACE": str(layout.workspace.parent),
    }
    return {**told, "RUNNER_DEBUG": "1"} if job.debug else told


def _service(job: Job) -> dict[str, str]:
    told = {
        "ACTIONS_RUNTIME_URL": job.results_url,
        "ACTIONS_RUNTIME_TOKEN": job.runtime_token,
        "ACTIONS_RESULTS_URL": job.results_url,
        "ACTIONS_CACHE_URL": job.results_url,
    }
    return {name: value for name, value in told.items() if value}


def _proxies(job: Job) -> dict[str, str]:
    lower = {name.lower(): value for name, value in job.proxies.items()}
    return {**lower, **{name.upper(): value for name, value in lower.items()}}


def _without(environment: Mapping[str, str], missing: frozenset[str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name not in missing}
