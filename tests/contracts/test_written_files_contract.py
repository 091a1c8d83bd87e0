"""What every WrittenFiles promises: the workspace on disk, and the tests' one in memory."""

from collections.abc import Callable
from pathlib import Path

import pytest

from slo_action.core.text.secrets import Scrubber
from slo_action.errors import WorkspaceError
from slo_action.evidence.workspace import WorkspaceWriter
from slo_action.ports import WrittenFiles
from tests.worlds.check_world import MemoryWrittenFiles

Read = Callable[[str], str]


@pytest.fixture(params=["memory", "workspace"])
def written(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[WrittenFiles, Read]:
    """Return the port, and what reads a file that it wrote."""
    scrubber = Scrubber()
    scrubber.learn("s3cret-token")
    if request.param == "memory":
        memory = MemoryWrittenFiles(scrubber)
        return memory, lambda name: {**memory.fixed, **memory.reports}[name]
    (tmp_path / "apps").mkdir()
    (tmp_path / "apps" / "fly.toml").write_text("app = 'shop'\n", encoding="utf-8")
    writer = WorkspaceWriter(tmp_path, scrubber)
    return writer, lambda name: (tmp_path / name).read_bytes().decode()


def test_a_fixed_file_has_its_new_text_byte_for_byte(written: tuple[WrittenFiles, Read]) -> None:
    port, read = written
    text = "app = 'größe'\r\n# s3cret-token is the file's own\n"

    port.fix("apps/fly.toml", text)

    assert read("apps/fly.toml") == text


def test_a_report_is_scrubbed(written: tuple[WrittenFiles, Read]) -> None:
    port, read = written
    port.report("out/deep/check.sarif", '{"a": "s3cret-token"}\n')

    assert read("out/deep/check.sarif") == '{"a": "***"}\n'


def test_a_report_takes_the_place_of_the_old_one(written: tuple[WrittenFiles, Read]) -> None:
    port, read = written
    port.report("check.sarif", "a long old one")
    port.report("check.sarif", "new")

    assert read("check.sarif") == "new"


@pytest.mark.parametrize("name", ["../check.sarif", "a/../../check.sarif", "/tmp/check.sarif"])
def test_nothing_is_written_outside(written: tuple[WrittenFiles, Read], name: str) -> None:
    with pytest.raises(WorkspaceError):
        written[0].report(name, "{}")
