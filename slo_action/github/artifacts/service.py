"""The artifact service's Twirp calls, version 4 of artifacts.

Source: actions/toolkit, packages/artifact (artifact.ts, artifact-twirp-client.ts). GitHub answers
in snake_case, act in camelCase. Unknown fields make act answer 500, so a request holds nothing
that version 4 does not need.
"""

from collections.abc import Callable, Mapping
from typing import TypeVar

import httpx
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from slo_action import __version__
from slo_action.core.text.secrets import Secret
from slo_action.errors import ArtifactError
from slo_action.github.artifacts.blob import UploadedBlob
from slo_action.github.artifacts.runner import BackendIds
from slo_action.system.retry import TransientError

_SERVICE = "twirp/github.actions.results.api.v1.ArtifactService"
_ZIP_VERSION = 4
"""Version 7 demands a `mime_type`, which act does not know."""
_BUSY = frozenset({429, 500, 502, 503, 504})
_QUOTA = "insufficient usage"
_LONGEST_TEXT = 200
_HINTS = {
    400: "see what it says of the name, and change the `artifact-name` input",
    401: "the runtime token is valid only for its own job; leave it as the runner set it",
    403: "the runtime token does not allow it; see the repository's Actions settings",
}
_OUTAGE = "see www.githubstatus.com, then run the job again"


class _Answer(BaseModel):
    """The fields we read; GitHub writes 64-bit numbers as strings, others as numbers."""

    model_config = ConfigDict(coerce_numbers_to_str=True)


class _Created(_Answer):
    ok: bool = False
    url: str = Field("", validation_alias=AliasChoices("signed_upload_url", "signedUploadUrl"))


class _Finalized(_Answer):
    ok: bool = False
    artifact_id: str = Field("", validation_alias=AliasChoices("artifact_id", "artifactId"))


class _Listed(_Answer):
    name: str = ""
    database_id: str = Field("", validation_alias=AliasChoices("database_id", "databaseId"))


class _Listing(_Answer):
    artifacts: list[_Listed] = []


class _TwirpError(_Answer):
    code: str = ""
    msg: str = ""


_A = TypeVar("_A", bound=_Answer)


class NameTakenError(Exception):
    """An artifact of that name exists on the run, or a failed upload has burnt the name."""


class ArtifactService:
    """One attempt per call: repeating is the caller's business.

    All calls raise TransientError where another attempt may help, else ArtifactError.
    """

    def __init__(
        self,
        client: httpx.Client,
        origin: str,
        token: Secret,
        ids: BackendIds,
        scrub: Callable[[str], str],
    ) -> None:
        self._client = client
        self._origin = origin
        self._token = token
        self._ids = {"workflow_run_backend_id": ids.run, "workflow_job_run_backend_id": ids.job}
        self._scrub = scrub

    def create(self, name: str, expires_at: str | None) -> str:
        """Reserve a name and return the signed address for its bytes; raises NameTakenError too.

        Not idempotent: if the answer is lost, the name is taken, and by ourselves.
        """
        message: dict[str, object] = {"name": name, "version": _ZIP_VERSION}
        if expires_at:
            message["expires_at"] = expires_at
        created = self._call("CreateArtifact", message, _Created)
        if not (created.ok and created.url):
            raise _senseless("CreateArtifact")
        return created.url

    def finalize(self, name: str, written: UploadedBlob) -> str:
        """Make the artifact visible and return its id.

        A 403 is transient here: there have been days when the same call succeeded a little later.
        """
        message = {"name": name, "size": str(written.size_bytes), "hash": written.digest}
        busy = _BUSY | {httpx.codes.FORBIDDEN}
        finalized = self._call("FinalizeArtifact", message, _Finalized, busy=busy)
        if not (finalized.ok and finalized.artifact_id):
            raise _senseless("FinalizeArtifact")
        return finalized.artifact_id

    def find(self, name: str) -> str | None:
        """Return the id of the run's artifact of that name, None if none is visible."""
        listing = self._call("ListArtifacts", {"name_filter": name}, _Listing)
        return next((found.database_id for found in listing.artifacts if found.name == name), None)

    def _call(
        self,
        method: str,
        message: Mapping[str, object],
        answer: type[_A],
        *,
        busy: frozenset[int] = _BUSY,
    ) -> _A:
        try:
            response = self._client.post(
                f"{self._origin}/{_SERVICE}/{method}",
                json={**self._ids, **message},
                headers={
                    "Authorization": f"Bearer {self._token.reveal()}",
                    "User-Agent": f"slo-verify/{__version__}",
                },
            )
        except httpx.RequestError as error:  # not chained: its request holds the token
            reason = f"{method} got no answer ({type(error).__name__})"
            raise TransientError(reason, unsure=True) from None
        if response.is_success:
            return _parsed(method, response, answer)
        raise self._failure(method, response, busy)

    def _failure(self, method: str, response: httpx.Response, busy: frozenset[int]) -> Exception:
        """Say what a status means. The text is read first: 403 has several meanings."""
        try:
            error = _TwirpError.model_validate_json(response.content)
            text = self._scrub(f"{error.code}: {error.msg}")[:_LONGEST_TEXT]
        except ValidationError:  # act has no error text
            text = ""
        if _QUOTA in text:
            return ArtifactError(
                "GitHub stores no more artifacts for this account: the storage quota is used up.",
                hint="delete old artifacts or raise the limit; GitHub recounts after some hours",
            )
        if response.status_code == httpx.codes.CONFLICT:
            return NameTakenError()
        answer = f"HTTP {response.status_code} {text}".rstrip()
        if response.status_code in busy:
            return TransientError(
                f"{method} was answered {answer}",
                unsure=response.is_server_error,
                retry_after=response.headers.get("Retry-After"),
            )
        return ArtifactError(
            f"GitHub's artifact service refused {method}: {answer}.",
            hint=_HINTS.get(response.status_code, _OUTAGE),
        )


def _parsed(method: str, response: httpx.Response, answer: type[_A]) -> _A:
    """What is not JSON comes from something in between, and passes; wrong JSON does not."""
    try:
        content = response.json()
    except ValueError:
        raise TransientError(f"{method} was not answered in JSON", unsure=True) from None
    try:
        return answer.model_validate(content)
    except ValidationError:  # not chained: it quotes the answer, and with it the signed address
        raise _senseless(method) from None


def _senseless(method: str) -> ArtifactError:
    return ArtifactError(
        f"{method} was answered with something else than artifact version 4 knows.",
        hint="if there is a proxy or another artifact server in between, check that",
    )
