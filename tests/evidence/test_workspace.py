"""Where `check` writes: in place, never through a link, and nothing is left half done."""

import resource
from pathlib import Path

import pytest

from slo_action.core.text.secrets import Scrubber
from slo_action.errors import WorkspaceError
from slo_action.evidence.workspace import WorkspaceWriter


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    place = tmp_path / "workspace"
    place.mkdir()
    (place / "fly.toml").write_text("old", encoding="utf-8")
    (tmp_path / "outside.txt").write_text("untouched", encoding="utf-8")
    return place


def writer(workspace: Path) -> WorkspaceWriter:
    return WorkspaceWriter(workspace, Scrubber())


def outside(workspace: Path) -> str:
    return (workspace.parent / "outside.txt").read_text(encoding="utf-8")


def test_nothing_but_the_file_is_left(workspace: Path) -> None:
    writer(workspace).fix("fly.toml", "new")

    assert [path.name for path in workspace.iterdir()] == ["fly.toml"]


@pytest.mark.parametrize("mode", [0o640, 0o755])
def test_a_fixed_file_keeps_its_mode(workspace: Path, mode: int) -> None:
    (workspace / "fly.toml").chmod(mode)
    writer(workspace).fix("fly.toml", "new")

    assert (workspace / "fly.toml").stat().st_mode & 0o777 == mode


@pytest.mark.parametrize("target", ["../outside.txt", "fly.toml", "none"])
def test_a_link_is_not_written_through(workspace: Path, target: str) -> None:
    (workspace / "link").symlink_to(target)

    with pytest.raises(WorkspaceError, match="is a symbolic link"):
        writer(workspace).report("link", "new")

    assert outside(workspace) == "untouched"
    assert (workspace / "fly.toml").read_text(encoding="utf-8") == "old"


def test_a_link_on_the_way_is_refused(workspace: Path) -> None:
    (workspace / "out").symlink_to("..")

    with pytest.raises(WorkspaceError, match="is a symbolic link"):
        writer(workspace).report("out/check.sarif", "new")

    assert not (workspace.parent / "check.sarif").exists()


def test_a_link_that_lies_where_the_draft_would_be_is_not_written_through(
    workspace: Path,
) -> None:
    (workspace / ".fly.toml.part").symlink_to("../outside.txt")

    writer(workspace).fix("fly.toml", "new")

    assert outside(workspace) == "untouched"
    assert (workspace / "fly.toml").read_text(encoding="utf-8") == "new"


def test_a_file_that_cannot_be_fixed_stays_as_it_is_and_no_draft_is_left(workspace: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        with pytest.raises(WorkspaceError, match=r"fly\.toml: File too large") as caught:
            writer(workspace).fix("fly.toml", "new")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert "make the file writable" in caught.value.hint
    assert [path.name for path in workspace.iterdir()] == ["fly.toml"]
    assert (workspace / "fly.toml").read_text(encoding="utf-8") == "old"


def test_a_file_that_cannot_be_written_is_reported_by_its_name(workspace: Path) -> None:
    with pytest.raises(WorkspaceError) as caught:
        writer(workspace).report("fly.toml/check.sarif", "new")

    assert caught.value.title == "A file could not be written"
    assert caught.value.message.startswith("fly.toml/check.sarif: ")
    assert "evidence" not in caught.value.description


@pytest.mark.parametrize("name", [".", "taken"])
def test_a_directory_is_not_replaced(workspace: Path, name: str) -> None:
    (workspace / "taken").mkdir()

    with pytest.raises(WorkspaceError):
        writer(workspace).report(name, "new")

    assert sorted(path.name for path in workspace.iterdir()) == ["fly.toml", "taken"]
