"""Where a result is published beside the step itself: opened after the last probe (ADR 0002)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import SystemRandom

from slo_action.config.request import VerifyRequest
from slo_action.core.record.multi_service import ServiceEnding
from slo_action.core.record.record import AuditRecord
from slo_action.github.api import GitHubApi
from slo_action.github.artifacts.names import artifact_name, valid_name
from slo_action.github.artifacts.runner import RunnerResults
from slo_action.github.artifacts.store import GitHubArtifactStore
from slo_action.github.check_runs import GitHubCheckRuns, head_sha
from slo_action.modes.multi_service.run import ServiceResult
from slo_action.modes.prepare import Preparation
from slo_action.modes.publish import publish_prepared, publish_record, publish_services
from slo_action.ports import ArtifactStore, CheckRuns, Ports, PublishPorts
from slo_action.wiring.ports import Step, run_name


def publish(
    step: Step, request: VerifyRequest, ports: Ports, result: AuditRecord | Preparation
) -> None:
    """Publish what one run found. Never raises: its verdict stands."""
    name = _artifact_name(step, request, run_name(request))
    artifacts = _artifacts(step, request)
    if isinstance(result, Preparation):
        ports = replace(ports, artifacts=artifacts)
        publish_prepared(result, ports, run=request.run, artifact_name=name)
        return
    ports = replace(ports, artifacts=artifacts, check_runs=_check_runs(step, request))
    publish_record(result, ports, artifact_name=name)


def publish_all_services(
    step: Step,
    request: VerifyRequest,
    ports: PublishPorts,
    ends: Sequence[ServiceEnding],
    results: Mapping[str, ServiceResult],
) -> None:
    """Publish what the runs of several services found; `request` is any one of theirs."""
    ports = replace(
        ports, artifacts=_artifacts(step, request), check_runs=_check_runs(step, request)
    )
    name = _artifact_name(step, request, "several")
    publish_services(ends, results, ports, artifact_name=name)


def _artifacts(step: Step, request: VerifyRequest) -> ArtifactStore | None:
    context, runtime = step.context, step.runtime
    if context is None:
        return None
    runner = RunnerResults(
        results_url=context.results_url,
        token=context.runtime_token,
        server_url=context.run.server_url,
        repository=context.run.repository,
        run_id=context.run.run_id,
        retention_days=request.retention_days,
        max_retention_days=context.longest_retention_days,
    )
    return GitHubArtifactStore(
        runner,
        clock=runtime.clock,
        scrubber=runtime.scrubber,
        mask=runtime.log.mask,
        random=SystemRandom().random,
    )


def _artifact_name(step: Step, request: VerifyRequest, name: str) -> str:
    run = step.environment.run
    if request.artifact_name:
        return valid_name(request.artifact_name)
    attempt = int(run.run_attempt) if run.run_attempt.isdigit() else 1
    return artifact_name(name, attempt, job=run.job, matrix=request.matrix)


def _check_runs(step: Step, request: VerifyRequest) -> CheckRuns | None:
    context = step.context
    if context is None or not request.check_run:
        return None
    return GitHubCheckRuns(
        lambda: GitHubApi(context.api_url, context.run.repository, request.token),
        head_sha(context.event_path, context.run.sha),
        step.runtime.scrubber,
    )
