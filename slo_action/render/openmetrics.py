"""The run's numbers as OpenMetrics text; probe names are blackbox_exporter's."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from fractions import Fraction
from math import isfinite

from slo_action.core.model import Sample, Witness
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
    yield from _family("deploy_verification_runs", None, [(outcome, "1")])
    watched = f"{record.shown_gate.watched_seconds:.3f}"
    yield from _family("deploy_verification_duration_seconds", "seconds", [(service, watched)])
    stamp = f"{record.finished_at.timestamp():.3f}"
    yield from _family("deploy_last_verified_timestamp_seconds", "seconds", [(service, stamp)])
    if record.rollback is not None:
        result = f'{service},result="{record.ending}"'
        yield from _family("deploy_rollback", None, [(result, "1")])
    yield from _window_lines(record, service)
    sample = _last_health(record)
    if sample is not None:
        yield from _probe_lines(sample, service)


def _family(name: str, unit: str | None, samples: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Yield a family with its metadata; `unit` is None for a counter, empty for a bare gauge."""
    yield f"# TYPE {name} {'counter' if unit is None else 'gauge'}"
    if unit:
        yield f"# UNIT {name} {unit}"
    for labels, value in samples:
        yield f"{name}{'_total' if unit is None else ''}{{{labels}}} {value}"


def _window_lines(record: AuditRecord, service: str) -> Iterator[str]:
    """Each family's lines stand together, those of the window after a rollback, too."""
    verification = record.rollback.verification if record.rollback else None
    windows = (("deploy", record.window), ("rollback", verification and verification.window))
    stream_stats = [
        (f'{service},after="{after}",stream="{_label(stats.stream.name)}"', stats)
        for after, window in windows
        if window
        for stats in window.stream_stats.values()
    ]
    for name, unit, values in _FAMILIES if stream_stats else ():
        samples = [
            (f"{ls}{more}", value) for ls, stats in stream_stats for more, value in values(stats)
        ]
        yield from _family(name, unit, samples)


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


_FAMILIES: tuple[
    tuple[str, str | None, Callable[[StreamStats], Iterable[tuple[str, str]]]], ...
] = (
    ("deploy_window_probes", None, _probes),
    ("deploy_window_outcomes", None, _outcomes),
    ("deploy_window_error_ratio", "ratio", _error_ratio),
    ("deploy_window_latency_seconds", "seconds", _latency),
    ("deploy_window_latency_answers", "", lambda stats: [("", str(stats.latency.n))]),
    ("deploy_window_latency_timeouts", "", lambda stats: [("", str(stats.latency.unanswered))]),
)
"""Name, unit and values of each family of a window."""


def _probe_lines(sample: Sample, service: str) -> Iterator[str]:
    yield from _family("probe_success", "", [(service, str(int(sample.outcome.is_good)))])
    yield from _family("probe_http_status_code", "", [(service, str(sample.status or 0))])
    took = f"{sample.total_seconds:.6f}"
    yield from _family("probe_duration_seconds", "seconds", [(service, took)])
    samples = [
        (f'{service},phase="{name.removesuffix("_seconds")}"', f"{seconds:.6f}")
        for name, seconds in asdict(sample.phases).items()
        if seconds is not None
    ]
    yield from _family("probe_http_duration_seconds", "seconds", samples)


def _last_health(record: AuditRecord) -> Sample | None:
    verification = record.rollback.verification if record.rollback else None
    gate = verification.gate if verification else record.gate
    samples = (s for o in reversed(gate.observations) for s in o.samples)
    return next((s for s in samples if s.witness is Witness.HEALTH and not s.machine), None)


def _label(value: str) -> str:
    return visible(value).replace("\\", "\\\\").replace('"', '\\"')
