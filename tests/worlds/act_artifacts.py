"""The artifact service of nektos/act (0.2.87), where it differs from GitHub's.

Source: nektos/act, pkg/artifacts/artifacts_v4.go. Blocks are appended as they arrive, whatever
their ids; a name is never taken; anything that is no block is answered 200 and forgotten.
"""

import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from urllib.parse import quote_plus, unquote_plus

from tests.worlds.artifact_http import Asked, FaultScript, Reply, json_reply
from tests.worlds.artifact_service import TWIRP_ROOT
from tests.worlds.artifact_tokens import TokenOffice

_KNOWN_FIELDS = {
    "CreateArtifact": {"name", "expires_at", "version"},
    "FinalizeArtifact": {"name", "size", "hash"},
    "ListArtifacts": {"name_filter", "id_filter"},
}
_IDS = {"workflow_run_backend_id", "workflow_job_run_backend_id"}
_OPERATIONS = {"block": "PutBlock", "blocklist": "PutBlockList"}


class ActArtifactService:
    """Serves act's one run; nothing checks the token. `files` maps names to what was appended."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.faults = FaultScript()
        self.calls: list[str] = []
        self.files: dict[str, bytes] = {}
        self.origin = "http://192.0.2.1:34567"

    def token(self, run: str = "1", job: str = "1") -> str:
        """Issue a runtime token; act signs with the empty key."""
        return TokenOffice(b"").issue(run, job, self._now(), timedelta(hours=6))

    def serve(self, asked: Asked) -> Reply:
        method = asked.path.removeprefix(TWIRP_ROOT)
        if method == "UploadArtifact":
            operation = _OPERATIONS.get(asked.raw_query.get("comp", ""), "PutBlob")
            self.calls.append(operation)
            return self.faults.play(operation, lambda: self._append(operation, asked))
        self.calls.append(method)
        return self.faults.play(method, lambda: self._twirp(method, asked))

    def _twirp(self, method: str, asked: Asked) -> Reply:
        message = json.loads(asked.body)
        if method not in _KNOWN_FIELDS:
            return Reply(status=404)
        if set(message) - _KNOWN_FIELDS[method] - _IDS:
            return Reply(status=500)  # protojson refuses unknown fields
        if not message["workflow_run_backend_id"].isdigit():
            return Reply(status=400)
        serve = {
            "CreateArtifact": self._create,
            "FinalizeArtifact": self._finalize,
            "ListArtifacts": self._list,
        }[method]
        return serve(message)

    def _create(self, message: Mapping[str, str]) -> Reply:
        self.files[message["name"]] = b""
        run, name = message["workflow_run_backend_id"], message["name"]
        expires = (self._now() + timedelta(hours=1)).strftime("%Y-%m-%d %H:%M:%S.5 +0000 UTC")
        query = (
            f"sig={_signature(expires, name, run)}&expires={quote_plus(expires)}"
            f"&artifactName={quote_plus(name)}&taskID={run}"
        )
        url = f"{self.origin}{TWIRP_ROOT}UploadArtifact?{query}"
        return json_reply(200, {"ok": True, "signedUploadUrl": url})

    def _append(self, operation: str, asked: Asked) -> Reply:
        query = {key: unquote_plus(value) for key, value in asked.raw_query.items()}
        name = query["artifactName"]
        if query["sig"] != _signature(query["expires"], name, query["taskID"]):
            return Reply(status=401)
        if operation == "PutBlock":
            self.files[name] += asked.body
        return Reply(status=200 if operation == "PutBlob" else 201)

    def _finalize(self, message: Mapping[str, str]) -> Reply:
        return json_reply(200, {"ok": True, "artifactId": str(_fnv32a(message["name"]))})

    def _list(self, message: Mapping[str, str]) -> Reply:
        """Show names from Create on: they are directories."""
        wanted = message.get("name_filter")
        entries = [
            {
                "workflowRunBackendId": message["workflow_run_backend_id"],
                "workflowJobRunBackendId": message["workflow_job_run_backend_id"],
                "databaseId": str(_fnv32a(name)),
                "name": name,
                "size": str(len(content)),
            }
            for name, content in self.files.items()
            if wanted in {None, name}
        ]
        return json_reply(200, {"artifacts": entries} if entries else {})


def _signature(expires: str, name: str, run: str) -> str:
    signed = f"UploadArtifact{expires}{name}{run}".encode()
    return urlsafe_b64encode(hmac.new(b"\xba\xdb\xee\xf0", signed, sha256).digest()).decode()


def _fnv32a(text: str) -> int:
    number = 0x811C9DC5
    for byte in text.encode():
        number = ((number ^ byte) * 0x01000193) & 0xFFFFFFFF
    return number
