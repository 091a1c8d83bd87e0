"""Evidence kept in memory; the files of a real directory are only named."""

import json
from pathlib import Path, PurePosixPath

from slo_action.core.text.secrets import Scrubber
from slo_action.errors import WorkspaceError


class MemoryEvidence:
    """`texts` holds every file by name. `is_full` makes every write fail."""

    def __init__(
        self, directory: Path = Path("/evidence"), scrubber: Scrubber | None = None
    ) -> None:
        self._scrubber = scrubber or Scrubber()
        self.directory = directory
        self.texts: dict[str, str] = {}
        self.is_full = False

    def write(self, name: str, text: str) -> Path:
        self._must_have_room()
        self.texts[name] = self._scrubber.scrub_file(name, text)
        return self.directory / name

    def append(self, name: str, text: str) -> None:
        self._must_have_room()
        self.texts[name] = self.texts.get(name, "") + self._scrubber.scrub_file(name, text)

    def journal(self, step: str) -> None:
        self.append("journal.jsonl", json.dumps({"at": "", "step": step}) + "\n")

    def files(self) -> tuple[Path, ...]:
        return tuple(self.directory / PurePosixPath(name) for name in sorted(self.texts))

    @property
    def place(self) -> str:
        """The directory without its leading slash, as if the workspace were the root."""
        return self.directory.as_posix().lstrip("/")

    @property
    def steps(self) -> list[str]:
        """The journal's steps."""
        lines = self.texts.get("journal.jsonl", "").splitlines()
        return [json.loads(line)["step"] for line in lines]

    def _must_have_room(self) -> None:
        if self.is_full:
            raise WorkspaceError("no space left on device", hint="make room")
