"""`replay`: judge a recorded run again, offline, from the record alone."""

from dataclasses import dataclass, replace

from slo_action.audit.agreement import schedule_problems, window_problems
from slo_action.audit.document import AuditDocument, VerificationEntry, Watch, WindowEntry
from slo_action.audit.read import gate_of
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
from slo_action.core.gate.gate import Gate, after_restart
from slo_action.core.gate.gate import recheck as recheck_policy
from slo_action.core.model import Cause, Ending, Mode, Release, Verdict, VersionRule
from slo_action.core.observation.policy import WindowPolicy, restored_policy
from slo_action.core.observation.window import Window, WindowEnd
from slo_action.core.policy.policy import Policy
from slo_action.core.record.manual_rollback import ASKED, manual_exit_code
from slo_action.core.record.record import context_of
from slo_action.core.verdict.context import EMPTY_CONTEXT, JudgementContext, RestartResult
from slo_action.core.verdict.facts import Facts, OnLateStart, is_passed
from slo_action.core.verdict.judge import Judgement, judge
from slo_action.errors import RecordError, ReplayError

_HINT = "the record was changed, or another version wrote it"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayedEvidence:
    """What a run saw, driven again: gate, window and recheck; None where there was none.

    `context` is what else it had: the platform status, and how it was before.
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
            "the record has no observations or no policy", hint="replay a whole audit.json"
        )
    replayer = _Replayer(document, document.watch, document.policy)
    replayed = _REPLAYS[document.mode](replayer)
    if replayer.problems:
        raise ReplayError("; ".join(replayer.problems), hint=_HINT)
    return replayed


def judge_evidence(evidence: ReplayedEvidence, policy: Policy) -> Judgement:
    """Return the verdict of a policy on what a run observed."""
    return policy.judge(
        evidence.gate,
        window=evidence.window,
        recheck=evidence.recheck,
        context=evidence.context,
    )


class _Replayer:
    """One record judged again; `problems` are where it does not agree with itself."""

    def __init__(self, document: AuditDocument, watch: Watch, policy: Policy) -> None:
        self.problems = _policy_problems(policy, document.policy_digest)
        self._document = document
        self._watch = watch
        self._policy = policy
        self._is_stopped = bool(document.interrupted)

    def verification(self) -> Replayed:
        """Judge the deploy again, and what a rollback restored."""
        document, policy = self._document, self._policy
        evidence = self._evidence()
        self._check_evidence(evidence)
        self._refuse_halves(evidence.gate, evidence.window)
        judgement = judge_evidence(evidence, policy)
        self._check_verdict(judgement)
        self.problems += _decision_problems(document, policy, judgement)
        ending = self._ending(judgement.verdict, self._restored())
        self._check_ending(ending, exit_code_of(ending, policy.fail_on))
        return Replayed(judgement=judgement, policy=policy, evidence=evidence)

    def manual_rollback(self) -> Replayed:
        """A person's request is no evidence: only what was restored is judged again."""
        document, policy = self._document, self._policy
        evidence = self._evidence()
        restored = self._restored()
        judgement = restored or Judgement(
            verdict=Verdict.INCONCLUSIVE, cause=Cause.NONE, reason=document.reason or "", row=ASKED
        )
        self._check_verdict(judgement)
        ending = self._ending(Verdict.UNHEALTHY, restored)
        rehearsed = document.decision is not None and document.decision.rehearsed
        if rehearsed and policy.rollback is not RollbackMode.DRY_RUN:
            self.problems.append("the record states a rehearsal, and the policy asks for none")
        self._check_ending(ending, manual_exit_code(ending, rehearsed=rehearsed))
        return Replayed(judgement=judgement, policy=policy, evidence=evidence)

    def _ending(self, verdict: Verdict, restored: Judgement | None) -> Ending:
        rollback, succeeded = self._document.rollback, None
        if rollback is not None:
            succeeded = bool(rollback.steps) and all(step.succeeded for step in rollback.steps)
        verified = restored.verdict if restored else None
        return ending_of(verdict, restored=succeeded, verified=verified)

    def _refuse_halves(self, gate: Gate, window: Window | None) -> None:
        """No run observes to the end of a window whose gate has not ended: there is no verdict."""
        if gate.end is None and window is not None and window.end is WindowEnd.OVER:
            reason = "; ".join(self.problems) or "the window is over, and the gate has not ended"
            raise ReplayError(reason, hint=_HINT)

    def _evidence(self) -> ReplayedEvidence:
        """Without its window nothing can be judged, so a misfit there ends the replay at once."""
        document, gate, again = self._document, self._policy.gate, self._document.recheck
        return ReplayedEvidence(
            gate=gate_of(self._watch, gate),
            window=self._window(document.window, self._policy.window),
            recheck=gate_of(again, recheck_policy(gate)) if again else None,
            context=context_of(
                document.released, document.fleet, document.prepared, self._restart()
            ),
        )

    def _restart(self) -> RestartResult | None:
        """Return the result of a restart, judged again by what was observed after it."""
        remedy = self._document.remedy
        if remedy is None or remedy.verification is None:
            return None
        judged = self._verified("restart", remedy.verification, self._policy.rule)
        return RestartResult(machine=remedy.machine, verdict=judged.verdict, reason=judged.reason)

    def _window(self, entry: WindowEntry | None, policy: WindowPolicy) -> Window | None:
        try:
            return window_of(entry, policy) if entry else None
        except ReplayError as error:
            found = "; ".join([*self.problems, error.message])
            raise ReplayError(found, hint=error.hint) from error

    def _check_evidence(self, evidence: ReplayedEvidence) -> None:
        policy, entry, stopped = self._policy, self._document.window, self._is_stopped
        gate, window, again = evidence.gate, evidence.window, evidence.recheck
        self.problems += schedule_problems("watch", gate, window, stopped=stopped)
        if again:
            self.problems += schedule_problems("recheck", again, None, stopped=stopped)
        warns = policy.on_late_start is OnLateStart.WARN
        recovered = warns and again is not None and again.has_streak
        met = not stopped and (is_passed(gate.end, policy.on_late_start) or recovered)
        if met and window is None and policy.window.length_seconds:
            self.problems.append("the window is missing, and the policy asks for one")
        if entry and window:
            self.problems += window_problems("window", entry, window, policy, met=met)

    def _check_verdict(self, judgement: Judgement) -> None:
        document = self._document
        superseded = document.decision is not None and document.decision.superseded
        cause = Cause.SUPERSEDED if superseded else judgement.cause
        self._check("verdict", judgement.verdict, document.verdict)
        self._check("cause", cause, document.cause)
        self._check("triggers", judgement.triggers, document.triggers)
        self._check("row", judgement.row, document.row)

    def _check_ending(self, ending: Ending, code: int) -> None:
        self._check("ending", ending, self._document.ending)
        self._check("exit status", code, self._document.exit_code)

    def _check(self, name: str, reached: object, stated: object) -> None:
        if reached != stated:
            found = f"the {name} reached is {_plain(reached)}"
            self.problems.append(f"{found}, the record states {_plain(stated)}")

    def _restored(self) -> Judgement | None:
        """Return the verdict on what was restored; None where it was not verified."""
        rollback = self._document.rollback
        entry = rollback.verification if rollback else None
        if entry is None:
            return None
        return self._verified("rollback", entry, VersionRule(rejected=entry.rejected_version))

    def _verified(self, what: str, entry: VerificationEntry, rule: VersionRule) -> Judgement:
        """Judge again what was observed after something was changed."""
        policy, stopped = self._policy, self._is_stopped
        gate_policy = after_restart(policy.gate) if what == "restart" else policy.gate
        gate = gate_of(entry.watch, gate_policy)
        restored = restored_policy(policy.window)
        window = self._window(entry.window, restored)
        self.problems += schedule_problems(what, gate, window, stopped=stopped)
        self._refuse_halves(gate, window)
        context = JudgementContext(released=entry.released, fleet=entry.fleet, since=what)
        judgement = judge(
            Facts(
                gate=gate,
                rule=rule,
                on_late_start=OnLateStart.WARN,
                window_policy=policy.window,
                window=window,
                context=context,
            )
        )
        self._check(f"verdict after the {what}", judgement.verdict, entry.verdict)
        self._check(f"cause after the {what}", judgement.cause, entry.cause)
        met = not stopped and gate.has_streak
        if entry.window and window:
            judged = replace(policy, gate=gate.policy)
            name = f"{what}: window"
            self.problems += window_problems(name, entry.window, window, judged, met=met)
        if met and window is None and restored.length_seconds:
            self.problems.append(f"{what}: the window is missing, and the policy asks for one")
        return judgement


_REPLAYS = {Mode.VERIFY: _Replayer.verification, Mode.ROLLBACK: _Replayer.manual_rollback}


def _policy_problems(policy: Policy, digest: str | None) -> list[str]:
    found = policy_digest(policy)
    return [] if digest in (None, found) else [f"the policy's digest is {found}, not {digest}"]


def _plain(value: object) -> str:
    return (", ".join(value) or "none") if isinstance(value, tuple) else str(value)


def _decision_problems(document: AuditDocument, policy: Policy, judgement: Judgement) -> list[str]:
    """The platform is not asked again, so standing down is always possible."""
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
