"""The four rollback triggers, each a function of what gate and window observed."""

from collections import Counter

from slo_action.core.gate.gate import Gate, GateEnd
from slo_action.core.model import (
    HopelessReason,
    Observation,
    ObservationResult,
    Outcome,
    Trigger,
    Witness,
)
from slo_action.core.observation.window import Window, WindowEnd
from slo_action.core.release.baseline import Baseline
from slo_action.core.verdict.window_facts import failed_streams, over_trigger

CONFIG_OUTCOMES = frozenset(
    {
        Outcome.HTTP_4XX,
        Outcome.REDIRECT,
        Outcome.BODY_TOO_LARGE,
        Outcome.BODY_UNREADABLE,
        Outcome.CAPTURE_FAILED,
        Outcome.PROTOCOL_ERROR,
    }
)
"""The check asks wrongly, or for what our client cannot read, unless it was well before."""

PATH_OUTCOMES = frozenset(
    {
        Outcome.TLS_EXPIRING,
        Outcome.TLS_EXPIRED,
        Outcome.TLS_NAME,
        Outcome.TLS_OTHER,
        Outcome.DNS_NXDOMAIN,
        Outcome.DNS_TIMEOUT,
    },
)
"""The deploy made neither the certificate nor the record."""

SLOW_OUTCOMES = frozenset({Outcome.SLOW, Outcome.READ_TIMEOUT})
"""Answered too late, or not within the timeout that lies above the limit."""

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


def blamed_outcome(window: Window, baseline: Baseline | None = None) -> Outcome | None:
    """Return what the failures of a window blame; None where nothing failed it.

    The most frequent outcome of the streams that failed it. What looks like a wrong check is no
    such thing on a stream that answered well before, in the window or its `baseline`.
    """
    counts: Counter[Outcome] = Counter()
    trigger = float(window.policy.rates.trigger)
    for stats in failed_streams(window):
        well = baseline is not None and baseline.was_well(stats.stream.name, trigger)
        was_right = well or stats.good > 0
        for outcome, count in stats.outcomes.items():
            if outcome.is_bad and not (was_right and outcome in CONFIG_OUTCOMES):
                counts[outcome] += count
    return max(counts, key=lambda outcome: counts[outcome]) if counts else None


def health_check_failure(end: GateEnd | None, window: Window | None) -> bool:
    """The health SLO was missed: no streak by the deadline, or eight failed attempts in a row.

    Both end a gate as missed; one that came late is judged only where the user wants the letter.
    """
    return window is None and end in (GateEnd.MISSED, GateEnd.LATE)


def error_rate_breach(window: Window | None) -> bool:
    """More than 5 % of requests fail within five minutes of the deploy, or it is sure they will."""
    if window is None:
        return False
    return window.end in (WindowEnd.BREACHED, WindowEnd.TRAFFIC) or over_trigger(window)


def response_time_degradation(gate: Gate, end: GateEnd | None, window: Window | None) -> bool:
    """Answers above 5 000 ms, or none within the timeout above it, are why it failed.

    In the window they must be most of the failures of a health stream that failed it.
    """
    if window is None:
        return end is GateEnd.MISSED and prevailing_outcome(gate) in SLOW_OUTCOMES
    health = [t for t in failed_streams(window) if t.stream.probe.witness is Witness.HEALTH]
    return any(stats.prevailing_failure in SLOW_OUTCOMES for stats in health)


def service_unavailability(
    gate: Gate, end: GateEnd | None, window: Window | None, seconds: float
) -> bool:
    """Complete outage: up to the end, so long at least, nothing but 5xx or no answer at all.

    The same where the platform reports that no machine of the release can become healthy.

    In the window: every endpoint bad for so long, and no good answer from anywhere.
    """
    if window is not None:
        return window.end is WindowEnd.OUTAGE
    if end is GateEnd.HOPELESS:
        hopeless = gate.observations[-1].hopeless
        return hopeless is not None and hopeless.why is not HopelessReason.NOT_LIVE
    if end is not GateEnd.MISSED:
        return False
    last = gate.observations[-1].ended_seconds
    down_since = last
    for observation in reversed(gate.observations):
        outcome = observation.deciding.outcome
        if not (outcome.is_unanswered or outcome is Outcome.HTTP_5XX):
            break
        down_since = observation.started_seconds
    return last - down_since >= seconds


def fired(gate: Gate, window: Window | None, outage_seconds: float) -> tuple[Trigger, ...]:
    """Return every trigger that fired, in the order of `Trigger`; `window` is None without one.

    `outage_seconds` is how long everything must fail to be an outage.
    """
    end = gate.end
    found = {
        Trigger.HEALTH_CHECK_FAILURE: health_check_failure(end, window),
        Trigger.ERROR_RATE_BREACH: error_rate_breach(window),
        Trigger.RESPONSE_TIME_DEGRADATION: response_time_degradation(gate, end, window),
        Trigger.SERVICE_UNAVAILABILITY: service_unavailability(gate, end, window, outage_seconds),
    }
    return tuple(trigger for trigger, is_fired in found.items() if is_fired)
