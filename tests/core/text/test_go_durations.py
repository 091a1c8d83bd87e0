"""Durations as Go writes them, read and written."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_action.core.text.go_durations import go_printed, go_seconds, go_text


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


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        ("15s", "15s"),
        ("60s", "1m0s"),
        ("1m30s", "1m30s"),
        ("3600s", "1h0m0s"),
        ("1h", "1h0m0s"),
        ("500ms", "500ms"),
        ("1500ms", "1.5s"),
        ("0.25s", "250ms"),
        ("1us", "1µs"),
        ("1.5us", "1.5µs"),
        (7, "7ns"),
        (0, "0s"),
        (2_000_000_000, "2s"),
        ("soon", "soon"),
        ("", ""),
        (None, None),
        (True, True),
        (-5, -5),
        (1.5, 1.5),
    ],
)
def test_a_duration_is_printed_as_go_prints_it(value: object, printed: object) -> None:
    assert go_printed(value) == printed


@given(st.integers(0, 10**16))
def test_a_duration_that_go_printed_stays_as_it_is(nanoseconds: int) -> None:
    once = go_printed(nanoseconds)

    assert go_printed(once) == once
