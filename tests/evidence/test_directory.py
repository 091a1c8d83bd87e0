"""Evidence on a real disk: whose it is, where it may go, and what stops it."""

import json
import os
import pickle
import resource
import socket
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


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A directory with a file, beside the workspace: nothing in it may change."""
    place = tmp_path / "outside"
    place.mkdir()
    (place / "victim").write_text("precious", encoding="utf-8")
    return place


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    place = tmp_path / "workspace"
    place.mkdir()
    return place


def is_untouched(outside: Path) -> bool:
    texts = {path.name: path.read_text(encoding="utf-8") for path in below(outside)}
    return texts == {"victim": "precious"}


@pytest.mark.parametrize(
    ("plant", "place"),
    [(_slo_verify_is_a_link, "slo-verify-2/api-1"), (_gitignore_is_a_link, "slo-verify/api-1")],
)
def test_a_link_in_the_repository_leads_nowhere(
    workspace: Path, outside: Path, plant: Callable[[Path, Path], None], place: str
) -> None:
    plant(workspace, outside)

    evidence = opened(workspace)
    evidence.write("audit.json", "{}")

    assert evidence.place == place
    assert is_untouched(outside)


def _link(path: Path, outside: Path) -> None:
    path.symlink_to(outside / "victim")


def _dangling_link(path: Path, outside: Path) -> None:
    path.symlink_to(outside / "none")


def _link_to_a_directory(path: Path, outside: Path) -> None:
    path.symlink_to(outside)


def _second_name(path: Path, outside: Path) -> None:
    path.hardlink_to(outside / "victim")


def _pipe(path: Path, _outside: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path, _outside: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(path))


def _device(path: Path, _outside: Path) -> None:
    path.symlink_to("/dev/full")


PLANTS = (_link, _dangling_link, _link_to_a_directory, _second_name, _pipe, _socket, _device)
Plant = Callable[[Path, Path], None]


@pytest.mark.parametrize("plant", PLANTS)
@pytest.mark.parametrize("name", ["samples.jsonl", "journal.jsonl", "proofs/api.log", "proofs"])
def test_what_others_put_in_the_way_is_not_touched_and_the_evidence_goes_on_elsewhere(
    workspace: Path, outside: Path, name: str, plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workspace)  # a socket's path must be short
    warned: list[str] = []
    evidence = open_evidence(workspace, "api-1", Scrubber(), VirtualClock(), warn=warned.append)
    evidence.write("first.json", "{}")
    planted = evidence.directory / name
    planted.parent.mkdir(exist_ok=True)
    plant(planted, outside)
    written = "proofs/api.log" if name == "proofs" else name

    evidence.append(written, "line\n")
    evidence.append(written, "next\n")

    assert is_untouched(outside)
    assert evidence.place == "slo-verify/api-1-2"
    assert (evidence.directory / written).read_text(encoding="utf-8").endswith("line\nnext\n")
    assert (evidence.directory / "first.json").read_text(encoding="utf-8") == "{}"
    assert [said.partition(": the ")[2] for said in warned] == [
        "evidence is now written to slo-verify/api-1-2"
    ]
    assert "is now written to" in (evidence.directory / "journal.jsonl").read_text(encoding="utf-8")
    assert {path.name for path in evidence.files()} >= {Path(written).name, "first.json"}


@pytest.mark.parametrize("plant", PLANTS)
def test_a_whole_file_replaces_what_lies_there_and_writes_to_nothing_else(
    workspace: Path, outside: Path, plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workspace)
    evidence = opened(workspace)
    plant(evidence.directory / "audit.json", outside)

    evidence.write("audit.json", "{}")

    assert is_untouched(outside)
    written = evidence.directory / "audit.json"
    assert (written.is_symlink(), written.read_text(encoding="utf-8")) == (False, "{}")
    assert written.stat().st_nlink == 1


def _the_directory(evidence: EvidenceDirectory) -> Path:
    return evidence.directory


def _the_one_above(evidence: EvidenceDirectory) -> Path:
    return evidence.directory.parent


@pytest.mark.parametrize("which", [_the_directory, _the_one_above])
@pytest.mark.parametrize("put", [EvidenceDirectory.write, EvidenceDirectory.append])
def test_a_directory_that_is_exchanged_for_a_link_is_left(
    workspace: Path,
    outside: Path,
    which: Callable[[EvidenceDirectory], Path],
    put: Callable[[EvidenceDirectory, str, str], object],
) -> None:
    evidence = opened(workspace)
    evidence.append("samples.jsonl", "before\n")
    exchanged = which(evidence)
    exchanged.rename(workspace / "moved")
    exchanged.symlink_to(outside)

    put(evidence, "samples.jsonl", "after\n")

    assert is_untouched(outside)
    assert not evidence.directory.resolve().is_relative_to(outside)
    assert "after\n" in (evidence.directory / "samples.jsonl").read_text(encoding="utf-8")


def test_another_process_that_takes_over_finds_the_same_directory_or_leaves_it(
    workspace: Path, outside: Path
) -> None:
    evidence = opened(workspace)
    evidence.append("samples.jsonl", "one\n")
    sent, late = pickle.dumps(evidence), pickle.dumps(evidence)

    pickle.loads(sent).append("samples.jsonl", "two\n")  # noqa: S301 - our own
    evidence.directory.rename(workspace / "moved")
    evidence.directory.symlink_to(outside)
    taken = pickle.loads(late)  # noqa: S301 - our own
    taken.write("audit.json", "{}")

    assert (workspace / "moved" / "samples.jsonl").read_text(encoding="utf-8") == "one\ntwo\n"
    assert taken.place == "slo-verify/api-1-2"
    assert is_untouched(outside)


def test_a_name_that_leads_upwards_is_refused(workspace: Path, outside: Path) -> None:
    with pytest.raises(WorkspaceError, match="it leads upwards"):
        opened(workspace).write("../../../outside/victim", "x")

    assert is_untouched(outside)


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
    ("place", "hint"),
    [
        (_workspace_is_a_file, "must be writable"),
        (_workspace_is_missing, "does not exist in this container: mount it there"),
        (_slo_verify_is_a_file, "must be writable"),
    ],
)
def test_a_workspace_that_cannot_hold_evidence_stops_the_run(
    tmp_path: Path, place: Callable[[Path], Path], hint: str
) -> None:
    with pytest.raises(WorkspaceError) as caught:
        opened(place(tmp_path))

    assert str(tmp_path) in caught.value.message
    assert hint in caught.value.hint


def test_a_file_that_cannot_be_written_says_which(tmp_path: Path) -> None:
    evidence = opened(tmp_path)
    (evidence.directory / "audit.json").mkdir()
    (evidence.directory / "samples.jsonl").mkdir()

    with pytest.raises(WorkspaceError, match=r"audit\.json: Is a directory"):
        evidence.write("audit.json", "x")
    with pytest.raises(WorkspaceError, match=r"samples\.jsonl: Is a directory"):
        evidence.append("samples.jsonl", "x")


def test_a_disk_that_takes_no_more_says_so(tmp_path: Path) -> None:
    evidence = opened(tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        with pytest.raises(WorkspaceError, match=r"samples\.jsonl: File too large"):
            evidence.append("samples.jsonl", "x\n")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_thousand_earlier_runs_are_enough(tmp_path: Path) -> None:
    for number in range(1000):
        (tmp_path / "slo-verify" / (f"api-1-{number}" if number > 1 else "api-1")).mkdir(
            parents=True, exist_ok=True
        )

    with pytest.raises(WorkspaceError, match="too many runs"):
        opened(tmp_path)
