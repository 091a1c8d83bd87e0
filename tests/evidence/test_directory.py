"""Evidence on a real disk: whose it is, where it may go, and what stops it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from slo_action.core.text.secrets import Scrubber
from slo_action.errors import WorkspaceError
from slo_action.evidence.directory import EvidenceDirectory, open_evidence
from tests.worlds.virtual_clock import VirtualClock

OTHER = 1001
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")


def opened(
    workspace: Path, name: str = "api-1", scrubber: Scrubber | None = None
) -> EvidenceDirectory:
    return open_evidence(workspace, name, scrubber or Scrubber(), VirtualClock())


def below(directory: Path) -> list[Path]:
    return sorted(directory.rglob("*"))


def test_evidence_has_a_directory_of_its_own_that_git_ignores(tmp_path: Path) -> None:
    evidence = opened(tmp_path)

    assert evidence.directory == tmp_path / "slo-verify" / "api-1"
    assert (tmp_path / "slo-verify" / ".gitignore").read_text(encoding="utf-8") == "*\n"
    assert evidence.files() == ()


def test_a_name_that_is_taken_gets_a_number(tmp_path: Path) -> None:
    names = [opened(tmp_path).directory.name for _ in range(3)]

    assert names == ["api-1", "api-1-2", "api-1-3"]


@as_root
def test_everything_belongs_to_the_workspace_s_owner(tmp_path: Path) -> None:
    os.chown(tmp_path, OTHER, OTHER)
    evidence = opened(tmp_path)

    evidence.write("proofs/health/api.log", "x")
    evidence.append("samples.jsonl", "{}\n")
    evidence.journal("begin")

    owners = {(path.stat().st_uid, path.stat().st_gid) for path in below(tmp_path)}
    assert owners == {(OTHER, OTHER)}
    assert len(below(tmp_path)) == 8


def test_no_draft_is_left_beside_a_file(tmp_path: Path) -> None:
    evidence = opened(tmp_path)

    evidence.write("audit.json", "old")
    evidence.write("audit.json", "new")

    assert [path.name for path in below(evidence.directory)] == ["audit.json"]


def test_what_was_appended_is_on_the_disk_even_if_the_process_dies_at_once(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "from slo_action.system.clock import SystemClock\n"
        "from slo_action.core.text.secrets import Scrubber\n"
        "from slo_action.evidence.directory import open_evidence\n"
        "e = open_evidence(Path(sys.argv[1]), 'x', Scrubber(), SystemClock())\n"
        "e.journal('about to act')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )

    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False, cwd=Path.cwd())

    line = (tmp_path / "slo-verify" / "x" / "journal.jsonl").read_text(encoding="utf-8")
    assert json.loads(line)["step"] == "about to act"


def test_appending_syncs_what_it_has_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(os.fstat(fd).st_size))

    opened(tmp_path).append("samples.jsonl", "one\n")

    assert synced == [len("one\n")]


def _slo_verify_is_a_link(workspace: Path, outside: Path) -> None:
    (workspace / "slo-verify").symlink_to(outside)


def _gitignore_is_a_link(workspace: Path, outside: Path) -> None:
    (workspace / "slo-verify").mkdir()
    (workspace / "slo-verify" / ".gitignore").symlink_to(outside / "planted")


@pytest.mark.parametrize("plant", [_slo_verify_is_a_link, _gitignore_is_a_link])
def test_a_link_in_the_repository_leads_nowhere(
    tmp_path: Path, plant: Callable[[Path, Path], None]
) -> None:
    workspace, outside = tmp_path / "workspace", tmp_path / "outside"
    workspace.mkdir()
    outside.mkdir()
    plant(workspace, outside)

    try:
        opened(workspace).write("audit.json", "{}")
    except WorkspaceError as error:
        assert "it is a symbolic link" in error.message  # noqa: PT017 - one plant is refused, one harmless

    assert below(outside) == []


def test_a_link_planted_while_the_run_goes_on_is_refused(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    evidence = opened(tmp_path)
    (evidence.directory / "proofs").symlink_to(outside)

    with pytest.raises(WorkspaceError, match="it is a symbolic link"):
        evidence.write("proofs/api.log", "x")

    assert below(outside) == []


def test_a_gitignore_that_is_there_is_left_alone(tmp_path: Path) -> None:
    ignore = tmp_path / "slo-verify" / ".gitignore"
    ignore.parent.mkdir()
    ignore.write_text("mine\n", encoding="utf-8")

    opened(tmp_path)

    assert ignore.read_text(encoding="utf-8") == "mine\n"


def _workspace_is_a_file(root: Path) -> Path:
    (root / "workspace").touch()
    return root / "workspace"


def _workspace_is_missing(root: Path) -> Path:
    return root / "none"


def _slo_verify_is_a_file(root: Path) -> Path:
    (root / "slo-verify").touch()
    return root


@pytest.mark.parametrize(
    "place", [_workspace_is_a_file, _workspace_is_missing, _slo_verify_is_a_file]
)
def test_a_workspace_that_cannot_hold_evidence_stops_the_run(
    tmp_path: Path, place: Callable[[Path], Path]
) -> None:
    with pytest.raises(WorkspaceError) as caught:
        opened(place(tmp_path))

    assert "slo-verify" in caught.value.message
    assert "must be writable" in caught.value.hint


def test_a_file_that_cannot_be_written_says_which(tmp_path: Path) -> None:
    evidence = opened(tmp_path)
    (evidence.directory / "audit.json").mkdir()
    (evidence.directory / "samples.jsonl").mkdir()

    with pytest.raises(WorkspaceError, match=r"audit\.json: Is a directory"):
        evidence.write("audit.json", "x")
    with pytest.raises(WorkspaceError, match=r"samples\.jsonl: Is a directory"):
        evidence.append("samples.jsonl", "x")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_says_so(tmp_path: Path) -> None:
    evidence = opened(tmp_path)
    (evidence.directory / "samples.jsonl").symlink_to("/dev/full")

    with pytest.raises(WorkspaceError):
        evidence.append("samples.jsonl", "x\n")


def test_a_thousand_earlier_runs_are_enough(tmp_path: Path) -> None:
    for number in range(1000):
        (tmp_path / "slo-verify" / (f"api-1-{number}" if number > 1 else "api-1")).mkdir(
            parents=True, exist_ok=True
        )

    with pytest.raises(WorkspaceError, match="too many runs"):
        opened(tmp_path)
