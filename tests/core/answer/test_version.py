"""Finding the version an answer reports, and comparing it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_action.core.answer.version import (
    VersionKind,
    is_unverified,
    judge_version,
    matches,
    version_fields_in_headers,
    version_fields_in_json,
    version_fields_in_lines,
    version_fields_in_page,
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
def test_a_commit_matches_its_own_abbreviation(commit: str, length: int) -> None:
    assert matches(commit, commit[:length])


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
        ([{"name": "shop", "version": "1.2.3"}], ["1.2.3"]),
        ([{"name": "shop", "version": "1.2.3"}, {"name": "redis", "version": "7.2"}], []),
        ({"version": ["1.2.3", "abc1234"]}, ["1.2.3", "abc1234"]),
        ({"gitVersion": "v1.29.0", "major": "1"}, ["v1.29.0"]),
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
        ("1.4.2\nabc1234def\n", ["1.4.2", "abc1234def"]),
        ('VERSION="1.4.2"\nGIT_COMMIT=abc1234\nDATE=2026-01-02\n', ["1.4.2", "abc1234"]),
        ("shop 1.4.2\nbuilt by CI on 3 hosts\nbranch: main-1.5.0", ["1.4.2"]),
        ("1.4.2\n" * 30, []),
        ("", []),
        ("word " * 60, []),
    ],
)
def test_plain_lines_tell_a_version(text: str, values: list[str]) -> None:
    assert [reported.value for reported in version_fields_in_lines(text)] == values


def test_a_page_tells_versions_by_its_meta_elements() -> None:
    page = (
        '<!doctype html><meta charset=utf-8><meta name="version" content="1.4.2">'
        "<META content='abc1234' name=git-sha><meta property=build content=>"
        '<meta name="viewport" content="width=1"><meta name="generator" content="Hugo 0.1">'
    )

    found = [
        (reported.kind, reported.field, reported.value) for reported in version_fields_in_page(page)
    ]

    assert found == [
        (VersionKind.VERSION, "meta version", "1.4.2"),
        (VersionKind.COMMIT, "meta git-sha", "abc1234"),
    ]


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
    page = f"<meta name=version content='{text}'><meta {text}>"
    lines = (*version_fields_in_lines(text), *version_fields_in_page(page))
    for reported in (*version_fields_in_json(document), *lines):
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


@pytest.mark.parametrize(
    ("expected", "document", "fits", "is_comparable"),
    [
        (COMMIT, {"version": "1.4.2"}, True, False),
        (COMMIT, {"version": "1.4.2", "build": "2041"}, True, False),
        (COMMIT, {"build": "abc12345"}, True, False),
        (COMMIT, {"commit": COMMIT[:6]}, True, False),
        ("1.4.2", {"commit": COMMIT}, True, False),
        (COMMIT, {"version": "1.4.2", "commit": "fedcba9"}, False, True),
        (COMMIT, {"commit": "1234567"}, False, True),
        ("1.4.2", {"version": "1.4.2", "build": {"version": "1.4.1"}}, True, True),
        (COMMIT, {"version": "1.4.2", "commit": COMMIT[:7]}, True, True),
        ("1.4.2", {"version": "1.4.1", "commit": COMMIT}, False, True),
        ("1.4.2", {"version": "1.4.2", "commit": COMMIT}, True, True),
        ("42", {"version": "1.4.2", "build": "42"}, True, True),
        ("42", {"version": "1.4.2", "build": "41"}, False, True),
        (f"1.4.2+{COMMIT[:7]}", {"version": "1.4.2", "commit": "fedcba9"}, False, True),
        (f"shop:v9@{DIGEST}", {"tag": "v9", "digest": "sha256:" + "0" * 64}, False, True),
        ("1.4.2", {}, False, True),
    ],
)
def test_only_what_is_surely_another_version_is_the_wrong_one(
    expected: str, document: object, fits: bool, is_comparable: bool
) -> None:
    rule = VersionRule(expected=expected)
    judged = judge_version(rule, version_fields_in_json(document))

    assert (judged.fits, judged.is_comparable) == (fits, is_comparable)
    assert not fits or is_unverified(rule, judged.version) is not is_comparable


def test_what_cannot_be_compared_says_so_and_names_the_fix() -> None:
    judged = judge_version(
        VersionRule(expected="3f2a9c1"), version_fields_in_json({"version": "1.4.2"})
    )

    assert judged.detail == 'version "1.4.2" cannot be compared with "3f2a9c1"'
    (note,) = judged.notes
    assert note.startswith("the version was not verified: version ")
    assert note.endswith(
        "set `expected-version` to what the service reports, or let it report what is expected"
    )


def test_a_dirty_build_is_its_commit_with_a_note() -> None:
    reported = version_fields_in_json({"version": f"{COMMIT[:7]}-dirty"})
    judged = judge_version(VersionRule(expected=COMMIT), reported)

    assert (judged.fits, judged.is_comparable) == (True, True)
    assert "built with changes that are not in its commit" in judged.notes[0]


def test_a_version_is_unverified_only_where_one_is_expected_and_one_answers() -> None:
    assert not is_unverified(VersionRule(), "1.4.2")
    assert not is_unverified(VersionRule(expected=COMMIT), None)
    assert not is_unverified(VersionRule(rejected=COMMIT), "1.4.2")
