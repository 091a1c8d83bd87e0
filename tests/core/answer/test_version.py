"""Finding the version an answer reports, and comparing it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_action.core.answer.version import (
    judge_version,
    matches,
    version_fields_in_headers,
    version_fields_in_json,
    version_fields_in_line,
)
from slo_action.core.model import VersionRule

COMMIT = "3f2a9c1d4e5b60718293a4b5c6d7e8f901234567"
DIGEST = "sha256:" + "ab12" * 16


@pytest.mark.parametrize(
    ("expected", "reported"),
    [
        ("1.2.3", "1.2.3"),
        ("v1.2.3", "1.2.3"),
        ("1.2.3", "V1.2.3"),
        (" 1.2.3\n", "1.2.3"),
        (COMMIT, COMMIT[:7]),
        (COMMIT[:8], COMMIT),
        (COMMIT.upper(), COMMIT[:12]),
        (DIGEST, DIGEST.removeprefix("sha256:")),
        (DIGEST, DIGEST[:19]),
        (DIGEST, f"registry.fly.io/shop@{DIGEST}"),
        (DIGEST, f"registry.fly.io/shop:v9@{DIGEST}"),
        ("1.2.3", "registry.fly.io/shop:v1.2.3"),
        ("deploy-42", "deploy-42"),
    ],
)
def test_two_names_of_one_version_match_either_way(expected: str, reported: str) -> None:
    assert matches(expected, reported)
    assert matches(reported, expected)


@pytest.mark.parametrize(
    ("expected", "reported"),
    [
        ("1.2.3", "1.2.4"),
        ("1.2.3", "1.2.30"),
        (COMMIT, COMMIT[:6]),
        (COMMIT, COMMIT[1:9]),
        ("20241101", "2024110142"),
        ("vnext", "next"),
        ("shop", "registry.fly.io/shop:v9"),
        (DIGEST, "sha256:" + "0" * 64),
        ("", ""),
        ("1.2.3", ""),
    ],
)
def test_names_of_different_versions_do_not_match(expected: str, reported: str) -> None:
    assert not matches(expected, reported)
    assert not matches(reported, expected)


@given(st.text(max_size=90), st.text(max_size=90))
def test_matching_is_symmetric_and_never_raises(one: str, other: str) -> None:
    assert matches(one, other) == matches(other, one)


@given(st.text(alphabet="0123456789abcdef", min_size=40, max_size=40), st.integers(7, 40))
def test_a_commit_matches_its_own_abbreviation_unless_it_is_all_digits(
    commit: str, length: int
) -> None:
    assert matches(commit, commit[:length]) == (length == 40 or not commit.isdigit())


@pytest.mark.parametrize(
    ("document", "values"),
    [
        ({"version": "1.2.3"}, ["1.2.3"]),
        ({"version": "1.2.3", "commit": COMMIT}, ["1.2.3", COMMIT]),
        ({"git": {"commit": {"id": "abc1234", "time": "now"}, "branch": "main"}}, ["abc1234"]),
        ({"build": {"version": "7", "name": "shop"}}, ["7"]),
        ({"build": 2041}, ["2041"]),
        ({"image": {"digest": DIGEST}}, [DIGEST]),
        ({"git_sha": "abc1234", "releaseId": "9"}, ["abc1234", "9"]),
        ({"checks": {"postgres": {"version": "15.2"}}}, []),
        ({"status": "ok", "uptime": 12}, []),
        ({"version": None, "commit": ""}, []),
        ({"version": True}, []),
        ({"version": "x" * 5000}, []),
        ({"app": {"app": {"app": {"app": {"version": "too deep"}}}}}, []),
        (["version", "1.2.3"], []),
        ("1.2.3", ["1.2.3"]),
        (None, []),
    ],
)
def test_a_json_body_tells_the_versions_of_the_service_itself(
    document: object, values: list[str]
) -> None:
    assert [reported.value for reported in version_fields_in_json(document)] == values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1.2.3\n", ["1.2.3"]),
        ("version: 1.2.3", ["1.2.3"]),
        ("commit=abc1234", ["abc1234"]),
        ("v1.2.3 (abc1234)", ["v1.2.3 (abc1234)", "v1.2.3", "abc1234"]),
        (DIGEST, [DIGEST]),
        ("<html>1.2.3</html>", []),
        ("one\ntwo", []),
        ("", []),
        ("word " * 60, []),
    ],
)
def test_one_plain_line_tells_a_version(text: str, values: list[str]) -> None:
    assert [reported.value for reported in version_fields_in_line(text)] == values


def test_headers_tell_versions_and_request_ids_do_not() -> None:
    headers = [("X-Version", "1"), ("x-git-sha", "abc1234"), ("X-Request-Id", "9"), ("Server", "2")]

    assert [reported.value for reported in version_fields_in_headers(headers)] == ["1", "abc1234"]


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["app", "version"]), inner),
    max_leaves=30,
)


@given(_JSON, st.text())
def test_no_body_makes_the_reader_raise(document: object, text: str) -> None:
    for reported in (*version_fields_in_json(document), *version_fields_in_line(text)):
        reported.value.encode()


def test_an_integer_too_long_to_print_tells_nothing() -> None:
    assert version_fields_in_json({"version": 10**6000}) == ()


TOLD = version_fields_in_json({"version": "1.0.0", "commit": COMMIT})


@pytest.mark.parametrize(
    ("expected", "rejected", "fits", "version"),
    [
        (None, None, True, "1.0.0"),
        ("1.0.0", None, True, "1.0.0"),
        (COMMIT[:9], None, True, COMMIT),
        ("2.0.0", None, False, "1.0.0"),
        ("f" * 40, None, False, COMMIT),
        (None, "1.0.0", False, "1.0.0"),
        (None, "0.9.0", True, "1.0.0"),
        ("1.0.0", COMMIT, False, COMMIT),
        (COMMIT, "1.0.0", True, COMMIT),
    ],
    ids=[
        "no rule",
        "the version fits",
        "the commit fits",
        "another version",
        "another commit is shown as such",
        "the rejected one",
        "not the rejected one",
        "same number, rejected commit",
        "expected commit, rejected number",
    ],
)
def test_one_fitting_value_is_enough_and_a_rejected_one_spoils_it(
    expected: str | None, rejected: str | None, fits: bool, version: str
) -> None:
    judged = judge_version(VersionRule(expected=expected, rejected=rejected), TOLD)

    assert (judged.fits, judged.version) == (fits, version)


@pytest.mark.parametrize(
    ("rule", "fits"),
    [
        (VersionRule(), True),
        (VersionRule(expected="1"), False),
        (VersionRule(rejected="1"), True),
        (VersionRule(expected="1", rejected="2"), False),
    ],
)
def test_an_answer_without_a_version_is_wrong_only_where_one_is_expected(
    rule: VersionRule, fits: bool
) -> None:
    judged = judge_version(rule, ())

    assert (judged.fits, judged.version) == (fits, None)
    assert "no version" in judged.detail
