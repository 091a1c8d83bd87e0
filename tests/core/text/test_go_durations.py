"""Durations as Go writes them, read and written."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_action.core.text.go_durations import go_seconds, go_text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (Fraction(90), "90s"),
        (Fraction(0), "0s"),
        (Fraction(5, 2), "2500ms"),
        (Fraction(1, 10**4), "100us"),
        (Fraction(15, 10**9), "15ns"),
    ],
)
def test_a_duration_is_written_in_the_largest_unit_that_fits(seconds: Fraction, text: str) -> None:
    assert go_text(seconds) == text


@given(st.integers(0, 10**14))
def test_what_is_written_reads_the_same(nanoseconds: int) -> None:
    seconds = Fraction(nanoseconds, 10**9)

    assert go_seconds(go_text(seconds)) == seconds
