"""Verdicts in a directory below the workspace, a line of JSON each; a cache or a checkout keeps it.

What cannot be read is passed over: an edited history must not stop a run.
"""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from slo_action.core.model import Cause, Verdict
from slo_action.core.record.record import file_name
from slo_action.core.release.track_record import PastVerdict
from slo_action.errors import WorkspaceError
from slo_action.files import HeldDirectory

_MOST_LINES = 2_000
_MOST_BYTES = 4 * 1024 * 1024


class HistoryDirectory:
    """The History port. `root` must lie below `workspace`, also through links."""

    def __init__(self, workspace: Path, root: str) -> None:
        self._workspace = workspace.resolve()
        self._root = workspace / root

    def verdicts(self, service: str) -> tuple[PastVerdict, ...]:
        """Return the verdicts on a service, oldest first; empty where none were kept."""
        found = [verdict for verdict in self._read(service) if verdict.service == service]
        return tuple(sorted(found, key=lambda verdict: verdict.at))

    def keep(self, verdict: PastVerdict) -> None:
        """Append one verdict. Raises WorkspaceError where it cannot be written."""
        path = self._path(verdict.service)
        at = verdict.at.astimezone(UTC).isoformat()
        line = json.dumps({"at": at} | asdict(verdict) | {"at": at}) + "\n"
        try:
            HeldDirectory(self._workspace).append(self._inside(path), line.encode())
        except OSError as error:
            raise WorkspaceError(
                f"{path}: {error.strerror}",
                hint="the history directory must be writable and lie below the workspace",
            ) from error

    def _path(self, service: str) -> Path:
        return self._root / f"{file_name(service)}.jsonl"

    def _inside(self, path: Path) -> str:
        """Return its name in the workspace; links on the way may lead only that far."""
        place = path.parent.resolve() / path.name
        if not place.is_relative_to(self._workspace):
            raise PermissionError(1, "it leads out of the workspace", str(path))
        return place.relative_to(self._workspace).as_posix()

    def _read(self, service: str) -> Iterator[PastVerdict]:
        with suppress(OSError):
            name = self._inside(self._path(service))
            with HeldDirectory(self._workspace).opened(name) as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(0, file.tell() - _MOST_BYTES))
                lines = file.read(_MOST_BYTES).splitlines()[-_MOST_LINES:]
            yield from (verdict for line in lines if (verdict := _verdict(line)))


def _verdict(line: bytes) -> PastVerdict | None:
    try:
        entry = json.loads(line)
        at = datetime.fromisoformat(entry["at"])
        return PastVerdict(
            service=str(entry["service"]),
            version=str(entry["version"]),
            digest=str(entry["digest"]),
            verdict=Verdict(entry["verdict"]),
            cause=Cause(entry["cause"]),
            at=at if at.tzinfo else at.replace(tzinfo=UTC),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
