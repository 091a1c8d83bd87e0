"""What is known from before a deploy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_action.core.release.baseline import (
    Baseline,
    Proof,
    ProofState,
    StreamBaseline,
    WayBackState,
    way_back_state,
)
from tests.builders import DEPLOYED_AT

TRIGGER = 0.05


def baseline(bad: int, valid: int, name: str = "health") -> Baseline:
    stream = StreamBaseline(name=name, bad=bad, valid=valid)
    return Baseline(taken_at=DEPLOYED_AT, seconds=30.0, streams=(stream,))


def proof(state: ProofState, *, needed: bool = True) -> Proof:
    return Proof(name="image", state=state, words="as seen", is_needed=needed)


@pytest.mark.parametrize(
    ("bad", "valid", "now_bad", "now_valid", "same"),
    [
        (75, 75, 8, 8, True),  # down before, down now
        (15, 75, 20, 100, True),  # a fifth before, a fifth now
        (15, 75, 60, 100, False),  # a fifth before, three fifths now
        (2, 75, 20, 100, False),  # below the trigger before
        (0, 75, 20, 100, False),
        (2, 10, 2, 10, False),  # two failures are chance
        (5, 75, 0, 100, True),  # it has got better: nothing to blame the deploy for
    ],
)
def test_harm_is_pre_existing_only_where_it_was_there_and_is_not_surely_worse(
    bad: int, valid: int, now_bad: int, now_valid: int, same: bool
) -> None:
    assert baseline(bad, valid).had("health", now_bad, now_valid, TRIGGER) is same


def test_a_stream_that_was_not_watched_is_never_excused() -> None:
    assert not baseline(75, 75).had("/api/orders", 8, 8, TRIGGER)
    assert not baseline(75, 75).was_well("/api/orders", TRIGGER)


def test_a_stream_was_well_where_it_answered_below_the_trigger() -> None:
    assert baseline(1, 75).was_well("health", TRIGGER)
    assert not baseline(10, 75).was_well("health", TRIGGER)
    assert not baseline(0, 0).was_well("health", TRIGGER)


@given(valid=st.integers(3, 500), data=st.data())
def test_total_failure_is_never_excused_by_a_baseline_that_mostly_answered(
    valid: int, data: st.DataObject
) -> None:
    bad = data.draw(st.integers(0, valid // 2))

    assert not baseline(bad, valid + 20).had("health", 40, 40, TRIGGER)


@pytest.mark.parametrize(
    ("states", "state"),
    [
        ((ProofState.PROVEN, ProofState.PROVEN), WayBackState.SAFE),
        ((ProofState.PROVEN, ProofState.UNKNOWN), WayBackState.UNPROVEN),
        ((ProofState.UNKNOWN, ProofState.MISSING), WayBackState.NONE),
        ((), WayBackState.NONE),
    ],
)
def test_the_way_back_is_as_good_as_the_worst_of_what_it_needs(
    states: tuple[ProofState, ...], state: WayBackState
) -> None:
    assert way_back_state(tuple(proof(each) for each in states)) is state


def test_what_is_only_worth_knowing_never_closes_the_way_back() -> None:
    proofs = (proof(ProofState.PROVEN), proof(ProofState.MISSING, needed=False))

    assert way_back_state(proofs) is WayBackState.SAFE
