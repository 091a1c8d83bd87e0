"""A request to the adapters that carry it out, and to those that tell of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from random import SystemRandom
from secrets import token_hex

from slo_action.config.request import RunEnvironment, VerifyRequest
from slo_action.config.text.url import is_link_local
from slo_action.core.model import Mode, RunIdentity
from slo_action.core.record.record import file_name
from slo_action.core.release.baseline import Prepared
from slo_action.core.text.quoting import printable
from slo_action.core.text.secrets import Secret
from slo_action.errors import GitHubError, InputError, Mistake
from slo_action.evidence.directory import open_evidence
from slo_action.github.context import RunnerContext
from slo_action.github.event import base_sha
from slo_action.history.directory import HistoryDirectory
from slo_action.platforms import PLATFORMS
from slo_action.platforms.context import PlatformContext
from slo_action.ports import (
    ArtifactStore,
    BaseFiles,
    CheckRuns,
    Log,
    MetricSource,
    Outputs,
    Ports,
    Prober,
)
from slo_action.probing.pool import HttpProbePool
from slo_action.probing.prober import HttpProber
from slo_action.probing.transport import FreshTransport
from slo_action.probing.trust import OnceContext, system_trust
from slo_action.runtime import Runtime, mask


@dataclass(frozen=True, slots=True, kw_only=True)
class Wired:
    """A request with all that it took from the workspace, and the ports to carry it out."""

    request: VerifyRequest
    ports: Ports


@dataclass(frozen=True, slots=True, kw_only=True)
class Publishers:
    """Who is told beside the step itself; opened after the last probe (ADR 0002)."""

    artifact_name: str = ""
    artifacts: Callable[[], ArtifactStore | None] = lambda: None
    check_runs: Callable[[], CheckRuns | None] = lambda: None


def open_publishers(
    stage: Runtime, request: VerifyRequest, context: RunnerContext, name: str
) -> Publishers:
    """Return who is told; nothing of it is opened yet."""
    return Publishers(
        artifact_name=_artifact_name(request, context.run, name),
        artifacts=lambda: _artifacts(stage, request, context),
        check_runs=lambda: _check_runs(stage, request, context),
    )


def open_ports(
    stage: Runtime, request: VerifyRequest, outputs: Outputs, workspace: Path, *, inside: str = ""
) -> Wired:
    """Open what a run needs. Raises WorkspaceError where evidence cannot be kept.

    `inside` is the directory of several services' evidence; empty for a run of one. What was
    prepared for one of several is in its request already.
    """
    mask(stage.log, *(secret.reveal() for secret in request.secrets))
    name = numbered(run_name(request), request.run)
    transport = _transport(allow_link_local=request.allow_link_local)
    history = _history(request, workspace)
    if not inside:
        request = replace(request, prepared=prepared_for(request, workspace, stage.log))
    platform = PLATFORMS[request.platform](
        request,
        PlatformContext(
            environment=stage.environ,
            workspace=workspace,
            clock=stage.clock,
            redact=stage.scrubber.scrub,
            prepared=request.prepared,
            past=history.verdicts(request.service) if history else (),
        ),
    )
    ports = Ports(
        clock=stage.clock,
        prober=HttpProber(
            stage.clock,
            nonces=_nonce,
            transport=transport,
            redact=stage.scrubber.scrub,
            secrets=request.journey_secrets,
        ),
        pool=HttpProbePool(
            stage.clock,
            nonces=_nonce,
            transport=transport,
            redact=stage.scrubber.scrub,
            secrets=request.journey_secrets,
        ),
        metrics=_metrics(stage, request),
        platform=platform.platform,
        machines=platform.machines,
        history=history,
        log=stage.log,
        evidence=open_evidence(workspace, name, stage.scrubber, stage.clock, inside=inside),
        outputs=outputs,
        interrupts=stage.interrupts,
    )
    return Wired(request=request, ports=ports)


def numbered(name: str, run: RunIdentity) -> str:
    """Return the evidence's name in this attempt of the run."""
    return f"{file_name(name)}-{run.run_attempt or '1'}"


def run_name(request: VerifyRequest) -> str:
    """A job may prepare and verify: each run has a name of its own."""
    return request.service if request.mode is Mode.VERIFY else f"{request.service}-{request.mode}"


def _history(request: VerifyRequest, workspace: Path) -> HistoryDirectory | None:
    return HistoryDirectory(workspace, request.history) if request.history else None


def prepared_for(request: VerifyRequest, workspace: Path, log: Log) -> Prepared | None:
    """Find what `prepare` handed over; its reader is imported only where there may be one."""
    if request.mode is Mode.PREPARE or not (workspace / "slo-verify").is_dir():
        return None
    from slo_action.audit.prepared import find_prepared  # noqa: PLC0415 - ADR 0002

    return find_prepared(
        workspace,
        service=request.service,
        app=request.app,
        deployed_at=request.deployed_at,
        tell=log.line,
    )


def _nonce() -> str:
    return token_hex(8)


def _metrics(stage: Runtime, request: VerifyRequest) -> MetricSource | None:
    """Open the metric source. Raises InputError where its queries cannot be used."""
    if request.metrics is None:
        return None
    from slo_action.sources.prometheus.source import PrometheusSource  # noqa: PLC0415 - ADR 0002

    try:
        return PrometheusSource(request.metrics, clock=stage.clock)
    except ValueError as error:
        mistake = Mistake(
            field="prometheus-*", problem="cannot be asked", accepted=printable(str(error))
        )
        raise InputError((mistake,)) from error


def open_visitor(stage: Runtime, *, allow_link_local: bool) -> Prober:
    """Return what asks running services for `check`."""
    return HttpProber(
        stage.clock,
        nonces=_nonce,
        transport=_transport(allow_link_local=allow_link_local),
        redact=stage.scrubber.scrub,
    )


def _transport(*, allow_link_local: bool) -> FreshTransport:
    return FreshTransport(
        OnceContext(system_trust), refuses=None if allow_link_local else is_link_local
    )


def open_base_files(given: Mapping[str, str], around: RunEnvironment) -> BaseFiles | None:
    """Return the files without the change under review; None where nothing is under review."""
    sha = base_sha(around.event_path)
    if not (sha and around.control_url):
        return None
    from slo_action.github.api import GitHubApi  # noqa: PLC0415 - ADR 0002
    from slo_action.github.base_files import GitHubBaseFiles  # noqa: PLC0415 - ADR 0002

    token = Secret(given.get("token", "").strip())

    def open_api() -> GitHubApi:
        if not token:
            raise GitHubError("the input token is empty", hint="pass `${{ github.token }}`")
        return GitHubApi(around.control_url, around.run.repository, token)

    return GitHubBaseFiles(open_api, sha)


def _artifacts(stage: Runtime, request: VerifyRequest, context: RunnerContext) -> ArtifactStore:
    from slo_action.github.artifacts.runner import RunnerResults  # noqa: PLC0415 - ADR 0002
    from slo_action.github.artifacts.store import GitHubArtifactStore  # noqa: PLC0415 - ADR 0002

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
        clock=stage.clock,
        scrubber=stage.scrubber,
        mask=stage.log.mask,
        random=SystemRandom().random,
    )


def _artifact_name(request: VerifyRequest, run: RunIdentity, name: str) -> str:
    from slo_action.github.artifacts.names import artifact_name, valid_name  # noqa: PLC0415 - ADR 0002

    if request.artifact_name:
        return valid_name(request.artifact_name)
    attempt = int(run.run_attempt) if run.run_attempt.isdigit() else 1
    return artifact_name(name, attempt, job=run.job, matrix=request.matrix)


def _check_runs(stage: Runtime, request: VerifyRequest, context: RunnerContext) -> CheckRuns | None:
    if not request.check_run:
        return None
    from slo_action.github.api import GitHubApi  # noqa: PLC0415 - ADR 0002
    from slo_action.github.check_runs import GitHubCheckRuns, head_sha  # noqa: PLC0415 - ADR 0002

    return GitHubCheckRuns(
        lambda: GitHubApi(context.api_url, context.run.repository, request.token),
        head_sha(context.event_path, context.run.sha),
        stage.scrubber,
    )
