"""Verdicts kept in a directory: read with care, written below the workspace only."""

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slo_action.core.model import Cause, Verdict
from slo_action.core.release.track_record import PastVerdict
from slo_action.errors import WorkspaceError
from slo_action.history.directory import HistoryDirectory
from tests.builders import DEPLOYED_AT
from tests.sizes import sized


def verdict(**changes: Any) -> PastVerdict:
    values: dict[str, Any] = {
        "service": "shop",
        "version": "v42",
        "digest": "sha256:a",
        "verdict": Verdict.HEALTHY,
        "cause": Cause.NONE,
        "at": DEPLOYED_AT,
    }
    return PastVerdict(**{**values, **changes})


def test_what_is_kept_is_read_again_oldest_first(tmp_path: Path) -> None:
    history = HistoryDirectory(tmp_path, ".slo")
    newer, older = verdict(), verdict(version="v41", at=DEPLOYED_AT - timedelta(days=1))
    for each in (newer, older):
        history.keep(each)

    assert HistoryDirectory(tmp_path, ".slo").verdicts("shop") == (older, newer)


def test_a_service_has_its_own_verdicts_though_names_fall_together_as_file_names(
    tmp_path: Path,
) -> None:
    history = HistoryDirectory(tmp_path, ".slo")
    history.keep(verdict(service="shop/api"))
    history.keep(verdict(service="shop-api"))

    assert [found.service for found in history.verdicts("shop/api")] == ["shop/api"]


def test_nothing_kept_is_an_empty_history(tmp_path: Path) -> None:
    assert HistoryDirectory(tmp_path, "nowhere").verdicts("shop") == ()


@pytest.mark.parametrize(
    "line",
    [
        "",
        "not json",
        "{}",
        "[]",
        "null",
        '{"at": 3}',
        json.dumps({"at": "2026-01-01", "service": "shop", "version": 1, "digest": ""}),
        "[" * 5000,
        json.dumps(
            {
                "at": "2026-11-25T00:00:00Z",
                "service": "shop",
                "version": "v1",
                "digest": "",
                "verdict": "splendid",
                "cause": "none",
            }
        ),
    ],
)
def test_a_line_that_cannot_be_read_is_passed_over(line: str, tmp_path: Path) -> None:
    history = HistoryDirectory(tmp_path, ".slo")
    history.keep(verdict())
    with (tmp_path / ".slo" / "shop.jsonl").open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")
    history.keep(verdict(version="v43"))

    assert [found.version for found in history.verdicts("shop")] == ["v42", "v43"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=sized(15, 50))
@given(content=st.binary(max_size=300))
def test_any_bytes_are_read_without_an_error(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "shop.jsonl").write_bytes(content)

    assert HistoryDirectory(tmp_path, ".").verdicts("shop") == ()


def test_a_link_that_leads_out_of_the_workspace_is_neither_read_nor_written(
    tmp_path: Path,
) -> None:
    outside, workspace = tmp_path / "outside", tmp_path / "workspace"
    outside.mkdir()
    workspace.mkdir()
    HistoryDirectory(tmp_path, "outside").keep(verdict())
    (workspace / ".slo").symlink_to(outside)
    history = HistoryDirectory(workspace, ".slo")

    assert history.verdicts("shop") == ()
    with pytest.raises(WorkspaceError):
        history.keep(verdict())


@pytest.mark.parametrize("target", ["pipe", "/dev/zero", "other.jsonl", "none"])
def test_what_is_no_plain_file_of_its_own_is_neither_read_nor_written(
    target: str, tmp_path: Path
) -> None:
    (tmp_path / "other.jsonl").write_text("mine\n", encoding="utf-8")
    if target == "pipe":
        os.mkfifo(tmp_path / "shop.jsonl")
    else:
        (tmp_path / "shop.jsonl").symlink_to(target)
    history = HistoryDirectory(tmp_path, ".")

    assert history.verdicts("shop") == ()
    with pytest.raises(WorkspaceError):
        history.keep(verdict())
    assert (tmp_path / "other.jsonl").read_text(encoding="utf-8") == "mine\n"
    assert not (tmp_path / "none").exists()


def test_a_directory_that_is_a_link_within_the_workspace_is_used(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / ".slo").symlink_to("cache")
    history = HistoryDirectory(tmp_path, ".slo")
    history.keep(verdict())

    assert history.verdicts("shop") == (verdict(),)
    assert (tmp_path / "cache" / "shop.jsonl").is_file()


def test_a_directory_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / ".slo").write_text("a file", encoding="utf-8")

    with pytest.raises(WorkspaceError) as caught:
        HistoryDirectory(tmp_path, ".slo").keep(verdict())
    assert caught.value.hint
