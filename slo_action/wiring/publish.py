"""Where a result is published beside the step itself: opened after the last probe (ADR 0002)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import SystemRandom

from slo_action.config.inputs import CheckRunMode
from slo_action.config.request import VerifyRequest
from slo_action.core.model import Annotation, Level
from slo_action.core.record.multi_service import ServiceEnding
from slo_action.core.record.record import AuditRecord
from slo_action.github.api import GitHubApi
from slo_action.github.artifacts.names import artifact_name, valid_name
from slo_action.github.artifacts.runner import RunnerResults
from slo_action.github.artifacts.store import GitHubArtifactStore
from slo_action.github.check_runs import GitHubCheckRuns, head_sha
from slo_action.modes.publish import publish_record
from slo_action.on_demand import on_demand
from slo_action.ports import ArtifactStore, CheckRuns, Evidence, Ports, PublishPorts
from slo_action.wiring.ports import Invocation, evidence_name, run_name

_NO_TOKEN = Annotation(
    level=Level.NOTICE,
    title="No check run: the input token is empty",
    message="Pass token: ${{ github.token }}, or set check-run: false. The verdict stays the same.",
)


def publish(step: Invocation, request: VerifyRequest, ports: Ports, result: object) -> None:
    """Publish a record, or what `prepare` found. Never raises: the verdict stands."""
    name = _artifact_name(step, request, run_name(request), ports.evidence)
    ports = replace(ports, artifacts=_artifacts(step, request))
    if isinstance(result, AuditRecord):
        ports = replace(ports, check_runs=_check_runs(step, request))
        publish_record(result, ports, artifact_name=name)
    else:
        on_demand("publish-prepared")(result, ports, run=request.run, artifact_name=name)


def publish_all_services(
    step: Invocation,
    request: VerifyRequest,
    ports: PublishPorts,
    ends: Sequence[ServiceEnding],
    results: Mapping[str, object],
) -> None:
    """Publish what the runs of several services found; `request` is any one of theirs."""
    ports = replace(
        ports, artifacts=_artifacts(step, request), check_runs=_check_runs(step, request)
    )
    name = _artifact_name(step, request, "several", ports.evidence)
    on_demand("publish-services")(ends, results, ports, artifact_name=name)


def _artifacts(step: Invocation, request: VerifyRequest) -> ArtifactStore | None:
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


def _artifact_name(step: Invocation, request: VerifyRequest, name: str, evidence: Evidence) -> str:
    """Return its name, with the number that the directory has where the name was taken."""
    run = step.environment.run
    if request.artifact_name:
        return valid_name(request.artifact_name)
    attempt = int(run.run_attempt) if run.run_attempt.isdigit() else 1
    earlier = evidence.directory.name.removeprefix(evidence_name(name, run)).strip("-")
    return artifact_name(name, attempt, earlier=earlier, job=run.job, matrix=request.matrix)


def _check_runs(step: Invocation, request: VerifyRequest) -> CheckRuns | None:
    context = step.context
    if context is None or request.check_run is CheckRunMode.OFF:
        return None
    if not request.token:
        step.runtime.log.annotate((_NO_TOKEN,))
        return None
    return GitHubCheckRuns(
        lambda: GitHubApi(context.api_url, context.run.repository, request.token),
        head_sha(context.event_path, context.run.sha),
        step.runtime.scrubber,
    )
