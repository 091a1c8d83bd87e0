"""What a run works with: its request, and the adapters that carry it out."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_hex
from types import MappingProxyType

from slo_action.config.request import RunEnvironment, VerifyRequest
from slo_action.config.text.url import is_link_local
from slo_action.core.model import Annotation, Level, Mode, RunIdentity
from slo_action.core.record.record import file_name
from slo_action.core.release.baseline import Prepared
from slo_action.core.text.quoting import printable
from slo_action.core.text.secrets import Secret
from slo_action.errors import InputError, Mistake
from slo_action.evidence.directory import EvidenceDirectory, open_evidence
from slo_action.github.context import RunnerContext
from slo_action.history.directory import HistoryDirectory
from slo_action.on_demand import on_demand
from slo_action.platforms import PLATFORMS, PlatformContext
from slo_action.ports import Log, MetricSource, Outputs, Ports
from slo_action.probing.prober import HttpProber
from slo_action.probing.transport import FreshTransport
from slo_action.probing.trust import (
    CertificateError,
    OnceContext,
    context_of,
    has_certificates,
    system_trust,
)
from slo_action.runtime import Runtime, mask


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One call of the action, or of the command line: what was given, and where results go.

    `workspace` is where evidence goes. `context` is what the runner gave; None on a laptop.
    """

    runtime: Runtime
    given: Mapping[str, str]
    environment: RunEnvironment
    outputs: Outputs
    workspace: Path
    context: RunnerContext | None = None


def open_ports(
    step: Invocation, request: VerifyRequest, *, inside: str = ""
) -> tuple[VerifyRequest, Ports]:
    """Open what a run needs; return it with the request, completed from the workspace.

    `inside` is the directory of several services' evidence, empty for a run of one; what `prepare`
    left for one of several is in its request already. Raises WorkspaceError where evidence cannot
    be written.
    """
    runtime, workspace = step.runtime, evidence_workspace(step)
    mask(runtime.log, *(secret.reveal() for secret in request.secrets))
    history = HistoryDirectory(workspace, request.history) if request.history else None
    if not inside:
        request = replace(request, prepared=prepared_for(request, workspace, runtime.log))
    platform = PLATFORMS[request.platform](
        request,
        PlatformContext(
            environment=runtime.environ,
            workspace=workspace,
            clock=runtime.clock,
            scrubber=runtime.scrubber,
            prepared=request.prepared,
            past=history.verdicts(request.service) if history else (),
        ),
    )
    _must_have_usable_certificates(request)
    prober = open_prober(
        runtime,
        allow_link_local=request.allow_link_local,
        secrets=request.journey_secrets,
    )
    name = evidence_name(run_name(request), request.run)
    ports = Ports(
        clock=runtime.clock,
        prober=prober,
        pool=prober,
        metrics=_metrics(runtime, request),
        platform=platform.platform,
        machines=platform.machines,
        history=history,
        log=runtime.log,
        evidence=open_run_evidence(step, name, inside=inside),
        outputs=step.outputs,
        interrupts=runtime.interrupts,
    )
    return request, ports


def evidence_workspace(step: Invocation) -> Path:
    """Return where evidence goes; a runner has made it, on a laptop it is made now."""
    if step.context is None:
        step.workspace.mkdir(parents=True, exist_ok=True)
    return step.workspace


def open_run_evidence(step: Invocation, name: str, *, inside: str = "") -> EvidenceDirectory:
    """Open the directory of that name for evidence. Raises WorkspaceError."""
    runtime = step.runtime

    def warn(why: str) -> None:
        title = "The evidence is in another directory"
        runtime.log.annotate([Annotation(level=Level.WARNING, title=title, message=why)])

    workspace = evidence_workspace(step)
    return open_evidence(workspace, name, runtime.scrubber, runtime.clock, inside=inside, warn=warn)


def evidence_name(name: str, run: RunIdentity) -> str:
    """Return the name of the evidence's directory in this attempt of the run."""
    return f"{file_name(name)}-{run.run_attempt or '1'}"


def run_name(request: VerifyRequest) -> str:
    """Return the run's name: a job may prepare and verify."""
    return request.service if request.mode is Mode.VERIFY else f"{request.service}-{request.mode}"


def prepared_for(request: VerifyRequest, workspace: Path, log: Log) -> Prepared | None:
    """Return what a `prepare` run left for this one; None where there is nothing."""
    if request.mode is Mode.PREPARE or not (workspace / "slo-verify").is_dir():
        return None
    found: Prepared | None = on_demand("prepared")(
        workspace,
        service=request.service,
        app=request.app,
        deployed_at=request.deployed_at,
        warn=log.line,
    )
    return found


def open_prober(
    runtime: Runtime,
    *,
    allow_link_local: bool,
    secrets: Mapping[str, Secret] = MappingProxyType({}),
) -> HttpProber:
    """Return what asks running services; `secrets` are what journeys may use."""
    return HttpProber(
        runtime.clock,
        nonces=lambda: token_hex(8),
        transport=FreshTransport(
            OnceContext(system_trust), refuses=None if allow_link_local else is_link_local
        ),
        redact=runtime.scrubber.scrub,
        secrets=secrets,
    )


def _must_have_usable_certificates(request: VerifyRequest) -> None:
    """Raise InputError for those that no probe could be sent with."""
    try:
        for options in filter(has_certificates, request.asked.values()):
            context_of(options)
    except CertificateError as error:
        accepted = "give PEM text: a certificate and the key that belongs to it, without a password"
        mistake = Mistake(error.option, f"cannot be used: {error}", accepted)
        raise InputError((mistake,)) from error


def _metrics(runtime: Runtime, request: VerifyRequest) -> MetricSource | None:
    """Open the metric source. Raises InputError where its queries cannot be used."""
    if request.metrics is None:
        return None
    try:
        source: MetricSource = on_demand("prometheus")(
            request.metrics, clock=runtime.clock, scrubber=runtime.scrubber
        )
    except ValueError as error:
        mistake = Mistake(
            field="prometheus-*", problem="cannot be asked", accepted=printable(str(error))
        )
        raise InputError((mistake,)) from error
    return source
