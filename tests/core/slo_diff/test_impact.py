"""How many past days or deploys would have passed under one version of slo.yml only."""

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_action.core.model import Cause, Verdict
from slo_action.core.record.policy_comparison import PolicyComparison, PolicyOutcome
from slo_action.core.slo_diff.diff import slo_changes
from slo_action.core.slo_diff.impact import (
    Impact,
    Measured,
    Unit,
    measured_impact,
    replayed_impact,
)
from tests.worlds.slo_files import NIGHT, SHOP, health, matrix, p95, shop, targets

SLOWER = slo_changes(matrix(), health(objective=p95(0.8)))
FASTER = slo_changes(health(objective=p95(0.8)), matrix())


def measured(
    value: float,
    days_ago: int = 0,
    what: str = "health p95",
    service: str = "shop",
    unit: Unit = Unit.DAY,
) -> Measured:
    at = NIGHT - timedelta(days=days_ago)
    return Measured(at=at, unit=unit, service=service, what=what, value=value)


def counts(found: tuple[Impact, ...]) -> tuple[int, int, int]:
    (one,) = found
    return one.compared, one.only_after, one.only_before


def test_days_between_the_two_limits_would_have_passed_only_under_the_looser() -> None:
    past = [measured(0.4), measured(0.5), measured(0.6), measured(0.8), measured(0.9)]

    assert counts(measured_impact(SLOWER, past)) == (5, 2, 0)
    assert counts(measured_impact(FASTER, past)) == (5, 0, 2)


def test_a_percentile_that_fell_on_no_answer_passes_under_neither() -> None:
    assert counts(measured_impact(SLOWER, [measured(inf)])) == (1, 0, 0)


def test_availability_must_be_at_least_its_target() -> None:
    changes = slo_changes(matrix(), targets(availability=Fraction(995, 1000)))
    past = [measured(value, what="availability") for value in (0.9999, 0.999, 0.997, 0.995, 0.99)]

    assert counts(measured_impact(changes, past)) == (5, 2, 0)


def test_only_the_newest_are_counted() -> None:
    past = [measured(0.6 if day >= 30 else 0.4, days_ago=day) for day in range(40)]

    assert counts(measured_impact(SLOWER, past)) == (30, 0, 0)


def test_days_and_deploys_are_counted_apart() -> None:
    past = [measured(0.6), measured(0.6, unit=Unit.DEPLOY), measured(0.4, unit=Unit.DEPLOY)]

    assert [(one.unit, one.compared, one.only_after) for one in measured_impact(SLOWER, past)] == [
        (Unit.DAY, 1, 1),
        (Unit.DEPLOY, 2, 1),
    ]


@pytest.mark.parametrize("stranger", [measured(0.6, service="cart"), measured(0.6, what="x p95")])
def test_what_was_measured_of_something_else_does_not_count(stranger: Measured) -> None:
    assert measured_impact(SLOWER, [stranger]) == ()


def test_without_a_limit_there_is_nothing_to_hold_the_past_to() -> None:
    assert measured_impact(slo_changes(matrix(), shop(app="store")), [measured(0.6)]) == ()


def test_a_renamed_service_keeps_its_past() -> None:
    slower = next(iter(health(objective=p95(0.8)).services.values()))
    changes = slo_changes(matrix(SHOP), matrix(replace(slower, name="store")))

    assert counts(measured_impact(changes, [measured(0.6)])) == (1, 1, 0)


@given(st.lists(st.floats(0, 2), max_size=40))
def test_of_two_limits_only_one_passes_more(values: list[float]) -> None:
    past = [measured(value, days_ago=day) for day, value in enumerate(values)]

    for found in measured_impact(SLOWER, past):
        assert found.only_before == 0
        assert 0 <= found.only_after <= found.compared <= 30


def reported(verdict: Verdict) -> PolicyOutcome:
    return PolicyOutcome(
        verdict=verdict, cause=Cause.NONE, row="", known_seconds=60, rollback=False
    )


def case(source: str, now: Verdict | None, service: str = "shop") -> PolicyComparison:
    return PolicyComparison(
        source=source,
        service=service,
        version="v1",
        deployment_id="run_1",
        then=reported(Verdict.HEALTHY),
        now=reported(now) if now else None,
        unknown="" if now else "the record ends at 60 s",
    )


def test_recorded_runs_are_compared_as_both_policies_judge_them() -> None:
    before = [
        case("a", Verdict.UNHEALTHY),
        case("b", Verdict.HEALTHY),
        case("c", Verdict.INCONCLUSIVE),
        case("d", None),
        case("e", Verdict.HEALTHY, service="cart"),
    ]
    after = [
        case("a", Verdict.DEGRADED),
        case("b", Verdict.UNHEALTHY),
        case("c", Verdict.INCONCLUSIVE),
        case("d", Verdict.HEALTHY),
        case("e", Verdict.HEALTHY, service="cart"),
        case("only after", Verdict.HEALTHY),
    ]

    shop_runs, cart_runs = replayed_impact(before, after)

    assert (shop_runs.compared, shop_runs.only_after, shop_runs.only_before) == (3, 1, 1)
    assert (shop_runs.what, shop_runs.unit, shop_runs.unknown) == ("policy", Unit.DEPLOY, 1)
    assert (cart_runs.service, cart_runs.compared, cart_runs.only_after) == ("cart", 1, 0)
