import os
import random
import tracemalloc
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo_action.errors import ArtifactError
from slo_action.github.artifacts.archive import archive_entries, in_blocks, zip_stream
from tests.worlds.artifact_bench import unpacked
from tests.worlds.seeded import seeded

MEGABYTE = 1024 * 1024
NAMES = st.text("abcö", min_size=1, max_size=4)
TREES = st.dictionaries(
    st.builds("d{}/{}.txt".format, NAMES, NAMES), st.binary(max_size=300), min_size=1, max_size=6
)


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place for property tests, which cannot have a fresh directory per example."""
    return tmp_path_factory.mktemp("zip")


@settings(deadline=None)  # a disk may take its time
@given(TREES, st.randoms())
def test_the_same_files_make_the_same_bytes_in_whatever_order_and_age(
    workshop: Path, tree: dict[str, bytes], shuffler: random.Random
) -> None:
    first = archive(*_written(workshop, tree, "first"))
    root, files = _written(workshop, tree, "second")
    shuffler.shuffle(files)
    os.utime(files[0], (1, shuffler.randrange(2**31)))
    files[0].chmod(0o600)

    assert archive(root, files) == first


@settings(deadline=None)
@given(TREES)
def test_what_goes_in_comes_out(workshop: Path, tree: dict[str, bytes]) -> None:
    assert unpacked(archive(*_written(workshop, tree, "tree"))) == tree


def test_the_archive_passes_its_own_check_and_states_no_time(tmp_path: Path) -> None:
    packed = archive(*_written(tmp_path, {"a.txt": b"a" * 1000, "b.txt": b""}, "tree"))

    with ZipFile(BytesIO(packed)) as opened:
        assert opened.testzip() is None
        assert {info.date_time for info in opened.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {info.external_attr >> 16 for info in opened.infolist()} == {0o100644}


def test_a_file_given_twice_is_packed_once(tmp_path: Path) -> None:
    root, files = _written(tmp_path, {"a.txt": b"a"}, "tree")

    assert len(archive_entries(root, files * 2)) == 1


def test_memory_does_not_grow_with_the_files(tmp_path: Path) -> None:
    noise = seeded(1)
    tree = {f"{number}.bin": noise.randbytes(8 * MEGABYTE) for number in range(4)}
    root, files = _written(tmp_path, tree, "tree")
    tree.clear()

    tracemalloc.start()
    try:
        total = sum(len(piece) for piece in zip_stream(archive_entries(root, files)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert total > 32 * MEGABYTE
    assert peak < 4 * MEGABYTE


@given(st.lists(st.binary(max_size=50)), st.integers(1, 40))
def test_blocks_hold_the_stream_and_only_the_last_is_short(pieces: list[bytes], size: int) -> None:
    blocks = list(in_blocks(pieces, size))

    assert b"".join(blocks) == b"".join(pieces)
    assert all(len(block) == size for block in blocks[:-1])
    assert all(0 < len(block) <= size for block in blocks)


@pytest.mark.parametrize("target", ["../secret.txt", "a.txt", "none", "/dev/zero"])
def test_a_link_is_refused_wherever_it_leads(target: str, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("hunter2")
    root, files = _written(tmp_path, {"a.txt": b"a"}, "tree")
    link = root / "link.txt"
    link.symlink_to(target)

    with pytest.raises(ArtifactError, match=r"'link\.txt' is not uploaded: it is a symbolic link"):
        archive_entries(root, [*files, link])


@pytest.mark.parametrize("name", ["a.txt", "d/a.txt"])
def test_a_file_that_is_exchanged_for_a_link_while_packing_is_not_followed(
    name: str, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.txt").write_text("hunter2")
    root, files = _written(tmp_path, {name: b"a"}, "tree")
    entries = archive_entries(root, files)
    if name == "a.txt":
        files[0].unlink()
        files[0].symlink_to(outside / "a.txt")
    else:
        files[0].parent.rename(tmp_path / "moved")
        files[0].parent.symlink_to(outside)

    with pytest.raises(ArtifactError, match="it is a symbolic link"):
        list(zip_stream(entries))


def test_a_file_outside_is_refused_by_its_name_alone(tmp_path: Path) -> None:
    root, _ = _written(tmp_path, {"a.txt": b"a"}, "tree")
    outside = tmp_path / "outside.txt"
    outside.write_text("x")

    for path in (outside, root / ".." / "outside.txt"):
        with pytest.raises(ArtifactError):
            archive_entries(root, [path])


def test_a_missing_file_is_reported_with_its_reason(tmp_path: Path) -> None:
    root, _ = _written(tmp_path, {"a.txt": b"a"}, "tree")

    with pytest.raises(ArtifactError, match=r"'gone\.txt' cannot be read: No such file"):
        archive_entries(root, [root / "gone.txt"])


def test_a_file_that_vanishes_while_packing_is_sent_too(tmp_path: Path) -> None:
    root, files = _written(tmp_path, {"a.txt": b"a"}, "tree")
    entries = archive_entries(root, files)
    files[0].unlink()

    with pytest.raises(ArtifactError, match=r"'a\.txt' cannot be read"):
        list(zip_stream(entries))


def test_what_is_no_regular_file_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    root, _ = _written(tmp_path, {"a.txt": b"a"}, "tree")
    os.mkfifo(root / "pipe")

    with pytest.raises(ArtifactError, match="it is not a regular file"):
        archive_entries(root, [root / "pipe"])


def test_a_name_that_ntfs_cannot_write_is_refused(tmp_path: Path) -> None:
    root, files = _written(tmp_path, {"12:30.txt": b"a"}, "tree")

    with pytest.raises(ArtifactError, match="its path has ':'"):
        archive_entries(root, files)


def archive(root: Path, files: list[Path]) -> bytes:
    return b"".join(zip_stream(archive_entries(root, files)))


def _written(place: Path, tree: dict[str, bytes], name: str) -> tuple[Path, list[Path]]:
    """Write the tree below a directory that holds nothing else of interest."""
    root = place / name
    for path, content in tree.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    return root, [root / path for path in tree]
