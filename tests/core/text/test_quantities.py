"""Amounts as people read them."""

from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_action.core.text.quantities import (
    about_minutes,
    count_words,
    duration_words,
    percent_words,
)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.0005, "0.5 ms"),
        (0.5, "500 ms"),
        (1.5, "1.5 s"),
        (90, "90 s"),
        (120, "2 min"),
        (150, "2 min 30 s"),
        (300, "5 min"),
        (3601.5, "1 h 1.5 s"),
        (93_784, "1 d 2 h 3 min 4 s"),
    ],
)
def test_a_duration_has_its_units(seconds: float, words: str) -> None:
    assert duration_words(seconds) == words
    assert duration_words(timedelta(seconds=seconds)) == words


DAYS = st.timedeltas(timedelta(0), timedelta(days=40))


@given(DAYS, DAYS)
def test_two_durations_never_read_the_same(one: timedelta, other: timedelta) -> None:
    assert (duration_words(one) == duration_words(other)) == (one == other)


@pytest.mark.parametrize(
    ("share", "words"),
    [(Fraction(999, 1000), "99.9 %"), (0.99999, "99.999 %"), (Fraction(0), "0 %"), (1, "100 %")],
)
def test_a_ratio_is_a_percentage(share: float, words: str) -> None:
    assert percent_words(share) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(25.92, "0.432 min"), (2_592, "43.2 min"), (12_960, "3 h 36 min"), (259_200, "72 h")],
)
def test_a_budget_is_told_to_the_minute(seconds: float, words: str) -> None:
    assert about_minutes(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0"), (0.1234, "0.123"), (5759.6, "5,760"), (100, "100")]
)
def test_a_count_has_its_thousands_parted(count: float, words: str) -> None:
    assert count_words(count) == words
