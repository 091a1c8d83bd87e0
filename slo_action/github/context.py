"""What a runner passes in its environment, as values. No path is assumed: act has other ones."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from slo_action.core.model import RunIdentity
from slo_action.core.text.secrets import Secret
from slo_action.errors import RunnerError

_GITHUB = "https://github.com"


class RunnerContext(NamedTuple):
    """What the runner passed to one step; empty text or None where it passed nothing.

    `identity` sets this step apart from others of the run: job, matrix and step, for names.
    """

    run: RunIdentity
    workspace: Path
    output: Path
    summary: Path | None
    event_path: Path | None
    api_url: str
    results_url: str
    runtime_token: Secret
    longest_retention_days: int | None
    is_act: bool


def read_context(environ: Mapping[str, str]) -> RunnerContext:
    """Return the context. Raises RunnerError naming everything the runner should have given."""
    missing = [key for key in ("GITHUB_OUTPUT", "GITHUB_WORKSPACE") if not environ.get(key)]
    if missing:
        raise RunnerError(
            f"{' and '.join(missing)} not set",
            hint="run this as a step of a workflow; on a laptop use python -m slo_action verify",
        )
    summary, event = environ.get("GITHUB_STEP_SUMMARY"), environ.get("GITHUB_EVENT_PATH")
    days = environ.get("GITHUB_RETENTION_DAYS", "")
    return RunnerContext(
        run=_run(environ),
        workspace=Path(environ["GITHUB_WORKSPACE"]),
        output=Path(environ["GITHUB_OUTPUT"]),
        summary=Path(summary) if summary else None,
        event_path=Path(event) if event else None,
        api_url=environ.get("GITHUB_API_URL", "").rstrip("/"),
        results_url=environ.get("ACTIONS_RESULTS_URL", ""),
        runtime_token=Secret(environ.get("ACTIONS_RUNTIME_TOKEN", "")),
        longest_retention_days=int(days) if days.isascii() and days.isdigit() else None,
        is_act=environ.get("ACT") == "true",
    )


def _run(environ: Mapping[str, str]) -> RunIdentity:
    return RunIdentity(
        repository=environ.get("GITHUB_REPOSITORY", ""),
        run_id=environ.get("GITHUB_RUN_ID", ""),
        run_attempt=environ.get("GITHUB_RUN_ATTEMPT", ""),
        sha=environ.get("GITHUB_SHA", ""),
        actor=environ.get("GITHUB_TRIGGERING_ACTOR") or environ.get("GITHUB_ACTOR", ""),
        workflow=environ.get("GITHUB_WORKFLOW", ""),
        job=environ.get("GITHUB_JOB", ""),
        server_url=environ.get("GITHUB_SERVER_URL", _GITHUB).rstrip("/"),
    )
