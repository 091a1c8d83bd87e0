"""When a timeout says more of this host than of the service."""

import pytest

from slo_action.core.model import Outcome, Sample
from slo_action.core.observation.observer_delay import ObserverDelay
from tests.builders import sample

TIMEOUTS = (Outcome.DNS_TIMEOUT, Outcome.CONNECT_TIMEOUT, Outcome.READ_TIMEOUT)


def timed_out(outcome: Outcome = Outcome.READ_TIMEOUT, *, late: float = 0.0) -> Sample:
    return sample(outcome, total_seconds=6.0, observer_delay_seconds=late)


@pytest.mark.parametrize("outcome", TIMEOUTS)
def test_a_timeout_counts_unless_this_host_was_too_late(outcome: Outcome) -> None:
    delay = ObserverDelay(1.0)

    assert delay.judged(timed_out(outcome, late=1.0), 10.0).outcome is outcome
    found = delay.judged(timed_out(outcome, late=1.1), 10.0)
    assert found.outcome is Outcome.OBSERVER_LATE
    assert found.detail == f"what {outcome} looks like, but this host was 1.1 s late"


@pytest.mark.parametrize(
    "outcome", [o for o in Outcome if o not in (*TIMEOUTS, Outcome.OBSERVER_LATE)]
)
def test_what_was_answered_stands_however_late_this_host_was(outcome: Outcome) -> None:
    assert ObserverDelay(1.0).judged(timed_out(outcome, late=5.0), 10.0).outcome is outcome


@pytest.mark.parametrize(
    ("due", "woke", "hidden"),
    [(5.0, 5.9, False), (5.0, 7.0, True), (0.0, 3.9, False), (0.0, 4.1, True), (10.1, 15.0, False)],
)
@pytest.mark.parametrize("outcome", [*TIMEOUTS, Outcome.SLOW])
def test_a_sleep_that_was_too_long_hides_what_was_out_meanwhile(
    due: float, woke: float, outcome: Outcome, *, hidden: bool
) -> None:
    delay = ObserverDelay(1.0)
    delay.woke(due, woke)

    assert (delay.judged(timed_out(outcome), 10.0).outcome is Outcome.OBSERVER_LATE) is hidden
