"""The composition root: environment → request → ports → mode → publish → exit code."""

import sys
from collections.abc import Mapping
from typing import TextIO

from slo_action.config.inputs import from_environment, mode_of
from slo_action.config.multi_service import read_multi_service
from slo_action.config.request import RunEnvironment, read_request
from slo_action.core.model import Mode
from slo_action.core.text.secrets import Scrubber
from slo_action.errors import InputError, SloVerifyError
from slo_action.github.commands import WorkflowLog
from slo_action.github.context import read_context
from slo_action.github.files import RunnerFiles
from slo_action.on_demand import on_demand
from slo_action.render.outputs import provisional
from slo_action.runtime import (
    FLY_TOKEN,
    WITH_BLOCK,
    Runtime,
    guarded,
    mask,
    mask_inputs,
    open_runtime,
)
from slo_action.wiring.ports import Invocation, open_ports

_ENVIRONMENT_SECRETS = ("ACTIONS_RUNTIME_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN")


def main(environ: Mapping[str, str], stream: TextIO = sys.stdout) -> int:
    """Run the action as a runner starts it; return its exit status."""
    scrubber = Scrubber()
    runtime = open_runtime(environ, scrubber, WorkflowLog(stream, scrubber))
    return guarded(runtime, lambda: run_step(_action_step(runtime)))


def _action_step(runtime: Runtime) -> Invocation:
    given = from_environment(runtime.environ)
    mask(runtime.log, *(runtime.environ.get(key, "") for key in _ENVIRONMENT_SECRETS))
    mask_inputs(runtime, given)
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
    return Invocation(
        runtime=runtime,
        given=given,
        environment=environment,
        outputs=RunnerFiles(context.output, context.summary, runtime.scrubber),
        workspace=context.workspace,
        context=context,
    )


def run_step(step: Invocation) -> int:
    """Run the mode that the inputs name; return the exit status, which publishing cannot change.

    Raises SloVerifyError where nothing could be judged, after that was published.
    """
    is_check = mode_of(step.given) is Mode.CHECK
    try:
        return int(on_demand("check")(step)) if is_check else _judge(step)
    except SloVerifyError as error:
        # `check` has a summary by the time that anything but its inputs stops it
        if step.context and (isinstance(error, InputError) or not is_check):
            on_demand("publish-error")(error, error.next_step(WITH_BLOCK), step.outputs)
        raise


def _judge(step: Invocation) -> int:
    requests = read_multi_service(step.given, step.environment)
    if requests is not None:
        return int(on_demand("multi-service")(step, requests))
    request, ports = open_ports(step, read_request(step.given, step.environment))
    if request.mode is not Mode.PREPARE:
        ports.outputs.set(provisional())
    result = on_demand(request.mode)(request, ports)
    on_demand("publish")(step, request, ports, result)
    if step.context is None:
        ports.log.line(f"evidence: {ports.evidence.directory}")
    return int(result.exit_code)
