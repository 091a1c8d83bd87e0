"""Deploys, rollbacks, kills and races in any order: what must hold holds."""

from collections.abc import Callable

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.platforms.fly.chaos import TALLY, FlyRollbacks
from tests.sizes import sized

QUICK = settings(
    max_examples=sized(12, 60),
    stateful_step_count=8,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def test_no_rollback_leaves_a_bad_machine_a_lease_or_a_trace_after_a_takeover(
    record_property: Callable[[str, object], None],
) -> None:
    examples, steps = TALLY.examples, TALLY.steps

    run_state_machine_as_test(FlyRollbacks, settings=QUICK)

    record_property("examples", TALLY.examples - examples)
    record_property("steps", TALLY.steps - steps)
    assert TALLY.examples - examples >= QUICK.max_examples
