"""`backtest`: judge recorded runs by another policy, and report what would have differed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path

from slo_action.audit.document import AuditDocument
from slo_action.audit.read import read_record
from slo_action.core.decision.decide import Action, RollbackMode, WayBack, decide
from slo_action.core.gate.gate import Gate, GateEnd, GatePolicy
from slo_action.core.gate.gate import recheck as recheck_policy
from slo_action.core.model import Cause, Observation, ObservationKind, Trigger
from slo_action.core.observation.replay import replayed_under
from slo_action.core.observation.window import Window, WindowEnd
from slo_action.core.policy.numbers import policy_with
from slo_action.core.policy.policy import Policy
from slo_action.core.record.policy_comparison import PolicyComparison, PolicyOutcome
from slo_action.core.slo.services import SloYml
from slo_action.core.verdict.facts import OnLateStart, is_passed
from slo_action.core.verdict.judge import Judgement
from slo_action.errors import RecordError, ReplayError
from slo_action.modes.replay import Replayed, ReplayedEvidence, judge_evidence, replay

_STOPPED_ROW = "interrupted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """Every record that could be judged, and why the others could not, by their file."""

    cases: tuple[PolicyComparison, ...]
    unread: Mapping[str, str]


def backtest(paths: Iterable[Path], policies: SloYml, service: str = "") -> Backtest:
    """Judge the records again by the policies of their services; an empty `service` takes all.

    What cannot be read, or does not lead to its own verdict, is reported and left out.
    """
    cases: list[PolicyComparison] = []
    unread: dict[str, str] = {}
    for path in paths:
        try:
            document = read_record(path)
            if service in ("", document.service):
                cases.append(_backtested(document, policies, str(path)))
        except (RecordError, ReplayError) as error:
            unread[str(path)] = error.message
    return Backtest(cases=tuple(cases), unread=unread)


def _backtested(document: AuditDocument, policies: SloYml, source: str) -> PolicyComparison:
    try:
        policy = policy_with(policies.policy_for(document.service), document.policy or Policy())
    except ValueError as error:
        raise RecordError(
            f"the policy does not fit the record's own: {error}", hint="state the whole error_rate"
        ) from error
    return backtested(document, policy, source)


def backtested(document: AuditDocument, policy: Policy, source: str) -> PolicyComparison:
    """Return what `policy` makes of a record's evidence, beside what the record states.

    Only what judges is taken from `policy`: what was asked, and when, stays as recorded. Raises
    RecordError or ReplayError where the record does not lead to its own verdict to begin with.
    """
    replayed = replay(document)
    superseded = document.decision is not None and document.decision.superseded
    then = _outcome(replayed.judgement, replayed.evidence, superseded=superseded)
    seen = _evidence_under(replayed, policy)
    why = _missing(seen, replayed, policy)
    now = None if why else _outcome(judge_evidence(seen, policy), seen, superseded=superseded)
    return PolicyComparison(
        source=source,
        service=document.service,
        version=document.version,
        deployment_id=document.deployment_id,
        then=then,
        now=now,
        unknown=why,
        notes=_notes(replayed, policy, seen),
    )


def _outcome(judgement: Judgement, seen: ReplayedEvidence, *, superseded: bool) -> PolicyOutcome:
    """Another deploy that came between keeps its cause: it came whatever the policy."""
    calls = _calls_for_rollback(judgement)
    taken = superseded and calls
    return PolicyOutcome(
        verdict=judgement.verdict,
        cause=Cause.SUPERSEDED if taken else judgement.cause,
        row=judgement.row,
        known_seconds=_known_seconds(seen),
        rollback=calls and not taken,
    )


def _calls_for_rollback(judgement: Judgement) -> bool:
    return decide(judgement, RollbackMode.AUTO, WayBack(platform="")).action is Action.ROLL_BACK


def _known_seconds(seen: ReplayedEvidence) -> float:
    """The end of the window, else of the recheck, else of the gate; or where each stopped."""
    if seen.window is not None:
        heard = (row.taken_seconds for row in seen.window.rows)
        last_heard = max(heard, default=seen.window.begun_seconds)
        return seen.window.ended_seconds if seen.window.end is not None else last_heard
    last = (seen.recheck or seen.gate).observations or seen.gate.observations
    return last[-1].ended_seconds if last else seen.gate.begun_seconds


def _evidence_under(replayed: Replayed, policy: Policy) -> ReplayedEvidence:
    """Return what a run by `policy` would have seen of it, and no more."""
    before = replayed.evidence
    window = _window_again(before.window, policy)
    gate, rest = _gate_again(before, policy.gate, window)
    seen = ReplayedEvidence(gate=gate, window=None, recheck=None, context=before.context)
    if is_passed(gate.end, policy.on_late_start) or (gate.end is None and _has_failed(window)):
        return replace(seen, window=window)
    if gate.end is None:
        # No verdict follows from a gate that goes on: the evidence is the gate's alone.
        return seen
    recheck = _recheck_again(seen, rest, policy)
    seen = replace(seen, recheck=recheck)
    watched_on = recheck is not None and recheck.has_streak
    warns = policy.on_late_start is OnLateStart.WARN
    return replace(seen, window=window) if watched_on and warns else seen


def _window_again(window: Window | None, policy: Policy) -> Window | None:
    if window is None or not policy.window.length_seconds:
        return None
    return replayed_under(
        window,
        policy.window,
        grace_seconds=policy.gate.grace_seconds,
        ready_by_seconds=policy.gate.deadline_seconds,
    )


def _has_failed(window: Window | None) -> bool:
    return window is not None and window.end not in (None, WindowEnd.OVER)


def _gate_again(
    seen: ReplayedEvidence, policy: GatePolicy, window: Window | None
) -> tuple[Gate, tuple[Observation, ...]]:
    """Return the gate of another policy, and the observations it would not have made.

    It hears the recorded ones when they were made, up to its end or the failure of the window. A
    longer gate hears those of the recheck, too.
    """
    heard = (*seen.gate.observations, *(seen.recheck.observations if seen.recheck else ()))
    gate = Gate(policy=policy, begun_seconds=seen.gate.begun_seconds)
    failed_at = window.ended_seconds if window and _has_failed(window) else inf
    for number, observation in enumerate(heard):
        if isinstance(gate.next(), GateEnd) or failed_at <= observation.started_seconds:
            return gate, heard[number:]
        # Whether a failure was one of the grace period is the policy's to say.
        peek = observation.kind is ObservationKind.PEEK
        attempt = replace(observation, kind=ObservationKind.ATTEMPT)
        gate = gate.feed(observation if peek else attempt)
    return gate, ()


def _recheck_again(
    seen: ReplayedEvidence, rest: Sequence[Observation], policy: Policy
) -> Gate | None:
    """Return the recheck that follows a missed gate; None where nothing is recorded of it."""
    judgement = judge_evidence(seen, policy)
    missed = Trigger.HEALTH_CHECK_FAILURE in judgement.triggers
    if not (rest and missed and _calls_for_rollback(judgement)):
        return None
    again = Gate(policy=recheck_policy(policy.gate), begun_seconds=rest[0].started_seconds)
    for observation in rest:
        if isinstance(again.next(), GateEnd):
            break
        again = again.feed(replace(observation, kind=ObservationKind.ATTEMPT))
    return again


def _missing(seen: ReplayedEvidence, replayed: Replayed, policy: Policy) -> str:
    """Return what of the evidence a run by this policy would have had is not recorded."""
    if replayed.judgement.row == _STOPPED_ROW:
        return ""
    recovered = seen.recheck is not None and seen.recheck.has_streak
    watched = recovered and policy.on_late_start is OnLateStart.WARN
    passed = is_passed(seen.gate.end, policy.on_late_start)
    needs = policy.window.length_seconds and (passed or watched)
    if needs and seen.window is None:
        return "the record has no observation window"
    if judge_evidence(seen, policy).row != _STOPPED_ROW:
        return ""
    last = _known_seconds(replayed.evidence)
    return f"the record ends at {last:.0f} s"


def _notes(replayed: Replayed, policy: Policy, seen: ReplayedEvidence) -> tuple[str, ...]:
    """Return where the evidence is poorer than a run by this policy would have had."""
    notes = []
    closer = policy.window.rates.confidence and not replayed.policy.window.rates.confidence
    if closer and seen.window is not None:
        notes.append(
            "recorded without extra probes after failures, so a live run would decide sooner"
        )
    missed = seen.gate.end is GateEnd.MISSED and seen.recheck is None
    if missed and replayed.evidence.gate.end is not GateEnd.MISSED:
        notes.append("the recheck before the rollback is not in the record")
    return tuple(notes)
