"""YAML from the workspace: read safely, and every mistake has its place."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from slo_action.config.load import SIZE_LIMIT_BYTES, load_documents
from slo_action.errors import Mistake


def loaded(directory: Path, content: str | bytes) -> tuple[object, ...] | Mistake:
    path = directory / "slo.yml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return load_documents(path, "config")


def mistake(directory: Path, content: str | bytes) -> Mistake:
    found = loaded(directory, content)
    assert isinstance(found, Mistake)
    return found


def test_documents_are_read_and_empty_ones_left_out(tmp_path: Path) -> None:
    assert loaded(tmp_path, "a: 1\n---\n---\n- b\n---\n") == ({"a": 1}, ["b"])


def test_a_yaml_mistake_has_file_line_and_column(tmp_path: Path) -> None:
    found = mistake(tmp_path, "service: a\nurl: [b\nhealth: c\n")

    assert found.path == str(tmp_path / "slo.yml")
    assert (found.line, found.column) == (3, 7)
    assert f"{found.path}:3: config: not valid YAML" in str(found)


def test_a_tab_is_found_where_it_stands(tmp_path: Path) -> None:
    found = mistake(tmp_path, "service: a\nmonitoring:\n\tinterval: 15s\n")

    assert (found.line, found.column) == (3, 1)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"a: \xff\xfe", "byte 4 is not UTF-8"),
        ("a: \x00", "special characters are not allowed"),
        ("a: 1\n" * (SIZE_LIMIT_BYTES // 4), "larger than 1 MiB"),
        ("[" * 5_000, "nested too deeply"),
        ('!!int ""', "cannot be read"),
        ('!!timestamp "x"', "cannot be read"),
        ("!!bool maybe", "cannot be read"),
        ("2025-13-45", "cannot be read"),
        ("9" * 5000, "cannot be read"),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path: Path, content: str | bytes, problem: str) -> None:
    found = mistake(tmp_path, content)

    assert problem in found.problem
    assert found.value == str(tmp_path / "slo.yml")


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    found = load_documents(tmp_path / "none.yml", "config")

    assert isinstance(found, Mistake)
    assert "No such file" in found.problem


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    found = load_documents(tmp_path, "config")

    assert isinstance(found, Mistake)
    assert "Is a directory" in found.problem


def test_a_file_can_run_no_code(tmp_path: Path) -> None:
    canary = tmp_path / "canary"

    found = mistake(tmp_path, f"!!python/object/apply:os.system ['touch {canary}']")

    assert found.line == 1
    assert not canary.exists()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.one_of(st.text(), st.from_regex(r"[\[\]{}&*!|>'\"%@`:#,? a\n\t-]{0,40}")))
@example("&a [*a]")
@example("<<: 1")
def test_every_text_is_documents_or_one_mistake(tmp_path: Path, text: str) -> None:
    found = loaded(tmp_path, text.encode("utf-8", errors="surrogatepass"))

    assert isinstance(found, Mistake | tuple)
