"""Evidence to verdict: one ordered table of rows, the first that fits decides.

docs/verdicts.md prints this very table.
"""

from slo_action.core.facts import Facts, Judgement, OnLateStart, Row
from slo_action.core.gate_rows import GATE_ROWS
from slo_action.core.model import (
    Cause,
    Verdict,
    VersionRule,
)
from slo_action.core.schedule import Gate
from slo_action.core.triggers import fired
from slo_action.core.window import Window
from slo_action.core.window_rows import WINDOW_ROWS

__all__ = ["TABLE", "Facts", "Judgement", "OnLateStart", "Row", "judge", "judge_restored"]


def _stopped(facts: Facts) -> bool:
    """A window may convict before the gate has ended; and without it, the gate's word stands."""
    if facts.window is None:
        return facts.end is None
    return facts.window.end is None


TABLE: tuple[Row, ...] = (
    Row(
        name="interrupted",
        when="the run was stopped before the gate or the observation window ended",
        fits=_stopped,
        verdict=Verdict.INCONCLUSIVE,
        cause=Cause.OBSERVER,
        reason=lambda _: "the run was stopped before it could decide",
    ),
    *WINDOW_ROWS,
    *GATE_ROWS,
)


def judge(
    gate: Gate,
    *,
    rule: VersionRule,
    on_late_start: OnLateStart,
    window: Window | None = None,
    recheck: Gate | None = None,
    since: str = "deploy",
) -> Judgement:
    """Judge a gate and the window after it, ended or interrupted. Total: some row always fits.

    `window` is None where nothing was observed after the gate, or not yet. `recheck` is the last
    look before a rollback, None where there was none. `since` names what second zero of the gate
    was, for the reason.
    """
    facts = Facts(
        gate=gate,
        rule=rule,
        on_late_start=on_late_start,
        end=gate.end,
        window=window,
        recheck=recheck,
        since=since,
    )
    row = next(row for row in TABLE if row.fits(facts))
    return Judgement(
        verdict=row.verdict,
        cause=row.cause,
        reason=row.reason(facts),
        row=row.name,
        triggers=fired(gate, facts.end, window) if row.verdict is Verdict.UNHEALTHY else (),
    )


def judge_restored(gate: Gate, window: Window | None, rule: VersionRule) -> Judgement:
    """Judge what a rollback restored: by the gate, and by what is observed after it."""
    return judge(gate, rule=rule, on_late_start=OnLateStart.WARN, window=window, since="rollback")
