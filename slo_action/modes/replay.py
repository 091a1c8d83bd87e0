"""`replay`: judge a recorded run again, offline, from the record alone."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from slo_action.audit.agreement import schedule_problems, window_problems
from slo_action.audit.document import AuditDocument, VerificationEntry, WindowEntry
from slo_action.audit.read import former_policy_digest, gate_of
from slo_action.audit.window import window_of
from slo_action.audit.write import policy_digest
from slo_action.core.decision.decide import (
    Action,
    RollbackMode,
    WayBack,
    decide,
    ending_of,
    exit_code_of,
)
from slo_action.core.gate.gate import Gate, GatePolicy, after_restart
from slo_action.core.gate.gate import recheck as recheck_policy
from slo_action.core.model import Cause, Ending, Mode, Release, Verdict, VersionRule
from slo_action.core.observation.policy import WindowPolicy, restored_policy
from slo_action.core.observation.window import Window, WindowEnd
from slo_action.core.policy.policy import Policy
from slo_action.core.record.manual_rollback import ASKED, ending_after, manual_exit_code
from slo_action.core.record.record import newest_before
from slo_action.core.verdict.context import EMPTY_CONTEXT, JudgementContext, RestartResult
from slo_action.core.verdict.facts import OnLateStart, is_passed
from slo_action.core.verdict.judge import Judgement, judge
from slo_action.errors import RecordError, ReplayError

_HINT = "the record was changed, or another version wrote it"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayedEvidence:
    """What a run saw, driven again: gate, window and last look; None where there was none.

    `known` is what it knew beside that: the platform status, and how it was before.
    """

    gate: Gate
    window: Window | None
    recheck: Gate | None
    context: JudgementContext = EMPTY_CONTEXT


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """The verdict reached again, and what led to it."""

    judgement: Judgement
    policy: Policy
    evidence: ReplayedEvidence

    @property
    def observations(self) -> int:
        """How many observations the health gate made."""
        return len(self.evidence.gate.observations)

    @property
    def answers(self) -> int:
        """How many rows the observation window holds."""
        return len(self.evidence.window.rows) if self.evidence.window else 0


def replay(document: AuditDocument) -> Replayed:
    """Return the verdict the record's evidence leads to.

    Raises RecordError where the record does not hold its whole evidence, ReplayError where
    evidence, schedule, policy or verdict do not agree with what it states.
    """
    if document.watch is None or document.policy is None:
        raise RecordError(
            "the record holds no observations or no policy", hint="replay a whole audit.json"
        )
    problems = _policy_problems(document.policy, document.policy_digest)
    replayed = _REPLAYS[document.mode](document, document.policy, problems)
    if problems:
        raise ReplayError("; ".join(problems), hint=_HINT)
    return replayed


def _verify_again(document: AuditDocument, policy: Policy, problems: list[str]) -> Replayed:
    seen = _seen(document, policy, problems)
    problems += _seen_problems(document, policy, seen)
    _refuse_halves(seen.gate, seen.window, problems)
    judgement = judge(
        seen.gate,
        rule=policy.rule,
        on_late_start=policy.on_late_start,
        window=seen.window,
        recheck=seen.recheck,
        context=seen.context,
    )
    problems += _verdict_problems(document, judgement)
    problems += _decision_problems(document, policy, judgement)
    restored = _restored(document, problems)
    verified = restored.verdict if restored else None
    ending = ending_of(judgement.verdict, restored=_succeeded(document), verified=verified)
    problems += _ending_problems(document, ending, exit_code_of(ending, policy.fail_on))
    return Replayed(judgement=judgement, policy=policy, evidence=seen)


def _roll_back_again(document: AuditDocument, policy: Policy, problems: list[str]) -> Replayed:
    """A person's request is no evidence: only what was restored is judged again."""
    seen = _seen(document, policy, problems)
    restored = _restored(document, problems)
    judgement = restored or Judgement(
        verdict=Verdict.INCONCLUSIVE, cause=Cause.NONE, reason=document.reason or "", row=ASKED
    )
    problems += _verdict_problems(document, judgement)
    ending = ending_after(_succeeded(document), restored.verdict if restored else None)
    rehearsed = document.decision is not None and document.decision.rehearsed
    if rehearsed and policy.rollback is not RollbackMode.DRY_RUN:
        problems.append("the record states a rehearsal, and the policy does not ask for one")
    problems += _ending_problems(document, ending, manual_exit_code(ending, rehearsed=rehearsed))
    return Replayed(judgement=judgement, policy=policy, evidence=seen)


_REPLAYS = {Mode.VERIFY: _verify_again, Mode.ROLLBACK: _roll_back_again}


def _succeeded(document: AuditDocument) -> bool | None:
    """Return whether every step succeeded; None where no rollback was begun."""
    rollback = document.rollback
    if rollback is None:
        return None
    return bool(rollback.steps) and all(step.succeeded for step in rollback.steps)


def _refuse_halves(gate: Gate, window: Window | None, problems: list[str]) -> None:
    """No run watches to the end of a window whose gate has not ended, so no verdict is for it."""
    if gate.end is None and window is not None and window.end is WindowEnd.OVER:
        reason = "; ".join(problems) or "the window is over, and the gate has not ended"
        raise ReplayError(reason, hint=_HINT)


def _seen(document: AuditDocument, policy: Policy, problems: list[str]) -> ReplayedEvidence:
    """Without its window nothing can be judged, so a misfit there ends the replay at once."""
    if document.watch is None:
        raise RecordError("the record holds no observations", hint="replay a whole audit.json")
    again = document.recheck
    return ReplayedEvidence(
        gate=gate_of(document.watch, policy.gate),
        window=_window(document.window, policy.window, problems),
        recheck=gate_of(again, recheck_policy(policy.gate)) if again else None,
        context=JudgementContext(
            released=document.released,
            fleet=document.fleet,
            baseline=document.prepared.baseline if document.prepared else None,
            remedied=_remedied(document, policy, problems),
            before=document.prepared.release if document.prepared else None,
            newest_before=newest_before(document.prepared),
        ),
    )


def _remedied(document: AuditDocument, policy: Policy, problems: list[str]) -> RestartResult | None:
    """Return what a restart came to, judged again from what was seen after it."""
    remedy = document.remedy
    if remedy is None or remedy.verification is None:
        return None
    rule = policy.rule
    judgement = _verified_again("restart", remedy.verification, rule, document, problems)
    return RestartResult(machine=remedy.machine, verdict=judgement.verdict, reason=judgement.reason)


def _window(entry: WindowEntry | None, policy: WindowPolicy, problems: list[str]) -> Window | None:
    try:
        return window_of(entry, policy) if entry else None
    except ReplayError as error:
        raise ReplayError("; ".join([*problems, error.message]), hint=error.hint) from error


def _policy_problems(policy: Policy, digest: str | None) -> list[str]:
    found = policy_digest(policy)
    accepted = {None, found}
    if not policy.window.length_seconds:
        accepted.add(former_policy_digest(policy))
    return [] if digest in accepted else [f"the policy's digest is {found}, not {digest}"]


def _seen_problems(document: AuditDocument, policy: Policy, seen: ReplayedEvidence) -> list[str]:
    stopped = bool(document.interrupted)
    problems = schedule_problems("watch", seen.gate, seen.window, stopped=stopped)
    recovered = policy.on_late_start is OnLateStart.WARN and _passed(seen.recheck)
    if seen.recheck:
        problems += schedule_problems("last look", seen.recheck, None, stopped=stopped)
    met = not stopped and (is_passed(seen.gate.end, policy.on_late_start) or recovered)
    if met and seen.window is None and policy.window.length_seconds:
        problems.append("the window is missing, and the policy asks for one")
    if document.window and seen.window:
        problems += window_problems("window", document.window, seen.window, policy, met=met)
    return problems


def _passed(gate: Gate | None) -> bool:
    return gate is not None and gate.has_streak


def _verdict_problems(document: AuditDocument, judgement: Judgement) -> list[str]:
    superseded = document.decision is not None and document.decision.superseded
    reached = {
        "verdict": (judgement.verdict, document.verdict),
        "cause": (Cause.SUPERSEDED if superseded else judgement.cause, document.cause),
        "triggers": (judgement.triggers, document.triggers),
        "row": (judgement.row, document.row),
    }
    return [
        f"the {name} reached is {_plain(after)}, the record states {_plain(before)}"
        for name, (after, before) in reached.items()
        if after != before
    ]


def _plain(value: object) -> str:
    return (", ".join(value) or "none") if isinstance(value, tuple) else str(value)


def _decision_problems(document: AuditDocument, policy: Policy, judgement: Judgement) -> list[str]:
    """What the platform said is not known again, so standing down is always possible."""
    stated = document.decision
    if stated is None:
        return []
    way_back = WayBack(platform="", target=Release(version=stated.target or ""))
    reached = decide(judgement, policy.rollback, way_back).action
    called = decide(judgement, RollbackMode.AUTO, way_back).action is Action.ROLL_BACK
    fits = stated.action is reached or (called and stated.action is Action.STAND_DOWN)
    acted = stated.action is Action.ROLL_BACK
    problems = []
    if not fits:
        problems.append(f"the decision reached is {reached}, the record states {stated.action}")
    if stated.superseded and not (called and policy.rollback is not RollbackMode.OFF):
        problems.append("the record states that another deploy took over, and nothing was to do")
    if not (acted == document.rollback_triggered == (document.rollback is not None)):
        problems.append("the record does not state alike whether a rollback was begun")
    return problems


def _restored(document: AuditDocument, problems: list[str]) -> Judgement | None:
    """Return the verdict on what was restored; None where it was not verified."""
    verification = document.rollback.verification if document.rollback else None
    if verification is None:
        return None
    rule = VersionRule(rejected=verification.rejected_version)
    return _verified_again("rollback", verification, rule, document, problems)


_GATES: dict[str, Callable[[GatePolicy], GatePolicy]] = {
    "rollback": lambda policy: policy,
    "restart": after_restart,
}


def _verified_again(
    what: str,
    verification: VerificationEntry,
    rule: VersionRule,
    document: AuditDocument,
    problems: list[str],
) -> Judgement:
    """Judge again what was seen after something was changed; add what does not agree."""
    policy = document.policy
    if policy is None:
        raise RecordError("the record holds no policy", hint="replay a whole audit.json")
    gate = gate_of(verification.watch, _GATES[what](policy.gate))
    watching = restored_policy(policy.window)
    window = _window(verification.window, watching, problems)
    stopped = bool(document.interrupted)
    problems += schedule_problems(what, gate, window, stopped=stopped)
    _refuse_halves(gate, window, problems)
    context = JudgementContext(released=verification.released, fleet=verification.fleet, since=what)
    judgement = judge(
        gate, rule=rule, on_late_start=OnLateStart.WARN, window=window, context=context
    )
    problems += _restored_problems(what, verification, judgement)
    met = not stopped and _passed(gate)
    if verification.window and window:
        reason = f"{what}: window"
        judged = replace(policy, gate=gate.policy)
        problems += window_problems(reason, verification.window, window, judged, met=met)
    if met and window is None and watching.length_seconds:
        problems.append(f"{what}: the window is missing, and the policy asks for one")
    return judgement


def _restored_problems(what: str, stated: VerificationEntry, judgement: Judgement) -> list[str]:
    problems = []
    if judgement.verdict is not stated.verdict:
        problems.append(f"the {what} is {judgement.verdict}, not {stated.verdict}")
    if judgement.cause is not stated.cause:
        problems.append(f"the cause after the {what} is {judgement.cause}, not {stated.cause}")
    return problems


def _ending_problems(document: AuditDocument, ending: Ending, code: int) -> list[str]:
    problems = []
    if ending is not document.ending:
        problems.append(f"the ending reached is {ending}, the record states {document.ending}")
    if code != document.exit_code:
        problems.append(f"the exit status is {code}, the record states {document.exit_code}")
    return problems
