"""The composition root: surroundings → request → ports → mode → exit code."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from slo_action.config.inputs import from_environment, mode_of
from slo_action.config.multi_service import read_multi_service
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
    mask_inputs,
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
    runtime = open_runtime(environ, scrubber, WorkflowLog(stream, scrubber))
    return guarded(runtime, lambda: run_action(runtime))


def run_action(runtime: Runtime) -> int:
    """Do what the runner asks for, and tell it."""
    given = from_environment(runtime.environ)
    mask(runtime.log, *(runtime.environ.get(key, "") for key in _ENVIRONMENT_SECRETS))
    mask_inputs(runtime.log, given)
    mask_fly_token(runtime.log, runtime.environ.get(FLY_TOKEN, ""))
    context = read_context(runtime.environ)
    environment = RunEnvironment(
        run=context.run,
        workspace=context.workspace,
        now=runtime.clock.now(),
        control_url=context.api_url,
        check_runs_possible=not context.is_act,
        fly_api_token=runtime.environ.get(FLY_TOKEN, ""),
        event_path=context.event_path,
    )
    outputs = RunnerFiles(context.output, context.summary, runtime.scrubber)
    reads_files = FILE_MODES.get(mode_of(given))
    if reads_files:
        return reads_files(runtime, given, environment, outputs)
    requests = read_multi_service(given, environment)
    if requests is not None:
        telling = open_publishers(runtime, requests[0], context, "several")
        return run_multi_service(runtime, requests, outputs, context.workspace, telling)
    request = read_request(given, environment)
    staged = open_ports(runtime, request, outputs, context.workspace)
    telling = open_publishers(runtime, staged.request, context, run_name(staged.request))
    return MODES[request.mode](staged, telling)


def run_multi_service(
    runtime: Runtime,
    requests: Sequence[VerifyRequest],
    outputs: Outputs,
    workspace: Path,
    telling: Publishers,
) -> int:
    """Verify several services, each in a process of its own; return the worst exit status."""
    from slo_action.modes.multi_service.run import CommonPorts, ServiceResult, verify_services  # noqa: PLC0415 - rare
    from slo_action.system.workers import run_in_processes  # noqa: PLC0415 - rare

    mask(runtime.log, *(secret.reveal() for request in requests for secret in request.secrets))
    _import_once(requests)
    requests = [
        replace(one, prepared=prepared_for(one, workspace, runtime.log)) for one in requests
    ]
    name = numbered("several", requests[0].run)
    evidence = open_evidence(workspace, name, runtime.scrubber, runtime.clock)
    ports = CommonPorts(
        log=runtime.log, outputs=outputs, evidence=evidence, interrupts=runtime.interrupts
    )

    def opened(request: VerifyRequest, log: Log, own: Outputs) -> tuple[VerifyRequest, Ports]:
        inside = evidence.directory.name
        staged = open_ports(replace(runtime, log=log), request, own, workspace, inside=inside)
        return staged.request, staged.ports

    def keep(worked: ServiceResult) -> None:
        from slo_action.modes.multi_service.publish import write_service_evidence  # noqa: PLC0415 - ADR 0002

        write_service_evidence(worked, ports)

    outputs.set(provisional())
    ends, works = verify_services(
        requests,
        ports,
        processes=run_in_processes,
        open_ports=opened,
        scrubber=runtime.scrubber,
        keep=keep,
    )
    from slo_action.modes.multi_service.publish import publish_services  # noqa: PLC0415 - ADR 0002

    audiences = replace(ports, artifacts=telling.artifacts(), check_runs=telling.check_runs())
    publish_services(ends, works, audiences, artifact_name=telling.artifact_name)
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
    from slo_action.modes.publish_prepared import publish_prepared  # noqa: PLC0415 - ADR 0002

    ports = replace(staged.ports, artifacts=telling.artifacts())
    publish_prepared(
        preparation, ports, run=staged.request.run, artifact_name=telling.artifact_name
    )
    return preparation.exit_code


MODES: dict[Mode, Callable[[Wired, Publishers], int]] = {
    Mode.VERIFY: _run_verify,
    Mode.PREPARE: _run_prepare,
    Mode.ROLLBACK: _run_rollback,
}


def _run_check(
    runtime: Runtime, given: Mapping[str, str], environment: RunEnvironment, outputs: Outputs
) -> int:
    from slo_action.config.check import read_check_request  # noqa: PLC0415 - ADR 0002
    from slo_action.evidence.workspace import WorkspaceWriter  # noqa: PLC0415 - ADR 0002
    from slo_action.modes.check.check import check  # noqa: PLC0415 - its table's line imports it

    request = read_check_request(given, environment)
    event = environment.event_path
    may_visit = request.visit and not is_from_fork(event)
    visitor = open_visitor(runtime, allow_link_local=request.allow_link_local)
    ports = CheckPorts(
        clock=runtime.clock,
        log=runtime.log,
        outputs=outputs,
        written=WorkspaceWriter(environment.workspace, runtime.scrubber),
        redact=runtime.scrubber.scrub,
        prober=visitor if may_visit else None,
        former=open_base_files(given, environment),
    )
    return check(request, ports)


FILE_MODES: dict[Mode, Callable[[Runtime, Mapping[str, str], RunEnvironment, Outputs], int]] = {
    Mode.CHECK: _run_check,
}
"""Modes that only read the workspace: no service, no platform, no evidence."""


def _finish(record: AuditRecord, ports: Ports, telling: Publishers) -> int:
    """Tell everybody; return the exit status, which telling cannot change."""
    # What telling needs (pydantic, jsonschema) is imported after the last probe: ADR 0002.
    from slo_action.modes.publish import publish_record  # noqa: PLC0415

    audiences = replace(ports, artifacts=telling.artifacts(), check_runs=telling.check_runs())
    publish_record(record, audiences, artifact_name=telling.artifact_name)
    return record.exit_code
