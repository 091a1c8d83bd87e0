"""A rollback that a person asked for: what it is judged by, and how it ends."""

from dataclasses import replace

from slo_action.core.decision.decide import (
    EXIT_HEALTHY,
    Action,
    Decision,
    FailOn,
    WayBack,
    ending_of,
    exit_code_of,
    moved,
)
from slo_action.core.model import Cause, Ending, Release, Verdict
from slo_action.core.record.record import Rollback
from slo_action.core.verdict.judge import Judgement

ASKED = "asked"
"""The row of a run that judged nothing before it acted."""


def asked(by: str, target: Release | None) -> Decision:
    """Return the decision that a person has already made."""
    goal = target.version if target else "the platform's previous release"
    return Decision(
        action=Action.ROLL_BACK, why=f"{by} asked for a rollback to {goal}", target=target
    )


def recheck_manual(decision: Decision, *, before: WayBack, now: WayBack) -> Decision:
    """Return the decision, or stand down where the platform names something else by now.

    Which version answers does not matter: a person saw it, and asked all the same.
    """
    if now.problem:
        return replace(decision, action=Action.STAND_DOWN, why=now.problem)
    how = moved(before, now)
    if not how:
        return decision
    why = f"another deploy took over: {how}"
    return replace(decision, action=Action.STAND_DOWN, why=why, superseded=True)


def manual_judgement(rollback: Rollback | None, decision: Decision) -> Judgement:
    """Return the verdict on what was restored; inconclusive where nothing was verified."""
    verification = rollback.verification if rollback else None
    if verification is not None:
        return verification.judgement
    steps = rollback.steps if rollback else ()
    last = next((step for step in steps if not step.succeeded), None)
    reason = f"the rollback failed at {last.name}: {last.detail}" if last else decision.why
    if rollback and rollback.is_late:
        reason = f"the rollback is not finished: {steps[-1].detail}"
    return Judgement(verdict=Verdict.INCONCLUSIVE, cause=Cause.NONE, reason=reason, row=ASKED)


def manual_ending(rollback: Rollback | None) -> Ending:
    """Return how it ended; where nothing was begun, it was not rolled back."""
    verification = rollback.verification if rollback else None
    return ending_of(
        Verdict.UNHEALTHY,
        restored=rollback.restored if rollback else None,
        verified=verification.judgement.verdict if verification else None,
    )


def manual_exit_code(ending: Ending, *, rehearsed: bool) -> int:
    """Return the exit status: a rollback that was asked for and is verified well is a success.

    So is a rehearsal that came to its end: it was asked to change nothing (ADR 0013).
    """
    if ending is Ending.ROLLED_BACK_VERIFIED or (rehearsed and ending is Ending.NOT_ROLLED_BACK):
        return EXIT_HEALTHY
    return exit_code_of(ending, FailOn.INCONCLUSIVE)
