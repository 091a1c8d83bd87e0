"""Evidence on disk: below the workspace, never through a link, owned as the workspace is."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from slo_action.core.text.quantities import instant_text
from slo_action.core.text.secrets import Scrubber
from slo_action.errors import WorkspaceError
from slo_action.ports import Clock

JOURNAL = "journal.jsonl"
_MOST_DIRECTORIES = 1000


class EvidenceDirectory:
    """The Evidence port. Files are replaced whole, or appended to and synced."""

    def __init__(
        self,
        directory: Path,
        workspace: Path,
        owner: tuple[int, int],
        scrubber: Scrubber,
        clock: Clock,
    ) -> None:
        self._workspace = workspace
        self.directory = directory
        self._owner = owner
        self._scrubber = scrubber
        self._clock = clock
        self._written: set[Path] = set()

    @property
    def place(self) -> str:
        """The directory relative to the workspace: the host knows that under another path."""
        return self.directory.relative_to(self._workspace).as_posix()

    def write(self, name: str, text: str) -> Path:
        """Write a whole file, by way of a temporary one, so that no reader sees half of it."""
        path = self._place(name)
        draft = path.with_name(f".{path.name}.part")
        with _writing(path):
            with draft.open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
                file.write(self._scrubber.scrub(text))
            own(draft, self._owner)
            draft.replace(path)
        return path

    def append(self, name: str, text: str) -> None:
        """Append whole lines; they are on the disk when this returns."""
        path = self._place(name)
        with _writing(path):
            with path.open("a", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
                file.write(self._scrubber.scrub(text))
                file.flush()
                os.fsync(file.fileno())
            own(path, self._owner)

    def journal(self, step: str) -> None:
        """Append a step, with the time, before it is taken."""
        entry = {"at": instant_text(self._clock.now()), "step": step}
        self.append(JOURNAL, json.dumps(entry) + "\n")

    def files(self) -> tuple[Path, ...]:
        """Return what was written so far, sorted."""
        return tuple(sorted(self._written))

    def _place(self, name: str) -> Path:
        path = self.directory / name
        with _writing(path):
            make_directories(path.parent, self.directory, self._owner)
        self._written.add(path)
        return path


def open_evidence(
    workspace: Path, name: str, scrubber: Scrubber, clock: Clock, *, inside: str = ""
) -> EvidenceDirectory:
    """Make a new directory `slo-verify/<inside>/<name>` below the workspace and return it.

    A name that is taken gets a number. `inside` is a path, empty for none. Raises WorkspaceError
    where nothing can be written, or where a link would lead out of the workspace.
    """
    root = workspace / "slo-verify"
    parent = root / inside
    with _writing(parent):
        owner = owner_of(workspace)
        make_directories(parent, workspace, owner)
        ignore = root / ".gitignore"
        with suppress(FileExistsError), ignore.open("x", encoding="utf-8") as file:
            file.write("*\n")
            own(ignore, owner)  # one that is there is left alone, and a link is not followed
        directory = _new_directory(parent, name)
        own(directory, owner)
    return EvidenceDirectory(directory, workspace, owner, scrubber, clock)


def _new_directory(parent: Path, name: str) -> Path:
    for number in range(1, _MOST_DIRECTORIES):
        directory = parent / (name if number == 1 else f"{name}-{number}")
        with suppress(FileExistsError):
            directory.mkdir()
            return directory
    raise FileExistsError(17, "too many runs left their evidence here", str(parent))


def make_directories(path: Path, root: Path, owner: tuple[int, int]) -> None:
    """Make what is missing between root and path; a link on the way is refused."""
    current = root
    for part in path.relative_to(root).parts:
        current = current / part
        if current.is_symlink():
            raise NotADirectoryError(20, "it is a symbolic link", str(current))
        if not current.is_dir():
            current.mkdir()
            own(current, owner)


def owner_of(path: Path) -> tuple[int, int]:
    """Return the user and the group of a file."""
    stat = path.stat()
    return stat.st_uid, stat.st_gid


def own(path: Path, owner: tuple[int, int]) -> None:
    """Root-owned files would break the next checkout on a self-hosted runner."""
    if os.geteuid() == 0:
        os.chown(path, *owner, follow_symlinks=False)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Raise WorkspaceError, which says why, where nothing can be written there."""
    try:
        yield
    except OSError as error:
        raise WorkspaceError(
            f"{path}: {error.strerror}",
            hint="the workspace must be writable: evidence is written before anything is changed",
        ) from error
