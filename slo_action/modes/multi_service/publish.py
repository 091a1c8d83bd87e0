"""Publish several services: the evidence of all first, then each destination once."""

import json
from collections.abc import Mapping, Sequence
from functools import partial

from slo_action.core.record.multi_service import ServiceEnding, worst_first
from slo_action.modes.multi_service.run import ServiceResult
from slo_action.modes.publish import (
    AUDIT_NAME,
    create_check_runs,
    keep_verdicts,
    write_evidence,
)
from slo_action.modes.steps.publish import publish_or_warn, upload
from slo_action.ports import PublishPorts
from slo_action.render.summary.multi_service import (
    services,
    several_annotations,
    several_outputs,
    several_summary,
)


def write_service_evidence(result: ServiceResult, ports: PublishPorts) -> None:
    """Write the evidence of one of several services as soon as it has ended."""
    publish_or_warn(
        ports,
        f"evidence of {result.record.service}",
        lambda: write_evidence(result.record, result.evidence),
    )


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
        keep = partial(keep_verdicts, result.record, result.history, ports.log)
        publish_or_warn(ports, f"history of {name}", keep)
    publish_or_warn(ports, "artifact", send)
    records = [end.record for end in worst_first(ends) if end.record]
    publish_or_warn(ports, "check runs", lambda: create_check_runs(records, ports))
