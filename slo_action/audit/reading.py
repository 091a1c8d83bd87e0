"""Document to evidence: a record read back, validated, ready to be judged again."""

import json
from pathlib import Path

from pydantic import ValidationError

from slo_action.audit.document import AuditDocument, ObservationEntry, SampleEntry, Watch
from slo_action.audit.schema import validate
from slo_action.core.model import Observation, Phases, Sample
from slo_action.core.schedule import Gate, GatePolicy
from slo_action.errors import RecordError


def read_record(path: Path) -> AuditDocument:
    """Return the document. Raises RecordError where it is no valid audit record."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror}", hint="name an audit.json") from error
    except RecursionError as error:
        raise RecordError(f"{path} is nested too deeply", hint="name an audit.json") from error
    except ValueError as error:
        raise RecordError(f"{path} is not JSON: {error}", hint="name an audit.json") from error
    validate(data)
    try:
        return AuditDocument.model_validate_json(json.dumps(data))
    except ValidationError as error:
        raise RecordError(f"{path}: {error}", hint="it was changed after it was written") from error


def gate_of(watch: Watch, policy: GatePolicy) -> Gate:
    """Return the gate that saw these observations, exactly as recorded."""
    return Gate(
        policy=policy,
        begun_seconds=watch.begun_seconds,
        observations=tuple(_observation(entry) for entry in watch.observations),
    )


def _observation(entry: ObservationEntry) -> Observation:
    return Observation(
        kind=entry.kind,
        started_seconds=entry.started_seconds,
        ended_seconds=entry.ended_seconds,
        control_alive=entry.control_alive,
        samples=tuple(_sample(sample) for sample in entry.samples),
    )


def _sample(entry: SampleEntry) -> Sample:
    fields = {name: getattr(entry, name) for name in SampleEntry.model_fields if name != "phases"}
    return Sample(**fields, phases=Phases(**entry.phases.model_dump()))
