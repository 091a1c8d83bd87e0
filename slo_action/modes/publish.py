"""Publish a record: local evidence first, then each destination by itself.

Nothing here raises or changes a verdict: what cannot be published is a warning.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from slo_action.audit.document import EvidenceEntry
from slo_action.audit.statement import verdict_statement
from slo_action.audit.write import audit_document
from slo_action.core.model import Mode
from slo_action.core.record.record import AuditRecord, all_observations, file_name, past_verdicts
from slo_action.errors import GitHubError
from slo_action.files import HeldDirectory
from slo_action.modes.steps.publish import publish_or_warn, upload
from slo_action.ports import CheckRun, Evidence, History, Log, Ports, PublishPorts
from slo_action.render.annotations import annotations
from slo_action.render.endings import ending_text, headline
from slo_action.render.openmetrics import openmetrics
from slo_action.render.outputs import output_values
from slo_action.render.proofs import proofs, window_failures
from slo_action.render.summary.summary import summary

AUDIT_NAME = "audit.json"
STATEMENT_NAME = "verification.intoto.json"


def publish_record(record: AuditRecord, ports: Ports, *, artifact_name: str) -> None:
    """Write the evidence, then outputs and summary, then annotate, then upload."""
    audit = audit_document(record)

    def write() -> None:
        audit.update(write_evidence(record, ports.evidence))

    def send() -> None:
        artifact = upload(ports, artifact_name)
        if artifact is not None:
            ports.outputs.summarize(summary(record, audit, artifact.url))

    def set_outputs() -> None:
        place = ports.evidence.place
        paths = {"audit-path": f"{place}/{AUDIT_NAME}", "evidence-dir": place}
        ports.outputs.set({**output_values(record, audit), **paths})

    publish_or_warn(ports, "evidence", write)
    text = summary(record, audit)
    publish_or_warn(ports, "outputs", set_outputs)
    publish_or_warn(ports, "job summary", lambda: ports.outputs.summarize(text))
    ports.log.annotate(annotations(record))
    publish_or_warn(ports, "history", lambda: keep_verdicts(record, ports.history, ports.log))
    publish_or_warn(ports, "artifact", send)
    publish_or_warn(ports, "check run", lambda: create_check_runs([record], ports))


def write_evidence(record: AuditRecord, evidence: Evidence) -> dict[str, Any]:
    """Write all that is left of a run, and return its audit.

    All but summary and statement is written before the audit, which holds the digests of all of it.
    They come last: the one shows the audit, the other holds its digest.
    """
    proof = f"proofs/health/{file_name(record.service)}.log"
    evidence.write(proof, proofs(all_observations(record), window_failures(record)))
    evidence.write("metrics.prom", openmetrics(record))
    evidence.journal(f"ended: {record.ending}, exit {record.exit_code}")
    entries = tuple(_entry(path, evidence.directory) for path in evidence.files())
    audit = audit_document(record, entries)
    evidence.write(AUDIT_NAME, json.dumps(audit, indent=2) + "\n")
    statement = verdict_statement(
        record, _entry(evidence.directory / AUDIT_NAME, evidence.directory).sha256
    )
    if statement is not None:
        evidence.write(STATEMENT_NAME, json.dumps(statement, indent=2) + "\n")
    evidence.write("summary.md", summary(record, audit))
    return audit


def keep_verdicts(record: AuditRecord, history: History | None, log: Log) -> None:
    """Add the verdicts of a run to the history, if there is one."""
    if history is None:
        return
    verdicts = past_verdicts(record)
    for verdict in verdicts:
        history.keep(verdict)
    if not verdicts and record.mode is Mode.VERIFY:
        log.line("history: no verdict is kept: no version is known; set expected-version")


def create_check_runs(records: Iterable[AuditRecord], ports: PublishPorts) -> None:
    """Create a check run for each record, where the token may."""
    if ports.check_runs is None or ports.interrupts.received:
        return
    try:
        with ports.interrupts.raising():
            for record in records:
                ports.check_runs.publish(check_run_of(record))
    except GitHubError as error:
        if not error.forbidden:
            raise
        # Most workflows run with the default token, which may not: nothing to warn of.
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
    name = path.relative_to(root).as_posix()
    content = HeldDirectory(root).read(name)
    return EvidenceEntry(
        name=name,
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
    )
