"""Files of the workspace, by whatever name: nothing outside of it is ever read or listed."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from slo_action.config.files.workspace import SIZE_LIMIT_BYTES, WorkspaceFiles
from slo_action.errors import Mistake
from tests.sizes import sized

SECRET = "secret: outside\n"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory full of ways out, beside one that holds a secret."""
    top = tmp_path_factory.mktemp("top")
    place = top / "workspace"
    (place / "a" / "b").mkdir(parents=True)
    (top / "workspace-2").mkdir()
    for outside in (top / "secret.yml", top / "workspace-2" / "secret.yml"):
        outside.write_text(SECRET, encoding="utf-8")
    for inside in ("slo.yml", "a/slo.yml", "a/b/slo.yml"):
        (place / inside).write_text("service: inside\n", encoding="utf-8")
    for link, target in {
        "out.yml": "../secret.yml",
        "whole.yml": str(top / "secret.yml"),
        "a/up": "../..",
        "a/root": "/",
        "round.yml": "round.yml",
        "dead.yml": "none.yml",
        "in.yml": "a/b/slo.yml",
    }.items():
        (place / link).symlink_to(target)
    os.mkfifo(place / "pipe.yml")
    return place


INSIDE = ("", "a", "b", "up", "root", "slo.yml", "out.yml", "whole.yml", "round.yml", "in.yml")
OUTSIDE = ("..", "workspace-2", "secret.yml", "workspace", "etc", "passwd", "~", "C:", "\\..\\")
ODD = (".", "\0", "x" * 300, "\ud800", "*", "**", "*.yml", "[a-z]*", "?ut.yml")
PARTS = st.sampled_from([*INSIDE, *OUTSIDE, *ODD])
NAMES = st.lists(PARTS, max_size=8).map("/".join) | st.text()


@settings(max_examples=sized(80, 400), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(NAMES)
@example("../secret.yml")
@example("a/up/secret.yml")
@example("a/root/etc/passwd")
@example("../workspace-2/secret.yml")
@example("out.yml")
@example("x" * 70_000)
@example("a\0")
@example("round.yml/../out.yml")
def test_no_name_leads_out(workspace: Path, name: str) -> None:
    text = WorkspaceFiles(workspace).text(name, "config")

    assert text == "service: inside\n" or isinstance(text, Mistake)


@settings(max_examples=sized(80, 400), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(NAMES, st.sampled_from(["slo.yml", "a/slo.yml", "a/b/slo.yml", "a/up/x.yml"]))
@example("../*.yml", "slo.yml")
@example("../../*.yml", "a/slo.yml")
@example("up/*.yml", "a/slo.yml")
@example("*/secret.yml", "a/slo.yml")
@example("**/*", "slo.yml")
@example("../../../*", "a/slo.yml")
def test_no_pattern_lists_what_lies_outside(workspace: Path, pattern: str, beside: str) -> None:
    files = WorkspaceFiles(workspace)
    names = files.matching(pattern, beside)

    if any(mark in pattern for mark in "*?["):
        assert [name for name in names if ".." in name.split("/")] == []
        for name in names:
            assert (workspace / name).parent.resolve().is_relative_to(workspace)
    for name in names:
        assert files.text(name, "include") != SECRET


@settings(max_examples=sized(40, 200), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(NAMES)
@example("round.yml/../out.yml")
def test_a_real_name_is_plain_and_reads_the_same(workspace: Path, name: str) -> None:
    files = WorkspaceFiles(workspace)
    real = files.real_name(name, "config")

    if isinstance(real, Mistake):
        assert isinstance(files.text(name, "config"), Mistake)
        return
    assert not {"..", "."} & set(Path(real).parts)
    assert files.real_name(real, "config") == real


def test_links_within_the_workspace_are_followed(workspace: Path) -> None:
    files = WorkspaceFiles(workspace)

    assert files.text("in.yml", "config") == "service: inside\n"
    assert files.real_name("in.yml", "config") == "a/b/slo.yml"


@pytest.mark.parametrize("name", ["../slo.yml", "/etc/passwd", "x" * 5000])
def test_what_leads_to_no_place_in_the_workspace_is_known_as_it_is_named(
    workspace: Path, name: str
) -> None:
    files = WorkspaceFiles(workspace)

    assert files.real_name_or_given(name) == name
    assert files.real_name_or_given("in.yml") == "a/b/slo.yml"


def test_what_is_no_plain_file_is_not_waited_for(workspace: Path) -> None:
    wrong = WorkspaceFiles(workspace).text("pipe.yml", "config")

    assert isinstance(wrong, Mistake)
    assert wrong.problem == "cannot be read: it is not a regular file"


@pytest.fixture
def large(tmp_path: Path) -> Path:
    return tmp_path / "slo.yml"


@pytest.mark.parametrize(("more", "is_read"), [(0, True), (1, False)])
def test_a_file_is_read_up_to_its_limit(large: Path, more: int, is_read: bool) -> None:
    large.write_bytes(b"#" * (SIZE_LIMIT_BYTES + more))
    text = WorkspaceFiles(large.parent).text("slo.yml", "config")

    assert isinstance(text, str) is is_read
    assert is_read or "larger than 8 MiB" in str(text)
