"""Run the state machine for long: `python -m tests.platforms.fly.long_run [EXAMPLES] [STEPS]`."""

import sys

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.platforms.fly.chaos import TALLY, FlyRollbacks


def main(examples: int = 1_000, steps: int = 20) -> None:
    """Print what ran; an invariant that does not hold is raised with its story."""
    chosen = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    try:
        run_state_machine_as_test(FlyRollbacks, settings=chosen)
    finally:
        print("\n".join(TALLY.lines()))  # noqa: T201 - it is what the run is for


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
