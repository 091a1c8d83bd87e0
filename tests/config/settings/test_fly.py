"""The rule for Fly's tokens, and what of them must never be seen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_action.config.settings.fly import authorization, token_parts
from slo_action.core.text.secrets import Secret


def header(token: str) -> str:
    return authorization(Secret(token)).reveal()


@pytest.mark.parametrize(
    ("token", "sent"),
    [
        ("fm2_a", "FlyV1 fm2_a"),
        ("fm1r_a", "FlyV1 fm1r_a"),
        ("fm1a_a", "FlyV1 fm1a_a"),
        ("FlyV1 fm2_a,fm2_b", "FlyV1 fm2_a,fm2_b"),
        ("Bearer fm2_a", "FlyV1 fm2_a"),
        ("Bearer FlyV1 fm2_a", "FlyV1 fm2_a"),
        ("FlyV1 Bearer fm2_a", "FlyV1 fm2_a"),
        ("bearer   flyv1  fm2_a", "FlyV1 fm2_a"),
        ("  fm2_a \n", "FlyV1 fm2_a"),
        ("fo1_oauth", "Bearer fo1_oauth"),
        ("Bearer fo1_oauth", "Bearer fo1_oauth"),
        ("Basic dTpw", "Basic dTpw"),
    ],
)
def test_macaroons_are_sent_as_flyv1_and_all_else_as_bearer(token: str, sent: str) -> None:
    assert header(token) == sent


@pytest.mark.parametrize(
    ("token", "parts"),
    [
        ("fm2_a,fm2_b", {"fm2_a,fm2_b", "fm2_a", "fm2_b"}),
        ("FlyV1 fm2_a,fm2_b", {"FlyV1 fm2_a,fm2_b", "fm2_a,fm2_b", "fm2_a", "fm2_b"}),
        ("fm2_a, fm2_b,", {"fm2_a, fm2_b,", "fm2_a", "fm2_b"}),
        ("fo1_a", {"fo1_a"}),
        ("", set()),
    ],
)
def test_the_whole_token_and_each_macaroon_of_it_are_secrets(token: str, parts: set[str]) -> None:
    assert {part.reveal() for part in token_parts(Secret(token))} == parts


SCHEMES = st.lists(st.sampled_from(["FlyV1 ", "Bearer ", "bearer ", "FLYV1 ", " "]), max_size=4)
MACAROONS = st.lists(st.from_regex(r"fm2_[A-Za-z0-9+/]{1,20}", fullmatch=True), min_size=1)


@given(schemes=SCHEMES, macaroons=MACAROONS)
def test_whatever_schemes_stand_before_it_a_macaroon_is_sent_once_and_as_one(
    schemes: list[str], macaroons: list[str]
) -> None:
    bare = ",".join(macaroons)

    assert header("".join(schemes) + bare) == f"FlyV1 {bare}"


@given(SCHEMES, st.from_regex(r"[a-z0-9_]{1,20}", fullmatch=True))
def test_the_rule_changes_nothing_that_it_has_made(schemes: list[str], bare: str) -> None:
    once = header("".join(schemes) + bare)

    assert header(once) == once


@given(schemes=SCHEMES, macaroons=MACAROONS)
def test_all_that_is_sent_is_made_of_masked_parts(schemes: list[str], macaroons: list[str]) -> None:
    token = "".join(schemes) + ",".join(macaroons)
    masked = {part.reveal() for part in token_parts(Secret(token))}

    assert header(token).partition(" ")[2] in masked
    assert set(macaroons) <= masked
