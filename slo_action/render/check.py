"""What `check` found, as annotations on their lines, lines of the log, and Markdown."""

from collections.abc import Sequence

from slo_action.core.model import Annotation, Level, RunIdentity
from slo_action.core.rules import Finding
from slo_action.render.escape import code, markdown, shortened
from slo_action.render.tables import table

_LIMIT = 400
_MOST_ROWS = 100
_MARKS = {Level.NOTICE: "ℹ️", Level.WARNING: "⚠️", Level.ERROR: "❌"}  # noqa: RUF001 - an emoji


def check_annotations(found: Sequence[Finding]) -> tuple[Annotation, ...]:
    """Return one message beside each line. They quote the file: untrusted."""
    return tuple(
        Annotation(
            level=finding.rule.level,
            title=finding.rule.title,
            message=_message(finding),
            path=finding.path,
            line=finding.place.line,
            column=finding.place.column,
        )
        for finding in found
    )


def _message(finding: Finding) -> str:
    rule = finding.rule
    said = f"{shortened(finding.words, _LIMIT)}: {rule.why}."
    return f"{said}\nInstead: {rule.fix}.\nRule {rule.name}: {rule.page}"


def check_lines(path: str, found: Sequence[Finding]) -> tuple[str, ...]:
    """Return the count and what was found, a line each. They quote the file: untrusted."""
    told = (
        f"{finding.path}:{finding.place.line}: {finding.rule.level}: {finding.rule.name}: "
        f"{shortened(finding.words, _LIMIT)}"
        for finding in found
    )
    return (f"{path}: {counted(found)}", *told)


def counted(found: Sequence[Finding]) -> str:
    """Return how much of each level was found, the worst first."""
    counts = [
        (sum(finding.rule.level is level for finding in found), level) for level in reversed(Level)
    ]
    words = [f"{n} {level}{'' if n == 1 else 's'}" for n, level in counts if n]
    return ", ".join(words) or "nothing to remark"


def check_summary(path: str, found: Sequence[Finding], run: RunIdentity) -> str:
    """Return the job summary of a `check` run as Markdown."""
    worst = next((level for level in reversed(Level) if level in _levels(found)), None)
    mark = _MARKS[worst] if worst else "✅"
    parts = [
        f"## {mark} {markdown(shortened(path, _LIMIT))}: {counted(found)}",
        _rows(found),
        f"<sub>check sends nothing and changes nothing{_where(run)}</sub>",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _levels(found: Sequence[Finding]) -> set[Level]:
    return {finding.rule.level for finding in found}


def _rows(found: Sequence[Finding]) -> str:
    if not found:
        return ""
    rows = [
        (
            str(finding.place.line),
            f"{_MARKS[finding.rule.level]}\u00a0{code(finding.rule.name)}",
            f"{markdown(shortened(finding.words, _LIMIT))}: {markdown(finding.rule.why)}",
            markdown(finding.rule.fix),
        )
        for finding in found[:_MOST_ROWS]
    ]
    rest = len(found) - len(rows)
    more = f"\n\n{rest} more are in the log." if rest else ""
    return table(("line", "rule", "why", "instead"), rows) + more


def _where(run: RunIdentity) -> str:
    return f" · run {code(run.run_id)}" if run.run_id else ""
