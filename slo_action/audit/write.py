"""Record to document, validated against the published schema on the way out."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter

from slo_action.audit.document import (
    AuditDocument,
    DecisionEntry,
    EvidenceEntry,
    HealthChecks,
    ObservationEntry,
    PhaseTimes,
    RemedyEntry,
    RollbackEntry,
    Run,
    SampleEntry,
    StepEntry,
    Tool,
    VerificationEntry,
    Watch,
)
from slo_action.audit.schema import validate
from slo_action.audit.window import window_entry
from slo_action.core.gate.gate import Gate
from slo_action.core.model import Observation, Phases, RollbackStep, RunIdentity, Sample
from slo_action.core.policy.policy import Policy
from slo_action.core.record.record import AuditRecord, MachineRestart, Rollback, Verification
from slo_action.core.release.baseline import Prepared
from slo_action.core.text.quantities import rounded_duration

_POLICY = TypeAdapter(Policy)


def audit_document(record: AuditRecord, evidence: Sequence[EvidenceEntry] = ()) -> dict[str, Any]:
    """Return the record as JSON data, valid against the schema. Raises RecordError otherwise."""
    document = AuditDocument(
        timestamp=record.finished_at,
        deployment_id=record.deployment_id,
        service=record.service,
        version=record.policy.rule.expected or record.judged_version or "",
        status=record.status,
        health_checks=HealthChecks(
            attempts=len(record.told_gate.attempts),
            success_count=record.told_gate.success_count,
            duration=rounded_duration(record.told_gate.watched_seconds),
        ),
        rollback_triggered=record.rollback is not None,
        approver=record.approver,
        tool=Tool(version=record.tool_version),
        run=Run(**{name: getattr(record.run, name) for name in RunIdentity.__dataclass_fields__}),
        url=record.url,
        deployed_at=record.deployed_at,
        verdict=record.judgement.verdict,
        cause=record.judgement.cause,
        reason=record.judgement.reason,
        row=record.judgement.row,
        triggers=record.judgement.triggers,
        ending=record.ending,
        exit_code=record.exit_code,
        live_version=record.live_version,
        policy=record.policy,
        policy_digest=policy_digest(record.policy),
        watch=_watch(record.gate),
        window=window_entry(record.window) if record.window else None,
        recheck=_watch(record.recheck) if record.recheck else None,
        mode=record.mode,
        released=record.released,
        fleet=record.fleet,
        prepared=_prepared(record.prepared),
        wake=_sample(record.wake) if record.wake else None,
        unseen=record.unseen,
        remedy=_remedy(record.remedy) if record.remedy else None,
        plan=record.plan,
        decision=DecisionEntry(
            action=record.decision.action,
            why=record.decision.why,
            target=record.decision.target.version if record.decision.target else None,
            superseded=record.decision.superseded,
            rehearsed=record.decision.rehearsed,
        ),
        rollback=_rollback(record.rollback, record.rolled_back_to) if record.rollback else None,
        unconsulted=record.unconsulted,
        interrupted=record.interrupted,
        evidence=tuple(evidence),
    )
    data: dict[str, Any] = document.model_dump(mode="json")
    validate(data)
    return data


def policy_digest(policy: Policy) -> str:
    """Return the digest of the policy's canonical JSON: equal policies have equal digests."""
    canonical = json.dumps(
        _POLICY.dump_python(policy, mode="json"), sort_keys=True, separators=(",", ":")
    )
    return f"sha256:{hashlib.sha256(canonical.encode()).hexdigest()}"


def _watch(gate: Gate) -> Watch:
    return Watch(
        begun_seconds=gate.begun_seconds,
        observations=tuple(_observation(observation) for observation in gate.observations),
    )


def _observation(observation: Observation) -> ObservationEntry:
    return ObservationEntry(
        kind=observation.kind,
        started_seconds=observation.started_seconds,
        ended_seconds=observation.ended_seconds,
        control_alive=observation.control_alive,
        hopeless=observation.hopeless,
        spared=observation.spared,
        samples=tuple(_sample(sample) for sample in observation.samples),
    )


def _sample(sample: Sample) -> SampleEntry:
    phases = {name: getattr(sample.phases, name) for name in Phases.__dataclass_fields__}
    kept = set(SampleEntry.model_fields) - {"phases"}
    return SampleEntry(
        **{name: getattr(sample, name) for name in kept}, phases=PhaseTimes(**phases)
    )


def _prepared(prepared: Prepared | None) -> Prepared | None:
    """The sealed restore copy is of no use to a reader."""
    return replace(prepared, sealed="") if prepared else None


def _remedy(remedy: MachineRestart) -> RemedyEntry:
    verification = remedy.verification
    return RemedyEntry(
        machine=remedy.machine,
        step=_step(remedy.step),
        verification=_verification(verification) if verification else None,
    )


def _rollback(rollback: Rollback, rolled_back_to: str | None) -> RollbackEntry:
    verification = rollback.verification
    return RollbackEntry(
        target=rollback.target.version if rollback.target else None,
        rolled_back_to=rolled_back_to,
        steps=tuple(map(_step, rollback.steps)),
        verification=_verification(verification) if verification else None,
    )


def _step(step: RollbackStep) -> StepEntry:
    return StepEntry(
        name=step.name,
        succeeded=step.succeeded,
        duration_seconds=step.duration_seconds,
        detail=step.detail,
        output=step.output,
        changed_nothing=step.changed_nothing,
        taken_over=step.taken_over,
    )


def _verification(verification: Verification) -> VerificationEntry:
    return VerificationEntry(
        rejected_version=verification.rule.rejected,
        watch=_watch(verification.gate),
        window=window_entry(verification.window) if verification.window else None,
        released=verification.released,
        fleet=verification.fleet,
        verdict=verification.judgement.verdict,
        cause=verification.judgement.cause,
        reason=verification.judgement.reason,
    )
