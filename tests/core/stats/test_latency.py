"""Percentiles are values that were seen, and objectives are counts."""

from fractions import Fraction
from math import ceil, inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_action.core.stats.latency import (
    LatencyCounter,
    LatencyObjective,
    LatencyState,
    PercentileConfidence,
    full_count,
    least_count,
)

P50, P90, P95, P99 = (Fraction(q, 100) for q in (50, 90, 95, 99))
QUANTILES = st.sampled_from([P50, P90, P95, P99])
SECONDS = st.integers(0, 7_000_000).map(lambda micros: micros / 1e6)
TIMES = st.lists(SECONDS | st.just(inf), max_size=150)


def counter_of(times: list[float]) -> LatencyCounter:
    counter = LatencyCounter()
    for seconds in times:
        if seconds == inf:
            counter.add_unanswered()
        else:
            counter.add(seconds)
    return counter


def objective(quantile: Fraction = P95, limit: float = 0.5) -> LatencyObjective:
    return LatencyObjective(name="p", quantile=quantile, limit_seconds=limit)


def judged(over: int, n: int, quantile: Fraction = P95) -> LatencyState:
    return counter_of([0.501] * over + [0.5] * (n - over)).judge(objective(quantile))


@pytest.mark.parametrize(("quantile", "least"), [(P50, 2), (P90, 10), (P95, 20), (P99, 100)])
def test_a_percentile_needs_as_many_answers_as_one_beyond_it_takes(
    quantile: Fraction, least: int
) -> None:
    assert least_count(quantile) == least
    for n, known in ((least - 1, False), (least, True)):
        counter = counter_of([0.1] * n)
        assert (counter.percentile(quantile) is not None) is known
        assert (counter.percentile_confidence(quantile) is not PercentileConfidence.NONE) is known


@pytest.mark.parametrize(("quantile", "full"), [(P50, 5), (P90, 29), (P95, 59), (P99, 299)])
def test_a_percentile_is_reported_without_reserve_once_the_slowest_is_surely_above_it(
    quantile: Fraction, full: int
) -> None:
    assert full_count(quantile) == full
    assert (
        counter_of([0.1] * (full - 1)).percentile_confidence(quantile)
        is PercentileConfidence.LOW_CONFIDENCE
    )
    assert counter_of([0.1] * full).percentile_confidence(quantile) is PercentileConfidence.FULL


def test_twelve_answers_have_no_p95() -> None:
    counter = counter_of([0.1] * 12)
    assert counter.percentile(P95) is None
    assert counter.judge(objective()) is LatencyState.NOT_ENOUGH


@given(TIMES, QUANTILES)
def test_a_percentile_is_the_nearest_rank_of_the_sorted_answers(
    times: list[float], quantile: Fraction
) -> None:
    found = counter_of(times).percentile(quantile)
    if len(times) < least_count(quantile):
        assert found is None
    else:
        assert found == sorted(times)[ceil(quantile * len(times)) - 1]


@given(TIMES, QUANTILES, st.sampled_from([0.5, 2.0, 5.0, 0.123]))
def test_a_percentile_within_the_limit_is_a_count_within_the_share(
    times: list[float], quantile: Fraction, limit: float
) -> None:
    counter = counter_of(times)
    found = counter.percentile(quantile)
    if found is not None:
        is_met = counter.judge(objective(quantile, limit)) is LatencyState.MET
        assert is_met is (found <= limit)


@given(TIMES)
def test_every_limit_counts_what_was_longer(times: list[float]) -> None:
    counter = counter_of(times)
    expected = {limit: sum(time > limit for time in times) for limit in (0.5, 2.0, 5.0)}
    assert counter.over == expected
    assert counter.over_limit(1.0) == sum(time > 1.0 for time in times)
    assert counter.n == len(times)


def test_a_timeout_is_over_every_limit_and_never_dropped() -> None:
    counter = counter_of([0.1] * 18 + [inf] * 2)
    assert counter.n == 20
    assert counter.over == {0.5: 2, 2.0: 2, 5.0: 2}
    assert counter.percentile(P90) == 0.1
    assert counter.percentile(P95) == inf


def test_a_cold_answer_is_kept_apart_and_not_judged() -> None:
    counter = LatencyCounter()
    counter.add(8.25, cold=True)
    counter.add(1.0, cold=True)
    assert (counter.n, counter.cold_n, counter.cold_max_seconds) == (0, 2, 8.25)
    assert counter.over == {0.5: 0, 2.0: 0, 5.0: 0}


@pytest.mark.parametrize(
    ("over", "n", "state"),
    [
        (15, 300, LatencyState.MET),
        (16, 300, LatencyState.UNPROVEN),
        (21, 300, LatencyState.UNPROVEN),
        (22, 300, LatencyState.MISSED),
        (2, 20, LatencyState.UNPROVEN),
        (4, 20, LatencyState.MISSED),
        (0, 19, LatencyState.NOT_ENOUGH),
        (19, 19, LatencyState.NOT_ENOUGH),
    ],
)
def test_an_objective_is_missed_only_where_chance_hardly_explains_it(
    over: int, n: int, state: LatencyState
) -> None:
    assert judged(over, n) is state


@given(st.integers(20, 150), st.data())
def test_more_slow_answers_never_improve_a_judgement(n: int, data: st.DataObject) -> None:
    order = [LatencyState.MET, LatencyState.UNPROVEN, LatencyState.MISSED]
    over = data.draw(st.integers(0, n - 1))
    assert order.index(judged(over, n)) <= order.index(judged(over + 1, n))


def test_an_hour_at_fifty_a_second_takes_four_bytes_an_answer() -> None:
    counter = counter_of([0.1] * 1000)
    assert counter._values.itemsize == 4
    assert len(counter._values) == 1000


def test_an_absurd_time_is_kept_at_the_longest_that_fits() -> None:
    counter = counter_of([1e9] * 20)
    assert counter.percentile(P50) == pytest.approx(4294.967295)
    assert counter.over[5.0] == 20
