"""A rollback's plan, machine by machine: as lines for a log, and as Markdown for a summary."""

from slo_action.core.release.rollback_plan import MachineAction, MachineStep, RollbackPlan
from slo_action.render.text.escape import DETAIL_LIMIT, code, markdown, shortened
from slo_action.render.text.markdown import bullets, paragraphs, table

_ACTIONS = {
    MachineAction.UPDATE: "restore",
    MachineAction.START: "start",
    MachineAction.CORDON: "cordon",
    MachineAction.LEAVE: "keep",
}


def plan_lines(plan: RollbackPlan) -> tuple[str, ...]:
    """Return the plan as lines of text. They quote the platform: untrusted."""
    head = f"to {_target(plan)}: {_changed(plan)}"
    lines = [head]
    for step in plan.steps:
        changes = f"; changes {', '.join(step.changes)}" if step.changes else ""
        same = step.before == step.after
        action = f"{_action(step)} ({step.before if same else f'{step.before} → {step.after}'})"
        lines.append(f"{step.region} {step.machine}: {action}: {step.why}{changes}")
    return (*lines, *(f"not restored: {words}" for words in plan.not_restored))


def _target(plan: RollbackPlan) -> str:
    remark = f" ({plan.target.remark})" if plan.target.remark else ""
    return f"{plan.target.version}{remark}"


def _changed(plan: RollbackPlan) -> str:
    return f"changes {len(plan.mutating)} of {len(plan.steps)} machines"


def _action(step: MachineStep) -> str:
    return f"{_ACTIONS[step.step]}{', stays stopped' if step.stays_stopped else ''}"


def plan_section(plan: RollbackPlan) -> str:
    """Return the plan as Markdown: a table of machines, and what no rollback brings back."""
    head = f"To {code(_target(plan))}: {_changed(plan)}."
    header = ("machine", "region", "step", "from", "to", "changes", "why")
    rows = [
        (
            code(step.machine),
            markdown(step.region),
            markdown(_action(step)),
            code(step.before),
            code(step.after),
            ", ".join(code(shortened(change, DETAIL_LIMIT)) for change in step.changes)
            or "nothing",
            markdown(shortened(step.why, DETAIL_LIMIT)),
        )
        for step in plan.steps
    ]
    lost = (markdown(shortened(words, DETAIL_LIMIT)) for words in plan.not_restored)
    return paragraphs(head, table(header, rows), bullets(lost, "Not restored:"))
