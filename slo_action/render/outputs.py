"""The step outputs: one table of names, meanings and values."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, NamedTuple

from slo_action.core.model import Cause, ObservationResult, Witness
from slo_action.core.record.record import AuditRecord
from slo_action.core.verdict.window_facts import endpoints
from slo_action.render.endings import reason
from slo_action.render.text.escape import json_line, output, shell_word

AUDIT_LIMIT_BYTES = 100 * 1024


class OutputSpec(NamedTuple):
    """One output. `value` is None for those that the record does not answer by itself."""

    name: str
    meaning: str
    value: Callable[[AuditRecord], str] | None = None


def _health_p95(record: AuditRecord) -> str:
    window = record.shown_window
    for stats in window.stream_stats.values() if window else ():
        if stats.stream.is_endpoint and stats.stream.probe.witness is Witness.HEALTH:
            seconds = stats.latency.percentile(Fraction(95, 100))
            return "" if seconds is None else f"{1000 * seconds:.1f}"
    return ""


def _error_rate(record: AuditRecord) -> str:
    window = record.shown_window
    stream_stats = endpoints(window) if window else ()
    valid = sum(stats.rate.valid_weight for stats in stream_stats)
    return f"{sum(stats.rate.bad_weight for stats in stream_stats) / valid:.4f}" if valid else ""


def _availability(record: AuditRecord) -> str:
    """Rounded down: 1.0000 only without a single failure."""
    window = record.shown_window
    bad, valid = window.endpoint_counts if window else (0, 0)
    results = Counter(attempt.result for attempt in record.shown_gate.attempts)
    good = valid - bad + results[ObservationResult.PASSED]
    counted = valid + results[ObservationResult.PASSED] + results[ObservationResult.FAILED]
    return f"{good * 10_000 // counted / 10_000:.4f}" if counted else ""


OUTPUTS: tuple[OutputSpec, ...] = (
    OutputSpec(
        "verdict",
        "`healthy`, `degraded`, `unhealthy` or `inconclusive`",
        lambda record: record.judgement.verdict,
    ),
    OutputSpec(
        "cause",
        "`none`, `app`, `platform`, `path`, `observer`, `config`, `pre-existing`, "
        "`wrong-version` or `superseded`",
        lambda record: record.judgement.cause,
    ),
    OutputSpec(
        "reason",
        "One or two sentences: what failed, and what was done about it; safe to print",
        reason,
    ),
    OutputSpec(
        "ending",
        "`verified`, `rolled-back-verified`, `rolled-back-unhealthy`, `rollback-failed`, "
        "`not-rolled-back` or `undecided`",
        lambda record: record.ending,
    ),
    OutputSpec(
        "rollback-triggered",
        "`true` if a rollback was started",
        lambda record: "true" if record.rollback else "false",
    ),
    OutputSpec(
        "triggers",
        "Comma-separated: `health-check-failure`, `error-rate-breach`, "
        "`response-time-degradation`, `service-unavailability`",
        lambda record: ",".join(record.judgement.triggers),
    ),
    OutputSpec(
        "rolled-back-to",
        "Version that a rollback restored",
        lambda record: shell_word(record.rolled_back_to or ""),
    ),
    OutputSpec(
        "live-version",
        "Version that answered last; empty if unknown",
        lambda record: shell_word(record.live_version or ""),
    ),
    OutputSpec(
        "attempts",
        "Counted attempts of the health gate",
        lambda record: str(len(record.shown_gate.attempts)),
    ),
    OutputSpec(
        "success-count",
        "Successful attempts of the health gate",
        lambda record: str(record.shown_gate.success_count),
    ),
    OutputSpec(
        "duration-seconds",
        "How long the health gate took",
        lambda record: f"{record.shown_gate.watched_seconds:.1f}",
    ),
    OutputSpec("way-back", "With `mode: prepare`: `safe`, `unproven` or `none`"),
    OutputSpec(
        "prepared-path",
        "With `mode: prepare`: the file that `verify` picks up, relative to the workspace",
    ),
    OutputSpec(
        "provisional-verdict",
        "Verdict of the health gate alone, set before the window ends; empty if the gate "
        "failed or there is no window",
    ),
    OutputSpec(
        "health-p95-ms",
        "95th percentile of the health endpoint in the window, in milliseconds; `inf` "
        "if that is a timeout, empty if there were too few answers",
        _health_p95,
    ),
    OutputSpec(
        "error-rate",
        "Error rate in the window over all endpoints, by time, such as `0.0139`; empty = "
        "not measured",
        _error_rate,
    ),
    OutputSpec(
        "availability",
        "Share of good answers in gate and window, such as `0.9861`; empty = not measured",
        _availability,
    ),
    OutputSpec(
        "audit", "The audit record as one line of JSON (at most 100 KiB; larger: trimmed, says so)"
    ),
    OutputSpec(
        "sarif-path",
        "With `mode: check` and `sarif-file`: the report for code scanning, relative to "
        "the workspace",
    ),
    OutputSpec("audit-path", "The audit record's file, relative to the workspace"),
    OutputSpec("evidence-dir", "The evidence's directory, relative to the workspace"),
    OutputSpec(
        "services",
        "With several services: the result of each, one line of JSON: an object by name "
        "with `verdict`, `cause`, `reason`, `ending`, `exit-code`, `rollback-triggered`, "
        "`rolled-back-to`, `live-version`, `audit-path` and the other values above",
    ),
    OutputSpec("artifact-id", "The uploaded evidence; empty if it was not uploaded"),
    OutputSpec("artifact-url", "The uploaded evidence's page"),
)


JSON_OUTPUTS = frozenset({"audit", "services"})
CLOSED_OUTPUTS = (
    frozenset(spec.name for spec in OUTPUTS)
    - JSON_OUTPUTS
    - {"reason", "live-version", "rolled-back-to"}
)
"""Whose values are words, numbers, paths and addresses of our own."""


def output_values(record: AuditRecord, audit: dict[str, Any]) -> dict[str, str]:
    """Return the outputs that the record itself answers; every value is one inert line."""
    return {**record_values(record), "audit": audit_line(audit)}


def record_values(record: AuditRecord) -> dict[str, str]:
    """Return them without the audit."""
    return {
        spec.name: output(str(spec.value(record))) for spec in OUTPUTS if spec.value is not None
    }


def audit_line(audit: dict[str, Any]) -> str:
    """Return the record as one line.

    What is too large loses its windows' rows, then its peeks, then all its observations.
    """
    for trimmed in _smaller(audit):
        line = compact_json(trimmed)
        if len(line) <= AUDIT_LIMIT_BYTES:
            return line
    return compact_json({"trimmed": "the record is in audit-path"})


def compact_json(data: object) -> str:
    """Return data as one inert line of JSON."""
    return json_line(json.dumps(data, separators=(",", ":"), ensure_ascii=True))


_LARGE = frozenset({"watch", "window", "recheck", "remedy", "fleet", "plan", "rollback"})


def _smaller(audit: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield audit
    rows = _without_rows(audit)
    yield rows | {"trimmed": "the window's rows were left out; the whole record is in audit-path"}
    attempts = [o for o in audit["watch"]["observations"] if o["kind"] != "peek"]
    yield rows | {
        "watch": {**audit["watch"], "observations": attempts},
        "trimmed": "peeks were left out, and the window's rows; the whole record is in audit-path",
    }
    bare = {key: value for key, value in audit.items() if key not in _LARGE}
    yield bare | {"trimmed": "observations were left out; see audit-path"}


def _without_rows(part: dict[str, Any]) -> dict[str, Any]:
    """Return the part without the rows of any window in it, however deep."""
    return {
        key: [] if key == "rows" else _without_rows(value) if isinstance(value, dict) else value
        for key, value in part.items()
    }


def unverified(cause: Cause, why: str) -> dict[str, str]:
    """Return the outputs of a run that judged nothing; what holds JSON can be parsed. Untrusted."""
    counts = {"attempts": "0", "success-count": "0", "duration-seconds": "0.0"}
    texts = {"cause": cause, "reason": output(why), "way-back": "unproven"}
    return {**provisional(), **texts, **counts, "audit": "{}", "services": "{}"}


def provisional() -> dict[str, str]:
    """Return what holds until the run has decided: written first, for a run that is killed."""
    return {
        "verdict": "inconclusive",
        "cause": "observer",
        "reason": "the run was stopped before it could decide",
        "ending": "undecided",
        "rollback-triggered": "false",
    }


def rollback_begun() -> dict[str, str]:
    """Return what holds from before a rollback's first command until its end is known."""
    return {
        "reason": "a rollback was begun, and the run was stopped before its end was known",
        "rollback-triggered": "true",
    }
