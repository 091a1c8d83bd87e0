"""The verdict as an in-toto statement, ready to be signed; docs/attestation.md has its fields.

Source: in-toto/attestation, spec/v1/statement.md, resource_descriptor.md and digest_set.md.
"""

from typing import Any

from slo_action.audit.write import policy_digest
from slo_action.core.answer.version import is_unverified
from slo_action.core.answer.version_names import read_name
from slo_action.core.model import Mode, Verdict
from slo_action.core.record.record import AuditRecord
from slo_action.core.text.quantities import instant_text

PREDICATE_TYPE = "https://github.com/org/slo-verify/blob/v1/docs/attestation.md"
_COMMIT, _DIGEST = 40, 64


def verdict_statement(record: AuditRecord, audit_sha256: str) -> dict[str, Any] | None:
    """Return the statement; None unless a whole commit or image digest is known to be judged.

    A public repository's attestations are public: no reason, address or person is in it.
    """
    digest = _judged_digest(record) if record.mode is Mode.VERIFY else None
    if digest is None:
        return None
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": record.service, "digest": digest}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "verdict": record.judgement.verdict,
            "cause": record.judgement.cause,
            "ending": record.ending,
            "service": record.service,
            "version": record.judged_version,
            "rolledBackTo": record.rolled_back_to,
            "deployedOn": instant_text(record.deployed_at),
            "verifiedOn": instant_text(record.finished_at),
            "policy": {"digest": {"sha256": policy_digest(record.policy).partition(":")[2]}},
            "auditRecord": {"name": "audit.json", "digest": {"sha256": audit_sha256}},
            "verifier": {"name": "slo-verify", "version": record.tool_version},
            "run": record.run.page,
        },
    }


def _judged_digest(record: AuditRecord) -> dict[str, str] | None:
    """Return the platform's image digest, else the version's; never one that was not confirmed."""
    names = [record.released.digest if record.released else ""]
    passed = record.judgement.verdict in {Verdict.HEALTHY, Verdict.DEGRADED}
    if not (passed and is_unverified(record.policy.rule, record.live_version)):
        names.append(record.judged_version or "")
    for name in map(read_name, names):
        if len(name.digest) == _DIGEST:
            return {"sha256": name.digest}
        if len(name.commit) == _COMMIT and name.is_certain and not name.is_dirty:
            return {"gitCommit": name.commit}
    return None
