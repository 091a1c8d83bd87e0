"""Files of the workspace that `check` writes: those it fixes, and its report for code scanning."""

from pathlib import Path

from slo_action.core.text.secrets import Scrubber
from slo_action.errors import FileWriteError
from slo_action.files import HeldDirectory


class WorkspaceWriter:
    """Implements ports.WrittenFiles. Never writes through a link, or outside of the workspace."""

    def __init__(self, workspace: Path, scrubber: Scrubber) -> None:
        self._workspace = workspace
        self._scrubber = scrubber

    def fix(self, name: str, text: str) -> None:
        """Replace the text of a file that is there, byte for byte."""
        self._write(name, text, "make the file writable, or check it without fix")

    def report(self, name: str, text: str) -> None:
        """Write a report in JSON, secrets scrubbed, with the directories that it needs."""
        self._write(
            name, self._scrubber.scrub_json(text), "make the place writable, or name another"
        )

    def _write(self, name: str, text: str, hint: str) -> None:
        path = self._workspace / name
        if ".." in Path(name).parts or self._workspace not in path.parents:
            message = f"{name}: lies outside of the workspace"
            raise FileWriteError(message, hint="name a path below it")
        if path.is_symlink():
            message = f"{name}: is a symbolic link"
            raise FileWriteError(message, hint="name the file that it leads to")
        try:
            mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
            held = HeldDirectory(self._workspace)
            held.replace(name, text.encode("utf-8", "backslashreplace"), mode)
        except OSError as error:
            message = f"{name}: {error.strerror}"
            raise FileWriteError(message, hint=hint) from error
