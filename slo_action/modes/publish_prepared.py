"""Telling what `prepare` found: the handover first, then everybody else, each alone."""

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
    """Write the handover and the summary, set the outputs, annotate, upload. Never raises."""
    prepared = preparation.prepared
    text = prepared_summary(prepared, preparation.window, run)
    publish_or_warn(ports, "handover", lambda: _write(preparation, ports, text))
    publish_or_warn(ports, "outputs", lambda: ports.outputs.set(_outputs(preparation, ports)))
    publish_or_warn(ports, "job summary", lambda: ports.outputs.summarize(text))
    fails = bool(preparation.exit_code)
    ports.log.annotate((prepared_annotation(prepared, fails=fails),))
    publish_or_warn(ports, "artifact", lambda: _upload(ports, artifact_name))


def _write(preparation: Preparation, ports: Ports, text: str) -> None:
    ports.evidence.write(PREPARED_NAME, prepared_json(preparation.prepared))
    ports.evidence.write("summary.md", text)
    ports.evidence.journal(f"ended: the way back is {preparation.prepared.way_back}")


def _outputs(preparation: Preparation, ports: Ports) -> dict[str, str]:
    return {
        **prepared_outputs(preparation.prepared),
        "prepared-path": f"{ports.evidence.place}/{PREPARED_NAME}",
        "evidence-dir": ports.evidence.place,
    }


def _upload(ports: Ports, artifact_name: str) -> None:
    upload(ports, artifact_name)
