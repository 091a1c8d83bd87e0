"""The published JSON Schema of slo.yml, for editors: generated from the forms, and committed.

The forms themselves decide what a run accepts: jsonschema takes seconds where they take a tenth of
one (ADR 0017). Tests hold the two against each other.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic.json_schema import models_json_schema

from slo_action.config.slo.forms import OWN_KEY, Form, MatrixForm, ServiceForm

SCHEMA_PATH = Path(__file__).parents[2] / "schemas" / "slo.schema.json"
SCHEMA_URL = (
    "https://raw.githubusercontent.com/org/slo-verify/v1/slo_action/schemas/slo.schema.json"
)
_OWN_KEYS = {f"^{OWN_KEY}": True}
_WITH_OWN_KEYS = ("MatrixForm", "ServiceForm", "DefaultsForm")


def generated_slo_schema() -> dict[str, Any]:
    """Return the schema that the forms give; the committed file must equal it.

    One document of a file is validated at a time. `if` and `then` instead of `anyOf` let an editor
    show what is wrong with a service, and not that nothing fits.
    """
    _, schema = models_json_schema(
        [(MatrixForm, "validation"), (ServiceForm, "validation")], by_alias=True
    )
    forms: dict[str, dict[str, Any]] = _plain(schema["$defs"])
    for name in _WITH_OWN_KEYS:
        forms[name]["patternProperties"] = _OWN_KEYS
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_URL,
        "title": "slo.yml, the service matrix of slo-verify",
        "if": {"type": "array"},
        "then": {"items": {"$ref": "#/$defs/ServiceForm"}},
        "else": {
            "if": {
                "type": "object",
                "required": ["apiVersion"],
                "properties": {"apiVersion": {"pattern": "^openslo/"}},
            },
            "then": {"description": "An object of OpenSLO, whose own schema says what it may be."},
            "else": {
                "if": {
                    "type": "object",
                    "anyOf": [{"required": ["service"]}, {"required": ["url"]}],
                    "not": {"required": ["services"]},
                },
                "then": {"$ref": "#/$defs/ServiceForm"},
                "else": {"$ref": "#/$defs/MatrixForm"},
            },
        },
        "$defs": forms,
    }


def key_meanings(form: type[Form]) -> Mapping[str, str]:
    """Return what each key of a form means, its own keys before those that it inherits."""
    fields = sorted(
        form.model_fields.items(), key=lambda field: field[0] not in form.__annotations__
    )
    return {info.alias or name: info.description or "" for name, info in fields}


def _plain(value: Any) -> Any:  # noqa: ANN401 - any part of a schema
    """Leave out what adds nothing: titles are the keys' own names, and a default of null."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _plain(one)
        for key, one in value.items()
        if not (key == "title" and isinstance(one, str)) and (key, one) != ("default", None)
    }
