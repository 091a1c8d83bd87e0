"""What a run publishes on every surface, by the real writers."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import Any

from slo_action.core.gate.gate import Gate
from slo_action.core.model import Annotation, Level
from slo_action.core.record.record import AuditRecord, file_name
from slo_action.core.text.secrets import Scrubber
from slo_action.evidence.directory import open_evidence
from slo_action.github.check_runs import GitHubCheckRuns
from slo_action.github.commands import WorkflowLog
from slo_action.github.files import RunnerFiles
from slo_action.modes.publish import publish_record
from slo_action.ports import Ports
from slo_action.render.outputs import provisional
from slo_action.render.progress import observation_line, sample_lines
from tests.worlds.memory_ports import VirtualRun


class CheckRunBodies:
    """Stands in for GitHub's API; `bodies` holds what was sent to it."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []

    def create_check_run(self, body: dict[str, Any]) -> int:
        self.bodies.append(body)
        return len(self.bodies)

    def update_check_run(self, check_run_id: int, body: dict[str, Any]) -> None:
        self.bodies.append({"id": check_run_id, **body})


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """The texts of one run; `files` are the evidence by name."""

    log: str
    outputs: str
    summary: str
    files: Mapping[str, str]
    check_runs: list[dict[str, Any]]


def publish_all(record: AuditRecord, workspace: Path, *secrets: str) -> Published:
    """Publish a run as the action does, its live log included; `secrets` are masked first."""
    scrubber, stream, checks = Scrubber(), StringIO(newline=""), CheckRunBodies()
    log = WorkflowLog(stream, scrubber)
    for secret in secrets:
        log.mask(secret)
    output, page = workspace / "output", workspace / "summary"
    stage = VirtualRun({"v1": lambda _: record.gate.observations[0].deciding.outcome}, live="v1")
    ports = replace(
        stage.ports,
        log=log,
        evidence=open_evidence(workspace, f"{file_name(record.service)}-1", scrubber, stage.clock),
        outputs=RunnerFiles(output, page, scrubber),
        check_runs=GitHubCheckRuns(lambda: checks, "0" * 40, scrubber),
    )
    ports.outputs.set(provisional())
    _live(record, ports)
    publish_record(record, ports, artifact_name="")
    directory = ports.evidence.directory
    return Published(
        log=stream.getvalue(),
        outputs=output.read_bytes().decode("utf-8"),
        summary=page.read_bytes().decode("utf-8"),
        files={
            path.relative_to(directory).as_posix(): path.read_bytes().decode("utf-8")
            for path in ports.evidence.files()
        },
        check_runs=checks.bodies,
    )


def _live(record: AuditRecord, ports: Ports) -> None:
    """The live log of the run, and an annotation at an untrusted path."""
    gate = record.gate
    with ports.log.group(record.service):
        for number in range(1, len(gate.observations) + 1):
            seen = Gate(
                policy=gate.policy,
                begun_seconds=gate.begun_seconds,
                observations=gate.observations[:number],
            )
            ports.log.line(observation_line(seen))
            ports.evidence.append("samples.jsonl", sample_lines(seen.observations[-1]))
    for step in record.rollback.steps if record.rollback else ():
        ports.evidence.journal(step.detail)
        for line in step.output.splitlines():
            ports.log.line(f"  {line}")
    placed = Annotation(
        level=Level.ERROR, title=record.service, message=record.url, path=record.service, line=1
    )
    ports.log.annotate([placed])
