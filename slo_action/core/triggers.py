"""The document's rollback triggers, each a function of what the gate has seen.

The error-rate breach needs the observation window and is not judged here.
"""

from collections import Counter

from slo_action.core.model import Observation, ObservationResult, Outcome, Trigger
from slo_action.core.schedule import Gate, GateEnd

OUTAGE_SECONDS = 15.0
"""How long everything must be bad to be called an outage: 5 % of five minutes."""

_OUTAGE = frozenset({Outcome.HTTP_5XX})
_SLOW = frozenset({Outcome.SLOW, Outcome.READ_TIMEOUT})
_RECENT = 3


def recent_failures(gate: Gate) -> tuple[Observation, ...]:
    """Return the last failed observations, at most three, oldest first; peeks included."""
    failed = [o for o in gate.observations if o.result is ObservationResult.FAILED]
    return tuple(failed[-_RECENT:])


def prevailing_outcome(gate: Gate) -> Outcome | None:
    """Return what the service did wrong in the end; None where nothing failed.

    The most frequent outcome of the last three failures; of equals, the latest. What it did before
    does not matter: an old version that gave way to a broken new one is a broken service.
    """
    outcomes = [o.deciding.outcome for o in recent_failures(gate)]
    if not outcomes:
        return None
    counts = Counter(reversed(outcomes))
    return max(counts, key=lambda outcome: counts[outcome])


def health_check_failure(_gate: Gate, end: GateEnd | None) -> bool:
    """The health SLO was missed: no streak by the deadline, or eight failed attempts in a row.

    Both end a gate as missed; one that came late is judged only where the user wants the letter.
    """
    return end in (GateEnd.MISSED, GateEnd.LATE)


def response_time_degradation(gate: Gate, end: GateEnd | None) -> bool:
    """Answers above 5 000 ms, or none within the timeout above it, are why the SLO was missed."""
    return end is GateEnd.MISSED and prevailing_outcome(gate) in _SLOW


def service_unavailability(gate: Gate, end: GateEnd | None) -> bool:
    """Complete outage: up to the end, for at least 15 s, nothing but 5xx or no answer at all."""
    if end is not GateEnd.MISSED:
        return False
    last = gate.observations[-1].ended_seconds
    down_since = last
    for observation in reversed(gate.observations):
        outcome = observation.deciding.outcome
        if not (outcome.is_unanswered or outcome in _OUTAGE):
            break
        down_since = observation.started_seconds
    return last - down_since >= OUTAGE_SECONDS


_TRIGGERS = {
    Trigger.HEALTH_CHECK_FAILURE: health_check_failure,
    Trigger.RESPONSE_TIME_DEGRADATION: response_time_degradation,
    Trigger.SERVICE_UNAVAILABILITY: service_unavailability,
}


def fired(gate: Gate, end: GateEnd | None) -> tuple[Trigger, ...]:
    """Return every trigger that fired, in the document's order."""
    return tuple(trigger for trigger, judge in _TRIGGERS.items() if judge(gate, end))
