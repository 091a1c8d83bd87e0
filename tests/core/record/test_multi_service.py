"""What several endings add up to: the worst makes the whole."""

from dataclasses import replace
from itertools import permutations

import pytest

from slo_action.core.decision.decide import FailOn, exit_code_of
from slo_action.core.model import Cause, Ending, Outcome, Verdict
from slo_action.core.record.multi_service import (
    ServiceEnding,
    Trouble,
    combined_exit_code,
    worst_first,
    worst_verdict,
)
from tests.builders import always, drive, judged, record


def trouble(code: int) -> ServiceEnding:
    return ServiceEnding(
        service=f"t{code}", outcome=Trouble(title="t", message="m", exit_code=code)
    )


def ended(ending: Ending, verdict: Verdict, code: int | None = None) -> ServiceEnding:
    gate = drive(always(Outcome.OK))
    told = judged(gate)
    exit_code = exit_code_of(ending, FailOn.INCONCLUSIVE) if code is None else code
    judgement = replace(told, verdict=verdict)
    one = record(gate, judgement=judgement, ending=ending, exit_code=exit_code)
    return ServiceEnding(service=f"{verdict}-{ending}", outcome=one)


@pytest.mark.parametrize(
    ("codes", "worst"),
    [
        ((0, 0), 0),
        ((0, 11), 11),
        ((11, 10), 10),
        ((10, 12), 12),
        ((11, 5), 5),
        ((5, 10), 10),
        ((4, 1), 1),
        ((0, 4), 4),
        ((12, 1), 12),
    ],
)
def test_the_exit_status_is_the_worst_of_all(codes: tuple[int, ...], worst: int) -> None:
    for order in permutations(codes):
        assert combined_exit_code([trouble(code) for code in order]) == worst


def test_verdicts_rank_from_unhealthy_to_healthy() -> None:
    ranked = [Verdict.UNHEALTHY, Verdict.INCONCLUSIVE, Verdict.DEGRADED, Verdict.HEALTHY]

    for place, verdict in enumerate(ranked):
        assert worst_verdict(ranked[place:]) is verdict


def test_of_two_bad_ones_the_one_that_needs_a_person_comes_first() -> None:
    mended = ended(Ending.ROLLED_BACK_VERIFIED, Verdict.UNHEALTHY)
    failed = ended(Ending.ROLLBACK_FAILED, Verdict.UNHEALTHY)
    left = ended(Ending.NOT_ROLLED_BACK, Verdict.UNHEALTHY)
    well = ended(Ending.VERIFIED, Verdict.HEALTHY)

    assert worst_first([well, mended, left, failed]) == (failed, left, mended, well)


def test_equals_keep_the_order_in_which_they_were_named() -> None:
    first, second = trouble(5), trouble(5)

    assert worst_first([first, second])[0] is first
    assert worst_first([second, first])[0] is second


def test_trouble_says_nothing_of_the_service() -> None:
    one = trouble(5)

    assert (one.verdict, one.cause, one.ending) == (
        Verdict.INCONCLUSIVE,
        Cause.OBSERVER,
        Ending.UNDECIDED,
    )
    assert (one.record, one.exit_code) == (None, 5)


def test_undecided_ones_that_may_pass_do_not_fail_the_step() -> None:
    """`fail-on: unhealthy` is in each record's own status already."""
    undecided = ended(Ending.UNDECIDED, Verdict.INCONCLUSIVE, code=0)
    well = ended(Ending.VERIFIED, Verdict.HEALTHY)

    assert combined_exit_code([undecided, well]) == 0
