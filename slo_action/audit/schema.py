"""The published JSON Schema of the audit record: generated, committed, and enforced."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

from slo_action.errors import RecordError

SCHEMA_PATH = Path(__file__).parent.parent / "schemas" / "audit-record.schema.json"
_MOST_COMPLAINTS = 5


def generated_schema() -> dict[str, Any]:
    """Return the schema that the models give; the committed file must equal it."""
    from slo_action.audit.document import AuditDocument  # noqa: PLC0415 - only the generator needs it

    schema = AuditDocument.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def validate(data: object) -> None:
    """Check a document. Raises RecordError naming the first few places that are wrong."""
    errors = sorted(_validator().iter_errors(data), key=lambda error: list(map(str, error.path)))
    if errors:
        told = "; ".join(
            f"{error.json_path}: {error.message[:200]}" for error in errors[:_MOST_COMPLAINTS]
        )
        raise RecordError(
            f"not a valid audit record: {told}",
            hint="compare it with slo_action/schemas/audit-record.schema.json",
        )


@cache
def _validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads(SCHEMA_PATH.read_text(encoding="utf-8")))
