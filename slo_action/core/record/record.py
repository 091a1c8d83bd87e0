"""The audit record: everything a reviewer needs, and everything a replay needs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from slo_action.core.decision.decide import Decision
from slo_action.core.gate.gate import Gate
from slo_action.core.model import (
    Ending,
    Mode,
    Observation,
    Release,
    RollbackStep,
    RunIdentity,
    Sample,
    Verdict,
    VersionRule,
)
from slo_action.core.observation.window import Window
from slo_action.core.policy.policy import Policy
from slo_action.core.release.baseline import Prepared
from slo_action.core.release.fleet import Fleet
from slo_action.core.release.rollback_plan import RollbackPlan
from slo_action.core.release.track_record import PastVerdict
from slo_action.core.request_options import RequestOptions
from slo_action.core.verdict.context import JudgementContext, RestartResult
from slo_action.core.verdict.judge import Judgement


class Status(StrEnum):
    """The one-word status of a deployment."""

    SUCCESS = "success"
    DEGRADED = "degraded"
    FAILURE = "failure"
    ROLLED_BACK = "rolled_back"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """The same gate, on what a rollback restored, and a short window after it.

    `rule` rejects the failed version. `window` is None where nothing was observed after the gate,
    `fleet` where no platform lists its machines. `released` is what a rollback restored; None
    where the platform chose, and after a restart.
    """

    gate: Gate
    rule: VersionRule
    judgement: Judgement
    window: Window | None = None
    released: Release | None = None
    fleet: Fleet | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineRestart:
    """One machine that was started again, once, before a rollback was thought of.

    `verification` is None where the restart failed, or the run was stopped.
    """

    machine: str
    step: RollbackStep
    verification: Verification | None = None

    @property
    def result(self) -> RestartResult | None:
        """What it came to; None where it was not verified."""
        if self.verification is None:
            return None
        judgement = self.verification.judgement
        return RestartResult(
            machine=self.machine, verdict=judgement.verdict, reason=judgement.reason
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """What was done to restore a release, step by step.

    `target` is None where the platform chose by itself; `verification` is None where the restored
    service was never asked.
    """

    target: Release | None
    steps: tuple[RollbackStep, ...]
    verification: Verification | None = None

    @property
    def untouched(self) -> str:
        """Why it ended before anything was changed; empty where something was, or may have been."""
        last = self.steps[-1] if self.steps else None
        return last.detail if last and last.changed_nothing and not last.succeeded else ""

    @property
    def restored(self) -> bool:
        """True where every step succeeded; says nothing of the service's health."""
        return bool(self.steps) and all(step.succeeded for step in self.steps)

    @property
    def is_late(self) -> bool:
        """True where it ended because its time was over, and can be finished later."""
        return any(step.late for step in self.steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """One verification from its first probe to its ending.

    `window` is None where nothing was observed after the gate. `recheck` is the recheck before a
    rollback, None where none was about to happen, or where it found nothing.
    `unconsulted` names what the run could not ask. `interrupted` is the signal
    that stopped the run, empty if none did. `released` is the platform's newest release at the
    beginning, `fleet` its last state before anything was changed, `prepared` what is known from
    before the deploy, `plan` what a rollback did or would have done; each None where unknown.
    `wake` is the request that started a service at rest. `unseen` says why a platform that knows
    its machines reported none of them; empty where it did, or where there is none. `no_rollback`
    is why nothing could have been rolled back; empty where something could. `asked` is how
    each stream was asked, by its name; none that was asked as usual.
    """

    tool_version: str
    service: str
    url: str
    deployment_id: str
    approver: str
    run: RunIdentity
    deployed_at: datetime
    finished_at: datetime
    policy: Policy
    gate: Gate
    window: Window | None
    recheck: Gate | None
    judgement: Judgement
    decision: Decision
    rollback: Rollback | None
    ending: Ending
    exit_code: int
    unconsulted: tuple[str, ...] = ()
    interrupted: str = ""
    mode: Mode = Mode.VERIFY
    released: Release | None = None
    fleet: Fleet | None = None
    prepared: Prepared | None = None
    plan: RollbackPlan | None = None
    remedy: MachineRestart | None = None
    wake: Sample | None = None
    unseen: str = ""
    no_rollback: str = ""
    asked: Mapping[str, RequestOptions] = field(default_factory=dict)

    @property
    def context(self) -> JudgementContext:
        """What the verdict was judged with, beside the answers."""
        restart = self.remedy.result if self.remedy else None
        return context_of(self.released, self.fleet, self.prepared, restart)

    @property
    def status(self) -> Status:
        """The status of the deployment."""
        if self.rollback is not None:
            return Status.ROLLED_BACK if self.rollback.restored else Status.FAILURE
        return _STATUS[self.judgement.verdict]

    @property
    def judged_version(self) -> str | None:
        """The version the verdict is about; None if none was expected and none was named."""
        return judged_version(self.gate, self.window, self.policy.rule)

    @property
    def live_version(self) -> str | None:
        """The version that answered last of all."""
        verification = self.rollback.verification if self.rollback else None
        if verification:
            return latest_version(verification.gate, verification.window)
        latest = latest_version(self.recheck) if self.recheck else None
        return latest or latest_version(self.gate, self.window)

    @property
    def rolled_back_to(self) -> str | None:
        """What a rollback restored: the platform's name of it, else the service's own.

        Without a target, the service is believed only where it was verified: what still answers
        after a rollback that did nothing is not what was restored.
        """
        if self.rollback is None or not self.rollback.restored:
            return None
        if self.rollback.target is not None:
            return self.rollback.target.version
        verification = self.rollback.verification
        well = verification is not None and verification.gate.has_streak
        return self.live_version if well else None

    @property
    def shown_gate(self) -> Gate:
        """The gate of the outputs: the judged release's; by hand, that of what was restored."""
        verification = self._by_hand
        return verification.gate if verification else self.gate

    @property
    def shown_window(self) -> Window | None:
        """The window after it; None without one."""
        verification = self._by_hand
        return verification.window if verification else self.window

    @property
    def _by_hand(self) -> Verification | None:
        """Nothing is judged before a rollback by hand; what counts is what came of it."""
        if self.mode is not Mode.ROLLBACK or self.rollback is None:
            return None
        return self.rollback.verification


def context_of(
    released: Release | None,
    fleet: Fleet | None,
    prepared: Prepared | None,
    restart: RestartResult | None,
) -> JudgementContext:
    """Return what a deploy is judged with beside the answers."""
    return JudgementContext(
        released=released,
        fleet=fleet,
        baseline=prepared.baseline if prepared else None,
        remedied=restart,
        before=prepared.release if prepared else None,
        newest_before=prepared.newest.version if prepared and prepared.newest else "",
    )


_STATUS = {
    Verdict.HEALTHY: Status.SUCCESS,
    Verdict.DEGRADED: Status.DEGRADED,
    Verdict.UNHEALTHY: Status.FAILURE,
    Verdict.INCONCLUSIVE: Status.INCONCLUSIVE,
}


def latest_version(gate: Gate, window: Window | None = None) -> str | None:
    """Return the version named last, None if none ever was."""
    if window and window.latest_version:
        return window.latest_version
    return next((o.version for o in reversed(gate.observations) if o.version), None)


def judged_version(gate: Gate, window: Window | None, rule: VersionRule) -> str | None:
    """Return the version gate and window judge: the expected one, else the one named last.

    An old version that still answered, as in any rolling deploy, is never the one that failed.
    """
    return rule.expected or latest_version(gate, window)


def all_observations(record: AuditRecord) -> tuple[Observation, ...]:
    """Return what was seen before and after a rollback, oldest first."""
    verification = record.rollback.verification if record.rollback else None
    gates = (record.gate, record.recheck, verification.gate if verification else None)
    return tuple(o for gate in gates if gate for o in gate.observations)


def past_verdicts(record: AuditRecord) -> tuple[PastVerdict, ...]:
    """Return what later runs may know: of the release that was judged, and of what was restored.

    A platform that names no releases leaves the version that was expected, or that the service
    reported. Nothing where no version is known, and nothing of a release that was not judged.
    """
    judged = record.released if record.mode is Mode.VERIFY else None
    if record.mode is Mode.VERIFY and judged is None and record.judged_version:
        judged = Release(version=record.judged_version)
    found = [_past(record, judged, record.judgement)]
    if record.rollback and record.rollback.verification:
        restored = record.rollback.verification.judgement
        found.append(_past(record, record.rollback.target, restored))
    return tuple(verdict for verdict in found if verdict is not None)


def _past(record: AuditRecord, release: Release | None, judgement: Judgement) -> PastVerdict | None:
    if release is None:
        return None
    return PastVerdict(
        service=record.service,
        version=release.version,
        digest=release.digest,
        verdict=judgement.verdict,
        cause=judgement.cause,
        at=record.finished_at,
    )


_LONGEST_FILE_NAME = 100


def file_name(service: str) -> str:
    """Return a service's name as part of a path: ASCII, short, no separators, never empty."""
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in service)
    return kept.lstrip(".")[:_LONGEST_FILE_NAME] or "service"
