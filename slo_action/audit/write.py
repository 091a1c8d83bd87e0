"""Record to document, as the published schema has it."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

from pydantic import TypeAdapter

from slo_action.audit.document import (
    AuditDocument,
    DecisionEntry,
    EvidenceEntry,
    HealthChecks,
    RemedyEntry,
    RequestEntry,
    RollbackEntry,
    Tool,
    VerificationEntry,
)
from slo_action.audit.window import window_entry
from slo_action.core.policy.policy import Policy
from slo_action.core.record.record import AuditRecord, MachineRestart, Rollback
from slo_action.core.request_options import RequestOptions
from slo_action.core.text.quantities import rounded_duration

_POLICY = TypeAdapter(Policy)


def audit_document(record: AuditRecord, evidence: Sequence[EvidenceEntry] = ()) -> dict[str, Any]:
    """Return the record as JSON data, valid against the schema. Raises ValueError otherwise."""
    gate, judgement = record.shown_gate, record.judgement
    document = AuditDocument.of(
        record,
        schema_version=1,
        timestamp=record.finished_at,
        version=record.policy.rule.expected or record.judged_version or "",
        health_checks=HealthChecks(
            attempts=len(gate.attempts),
            success_count=gate.success_count,
            duration=rounded_duration(gate.watched_seconds),
        ),
        rollback_triggered=record.rollback is not None,
        tool=Tool(version=record.tool_version),
        **{field.name: getattr(judgement, field.name) for field in fields(judgement)},
        policy_digest=policy_digest(record.policy),
        watch=record.gate,
        window=window_entry(record.window) if record.window else None,
        prepared=replace(record.prepared, sealed="") if record.prepared else None,
        remedy=RemedyEntry.of(record.remedy, verification=_verification(record.remedy))
        if record.remedy
        else None,
        decision=DecisionEntry.of(
            record.decision,
            target=record.decision.target.version if record.decision.target else None,
        ),
        rollback=RollbackEntry.of(
            record.rollback,
            target=record.rollback.target.version if record.rollback.target else None,
            rolled_back_to=record.rolled_back_to,
            verification=_verification(record.rollback),
        )
        if record.rollback
        else None,
        asked={name: _request(options) for name, options in record.asked.items()},
        evidence=tuple(evidence),
    )
    return document.model_dump(mode="json", warnings="error")


def _request(options: RequestOptions) -> RequestEntry:
    return RequestEntry.of(
        options,
        method=options.verb,
        headers=tuple(name for name, _ in options.headers),
        body_bytes=len(options.body.encode("utf-8", "replace")),
        client_cert=bool(options.client_cert),
        ca_bundle=bool(options.ca_bundle),
        proxy=bool(options.proxy),
        cache_buster=options.busts_cache,
    )


def policy_digest(policy: Policy) -> str:
    """Return the digest of the policy's canonical JSON: equal policies have equal digests."""
    return canonical_digest(_POLICY.dump_python(policy, mode="json"))


def canonical_digest(data: object) -> str:
    """Return the digest of JSON data, whatever the order of its keys."""
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(canonical.encode()).hexdigest()}"


def _verification(of: MachineRestart | Rollback) -> VerificationEntry | None:
    verification = of.verification
    if verification is None:
        return None
    judgement = verification.judgement
    return VerificationEntry.of(
        verification,
        rejected_version=verification.rule.rejected,
        watch=verification.gate,
        window=window_entry(verification.window) if verification.window else None,
        **{name: getattr(judgement, name) for name in ("verdict", "cause", "reason")},
    )
