"""The composition root: surroundings → request → ports → mode → exit code."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from slo_action.config.inputs import asked_mode, from_environment
from slo_action.config.multi_service import read_several
from slo_action.config.request import RunEnvironment, VerifyRequest, read_request
from slo_action.core.model import Mode
from slo_action.core.record.multi_service import combined_exit_code
from slo_action.core.record.record import AuditRecord
from slo_action.core.text.secrets import Scrubber
from slo_action.evidence.directory import open_evidence
from slo_action.github.commands import WorkflowLog
from slo_action.github.context import read_context
from slo_action.github.event import is_from_fork
from slo_action.github.files import RunnerFiles
from slo_action.ports import (
    CheckPorts,
    Log,
    Outputs,
    Ports,
)
from slo_action.render.outputs import provisional
from slo_action.runtime import (
    FLY_TOKEN,
    Runtime,
    guarded,
    mask,
    mask_fly_token,
    mask_given,
    open_runtime,
)
from slo_action.wiring import (
    Publishers,
    Wired,
    numbered,
    open_base_files,
    open_ports,
    open_publishers,
    open_visitor,
    prepared_for,
    run_name,
)

_ENVIRONMENT_SECRETS = ("ACTIONS_RUNTIME_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN")


def main(environ: Mapping[str, str], stream: TextIO = sys.stdout) -> int:
    """Run the action as a runner starts it; return its exit status."""
    scrubber = Scrubber()
    stage = open_runtime(environ, scrubber, WorkflowLog(stream, scrubber))
    return guarded(stage, lambda: run_action(stage))


def run_action(stage: Runtime) -> int:
    """Do what the runner asks for, and tell it."""
    given = from_environment(stage.environ)
    mask(stage.log, *(stage.environ.get(key, "") for key in _ENVIRONMENT_SECRETS))
    mask_given(stage.log, given)
    mask_fly_token(stage.log, stage.environ.get(FLY_TOKEN, ""))
    context = read_context(stage.environ)
    around = RunEnvironment(
        run=context.run,
        workspace=context.workspace,
        now=stage.clock.now(),
        control_url=context.api_url,
        check_runs_possible=not context.is_act,
        fly_api_token=stage.environ.get(FLY_TOKEN, ""),
        event_path=context.event_path,
    )
    outputs = RunnerFiles(context.output, context.summary, stage.scrubber)
    reads_files = FILE_MODES.get(asked_mode(given))
    if reads_files:
        return reads_files(stage, given, around, outputs)
    several = read_several(given, around)
    if several is not None:
        telling = open_publishers(stage, several[0], context, "several")
        return run_several(stage, several, outputs, context.workspace, telling)
    request = read_request(given, around)
    staged = open_ports(stage, request, outputs, context.workspace)
    telling = open_publishers(stage, staged.request, context, run_name(staged.request))
    return MODES[request.mode](staged, telling)


def run_several(
    stage: Runtime,
    requests: Sequence[VerifyRequest],
    outputs: Outputs,
    workspace: Path,
    telling: Publishers,
) -> int:
    """Verify several services, each in a process of its own; return the worst exit status."""
    from slo_action.modes.multi_service.run import CommonPorts, Worked, verify_several  # noqa: PLC0415 - rare
    from slo_action.system.workers import run_in_processes  # noqa: PLC0415 - rare

    mask(stage.log, *(secret.reveal() for request in requests for secret in request.secrets))
    _import_once(requests)
    requests = [replace(one, prepared=prepared_for(one, workspace, stage.log)) for one in requests]
    name = numbered("several", requests[0].run)
    evidence = open_evidence(workspace, name, stage.scrubber, stage.clock)
    ports = CommonPorts(
        log=stage.log, outputs=outputs, evidence=evidence, interrupts=stage.interrupts
    )

    def opened(request: VerifyRequest, log: Log, own: Outputs) -> tuple[VerifyRequest, Ports]:
        inside = evidence.directory.name
        staged = open_ports(replace(stage, log=log), request, own, workspace, inside=inside)
        return staged.request, staged.ports

    def keep(worked: Worked) -> None:
        from slo_action.modes.multi_service.publish import keep_evidence  # noqa: PLC0415 - ADR 0002

        keep_evidence(worked, ports)

    outputs.set(provisional())
    ends, works = verify_several(
        requests,
        ports,
        crew=run_in_processes,
        open_ports=opened,
        scrubber=stage.scrubber,
        keep=keep,
    )
    from slo_action.modes.multi_service.publish import tell_several  # noqa: PLC0415 - ADR 0002

    audiences = replace(ports, artifacts=telling.artifacts(), check_runs=telling.check_runs())
    tell_several(ends, works, audiences, artifact_name=telling.artifact_name)
    return combined_exit_code(ends)


def _import_once(requests: Sequence[VerifyRequest]) -> None:
    """Import before the fork what each process would else import by itself."""
    if any(one.fly for one in requests):
        import slo_action.platforms.fly.platform  # noqa: PLC0415 - heavy: ADR 0002
    if any(one.metrics for one in requests):
        import slo_action.sources.prometheus.source  # noqa: F401, PLC0415 - heavy: ADR 0002


def _run_verify(staged: Wired, telling: Publishers) -> int:
    from slo_action.modes.verify import verify  # noqa: PLC0415 - its table's line imports it

    staged.ports.outputs.set(provisional())
    return _finish(verify(staged.request, staged.ports), staged.ports, telling)


def _run_rollback(staged: Wired, telling: Publishers) -> int:
    from slo_action.modes.rollback import rollback  # noqa: PLC0415 - its table's line imports it

    staged.ports.outputs.set(provisional())
    return _finish(rollback(staged.request, staged.ports), staged.ports, telling)


def _run_prepare(staged: Wired, telling: Publishers) -> int:
    from slo_action.modes.prepare import prepare  # noqa: PLC0415 - its table's line imports it

    preparation = prepare(staged.request, staged.ports)
    from slo_action.modes.publish_prepared import tell_prepared  # noqa: PLC0415 - ADR 0002

    ports = replace(staged.ports, artifacts=telling.artifacts())
    tell_prepared(preparation, ports, run=staged.request.run, artifact_name=telling.artifact_name)
    return preparation.exit_code


MODES: dict[Mode, Callable[[Wired, Publishers], int]] = {
    Mode.VERIFY: _run_verify,
    Mode.PREPARE: _run_prepare,
    Mode.ROLLBACK: _run_rollback,
}


def _run_check(
    stage: Runtime, given: Mapping[str, str], around: RunEnvironment, outputs: Outputs
) -> int:
    from slo_action.config.check import read_check_request  # noqa: PLC0415 - ADR 0002
    from slo_action.evidence.workspace import WorkspaceWriter  # noqa: PLC0415 - ADR 0002
    from slo_action.modes.check.check import check  # noqa: PLC0415 - its table's line imports it

    request = read_check_request(given, around)
    event = around.event_path
    may_visit = request.visit and not is_from_fork(event)
    visitor = open_visitor(stage, allow_link_local=request.allow_link_local)
    ports = CheckPorts(
        clock=stage.clock,
        log=stage.log,
        outputs=outputs,
        written=WorkspaceWriter(around.workspace, stage.scrubber),
        redact=stage.scrubber.scrub,
        prober=visitor if may_visit else None,
        base=open_base_files(given, around),
    )
    return check(request, ports)


FILE_MODES: dict[Mode, Callable[[Runtime, Mapping[str, str], RunEnvironment, Outputs], int]] = {
    Mode.CHECK: _run_check,
}
"""Modes that only read the workspace: no service, no platform, no evidence."""


def _finish(record: AuditRecord, ports: Ports, telling: Publishers) -> int:
    """Tell everybody; return the exit status, which telling cannot change."""
    # What telling needs (pydantic, jsonschema) is imported after the last probe: ADR 0002.
    from slo_action.modes.publish import tell  # noqa: PLC0415

    audiences = replace(ports, artifacts=telling.artifacts(), check_runs=telling.check_runs())
    tell(record, audiences, artifact_name=telling.artifact_name)
    return record.exit_code
