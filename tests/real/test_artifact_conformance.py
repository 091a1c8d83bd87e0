"""The official client and ours against the same world: each must read what the other wrote.

This is what makes `tests/worlds/artifact_service.py` worth trusting in all the other tests.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from slo_action.core.text.secrets import Scrubber, Secret
from slo_action.github.artifacts.runner import RunnerResults
from slo_action.github.artifacts.store import GitHubArtifactStore
from slo_action.ports import UploadedArtifact
from slo_action.system.clock import SystemClock
from tests.worlds.artifact_faces import loopback_face
from tests.worlds.artifact_service import GitHubArtifactService
from tests.worlds.seeded import seeded

pytestmark = pytest.mark.real

_CLIENT = Path(__file__).parent / "artifacts"
_MISSING = "the official client is not installed: run `npm ci` in tests/real/artifacts"
_LARGE_BYTES = 9 * 1024 * 1024


class MovableNow:
    """The real time, which a test can move ahead."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass(frozen=True)
class OfficialClient:
    node: str
    address: str
    token: str

    def do(self, verb: str, **given: object) -> Any:
        finished = subprocess.run(
            [self.node, "driver.mjs", verb, json.dumps(given)],
            cwd=_CLIENT,
            env={
                "ACTIONS_RESULTS_URL": f"{self.address}/some/path/that/is/dropped",
                "ACTIONS_RUNTIME_TOKEN": self.token,
                "GITHUB_SERVER_URL": "https://github.com",
                "GITHUB_WORKSPACE": str(_CLIENT),
                "PATH": os.environ["PATH"],
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert finished.returncode == 0, finished.stderr
        return json.loads(finished.stdout)


@dataclass(frozen=True)
class Bench:
    service: GitHubArtifactService
    now: MovableNow
    theirs: OfficialClient
    ours: GitHubArtifactStore


@pytest.fixture
def bench() -> Iterator[Bench]:
    node = shutil.which("node")
    if node is None or not (_CLIENT / "node_modules").is_dir():
        if os.environ.get("CI_NO_SKIP") == "1":
            pytest.fail(_MISSING)
        pytest.skip(_MISSING)
    now = MovableNow()
    service = GitHubArtifactService(now)
    with loopback_face(service) as address:
        token = service.token()
        runner = RunnerResults(
            results_url=f"{address}/",
            token=Secret(token),
            server_url="https://github.com",
            repository="octo/shop",
            run_id="42",
            retention_days=3,
            max_retention_days=90,
        )
        ours = GitHubArtifactStore(
            runner,
            clock=SystemClock(),
            scrubber=Scrubber(),
            mask=lambda _: None,
            random=seeded(7).random,
        )
        yield Bench(service, now, OfficialClient(node, address, token), ours)


@pytest.fixture
def evidence(tmp_path: Path) -> Path:
    """One file is larger than a block, one is empty, one has a name beyond ASCII."""
    root = tmp_path / "evidence"
    (root / "proofs").mkdir(parents=True)
    (root / "record.json").write_text('{"verdict": "healthy"}\n')
    (root / "empty.txt").write_bytes(b"")
    (root / "proofs" / "grün 1.txt").write_text("HTTP/1.1 200 OK\n")
    (root / "proofs" / "large.bin").write_bytes(seeded(1).randbytes(_LARGE_BYTES))
    return root


def test_what_the_official_client_uploads_it_downloads_again(
    bench: Bench, evidence: Path, tmp_path: Path
) -> None:
    uploaded = _upload_theirs(bench, "report", evidence)

    downloaded = bench.theirs.do("download", id=uploaded["id"], path=str(tmp_path / "back"))

    assert downloaded["digestMismatch"] is False
    assert _tree(tmp_path / "back") == _tree(evidence)


def test_what_we_upload_the_official_client_lists_with_our_size_and_digest(
    bench: Bench, evidence: Path
) -> None:
    uploaded = _upload_ours(bench, "report", evidence)

    (listed,) = bench.theirs.do("list")["artifacts"]

    assert listed["name"] == uploaded.name == "report"
    assert str(listed["id"]) == uploaded.artifact_id
    assert listed["size"] == uploaded.size_bytes
    assert listed["digest"] == uploaded.digest


def test_what_we_upload_the_official_client_unpacks_byte_by_byte(
    bench: Bench, evidence: Path, tmp_path: Path
) -> None:
    uploaded = _upload_ours(bench, "report", evidence)

    downloaded = bench.theirs.do(
        "download",
        id=int(uploaded.artifact_id),
        path=str(tmp_path / "back"),
        digest=uploaded.digest,
    )

    assert downloaded["digestMismatch"] is False
    assert _tree(tmp_path / "back") == _tree(evidence)


def test_the_archive_itself_arrives_byte_by_byte(
    bench: Bench, evidence: Path, tmp_path: Path
) -> None:
    uploaded = _upload_ours(bench, "report", evidence)

    bench.theirs.do("download", id=int(uploaded.artifact_id), path=str(tmp_path / "back"), raw=True)

    (archive,) = (tmp_path / "back").iterdir()
    assert archive.name == "report.zip"
    assert f"sha256:{sha256(archive.read_bytes()).hexdigest()}" == uploaded.digest


def test_both_clients_leave_the_same_kind_of_entry(bench: Bench, evidence: Path) -> None:
    _upload_theirs(bench, "theirs", evidence)
    _upload_ours(bench, "ours", evidence)

    theirs, ours = bench.service.listed()

    assert (theirs.run, theirs.job) == (ours.run, ours.job)
    blobs = bench.service.blobs.blobs
    assert blobs[theirs.blob_path].content_type == blobs[ours.blob_path].content_type
    assert (theirs.digest or "")[:7] == (ours.digest or "")[:7] == "sha256:"
    assert abs(theirs.expires - ours.expires) < timedelta(minutes=2)


def test_a_name_we_took_is_refused_to_the_official_client(bench: Bench, evidence: Path) -> None:
    _upload_ours(bench, "report", evidence)

    refused = _upload_theirs(bench, "report", evidence)

    assert "(409) Conflict: an artifact with this name already exists" in refused["error"]


def test_a_name_the_official_client_took_makes_us_take_another(
    bench: Bench, evidence: Path
) -> None:
    _upload_theirs(bench, "report", evidence)

    uploaded = _upload_ours(bench, "report", evidence)

    assert uploaded.name.startswith("report-")
    assert {one["name"] for one in bench.theirs.do("list")["artifacts"]} == {
        "report",
        uploaded.name,
    }


def test_what_the_official_client_deletes_is_gone_and_its_name_is_free(
    bench: Bench, evidence: Path
) -> None:
    uploaded = _upload_ours(bench, "report", evidence)

    deleted = bench.theirs.do("delete", name="report")

    assert str(deleted["id"]) == uploaded.artifact_id
    assert bench.theirs.do("list")["artifacts"] == []
    assert _upload_ours(bench, "report", evidence).name == "report"


def test_what_has_expired_is_neither_listed_nor_downloaded(
    bench: Bench, evidence: Path, tmp_path: Path
) -> None:
    uploaded = _upload_ours(bench, "report", evidence)
    bench.now.ahead = timedelta(days=3, minutes=1)
    late = OfficialClient(bench.theirs.node, bench.theirs.address, bench.service.token())

    assert late.do("list")["artifacts"] == []
    refused = late.do("download", id=int(uploaded.artifact_id), path=str(tmp_path / "back"))
    assert "No artifacts found for ID" in refused["error"]


def test_the_official_client_reads_the_quota_as_we_do(bench: Bench, evidence: Path) -> None:
    bench.service.quota_is_used_up = True

    refused = _upload_theirs(bench, "report", evidence)

    assert "Artifact storage quota has been hit" in refused["error"]


def _upload_ours(bench: Bench, name: str, root: Path) -> UploadedArtifact:
    return bench.ours.upload(name, root, _files(root))


def _upload_theirs(bench: Bench, name: str, root: Path) -> Any:
    files = [str(file) for file in _files(root)]
    return bench.theirs.do("upload", name=name, root=str(root), files=files, retentionDays=3)


def _files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file())


def _tree(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in _files(root)}
