"""action.yml as a runner reads it, and the INPUT_* variables it makes of a step's `with:`.

Source: actions/runner, action_yaml.json, ActionManifestManager.cs, ActionRunner.cs, Handler.cs.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

_RUNS_KEYS = frozenset(
    {
        "using",
        "image",
        "entrypoint",
        "args",
        "env",
        "pre-entrypoint",
        "pre-if",
        "post-entrypoint",
        "post-if",
    }
)
_ALWAYS_ACCEPTED = ("entryPoint", "args")
_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
_ACT_REPLACED = re.compile(r"[^A-Z0-9-]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A container action. `defaults` has every declared input; unevaluated, empty if none."""

    defaults: Mapping[str, str]
    outputs: frozenset[str]
    image: str
    entrypoint: str
    environment: Mapping[str, str] = field(default_factory=dict)


def read_action(path: Path) -> Action:
    """Read an action.yml; assert what would make a runner refuse it."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    runs = document["runs"]
    assert runs["using"] == "docker"
    assert set(runs) <= _RUNS_KEYS, f"a runner knows no {set(runs) - _RUNS_KEYS} in `runs`"
    texts = [value for key, value in runs.items() if key not in {"args", "env"}]
    assert all(isinstance(value, str) and value for value in texts), "`runs` holds texts"
    inputs = document.get("inputs", {})
    return Action(
        defaults={name: str((spec or {}).get("default", "")) for name, spec in inputs.items()},
        outputs=frozenset(document.get("outputs", {})),
        image=runs["image"],
        entrypoint=runs.get("entrypoint", ""),
        environment=runs.get("env", {}),
    )


def evaluated(text: str, *, token: str, matrix: Mapping[str, object] | None) -> str:
    """Fill in the expressions that our action.yml uses."""
    known = {"github.token": token, "toJSON(matrix)": json.dumps(matrix, indent=2)}
    return _EXPRESSION.sub(lambda found: known[found[1]], text)


def given_inputs(
    action: Action, given: Mapping[str, str], *, token: str, matrix: Mapping[str, object] | None
) -> tuple[dict[str, str], str]:
    """Return every input by name, and the warning about those that nobody declared."""
    lowered = {name.lower(): value for name, value in given.items()}
    declared = {name.lower(): text for name, text in action.defaults.items()}
    inputs = {
        name: lowered.get(name, evaluated(text, token=token, matrix=matrix))
        for name, text in declared.items()
    }
    accepted = (*action.defaults, *_ALWAYS_ACCEPTED)
    known = {name.lower() for name in accepted}
    unexpected = [name for name in given if name.lower() not in known]
    names, valid = "', '".join(unexpected), "', '".join(accepted)
    warning = f"Unexpected input(s) '{names}', valid inputs are ['{valid}']" if unexpected else ""
    return {**inputs, **lowered}, warning


def input_variables(inputs: Mapping[str, str]) -> dict[str, str]:
    """Hyphens and dots are kept; only spaces are not."""
    return {f"INPUT_{name.replace(' ', '_').upper()}": text for name, text in inputs.items()}


def act_input_variables(inputs: Mapping[str, str]) -> dict[str, str]:
    """As act names them: of the punctuation, only hyphens are kept."""
    return {f"INPUT_{_ACT_REPLACED.sub('_', name.upper())}": v for name, v in inputs.items()}
