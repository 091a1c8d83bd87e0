"""The platform's machines as a table: which release each runs, and how well."""

from slo_action.core.gate.gate import Gate
from slo_action.core.model import Outcome
from slo_action.core.observation.streams import HEALTH
from slo_action.core.observation.window import Window
from slo_action.core.release.fleet import (
    CheckStatus,
    Fleet,
    Machine,
    exit_summary,
    fleet_summary,
    short_digest,
    state_counts,
)
from slo_action.render.text.escape import NAME_LIMIT, code, markdown, shortened
from slo_action.render.text.markdown import paragraphs, table

_MOST_ROWS = 60


def machines_section(fleet: Fleet, gate: Gate, window: Window | None) -> str:
    """Return the machines as Markdown. Those that do not serve users are only counted."""
    header = ("machine", "region", "runs", "state", "health probes", "platform checks", "exits")
    counted = fleet.counted
    rows = [_row(fleet, machine, gate, window) for machine in counted[:_MOST_ROWS]]
    more = len(counted) - _MOST_ROWS
    others = [machine for machine in fleet.machines if not machine.counts]
    return paragraphs(
        f"<b>{markdown(fleet_summary(fleet))}</b>{_release(fleet)}",
        table(header, rows),
        f"{more} more are in the audit record." if more > 0 else "",
        f"<sub>Not counted: {markdown(_others(others))}</sub>" if others else "",
    )


def _release(fleet: Fleet) -> str:
    if fleet.release is None:
        return ""
    digest = f", image {code(short_digest(fleet.release.digest))}" if fleet.release.digest else ""
    status = f", release status {code(fleet.status)}" if fleet.status else ""
    return f"; {code(fleet.release.version)}{digest}{status}"


def _row(fleet: Fleet, machine: Machine, gate: Gate, window: Window | None) -> tuple[str, ...]:
    return (
        code(machine.name),
        markdown(machine.region),
        _runs(fleet, machine),
        _state(machine),
        _probes(machine, gate, window),
        _checks(machine),
        markdown(exit_summary(machine)) if machine.exits else "none",
    )


def _runs(fleet: Fleet, machine: Machine) -> str:
    named = fleet.release.version if fleet.runs(machine) and fleet.release else machine.release
    image = f" ({code(short_digest(machine.digest))})" if machine.digest else ""
    mark = {True: "✅\u00a0", False: "❌\u00a0", None: ""}[fleet.runs(machine)]
    return f"{mark}{code(named or 'unknown')}{image}"


def _state(machine: Machine) -> str:
    stopped = " (stopped, starts on request)" if machine.is_resting else ""
    host = "" if machine.is_host_ok else " (host unreachable)"
    down = " ❌" if machine.is_down else ""
    return f"{markdown(machine.state)}{stopped}{host}{down}"


def _probes(machine: Machine, gate: Gate, window: Window | None) -> str:
    """Return what probes of this machine alone found: in the window, else in the gate."""
    stats = window.stream_stats.get(f"{HEALTH}@{machine.name}") if window else None
    if stats is not None and stats.rate.valid:
        mark = "❌" if stats.rate.breach else "✅" if not stats.rate.bad else "⚠️"
        return f"{mark}\u00a0{stats.rate.bad} of {stats.rate.valid} failed"
    samples = [s for o in gate.observations for s in o.samples if s.machine == machine.name]
    if not samples:
        return "not probed"
    last = samples[-1].outcome
    bad = sum(sample.outcome.is_bad for sample in samples)
    mark = "✅" if last.is_good else "❌"
    ended = "" if last is Outcome.OK else f"; last {code(last)}"
    return f"{mark}\u00a0{bad} of {len(samples)} failed{ended}"


def _checks(machine: Machine) -> str:
    if not machine.checks_expected and not machine.checks:
        return "none configured"
    passing = machine.checks_passing
    expected = max(machine.checks_expected, len(machine.checks))
    failing = next((c for c in machine.checks if c.status is not CheckStatus.PASSING), None)
    said = failing.output if failing else ""
    output = f": {markdown(shortened(said, NAME_LIMIT))}" if said else ""
    mark = "❌" if machine.is_critical else "✅" if passing == expected else "⚠️"
    return f"{mark}\u00a0{passing} of {expected} passing{output}"


def _others(machines: list[Machine]) -> str:
    kinds = {
        "cordoned": [m for m in machines if m.is_cordoned],
        "on standby": [m for m in machines if m.is_standby and not m.is_cordoned],
        "of groups without services": [
            m for m in machines if not (m.is_cordoned or m.is_standby or m.is_serving)
        ],
    }
    return ", ".join(
        f"{len(found)} {kind} ({state_counts(found)})" for kind, found in kinds.items() if found
    )
