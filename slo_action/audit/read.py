"""Document to evidence: a record read back, validated, ready to be judged again."""

import json
from math import isfinite
from pathlib import Path

from pydantic import ValidationError

from slo_action.audit.document import AuditDocument, Watch
from slo_action.audit.write import canonical_digest, policy_digest
from slo_action.core.gate.gate import Gate, GatePolicy
from slo_action.core.model import Observation, Sample
from slo_action.errors import RecordError
from slo_action.files import read_plain

AUDIT_NAME = "audit.json"
_MARK_FIELDS = {"deployment_id", "health_checks", "rollback_triggered"}
_MOST_ERRORS = 5
_MOST_BYTES = 64 * 1024 * 1024


def read_record(path: Path) -> AuditDocument:
    """Return the document. Raises RecordError where it is no valid audit record.

    A policy from before it had all of today's numbers gets what the code did then, and its digest
    anew if it was right: a record from before there were windows observes nothing.
    """
    data = _loaded(path)
    policy = data.get("policy") if isinstance(data, dict) else None
    stated = canonical_digest(policy)
    if isinstance(policy, dict):
        window = policy.setdefault("window", {"length_seconds": 0.0})
        if "rates" in window:
            window["rates"].setdefault("adaptive", False)
    try:
        document = AuditDocument.model_validate_json(json.dumps(data), strict=True)
    except ValidationError as error:
        found = "; ".join(
            f"{'.'.join(map(str, one['loc'])) or 'the document'}: {one['msg']}"[:200]
            for one in error.errors()[:_MOST_ERRORS]
        )
        raise RecordError(
            f"not a valid audit record: {found}",
            hint="compare it with slo_action/schemas/audit-record.schema.json",
        ) from error
    if document.policy is None or document.policy_digest != stated:
        return document
    return document.model_copy(update={"policy_digest": policy_digest(document.policy)})


def find_records(directory: Path) -> tuple[Path, ...]:
    """Return every file below a directory that looks like an audit record, in order.

    That is each `audit.json`, readable or not, and any other JSON file that has its fields.
    """
    named = sorted(path for path in directory.rglob("*.json") if path.is_file())
    return tuple(path for path in named if path.name == AUDIT_NAME or _looks_like_record(path))


def _looks_like_record(path: Path) -> bool:
    try:
        data = _loaded(path)
    except RecordError:
        return False
    return isinstance(data, dict) and data.keys() >= _MARK_FIELDS


def _loaded(path: Path) -> object:
    try:
        content = read_plain(path, _MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise RecordError(f"{path} is too large", hint="name an audit.json")
        text = content.decode("utf-8")
        data: object = json.loads(text, parse_float=_finite, parse_constant=_finite)
    except (OSError, RecursionError, ValueError) as error:
        problem = f"{path} is not JSON: {error}"
        if isinstance(error, OSError):
            problem = f"{path}: {error.strerror}"
        elif isinstance(error, RecursionError):
            problem = f"{path} is nested too deeply"
        raise RecordError(problem, hint="name an audit.json") from error
    return data


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError(f"{text} is no number")
    return number


def gate_of(watch: Watch, policy: GatePolicy) -> Gate:
    """Return the gate that saw these observations, exactly as recorded."""
    return Gate(
        policy=policy,
        begun_seconds=watch.begun_seconds,
        observations=tuple(
            Observation(
                **{**dict(entry), "samples": tuple(Sample(**dict(one)) for one in entry.samples)}
            )
            for entry in watch.observations
        ),
    )
