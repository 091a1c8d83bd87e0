"""A workspace on disk, and all that `check` may touch beside it, in memory."""

from collections.abc import Mapping
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from posixpath import dirname, join, normpath

from slo_action.config.check import CheckRequest, read_check_request
from slo_action.config.request import RunEnvironment
from slo_action.core.model import RunIdentity
from slo_action.core.text.secrets import Scrubber
from slo_action.errors import Mistake, WorkspaceError
from slo_action.modes.check.check import check
from slo_action.ports import BaseFiles, CheckPorts, Prober
from tests.worlds.memory_log import MemoryLog
from tests.worlds.memory_ports import MemoryOutputs
from tests.worlds.virtual_clock import VirtualClock

NOW = datetime(2026, 11, 25, tzinfo=UTC)


class MemoryFiles:
    """ports.Files; `files` holds the texts by their names."""

    def __init__(self, files: Mapping[str, str] | None = None) -> None:
        self.files = dict(files or {})

    def text(self, name: str, field: str) -> str | Mistake:
        text = self.files.get(normpath(name))
        wrong = Mistake(field=field, problem="cannot be read", value=name, accepted="name a file")
        return wrong if text is None else text

    def matching(self, pattern: str, beside: str) -> tuple[str, ...]:
        named = normpath(join(dirname(beside), pattern))
        if not any(mark in pattern for mark in "*?["):
            return (named,)
        parts = named.split("/")
        return tuple(name for name in sorted(self.files) if _matches(name.split("/"), parts))


def _matches(names: list[str], patterns: list[str]) -> bool:
    return len(names) == len(patterns) and all(map(fnmatchcase, names, patterns))


class MemoryWrittenFiles:
    """ports.WrittenFiles; `fixed` and `reports` hold texts by their names.

    `error` is raised instead where it is set.
    """

    def __init__(self, scrubber: Scrubber | None = None) -> None:
        self.fixed: dict[str, str] = {}
        self.reports: dict[str, str] = {}
        self.error: WorkspaceError | None = None
        self._scrubber = scrubber or Scrubber()

    def fix(self, name: str, text: str) -> None:
        self._write(self.fixed, name, text)

    def report(self, name: str, text: str) -> None:
        self._write(self.reports, name, self._scrubber.scrub(text))

    def _write(self, into: dict[str, str], name: str, text: str) -> None:
        if self.error:
            raise self.error
        if name.startswith("/") or normpath(name).startswith(".."):
            raise WorkspaceError(f"{name}: lies outside", hint="name a path below")
        into[name] = text


class CheckWorld:
    """`prober` and `base` are None until a test sets them, as on a laptop without a network."""

    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace
        self.clock = VirtualClock()
        self.log = MemoryLog()
        self.outputs = MemoryOutputs()
        self.written = MemoryWrittenFiles()
        self.prober: Prober | None = None
        self.base: BaseFiles | None = None

    def write(self, **texts: str) -> None:
        """Write files; in their names `__` stands for a slash, and `_` for a dot."""
        for name, text in texts.items():
            path = self.workspace / name.replace("__", "/").replace("_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())

    def request(self, **given: str) -> CheckRequest:
        inputs = {name.replace("_", "-"): value for name, value in given.items()}
        around = RunEnvironment(run=RunIdentity(run_id="12345"), workspace=self.workspace, now=NOW)
        return read_check_request({"mode": "check", **inputs}, around)

    def run(self, **given: str) -> int:
        """Check the workspace; return the exit status."""
        return check(self.request(**given), self.ports)

    @property
    def ports(self) -> CheckPorts:
        return CheckPorts(
            clock=self.clock,
            log=self.log,
            outputs=self.outputs,
            written=self.written,
            redact=str,
            prober=self.prober,
            base=self.base,
        )

    @property
    def reported(self) -> list[str]:
        """Every annotation as `file:line:column level rule`."""
        return [
            f"{one.path}:{one.line}:{one.column} {one.level} {one.message.rpartition('#')[2]}"
            for one in self.log.annotations
        ]
