import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_action.github.artifacts.names import (
    LONGEST_NAME,
    artifact_name,
    candidate_names,
    forbidden_in_path,
    valid_name,
    with_suffix,
)
from tests.worlds.seeded import seeded

ANY_TEXT = st.text(st.characters(), max_size=600)
FORBIDDEN = set('":<>|*?\r\n\\/')


def test_the_default_name_states_service_attempt_job_and_matrix() -> None:
    name = artifact_name("api", 2, job="deploy", matrix=("eu", "3.12"))

    assert name == "slo-verify-api-2-deploy-eu-3.12"
    assert artifact_name("api", 1, earlier="2", job="deploy") == "slo-verify-api-1-2-deploy"


def test_parts_that_are_empty_leave_no_trace() -> None:
    assert artifact_name("api", 1, job="", matrix=("", " ")) == "slo-verify-api-1"


@pytest.mark.parametrize("character", sorted(FORBIDDEN))
def test_a_forbidden_character_becomes_a_dash(character: str) -> None:
    assert valid_name(f"eu{character}west") == "eu-west"


@pytest.mark.parametrize("empty", ["", "  ", ".", ".."])
def test_a_name_that_says_nothing_becomes_the_tools_own(empty: str) -> None:
    assert valid_name(empty) == "slo-verify"


def test_long_names_that_differ_at_their_ends_only_stay_different() -> None:
    stem = "a" * LONGEST_NAME

    assert valid_name(f"{stem}-eu") != valid_name(f"{stem}-us")


@given(ANY_TEXT)
def test_every_text_becomes_a_name_the_service_accepts(text: str) -> None:
    name = valid_name(text)

    assert 0 < len(name) <= LONGEST_NAME
    assert not FORBIDDEN & set(name)
    name.encode()


@given(ANY_TEXT)
def test_a_valid_name_stays_as_it_is(text: str) -> None:
    name = valid_name(text)

    assert valid_name(name) == name


@given(st.text("abc .-", max_size=600), ANY_TEXT)
def test_a_default_name_is_valid_whatever_its_parts_hold(service: str, value: str) -> None:
    name = artifact_name(service, 1, job=value, matrix=(value, service))

    assert valid_name(name) == name


def test_a_suffix_replaces_the_end_of_a_name_that_would_be_too_long() -> None:
    name = with_suffix("a" * LONGEST_NAME, "0badcafe")

    assert len(name) == LONGEST_NAME
    assert name.endswith("a-0badcafe")


def test_the_wanted_name_is_tried_first_and_then_names_that_are_free() -> None:
    names = list(candidate_names("report", seeded(1).random))

    assert names[0] == "report"
    assert len(names) == len(set(names)) == 5
    assert all(name.startswith("report-") for name in names[1:])


@pytest.mark.parametrize("path", ["a:b.txt", "a/b?.txt", "line\nbreak", "not-utf-8-\udce4"])
def test_paths_that_cannot_be_unpacked_everywhere_are_found(path: str) -> None:
    assert forbidden_in_path(path) in {":", "?", "\n", "\udce4"}


def test_slashes_and_backslashes_are_fine_in_paths() -> None:
    assert forbidden_in_path("proofs/a\\b.txt") is None
