"""The window as a row of buckets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_action.core.observation.timeline import BUCKETS, WindowTimeline


def test_a_bucket_reports_counts_median_and_maximum_of_its_part() -> None:
    timeline = WindowTimeline(0.0, 200.0)
    for took in (0.1, 0.2, 0.9):
        timeline.add(15.0, took, bad=False)
    timeline.add(16.0, 7.0, bad=True)
    timeline.add(17.0, 7.0, bad=None)
    bucket = timeline.buckets()[1]

    assert (bucket.good, bucket.bad, bucket.neutral) == (3, 1, 1)
    assert (bucket.from_seconds, bucket.to_seconds) == (10.0, 20.0)
    assert (bucket.median_seconds, bucket.max_seconds) == (0.2, 0.9)


def test_a_stretch_without_good_answers_has_no_times() -> None:
    timeline = WindowTimeline(0.0, 200.0)
    timeline.add(5.0, 0.1, bad=True)
    bucket = timeline.buckets()[0]

    assert (bucket.median_seconds, bucket.max_seconds) == (None, None)


def test_cells_after_the_last_answer_are_left_out_and_gaps_before_it_stay() -> None:
    timeline = WindowTimeline(0.0, 200.0)
    timeline.add(35.0, 0.1, bad=False)

    assert [bucket.good for bucket in timeline.buckets()] == [0, 0, 0, 1]
    assert WindowTimeline(0.0, 200.0).buckets() == ()


@given(
    answers=st.lists(
        st.tuples(
            st.floats(-5.0, 400.0), st.floats(0.0, 60.0), st.sampled_from([True, False, None])
        )
    ),
    begun=st.floats(0.0, 90.0),
)
def test_every_answer_is_in_one_cell_whenever_it_came(
    answers: list[tuple[float, float, bool | None]], begun: float
) -> None:
    timeline = WindowTimeline(begun, begun + 60.0)
    for at, took, bad in answers:
        timeline.add(at, took, bad=bad)
    buckets = timeline.buckets()

    assert len(buckets) <= BUCKETS
    assert sum(bucket.good + bucket.bad + bucket.neutral for bucket in buckets) == len(answers)


def test_a_window_that_ends_later_than_planned_keeps_its_last_answers_apart() -> None:
    timeline = WindowTimeline(0.0, 20.0)
    for second in range(30):
        timeline.add(second + 0.5, 0.1, bad=second == 25)
    buckets = timeline.buckets()

    assert [bucket.good + bucket.bad for bucket in buckets] == [2] * 15
    assert [(b.from_seconds, b.to_seconds) for b in buckets if b.bad] == [(24.0, 26.0)]


def test_the_cells_span_the_whole_window() -> None:
    timeline = WindowTimeline(10.0, 300.0)
    timeline.add(299.9, 0.1, bad=False)
    buckets = timeline.buckets()

    assert buckets[0].from_seconds == 10.0
    assert buckets[-1].to_seconds == pytest.approx(300.0)
