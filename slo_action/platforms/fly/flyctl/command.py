"""flyctl's command line for a rollback, and what the environment and the definition must be."""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from slo_action.core.text.secrets import Secret
from slo_action.errors import PlatformError
from slo_action.platforms.fly.client.release_row import LedgerRow

DEFINITION_FILE = "prev.json"
_KEPT = (
    "PATH",
    "FLY_API_BASE_URL",
    "FLY_FLAPS_BASE_URL",
    "FLY_UIEX_BASE_URL",
    "FLY_REGISTRY_HOST",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
)
"""All else of the environment stays out: FLY_ACCESS_TOKEN or FLY_APP would win over ours."""

_QUIET = {
    "CI": "1",
    "NO_COLOR": "1",
    "FLY_NO_UPDATE_CHECK": "1",
    "FLY_NO_INCIDENTS_CHECK": "1",
    "FLY_SEND_METRICS": "0",
    "FLY_SYNTHETICS_AGENT": "0",
}

_ENDINGS = {
    0: "exit status 0",
    1: "exit status 1: it failed",
    3: "exit status 3: it broke",
    126: "exit status 126: its own time box was over",
    127: "exit status 127: it was cancelled",
}


def program(environment: Mapping[str, str]) -> str:
    """Return flyctl's path. Raises PlatformError where the PATH has none."""
    path = environment.get("PATH", "")
    found = shutil.which("flyctl", path=path) or shutil.which("fly", path=path)
    if found is None:
        raise PlatformError(
            "`rollback-engine: flyctl` needs flyctl, and the PATH has none",
            hint="leave rollback-engine at `machines`, or use an image that carries flyctl",
        )
    return found


def definition_of(row: LedgerRow | None, version: str) -> Mapping[str, object]:
    """Return a release's definition. Raises PlatformError where flyctl could not deploy it."""
    if row is None or row.definition is None:
        raise PlatformError(
            f"the definition of {version} is not known, and any other would deploy "
            "another configuration",
            hint="set `rollback-engine: machines`: it needs no definition",
        )
    needed = _local_files(row.definition)
    if needed:
        raise PlatformError(
            f"the definition of {version} needs local files ({needed}), "
            "which may be others than those it was deployed with",
            hint="set `rollback-engine: machines`, or deploy by hand from the former commit",
        )
    return row.definition


def command(path: str, app: str, image: str) -> list[str]:
    """Return the command: the strategy is always ours, the release command never runs."""
    return [
        path,
        "deploy",
        "-a",
        app,
        "-c",
        DEFINITION_FILE,
        "--image",
        image,
        "--strategy",
        "rolling",
        "--skip-release-command",
        "--ha=false",
        "--update-only",
        "--no-public-ips",
        "--dns-checks=false",
        "--wait-timeout",
        "3m",
        "--yes",
    ]


def with_own_programs(environment: Mapping[str, str], workspace: Path) -> Mapping[str, str]:
    """Return the environment with `bin/` of the workspace behind everything else on its PATH.

    What earlier steps installed on the runner is not in the container; what they put there is.
    """
    path = environment.get("PATH", os.defpath)
    return {**environment, "PATH": f"{path}{os.pathsep}{workspace / 'bin'}"}


def quiet_environment(environment: Mapping[str, str], token: Secret, home: Path) -> dict[str, str]:
    """Return what flyctl gets: no settings of the job's but its addresses, and the token."""
    kept = {key: environment[key] for key in _KEPT if key in environment}
    places = {"HOME": str(home), "FLY_CONFIG_DIR": str(home)}
    return {**kept, **_QUIET, **places, "FLY_API_TOKEN": token.reveal().strip()}


def write_definition(directory: Path, definition: Mapping[str, object]) -> None:
    """Write a definition as it is: what flyctl stores in the new release is this."""
    text = json.dumps(definition, default=str)
    (directory / DEFINITION_FILE).write_text(text, encoding="utf-8")


def ending_words(exit_code: int | None, problem: str) -> str:
    """Return how flyctl ended, in words."""
    return problem or _ENDINGS.get(exit_code or 0, f"exit status {exit_code}")


def _local_files(definition: Mapping[str, object]) -> str:
    """Return what a definition reads from the disk; empty where it reads nothing."""
    files = definition.get("files")
    listed = files if isinstance(files, list) else []
    needed = []
    if any(isinstance(file, Mapping) and file.get("local_path") for file in listed):
        needed.append("[[files]] local_path")
    for table, key in (("experimental", "machine_config"), ("build", "compose")):
        settings = definition.get(table)
        if isinstance(settings, Mapping) and settings.get(key):
            needed.append(f"[{table}] {key}")
    return ", ".join(needed)
