"""The job summary: one screen a reviewer trusts, with the audit record folded below it."""

import json
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any

from slo_action.core.gate.gate import Gate
from slo_action.core.model import (
    Observation,
    ObservationKind,
    ObservationResult,
    Phases,
    RollbackStep,
    Sample,
    Witness,
)
from slo_action.core.observation.window import Window
from slo_action.core.record.record import AuditRecord, all_observations
from slo_action.core.verdict.judge import judge
from slo_action.render.endings import headline, next_steps, reason
from slo_action.render.plan import plan_section
from slo_action.render.summary.counterfactual import otherwise
from slo_action.render.summary.fleet import machines_section
from slo_action.render.summary.real_traffic import traffic_section
from slo_action.render.summary.streams import percentile_words
from slo_action.render.summary.window import window_section
from slo_action.render.text.escape import code, fence, markdown, shortened
from slo_action.render.text.markdown import folded, table

LIMIT_BYTES = 700 * 1024
_DETAIL_LIMIT = 300
_LONG_DETAIL = 4 * _DETAIL_LIMIT
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


def summary(
    record: AuditRecord,
    audit: dict[str, Any],
    evidence_url: str = "",
    *,
    limit_bytes: int = LIMIT_BYTES,
) -> str:
    """Return the summary as Markdown of at most 700 KiB; what was cut is said.

    `audit` is the record as JSON data, empty to leave it out; `evidence_url` the uploaded
    artifact's page, empty where nothing was uploaded (yet). Below some 100 KiB, a limit may be
    exceeded by a record whose every text is long.
    """
    sections = [*_sections(record, evidence_url), _audit(audit)]
    text = _joined(sections)
    if len(text.encode()) > limit_bytes:
        text = _joined([*sections[:-1], _CUT])
    if len(text.encode()) > limit_bytes:
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
        _machines,
        _remedy,
        _window,
        _otherwise,
        _traffic,
        _attempts,
        _slowest,
        _plan,
        _rollback,
        _before,
        _policy,
    )
    return [*(part(record) for part in parts), _footer(record, evidence_url)]


def _headline(record: AuditRecord) -> str:
    title = shortened(headline(record), _LONG_DETAIL)
    told = shortened(reason(record), _LONG_DETAIL)
    return f"## {markdown(title)}\n\n**Why:** {markdown(told)}."


def _short(text: str) -> str:
    return code(shortened(text, _DETAIL_LIMIT))


def _facts(record: AuditRecord) -> str:
    why = shortened(record.decision.why, _LONG_DETAIL)
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


def _machines(record: AuditRecord) -> str:
    if record.fleet is None:
        return f"### Machines\n\nNot seen: {markdown(record.unseen)}." if record.unseen else ""
    section = machines_section(record.fleet, record.gate, record.window)
    wake = ""
    if record.wake is not None:
        took, told = record.wake.total_seconds, shortened(record.wake.detail, _DETAIL_LIMIT)
        wake = f"\n\nThe first request woke a machine: {took:.1f} s, not judged; {markdown(told)}."
    return f"### Machines\n\n{section}{wake}"


def _remedy(record: AuditRecord) -> str:
    remedy = record.remedy
    if remedy is None:
        return ""
    parts = ["### Restart of one machine", _step(remedy.step)]
    if remedy.verification is not None:
        told = shortened(remedy.verification.judgement.reason, _LONG_DETAIL)
        verdict = code(remedy.verification.judgement.verdict)
        parts.append(f"Afterwards, by the same gate: {verdict}, {markdown(told)}.")
    return "\n\n".join(parts)


def _plan(record: AuditRecord) -> str:
    if record.plan is None:
        return ""
    done = "" if record.rollback else ", not carried out"
    return f"### Plan of the rollback{done}\n\n{plan_section(record.plan)}"


def _before(record: AuditRecord) -> str:
    """Response times before the deploy, of what was judged, and of what was restored."""
    baseline = record.prepared.baseline if record.prepared else None
    if baseline is None:
        return ""
    verification = record.rollback.verification if record.rollback else None
    restored = verification.window if verification else None
    rows = [
        (
            code(stream.name),
            _share_cell(stream.bad, stream.valid),
            "" if stream.p95_ms is None else f"{stream.p95_ms:.0f}\u00a0ms",
            *_cells(record.window, stream.name),
            *_cells(restored, stream.name),
        )
        for stream in baseline.streams
    ]
    header = ("stream", "before", "p95", "this deploy", "p95", "restored", "p95")
    return f"### Beside what was before the deploy\n\n{table(header, rows)}"


def _share_cell(bad: int, valid: int) -> str:
    return f"{bad} of {valid} failed" if valid else "not asked"


def _cells(window: Window | None, name: str) -> tuple[str, str]:
    stats = window.stream_stats.get(name) if window else None
    if stats is None:
        return "", ""
    shown = percentile_words(stats.latency, Fraction(95, 100))
    return _share_cell(stats.rate.bad, stats.rate.valid), shown


def _window(record: AuditRecord) -> str:
    if record.window is None:
        return ""
    parts = ["### Observation window", _provisional(record), window_section(record.window)]
    return "\n\n".join(part for part in parts if part)


def _provisional(record: AuditRecord) -> str:
    """Tell what the gate alone had said, where it had passed."""
    if not record.gate.has_streak:
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
    samples = [
        sample
        for observation in all_observations(record)
        for sample in observation.samples
        if sample.witness is not Witness.PLATFORM
    ]
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


def _step(step: RollbackStep) -> str:
    mark = "✅" if step.succeeded else "❌"
    took = f"{step.duration_seconds:.1f} s"
    told = f"{mark} {code(step.name)} in {took}: {markdown(shortened(step.detail, _LONG_DETAIL))}"
    lines = step.output.splitlines()[-_OUTPUT_LINES:]
    return "\n\n".join([told, folded("its output", fence("\n".join(lines)))]) if lines else told


def _rollback(record: AuditRecord) -> str:
    if record.rollback is None:
        return ""
    parts = ["### Rollback"]
    parts += [_step(step) for step in record.rollback.steps]
    verification = record.rollback.verification
    if verification is None:
        parts.append("The restored release was not verified.")
    else:
        told = markdown(shortened(verification.judgement.reason, _LONG_DETAIL))
        parts.append(f"Verified by the same gate: {code(verification.judgement.verdict)}, {told}.")
        parts += [_strip(verification.gate), _attempts_table(verification.gate)]
        if verification.fleet:
            parts.append(
                machines_section(verification.fleet, verification.gate, verification.window)
            )
        if verification.window:
            parts.append("Then it was observed:")
            parts.append(window_section(verification.window, since="rollback", charted=False))
    return "\n\n".join(parts)


def _policy(record: AuditRecord) -> str:
    missing = [f"- {markdown(name)}" for name in record.unconsulted]
    words = [f"- {markdown(sentence)}" for sentence in record.policy.sentences()]
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
