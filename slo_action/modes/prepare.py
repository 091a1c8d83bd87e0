"""`prepare`: check the rollback → observe the running release → publish. Changes nothing."""

from dataclasses import dataclass, replace
from fractions import Fraction

from slo_action.config.request import VerifyRequest
from slo_action.core.decision.decide import EXIT_NO_WAY_BACK
from slo_action.core.model import VersionRule
from slo_action.core.observation.stream_stats import StreamStats
from slo_action.core.observation.window import Window
from slo_action.core.release.baseline import (
    Baseline,
    Prepared,
    Proof,
    ProofState,
    StreamBaseline,
    WayBackState,
)
from slo_action.core.verdict.window_facts import endpoints, journeys
from slo_action.errors import Interrupted, PlatformError
from slo_action.modes.steps.observe_release import Run, begin, observed
from slo_action.modes.steps.rollback import NO_PLATFORM, keep_snapshots
from slo_action.ports import Certificate, Ports
from slo_action.render.summary.prepared import proof_lines

_P95 = Fraction(95, 100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """What a `prepare` run found, and its exit status. `window` is None without a baseline."""

    prepared: Prepared
    window: Window | None
    required: bool
    interrupted: str = ""

    @property
    def exit_code(self) -> int:
        """Zero, unless a safe rollback was required and there is none."""
        safe = self.prepared.way_back is WayBackState.SAFE
        return EXIT_NO_WAY_BACK if self.required and not safe else 0


def prepare(request: VerifyRequest, ports: Ports) -> Preparation:
    """Look at what runs before a deploy, and say whether a rollback to it is possible."""
    run = _begin(request, ports)
    certificate = _certify(run)
    keep_snapshots(run)
    window = observed(run) if request.baseline_seconds else None
    prepared = Prepared(
        service=request.service,
        app=request.app,
        platform=ports.platform.name,
        taken_at=ports.clock.now(),
        release=certificate.release,
        proofs=certificate.proofs,
        not_restored=certificate.not_restored,
        baseline=_baseline(run, window) if window else None,
        newest=certificate.newest,
        target=certificate.target,
        sealed=certificate.sealed,
    )
    for line in proof_lines(prepared):
        ports.log.line(line)
    return Preparation(
        prepared=prepared,
        window=window,
        required=request.require_way_back,
        interrupted=ports.interrupts.received,
    )


def _begin(request: VerifyRequest, ports: Ports) -> Run:
    """The expected version comes with the deploy: what runs now may be any, and is not starting."""
    run = begin(request, ports, "preparing a deploy of")
    length = request.baseline_seconds
    return replace(
        run,
        gate=replace(run.gate, grace_seconds=0.0, deadline_seconds=0.0),
        rule=VersionRule(),
        window=replace(run.window, length_seconds=length, minimum_seconds=length),
    )


def _certify(run: Run) -> Certificate:
    """A platform without machines cannot prove anything beforehand."""
    machines, platform = run.ports.machines, run.ports.platform
    state, reason = ProofState.UNKNOWN, "the run was stopped"
    if machines is not None:
        try:
            with run.ports.interrupts.raising():
                return machines.certify()
        except PlatformError as error:
            reason = error.description
        except Interrupted:
            pass
    elif platform.can_restore:
        reason = f"platform {platform.name} cannot check this in advance: "
        reason += "try its rollback in a drill"
    else:
        state, reason = ProofState.MISSING, NO_PLATFORM
    proof = Proof(name="platform", state=state, words=reason)
    return Certificate(release=None, proofs=(proof,))


def _baseline(run: Run, window: Window) -> Baseline:
    return Baseline(
        taken_at=run.ports.clock.now(),
        seconds=window.ended_seconds - window.begun_seconds,
        streams=tuple(map(_stream, (*endpoints(window), *journeys(window)))),
    )


def _stream(stats: StreamStats) -> StreamBaseline:
    p95 = stats.latency.percentile(_P95)
    return StreamBaseline(
        name=stats.stream.name,
        bad=stats.rate.bad,
        valid=stats.rate.valid,
        p95_ms=None if p95 is None else 1000 * p95,
    )
