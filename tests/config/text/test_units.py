"""Durations, ratios and instants: exact, with a unit, and never a surprise."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from slo_action.config.text.units import (
    DURATION_FORMS,
    INSTANT_FORMS,
    RATIO_FORMS,
    parse_duration,
    parse_flag,
    parse_instant,
    parse_ratio,
)
from slo_action.core.text.quantities import instant_text, rounded_duration

_DIGITS = "9" * 5000


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("5m", 300),
        ("1h30m", 5400),
        ("500ms", 0.5),
        ("1.5s", 1.5),
        ("0s", 0),
        (" 2D ", 172800),
        ("30m1h", 5400),
    ],
)
def test_a_duration_is_numbers_with_units(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    ["", "90", "90 s", "-5s", "5x", "1m1m", "s", "1e3s", "٣s", f"{_DIGITS}s", "9" * 400 + "d"],
)
def test_anything_else_is_told_the_forms(text: str) -> None:
    with pytest.raises(ValueError, match=DURATION_FORMS):
        parse_duration(text)


@given(st.integers(min_value=0, max_value=10**7))
def test_whole_seconds_survive_formatting(seconds: int) -> None:
    assert parse_duration(rounded_duration(seconds)) == timedelta(seconds=seconds)


@given(st.floats(min_value=0, max_value=10**6))
def test_a_formatted_duration_is_as_exact_as_it_looks(seconds: float) -> None:
    exactness = 0.05 if seconds < 10 else 0.5

    again = parse_duration(rounded_duration(seconds)).total_seconds()

    assert abs(again - seconds) <= exactness + 1e-6


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0s"), (4.26, "4.3s"), (45, "45s"), (90, "1m30s"), (3600, "1h")]
)
def test_a_rounded_duration_is_short(seconds: float, shown: str) -> None:
    assert rounded_duration(seconds) == shown


@pytest.mark.parametrize(
    ("text", "ratio"),
    [
        ("99.9%", Fraction(999, 1000)),
        ("0.999", Fraction(999, 1000)),
        ("<1%", Fraction(1, 100)),
        ("< 0.5 %", Fraction(5, 1000)),
        ("0", Fraction(0)),
        ("100%", Fraction(1)),
    ],
)
def test_a_ratio_is_exact(text: str, ratio: Fraction) -> None:
    assert parse_ratio(text) == ratio


@pytest.mark.parametrize("text", ["101%", "1.01", "250%", "99.9"])
def test_a_ratio_out_of_range_is_told_the_range(text: str) -> None:
    with pytest.raises(ValueError, match="between 0% and 100%"):
        parse_ratio(text)


@pytest.mark.parametrize("text", ["", "-1%", "nan", "1/2", "99,9%", "%", _DIGITS])
def test_a_text_that_is_no_ratio_is_told_the_forms(text: str) -> None:
    with pytest.raises(ValueError, match=RATIO_FORMS):
        parse_ratio(text)


@given(st.integers(min_value=0, max_value=100_000))
def test_a_percentage_is_the_same_ratio_as_its_decimal(thousandths: int) -> None:
    percent, decimal = f"{thousandths / 1000:.3f}%", f"{thousandths / 100_000:.5f}"

    assert parse_ratio(percent) == parse_ratio(decimal) == Fraction(thousandths, 100_000)


@pytest.mark.parametrize(
    "text", ["2025-08-23T08:38:00Z", "2025-08-23T10:38:00+02:00", " 20250823T083800Z "]
)
def test_an_instant_is_utc_whatever_its_zone(text: str) -> None:
    instant = parse_instant(text)

    assert instant == datetime(2025, 8, 23, 8, 38, tzinfo=UTC)
    assert instant.tzinfo is UTC


def test_an_instant_without_a_zone_is_told_so() -> None:
    with pytest.raises(ValueError, match="the zone is missing"):
        parse_instant("2025-08-23T08:38:00")


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "1700000000", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"],
)
def test_a_text_that_is_no_instant_is_told_the_form(text: str) -> None:
    with pytest.raises(ValueError, match=INSTANT_FORMS):
        parse_instant(text)


_ZONES = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))


@given(
    st.datetimes(
        min_value=datetime(1000, 1, 3),  # noqa: DTZ001 - hypothesis adds the zone
        max_value=datetime(9999, 12, 29),  # noqa: DTZ001 - hypothesis adds the zone
        timezones=_ZONES,
    )
)
def test_an_instant_survives_to_the_second(instant: datetime) -> None:
    assert parse_instant(instant_text(instant)) == instant.replace(microsecond=0)


@pytest.mark.parametrize("text", ["yes", "1", "on", "", "ja"])
def test_a_flag_is_true_or_false(text: str) -> None:
    assert parse_flag(" True ") is True
    assert parse_flag("false") is False
    with pytest.raises(ValueError, match="write true or false"):
        parse_flag(text)


@pytest.mark.parametrize("parse", [parse_duration, parse_ratio, parse_instant, parse_flag])
@given(text=st.one_of(st.text(), st.from_regex(r"[<\d.%hms:TZ+ -]{0,40}")))
@example(text="0001-01-01T00:00:00")
@example(text=f"1.{_DIGITS}")
@example(text="2025-08-23T24:00:00Z")
def test_no_text_raises_anything_but_value_error(parse: Callable[[str], object], text: str) -> None:
    try:
        parse(text)
    except ValueError as error:
        assert "write" in str(error)  # noqa: PT017 - most texts raise, a few are right
