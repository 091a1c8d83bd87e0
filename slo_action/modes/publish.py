"""Publish a result: local evidence first, then each destination by itself.

Nothing here raises or changes a verdict: what cannot be published is a warning.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from slo_action.audit.document import EvidenceEntry
from slo_action.audit.prepared import PREPARED_NAME, prepared_json
from slo_action.audit.write import audit_document
from slo_action.core.model import RunIdentity
from slo_action.core.record.multi_service import ServiceEnding, worst_first
from slo_action.core.record.record import AuditRecord, all_observations, file_name, past_verdicts
from slo_action.errors import GitHubError
from slo_action.modes.multi_service.run import ServiceResult
from slo_action.modes.prepare import Preparation
from slo_action.modes.steps.publish import publish_or_warn, upload
from slo_action.ports import CheckRun, Evidence, History, Ports, PublishPorts
from slo_action.render.annotations import annotations
from slo_action.render.endings import ending_text, headline
from slo_action.render.openmetrics import openmetrics
from slo_action.render.outputs import output_values
from slo_action.render.proofs import proofs, window_failures
from slo_action.render.summary.multi_service import (
    services,
    several_annotations,
    several_outputs,
    several_summary,
)
from slo_action.render.summary.prepared import (
    prepared_annotation,
    prepared_outputs,
    prepared_summary,
)
from slo_action.render.summary.summary import summary

AUDIT_NAME = "audit.json"


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
        places = _places(ports, "audit-path", AUDIT_NAME)
        ports.outputs.set({**output_values(record, audit), **places})

    publish_or_warn(ports, "evidence", write)
    text = summary(record, audit)
    publish_or_warn(ports, "outputs", set_outputs)
    publish_or_warn(ports, "job summary", lambda: ports.outputs.summarize(text))
    ports.log.annotate(annotations(record))
    publish_or_warn(ports, "history", lambda: _keep(record, ports.history))
    publish_or_warn(ports, "artifact", send)
    publish_or_warn(ports, "check run", lambda: _create_check_runs([record], ports))


def publish_prepared(
    preparation: Preparation, ports: Ports, *, run: RunIdentity, artifact_name: str
) -> None:
    """Write prepared.json and the summary, set the outputs, annotate, upload."""
    prepared, evidence = preparation.prepared, ports.evidence
    text = prepared_summary(prepared, preparation.window, run)

    def write() -> None:
        evidence.write(PREPARED_NAME, prepared_json(prepared))
        evidence.write("summary.md", text)
        evidence.journal(f"ended: the way back is {prepared.way_back}")

    values = {**prepared_outputs(prepared), **_places(ports, "prepared-path", PREPARED_NAME)}
    publish_or_warn(ports, "handover", write)
    publish_or_warn(ports, "outputs", lambda: ports.outputs.set(values))
    publish_or_warn(ports, "job summary", lambda: ports.outputs.summarize(text))
    ports.log.annotate((prepared_annotation(prepared, fails=bool(preparation.exit_code)),))
    publish_or_warn(ports, "artifact", lambda: upload(ports, artifact_name))


def write_service_evidence(result: ServiceResult, ports: PublishPorts) -> None:
    """Write the evidence of one of several services as soon as it has ended."""
    write = partial(write_evidence, result.record, result.evidence)
    publish_or_warn(ports, f"evidence of {result.record.service}", write)


def publish_services(
    ends: Sequence[ServiceEnding],
    results: Mapping[str, ServiceResult],
    ports: PublishPorts,
    *,
    artifact_name: str,
) -> None:
    """Publish several services at once, their evidence being written, in the order of one."""
    paths = {name: f"{result.evidence.place}/{AUDIT_NAME}" for name, result in results.items()}
    values = {**several_outputs(ends, paths), "evidence-dir": ports.evidence.place}
    text = several_summary(ends, paths)

    def write() -> None:
        listed = json.dumps(services(ends, paths), indent=2)
        ports.evidence.write("services.json", f"{listed}\n")
        ports.evidence.write("summary.md", text)

    def send() -> None:
        also = [path for result in results.values() for path in result.evidence.files()]
        artifact = upload(ports, artifact_name, also)
        if artifact is not None:
            ports.outputs.summarize(several_summary(ends, paths, artifact.url))

    publish_or_warn(ports, "evidence", write)
    publish_or_warn(ports, "outputs", lambda: ports.outputs.set(values))
    publish_or_warn(ports, "job summary", lambda: ports.outputs.summarize(text))
    ports.log.annotate(several_annotations(ends))
    for name, result in results.items():
        keep = partial(_keep, result.record, result.history)
        publish_or_warn(ports, f"history of {name}", keep)
    publish_or_warn(ports, "artifact", send)
    records = [end.record for end in worst_first(ends) if end.record]
    publish_or_warn(ports, "check runs", lambda: _create_check_runs(records, ports))


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


def _places(ports: PublishPorts, output: str, name: str) -> dict[str, str]:
    place = ports.evidence.place
    return {output: f"{place}/{name}", "evidence-dir": place}


def _keep(record: AuditRecord, history: History | None) -> None:
    if history is not None:
        for verdict in past_verdicts(record):
            history.keep(verdict)


def _create_check_runs(records: Iterable[AuditRecord], ports: PublishPorts) -> None:
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
    content = path.read_bytes()
    return EvidenceEntry(
        name=path.relative_to(root).as_posix(),
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
    )
