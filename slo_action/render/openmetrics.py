"""The run's numbers as OpenMetrics text; probe names are blackbox_exporter's."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from math import isfinite

from slo_action.core.gate.gate import Gate
from slo_action.core.model import Phases, Sample, Witness
from slo_action.core.observation.stream_stats import StreamStats
from slo_action.core.record.record import AuditRecord
from slo_action.core.verdict.window_facts import time_share
from slo_action.render.text.escape import visible


def openmetrics(record: AuditRecord) -> str:
    """Return the exposition, ended by `# EOF`; label values are escaped."""
    return "".join(f"{line}\n" for line in _lines(record)) + "# EOF\n"


def _lines(record: AuditRecord) -> Iterator[str]:
    service = f'service="{_label(record.service)}"'
    outcome = f'{service},outcome="{record.ending}",cause="{record.judgement.cause}"'
    yield "# TYPE deploy_verification_runs counter"
    yield f"deploy_verification_runs_total{{{outcome}}} 1"
    yield "# TYPE deploy_verification_duration_seconds gauge"
    yield "# UNIT deploy_verification_duration_seconds seconds"
    watched = f"{record.told_gate.watched_seconds:.3f}"
    yield f"deploy_verification_duration_seconds{{{service}}} {watched}"
    yield "# TYPE deploy_last_verified_timestamp_seconds gauge"
    yield "# UNIT deploy_last_verified_timestamp_seconds seconds"
    stamp = record.finished_at.timestamp()
    yield f"deploy_last_verified_timestamp_seconds{{{service}}} {stamp:.3f}"
    if record.rollback is not None:
        result = f'{service},result="{record.ending}"'
        yield "# TYPE deploy_rollback counter"
        yield f"deploy_rollback_total{{{result}}} 1"
    yield from _window_lines(record, service)
    sample = _last_health(record)
    if sample is not None:
        yield from _probe_lines(sample, service)


def _window_lines(record: AuditRecord, service: str) -> Iterator[str]:
    """Each family's lines stand together, those of the window after a rollback, too."""
    verification = record.rollback.verification if record.rollback else None
    watched = (("deploy", record.window), ("rollback", verification and verification.window))
    stream_stats = [
        (f'{service},after="{after}",stream="{_label(stats.stream.name)}"', stats)
        for after, window in watched
        if window
        for stats in window.stream_stats.values()
    ]
    if not stream_stats:
        return
    for name, unit, values in _FAMILIES:
        kind = "gauge" if unit is not None else "counter"
        suffix = "" if unit is not None else "_total"
        yield f"# TYPE {name} {kind}"
        if unit:
            yield f"# UNIT {name} {unit}"
        for labels, stats in stream_stats:
            for more, value in values(stats):
                yield f"{name}{suffix}{{{labels}{more}}} {value}"


_Values = Iterator[tuple[str, str]]
_QUANTILES = (Fraction(1, 2), Fraction(95, 100), Fraction(99, 100))


def _probes(stats: StreamStats) -> _Values:
    rate = stats.rate
    counts = {"bad": rate.bad, "good": rate.valid - rate.bad, "neutral": rate.neutral}
    for result, count in {**counts, "missed": stats.missed}.items():
        yield f',result="{result}"', str(count)


def _outcomes(stats: StreamStats) -> _Values:
    for outcome, count in stats.outcomes.items():
        yield f',outcome="{outcome}"', str(count)


def _error_ratio(stats: StreamStats) -> _Values:
    if stats.rate.valid:
        yield "", f"{time_share(stats.rate):.6f}"


def _latency(stats: StreamStats) -> _Values:
    """A quantile that is a timeout has no number."""
    for quantile in _QUANTILES:
        seconds = stats.latency.percentile(quantile)
        if seconds is not None and isfinite(seconds):
            yield f',quantile="{float(quantile):g}"', f"{seconds:.6f}"


def _timed(stats: StreamStats) -> _Values:
    yield "", str(stats.latency.n)


def _timeouts(stats: StreamStats) -> _Values:
    yield "", str(stats.latency.unanswered)


_FAMILIES: tuple[tuple[str, str | None, Callable[[StreamStats], _Values]], ...] = (
    ("deploy_window_probes", None, _probes),
    ("deploy_window_outcomes", None, _outcomes),
    ("deploy_window_error_ratio", "ratio", _error_ratio),
    ("deploy_window_latency_seconds", "seconds", _latency),
    ("deploy_window_latency_answers", "", _timed),
    ("deploy_window_latency_timeouts", "", _timeouts),
)
"""Name, unit and values of each family; a counter has no unit, not even an empty one."""


def _probe_lines(sample: Sample, service: str) -> Iterator[str]:
    yield "# TYPE probe_success gauge"
    yield f"probe_success{{{service}}} {int(sample.outcome.is_good)}"
    yield "# TYPE probe_http_status_code gauge"
    yield f"probe_http_status_code{{{service}}} {sample.status or 0}"
    yield "# TYPE probe_duration_seconds gauge"
    yield "# UNIT probe_duration_seconds seconds"
    yield f"probe_duration_seconds{{{service}}} {sample.total_seconds:.6f}"
    yield "# TYPE probe_http_duration_seconds gauge"
    yield "# UNIT probe_http_duration_seconds seconds"
    for name in Phases.__dataclass_fields__:
        seconds = getattr(sample.phases, name)
        if seconds is not None:
            labels = f'{service},phase="{name.removesuffix("_seconds")}"'
            yield f"probe_http_duration_seconds{{{labels}}} {seconds:.6f}"


def _last_health(record: AuditRecord) -> Sample | None:
    verification = record.rollback.verification if record.rollback else None
    gate: Gate = verification.gate if verification else record.gate
    samples = (s for o in reversed(gate.observations) for s in o.samples)
    return next((s for s in samples if s.witness is Witness.HEALTH and not s.machine), None)


def _label(value: str) -> str:
    return visible(value).replace("\\", "\\\\").replace('"', '\\"')
