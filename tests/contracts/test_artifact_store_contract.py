"""What every ArtifactStore promises, the fake of the tests as well as the real one."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from slo_action.errors import ArtifactError
from slo_action.ports import ArtifactStore
from tests.worlds.artifact_bench import ActBench, GitHubBench, unpacked
from tests.worlds.artifact_http import Reply
from tests.worlds.fake_artifact_store import FakeArtifactStore


@dataclass(frozen=True)
class Subject:
    """A store, how to read what it stored under a name, and how to break what is behind it."""

    store: ArtifactStore
    stored: Callable[[str], bytes]
    break_it: Callable[[], None]


def _fake(_: Path) -> Subject:
    fake = FakeArtifactStore()

    def break_it() -> None:
        fake.error = ArtifactError("The service is down.", hint="wait")

    return Subject(fake, fake.archives.__getitem__, break_it)


def _github(place: Path) -> Subject:
    bench = GitHubBench(place)
    down = Reply(status=503)
    return Subject(
        bench.store(),
        bench.service.content,
        lambda: bench.service.faults.answer("CreateArtifact", down, times=99),
    )


def _act(place: Path) -> Subject:
    bench = ActBench(place)
    return Subject(
        bench.store(),
        bench.service.files.__getitem__,
        lambda: bench.service.faults.lose_request("PutBlock", times=99),
    )


@pytest.fixture(params=[_fake, _github, _act], ids=["fake", "github", "act"])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Subject:
    made: Subject = request.param(tmp_path / "unused")
    return made


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "evidence"
    (root / "proofs").mkdir(parents=True)
    (root / "record.json").write_text("{}\n")
    (root / "proofs" / "1.txt").write_text("HTTP/1.1 200 OK\n")
    return root


def test_paths_in_the_archive_are_relative_to_the_root(subject: Subject, root: Path) -> None:
    uploaded = subject.store.upload("report", root, _files(root))

    assert unpacked(subject.stored(uploaded.name)) == {
        "proofs/1.txt": b"HTTP/1.1 200 OK\n",
        "record.json": b"{}\n",
    }


def test_only_the_files_given_are_uploaded(subject: Subject, root: Path) -> None:
    uploaded = subject.store.upload("report", root, [root / "record.json"])

    assert list(unpacked(subject.stored(uploaded.name))) == ["record.json"]


def test_size_and_digest_are_those_of_the_stored_bytes(subject: Subject, root: Path) -> None:
    uploaded = subject.store.upload("report", root, _files(root))

    archive = subject.stored(uploaded.name)
    assert uploaded.size_bytes == len(archive)
    assert uploaded.digest == f"sha256:{sha256(archive).hexdigest()}"


def test_the_address_is_that_of_the_runs_artifact(subject: Subject, root: Path) -> None:
    uploaded = subject.store.upload("report", root, _files(root))

    assert uploaded.artifact_id.isdigit()
    assert uploaded.url.endswith(f"/octo/shop/actions/runs/42/artifacts/{uploaded.artifact_id}")


def test_the_same_files_make_the_same_archive(subject: Subject, root: Path) -> None:
    first = subject.store.upload("first", root, _files(root))
    second = subject.store.upload("second", root, _files(root)[::-1])

    assert first.digest == second.digest


def test_a_name_is_taken_as_it_is_where_it_is_valid(subject: Subject, root: Path) -> None:
    assert subject.store.upload("slo-verify-api-1", root, _files(root)).name == "slo-verify-api-1"


@pytest.mark.parametrize("name", ["a/b:c", "", "x" * 300])
def test_a_name_that_is_not_becomes_valid(subject: Subject, root: Path, name: str) -> None:
    stored = subject.store.upload(name, root, _files(root)).name

    assert 0 < len(stored) <= 256
    assert not set('":<>|*?\r\n\\/') & set(stored)


def test_nothing_to_upload_is_an_error(subject: Subject, root: Path) -> None:
    with pytest.raises(ArtifactError, match="no files"):
        subject.store.upload("report", root, [])


def test_a_file_that_is_missing_is_an_error(subject: Subject, root: Path) -> None:
    with pytest.raises(ArtifactError, match=r"gone\.txt"):
        subject.store.upload("report", root, [root / "gone.txt"])


def test_a_file_outside_of_the_root_is_an_error(subject: Subject, root: Path) -> None:
    with pytest.raises(ArtifactError, match="not below"):
        subject.store.upload("report", root / "proofs", [root / "record.json"])


def test_trouble_behind_the_store_is_an_error_with_a_next_step(
    subject: Subject, root: Path
) -> None:
    subject.break_it()

    with pytest.raises(ArtifactError) as caught:
        subject.store.upload("report", root, _files(root))

    assert caught.value.message
    assert caught.value.hint


def _files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file())
