"""The job summary: one screen a reviewer trusts, with the audit record folded below it."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from slo_action.core.judge import judge
from slo_action.core.model import Observation, ObservationKind, ObservationResult, Phases, Sample
from slo_action.core.record import AuditRecord, all_observations
from slo_action.core.schedule import Gate, GateEnd
from slo_action.render.endings import headline, next_steps, reason
from slo_action.render.escape import code, fence, markdown, shortened
from slo_action.render.otherwise import otherwise
from slo_action.render.tables import folded, table
from slo_action.render.traffic import traffic_section
from slo_action.render.window import window_section

LIMIT_BYTES = 700 * 1024
_DETAIL_LIMIT = 300
_OUTPUT_LINES = 60
_BAR_WIDTH = 24

_STRIP = {
    ObservationResult.PASSED: "🟩",
    ObservationResult.FAILED: "🟥",
    ObservationResult.NEUTRAL: "⬜",
}
_RESULTS = {
    ObservationResult.PASSED: "✅\u00a0passed",
    ObservationResult.FAILED: "❌\u00a0failed",
    ObservationResult.NEUTRAL: "⚪ says nothing",
}
_KINDS = {
    ObservationKind.ATTEMPT: "attempt",
    ObservationKind.WARMUP: "in grace, not counted",
    ObservationKind.PEEK: "peek",
}


def summary(record: AuditRecord, audit: dict[str, Any], evidence_url: str = "") -> str:
    """Return the summary as Markdown of at most 700 KiB; what was cut is said.

    `audit` is the record as JSON data, empty to leave it out; `evidence_url` the uploaded
    artifact's page, empty where nothing was uploaded (yet).
    """
    sections = [*_sections(record, evidence_url), _audit(audit)]
    text = _joined(sections)
    if len(text.encode()) > LIMIT_BYTES:
        text = _joined([*sections[:-1], _CUT])
    if len(text.encode()) > LIMIT_BYTES:
        text = _joined([*_sections(record, evidence_url)[:3], _CUT])
    return text


_CUT = "*Cut to stay within the summary's limit: the rest is in the evidence (`audit.json`).*"


def _joined(sections: Iterable[str]) -> str:
    return "\n\n".join(section for section in sections if section) + "\n"


def _sections(record: AuditRecord, evidence_url: str) -> list[str]:
    parts: tuple[Callable[[AuditRecord], str], ...] = (
        _headline,
        _facts,
        _next,
        _window,
        _otherwise,
        _traffic,
        _attempts,
        _slowest,
        _rollback,
        _policy,
    )
    return [*(part(record) for part in parts), _footer(record, evidence_url)]


def _headline(record: AuditRecord) -> str:
    title = shortened(headline(record), 4 * _DETAIL_LIMIT)
    told = shortened(reason(record), 4 * _DETAIL_LIMIT)
    return f"## {markdown(title)}\n\n**Why:** {markdown(told)}."


def _short(text: str) -> str:
    return code(shortened(text, _DETAIL_LIMIT))


def _facts(record: AuditRecord) -> str:
    why = shortened(record.decision.why, 4 * _DETAIL_LIMIT)
    rows = [
        ("Verdict", f"{code(record.judgement.verdict)}, cause {code(record.judgement.cause)}"),
        ("Service", f"{_short(record.service)} at {_short(record.url)}"),
        ("Live version", _short(record.live_version) if record.live_version else "not told"),
        ("Triggers", ", ".join(map(code, record.judgement.triggers)) or "none"),
        ("Decision", f"{code(record.decision.action)}: {markdown(why)}"),
        ("Deployment", f"{_short(record.deployment_id)}, approved by {_short(record.approver)}"),
    ]
    return table(rows[0], rows[1:])


def _next(record: AuditRecord) -> str:
    steps = next_steps(record)
    if not steps:
        return ""
    return "### What next\n\n" + "\n".join(f"- {markdown(step)}" for step in steps)


def _window(record: AuditRecord) -> str:
    if record.window is None:
        return ""
    parts = ["### Observation window", _provisional(record), window_section(record.window)]
    return "\n\n".join(part for part in parts if part)


def _provisional(record: AuditRecord) -> str:
    """Tell what the gate alone had said, where it had passed."""
    if record.gate.end not in (GateEnd.MET, GateEnd.LATE):
        return ""
    policy = record.policy
    alone = judge(record.gate, rule=policy.rule, on_late_start=policy.on_late_start)
    met = record.gate.observations[-1].ended_seconds
    return f"The health gate alone said {code(alone.verdict)} at {met:.1f} s, for the time being."


def _otherwise(record: AuditRecord) -> str:
    lines = "\n".join(f"- {line}" for line in otherwise(record))
    if not lines:
        return ""
    how = "<sub>Computed from this run's counts; an answer stands for one planned probe.</sub>"
    return f"### What would have changed the verdict\n\n{lines}\n\n{how}"


def _traffic(record: AuditRecord) -> str:
    return traffic_section(record.window) if record.window else ""


def _attempts(record: AuditRecord) -> str:
    return f"### Attempts\n\n{_strip(record.gate)}\n\n{_attempts_table(record.gate)}"


def _strip(gate: Gate) -> str:
    """Every observation in time order; peeks too, so a flapping service can be seen."""
    strip = "".join(_STRIP[o.result] for o in gate.observations)
    peeks = sum(1 for o in gate.observations if o.kind is ObservationKind.PEEK)
    attempts = len(gate.observations) - peeks
    return f"{strip}\n\n<sub>{attempts} attempts and {peeks} peeks, in the order of time</sub>"


def _attempts_table(gate: Gate) -> str:
    shown = [o for o in gate.observations if o.kind is not ObservationKind.PEEK]
    return table(("at", "look", "result", "answer", "took", "version"), map(_attempt_row, shown))


def _attempt_row(observation: Observation) -> tuple[str, ...]:
    sample = observation.deciding
    return (
        f"{observation.started_seconds:.1f}\u00a0s",
        _KINDS[observation.kind],
        _RESULTS[observation.result],
        f"{code(sample.outcome)} {code(shortened(sample.detail, _DETAIL_LIMIT))}",
        f"{sample.total_seconds * 1000:.0f}\u00a0ms",
        code(observation.version) if observation.version else "",
    )


def _slowest(record: AuditRecord) -> str:
    samples = [s for o in all_observations(record) for s in o.samples]
    if not samples:
        return ""
    slowest = max(samples, key=lambda sample: sample.total_seconds)
    of = " of the gate" if record.window else ""
    heading = f"### Slowest answer{of}: {slowest.total_seconds * 1000:.0f} ms"
    return f"{heading}\n\n{code(slowest.url)}\n\n{_phases(slowest)}{_notes(samples)}"


def _phases(sample: Sample) -> str:
    phases = [
        (name.removesuffix("_seconds"), getattr(sample.phases, name))
        for name in Phases.__dataclass_fields__
    ]
    rows = [
        (name, f"{seconds * 1000:.1f} ms", f"`{_bar(seconds, sample.total_seconds)}`")
        for name, seconds in phases
        if seconds is not None
    ]
    return table(("phase", "took", "share"), rows) if rows else "It was never answered."


def _bar(seconds: float, total: float) -> str:
    share = min(1.0, seconds / total) if total > 0 else 0.0
    filled = round(_BAR_WIDTH * share)
    return "█" * filled + "·" * (_BAR_WIDTH - filled)


def _notes(samples: list[Sample]) -> str:
    notes = dict.fromkeys(note for sample in samples for note in sample.notes)
    shown = [shortened(note, _DETAIL_LIMIT) for note in list(notes)[:10]]
    return "".join(f"\n\n> [!NOTE]\n> {markdown(note)}" for note in shown)


def _rollback(record: AuditRecord) -> str:
    if record.rollback is None:
        return ""
    parts = ["### Rollback"]
    for step in record.rollback.steps:
        mark = "✅" if step.succeeded else "❌"
        took = f"{step.duration_seconds:.1f} s"
        parts.append(f"{mark} {code(step.name)} in {took}: {markdown(step.detail)}")
        lines = step.output.splitlines()[-_OUTPUT_LINES:]
        if lines:
            parts.append(folded("its output", fence("\n".join(lines))))
    verification = record.rollback.verification
    if verification is None:
        parts.append("The restored release was not verified.")
    else:
        told = markdown(shortened(verification.judgement.reason, 4 * _DETAIL_LIMIT))
        parts.append(f"Verified by the same gate: {code(verification.judgement.verdict)}, {told}.")
        parts += [_strip(verification.gate), _attempts_table(verification.gate)]
        if verification.window:
            parts.append("Then it was observed:")
            parts.append(window_section(verification.window, since="rollback", charted=False))
    return "\n\n".join(parts)


def _policy(record: AuditRecord) -> str:
    missing = [f"- {markdown(name)}" for name in record.unconsulted]
    words = [f"- {markdown(sentence)}" for sentence in record.policy.in_words()]
    listed = "\n".join([*words, "", "Not consulted:", "", *missing])
    return folded("Policy, and what this run could not consult", listed)


def _footer(record: AuditRecord, evidence_url: str) -> str:
    evidence = f"[Evidence]({evidence_url}) · " if evidence_url else ""
    stopped = f"stopped by {code(record.interrupted)} · " if record.interrupted else ""
    return f"<sub>{stopped}{evidence}slo-verify {record.tool_version}</sub>"


def _audit(audit: dict[str, Any]) -> str:
    if not audit:
        return ""
    return folded("Audit record (JSON)", fence(json.dumps(audit, indent=2), "json"))
