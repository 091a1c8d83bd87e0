"""A Date header that does not move."""

from dataclasses import replace
from datetime import timedelta

import pytest

from slo_action.core.answer.freshness import cached_by_date, refreshed
from slo_action.core.model import Outcome, Sample
from tests.worlds.mock_web import found

DATE = "Mon, 02 Nov 2026 10:00:00 GMT"
FIRST = found(headers={"Date": DATE})


def later(seconds: float, date: str | None = DATE) -> Sample:
    sample = found(headers={"Date": date} if date else {})
    return replace(sample, at=FIRST.at + timedelta(seconds=seconds))


def test_the_same_date_two_seconds_later_is_a_cache() -> None:
    assert cached_by_date(FIRST, later(2.0))


@pytest.mark.parametrize(
    "current",
    [later(1.9), later(9, "Mon, 02 Nov 2026 10:00:09 GMT"), later(9, None)],
    ids=["too soon", "another date", "no date"],
)
def test_nothing_is_proved_by(current: Sample) -> None:
    assert not cached_by_date(FIRST, current)
    assert refreshed(FIRST, current) == current


def test_an_answer_that_was_long_in_coming_may_share_the_next_one_s_date() -> None:
    slow = replace(FIRST, total_seconds=1.5)

    assert not cached_by_date(slow, later(2.0))


def test_other_urls_and_failed_probes_prove_nothing() -> None:
    assert not cached_by_date(FIRST, replace(later(9), url="https://other.example/"))
    assert not cached_by_date(FIRST, replace(later(9), response=None))
    assert not cached_by_date(replace(FIRST, response=None), later(9))


def test_a_stale_answer_becomes_cached_and_the_fix_is_named() -> None:
    sample = refreshed(FIRST, later(3))

    assert sample.outcome is Outcome.CACHED
    assert "no-store" in sample.detail


def test_the_first_answer_is_fresh() -> None:
    assert refreshed(None, FIRST) == FIRST
