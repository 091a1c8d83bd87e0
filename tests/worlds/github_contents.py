"""A repository at GitHub whose commits can be read: contents and blobs, with their odd answers."""

import json
from base64 import encodebytes
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha1
from urllib.parse import unquote

from tests.worlds.artifact_http import Asked, Reply, json_reply

INLINE_BYTES = 1024 * 1024
"""Above it, contents come without their content, by the encoding "none"."""
MOST_LISTED = 1000
REPOSITORY = "/repos/octo/shop"


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link; GitHub follows it where its target is a file of the repository."""

    target: str


@dataclass(frozen=True, slots=True)
class Submodule:
    url: str


Entry = bytes | Link | Submodule


class GitHubContents:
    """`commits` maps digests to files. `may_read` is whether the token has contents: read.

    A private repository hides from a token that may not read; a public one says no. While there
    is a `fault`, every answer is that.
    """

    def __init__(self, commits: Mapping[str, Mapping[str, Entry]] | None = None) -> None:
        self.origin = ""
        self.commits = {sha: dict(files) for sha, files in (commits or {}).items()}
        self.may_read = True
        self.is_private = True
        self.fault: Reply | None = None
        self.asked: list[Asked] = []

    def serve(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        if self.fault:
            return self.fault
        if not self.may_read:
            return _not_found() if self.is_private else _may_not()
        area, _, rest = asked.path.removeprefix(f"{REPOSITORY}/").partition("/")
        if area == "contents":
            return self._content(unquote(rest), asked.raw_query.get("ref", ""))
        return self._blob(rest.removeprefix("blobs/"))

    def _content(self, path: str, ref: str) -> Reply:
        files = self.commits.get(ref)
        if files is None:
            return json_reply(404, {"message": f"No commit found for the ref {ref}"})
        above = f"{path}/" if path else ""
        below = [name.removeprefix(above) for name in files if name.startswith(above)]
        if below:
            return json_reply(200, _listed(below))
        entry = files.get(path)
        followed = files.get(entry.target) if isinstance(entry, Link) else entry
        if isinstance(followed, bytes):
            return json_reply(200, _file(path, followed))
        if isinstance(entry, Link):
            return json_reply(200, {"type": "symlink", "target": entry.target, "size": 9})
        if isinstance(entry, Submodule):
            return json_reply(200, {"type": "submodule", "submodule_git_url": entry.url, "size": 0})
        return _not_found()

    def _blob(self, sha: str) -> Reply:
        for files in self.commits.values():
            for entry in files.values():
                if isinstance(entry, bytes) and _sha(entry) == sha:
                    whole = {"sha": sha, "encoding": "base64", "content": _base64(entry)}
                    return json_reply(200, whole)
        return _not_found()


def _listed(below: list[str]) -> list[dict[str, str]]:
    """GitHub names what lies in the folder itself, and no more than a thousand of it."""
    parts = sorted({name.partition("/")[:2] for name in below})
    return [{"type": "dir" if slash else "file", "name": name} for name, slash in parts][
        :MOST_LISTED
    ]


def _file(path: str, content: bytes) -> dict[str, object]:
    inline = len(content) <= INLINE_BYTES
    return {
        "type": "file",
        "path": path,
        "size": len(content),
        "sha": _sha(content),
        "encoding": "base64" if inline else "none",
        "content": _base64(content) if inline else "",
    }


def _base64(content: bytes) -> str:
    """GitHub breaks it into lines."""
    return encodebytes(content).decode("ascii")


def _sha(content: bytes) -> str:
    return sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _not_found() -> Reply:
    return json_reply(404, {"message": "Not Found", "status": "404"})


def _may_not() -> Reply:
    body = json.dumps({"message": "Resource not accessible by integration"}).encode()
    return Reply(status=403, body=body, headers={"Content-Type": "application/json"})
