"""The rows of the truth table that the health gate decides."""

from collections.abc import Callable

from slo_action.core.gate.gate import GateEnd
from slo_action.core.model import (
    Cause,
    ObservationResult,
    Outcome,
    Verdict,
    Witness,
)
from slo_action.core.verdict.facts import Facts, OnLateStart, Row
from slo_action.core.verdict.outcome_groups import CONFIG_OUTCOMES, PATH_OUTCOMES
from slo_action.core.verdict.window_facts import window_summary


def _missed(facts: Facts) -> bool:
    return facts.end is GateEnd.MISSED


def _recovered(facts: Facts) -> bool:
    return _missed(facts) and facts.recovered


def _wrong_version(facts: Facts) -> bool:
    return _missed(facts) and facts.prevailing is Outcome.WRONG_VERSION


def _tells_no_version(facts: Facts) -> bool:
    shown = facts.last_failure
    return _wrong_version(facts) and shown is not None and shown.version is None


def _unjudged_by(*outcomes: Outcome) -> Callable[[Facts], bool]:
    def fits(facts: Facts) -> bool:
        last = facts.last_neutral
        return facts.end is GateEnd.UNJUDGED and (
            last is not None and last.deciding.outcome in outcomes
        )

    return fits


def _late(policy: OnLateStart) -> Callable[[Facts], bool]:
    return lambda facts: facts.end is GateEnd.LATE and facts.on_late_start is policy


def _reason_met(facts: Facts) -> str:
    last = facts.gate.attempts[-1]
    streak = facts.gate.policy.required_streak
    told = f" on version {last.version}" if last.version else ""
    if last.ended_seconds > facts.gate.deadline_seconds:
        told += "; it was asked too late to be quicker, and was never seen to fail"
    met = (
        f"{streak} consecutive successful attempts by {last.ended_seconds:.1f} s after the "
        f"{facts.since} (limit {facts.gate.policy.deadline_seconds:.0f} s){told}"
    )
    return f"{met}; then {window_summary(facts.window)}" if facts.window else met


def _reason_degraded(facts: Facts) -> str:
    shown = facts.degraded
    return f"{_reason_met(facts)}, but it calls itself degraded: {shown.detail if shown else ''}"


def _reason_late(facts: Facts) -> str:
    last = facts.gate.attempts[-1]
    then = f"; then {window_summary(facts.window)}" if facts.window else ""
    return (
        f"became healthy only {last.ended_seconds:.1f} s after the {facts.since}; the health SLO "
        f"allows {facts.gate.policy.deadline_seconds:.0f} s{then}"
    )


def _reason_recovered(facts: Facts) -> str:
    since = f"; since then {window_summary(facts.window)}" if facts.window else ""
    return (
        f"missed the health SLO of {facts.gate.policy.deadline_seconds:.0f} s, but answered "
        f"{facts.gate.policy.required_streak} times in a row when asked again before the rollback"
        f"{since}"
    )


def _reason_unjudged(facts: Facts) -> str:
    last = facts.last_neutral
    told = "" if last is None else last.deciding.detail
    lost = last is not None and last.control_alive is False
    control = "; the control did not answer either, so the fault may be the runner's network"
    return f"could not tell whether the service is healthy: {told}{control if lost else ''}"


def _reason_missed(facts: Facts) -> str:
    """Where everything failed in grace already, that is what is counted."""
    gate = facts.gate
    counted = gate.attempts or gate.asked
    failed = sum(1 for o in counted if o.result is ObservationResult.FAILED)
    shown = facts.last_failure
    return (
        f"never {gate.policy.required_streak} successful attempts in a row within "
        f"{gate.deadline_seconds:.0f} s of the {facts.since}: {failed} of {len(counted)} "
        f"failed; last: {shown.detail if shown else facts.prevailing}"
    )


def _reason_wrong_version(facts: Facts) -> str:
    shown = facts.last_failure
    if shown is not None and shown.witness is Witness.PLATFORM:
        at = facts.gate.deadline_seconds
        return (
            f"not every machine runs the release {at:.0f} s after the {facts.since}: {shown.detail}"
        )
    told = shown.version if shown else None
    wanted = facts.rule.expected
    live = f"the new version {wanted} is not live" if wanted else "the version did not change"
    when = f"{facts.gate.deadline_seconds:.0f} s after the {facts.since}"
    return f"{live}: version {told} answers {when}"


def _reason_no_version(facts: Facts) -> str:
    return (
        f"could not tell which version answers: neither body nor headers name one, and "
        f"{facts.rule.expected or 'another version'} was expected"
    )


def _reason_superseded(facts: Facts) -> str:
    shown = facts.last_failure
    return (
        f"another deploy took over: version {facts.rule.expected} answered, then version "
        f"{shown.version if shown else None} did"
    )


GATE_ROWS: tuple[Row, ...] = (
    Row(
        name="recovered",
        when="no streak by the deadline, but one in the last look, `on-late-start: warn`",
        fits=lambda facts: _recovered(facts) and facts.on_late_start is OnLateStart.WARN,
        verdict=Verdict.DEGRADED,
        cause=Cause.APP,
        reason=_reason_recovered,
    ),
    Row(
        name="met-degraded",
        when="the streak stands in time, but the body says degraded",
        fits=lambda facts: facts.end is GateEnd.MET and facts.degraded is not None,
        verdict=Verdict.DEGRADED,
        cause=Cause.APP,
        reason=_reason_degraded,
    ),
    Row(
        name="met",
        when="the streak of successful attempts stands in time",
        fits=lambda facts: facts.end is GateEnd.MET,
        verdict=Verdict.HEALTHY,
        cause=Cause.NONE,
        reason=_reason_met,
    ),
    Row(
        name="late",
        when="a streak in progress at the deadline completed, `on-late-start: warn`",
        fits=_late(OnLateStart.WARN),
        verdict=Verdict.DEGRADED,
        cause=Cause.APP,
        reason=_reason_late,
    ),
    Row(
        name="late-to-the-letter",
        when="a streak in progress at the deadline completed, `on-late-start: rollback`",
        fits=_late(OnLateStart.ROLLBACK),
        verdict=Verdict.UNHEALTHY,
        cause=Cause.APP,
        reason=_reason_late,
    ),
    Row(
        name="unjudged-cached",
        when="a cache answered for the service up to the end",
        fits=_unjudged_by(Outcome.CACHED),
        verdict=Verdict.INCONCLUSIVE,
        cause=Cause.CONFIG,
        reason=_reason_unjudged,
    ),
    Row(
        name="unjudged-challenge",
        when="a firewall challenged the probes up to the end",
        fits=_unjudged_by(Outcome.WAF_CHALLENGE),
        verdict=Verdict.INCONCLUSIVE,
        cause=Cause.PATH,
        reason=_reason_unjudged,
    ),
    Row(
        name="unjudged",
        when="the probes were limited, failed on our own side, or the control was dead too",
        fits=lambda facts: facts.end is GateEnd.UNJUDGED,
        verdict=Verdict.INCONCLUSIVE,
        cause=Cause.OBSERVER,
        reason=_reason_unjudged,
    ),
    Row(
        name="no-version",
        when="no streak; the answers are well but tell no version, and one was expected",
        fits=_tells_no_version,
        verdict=Verdict.INCONCLUSIVE,
        cause=Cause.CONFIG,
        reason=_reason_no_version,
    ),
    Row(
        name="superseded",
        when="no streak; the expected version answered first, then only another one",
        fits=lambda facts: _wrong_version(facts) and facts.was_taken_over,
        verdict=Verdict.INCONCLUSIVE,
        cause=Cause.SUPERSEDED,
        reason=_reason_superseded,
    ),
    Row(
        name="wrong-version",
        when="no streak; another version than the expected one answers in the end",
        fits=_wrong_version,
        verdict=Verdict.UNHEALTHY,
        cause=Cause.WRONG_VERSION,
        reason=_reason_wrong_version,
    ),
    Row(
        name="missed-config",
        when="no streak; in the end 4xx, a redirect or an endless body: the check asks wrongly",
        fits=lambda facts: _missed(facts) and facts.prevailing in CONFIG_OUTCOMES,
        verdict=Verdict.UNHEALTHY,
        cause=Cause.CONFIG,
        reason=_reason_missed,
    ),
    Row(
        name="missed-path",
        when="no streak; in the end TLS or DNS: the deploy made neither certificate nor record",
        fits=lambda facts: _missed(facts) and facts.prevailing in PATH_OUTCOMES,
        verdict=Verdict.UNHEALTHY,
        cause=Cause.PATH,
        reason=_reason_missed,
    ),
    Row(
        name="missed-app",
        when="no streak; in the end 5xx, an unhealthy body, a failed assertion, slowness, or no "
        "answer (control alive)",
        fits=_missed,
        verdict=Verdict.UNHEALTHY,
        cause=Cause.APP,
        reason=_reason_missed,
    ),
)
