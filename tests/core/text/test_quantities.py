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
    exact_duration,
    milliseconds_words,
    percent_words,
    rounded_percent,
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


@pytest.mark.parametrize(
    ("duration", "shown"),
    [
        ({"milliseconds": 5001}, "5.001s"),
        ({"seconds": 90, "milliseconds": 500}, "90.5s"),
        ({"seconds": 5, "microseconds": 1}, "5.000001s"),
        ({"microseconds": 1500}, "1.5ms"),
        ({"milliseconds": 500}, "500ms"),
        ({"minutes": 60}, "1h"),
        ({"days": 30, "seconds": 1}, "30d1s"),
        ({}, "0ms"),
    ],
)
def test_nothing_of_a_duration_is_left_out(duration: dict[str, float], shown: str) -> None:
    assert exact_duration(timedelta(**duration)) == shown


@given(st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(days=400)))
def test_two_exact_durations_never_read_the_same(duration: timedelta) -> None:
    assert exact_duration(duration) != exact_duration(duration - timedelta(microseconds=1))


@pytest.mark.parametrize(
    ("share", "words"), [(Fraction(18, 52), "34.6 %"), (0.0, "0.0 %"), (1, "100.0 %")]
)
def test_a_measured_ratio_has_one_decimal(share: float, words: str) -> None:
    assert rounded_percent(share) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.1824, "182 ms"), (2.5, "2500 ms"), (float("inf"), "timeout")]
)
def test_a_response_time_is_in_milliseconds(seconds: float, words: str) -> None:
    assert milliseconds_words(seconds) == words
