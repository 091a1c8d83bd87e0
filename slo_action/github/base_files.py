"""Files as they are in the commit that a pull request is to be merged into."""

import binascii
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Protocol

from slo_action.core.text.quantities import size_words
from slo_action.core.text.quoting import quoted
from slo_action.errors import GitHubError

MOST_BYTES = 8 * 1024 * 1024
"""Far beyond ten thousand services; GitHub itself would give a hundred megabytes."""
MOST_LISTED = 1000
"""GitHub lists no more of a folder, and does not say that there is more."""
_HINT = "its changes are not shown; nothing else is affected"


class ContentApi(Protocol):
    """The two calls this needs; github/api.py has them."""

    def get_content(self, path: str, ref: str) -> object:
        """Return what is at a path of a commit. Raises GitHubError."""
        ...

    def get_blob(self, sha: str) -> object:
        """Return a file's content by its digest. Raises GitHubError."""
        ...


class GitHubBaseFiles:
    """The BaseFiles port. The API is opened for the first file. `base_sha` is a whole digest."""

    def __init__(self, open_api: Callable[[], ContentApi], base_sha: str) -> None:
        self._open_api = open_api
        self._base_sha = base_sha
        self._api: ContentApi | None = None

    def read(self, path: str) -> str | None:
        """Return the text of a file of the base commit, None where it has none of that name."""
        if not _is_inside(path):
            raise _unread(path, "does not lie in the repository")
        api = self._opened()
        entry = self._entry(api, path)
        return None if entry is _MISSING else self._text(api, path, entry)

    def names(self, folder: str) -> tuple[str, ...]:
        """Return what lies directly in a folder of the base commit, folders with a slash."""
        if folder and not _is_inside(folder):
            raise _unread(folder, "does not lie in the repository")
        listed = self._entry(self._opened(), folder)
        if listed is _MISSING or isinstance(listed, Mapping):
            return ()
        if isinstance(listed, str) or not isinstance(listed, Sequence):
            raise _unread(folder, "came without its content")
        if len(listed) >= MOST_LISTED:
            raise _unread(folder, f"held {MOST_LISTED} files or more")
        return tuple(sorted(filter(None, map(_listed_name, listed))))

    def _opened(self) -> ContentApi:
        self._api = self._api or self._open_api()
        return self._api

    def _entry(self, api: ContentApi, path: str) -> object:
        """Return what is at a path, _MISSING where nothing is."""
        try:
            return api.get_content(path, self._base_sha)
        except GitHubError as error:
            if not error.missing:
                raise
            self._expect_the_commit(api, error)
            return _MISSING

    def _expect_the_commit(self, api: ContentApi, error: GitHubError) -> None:
        """To a token that may not read, GitHub calls every file missing, and the root too."""
        try:
            api.get_content("", self._base_sha)
        except GitHubError as root:
            if not root.missing:
                raise
            raise GitHubError(error.message, hint=_HIDDEN, forbidden=True) from None

    def _text(self, api: ContentApi, path: str, entry: object) -> str:
        if not isinstance(entry, Mapping) or entry.get("type") != "file":
            raise _unread(path, f"was no file but a {_kind(entry)}")
        size = entry.get("size")
        if not isinstance(size, int) or size > MOST_BYTES:
            raise _unread(path, f"was larger than {size_words(MOST_BYTES)}")
        if entry.get("encoding") != "base64":  # GitHub leaves it out above one megabyte
            entry = api.get_blob(str(entry.get("sha")))
        return _decoded(path, entry)


_MISSING = object()
_HIDDEN = "give the job `permissions: contents: read`, or run it again where the branch was rebuilt"


def _is_inside(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return bool(parts) and parts[0] != "/" and ".." not in parts


def _listed_name(entry: object) -> str:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
        return ""
    return f"{entry['name']}/" if entry.get("type") == "dir" else str(entry["name"])


def _kind(entry: object) -> str:
    kind = entry.get("type") if isinstance(entry, Mapping) else "directory"
    return {
        "symlink": "link to something that is not a file",
        "submodule": "submodule",
        "directory": "directory",
    }.get(str(kind), "thing unknown to us")


def _decoded(path: str, entry: object) -> str:
    content = entry.get("content") if isinstance(entry, Mapping) else None
    if not isinstance(content, str):
        raise _unread(path, "came without its content")
    try:
        return b64decode(content).decode("utf-8")
    except binascii.Error:
        raise _unread(path, "came broken") from None
    except UnicodeDecodeError:
        raise _unread(path, "was no UTF-8 text") from None


def _unread(path: str, why: str) -> GitHubError:
    return GitHubError(f"{quoted(path)} {why} in the base commit", hint=_HINT)
