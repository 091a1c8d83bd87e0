"""A service that is deployed and rolled back, and the part of GitHub's API that hears of it."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.worlds.artifact_http import Asked, Reply, json_reply

GOOD, BAD = "v1.2.3", "v1.2.4"
ROLLBACK = "sh rollback.sh {previous-version}"
_HANGS_SECONDS = 30.0


class Shop:
    """Its live version stands in a file, which a rollback script rewrites. `BAD` answers 503.

    With `hangs`, requests are taken and never answered. `requests` holds all of them.
    """

    def __init__(self, version_file: Path, *, hangs: bool = False) -> None:
        self.origin = ""
        self.requests: list[Asked] = []
        self._version_file = version_file
        self._hangs = hangs

    def deploy(self, version: str) -> None:
        self._version_file.write_text(f"{version}\n", encoding="utf-8")

    @property
    def live(self) -> str:
        return self._version_file.read_text(encoding="utf-8").strip()

    def serve(self, asked: Asked) -> Reply:
        self.requests.append(asked)
        status = "unhealthy" if self.live == BAD else "healthy"
        body = json.dumps({"status": status, "version": self.live}).encode()
        return Reply(
            status=503 if self.live == BAD else 200,
            body=body,
            headers={"Content-Type": "application/json", "Cache-Control": "no-store"},
            delay_seconds=_HANGS_SECONDS if self._hangs else 0.0,
        )


class CheckRunsApi:
    """Answers whoever creates a check run; `created` holds each with the headers it came with."""

    def __init__(self) -> None:
        self.origin = ""
        self.created: list[tuple[Mapping[str, object], Mapping[str, str]]] = []

    def serve(self, asked: Asked) -> Reply:
        if asked.method == "POST" and asked.path == "/repos/octo/shop/check-runs":
            self.created.append((json.loads(asked.body), asked.headers))
            return json_reply(201, {"id": len(self.created)})
        return (
            json_reply(200, {}) if asked.path == "/" else json_reply(404, {"message": "Not Found"})
        )


def write_rollback_script(workspace: Path, before: str = "") -> Callable[[], bool]:
    """Write the script that puts another version live; return whether it has been begun.

    `before` is shell code that runs first.
    """
    begun = workspace / "rollback-begun"
    script = f'echo > rollback-begun\n{before}\necho "$1" > live-version\necho "deployed $1"\n'
    (workspace / "rollback.sh").write_text(script, encoding="utf-8")
    return begun.exists
