"""Record to document, validated against the published schema on the way out."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter

from slo_action.audit.document import (
    AuditDocument,
    EvidenceEntry,
    HealthChecks,
    RemedyEntry,
    RollbackEntry,
    Tool,
    VerificationEntry,
    Watch,
    validate,
)
from slo_action.audit.window import window_entry
from slo_action.core.policy.policy import Policy
from slo_action.core.record.record import AuditRecord, MachineRestart, Rollback, Verification
from slo_action.core.text.quantities import rounded_duration

_POLICY = TypeAdapter(Policy)


def audit_document(record: AuditRecord, evidence: Sequence[EvidenceEntry] = ()) -> dict[str, Any]:
    """Return the record as JSON data, valid against the schema. Raises RecordError otherwise.

    Fields that the record has by the same name are taken over; the others are made here.
    """
    gate, judgement, decision = record.told_gate, record.judgement, record.decision
    same = {name: getattr(record, name, None) for name in AuditDocument.model_fields}
    document = AuditDocument.model_validate(
        {
            **same,
            "schema_version": 1,
            "timestamp": record.finished_at,
            "version": record.policy.rule.expected or record.judged_version or "",
            "health_checks": HealthChecks(
                attempts=len(gate.attempts),
                success_count=gate.success_count,
                duration=rounded_duration(gate.watched_seconds),
            ),
            "rollback_triggered": record.rollback is not None,
            "tool": Tool(version=record.tool_version),
            "verdict": judgement.verdict,
            "cause": judgement.cause,
            "reason": judgement.reason,
            "row": judgement.row,
            "triggers": judgement.triggers,
            "policy_digest": policy_digest(record.policy),
            "watch": record.gate,
            "window": window_entry(record.window) if record.window else None,
            "prepared": replace(record.prepared, sealed="") if record.prepared else None,
            "remedy": _remedy(record.remedy) if record.remedy else None,
            "decision": {
                "action": decision.action,
                "why": decision.why,
                "target": decision.target.version if decision.target else None,
                "superseded": decision.superseded,
                "rehearsed": decision.rehearsed,
            },
            "rollback": _rollback(record.rollback, record) if record.rollback else None,
            "evidence": tuple(evidence),
        }
    )
    data: dict[str, Any] = document.model_dump(mode="json")
    validate(data)
    return data


def policy_digest(policy: Policy, *, has_window: bool = True) -> str:
    """Return the digest of the policy's canonical JSON: equal policies have equal digests.

    Records from before there were windows hold a digest without one.
    """
    data = _POLICY.dump_python(policy, mode="json")
    if not has_window:
        del data["window"]
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(canonical.encode()).hexdigest()}"


def _remedy(remedy: MachineRestart) -> RemedyEntry:
    return RemedyEntry.model_validate(
        {"machine": remedy.machine, "step": remedy.step, "verification": _after(remedy)}
    )


def _rollback(rollback: Rollback, record: AuditRecord) -> RollbackEntry:
    return RollbackEntry.model_validate(
        {
            "target": rollback.target.version if rollback.target else None,
            "rolled_back_to": record.rolled_back_to,
            "steps": rollback.steps,
            "verification": _after(rollback),
        }
    )


def _after(acted: MachineRestart | Rollback) -> VerificationEntry | None:
    verification: Verification | None = acted.verification
    if verification is None:
        return None
    judgement = verification.judgement
    return VerificationEntry(
        rejected_version=verification.rule.rejected,
        watch=Watch.model_validate(verification.gate),
        window=window_entry(verification.window) if verification.window else None,
        released=verification.released,
        fleet=verification.fleet,
        verdict=judgement.verdict,
        cause=judgement.cause,
        reason=judgement.reason,
    )
