"""`check`: it only reads the workspace, and asks running services at most."""

from collections.abc import Mapping

from slo_action.config.check import read_check_request
from slo_action.config.request import RunEnvironment
from slo_action.core.text.secrets import Secret
from slo_action.errors import GitHubError
from slo_action.evidence.workspace import WorkspaceWriter
from slo_action.github.api import GitHubApi
from slo_action.github.base_files import GitHubBaseFiles
from slo_action.github.event import base_sha, is_from_fork
from slo_action.modes.check.check import check
from slo_action.ports import BaseFiles, CheckPorts
from slo_action.wiring.ports import Invocation, open_prober


def run_check(step: Invocation) -> int:
    """Check the files of the workspace; return the exit status."""
    runtime, environment = step.runtime, step.environment
    request = read_check_request(step.given, environment)
    may_visit = request.visit and not is_from_fork(environment.event_path)
    prober = open_prober(runtime, allow_link_local=request.allow_link_local)
    ports = CheckPorts(
        clock=runtime.clock,
        log=runtime.log,
        outputs=step.outputs,
        written=WorkspaceWriter(environment.workspace, runtime.scrubber),
        redact=runtime.scrubber.scrub,
        prober=prober if may_visit else None,
        base=open_base_files(step.given, environment),
    )
    return check(request, ports)


def open_base_files(given: Mapping[str, str], environment: RunEnvironment) -> BaseFiles | None:
    """Return the files without the change under review; None where nothing is under review."""
    sha = base_sha(environment.event_path)
    if not (sha and environment.control_url):
        return None
    token = Secret(given.get("token", "").strip())

    def open_api() -> GitHubApi:
        if not token:
            raise GitHubError("the input token is empty", hint="pass `${{ github.token }}`")
        return GitHubApi(environment.control_url, environment.run.repository, token)

    return GitHubBaseFiles(open_api, sha)
