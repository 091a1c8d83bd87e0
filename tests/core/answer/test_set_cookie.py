"""What is read of cookies, and what is kept of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_action.core.answer.set_cookie import is_kept_by_service, masked_cookie
from tests.hostile import TEXTS


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        ("sid=s3cret; Path=/; HttpOnly", "sid=***"),
        ("sid=; Max-Age=0; Path=/", "sid=***; Max-Age=0"),
        ('sid=""; Path=/; max-age = "0"', "sid=***; Max-Age=0"),
        ("sid=x; Max-Age=-1", "sid=***; Max-Age=0"),
        ("sid=; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "sid=***; Max-Age=0"),
        ("sid=; Expires=Thu, 01-Jan-70 00:00:01 GMT; Path=/", "sid=***; Max-Age=0"),
        ("sid=x; Max-Age=00600", "sid=***"),
        ("sid=x; Expires=Fri, 01 Jan 2970 00:00:00 GMT", "sid=***"),
        ("max-age=0", "max-age=***"),
        ("s3cret", "***"),
        ("a name=s3cret", "***"),
        ("", "***"),
    ],
)
def test_a_cookie_is_kept_without_its_value(value: str, masked: str) -> None:
    assert masked_cookie(value) == masked
    assert is_kept_by_service(masked) == is_kept_by_service(value)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("sid=***", True),
        ("***", True),
        ("JSESSIONID=abc", True),
        ("cart=1; Max-Age=3600", True),
        ("sid=***; Max-Age=0", False),
        *((f"{name}=x; Path=/", False) for name in ("AWSALB", "AWSALBCORS", "__cf_bm", "GCLB")),
        *((f"{name}=x", False) for name in ("BIGipServerpool_1", "TS01a2b3c4", "incap_ses_1_2")),
        ("AWSALBUM=x", True),
    ],
)
def test_what_a_balancer_sets_and_what_is_deleted_is_no_session(value: str, kept: bool) -> None:
    assert is_kept_by_service(value) is kept


@given(TEXTS, st.sampled_from(["", "; Max-Age=0", "; Path=/"]))
def test_no_value_comes_through(text: str, more: str) -> None:
    shown = masked_cookie(f"sid=s3cret{text}{more}")

    assert shown in ("sid=***", "sid=***; Max-Age=0")
