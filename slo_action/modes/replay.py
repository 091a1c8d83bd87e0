"""`replay`: judge a recorded run again, offline, from the record alone."""

from dataclasses import dataclass, replace

from slo_action.audit.document import AuditDocument
from slo_action.audit.reading import gate_of
from slo_action.audit.writing import policy_digest
from slo_action.core.decide import ending_of
from slo_action.core.judge import Judgement, OnLateStart, judge
from slo_action.core.model import Cause, Verdict, VersionRule
from slo_action.core.policy import Policy
from slo_action.core.schedule import Ask, Gate
from slo_action.core.schedule import recheck as recheck_policy
from slo_action.errors import RecordError, ReplayError


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """The verdict reached again, and how many observations led to it."""

    judgement: Judgement
    observations: int


def replay(document: AuditDocument) -> Replayed:
    """Return the verdict the record's evidence leads to.

    Raises RecordError where the record holds no evidence, ReplayError where evidence, schedule,
    policy or verdict do not agree with what it states.
    """
    if document.watch is None or document.policy is None:
        raise RecordError(
            "the record holds no observations or no policy", hint="replay a whole audit.json"
        )
    policy, stopped = document.policy, bool(document.interrupted)
    gate = gate_of(document.watch, policy.gate)
    again = document.recheck
    recheck = gate_of(again, recheck_policy(policy.gate)) if again else None
    judgement = judge(gate, rule=policy.rule, on_late_start=policy.on_late_start, recheck=recheck)
    problems = [
        *_policy_problems(policy, document.policy_digest),
        *_schedule_problems("watch", gate, interrupted=stopped),
        *(_schedule_problems("last look", recheck, interrupted=stopped) if recheck else ()),
        *_verdict_problems(document, judgement),
        *_rollback_problems(document, policy),
    ]
    if problems:
        raise ReplayError(
            "; ".join(problems), hint="the record was changed, or another version wrote it"
        )
    return Replayed(judgement=judgement, observations=len(gate.observations))


def _policy_problems(policy: Policy, digest: str | None) -> list[str]:
    found = policy_digest(policy)
    return [] if digest in (None, found) else [f"the policy's digest is {found}, not {digest}"]


def _schedule_problems(what: str, gate: Gate, *, interrupted: bool) -> list[str]:
    """The shipped state machine must ask, count and end exactly as the record says it did."""
    driven = Gate(policy=gate.policy, begun_seconds=gate.begun_seconds)
    for number, observation in enumerate(gate.observations, start=1):
        step = driven.next()
        if not isinstance(step, Ask):
            return [f"{what}: the gate ends before observation {number}"]
        driven = driven.feed(replace(observation, kind=step.kind))
        kind = driven.observations[-1].kind
        if kind is not observation.kind:
            asked = f"the schedule asks for a {kind}"
            return [f"{what}: observation {number} is a {observation.kind}, {asked}"]
    if driven.end is None and not interrupted:
        return [f"{what}: the record ends before the gate does"]
    return []


def _verdict_problems(document: AuditDocument, judgement: Judgement) -> list[str]:
    superseded = document.decision is not None and document.decision.superseded
    cause = Cause.SUPERSEDED if superseded else judgement.cause
    stated = (document.verdict, document.cause, document.triggers)
    reached = (judgement.verdict, cause, judgement.triggers)
    names = ("verdict", "cause", "triggers")
    return [
        f"the {name} reached is {after}, the record states {before}"
        for name, before, after in zip(names, stated, reached, strict=True)
        if before != after
    ]


def _rollback_problems(document: AuditDocument, policy: Policy) -> list[str]:
    """The verification of the rollback must lead to its verdict, and all to the ending."""
    rollback = document.rollback
    verification = rollback.verification if rollback else None
    problems = []
    if verification:
        gate = gate_of(verification.watch, policy.gate)
        rule = VersionRule(rejected=verification.rejected_version)
        judgement = judge(gate, rule=rule, on_late_start=OnLateStart.WARN, since="rollback")
        problems = _schedule_problems("rollback", gate, interrupted=bool(document.interrupted))
        if judgement.verdict is not verification.verdict:
            problems.append(f"the rollback is {judgement.verdict}, not {verification.verdict}")
    ending = ending_of(
        document.verdict or Verdict.INCONCLUSIVE,
        restored=all(step.succeeded for step in rollback.steps) if rollback else None,
        verified=verification.verdict if verification else None,
    )
    if ending is not document.ending:
        problems.append(f"the ending reached is {ending}, the record states {document.ending}")
    return problems
