"""GitHub's artifact service: Twirp in front, signed blobs behind, and a memory.

Source: actions/toolkit (packages/artifact) for messages, actions/upload-artifact#531 and #560 for
what happens to names. The official client proves it faithful, in tests/real. What nobody
outside GitHub knows, such as the words for a forbidden character, is made up.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count

from tests.worlds.artifact_blobs import BlobStore
from tests.worlds.artifact_http import Asked, FaultScript, Reply, json_reply, twirp_error
from tests.worlds.artifact_tokens import TokenOffice

RUN = "ce7f54c7-61c7-4aae-887f-30da475f5f1a"
JOB = "ca395085-040a-526b-2ce8-bdc85f692774"
TWIRP_ROOT = "/twirp/github.actions.results.api.v1.ArtifactService/"
_DEFAULT_RETENTION = timedelta(days=90)
_LONGEST_NAME = 256
_NEEDS_MIME = 7
_VERSIONS = range(4, 8)

Message = Mapping[str, object]


@dataclass(slots=True, kw_only=True)
class Artifact:
    """A name on a run. `database_ids` is empty until Finalize: reserved, visible to nobody."""

    run: str
    job: str
    name: str
    blob_path: str
    created: datetime
    expires: datetime
    database_ids: list[int]
    size: int = 0
    digest: str | None = None


class GitHubArtifactService:
    """Serves any number of runs. `calls` holds every operation asked for, in order."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._tokens = TokenOffice(b"the service's key")
        self._ids = count(1_554_547_722)
        self._numbers = count(1)
        self._artifacts: dict[tuple[str, str], Artifact] = {}
        self.blobs = BlobStore(now)
        self.faults = FaultScript()
        self.calls: list[str] = []
        self.messages: list[tuple[str, Message]] = []
        self.origin = "https://results.example"
        self.quota_is_used_up = False

    def token(self, run: str = RUN, job: str = JOB, valid: timedelta = timedelta(hours=6)) -> str:
        """Issue a runtime token."""
        return self._tokens.issue(run, job, self._now(), valid)

    def listed(self) -> list[Artifact]:
        """Return what is visible now, newest last."""
        return [one for one in self._artifacts.values() if self._is_visible(one)]

    def content(self, name: str, run: str = RUN) -> bytes:
        """Return the bytes of a visible artifact."""
        blob = self.blobs.blobs[self._artifacts[run, name].blob_path]
        assert blob.committed is not None
        return blob.committed

    def serve(self, asked: Asked) -> Reply:
        if not asked.path.startswith("/twirp/"):
            operation = self.blobs.operation(asked)
            self.calls.append(operation)
            return self.faults.play(operation, lambda: self.blobs.serve(asked))
        method = asked.path.removeprefix(TWIRP_ROOT)
        self.calls.append(method)
        return self.faults.play(method, lambda: self._twirp(method, asked))

    def _twirp(self, method: str, asked: Asked) -> Reply:
        serve = self._methods().get(method)
        if serve is None or asked.method != "POST":
            return twirp_error(404, "bad_route", f"no handler for path {asked.path}")
        if not asked.headers.get("content-type", "").startswith("application/json"):
            return twirp_error(404, "bad_route", "unexpected Content-Type")
        holder = self._tokens.read(asked.headers.get("authorization", ""), self._now())
        if holder is None:
            return twirp_error(401, "unauthenticated", "Unauthorized")
        try:
            message = json.loads(asked.body)
        except ValueError:
            return twirp_error(400, "malformed", "the json request could not be decoded")
        self.messages.append((method, message))
        if message.get("workflow_run_backend_id") != holder[0]:
            return twirp_error(403, "permission_denied", "the token is for another workflow run")
        return serve(message)

    def _methods(self) -> Mapping[str, Callable[[Message], Reply]]:
        return {
            "CreateArtifact": self._create,
            "FinalizeArtifact": self._finalize,
            "ListArtifacts": self._list,
            "GetSignedArtifactURL": self._signed_url,
            "DeleteArtifact": self._delete,
        }

    def _create(self, message: Message) -> Reply:
        problem = _problem(message)
        if problem:
            return twirp_error(400, "invalid_argument", problem)
        if self.quota_is_used_up:
            return twirp_error(403, "permission_denied", "insufficient usage to create artifact")
        key = (str(message["workflow_run_backend_id"]), str(message["name"]))
        if key in self._artifacts:
            return twirp_error(
                409,
                "already_exists",
                "an artifact with this name already exists on the workflow run",
            )
        artifact = self._reserve(message)
        self._artifacts[key] = artifact
        signed = self.blobs.signed_path(artifact.blob_path, "w")
        return json_reply(200, {"ok": True, "signed_upload_url": f"{self.origin}{signed}"})

    def _reserve(self, message: Message) -> Artifact:
        now = self._now()
        asked_for = message.get("expires_at")
        return Artifact(
            run=str(message["workflow_run_backend_id"]),
            job=str(message["workflow_job_run_backend_id"]),
            name=str(message["name"]),
            blob_path=f"/actions-results/{next(self._numbers):06d}/artifact.zip",
            created=now,
            expires=_instant(asked_for) if asked_for else now + _DEFAULT_RETENTION,
            database_ids=[],
        )

    def _finalize(self, message: Message) -> Reply:
        """Finalizing twice makes two entries (actions/upload-artifact#531)."""
        artifact = self._artifacts.get(_key(message))
        blob = self.blobs.blobs.get(artifact.blob_path) if artifact else None
        if artifact is None or blob is None or blob.committed is None:
            return twirp_error(404, "not_found", "no upload to finalize")
        if message.get("size") != str(len(blob.committed)):
            return twirp_error(400, "invalid_argument", "size does not match the upload")
        digest = message.get("hash")
        artifact.size = len(blob.committed)
        artifact.digest = str(digest) if digest else None
        artifact.database_ids.append(next(self._ids))
        return json_reply(200, {"ok": True, "artifact_id": str(artifact.database_ids[-1])})

    def _list(self, message: Message) -> Reply:
        wanted_name, wanted_id = message.get("name_filter"), message.get("id_filter")
        entries = [
            _entry(artifact, database_id)
            for artifact in self.listed()
            if artifact.run == message["workflow_run_backend_id"]
            for database_id in artifact.database_ids
            if wanted_name in {None, artifact.name} and wanted_id in {None, str(database_id)}
        ]
        return json_reply(200, {"artifacts": entries} if entries else {})

    def _signed_url(self, message: Message) -> Reply:
        artifact = self._visible(message)
        if artifact is None:
            return twirp_error(404, "not_found", "artifact not found")
        blob_name = f"{artifact.name}.zip"
        signed = self.blobs.signed_path(artifact.blob_path, "r", blob_name)
        return json_reply(200, {"signed_url": f"{self.origin}{signed}"})

    def _delete(self, message: Message) -> Reply:
        """Only what is visible can be deleted; its name is free again then, unlike a burnt one."""
        artifact = self._visible(message)
        if artifact is None:
            return twirp_error(404, "not_found", "artifact not found")
        del self._artifacts[artifact.run, artifact.name]
        del self.blobs.blobs[artifact.blob_path]
        return json_reply(200, {"ok": True, "artifact_id": str(artifact.database_ids[-1])})

    def _visible(self, message: Message) -> Artifact | None:
        artifact = self._artifacts.get(_key(message))
        is_own = artifact and artifact.job == message.get("workflow_job_run_backend_id")
        return artifact if artifact and is_own and self._is_visible(artifact) else None

    def _is_visible(self, artifact: Artifact) -> bool:
        return bool(artifact.database_ids) and self._now() < artifact.expires


def _problem(message: Message) -> str | None:
    name = str(message.get("name", ""))
    if not 0 < len(name) <= _LONGEST_NAME:
        return (
            "name invalid length for artifact name: "
            f"must be between 1 and {_LONGEST_NAME} characters"
        )
    if re.search(r'[":<>|*?\r\n\\/]', name):
        return "name invalid characters for artifact name"
    if message.get("version") not in _VERSIONS:
        return "version unknown artifact version"
    if message["version"] == _NEEDS_MIME and not message.get("mime_type"):
        return "mime_type a valid mime_type is required for this artifact version"
    return None


def _key(message: Message) -> tuple[str, str]:
    return str(message.get("workflow_run_backend_id")), str(message.get("name"))


def _entry(artifact: Artifact, database_id: int) -> Message:
    entry = {
        "workflow_run_backend_id": artifact.run,
        "workflow_job_run_backend_id": artifact.job,
        "database_id": str(database_id),
        "name": artifact.name,
        "size": str(artifact.size),
        "created_at": artifact.created.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return entry | ({"digest": artifact.digest} if artifact.digest else {})


def _instant(text: object) -> datetime:
    return datetime.fromisoformat(str(text)).astimezone(UTC)
