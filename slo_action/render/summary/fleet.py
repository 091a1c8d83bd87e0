"""The platform's machines as a matrix: who runs what, and how well."""

from collections.abc import Sequence

from slo_action.core.gate.gate import Gate
from slo_action.core.model import Outcome, Sample
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
from slo_action.render.text.escape import code, markdown, shortened
from slo_action.render.text.markdown import table

_LIMIT = 120
_MOST_ROWS = 60


def machines_section(fleet: Fleet, gate: Gate, window: Window | None) -> str:
    """Return the matrix as Markdown. What does not serve users is only counted."""
    header = ("machine", "region", "runs", "state", "its own answers", "platform checks", "exits")
    counted = fleet.counted
    rows = [_row(fleet, machine, gate, window) for machine in counted[:_MOST_ROWS]]
    parts = [f"<b>{markdown(fleet_summary(fleet))}</b>{_ledger(fleet)}", table(header, rows)]
    if len(counted) > _MOST_ROWS:
        parts.append(f"{len(counted) - _MOST_ROWS} more are in the audit record.")
    others = [machine for machine in fleet.machines if not machine.counts]
    if others:
        parts.append(f"<sub>Not counted: {markdown(_others(others))}</sub>")
    return "\n\n".join(parts)


def _ledger(fleet: Fleet) -> str:
    if fleet.release is None:
        return ""
    digest = f", image {code(short_digest(fleet.release.digest))}" if fleet.release.digest else ""
    status = f" is {code(fleet.status)} in the ledger" if fleet.status else ""
    return f"; {code(fleet.release.version)}{digest}{status}"


def _row(fleet: Fleet, machine: Machine, gate: Gate, window: Window | None) -> tuple[str, ...]:
    return (
        code(machine.name),
        markdown(machine.region),
        _runs(fleet, machine),
        _state(machine),
        _answers(machine, gate, window),
        _checks(machine),
        markdown(exit_summary(machine)) if machine.exits else "none",
    )


def _runs(fleet: Fleet, machine: Machine) -> str:
    named = fleet.release.version if fleet.runs(machine) and fleet.release else machine.release
    told = code(named or "unknown")
    image = f" ({code(short_digest(machine.digest))})" if machine.digest else ""
    mark = {True: "✅\u00a0", False: "❌\u00a0", None: ""}[fleet.runs(machine)]
    return f"{mark}{told}{image}"


def _state(machine: Machine) -> str:
    rests = " (rests, starts when asked)" if machine.is_resting else ""
    host = "" if machine.is_host_ok else " (host unreachable)"
    dead = " ❌" if machine.is_dead else ""
    return f"{markdown(machine.state)}{rests}{host}{dead}"


def _answers(machine: Machine, gate: Gate, window: Window | None) -> str:
    """Return what our own probes of one machine found: in the window, else in the gate."""
    stats = window.stream_stats.get(f"{HEALTH}@{machine.name}") if window else None
    if stats is not None and stats.rate.valid:
        mark = "❌" if stats.rate.breach else "✅" if not stats.rate.bad else "⚠️"
        return f"{mark}\u00a0{stats.rate.bad} of {stats.rate.valid} failed"
    asked = [s for o in gate.observations for s in o.samples if s.machine == machine.name]
    return _of_gate(asked)


def _of_gate(samples: Sequence[Sample]) -> str:
    if not samples:
        return "not asked"
    bad = [sample for sample in samples if sample.outcome.is_bad]
    mark = "✅" if samples[-1].outcome.is_good else "❌"
    last = "" if samples[-1].outcome is Outcome.OK else f"; last {code(samples[-1].outcome)}"
    return f"{mark}\u00a0{len(bad)} of {len(samples)} failed{last}"


def _checks(machine: Machine) -> str:
    if not machine.checks_expected and not machine.checks:
        return "none configured"
    passing = machine.checks_passing
    expected = max(machine.checks_expected, len(machine.checks))
    failing = next((c for c in machine.checks if c.status is not CheckStatus.PASSING), None)
    told = f": {markdown(shortened(failing.output, _LIMIT))}" if failing and failing.output else ""
    mark = "❌" if machine.is_critical else "✅" if passing == expected else "⚠️"
    return f"{mark}\u00a0{passing} of {expected} passing{told}"


def _others(machines: Sequence[Machine]) -> str:
    kinds = {
        "cordoned": [m for m in machines if m.is_cordoned],
        "on standby": [m for m in machines if m.is_standby and not m.is_cordoned],
        "of groups without services": [
            m for m in machines if not (m.is_cordoned or m.is_standby or m.is_serving)
        ],
    }
    told = [
        f"{len(found)} {kind} ({state_counts(found)})" for kind, found in kinds.items() if found
    ]
    return ", ".join(told)
