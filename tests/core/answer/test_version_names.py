"""Comparing the names of versions: the same one, another one, or no telling."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from slo_action.core.answer.version import compare
from slo_action.core.answer.version_names import Comparison, read_name

SAME, OTHER, UNSURE = Comparison.SAME, Comparison.OTHER, Comparison.UNSURE
SHA = "0123456789abcdef0123456789abcdef01234567"
ANOTHER = "fedcba9876543210fedcba9876543210fedcba98"
DIGEST, OTHER_DIGEST = "sha256:" + "ab" * 32, "sha256:" + "cd" * 32

DECORATIONS = [
    "{7}",
    "{8}",
    "{12}",
    "{16}",
    "{40}",
    "sha-{7}",
    "git-{7}",
    "commit/{40}",
    "v1.4.2-7-g{7}",
    "v1.4.2-7-g{7}-dirty",
    "1.4.2+{7}",
    "1.4.2+sha.{7}",
    "1.4.2-rc.1+{7}",
    "0.0.10-{7}",
    "main-{7}",
    "feature/cart-{8}",
    "main-{7}-1611906956",
    "{7}-dirty",
    "{7}+dirty",
    "{7}-modified",
    "{7} (dirty)",
    "image:sha-{7}",
    "ghcr.io/o/shop:sha-{7}",
    "registry:5000/o/shop:{7}@" + DIGEST,
    "shop@{40}",
    "@scope/shop@{40}",
    "shop-{7}",
    "refs/heads/main@{40}",
    "https://github.com/o/shop/commit/{40}",
    "v0.0.0-20240101120000-{12}",
    "1.4.3.dev7+g{7}",
    "1.4.3.dev7+g{7}.d20240102",
    "build-{7}",
]


def decorated(decoration: str, sha: str) -> str:
    return re.sub(r"\{(\d+)\}", lambda size: sha[: int(size[1])], decoration)


def both_ways(one: str, other: str) -> Comparison:
    result = compare(one, other)
    assert compare(other, one) is result
    return result


@pytest.mark.parametrize("decoration", DECORATIONS)
@pytest.mark.parametrize("sha", [SHA, ANOTHER, ANOTHER.upper()])
def test_a_commit_is_the_same_in_every_decoration(decoration: str, sha: str) -> None:
    assert both_ways(sha, decorated(decoration, sha)) is SAME
    assert both_ways(sha[:12], decorated(decoration, sha)) is SAME


@pytest.mark.parametrize("decoration", DECORATIONS)
def test_another_commit_is_another_one_in_every_decoration(decoration: str) -> None:
    assert both_ways(SHA, decorated(decoration, ANOTHER)) is OTHER


_SHAS = st.text(alphabet="0123456789abcdef", min_size=40, max_size=40)
_DECORATIONS = st.sampled_from(DECORATIONS)


@given(_SHAS, _DECORATIONS)
def test_any_commit_matches_all_its_decorated_forms(sha: str, decoration: str) -> None:
    assume("." not in decoration or not sha.startswith("20"))  # 8 digits may be a date as well
    assert both_ways(sha, decorated(decoration, sha)) is SAME


_OF_COMMITS = _DECORATIONS.filter(lambda decoration: DIGEST not in decoration)


@given(_SHAS, _SHAS, _OF_COMMITS, _OF_COMMITS)
def test_two_commits_never_match_in_any_decoration(
    one: str, other: str, left: str, right: str
) -> None:
    assume(one[:7] != other[:7])
    result = both_ways(decorated(left, one), decorated(right, other))

    assert result is not SAME


@given(st.text(max_size=90), st.text(max_size=90))
def test_comparing_is_symmetric_and_never_raises(one: str, other: str) -> None:
    both_ways(one, other)


@given(st.sampled_from(DECORATIONS) | st.text(max_size=30), st.text("0123456789abcdef.-+@:/gv"))
def test_comparing_what_looks_like_versions_is_symmetric(one: str, other: str) -> None:
    both_ways(decorated(one, SHA), other)


@given(st.text(min_size=1, max_size=60))
def test_a_name_is_never_another_one_than_itself(name: str) -> None:
    assert compare(name, name) is not OTHER


@pytest.mark.parametrize(
    ("one", "other", "result"),
    [
        ("v1.4.2", "1.4.2", SAME),
        ("refs/tags/v1.4.2", "1.4.2", SAME),
        ("release-1.4.2", "v1.4.2", SAME),
        ("v1.4.2", "1.4.2.0", SAME),
        ("2024.01.15", "2024.1.15", SAME),
        ("v1.4.2", "1.4.2+0123456", SAME),
        ("v1.4.2", "1.4.2+41", SAME),
        ("v1.4.2", "v1.4.2-0-g0123456", SAME),
        ("v1.4.2", "v1.4.2-dirty", SAME),
        ("v1.4.2", "shop@1.4.2", SAME),
        ("v1.4.2", "shop-v1.4.2", SAME),
        ("shop/v1.4.2", "shop@1.4.2", SAME),
        ("1.4.2", "ghcr.io/o/shop:v1.4.2", SAME),
        ("ghcr.io/o/shop:v9", "registry.fly.io/shop:v9", SAME),
        ("42", "build-42", SAME),
        ("#42", "42", SAME),
        ("blue", "Blue", SAME),
        ("v1.4.2", "v1.4.3", OTHER),
        ("v1.4.2", "v1.4.2-7-g0123456", OTHER),
        ("v1.4.1", "v1.4.2-7-g0123456", OTHER),
        ("v1.4.2-7-g0123456", "v1.4.2-9-gfedcba9", OTHER),
        ("1.4.2", "1.4.2-rc.1", OTHER),
        ("1.4.2", "1.4.2rc1", OTHER),
        ("v1.4.2-rc.1", "1.4.2rc1", SAME),
        ("v1.4.2-beta.2", "1.4.2b2", SAME),
        ("1.4.2-rc.1.2", "1.4.2rc12", OTHER),
        ("v1.4.2", "v1.4.2 (0123456)", SAME),
        (SHA, "v1.4.2 (0123456)", SAME),
        ("1.4.2", "1.4.2-SNAPSHOT", OTHER),
        ("1.4.2-rc.1", "1.4.2-rc.2", OTHER),
        ("1.4.2+41", "1.4.2+42", OTHER),
        ("1.4.2-41", "1.4.2-42", OTHER),
        ("1.4.2", "1.5", OTHER),
        ("42", "41", OTHER),
        ("v2", "v1", OTHER),
        ("deploy-42", "deploy-41", OTHER),
        ("2024-01-15", "2024-01-14", OTHER),
        ("main-0123456", "main-0123457", OTHER),
        ("deployment-01HXYZABCDEFGHJK", "deployment-01HXYZABCDEFGHJM", OTHER),
        ("550e8400-e29b-41d4-a716-446655440000", "650e8400-e29b-41d4-a716-446655440000", OTHER),
        (DIGEST, OTHER_DIGEST, OTHER),
        (DIGEST, OTHER_DIGEST.removeprefix("sha256:"), OTHER),
        (f"shop:v9@{DIGEST}", f"shop:v9@{OTHER_DIGEST}", OTHER),
        (SHA, "1.4.2", UNSURE),
        (SHA, "v1.4", UNSURE),
        (SHA, "latest", UNSURE),
        (SHA, "41", UNSURE),
        (SHA, SHA[:6], UNSURE),
        (SHA, "1234567", UNSURE),
        (SHA, DIGEST, UNSURE),
        (SHA, "d41d8cd98f00b204e9800998ecf8427e", UNSURE),
        (SHA, "550e8400-e29b-41d4-a716-446655440000", UNSURE),
        (SHA, "revert-0123456-fedcba9", UNSURE),
        (DIGEST, "1.4.2", UNSURE),
        ("v1.4.2", "latest", UNSURE),
        ("v1.4.2", "1.4", UNSURE),
        ("v1.4.2", "v1", UNSURE),
        ("v1.4.2", "1.4.2-alpine", UNSURE),
        ("v1.4.2", "1.4.2-0123456", UNSURE),
        ("v1.4.2", "main-1.4.2", UNSURE),
        ("v1.4.2", "41", UNSURE),
        ("v1.4.2", "0.0.0-development", UNSURE),
        ("v1.4.3", "v1.4.2-7-g0123456", UNSURE),
        ("v1.4.2", "main-0123456", UNSURE),
        ("shop@1.4.2", "cart@1.4.2", UNSURE),
        ("blue", "green", OTHER),
        ("main", "production", UNSURE),
        ("", "", UNSURE),
    ],
)
def test_two_names_are_one_version_two_or_cannot_be_compared(
    one: str, other: str, result: Comparison
) -> None:
    assert both_ways(one, other) is result


def test_a_name_says_several_things_at_once() -> None:
    read = read_name(f"ghcr.io/o/shop:v1.4.2-7-g0123456-dirty@{DIGEST}")

    assert (read.label, read.commit, read.is_dirty) == ("shop", "0123456", True)
    assert read.digest == DIGEST.removeprefix("sha256:")
    assert read.release is not None
    assert (read.release.numbers, read.release.distance) == ((1, 4, 2), 7)
