"""Evidence beside the answers: platform state, pre-deploy baseline, machine restarts."""

from dataclasses import dataclass

from slo_action.core.gate.gate import Gate
from slo_action.core.model import Observation, Release, Sample, Verdict, Witness
from slo_action.core.observation.stream_stats import StreamStats
from slo_action.core.observation.window import Window, WindowEnd
from slo_action.core.release.baseline import Baseline
from slo_action.core.release.fleet import Fleet

_RECENT_ATTEMPTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartResult:
    """The verdict of gate and window after the restart of one machine."""

    machine: str
    verdict: Verdict
    reason: str

    @property
    def is_well(self) -> bool:
        """True where nothing else has to be done."""
        return self.verdict in (Verdict.HEALTHY, Verdict.DEGRADED)


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgementContext:
    """`released` is the platform's newest release when the run began, `fleet` its last state.

    Both are None where no platform reports them; `baseline` where `prepare` did not run;
    `remedied` where nothing was restarted. `before` is what ran when the deploy was prepared, and
    `newest_before` the newest release then; None and empty where that is unknown. `since` names
    what second zero was, for the reason.
    """

    released: Release | None = None
    fleet: Fleet | None = None
    baseline: Baseline | None = None
    remedied: RestartResult | None = None
    before: Release | None = None
    newest_before: str = ""
    since: str = "deploy"

    @property
    def superseded_by(self) -> str:
        """The release that came after the one that is judged; empty where none did."""
        newest = self.fleet.release if self.fleet else None
        if self.released is None or newest is None or newest.version == self.released.version:
            return ""
        return newest.version


EMPTY_CONTEXT = JudgementContext()


def public_failures(gate: Gate) -> tuple[Observation, ...]:
    """Return the last failed attempts in which machines were asked, too; at most three."""
    asked = [o for o in gate.attempts if any(sample.machine for sample in o.samples)]
    return tuple(o for o in asked[-_RECENT_ATTEMPTS:] if o.failures)


def unconfirmed(gate: Gate) -> tuple[Sample, ...]:
    """Return failures of machines in the last attempt that no check of the platform confirms."""
    if not gate.attempts:
        return ()
    last = gate.attempts[-1]
    well = {s.machine for s in last.samples if s.outcome.is_good}
    unconfirmed_machines = set(last.spared) - well
    return tuple(s for s in last.samples if s.machine in unconfirmed_machines and s.outcome.is_bad)


def fails_outside_only(gate: Gate) -> bool:
    """Return whether every machine answers well by itself, and the public address does not."""
    failures = public_failures(gate)
    return bool(failures) and all(
        _is_well(o, machines=True) and not _is_well(o, machines=False) for o in failures
    )


def _is_well(observation: Observation, *, machines: bool) -> bool:
    """Return whether what was asked, of machines or of the public address, is all well."""
    samples = (s for s in observation.samples if s.witness is not Witness.PLATFORM)
    asked = [s for s in samples if bool(s.machine) is machines]
    # A machine that was asked again at once and answered well is well; that no check of the
    # platform confirms its failures makes it no better.
    well = {s.machine for s in asked if s.machine and s.outcome.is_good}
    failed = (s.outcome.is_bad and s.machine not in well for s in asked)
    return any(s.outcome.is_good for s in asked) and not (
        any(failed) or any(s.outcome.is_neutral for s in asked)
    )


def single_failing_machine(gate: Gate, window: Window | None, fleet: Fleet | None) -> str:
    """Return the one machine that fails while others on the same release are well; else nothing.

    Only then can the restart of one machine avoid a rollback.
    """
    if fleet is None:
        return ""
    if window is None:
        found = _failing_in_gate(gate)
    else:  # a machine that users notice fails through the balancer, too, but not elsewhere
        failing_ones = [window.stream_stats[name] for name in window.failing_machines]
        found = [stats.stream.machine for stats in failing_ones]
        if any(_fails_as_a_whole(window, stats) for stats in failing_ones):
            return ""
    # a machine that does not run in the end may only need to be started
    found = found or [one.name for one in fleet.pending if one.is_down or one.is_lost]
    failing = found[0] if len(found) == 1 else ""
    machine = fleet.named(failing)
    others = [m for m in fleet.counted if m.is_asked and m.name != failing]
    alike = machine is not None and fleet.runs(machine) is not False
    return failing if alike and any(fleet.runs(m) is not False for m in others) else ""


def _fails_as_a_whole(window: Window, failing: StreamStats) -> bool:
    """Return whether the service fails, and not one machine: its failures are only shown first."""
    breach = failing.rate.breach
    others = (t for t in window.stream_stats.values() if t.stream.machine and t is not failing)
    return window.end is WindowEnd.OUTAGE or (
        breach is not None and any(t.last_bad >= breach.bad_since_seconds for t in others)
    )


def _failing_in_gate(gate: Gate) -> list[str]:
    """Only where nothing but machines failed in the last attempts; each of them counts."""
    failed = [s for o in public_failures(gate) for s in o.failures]
    if not failed or any(not sample.machine for sample in failed):
        return []
    return list(dict.fromkeys(sample.machine for sample in failed))
