"""The rows of the truth table that the platform's word decides, or what was known before."""

from slo_action.core.gate.gate import GateEnd
from slo_action.core.model import Cause, Dead, ObservationResult, Outcome, Verdict
from slo_action.core.observation.streams import HEALTH
from slo_action.core.observation.window import Window, WindowEnd
from slo_action.core.release.fleet import crash_summary, fleet_summary, pending_summary
from slo_action.core.verdict.context import fails_outside_only, unconfirmed
from slo_action.core.verdict.facts import Facts, Row
from slo_action.core.verdict.outcome_groups import CONFIG_OUTCOMES, PATH_OUTCOMES
from slo_action.core.verdict.window_facts import (
    failed_streams,
    failure_summary,
    over_trigger,
    rate_details,
)


def _is_hopeless(facts: Facts, why: Dead) -> bool:
    return facts.hopeless is not None and facts.hopeless.why is why


def _reason_hopeless(facts: Facts) -> str:
    words = facts.hopeless.words if facts.hopeless else ""
    at = facts.gate.observations[-1].ended_seconds
    return f"the platform says at {at:.0f} s after the {facts.since} that {words}"


def _reason_superseded(facts: Facts) -> str:
    released = facts.known.released
    judged = released.version if released else "the release"
    newest = facts.known.superseded_by
    return f"another deploy took over: {judged} was judged, and now {newest} is newest"


def _remedied(facts: Facts) -> bool:
    return facts.known.remedied is not None and facts.known.remedied.is_well


def _reason_remedied(facts: Facts) -> str:
    done = facts.known.remedied
    return (
        f"machine {done.machine} failed, was restarted once and is well since: {done.reason}"
        if done
        else ""
    )


def _convicts(window: Window) -> bool:
    failed = window.end in (WindowEnd.OUTAGE, WindowEnd.BREACHED)
    return failed or over_trigger(window)


def _failed_before(facts: Facts) -> bool:
    """Everything that convicts failed as much before the deploy."""
    window, baseline = facts.window, facts.known.baseline
    if window is None or baseline is None or not _convicts(window):
        return False
    trigger = float(window.policy.rates.trigger)
    stream_stats = failed_streams(window)
    return bool(stream_stats) and all(
        baseline.had(t.stream.name, t.rate.bad, t.rate.valid, trigger) for t in stream_stats
    )


def _reason_failed_before(facts: Facts) -> str:
    told = failure_summary(facts.window) if facts.window else ""
    return f"{told}; but it failed as much before the deploy: {_before_words(facts)}"


def _was_down_before(facts: Facts) -> bool:
    baseline = facts.known.baseline
    if facts.end is not GateEnd.MISSED or baseline is None:
        return False
    attempts = facts.gate.attempts
    failed = sum(1 for o in attempts if o.result is ObservationResult.FAILED)
    return baseline.had(HEALTH, failed, len(attempts), _TRIGGER)


def _reason_down_before(facts: Facts) -> str:
    return f"the service is not healthy, and it was not before the deploy: {_before_words(facts)}"


def _before_words(facts: Facts) -> str:
    baseline = facts.known.baseline
    told = [
        f"{stream.bad} of {stream.valid} answers of {stream.name} failed"
        for stream in (baseline.streams if baseline else ())
        if stream.bad
    ]
    return " and ".join(told)


_TRIGGER = 0.05
"""Where no window has a trigger of its own; the document's."""


def _was_well_before(facts: Facts) -> bool:
    baseline = facts.known.baseline
    return baseline is not None and baseline.was_well(HEALTH, _TRIGGER)


def _check_broke(facts: Facts) -> bool:
    broken = facts.end is GateEnd.MISSED and facts.prevailing in CONFIG_OUTCOMES
    return broken and _was_well_before(facts)


def _reason_check_broke(facts: Facts) -> str:
    shown = facts.last_failure
    return (
        f"the very check that passed before the deploy fails now: {shown.detail if shown else ''}"
    )


_OTHER_FAULTS = PATH_OUTCOMES | {Outcome.WRONG_VERSION}


def _outside_only(facts: Facts) -> bool:
    asked = facts.end is GateEnd.MISSED and facts.prevailing not in _OTHER_FAULTS
    return asked and fails_outside_only(facts.gate)


def _reason_outside(facts: Facts) -> str:
    shown = facts.last_failure
    before = (
        "it answered before the deploy"
        if _was_well_before(facts)
        else "nobody knows how it was before"
    )
    return (
        "every machine answers well by itself, but the public address does not: "
        f"{shown.detail if shown else ''}; {before}"
    )


def _is_mixed(facts: Facts) -> bool:
    fleet = facts.known.fleet
    return facts.stands and fleet is not None and bool(fleet.behind)


def _reason_mixed(facts: Facts) -> str:
    fleet = facts.known.fleet
    return (
        f"the answers are well, but not every machine runs the release: {fleet_summary(fleet)}"
        if fleet
        else ""
    )


def _critical_machine(facts: Facts) -> str:
    """Return the stream of a machine that fails our probes and the platform's checks alike."""
    window, fleet = facts.window, facts.known.fleet
    if window is None or fleet is None or window.end not in (WindowEnd.OVER, WindowEnd.BREACHED):
        return ""
    for stream in window.streams:
        machine = fleet.named(stream.machine) if stream.machine else None
        if stream.name in window.sick_machines and machine is not None and machine.is_critical:
            return stream.name
    return ""


def _reason_critical(facts: Facts) -> str:
    name, window = _critical_machine(facts), facts.window
    told = rate_details(name, window.stream_stats[name].rate, window) if window and name else ""
    return f"a machine fails, and the platform's own check of it does, too: {told}"


def _lost(facts: Facts) -> str:
    """Return which machines do not run in the end, and will not by themselves."""
    fleet = facts.known.fleet if facts.stands else None
    return pending_summary(m for m in fleet.pending if m.is_dead or m.is_lost) if fleet else ""


def _on_the_way(facts: Facts) -> str:
    fleet = facts.known.fleet if facts.stands else None
    return pending_summary(fleet.pending) if fleet else ""


def _unreachable(facts: Facts) -> str:
    fleet = facts.known.fleet if facts.stands else None
    told = (
        [f"{m.short} has {m.release or 'an unknown release'}" for m in fleet.unreachable]
        if fleet
        else []
    )
    return ", ".join(told)


def _not_deployed(facts: Facts) -> bool:
    """What fails is what ran before: the same newest release, the same image on each machine."""
    known = facts.known
    before, released, fleet = known.before, known.released, known.fleet
    if before is None or released is None or known.newest_before != released.version:
        return False
    images = {machine.digest for machine in fleet.counted if machine.digest} if fleet else set()
    failed_streams = facts.window is not None and _convicts(facts.window)
    return images <= {before.digest} and (failed_streams or not facts.stands)


def _reason_not_deployed(facts: Facts) -> str:
    return (
        f"the service fails, and nothing was deployed: {facts.known.newest_before} was the newest "
        "release before the deploy, and still is"
    )


def _reason_unconfirmed(facts: Facts) -> str:
    last = unconfirmed(facts.gate)[-1]
    return f"the service answers, but not each machine does, though no check says so: {last.detail}"


def _exits(facts: Facts) -> str:
    return crash_summary(facts.known.fleet) if facts.stands and facts.known.fleet else ""


FLEET_ROWS: tuple[Row, ...] = (
    Row(
        name="platform-superseded",
        when="platform: a newer release than the judged one came meanwhile",
        fits=lambda facts: bool(facts.known.superseded_by),
        verdict=Verdict.INCONCLUSIVE,
        cause=Cause.SUPERSEDED,
        reason=_reason_superseded,
    ),
    Row(
        name="not-deployed",
        when="platform: the service fails, and release and images are those that `prepare` saw",
        fits=_not_deployed,
        verdict=Verdict.UNHEALTHY,
        cause=Cause.WRONG_VERSION,
        reason=_reason_not_deployed,
    ),
    Row(
        name="remedied",
        when="one machine failed, others did not; it was restarted once, and all is well since",
        fits=_remedied,
        verdict=Verdict.DEGRADED,
        cause=Cause.APP,
        reason=_reason_remedied,
    ),
    Row(
        name="hopeless-not-live",
        when="platform: the deploy has ended, and no machine runs its image",
        fits=lambda facts: _is_hopeless(facts, Dead.NOT_LIVE),
        verdict=Verdict.UNHEALTHY,
        cause=Cause.WRONG_VERSION,
        reason=_reason_hopeless,
    ),
    Row(
        name="hopeless-unreachable",
        when="platform: the hosts of all machines are unreachable, and nothing answers",
        fits=lambda facts: _is_hopeless(facts, Dead.UNREACHABLE),
        verdict=Verdict.UNHEALTHY,
        cause=Cause.PLATFORM,
        reason=_reason_hopeless,
    ),
    Row(
        name="hopeless",
        when="platform: every machine of the release has exited for good, and the service fails",
        fits=lambda facts: _is_hopeless(facts, Dead.EXITED),
        verdict=Verdict.UNHEALTHY,
        cause=Cause.APP,
        reason=_reason_hopeless,
    ),
    Row(
        name="failed-before",
        when="window: a trigger fired, but `prepare` saw the same fail as much before the deploy",
        fits=_failed_before,
        verdict=Verdict.DEGRADED,
        cause=Cause.PRE_EXISTING,
        reason=_reason_failed_before,
    ),
    Row(
        name="down-before",
        when="no streak; and `prepare` saw the health endpoint fail as much before the deploy",
        fits=_was_down_before,
        verdict=Verdict.UNHEALTHY,
        cause=Cause.PRE_EXISTING,
        reason=_reason_down_before,
    ),
    Row(
        name="check-broke",
        when="no streak; in the end 4xx, a redirect or an endless body, where `prepare` saw the "
        "same check pass",
        fits=_check_broke,
        verdict=Verdict.UNHEALTHY,
        cause=Cause.APP,
        reason=_reason_check_broke,
    ),
    Row(
        name="outside-broke",
        when="no streak; every machine answers well by itself, the public address does not, where "
        "`prepare` saw it answer",
        fits=lambda facts: _outside_only(facts) and _was_well_before(facts),
        verdict=Verdict.UNHEALTHY,
        cause=Cause.APP,
        reason=_reason_outside,
    ),
    Row(
        name="outside",
        when="no streak; every machine answers well by itself, the public address does not",
        fits=_outside_only,
        verdict=Verdict.UNHEALTHY,
        cause=Cause.PATH,
        reason=_reason_outside,
    ),
    Row(
        name="machine-critical",
        when="window: a machine fails our probes and the platform's check alike",
        fits=lambda facts: bool(_critical_machine(facts)),
        verdict=Verdict.UNHEALTHY,
        cause=Cause.APP,
        reason=_reason_critical,
    ),
)
"""They come before what the answers alone say: each needs more evidence than that."""

LAST_FLEET_ROWS: tuple[Row, ...] = (
    Row(
        name="machine-lost",
        when="the gate was met, but in the end a machine that should serve does not run",
        fits=lambda facts: bool(_lost(facts)),
        verdict=Verdict.UNHEALTHY,
        cause=Cause.APP,
        reason=lambda facts: f"not every machine runs: {_lost(facts)}",
    ),
    Row(
        name="machines-mixed",
        when="the gate was met, but in the end a machine runs another image",
        fits=_is_mixed,
        verdict=Verdict.UNHEALTHY,
        cause=Cause.WRONG_VERSION,
        reason=_reason_mixed,
    ),
)
"""They decide where no window convicts."""

UNSURE_FLEET_ROWS: tuple[Row, ...] = (
    Row(
        name="machine-starting",
        when="the gate was met, but in the end a machine is on its way, and does not come",
        fits=lambda facts: bool(_on_the_way(facts)),
        verdict=Verdict.INCONCLUSIVE,
        cause=Cause.PLATFORM,
        reason=lambda facts: (
            f"could not tell: in the end not every machine runs: {_on_the_way(facts)}"
        ),
    ),
)
"""They decide where nothing convicts."""

DEGRADED_FLEET_ROWS: tuple[Row, ...] = (
    Row(
        name="machine-unreachable",
        when="the gate was met, but the host of a machine does not answer the platform",
        fits=lambda facts: bool(_unreachable(facts)),
        verdict=Verdict.DEGRADED,
        cause=Cause.PLATFORM,
        reason=lambda facts: (
            "the service answers, but nobody can reach every machine: "
            f"{_unreachable(facts)}, on a host that does not answer"
        ),
    ),
    Row(
        name="machine-fails",
        when="the gate was met, but a machine failed our probes up to its end, which no check of "
        "the platform confirms",
        fits=lambda facts: facts.stands and bool(unconfirmed(facts.gate)),
        verdict=Verdict.DEGRADED,
        cause=Cause.APP,
        reason=_reason_unconfirmed,
    ),
    Row(
        name="machine-exits",
        when="the gate was met, but a machine of the release crashed since it began",
        fits=lambda facts: bool(_exits(facts)),
        verdict=Verdict.DEGRADED,
        cause=Cause.APP,
        reason=lambda facts: f"the service answers, but machines crashed: {_exits(facts)}",
    ),
)
"""They decide where nothing worse is known."""
