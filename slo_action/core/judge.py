"""Evidence to verdict: one ordered table of rows, the first that fits decides.

docs/verdicts.md prints this very table.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from slo_action.core.model import (
    Cause,
    Observation,
    ObservationResult,
    Outcome,
    Sample,
    Trigger,
    Verdict,
    VersionRule,
)
from slo_action.core.schedule import Gate, GateEnd
from slo_action.core.triggers import fired, prevailing_outcome, recent_failures


class OnLateStart(StrEnum):
    """What a service gets that became healthy after the deadline."""

    WARN = "warn"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the evidence says. `reason` is one sentence and may quote the target: untrusted.

    `row` names the row of the table that decided.
    """

    verdict: Verdict
    cause: Cause
    reason: str
    row: str
    triggers: tuple[Trigger, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the rows look at, worked out once. `end` is None for a run that was interrupted."""

    gate: Gate
    rule: VersionRule
    on_late_start: OnLateStart
    end: GateEnd | None
    recheck: Gate | None = None
    since: str = "deploy"

    @property
    def recovered(self) -> bool:
        """True where the last look before the rollback found a whole streak."""
        return self.recheck is not None and self.recheck.end in (GateEnd.MET, GateEnd.LATE)

    @property
    def prevailing(self) -> Outcome | None:
        """What the service did wrong in the end."""
        return prevailing_outcome(self.gate)

    @property
    def last_failure(self) -> Sample | None:
        """The sample that best shows the prevailing outcome."""
        shown = [o.deciding for o in recent_failures(self.gate)]
        fitting = [sample for sample in shown if sample.outcome is self.prevailing]
        return fitting[-1] if fitting else None

    @property
    def last_neutral(self) -> Observation | None:
        """The latest attempt that said nothing about the service."""
        found = [o for o in self.gate.attempts if o.result is ObservationResult.NEUTRAL]
        return found[-1] if found else None

    @property
    def degraded(self) -> Sample | None:
        """The latest answer of a service that lives but calls itself degraded."""
        streak = self.gate.attempts[-self.gate.policy.required_streak :]
        found = [o.deciding for o in streak if o.deciding.outcome is Outcome.DEGRADED_BODY]
        return found[-1] if found else None

    @property
    def was_right_before(self) -> bool:
        """True where the expected version had answered before another one did."""
        passed = [o for o in self.gate.observations if o.result is ObservationResult.PASSED]
        return self.rule.expected is not None and any(o.version for o in passed)


CONFIG_OUTCOMES = frozenset({Outcome.HTTP_4XX, Outcome.REDIRECT, Outcome.BODY_TOO_LARGE})
PATH_OUTCOMES = frozenset(
    {
        Outcome.TLS_EXPIRED,
        Outcome.TLS_NAME,
        Outcome.TLS_OTHER,
        Outcome.DNS_NXDOMAIN,
        Outcome.DNS_TIMEOUT,
    },
)


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
    return (
        f"{streak} consecutive successful attempts by {last.ended_seconds:.1f} s after the "
        f"{facts.since} (limit {facts.gate.policy.deadline_seconds:.0f} s){told}"
    )


def _reason_degraded(facts: Facts) -> str:
    shown = facts.degraded
    return f"{_reason_met(facts)}, but it calls itself degraded: {shown.detail if shown else ''}"


def _reason_late(facts: Facts) -> str:
    last = facts.gate.attempts[-1]
    return (
        f"became healthy only {last.ended_seconds:.1f} s after the {facts.since}; the health SLO "
        f"allows {facts.gate.policy.deadline_seconds:.0f} s"
    )


def _reason_recovered(facts: Facts) -> str:
    return (
        f"missed the health SLO of {facts.gate.policy.deadline_seconds:.0f} s, but answered "
        f"{facts.gate.policy.required_streak} times in a row when asked again before the rollback"
    )


def _reason_unjudged(facts: Facts) -> str:
    last = facts.last_neutral
    told = "" if last is None else last.deciding.detail
    lost = last is not None and last.control_alive is False
    control = "; the control did not answer either, so the fault may be the runner's network"
    return f"could not tell whether the service is healthy: {told}{control if lost else ''}"


def _reason_missed(facts: Facts) -> str:
    gate = facts.gate
    failed = sum(1 for o in gate.attempts if o.result is ObservationResult.FAILED)
    shown = facts.last_failure
    return (
        f"never {gate.policy.required_streak} successful attempts in a row within "
        f"{gate.deadline_seconds:.0f} s of the {facts.since}: {failed} of {len(gate.attempts)} "
        f"failed; last: {shown.detail if shown else facts.prevailing}"
    )


def _reason_wrong_version(facts: Facts) -> str:
    shown = facts.last_failure
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the truth table: when it fits, what it says, and how it says it."""

    name: str
    when: str
    fits: Callable[[Facts], bool]
    verdict: Verdict
    cause: Cause
    reason: Callable[[Facts], str]


TABLE: tuple[Row, ...] = (
    Row(
        name="interrupted",
        when="the run was stopped before the gate ended",
        fits=lambda facts: facts.end is None,
        verdict=Verdict.INCONCLUSIVE,
        cause=Cause.OBSERVER,
        reason=lambda _: "the run was stopped before it could decide",
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
        name="recovered",
        when="no streak by the deadline, but one in the last look, `on-late-start: warn`",
        fits=lambda facts: _recovered(facts) and facts.on_late_start is OnLateStart.WARN,
        verdict=Verdict.DEGRADED,
        cause=Cause.APP,
        reason=_reason_recovered,
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
        when="no streak; the expected version answered first, then another one",
        fits=lambda facts: _wrong_version(facts) and facts.was_right_before,
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
        when="no streak; in the end 5xx, an unhealthy body, slowness, or no answer (control alive)",
        fits=_missed,
        verdict=Verdict.UNHEALTHY,
        cause=Cause.APP,
        reason=_reason_missed,
    ),
)


def judge(
    gate: Gate,
    *,
    rule: VersionRule,
    on_late_start: OnLateStart,
    recheck: Gate | None = None,
    since: str = "deploy",
) -> Judgement:
    """Judge a gate, ended or interrupted. Total: some row always fits.

    `recheck` is the last look before a rollback, None where there was none. `since` names what
    second zero of the gate was, for the reason.
    """
    facts = Facts(
        gate=gate,
        rule=rule,
        on_late_start=on_late_start,
        end=gate.end,
        recheck=recheck,
        since=since,
    )
    row = next(row for row in TABLE if row.fits(facts))
    return Judgement(
        verdict=row.verdict,
        cause=row.cause,
        reason=row.reason(facts),
        row=row.name,
        triggers=fired(gate, facts.end) if row.verdict is Verdict.UNHEALTHY else (),
    )
