"""What `prepare` hands over: written, found again, and read with care."""

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slo_action.audit.prepared import find_prepared, prepared_json, read_prepared
from slo_action.core.model import Release
from slo_action.core.release.baseline import Baseline, Prepared, Proof, ProofState, StreamBaseline
from slo_action.errors import RecordError
from slo_action.files import HeldDirectory
from tests.builders import DEPLOYED_AT
from tests.sizes import sized

PREPARED = Prepared(
    service="shop",
    app="shop-api",
    platform="fly",
    taken_at=DEPLOYED_AT - timedelta(minutes=5),
    release=Release(version="v42", digest="sha256:a"),
    proofs=(Proof(name="image", state=ProofState.PROVEN, words="there"),),
    not_restored=("secrets",),
    baseline=Baseline(
        taken_at=DEPLOYED_AT,
        seconds=30.0,
        streams=(StreamBaseline(name="health", bad=1, valid=75, p95_ms=12.5),),
    ),
    sealed="c2VhbGVk",
)


def put(workspace: Path, prepared: Prepared, place: str = "shop-prepare-1") -> Path:
    path = workspace / "slo-verify" / place / "prepared.json"
    path.parent.mkdir(parents=True)
    path.write_text(prepared_json(prepared), encoding="utf-8")
    return path


def found(workspace: Path, warned: list[str] | None = None) -> Prepared | None:
    heard: list[str] = [] if warned is None else warned
    return find_prepared(
        workspace, service="shop", app="shop-api", deployed_at=DEPLOYED_AT, warn=heard.append
    )


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    name = put(tmp_path, PREPARED).relative_to(tmp_path).as_posix()

    assert read_prepared(HeldDirectory(tmp_path), name) == PREPARED
    assert found(tmp_path) == PREPARED


def test_an_unpacked_artifact_is_found_at_any_depth(tmp_path: Path) -> None:
    put(tmp_path, PREPARED, "from-job-a/slo-verify-shop-prepare-1-build")

    assert found(tmp_path) == PREPARED


def test_the_newest_of_several_counts(tmp_path: Path) -> None:
    newer = replace(PREPARED, taken_at=PREPARED.taken_at + timedelta(minutes=2))
    put(tmp_path, newer, "a")
    put(tmp_path, PREPARED, "b")

    assert found(tmp_path) == newer


@pytest.mark.parametrize(
    "other",
    [
        replace(PREPARED, service="cart"),
        replace(PREPARED, app="cart-api"),
        replace(PREPARED, taken_at=DEPLOYED_AT + timedelta(minutes=2)),
        replace(PREPARED, taken_at=DEPLOYED_AT - timedelta(hours=25)),
    ],
    ids=["another service", "another app", "after the deploy", "yesterday's"],
)
def test_what_belongs_to_another_deploy_is_left_alone(other: Prepared, tmp_path: Path) -> None:
    put(tmp_path, other)

    assert found(tmp_path) is None


def test_what_is_not_used_is_a_warning_unless_it_is_of_another_service(tmp_path: Path) -> None:
    warned: list[str] = []
    put(tmp_path, replace(PREPARED, service="cart"), "a")
    put(tmp_path, replace(PREPARED, taken_at=DEPLOYED_AT - timedelta(hours=25)), "b")
    put(tmp_path, PREPARED, "c").write_text("{}", encoding="utf-8")

    assert found(tmp_path, warned) is None
    assert len(warned) == 2
    assert all(line.startswith("the result of `prepare`") for line in warned)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=sized(15, 50))
@given(content=st.one_of(st.binary(max_size=200), st.sampled_from([b"{}", b"[]", b"[" * 9999])))
def test_any_other_file_is_passed_over(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "slo-verify" / "x" / "prepared.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)

    assert found(tmp_path) is None
    with pytest.raises(RecordError):
        read_prepared(HeldDirectory(tmp_path), "slo-verify/x/prepared.json")


def _to_the_file(place: Path, real: Path) -> None:
    place.mkdir(parents=True)
    (place / "prepared.json").symlink_to(real / "prepared.json")


def _to_its_directory(place: Path, real: Path) -> None:
    place.parent.mkdir(parents=True)
    place.symlink_to(real)


def _to_all_of_it(place: Path, real: Path) -> None:
    place.parent.symlink_to(real)


def _a_pipe(place: Path, _real: Path) -> None:
    place.mkdir(parents=True)
    os.mkfifo(place / "prepared.json")


@pytest.mark.parametrize("plant", [_to_the_file, _to_its_directory, _to_all_of_it, _a_pipe])
def test_neither_a_link_is_followed_nor_a_pipe_waited_for(
    plant: Callable[[Path, Path], None], tmp_path: Path
) -> None:
    real = put(tmp_path / "elsewhere", PREPARED).parent
    plant(tmp_path / "slo-verify" / "x", real)

    assert found(tmp_path) is None
