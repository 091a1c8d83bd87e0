"""What failures may cost, and how long is waited between attempts."""

import pytest

from slo_action.system.retry import RetryBudget, TransientError
from tests.worlds.virtual_clock import VirtualClock


def test_a_pause_is_at_least_what_the_service_asks_for() -> None:
    budget = RetryBudget(VirtualClock(), 60.0)

    assert budget.pause(0.0, 2.0, "5") == 5.0
    assert budget.pause(0.0, 2.0, "1") == 2.0


def test_failures_cost_their_own_time_and_their_pauses() -> None:
    clock = VirtualClock()
    budget = RetryBudget(clock, 10.0)
    began = clock.monotonic()
    clock.advance(4.0)

    assert budget.pause(began, 3.0) == 3.0
    assert budget.pause(clock.monotonic(), 3.5) is None
    assert budget.pause(clock.monotonic(), 3.0) == 3.0


def test_an_attempt_that_takes_long_and_succeeds_costs_nothing() -> None:
    clock = VirtualClock()
    budget = RetryBudget(clock, 5.0)

    budget.persist(((1.0, 1.0),), lambda: clock.advance(100.0))

    assert budget.pause(clock.monotonic(), 5.0) == 5.0


def test_the_last_failure_is_raised_where_the_budget_ends() -> None:
    clock = VirtualClock()
    attempts = 0

    def fail() -> None:
        nonlocal attempts
        attempts += 1
        raise TransientError(f"failure {attempts}", unsure=False)

    with pytest.raises(TransientError, match="failure 2"):
        RetryBudget(clock, 5.0).persist(((4.0, 4.0), (4.0, 4.0)), fail)
    assert attempts == 2
