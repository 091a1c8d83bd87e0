"""Files below one directory, by names with slashes; nothing outside of it is ever read."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from slo_action.config.files.text_file import read_text
from slo_action.errors import Mistake

SIZE_LIMIT_BYTES = 4 * 1024 * 1024
_MOST_NAMES = 500


@dataclass(frozen=True, slots=True)
class WorkspaceFiles:
    """Reads text below `root`. Links may be followed within it, never out of it.

    `kind` is what the files are, such as YAML.
    """

    root: Path
    limit_bytes: int = SIZE_LIMIT_BYTES
    kind: str = "YAML"

    @classmethod
    def around(cls, path: Path, home: Path) -> "tuple[WorkspaceFiles, str]":
        """Return the files below `home`, else beside `path`, and the name of `path` there."""
        if path.resolve().is_relative_to(home.resolve()):
            return cls(home), path.resolve().relative_to(home.resolve()).as_posix()
        return cls(path.parent), path.name

    def text(self, name: str, field: str) -> str | Mistake:
        """Return a file's text, or why it cannot be had; `field` is what named it."""
        path = self._path(name, field)
        if isinstance(path, Mistake):
            return path
        return read_text(path, name, field, limit_bytes=self.limit_bytes, kind=self.kind)

    def real_name(self, name: str, field: str) -> str | Mistake:
        """Return the file's name as it lies below the root, so that annotations find it."""
        path = self._path(name, field)
        if isinstance(path, Mistake):
            return path
        return path.relative_to(self.root.resolve()).as_posix()

    def real_name_or_given(self, name: str) -> str:
        """Return the same, or the name as it is where that leads to no place below the root."""
        real = self.real_name(name, "")
        return name if isinstance(real, Mistake) else real

    def _path(self, name: str, field: str) -> Path | Mistake:
        root = self.root.resolve()
        try:
            path = (root / name).resolve()
            path.is_file()
            is_settled = path == path.resolve()  # links behind a link to itself stay as they are
        except (OSError, RuntimeError, ValueError):  # a link to itself, a name too long or odd
            path, is_settled = root, False
        if not is_settled:
            return _wrong(field, "cannot be followed", name)
        if not path.is_relative_to(root):
            return _wrong(field, "lies outside of the workspace", name)
        return path

    def matching(self, pattern: str, beside: str) -> tuple[str, ...]:
        """Return the files that a pattern names, relative to the file `beside`, in their order.

        Without wildcards it is that one name, whether there is such a file or not.
        """
        if pattern.startswith("/"):
            return ()
        named = _plain(PurePosixPath(beside).parent / pattern)
        if not any(mark in pattern for mark in "*?["):
            return (named,)
        root = self.root.resolve()
        if named.startswith(".."):
            return ()
        try:
            found = sorted(path for path in root.glob(named) if path.is_file())
            # in a directory below the root itself, and not only by way of a link
            inside = [
                path for path in found[:_MOST_NAMES] if path.parent.resolve().is_relative_to(root)
            ]
        except (OSError, RuntimeError, ValueError, NotImplementedError):
            return ()
        return tuple(path.relative_to(root).as_posix() for path in inside)


def _plain(path: PurePosixPath) -> str:
    """Return the path without `..`, as far as it has something to go back from."""
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def _wrong(field: str, problem: str, name: str) -> Mistake:
    accepted = "name a file below it, such as .github/slo.yml, and no link that leads out"
    return Mistake(field, problem, accepted, name)
