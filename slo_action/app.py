"""The composition root: surroundings → request → adapters → ports → mode → exit code."""

import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from random import SystemRandom
from secrets import token_hex
from typing import TextIO

from slo_action.clock import SystemClock
from slo_action.config.fly import token_parts
from slo_action.config.inputs import asked_mode, from_environment
from slo_action.config.request import Surroundings, VerifyRequest, read_request
from slo_action.config.url import credentials_in, is_link_local
from slo_action.core.model import Annotation, Level, Mode, RunIdentity
from slo_action.core.prepared import Prepared
from slo_action.core.quoting import printable
from slo_action.core.record import AuditRecord, file_name
from slo_action.core.secrets import Scrubber, Secret
from slo_action.errors import EXIT_BUG, GitHubError, InputError, Mistake, SloVerifyError
from slo_action.evidence.directory import open_evidence
from slo_action.github.commands import WorkflowLog
from slo_action.github.context import RunnerContext, read_context
from slo_action.github.event import base_sha, is_from_fork
from slo_action.github.files import RunnerFiles
from slo_action.history.directory import HistoryDirectory
from slo_action.interrupts import SignalInterrupts
from slo_action.platforms import PLATFORMS
from slo_action.platforms.premises import Premises
from slo_action.ports import (
    ArtifactStore,
    CheckPorts,
    CheckRuns,
    FormerFiles,
    Log,
    MetricSource,
    Outputs,
    Ports,
    Prober,
)
from slo_action.probing.http import HttpProber
from slo_action.probing.pool import HttpProbePool
from slo_action.probing.transport import FreshTransport
from slo_action.probing.trust import OnceContext, system_trust
from slo_action.render.outputs import provisional

_URLS = ("url", "control-url", "prometheus-url")
_ENVIRONMENT_SECRETS = ("ACTIONS_RUNTIME_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN")
FLY_TOKEN = "FLY_API_TOKEN"  # noqa: S105 - the variable's name


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What every run has before it knows what it is to do."""

    environ: Mapping[str, str]
    clock: SystemClock
    interrupts: SignalInterrupts
    scrubber: Scrubber
    log: Log


def main(environ: Mapping[str, str], stream: TextIO = sys.stdout) -> int:
    """Run the action as a runner starts it; return its exit status."""
    scrubber = Scrubber()
    stage = open_stage(environ, scrubber, WorkflowLog(stream, scrubber))
    return guarded(stage, lambda: run_action(stage))


def open_stage(environ: Mapping[str, str], scrubber: Scrubber, log: Log) -> Stage:
    """Return the stage, signals taken over: as PID 1, Python would ignore SIGTERM."""
    interrupts = SignalInterrupts()
    interrupts.install()
    return Stage(
        environ=environ, clock=SystemClock(), interrupts=interrupts, scrubber=scrubber, log=log
    )


def guarded(stage: Stage, run: Callable[[], int]) -> int:
    """Return what `run` returns, or the exit code of what it raised. Catches everything."""
    try:
        return run()
    except InputError as error:
        stage.log.annotate([_mistake(error.title, mistake) for mistake in error.mistakes])
        for mistake in error.mistakes:
            _show_line(stage.log, mistake)
        stage.log.line(error.hint)
        return error.exit_code
    except SloVerifyError as error:
        told = f"{error.message}\n{error.hint}"
        stage.log.annotate([Annotation(level=Level.ERROR, title=error.title, message=told)])
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - the one place that catches everything
        stage.log.annotate([_bug(error)])
        return EXIT_BUG


def run_action(stage: Stage) -> int:
    """Do what the runner asks for, and tell it."""
    given = from_environment(stage.environ)
    _mask(stage.log, *(stage.environ.get(key, "") for key in _ENVIRONMENT_SECRETS))
    mask_given(stage.log, given)
    mask_fly_token(stage.log, stage.environ.get(FLY_TOKEN, ""))
    context = read_context(stage.environ)
    around = Surroundings(
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
    request = read_request(given, around)
    staged = open_ports(stage, request, outputs, context.workspace)
    return MODES[request.mode](
        staged,
        Telling(
            artifact_name=_artifact_name(staged.request, context.run),
            artifacts=lambda: _artifacts(stage, staged.request, context),
            check_runs=lambda: _check_runs(stage, staged.request, context),
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """A request with all that it took from the workspace, and the ports to carry it out."""

    request: VerifyRequest
    ports: Ports


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """Who is told beside the step itself; opened after the last probe (ADR 0002)."""

    artifact_name: str = ""
    artifacts: Callable[[], ArtifactStore | None] = lambda: None
    check_runs: Callable[[], CheckRuns | None] = lambda: None


def _run_verify(staged: Staged, telling: Telling) -> int:
    from slo_action.modes.verify import verify  # noqa: PLC0415 - its table's line imports it

    staged.ports.outputs.set(provisional())
    return _finish(verify(staged.request, staged.ports), staged.ports, telling)


def _run_rollback(staged: Staged, telling: Telling) -> int:
    from slo_action.modes.rollback import rollback  # noqa: PLC0415 - its table's line imports it

    staged.ports.outputs.set(provisional())
    return _finish(rollback(staged.request, staged.ports), staged.ports, telling)


def _run_prepare(staged: Staged, telling: Telling) -> int:
    from slo_action.modes.prepare import prepare  # noqa: PLC0415 - its table's line imports it

    preparation = prepare(staged.request, staged.ports)
    from slo_action.modes.tell_prepared import tell_prepared  # noqa: PLC0415 - ADR 0002

    ports = replace(staged.ports, artifacts=telling.artifacts())
    tell_prepared(preparation, ports, run=staged.request.run, artifact_name=telling.artifact_name)
    return preparation.exit_code


MODES: dict[Mode, Callable[[Staged, Telling], int]] = {
    Mode.VERIFY: _run_verify,
    Mode.PREPARE: _run_prepare,
    Mode.ROLLBACK: _run_rollback,
}


def _run_check(
    stage: Stage, given: Mapping[str, str], around: Surroundings, outputs: Outputs
) -> int:
    from slo_action.config.check import read_check_request  # noqa: PLC0415 - ADR 0002
    from slo_action.config.workspace_files import WorkspaceFiles  # noqa: PLC0415 - ADR 0002
    from slo_action.evidence.workspace import WorkspaceWriter  # noqa: PLC0415 - ADR 0002
    from slo_action.modes.check import check  # noqa: PLC0415 - its table's line imports it

    request = read_check_request(given, around)
    event = around.event_path
    may_visit = request.visit and not is_from_fork(event)
    ports = CheckPorts(
        clock=stage.clock,
        log=stage.log,
        outputs=outputs,
        workspace=WorkspaceFiles(around.workspace),
        written=WorkspaceWriter(around.workspace, stage.scrubber),
        redact=stage.scrubber.scrub,
        prober=_visitor(stage, allow_link_local=request.allow_link_local) if may_visit else None,
        former=_former_files(given, around),
    )
    return check(request, ports)


def _visitor(stage: Stage, *, allow_link_local: bool) -> Prober:
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


def _former_files(given: Mapping[str, str], around: Surroundings) -> FormerFiles | None:
    sha = base_sha(around.event_path)
    if not (sha and around.control_url):
        return None
    from slo_action.github.api import GitHubApi  # noqa: PLC0415 - ADR 0002
    from slo_action.github.former_files import GitHubFormerFiles  # noqa: PLC0415 - ADR 0002

    token = Secret(given.get("token", "").strip())

    def open_api() -> GitHubApi:
        if not token:
            raise GitHubError("the input token is empty", hint="pass `${{ github.token }}`")
        return GitHubApi(around.control_url, around.run.repository, token)

    return GitHubFormerFiles(open_api, sha)


FILE_MODES: dict[Mode, Callable[[Stage, Mapping[str, str], Surroundings, Outputs], int]] = {
    Mode.CHECK: _run_check,
}
"""Modes that only read the workspace: no service, no platform, no evidence."""


def _finish(record: AuditRecord, ports: Ports, telling: Telling) -> int:
    """Tell everybody; return the exit status, which telling cannot change."""
    # What telling needs (pydantic, jsonschema) is imported after the last probe: ADR 0002.
    from slo_action.modes.tell import tell  # noqa: PLC0415

    audiences = replace(ports, artifacts=telling.artifacts(), check_runs=telling.check_runs())
    tell(record, audiences, artifact_name=telling.artifact_name)
    return record.exit_code


def open_ports(stage: Stage, request: VerifyRequest, outputs: Outputs, workspace: Path) -> Staged:
    """Open what a run needs. Raises WorkspaceError where evidence cannot be kept."""
    _mask(stage.log, *(secret.reveal() for secret in request.secrets))
    name = f"{file_name(_run_name(request))}-{request.run.run_attempt or '1'}"
    transport = _transport(allow_link_local=request.allow_link_local)
    history = _history(request, workspace)
    request = replace(request, prepared=_prepared(request, workspace, stage.log))
    platform = PLATFORMS[request.platform](
        request,
        Premises(
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
            stage.clock, nonces=_nonce, transport=transport, redact=stage.scrubber.scrub
        ),
        pool=HttpProbePool(
            stage.clock, nonces=_nonce, transport=transport, redact=stage.scrubber.scrub
        ),
        metrics=_metrics(stage, request),
        platform=platform.platform,
        machines=platform.machines,
        history=history,
        log=stage.log,
        evidence=open_evidence(workspace, name, stage.scrubber, stage.clock),
        outputs=outputs,
        interrupts=stage.interrupts,
    )
    return Staged(request=request, ports=ports)


def _run_name(request: VerifyRequest) -> str:
    """A job may prepare and verify: each run has a name of its own."""
    return request.service if request.mode is Mode.VERIFY else f"{request.service}-{request.mode}"


def _history(request: VerifyRequest, workspace: Path) -> HistoryDirectory | None:
    return HistoryDirectory(workspace, request.history) if request.history else None


def _prepared(request: VerifyRequest, workspace: Path, log: Log) -> Prepared | None:
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


def _metrics(stage: Stage, request: VerifyRequest) -> MetricSource | None:
    """Open the metric source. Raises InputError where its queries cannot be used."""
    if request.metrics is None:
        return None
    from slo_action.sources.prometheus import PrometheusSource  # noqa: PLC0415 - ADR 0002

    try:
        return PrometheusSource(request.metrics, clock=stage.clock)
    except ValueError as error:
        mistake = Mistake(
            field="prometheus-*", problem="cannot be asked", accepted=printable(str(error))
        )
        raise InputError((mistake,)) from error


def mask_given(log: Log, given: Mapping[str, str]) -> None:
    """Mask what is secret in inputs that nobody has looked at yet."""
    credentials = [credentials_in(given.get(name, "")) for name in _URLS]
    tokens = (given.get(name, "") for name in ("token", "prometheus-token"))
    _mask(log, *tokens, *(part for parts in credentials for part in parts))
    mask_fly_token(log, given.get("fly-api-token", ""))


def mask_fly_token(log: Log, token: str) -> None:
    """Mask a token of Fly's and each macaroon in it."""
    _mask(log, *(part.reveal() for part in token_parts(Secret(token))))


def _mask(log: Log, *secrets: str) -> None:
    for secret in secrets:
        if secret.strip():
            log.mask(secret)


def _artifacts(stage: Stage, request: VerifyRequest, context: RunnerContext) -> ArtifactStore:
    from slo_action.github.artifact_runner import RunnerResults  # noqa: PLC0415 - ADR 0002
    from slo_action.github.artifacts import GitHubArtifactStore  # noqa: PLC0415 - ADR 0002

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


def _artifact_name(request: VerifyRequest, run: RunIdentity) -> str:
    from slo_action.github.artifact_names import artifact_name, valid_name  # noqa: PLC0415 - ADR 0002

    if request.artifact_name:
        return valid_name(request.artifact_name)
    attempt = int(run.run_attempt) if run.run_attempt.isdigit() else 1
    return artifact_name(_run_name(request), attempt, job=run.job, matrix=request.matrix)


def _check_runs(stage: Stage, request: VerifyRequest, context: RunnerContext) -> CheckRuns | None:
    if not request.check_run:
        return None
    from slo_action.github.api import GitHubApi  # noqa: PLC0415 - ADR 0002
    from slo_action.github.checks import GitHubCheckRuns, head_sha  # noqa: PLC0415 - ADR 0002

    return GitHubCheckRuns(
        lambda: GitHubApi(context.api_url, context.run.repository, request.token),
        head_sha(context.event_path, context.run.sha),
        stage.scrubber,
    )


def _mistake(title: str, mistake: Mistake) -> Annotation:
    return Annotation(
        level=Level.ERROR,
        title=title,
        message=str(mistake),
        path=mistake.path,
        line=mistake.line,
        column=mistake.column,
    )


def _show_line(log: Log, mistake: Mistake) -> None:
    """Print the line that is meant, with a caret under its column; it may hold anything."""
    if not mistake.source:
        return
    from slo_action.render.source import excerpt  # noqa: PLC0415 - only where something is wrong

    number = str(mistake.line)
    line, caret = excerpt(mistake.source, mistake.column or 1)
    log.line(f"{mistake.path}:{number}: {mistake.field}")
    log.line(f"  {number} | {line}")
    log.line(f"  {' ' * len(number)} | {caret}")


def _bug(error: Exception) -> Annotation:
    """The error's text may hold anything, so only its kind and place are told."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    place = "".join(f" at {Path(frame.filename).name}:{frame.lineno}" for frame in last)
    return Annotation(
        level=Level.ERROR,
        title="slo-verify broke: this is a bug",
        message=f"{type(error).__name__}{place}\nPlease report it with the log of this step.",
    )
