"""Telling of several services: the evidence of all first, then each audience once."""

import json
from collections.abc import Mapping, Sequence

from slo_action.core.record.multi_service import ServiceEnding, worst_first
from slo_action.core.record.record import past_verdicts
from slo_action.errors import GitHubError
from slo_action.modes.multi_service.run import CommonPorts, ServiceResult
from slo_action.modes.publish import AUDIT_NAME, check_run_of, write_evidence
from slo_action.modes.steps.publish import publish_or_warn, upload
from slo_action.render.summary.multi_service import (
    services,
    several_annotations,
    several_outputs,
    several_summary,
)


def write_service_evidence(worked: ServiceResult, ports: CommonPorts) -> None:
    """Write the evidence of one service; never raises: its verdict stands without."""

    def write() -> None:
        write_evidence(worked.record, worked.evidence)

    publish_or_warn(ports, f"evidence of {worked.record.service}", write)


def publish_services(
    ends: Sequence[ServiceEnding],
    works: Mapping[str, ServiceResult],
    ports: CommonPorts,
    *,
    artifact_name: str,
) -> None:
    """Tell how all ended, once their own evidence is written: in the order of `tell`.

    Never raises: whoever cannot be told is left out with a warning, and the verdicts stand.
    """
    paths = {name: f"{worked.evidence.place}/{AUDIT_NAME}" for name, worked in works.items()}
    values = {**several_outputs(ends, paths), "evidence-dir": ports.evidence.place}
    text = several_summary(ends, paths)

    def write() -> None:
        listed = json.dumps(services(ends, paths), indent=2)
        ports.evidence.write("services.json", f"{listed}\n")
        ports.evidence.write("summary.md", text)

    def send() -> None:
        also = [path for worked in works.values() for path in worked.evidence.files()]
        artifact = upload(ports, artifact_name, also)
        if artifact is not None:
            ports.outputs.summarize(several_summary(ends, paths, artifact.url))

    publish_or_warn(ports, "evidence", write)
    publish_or_warn(ports, "outputs", lambda: ports.outputs.set(values))
    publish_or_warn(ports, "job summary", lambda: ports.outputs.summarize(text))
    ports.log.annotate(several_annotations(ends))
    for worked in works.values():
        _remember(worked, ports)
    publish_or_warn(ports, "artifact", send)
    publish_or_warn(ports, "check runs", lambda: _publish(ends, ports))


def _remember(worked: ServiceResult, ports: CommonPorts) -> None:
    history = worked.history
    if history is None:
        return

    def keep() -> None:
        for verdict in past_verdicts(worked.record):
            history.keep(verdict)

    publish_or_warn(ports, f"history of {worked.record.service}", keep)


def _publish(ends: Sequence[ServiceEnding], ports: CommonPorts) -> None:
    """Publish a check run for each service, the worst first; a token that may not is told once."""
    if ports.check_runs is None or ports.interrupts.received:
        return
    try:
        with ports.interrupts.raising():
            for end in worst_first(ends):
                if end.record:
                    ports.check_runs.publish(check_run_of(end.record))
    except GitHubError as error:
        if not error.forbidden:
            raise
        ports.log.line(f"no check runs: {error.message}; {error.hint}")
