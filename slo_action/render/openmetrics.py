"""The run's numbers as OpenMetrics text; probe names are blackbox_exporter's."""

from collections.abc import Iterator

from slo_action.core.model import Phases, Sample, Witness
from slo_action.core.record import AuditRecord
from slo_action.core.schedule import Gate
from slo_action.render.escape import visible


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
    yield f"deploy_verification_duration_seconds{{{service}}} {record.watched_seconds:.3f}"
    yield "# TYPE deploy_last_verified_timestamp_seconds gauge"
    yield "# UNIT deploy_last_verified_timestamp_seconds seconds"
    stamp = record.finished_at.timestamp()
    yield f"deploy_last_verified_timestamp_seconds{{{service}}} {stamp:.3f}"
    if record.rollback is not None:
        result = f'{service},result="{record.ending}"'
        yield "# TYPE deploy_rollback counter"
        yield f"deploy_rollback_total{{{result}}} 1"
    sample = _last_health(record)
    if sample is not None:
        yield from _probe_lines(sample, service)


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
    return next((s for s in samples if s.witness is Witness.HEALTH), None)


def _label(value: str) -> str:
    return visible(value).replace("\\", "\\\\").replace('"', '\\"')
