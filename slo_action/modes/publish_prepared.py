"""Publish what `prepare` found: prepared.json first, then each destination by itself."""

from slo_action.audit.prepared import PREPARED_NAME, prepared_json
from slo_action.core.model import RunIdentity
from slo_action.modes.prepare import Preparation
from slo_action.modes.steps.publish import publish_or_warn, upload
from slo_action.ports import Ports
from slo_action.render.summary.prepared import (
    prepared_annotation,
    prepared_outputs,
    prepared_summary,
)


def publish_prepared(
    preparation: Preparation, ports: Ports, *, run: RunIdentity, artifact_name: str
) -> None:
    """Write prepared.json and the summary, set the outputs, annotate, upload."""
    prepared, evidence = preparation.prepared, ports.evidence
    text = prepared_summary(prepared, preparation.window, run)

    def write() -> None:
        evidence.write(PREPARED_NAME, prepared_json(prepared))
        evidence.write("summary.md", text)
        evidence.journal(f"ended: way-back {prepared.way_back}")

    place = ports.evidence.place
    paths = {"prepared-path": f"{place}/{PREPARED_NAME}", "evidence-dir": place}
    values = {**prepared_outputs(prepared), **paths}
    publish_or_warn(ports, "handover", write)
    publish_or_warn(ports, "outputs", lambda: ports.outputs.set(values))
    publish_or_warn(ports, "job summary", lambda: ports.outputs.summarize(text))
    ports.log.annotate((prepared_annotation(prepared, fails=bool(preparation.exit_code)),))
    publish_or_warn(ports, "artifact", lambda: upload(ports, artifact_name))
