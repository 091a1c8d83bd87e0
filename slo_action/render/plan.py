"""A rollback's plan, machine by machine: as lines for a log, and as Markdown for a summary."""

from slo_action.core.release.rollback_plan import MachineStep, RollbackPlan, Step
from slo_action.render.text.escape import code, markdown, shortened
from slo_action.render.text.markdown import table

_LIMIT = 300
_DOES = {
    Step.UPDATE: "restore",
    Step.START: "start",
    Step.CORDON: "take out of the traffic",
    Step.LEAVE: "leave alone",
}


def plan_lines(plan: RollbackPlan) -> tuple[str, ...]:
    """Return the plan as lines of text. They quote the platform: untrusted."""
    head = f"to {_target(plan)}, by the {plan.engine} engine, {_sum(plan)}"
    steps = tuple(_line(step) for step in plan.steps)
    return (head, *steps, *(f"not restored: {words}" for words in plan.not_restored))


def _target(plan: RollbackPlan) -> str:
    remark = f" ({plan.target.remark})" if plan.target.remark else ""
    return f"{plan.target.version}{remark}"


def _sum(plan: RollbackPlan) -> str:
    count = len(plan.mutating)
    return f"{count} of {len(plan.steps)} machines are changed"


def _line(step: MachineStep) -> str:
    changes = f"; changes {', '.join(step.changes)}" if step.changes else ""
    return (
        f"{step.region} {step.machine}: {_does(step)} ({step.before} → {step.after}): "
        f"{step.why}{changes}"
    )


def _does(step: MachineStep) -> str:
    return f"{_DOES[step.step]}{', stays stopped' if step.stays_stopped else ''}"


def plan_section(plan: RollbackPlan) -> str:
    """Return the plan as Markdown: a table of machines, and what no rollback brings back."""
    head = f"To {code(_target(plan))}, by the {code(plan.engine)} engine: {_sum(plan)}."
    header = ("machine", "region", "what", "from", "to", "changes", "why")
    rows = [
        (
            code(step.machine),
            markdown(step.region),
            markdown(_does(step)),
            code(step.before),
            code(step.after),
            ", ".join(code(shortened(change, _LIMIT)) for change in step.changes) or "nothing",
            markdown(shortened(step.why, _LIMIT)),
        )
        for step in plan.steps
    ]
    lost = [f"- {markdown(shortened(words, _LIMIT))}" for words in plan.not_restored]
    parts = [head, table(header, rows)]
    if lost:
        parts.append("\n".join(["Not restored:", "", *lost]))
    return "\n\n".join(parts)
