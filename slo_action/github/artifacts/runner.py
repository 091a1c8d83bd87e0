"""The artifact service of the runner, if there is one."""

import binascii
import json
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from slo_action.core.text.quantities import instant_text
from slo_action.core.text.secrets import Secret
from slo_action.errors import ArtifactError

_SCOPE = "Actions.Results"
_SCOPE_FIELDS = 3
_GITHUB = "https://github.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendIds:
    """Whose artifacts they are: UUIDs on GitHub, whole numbers in act."""

    run: str
    job: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerResults:
    """The runner's values as they came; empty text where it gave none.

    `results_url` is ACTIONS_RESULTS_URL, `token` ACTIONS_RUNTIME_TOKEN, `server_url`
    GITHUB_SERVER_URL, `repository` GITHUB_REPOSITORY, `run_id` GITHUB_RUN_ID. `retention_days` is
    what the user asked for, `max_retention_days` GITHUB_RETENTION_DAYS; None leaves it to GitHub.
    """

    results_url: str
    token: Secret
    server_url: str
    repository: str
    run_id: str
    retention_days: int | None = None
    max_retention_days: int | None = None

    def origin(self) -> str:
        """Return scheme, host and port of the service; raise ArtifactError where there is none."""
        # As actions/toolkit's `isGhes` decides: by the server's name alone.
        host = (urlsplit(self.server_url or _GITHUB).hostname or "").rstrip().lower()
        if host != "github.com" and not host.endswith((".ghe.com", ".localhost")):
            raise ArtifactError(
                f"{host} is not GitHub.com: GitHub Enterprise Server, Gitea and Forgejo have no v4 "
                "artifacts to rely on, so the evidence was not uploaded.",
                hint="keep the evidence directory with a step that works there",
            )
        if not (self.results_url and self.token):
            missing = "ACTIONS_RUNTIME_TOKEN" if self.results_url else "ACTIONS_RESULTS_URL"
            raise ArtifactError(
                f"The runner gave no artifact service: {missing} is not set.",
                hint="with act, start it with --artifact-server-path; elsewhere, use a job's step",
            )
        return _origin(self.results_url)

    def backend_ids(self) -> BackendIds:
        """Return the ids in the token's `scp` claim; raise ArtifactError if it holds none.

        The signature is not checked: the service does that.
        """
        for scope in _scopes(self.token.reveal()):
            fields = scope.split(":")
            if fields[0] == _SCOPE and len(fields) == _SCOPE_FIELDS:
                return BackendIds(run=fields[1], job=fields[2])
        raise ArtifactError(
            "ACTIONS_RUNTIME_TOKEN names no workflow run that artifacts could belong to.",
            hint="leave the variable as the runner set it",
        )

    def expires_at(self, now: datetime) -> str | None:
        """Return when the artifact should expire, in RFC 3339; None leaves it to the repository.

        The repository's maximum wins over what was asked for.
        """
        if not self.retention_days:
            return None
        days = min(self.retention_days, self.max_retention_days or self.retention_days)
        return instant_text(now + timedelta(days=days))

    def artifact_url(self, artifact_id: str) -> str:
        """Return the page where a person can download the artifact."""
        server = (self.server_url or _GITHUB).rstrip("/")
        return f"{server}/{self.repository}/actions/runs/{self.run_id}/artifacts/{artifact_id}"


def _origin(results_url: str) -> str:
    try:
        parts = urlsplit(results_url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        parts, port = urlsplit(""), ""
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ArtifactError(
            "ACTIONS_RESULTS_URL is not an http(s) address.",
            hint="leave the variable as the runner set it",
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{port}"


def _scopes(token: str) -> list[str]:
    """Return the scopes of a JSON Web Token, none if it is not one."""
    _, _, rest = token.partition(".")
    payload, _, _ = rest.partition(".")
    try:
        claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (binascii.Error, ValueError):
        return []
    scopes = claims.get("scp") if isinstance(claims, dict) else None
    return scopes.split(" ") if isinstance(scopes, str) else []
