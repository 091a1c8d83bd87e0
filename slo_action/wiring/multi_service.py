"""`verify` for several services: a process for each, published by this one."""

from collections.abc import Sequence
from dataclasses import replace

from slo_action.config.request import VerifyRequest
from slo_action.core.record.multi_service import combined_exit_code
from slo_action.modes.multi_service.run import ServiceResult, verify_services
from slo_action.on_demand import on_demand
from slo_action.ports import Log, Outputs, Ports, PublishPorts
from slo_action.render.outputs import provisional
from slo_action.runtime import mask
from slo_action.system.workers import run_in_processes
from slo_action.wiring.ports import (
    Invocation,
    evidence_name,
    evidence_workspace,
    open_ports,
    open_run_evidence,
    prepared_for,
)


def run_multi_service(step: Invocation, requests: Sequence[VerifyRequest]) -> int:
    """Verify several services, each in a process of its own; return the worst exit status."""
    runtime, workspace = step.runtime, evidence_workspace(step)
    mask(runtime.log, *(secret.reveal() for request in requests for secret in request.secrets))
    _import_before_fork(requests)
    requests = [
        replace(one, prepared=prepared_for(one, workspace, runtime.log)) for one in requests
    ]
    name = evidence_name("several", requests[0].run)
    evidence = open_run_evidence(step, name)
    ports = PublishPorts(
        log=runtime.log, outputs=step.outputs, evidence=evidence, interrupts=runtime.interrupts
    )

    def opened(request: VerifyRequest, log: Log, own: Outputs) -> tuple[VerifyRequest, Ports]:
        inner = replace(step, runtime=replace(runtime, log=log), outputs=own)
        return open_ports(inner, request, inside=evidence.directory.name)

    def keep(result: ServiceResult) -> None:
        on_demand("write-evidence")(result, ports)

    step.outputs.set(provisional())
    ends, results = verify_services(
        requests,
        ports,
        processes=run_in_processes,
        open_ports=opened,
        scrubber=runtime.scrubber,
        keep=keep,
    )
    on_demand("publish-all")(step, requests[0], ports, ends, results)
    if step.context is None:
        runtime.log.line(f"evidence: {workspace / 'slo-verify'}")
    return combined_exit_code(ends)


def _import_before_fork(requests: Sequence[VerifyRequest]) -> None:
    """Import once what each process would import by itself."""
    if any(one.fly for one in requests):
        on_demand("fly")
    if any(one.metrics for one in requests):
        on_demand("prometheus")
