"""Evidence to verdict: one ordered table of rows, the first that matches decides.

Read it from top to bottom: each row is a function that returns its reason where it matches, else
None. A reason is a clause for the reader of a red check; it may quote the target: untrusted. The
statistics behind it are in `window_facts.rate_details`. docs/verdicts.md prints this very table.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps

from slo_action.core.answer.version import is_unverified
from slo_action.core.gate.gate import GateEnd
from slo_action.core.model import (
    Cause,
    HopelessReason,
    ObservationResult,
    Outcome,
    Trigger,
    Verdict,
    Witness,
)
from slo_action.core.observation.real_traffic import OnNoData, TrafficVerdict
from slo_action.core.observation.streams import HEALTH
from slo_action.core.observation.window import Window, WindowEnd
from slo_action.core.release.fleet import crash_summary, fleet_summary, pending_summary
from slo_action.core.text.quantities import percent_words
from slo_action.core.verdict.context import (
    fails_outside_only,
    unconfirmed,
)
from slo_action.core.verdict.facts import Facts, OnLateStart
from slo_action.core.verdict.triggers import CONFIG_OUTCOMES, PATH_OUTCOMES, blamed_outcome, fired
from slo_action.core.verdict.window_facts import (
    before_summary,
    degraded,
    failed_streams,
    failure_summary,
    is_pre_existing,
    late_summary,
    latency_summary,
    missed_latency,
    over_slo,
    requests_failed,
    unheard,
    unheard_summary,
    unsure,
    window_summary,
)

Match = Callable[[Facts], str | None]
_HEALTHY, _DEGRADED = Verdict.HEALTHY, Verdict.DEGRADED
_UNHEALTHY, _INCONCLUSIVE = Verdict.UNHEALTHY, Verdict.INCONCLUSIVE
_SAME_NETWORK = "; the control did not answer either, so the fault may be the runner's network"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the evidence says. `reason` is one clause and may quote the target: untrusted.

    `row` names the row of the table that decided.
    """

    verdict: Verdict
    cause: Cause
    reason: str
    row: str
    triggers: tuple[Trigger, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictRow:
    """One row of the truth table: `match` returns its reason, None where it does not match."""

    name: str
    when: str
    verdict: Verdict
    cause: Cause
    match: Match


_rows: list[VerdictRow] = []


def _row(name: str, verdict: Verdict, cause: Cause) -> Callable[[Match], Match]:
    """Add a row to the end of the table; its docstring says when it matches."""

    def add(match: Match) -> Match:
        when = " ".join((match.__doc__ or "").split()).removesuffix(".")
        _rows.append(VerdictRow(name=name, when=when, verdict=verdict, cause=cause, match=match))
        return match

    return add


def _window_row(
    name: str, verdict: Verdict, cause: Cause
) -> Callable[[Callable[[Window], str | None]], Match]:
    """Add a row that looks at the window only; it does not match where there was none."""

    def add(match: Callable[[Window], str | None]) -> Match:
        @wraps(match)
        def match_window(facts: Facts) -> str | None:
            return match(facts.window) if facts.window else None

        return _row(name, verdict, cause)(match_window)

    return add


@_row("interrupted", _INCONCLUSIVE, Cause.OBSERVER)
def _interrupted(facts: Facts) -> str | None:
    """The run was stopped before the gate or the observation window ended."""
    # A window may fail before the gate has ended; without one, the gate's end counts.
    end = facts.end if facts.window is None else facts.window.end
    return "the run was stopped before it could decide" if end is None else None


# What the platform or the baseline adds comes before what the answers alone say: it needs more
# evidence than that.


@_row("platform-superseded", _INCONCLUSIVE, Cause.SUPERSEDED)
def _platform_superseded(facts: Facts) -> str | None:
    """Platform: a newer release than the judged one came meanwhile."""
    released, newest = facts.context.released, facts.context.superseded_by
    judged = released.version if released else "the release"
    took_over = f"another deploy took over: {judged} was judged, and now {newest} is newest"
    return took_over if newest else None


@_row("not-deployed", _UNHEALTHY, Cause.WRONG_VERSION)
def _not_deployed(facts: Facts) -> str | None:
    """Platform: the service fails, and release and images are those that `prepare` saw."""
    before, released = facts.context.before, facts.context.released
    newest, fleet = facts.context.newest_before, facts.context.fleet
    if before is None or released is None or newest != released.version:
        return None
    images = {machine.digest for machine in fleet.counted if machine.digest} if fleet else set()
    if not images <= {before.digest} or (facts.failed_window is None and facts.is_passed):
        return None
    return (
        f"the service fails, and nothing was deployed: {newest} was the newest release before the "
        "deploy, and still is"
    )


@_row("remedied", _DEGRADED, Cause.APP)
def _remedied(facts: Facts) -> str | None:
    """One machine failed, others did not; it was restarted once, and passed since."""
    restart = facts.context.remedied
    if restart is None or not restart.is_well:
        return None
    machine = f"machine {restart.machine}"
    return f"{machine} failed, was restarted once and is healthy since: {restart.reason}"


def _hopeless(facts: Facts, why: HopelessReason) -> str | None:
    hopeless = facts.hopeless
    if hopeless is None or hopeless.why is not why:
        return None
    at = facts.gate.observations[-1].ended_seconds
    return f"the platform reports {at:.0f} s after the {facts.since}: {hopeless.words}"


@_row("hopeless-not-live", _UNHEALTHY, Cause.WRONG_VERSION)
def _hopeless_not_live(facts: Facts) -> str | None:
    """Platform: the deploy has ended, and no machine runs its image."""
    return _hopeless(facts, HopelessReason.NOT_LIVE)


@_row("hopeless-unreachable", _UNHEALTHY, Cause.PLATFORM)
def _hopeless_unreachable(facts: Facts) -> str | None:
    """Platform: the hosts of all machines are unreachable, and nothing answers."""
    return _hopeless(facts, HopelessReason.UNREACHABLE)


@_row("hopeless", _UNHEALTHY, Cause.APP)
def _hopeless_exited(facts: Facts) -> str | None:
    """Platform: every machine of the release has exited for good, and the service fails."""
    return _hopeless(facts, HopelessReason.EXITED)


@_row("failed-before", _DEGRADED, Cause.PRE_EXISTING)
def _failed_before(facts: Facts) -> str | None:
    """Window: a trigger fired, but `prepare` saw the same fail as much before the deploy."""
    window, baseline = facts.failed_window, facts.context.baseline
    if window is None or baseline is None:
        return None
    streams, trigger = failed_streams(window), facts.trigger_rate
    had = [baseline.had(s.stream.name, s.rate.bad, s.rate.valid, trigger) for s in streams]
    if not had or not all(had):
        return None
    before = before_summary(baseline, streams)
    failed = failure_summary(window, facts.since)
    return f"{failed}; it failed as much before the deploy: {before}"


@_row("down-before", _UNHEALTHY, Cause.PRE_EXISTING)
def _down_before(facts: Facts) -> str | None:
    """No streak; and `prepare` saw the health endpoint fail as much before the deploy."""
    baseline = facts.context.baseline
    if facts.end is not GateEnd.MISSED or baseline is None:
        return None
    attempts = facts.gate.attempts
    failed = sum(1 for o in attempts if o.result is ObservationResult.FAILED)
    had = baseline.had(HEALTH, failed, len(attempts), facts.trigger_rate)
    return f"{_missed(facts)}; before the deploy {before_summary(baseline)}" if had else None


@_row("check-broke", _UNHEALTHY, Cause.APP)
def _check_broke(facts: Facts) -> str | None:
    """No streak; 4xx, a redirect and the like, but it passed in `prepare`, or at first."""
    if facts.end is not GateEnd.MISSED or facts.prevailing not in CONFIG_OUTCOMES:
        return None
    if facts.was_well_before:
        return f"the check that passed before the deploy fails now: {facts.last_detail}"
    passed = any(o.result is ObservationResult.PASSED for o in facts.gate.observations)
    return f"the check passed at first and fails now: {_missed(facts)}" if passed else None


def _outside_only(facts: Facts) -> str | None:
    """Every machine answers well by itself; certificates, names and versions aside."""
    other = facts.prevailing in PATH_OUTCOMES or facts.prevailing is Outcome.WRONG_VERSION
    if facts.end is not GateEnd.MISSED or other or not fails_outside_only(facts.gate):
        return None
    before = "it answered before the deploy" if facts.was_well_before else "no pre-deploy baseline"
    return (
        "every machine answers well by itself, but the public address does not: "
        f"{facts.last_detail}; {before}"
    )


@_row("outside-broke", _UNHEALTHY, Cause.APP)
def _outside_broke(facts: Facts) -> str | None:
    """No streak; machines answer well, the public address does not, but did before the deploy."""
    return _outside_only(facts) if facts.was_well_before else None


@_row("outside", _UNHEALTHY, Cause.PATH)
def _outside(facts: Facts) -> str | None:
    """No streak; every machine answers well by itself, the public address does not."""
    return _outside_only(facts)


@_row("machine-critical", _UNHEALTHY, Cause.APP)
def _machine_critical(facts: Facts) -> str | None:
    """Window: a machine fails our probes and the platform's check alike."""
    window, fleet = facts.window, facts.context.fleet
    if window is None or fleet is None or window.end not in (WindowEnd.OVER, WindowEnd.BREACHED):
        return None
    for name in window.failing_machines:
        stats = window.stream_stats[name]
        machine = fleet.named(stats.stream.machine)
        if machine is not None and machine.is_critical:
            failed = requests_failed(stats.stream, stats.rate, window)
            return f"a machine fails, and so does the platform's own check of it: {failed}"
    return None


# The window fails: a trigger fired, or another version answers.


@_row("pre-existing", _DEGRADED, Cause.PRE_EXISTING)
def _pre_existing(facts: Facts) -> str | None:
    """Window: a trigger fired, but real traffic failed as much before the deploy."""
    window = facts.window
    if window is None or not is_pre_existing(window):
        return None
    failed = failure_summary(window, facts.since)
    return f"{failed}; the deploy did not cause it: {window.traffic.sentence}"


def _blamed(facts: Facts, outcomes: frozenset[Outcome]) -> str | None:
    window = facts.failed_window
    if window is None or blamed_outcome(window, facts.context.baseline) not in outcomes:
        return None
    return failure_summary(window, facts.since)


@_row("window-path", _UNHEALTHY, Cause.PATH)
def _window_path(facts: Facts) -> str | None:
    """Window: outage or error-rate breach, mostly by TLS or DNS."""
    return _blamed(facts, PATH_OUTCOMES)


@_row("window-config", _UNHEALTHY, Cause.CONFIG)
def _window_config(facts: Facts) -> str | None:
    """Window: no good answer, nor before; mostly 4xx, redirects, failed captures and the like."""
    return _blamed(facts, CONFIG_OUTCOMES)


@_row("window-outage", _UNHEALTHY, Cause.APP)
def _window_outage(facts: Facts) -> str | None:
    """Window: every endpoint bad for 15 s, the control alive."""
    window = facts.failed_window
    is_outage = window is not None and window.end is WindowEnd.OUTAGE
    return failure_summary(window, facts.since) if window and is_outage else None


@_row("window-breach", _UNHEALTHY, Cause.APP)
def _window_breach(facts: Facts) -> str | None:
    """Window: the trigger fired on an endpoint, on all, a journey, or a machine users notice."""
    window = facts.failed_window
    return failure_summary(window, facts.since) if window else None


@_window_row("window-traffic", _UNHEALTHY, Cause.APP)
def _window_traffic(window: Window) -> str | None:
    """Window: real users' requests fail above the trigger."""
    return window.traffic.reason if window.end is WindowEnd.TRAFFIC else None


@_window_row("window-superseded", _INCONCLUSIVE, Cause.SUPERSEDED)
def _window_superseded(window: Window) -> str | None:
    """Window: the expected version answered, then only another one."""
    if window.end is not WindowEnd.VERSION or not window.took_over:
        return None
    return (
        f"another deploy took over: version {window.other_version} answers since the gate was met"
    )


@_window_row("window-mixed", _UNHEALTHY, Cause.WRONG_VERSION)
def _window_mixed(window: Window) -> str | None:
    """Window: the expected version and another one answer in turn."""
    if window.end is not WindowEnd.VERSION:
        return None
    identity = window.identity
    return (
        f"two versions answer at once: {identity.bad} of {identity.valid} answers came from "
        f"version {window.other_version}"
    )


def _no_traffic(window: Window, meaning: OnNoData) -> str | None:
    expected = window.policy.traffic.on_no_data is meaning and bool(window.readings)
    missing = expected and window.traffic.verdict is TrafficVerdict.NO_DATA
    return window.traffic.sentence if missing else None


@_window_row("no-traffic-fail", _UNHEALTHY, Cause.OBSERVER)
def _no_traffic_fail(window: Window) -> str | None:
    """Window: the metric source has no data, `on-no-data: fail`."""
    return _no_traffic(window, OnNoData.FAIL)


# The gate passed and the window did not fail, but machines are missing or run something else.


@_row("machine-lost", _UNHEALTHY, Cause.APP)
def _machine_lost(facts: Facts) -> str | None:
    """The gate passed, but at the end a machine that should serve does not run."""
    pending = facts.met_fleet.pending if facts.met_fleet else ()
    lost = pending_summary(m for m in pending if m.is_down or m.is_lost)
    return f"not every machine runs: {lost}" if lost else None


@_row("machines-mixed", _UNHEALTHY, Cause.WRONG_VERSION)
def _machines_mixed(facts: Facts) -> str | None:
    """The gate passed, but at the end a machine runs another image."""
    fleet = facts.met_fleet
    if fleet is None or not fleet.behind:
        return None
    return (
        f"all answers are healthy, but not every machine runs the release: {fleet_summary(fleet)}"
    )


# Nothing failed, and there is too little evidence to pass.


def _unheard_by(window: Window, *outcomes: Outcome) -> str | None:
    stats = unheard(window)
    if stats is None:
        return None
    last = stats.last_neutral
    fits = not outcomes or (last is not None and last.outcome in outcomes)
    return unheard_summary(stats, window, _SAME_NETWORK) if fits else None


@_window_row("window-cached", _INCONCLUSIVE, Cause.CONFIG)
def _window_cached(window: Window) -> str | None:
    """Window: a cache answered for too much of the time."""
    return _unheard_by(window, Outcome.CACHED)


@_window_row("window-query", _INCONCLUSIVE, Cause.CONFIG)
def _window_query(window: Window) -> str | None:
    """Window: for too much of the time, only the query that caches miss was refused."""
    return _unheard_by(window, Outcome.QUERY_REFUSED)


@_window_row("window-challenge", _INCONCLUSIVE, Cause.PATH)
def _window_challenge(window: Window) -> str | None:
    """Window: a firewall challenged for too much of the time."""
    return _unheard_by(window, Outcome.WAF_CHALLENGE)


@_row("observer-late-timeouts", _INCONCLUSIVE, Cause.OBSERVER)
def _observer_late_timeouts(facts: Facts) -> str | None:
    """Timeouts for too much of the time, or at the end, while the runner was late."""
    window = facts.window
    if window is not None:
        return _unheard_by(window, Outcome.OBSERVER_LATE)
    return _unjudged_by(facts, Outcome.OBSERVER_LATE)


@_window_row("observer-late", _INCONCLUSIVE, Cause.OBSERVER)
def _observer_late(window: Window) -> str | None:
    """Window: the runner was too late with most probes to say anything of response times."""
    return late_summary(window)


@_window_row("window-silent", _INCONCLUSIVE, Cause.OBSERVER)
def _window_unanswered(window: Window) -> str | None:
    """Window: for too long, or at the end, rate limited, failed on our side, or no control."""
    return _unheard_by(window)


@_window_row("window-unsure", _INCONCLUSIVE, Cause.APP)
def _window_unsure(window: Window) -> str | None:
    """Window: the trigger neither fired nor was ruled out."""
    stats = unsure(window)
    if stats is None:
        return None
    failed = requests_failed(stats.stream, stats.rate, window)
    return f"inconclusive because {failed}, but too few answers to be sure"


@_window_row("no-traffic-inconclusive", _INCONCLUSIVE, Cause.OBSERVER)
def _no_traffic_inconclusive(window: Window) -> str | None:
    """Window: the metric source has no data, `on-no-data: inconclusive`."""
    return _no_traffic(window, OnNoData.INCONCLUSIVE)


@_row("machine-starting", _INCONCLUSIVE, Cause.PLATFORM)
def _machine_starting(facts: Facts) -> str | None:
    """The gate passed, but at the end a machine is still starting."""
    pending = pending_summary(facts.met_fleet.pending) if facts.met_fleet else ""
    return f"inconclusive because not every machine runs: {pending}" if pending else None


# An SLO is missed, and no trigger fired.


@_row("version-unverified", _INCONCLUSIVE, Cause.CONFIG)
def _version_unverified(facts: Facts) -> str | None:
    """The gate passed, but the version that answers cannot be compared with the expected one."""
    last = facts.gate.attempts[-1] if facts.is_passed and facts.gate.attempts else None
    if last is None or not is_unverified(facts.rule, last.version):
        return None
    return (
        f"inconclusive because the service answers well, but version {last.version} cannot be "
        f"compared with {facts.rule.expected}: set `expected-version` to what the service reports"
    )


@_window_row("window-machine", _DEGRADED, Cause.APP)
def _window_machine(window: Window) -> str | None:
    """Window: a machine fails, and the balancer hides it from users."""
    if not window.failing_machines:
        return None
    stats = window.stream_stats[window.failing_machines[0]]
    failed = requests_failed(stats.stream, stats.rate, window)
    return f"a machine fails, and the balancer hides it from users: {failed}"


@_window_row("window-slo", _DEGRADED, Cause.APP)
def _window_slo(window: Window) -> str | None:
    """Window: the error-rate SLO is missed, and no trigger fired."""
    stats = over_slo(window)
    if stats is None:
        return None
    slo = percent_words(window.policy.rates.slo)
    failed = requests_failed(stats.stream, stats.rate, window)
    return f"the error rate misses its SLO of {slo}: {failed}"


@_window_row("window-traffic-slo", _DEGRADED, Cause.APP)
def _window_traffic_slo(window: Window) -> str | None:
    """Window: real users' requests fail above the SLO, below the trigger."""
    traffic = window.traffic
    return traffic.sentence if traffic.verdict is TrafficVerdict.ELEVATED else None


@_window_row("traffic-pre-existing", _DEGRADED, Cause.PRE_EXISTING)
def _traffic_pre_existing(window: Window) -> str | None:
    """Window: real users' requests fail above the trigger, as they did before the deploy."""
    traffic = window.traffic
    return traffic.sentence if traffic.verdict is TrafficVerdict.PRE_EXISTING else None


@_window_row("window-slow", _DEGRADED, Cause.APP)
def _window_slow(window: Window) -> str | None:
    """Window: a response-time SLO is missed."""
    stats = missed_latency(window)
    return latency_summary(stats) if stats else None


@_window_row("window-degraded", _DEGRADED, Cause.APP)
def _window_degraded(window: Window) -> str | None:
    """Window: the latest good answer of an endpoint calls itself degraded."""
    stats = degraded(window)
    shown = stats.last_good if stats else None
    return f"{stats.stream.name} answers as degraded: {shown.detail}" if stats and shown else None


@_row("machine-unreachable", _DEGRADED, Cause.PLATFORM)
def _machine_unreachable(facts: Facts) -> str | None:
    """The gate passed, but the host of a machine does not answer the platform."""
    unreachable = facts.met_fleet.unreachable if facts.met_fleet else ()
    if not unreachable:
        return None
    found = ", ".join(f"{m.short} has {m.release or 'an unknown release'}" for m in unreachable)
    return f"the service answers, but the host of a machine does not answer the platform: {found}"


@_row("machine-fails", _DEGRADED, Cause.APP)
def _machine_fails(facts: Facts) -> str | None:
    """The gate passed, but a machine failed to the end, and no check of the platform did."""
    failed = unconfirmed(facts.gate) if facts.is_passed else ()
    if not failed:
        return None
    return (
        "the service answers, but one machine does not, though no check of the platform fails: "
        f"{failed[-1].detail}"
    )


@_row("machine-exits", _DEGRADED, Cause.APP)
def _machine_exits(facts: Facts) -> str | None:
    """The gate passed, but a machine of the release crashed since it started."""
    crashed = crash_summary(facts.met_fleet) if facts.met_fleet else ""
    return f"the service answers, but machines crashed: {crashed}" if crashed else None


# The health gate decides.


@_row("recovered", _DEGRADED, Cause.APP)
def _recovered(facts: Facts) -> str | None:
    """No streak by the deadline, but one in the recheck, `on-late-start: warn`."""
    again = facts.recheck is not None and facts.recheck.has_streak
    if not (facts.end is GateEnd.MISSED and again and facts.on_late_start is OnLateStart.WARN):
        return None
    policy = facts.gate.policy
    return (
        f"missed the health SLO of {policy.deadline_seconds:.0f} s, but "
        f"{policy.required_streak} health checks in a row passed in the recheck before the rollback"
        f"{_in_window(facts)}"
    )


def _in_window(facts: Facts) -> str:
    return f"; {window_summary(facts.window)} in the observation window" if facts.window else ""


@_row("met-degraded", _DEGRADED, Cause.APP)
def _met_degraded(facts: Facts) -> str | None:
    """The streak completed in time, but the body reports degraded."""
    shown = facts.degraded if facts.end is GateEnd.MET else None
    return f"{_met(facts)}, but its health answer is degraded: {shown.detail}" if shown else None


@_row("met", _HEALTHY, Cause.NONE)
def _met(facts: Facts) -> str | None:
    """The streak of successful attempts completed in time."""
    if facts.end is not GateEnd.MET:
        return None
    gate, last = facts.gate, facts.gate.attempts[-1]
    version = f", version {last.version}" if last.version else ""
    late = last.ended_seconds > gate.deadline_seconds
    observer = ", as probing began late; none failed" if late else ""
    return (
        f"{gate.policy.required_streak} health checks in a row passed within "
        f"{last.ended_seconds:.1f} s of the {facts.since} "
        f"(limit {gate.policy.deadline_seconds:.0f} s){version}{observer}{_in_window(facts)}"
    )


def _late_start(facts: Facts, policy: OnLateStart) -> str | None:
    if facts.end is not GateEnd.LATE or facts.on_late_start is not policy:
        return None
    return (
        f"{facts.gate.policy.required_streak} health checks in a row passed only "
        f"{facts.gate.attempts[-1].ended_seconds:.1f} s after the {facts.since} "
        f"(limit {facts.gate.policy.deadline_seconds:.0f} s){_in_window(facts)}"
    )


@_row("late", _DEGRADED, Cause.APP)
def _late(facts: Facts) -> str | None:
    """A streak in progress at the deadline completed, `on-late-start: warn`."""
    return _late_start(facts, OnLateStart.WARN)


@_row("late-to-the-letter", _UNHEALTHY, Cause.APP)
def _late_to_the_letter(facts: Facts) -> str | None:
    """A streak in progress at the deadline completed, `on-late-start: rollback`."""
    return _late_start(facts, OnLateStart.ROLLBACK)


def _unjudged_by(facts: Facts, *outcomes: Outcome) -> str | None:
    last = facts.last_neutral
    if facts.end is not GateEnd.UNJUDGED:
        return None
    if outcomes and (last is None or last.deciding.outcome not in outcomes):
        return None
    detail = last.deciding.detail if last else ""
    network = _SAME_NETWORK if last is not None and last.control_alive is False else ""
    return f"inconclusive because the last answers say nothing about the service: {detail}{network}"


@_row("unjudged-cached", _INCONCLUSIVE, Cause.CONFIG)
def _unjudged_cached(facts: Facts) -> str | None:
    """A cache answered for the service up to the end."""
    return _unjudged_by(facts, Outcome.CACHED)


@_row("unjudged-query", _INCONCLUSIVE, Cause.CONFIG)
def _unjudged_query(facts: Facts) -> str | None:
    """Up to the end, the service refused only the query that keeps caches from answering."""
    return _unjudged_by(facts, Outcome.QUERY_REFUSED)


@_row("unjudged-challenge", _INCONCLUSIVE, Cause.PATH)
def _unjudged_challenge(facts: Facts) -> str | None:
    """A firewall challenged the probes up to the end."""
    return _unjudged_by(facts, Outcome.WAF_CHALLENGE)


@_row("unjudged", _INCONCLUSIVE, Cause.OBSERVER)
def _unjudged(facts: Facts) -> str | None:
    """The probes were rate limited, failed on our side, or the control was down too."""
    return _unjudged_by(facts)


def _is_wrong_version(facts: Facts) -> bool:
    return facts.end is GateEnd.MISSED and facts.prevailing is Outcome.WRONG_VERSION


@_row("no-version", _INCONCLUSIVE, Cause.CONFIG)
def _no_version(facts: Facts) -> str | None:
    """No streak; the answers are good but name no version, and one was expected."""
    shown = facts.last_failure
    if not _is_wrong_version(facts) or shown is None or shown.version is not None:
        return None
    expected = facts.rule.expected or "another version"
    return f"inconclusive because the service reports no version, and {expected} was expected"


@_row("superseded", _INCONCLUSIVE, Cause.SUPERSEDED)
def _superseded(facts: Facts) -> str | None:
    """No streak; the expected version answered first, then only another one."""
    if not (_is_wrong_version(facts) and facts.was_taken_over):
        return None
    return (
        f"another deploy took over: version {facts.rule.expected} answered, then version "
        f"{facts.last_failure.version if facts.last_failure else None} did"
    )


@_row("wrong-version", _UNHEALTHY, Cause.WRONG_VERSION)
def _wrong_version(facts: Facts) -> str | None:
    """No streak; another version than the expected one answers at the end."""
    if not _is_wrong_version(facts):
        return None
    shown, wanted = facts.last_failure, facts.rule.expected
    when = f"{facts.gate.deadline_seconds:.0f} s after the {facts.since}"
    if shown is not None and shown.witness is Witness.PLATFORM:
        return f"not every machine runs the release {when}: {shown.detail}"
    live = f"the new version {wanted} is not live" if wanted else "the version did not change"
    return f"{live}: version {shown.version if shown else None} answers {when}"


def _missed(facts: Facts) -> str:
    """Where everything failed in grace already, that is what is counted."""
    gate = facts.gate
    counted = gate.attempts or gate.asked
    failed = sum(1 for o in counted if o.result is ObservationResult.FAILED)
    return (
        f"{failed} of {len(counted)} health checks failed within {gate.deadline_seconds:.0f} s of "
        f"the {facts.since} ({gate.policy.required_streak} in a row must pass); last: "
        f"{facts.last_detail or facts.prevailing}"
    )


@_row("missed-config", _UNHEALTHY, Cause.CONFIG)
def _missed_config(facts: Facts) -> str | None:
    """No streak, never passed; 4xx, a redirect, an endless or invalid answer: a wrong check."""
    missed = facts.end is GateEnd.MISSED and facts.prevailing in CONFIG_OUTCOMES
    return _missed(facts) if missed else None


@_row("missed-protocol", _UNHEALTHY, Cause.CONFIG)
def _missed_protocol(facts: Facts) -> str | None:
    """No streak, nothing was ever answered, and connections are closed before the first byte."""
    shown = facts.last_failure
    if facts.end is not GateEnd.MISSED or shown is None or facts.was_well_before:
        return None
    never_answered = all(one.status is None for o in facts.gate.observations for one in o.samples)
    if not (shown.is_closed_unanswered and never_answered):
        return None
    may = "the server may speak HTTP/2 only, or want a client certificate (`client-cert`)"
    return f"{_missed(facts)}; {may}"


@_row("missed-path", _UNHEALTHY, Cause.PATH)
def _missed_path(facts: Facts) -> str | None:
    """No streak; at the end TLS or DNS: the deploy changed neither certificate nor record."""
    missed = facts.end is GateEnd.MISSED and facts.prevailing in PATH_OUTCOMES
    return _missed(facts) if missed else None


@_row("missed-app", _UNHEALTHY, Cause.APP)
def _missed_app(facts: Facts) -> str | None:
    """No streak; 5xx, unhealthy body, failed assertion, slowness or no answer (control alive)."""
    return _missed(facts) if facts.end is GateEnd.MISSED else None


TABLE: tuple[VerdictRow, ...] = tuple(_rows)


def judge(facts: Facts) -> Judgement:
    """Return the verdict of the first row that matches; some row always does."""
    row, reason = next((row, reason) for row in TABLE if (reason := row.match(facts)) is not None)
    triggers = fired(facts.gate, facts.window, facts.window_policy.outage_seconds)
    return Judgement(
        verdict=row.verdict,
        cause=row.cause,
        reason=reason,
        row=row.name,
        triggers=triggers if row.verdict is Verdict.UNHEALTHY else (),
    )
