"""Telling: local evidence first, then every audience by itself. Nothing here changes a verdict."""

import hashlib
import json
from pathlib import Path
from typing import Any

from slo_action.audit.document import EvidenceEntry
from slo_action.audit.write import audit_document
from slo_action.core.record.record import AuditRecord, all_observations, file_name, past_verdicts
from slo_action.errors import GitHubError
from slo_action.modes.steps.publish import publish_or_warn, upload
from slo_action.ports import CheckRun, Evidence, Ports
from slo_action.render.annotations import annotations
from slo_action.render.endings import ending_text, headline
from slo_action.render.openmetrics import openmetrics
from slo_action.render.outputs import output_values
from slo_action.render.proofs import proofs, window_failures
from slo_action.render.summary.summary import summary

AUDIT_NAME = "audit.json"


def publish_record(record: AuditRecord, ports: Ports, *, artifact_name: str) -> None:
    """Write the evidence, then outputs and summary, then annotate, then upload.

    Never raises: whoever cannot be told is left out with a warning, and the verdict stands.
    """
    audit = audit_document(record)
    publish_or_warn(ports, "evidence", lambda: audit.update(write_evidence(record, ports.evidence)))
    text = summary(record, audit)
    publish_or_warn(ports, "outputs", lambda: ports.outputs.set(_outputs(record, audit, ports)))
    publish_or_warn(ports, "job summary", lambda: ports.outputs.summarize(text))
    ports.log.annotate(annotations(record))
    publish_or_warn(ports, "history", lambda: _keep(record, ports))
    publish_or_warn(ports, "artifact", lambda: _upload(record, audit, ports, artifact_name))
    publish_or_warn(ports, "check run", lambda: _publish(record, ports))


def write_evidence(record: AuditRecord, evidence: Evidence) -> dict[str, Any]:
    """Write all that is left of a run, and return its audit.

    All but the summary is written before the audit, which holds the digests of all of it. The
    summary comes last, since it shows the audit.
    """
    proof = f"proofs/health/{file_name(record.service)}.log"
    evidence.write(proof, proofs(all_observations(record), window_failures(record)))
    evidence.write("metrics.prom", openmetrics(record))
    evidence.journal(f"ended: {record.ending}, exit {record.exit_code}")
    entries = tuple(_entry(path, evidence.directory) for path in evidence.files())
    audit = audit_document(record, entries)
    evidence.write(AUDIT_NAME, json.dumps(audit, indent=2) + "\n")
    evidence.write("summary.md", summary(record, audit))
    return audit


def _outputs(record: AuditRecord, audit: dict[str, Any], ports: Ports) -> dict[str, str]:
    return {
        **output_values(record, audit),
        "audit-path": f"{ports.evidence.place}/{AUDIT_NAME}",
        "evidence-dir": ports.evidence.place,
    }


def _upload(record: AuditRecord, audit: dict[str, Any], ports: Ports, artifact_name: str) -> None:
    artifact = upload(ports, artifact_name)
    if artifact is not None:
        ports.outputs.summarize(summary(record, audit, artifact.url))


def _keep(record: AuditRecord, ports: Ports) -> None:
    if ports.history is not None:
        for verdict in past_verdicts(record):
            ports.history.keep(verdict)


def _publish(record: AuditRecord, ports: Ports) -> None:
    if ports.check_runs is None or ports.interrupts.received:
        return
    try:
        with ports.interrupts.raising():
            ports.check_runs.publish(check_run_of(record))
    except GitHubError as error:
        if not error.forbidden:
            raise
        # The default token may not: that is how most workflows are, and nothing to warn of.
        ports.log.line(f"no check run: {error.message}; {error.hint}")


def check_run_of(record: AuditRecord) -> CheckRun:
    """Return the check run of one service."""
    return CheckRun(
        name=f"slo-verify / {record.service}",
        title=headline(record),
        summary=summary(record, {}),
        conclusion=ending_text(record).conclusion,
        external_id=f"{record.run.run_id}-{record.run.run_attempt}",
        annotations=annotations(record),
    )


def _entry(path: Path, root: Path) -> EvidenceEntry:
    content = path.read_bytes()
    return EvidenceEntry(
        name=path.relative_to(root).as_posix(),
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
    )
