"""Evidence to verdict: one ordered table of rows, the first that fits decides.

docs/verdicts.md prints this very table.
"""

from slo_action.core.gate.gate import Gate
from slo_action.core.model import (
    Cause,
    Verdict,
    VersionRule,
)
from slo_action.core.observation.window import Window
from slo_action.core.verdict.context import EMPTY_CONTEXT, JudgementContext
from slo_action.core.verdict.facts import Facts, Judgement, OnLateStart, Row
from slo_action.core.verdict.fleet_rows import (
    DEGRADED_FLEET_ROWS,
    FLEET_ROWS,
    LAST_FLEET_ROWS,
    UNSURE_FLEET_ROWS,
)
from slo_action.core.verdict.gate_rows import GATE_ROWS
from slo_action.core.verdict.triggers import fired
from slo_action.core.verdict.window_rows import CONVICTING_ROWS, DEGRADED_ROWS, UNSURE_ROWS

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
    *FLEET_ROWS,
    *CONVICTING_ROWS,
    *LAST_FLEET_ROWS,
    *UNSURE_ROWS,
    *UNSURE_FLEET_ROWS,
    *DEGRADED_ROWS,
    *DEGRADED_FLEET_ROWS,
    *GATE_ROWS,
)


def judge(
    gate: Gate,
    *,
    rule: VersionRule,
    on_late_start: OnLateStart,
    window: Window | None = None,
    recheck: Gate | None = None,
    known: JudgementContext = EMPTY_CONTEXT,
) -> Judgement:
    """Judge a gate and the window after it, ended or interrupted. Total: some row always fits.

    `window` is None where nothing was observed after the gate, or not yet. `recheck` is the last
    look before a rollback, None where there was none. `known` is the platform's word, and how it
    was before.
    """
    facts = Facts(
        gate=gate,
        rule=rule,
        on_late_start=on_late_start,
        end=gate.end,
        window=window,
        recheck=recheck,
        known=known,
        since=known.since,
    )
    row = next(row for row in TABLE if row.fits(facts))
    return Judgement(
        verdict=row.verdict,
        cause=row.cause,
        reason=row.reason(facts),
        row=row.name,
        triggers=fired(gate, facts.end, window) if row.verdict is Verdict.UNHEALTHY else (),
    )


def judge_restored(
    gate: Gate, window: Window | None, *, rule: VersionRule, known: JudgementContext
) -> Judgement:
    """Judge what a rollback restored, or a restart: by the gate, and by what is observed after it.

    `known` holds the release that was restored, the platform's last word, and what was done.
    """
    return judge(gate, rule=rule, on_late_start=OnLateStart.WARN, window=window, known=known)
