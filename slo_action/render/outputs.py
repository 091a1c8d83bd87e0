"""The step outputs: one table of names, meanings and values."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from slo_action.core.record import AuditRecord
from slo_action.render.endings import reason
from slo_action.render.escape import json_line, output, word

AUDIT_LIMIT_BYTES = 100 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputSpec:
    """One output. `value` is None for those that are known only after the record is written."""

    name: str
    meaning: str
    value: Callable[[AuditRecord], str] | None = None


def _flag(value: object) -> str:
    return "true" if value else "false"


OUTPUTS: tuple[OutputSpec, ...] = (
    OutputSpec(
        name="verdict",
        meaning="`healthy`, `degraded`, `unhealthy` or `inconclusive`",
        value=lambda record: record.judgement.verdict,
    ),
    OutputSpec(
        name="cause",
        meaning="`none`, `app`, `platform`, `path`, `observer`, `config`, `pre-existing`, "
        "`wrong-version` or `superseded`",
        value=lambda record: record.judgement.cause,
    ),
    OutputSpec(
        name="reason",
        meaning="One sentence, in words a person can act on; safe to print",
        value=reason,
    ),
    OutputSpec(
        name="ending",
        meaning="`verified`, `rolled-back-verified`, `rolled-back-unhealthy`, `rollback-failed`, "
        "`not-rolled-back` or `undecided`",
        value=lambda record: record.ending,
    ),
    OutputSpec(
        name="rollback-triggered",
        meaning="`true` where a rollback was begun",
        value=lambda record: _flag(record.rollback),
    ),
    OutputSpec(
        name="triggers",
        meaning="Comma-separated: `health-check-failure`, `error-rate-breach`, "
        "`response-time-degradation`, `service-unavailability`",
        value=lambda record: ",".join(record.judgement.triggers),
    ),
    OutputSpec(
        name="rolled-back-to",
        meaning="Version that a rollback restored",
        value=lambda record: word(record.rolled_back_to or ""),
    ),
    OutputSpec(
        name="live-version",
        meaning="Version that answered last; empty if none was told",
        value=lambda record: word(record.live_version or ""),
    ),
    OutputSpec(
        name="attempts",
        meaning="Attempts of the health gate that counted",
        value=lambda record: str(len(record.gate.attempts)),
    ),
    OutputSpec(
        name="success-count",
        meaning="Attempts of the health gate that succeeded",
        value=lambda record: str(record.success_count),
    ),
    OutputSpec(
        name="duration-seconds",
        meaning="How long the health gate took",
        value=lambda record: f"{record.watched_seconds:.1f}",
    ),
    OutputSpec(
        name="audit",
        meaning="The audit record as one line of JSON (at most 100 KiB; larger: trimmed, says so)",
    ),
    OutputSpec(name="audit-path", meaning="The audit record's file, relative to the workspace"),
    OutputSpec(name="evidence-dir", meaning="The evidence's directory, relative to the workspace"),
    OutputSpec(name="artifact-id", meaning="The uploaded evidence; empty if it was not uploaded"),
    OutputSpec(name="artifact-url", meaning="The uploaded evidence's page"),
)


def output_values(record: AuditRecord, audit: dict[str, Any]) -> dict[str, str]:
    """Return the outputs that the record itself answers; every value is one inert line."""
    values = {
        spec.name: output(str(spec.value(record))) for spec in OUTPUTS if spec.value is not None
    }
    return {**values, "audit": audit_line(audit)}


def audit_line(audit: dict[str, Any]) -> str:
    """Return the record as one line; what is too large loses its peeks, then its observations."""
    for trimmed in _ever_smaller(audit):
        line = json_line(json.dumps(trimmed, separators=(",", ":"), ensure_ascii=True))
        if len(line) <= AUDIT_LIMIT_BYTES:
            return line
    return json_line(json.dumps({"trimmed": "the record is in audit-path"}, separators=(",", ":")))


def _ever_smaller(audit: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    attempts = [o for o in audit["watch"]["observations"] if o["kind"] != "peek"]
    without_peeks = {
        **audit,
        "watch": {**audit["watch"], "observations": attempts},
        "trimmed": "peeks were left out; the whole record is in audit-path",
    }
    bare = {key: value for key, value in audit.items() if key not in _LARGE}
    without_watch = {**bare, "trimmed": "observations were left out; see audit-path"}
    return audit, without_peeks, without_watch


_LARGE = frozenset({"watch", "recheck", "rollback"})


def provisional() -> dict[str, str]:
    """Return what holds until the run has decided: written first, for a run that is killed."""
    return {
        "verdict": "inconclusive",
        "cause": "observer",
        "reason": "the run was stopped before it could decide",
        "ending": "undecided",
        "rollback-triggered": "false",
    }
