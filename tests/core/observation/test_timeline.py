"""The window as a row of cells."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_action.core.observation.timeline import BUCKETS, Timeline


def test_a_cell_tells_counts_median_and_maximum_of_its_stretch() -> None:
    strip = Timeline(0.0, 200.0)
    for took in (0.1, 0.2, 0.9):
        strip.add(15.0, took, bad=False)
    strip.add(16.0, 7.0, bad=True)
    strip.add(17.0, 7.0, bad=None)
    cell = strip.cells()[1]

    assert (cell.good, cell.bad, cell.silent) == (3, 1, 1)
    assert (cell.from_seconds, cell.to_seconds) == (10.0, 20.0)
    assert (cell.median_seconds, cell.max_seconds) == (0.2, 0.9)


def test_a_stretch_without_good_answers_has_no_times() -> None:
    strip = Timeline(0.0, 200.0)
    strip.add(5.0, 0.1, bad=True)
    cell = strip.cells()[0]

    assert (cell.median_seconds, cell.max_seconds) == (None, None)


def test_cells_after_the_last_answer_are_left_out_and_gaps_before_it_stay() -> None:
    strip = Timeline(0.0, 200.0)
    strip.add(35.0, 0.1, bad=False)

    assert [cell.good for cell in strip.cells()] == [0, 0, 0, 1]
    assert Timeline(0.0, 200.0).cells() == ()


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
    strip = Timeline(begun, begun + 60.0)
    for at, took, bad in answers:
        strip.add(at, took, bad=bad)
    cells = strip.cells()

    assert len(cells) <= BUCKETS
    assert sum(cell.good + cell.bad + cell.silent for cell in cells) == len(answers)


def test_the_cells_span_the_whole_window() -> None:
    strip = Timeline(10.0, 300.0)
    strip.add(299.9, 0.1, bad=False)
    cells = strip.cells()

    assert cells[0].from_seconds == 10.0
    assert cells[-1].to_seconds == pytest.approx(300.0)
