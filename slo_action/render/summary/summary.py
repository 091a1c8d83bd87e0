"""The job summary: one screen a reviewer trusts, with the audit record folded below it."""

import json
from collections.abc import Callable
from dataclasses import asdict
from fractions import Fraction
from typing import Any

from slo_action.core.decision.decide import Action
from slo_action.core.gate.gate import Gate
from slo_action.core.model import (
    Mode,
    Observation,
    ObservationKind,
    ObservationResult,
    RollbackStep,
    Sample,
    Witness,
)
from slo_action.core.observation.window import Window
from slo_action.core.record.record import AuditRecord, Verification
from slo_action.core.text.quantities import milliseconds_words
from slo_action.render.endings import headline, next_steps, reason
from slo_action.render.plan import plan_section
from slo_action.render.summary.counterfactual import counterfactuals
from slo_action.render.summary.fleet import machines_section
from slo_action.render.summary.window import percentile_words, traffic_section, window_section
from slo_action.render.text.escape import DETAIL_LIMIT, code, fence, markdown, shortened
from slo_action.render.text.markdown import bullets, folded, paragraphs, table, unbroken

LIMIT_BYTES = 700 * 1024
_LONG_DETAIL = 4 * DETAIL_LIMIT
_OUTPUT_LINES = 60
_BAR_WIDTH = 24

_SQUARES = {
    ObservationResult.PASSED: "🟩",
    ObservationResult.FAILED: "🟥",
    ObservationResult.NEUTRAL: "⬜",
}
_RESULTS = {
    ObservationResult.PASSED: "✅\u00a0passed",
    ObservationResult.FAILED: "❌\u00a0failed",
    ObservationResult.NEUTRAL: "⚪ neutral",
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
    sections = [*(part(record) for part in _SECTIONS), _footer(record, evidence_url)]
    folded_audit = folded("Audit record (JSON)", fence(json.dumps(audit, indent=2), "json"))
    for shown in ([*sections, folded_audit if audit else ""], [*sections, _CUT]):
        text = f"{paragraphs(*shown)}\n"
        if len(text.encode()) <= limit_bytes:
            return text
    return f"{paragraphs(*sections[:3], _CUT)}\n"


_CUT = "*Cut to stay within the summary's limit: the rest is in the evidence (`audit.json`).*"


def _headline(record: AuditRecord) -> str:
    return f"## {_long(headline(record))}\n\n**Why:** {_long(reason(record))}."


def _long(text: str) -> str:
    return markdown(shortened(text, _LONG_DETAIL))


def _short(text: str) -> str:
    return code(shortened(text, DETAIL_LIMIT))


def _facts(record: AuditRecord) -> str:
    rows = [
        ("Verdict", f"{code(record.judgement.verdict)}, cause {code(record.judgement.cause)}"),
        ("Service", f"{_short(record.service)} at {_short(record.url)}"),
        ("Live version", _short(record.live_version) if record.live_version else "unknown"),
        ("Triggers", ", ".join(map(code, record.judgement.triggers)) or "none"),
        ("Decision", _decision(record)),
        ("Deployment", f"{_short(record.deployment_id)}, approved by {_short(record.approver)}"),
    ]
    return table(rows[0], rows[1:])


def _decision(record: AuditRecord) -> str:
    """Return what was decided, and why where neither the verdict nor the reason says it."""
    action, why, target = record.decision.action, record.decision.why, record.decision.target
    if action is Action.ROLL_BACK and record.mode is Mode.VERIFY:
        return f"{code(action)}{f' to {_short(target.version)}' if target else ''}"
    is_said = action is Action.KEEP or why in reason(record)
    return code(action) if is_said else f"{code(action)}: {_long(why)}"


def _next(record: AuditRecord) -> str:
    return bullets(map(markdown, next_steps(record)), "### What next")


def _window(record: AuditRecord) -> str:
    if record.window is None:
        return ""
    return paragraphs("### Observation window", _provisional(record), window_section(record.window))


def _provisional(record: AuditRecord) -> str:
    """Return the verdict of the gate alone, where it had passed."""
    if not record.gate.has_streak:
        return ""
    alone = record.policy.judge(record.gate)
    met = record.gate.observations[-1].ended_seconds
    return f"Provisional verdict of the health gate at {met:.1f} s: {code(alone.verdict)}."


def _counterfactuals(record: AuditRecord) -> str:
    lines = bullets(counterfactuals(record), "### What would have changed the verdict")
    how = "<sub>Computed from this run's counts; an answer stands for one planned probe.</sub>"
    return f"{lines}\n\n{how}" if lines else ""


def _traffic(record: AuditRecord) -> str:
    return traffic_section(record.window) if record.window else ""


def _gate(record: AuditRecord) -> str:
    return f"### Health gate\n\n{_attempts(record.gate)}"


def _attempts(gate: Gate) -> str:
    """Every observation in time order; peeks too, so a flapping service can be seen."""
    squares = "".join(_SQUARES[o.result] for o in gate.observations)
    shown = [o for o in gate.observations if o.kind is not ObservationKind.PEEK]
    peeks = len(gate.observations) - len(shown)
    header = ("at", "kind", "result", "answer", "took", "version")
    return paragraphs(
        squares,
        f"<sub>{len(shown)} attempts and {peeks} peek{'s' * (peeks != 1)}, in time order</sub>",
        table(header, map(_attempt_row, shown)),
    )


def _attempt_row(observation: Observation) -> tuple[str, ...]:
    sample = observation.deciding
    return (
        unbroken(f"{observation.started_seconds:.1f} s"),
        _KINDS[observation.kind],
        _RESULTS[observation.result],
        f"{code(sample.outcome)} {_short(sample.detail)}",
        unbroken(milliseconds_words(sample.total_seconds)),
        code(observation.version) if observation.version else "",
    )


def _slowest(record: AuditRecord) -> str:
    asked = [s for observation in record.gate.observations for s in observation.samples]
    samples = [sample for sample in asked if sample.witness is not Witness.PLATFORM]
    if not samples:
        return ""
    slowest = max(samples, key=lambda sample: sample.total_seconds)
    of = " of the health gate" if record.window else ""
    notes = dict.fromkeys(note for sample in samples for note in sample.notes)
    return paragraphs(
        f"### Slowest answer{of}: {milliseconds_words(slowest.total_seconds)}",
        code(slowest.url),
        _phases(slowest),
        *(f"> [!NOTE]\n> {markdown(shortened(note, DETAIL_LIMIT))}" for note in [*notes][:10]),
    )


def _phases(sample: Sample) -> str:
    rows, total = [], sample.total_seconds
    for name, seconds in asdict(sample.phases).items():
        if seconds is not None:
            filled = round(_BAR_WIDTH * min(1.0, seconds / total)) if total > 0 else 0
            share = f"`{'█' * filled}{'·' * (_BAR_WIDTH - filled)}`"
            rows.append((name.removesuffix("_seconds"), f"{seconds * 1000:.1f} ms", share))
    return table(("phase", "took", "share"), rows) if rows else "No answer."


def _machines(record: AuditRecord) -> str:
    if record.fleet is None:
        return f"### Machines\n\nNot observed: {markdown(record.unseen)}." if record.unseen else ""
    wake = ""
    if record.wake is not None:
        took, detail = record.wake.total_seconds, shortened(record.wake.detail, DETAIL_LIMIT)
        wake = f"The first request started a machine: {took:.1f} s, not judged; {markdown(detail)}."
    section = machines_section(record.fleet, record.gate, record.window)
    return paragraphs("### Machines", section, wake)


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
            _failed(stream.bad, stream.valid),
            "" if stream.p95_ms is None else unbroken(milliseconds_words(stream.p95_ms / 1000)),
            *_cells(record.window, stream.name),
            *_cells(restored, stream.name),
        )
        for stream in baseline.streams
    ]
    header = ("stream", "before", "p95", "this deploy", "p95", "restored", "p95")
    return f"### Compared with before the deploy\n\n{table(header, rows)}"


def _failed(bad: int, valid: int) -> str:
    return f"{bad} of {valid} failed" if valid else "no answers"


def _cells(window: Window | None, name: str) -> tuple[str, str]:
    stats = window.stream_stats.get(name) if window else None
    if stats is None:
        return "", ""
    p95 = percentile_words(stats.latency, Fraction(95, 100))
    return _failed(stats.rate.bad, stats.rate.valid), p95


def _restart(record: AuditRecord) -> str:
    restart = record.remedy
    if restart is None:
        return ""
    verified = _verified(restart.verification) if restart.verification else ""
    return paragraphs("### Restart of one machine", _step(restart.step), verified)


def _verified(verification: Verification) -> str:
    judgement = verification.judgement
    return f"Verified by the same gate: {code(judgement.verdict)}, {_long(judgement.reason)}."


def _plan(record: AuditRecord) -> str:
    if record.plan is None:
        return ""
    done = "" if record.rollback else ", not carried out"
    return f"### Rollback plan{done}\n\n{plan_section(record.plan)}"


def _rollback(record: AuditRecord) -> str:
    if record.rollback is None:
        return ""
    steps, verification = record.rollback.steps, record.rollback.verification
    if verification is None:
        after = ["The restored release was not verified."]
    else:
        gate, fleet, window = verification.gate, verification.fleet, verification.window
        after = [
            _verified(verification),
            _attempts(gate),
            machines_section(fleet, gate, window) if fleet else "",
            window_section(window, since="rollback", charted=False) if window else "",
        ]
    return paragraphs("### Rollback", *map(_step, steps), *after)


def _step(step: RollbackStep) -> str:
    mark = "✅" if step.succeeded else "❌"
    line = f"{mark} {code(step.name)} in {step.duration_seconds:.1f} s: {_long(step.detail)}"
    output = "\n".join(step.output.splitlines()[-_OUTPUT_LINES:])
    return paragraphs(line, folded("Output", fence(output)) if step.output else "")


def _policy(record: AuditRecord) -> str:
    sentences = bullets(map(markdown, record.policy.sentences(record.no_rollback)))
    missing = bullets(map(markdown, record.unconsulted), "Not used in this run:")
    return folded("Policy, and what this run did not use", paragraphs(sentences, missing))


def _footer(record: AuditRecord, evidence_url: str) -> str:
    evidence = f"[Evidence]({evidence_url}) · " if evidence_url else ""
    stopped = f"stopped by {code(record.interrupted)} · " if record.interrupted else ""
    return f"<sub>{stopped}{evidence}slo-verify {record.tool_version}</sub>"


_SECTIONS: tuple[Callable[[AuditRecord], str], ...] = (
    _headline,
    _facts,
    _next,
    _window,
    _counterfactuals,
    _traffic,
    _gate,
    _slowest,
    _machines,
    _before,
    _restart,
    _plan,
    _rollback,
    _policy,
)
"""The result, then what was observed, then what was done about it, then by which policy."""
