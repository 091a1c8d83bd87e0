"""Evidence on disk: below the workspace, never through a link, owned as the workspace is."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from errno import EEXIST, ELOOP
from pathlib import Path
from typing import Any

from slo_action.core.text.quantities import instant_text
from slo_action.core.text.secrets import Scrubber
from slo_action.errors import WorkspaceError
from slo_action.files import ForeignFileError, HeldDirectory
from slo_action.ports import Clock

JOURNAL = "journal.jsonl"
ROOT = "slo-verify"
_MOST_DIRECTORIES = 1000


class EvidenceDirectory:
    """The Evidence port. Files are replaced whole, or appended to and synced.

    Where others put a link, a pipe or the like in its way, the evidence goes on in a new directory
    that `elsewhere` opens, with all that was written so far; `warn` gets a line that says so.
    """

    def __init__(
        self,
        workspace: Path,
        held: HeldDirectory,
        elsewhere: Callable[[], HeldDirectory],
        scrubber: Scrubber,
        clock: Clock,
        warn: Callable[[str], None],
    ) -> None:
        self._workspace = workspace
        self._held = held
        self._elsewhere = elsewhere
        self._scrubber = scrubber
        self._clock = clock
        self._warn = warn
        self._written: set[str] = set()

    def __getstate__(self) -> dict[str, Any]:
        """Another process says it in the journal alone."""
        return {**self.__dict__, "_warn": _unheard}

    @property
    def directory(self) -> Path:
        """The directory that holds them."""
        return self._held.path

    @property
    def place(self) -> str:
        """The directory relative to the workspace: the host knows that under another path."""
        return self.directory.relative_to(self._workspace).as_posix()

    def write(self, name: str, text: str) -> Path:
        """Write a whole file, so that no reader sees half of it."""
        self._put(name, text, HeldDirectory.replace)
        return self.directory / name

    def append(self, name: str, text: str) -> None:
        """Append whole lines; they are on the disk when this returns."""
        self._put(name, text, HeldDirectory.append)

    def journal(self, step: str) -> None:
        """Append a step, with the time, before it is taken."""
        entry = {"at": instant_text(self._clock.now()), "step": step}
        self.append(JOURNAL, json.dumps(entry) + "\n")

    def files(self) -> tuple[Path, ...]:
        """Return what was written so far, sorted."""
        return tuple(sorted(self.directory / name for name in self._written))

    def _put(self, name: str, text: str, put: Callable[[HeldDirectory, str, bytes], None]) -> None:
        content = self._scrubber.scrub_file(name, text).encode("utf-8", "backslashreplace")
        with _writing(self.directory / name):
            try:
                self._held.must_be_in_its_place()
                put(self._held, name, content)
            except ForeignFileError as foreign:
                self._go_elsewhere(f"{foreign.filename}: {foreign.strerror}")
                put(self._held, name, content)
        self._written.add(name)

    def _go_elsewhere(self, why: str) -> None:
        before, self._held = self._held, self._elsewhere()
        for name in sorted(self._written):
            with suppress(OSError):
                self._held.replace(name, before.read(name))
        said = f"{why}: the evidence is now written to {self.place}"
        self._warn(said)
        self.journal(said)


def open_evidence(
    workspace: Path,
    name: str,
    scrubber: Scrubber,
    clock: Clock,
    *,
    inside: str = "",
    warn: Callable[[str], None] = lambda _: None,
) -> EvidenceDirectory:
    """Make a new directory `slo-verify/<inside>/<name>` below the workspace and return it.

    A name that is taken gets a number, and so does `slo-verify` where it is a link. `inside` is a
    path, empty for none. Raises WorkspaceError where nothing can be written.
    """
    with _writing(workspace / ROOT / inside):
        open_new = _NewDirectory(HeldDirectory(workspace), inside, name)
        held = open_new()
    evidence = EvidenceDirectory(workspace, held, open_new, scrubber, clock, warn)
    if not held.path.is_relative_to(workspace / ROOT):
        warn(f"{ROOT} is a symbolic link: the evidence goes into {evidence.place}")
    return evidence


class _NewDirectory:
    """Opens a directory that was not there before. It can be sent to another process."""

    def __init__(self, workspace: HeldDirectory, inside: str, name: str) -> None:
        self._workspace = workspace
        self._inside = inside
        self._name = name

    def __call__(self) -> HeldDirectory:
        parent = self._root()
        with suppress(FileExistsError):
            parent.create(".gitignore", b"*\n")  # one that is there is left alone
        parent = parent.below(self._inside) if self._inside else parent
        for name in _numbered(self._name):
            with suppress(FileExistsError):
                return parent.below(name, new=True)
        raise FileExistsError(EEXIST, "too many runs left their evidence here", str(parent.path))

    def _root(self) -> HeldDirectory:
        for name in _numbered(ROOT):
            try:
                return self._workspace.below(name)
            except ForeignFileError as foreign:
                if foreign.errno != ELOOP:
                    raise
        raise FileExistsError(EEXIST, "too many symbolic links", str(self._workspace.path / ROOT))


def _numbered(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}-{number}" for number in range(2, _MOST_DIRECTORIES))


def _unheard(_: str) -> None:
    """The default: no one is warned."""


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Raise WorkspaceError, which says why, where nothing can be written there."""
    try:
        yield
    except FileNotFoundError as error:
        raise WorkspaceError(
            f"{error.filename}: {error.strerror}",
            hint="the workspace does not exist in this container: mount it there; a runner on the "
            "host itself, such as act with `-P …=-self-hosted`, gives a path of the host",
        ) from error
    except OSError as error:
        raise WorkspaceError(
            f"{path}: {error.strerror}",
            hint="the workspace must be writable: evidence is written before anything is changed",
        ) from error
