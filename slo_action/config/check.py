"""What `check` is to look at: files of the workspace, read before anything is said."""

from collections.abc import Mapping
from dataclasses import dataclass

from slo_action.config.fly_toml import read_toml
from slo_action.config.inputs import Inputs, read_inputs
from slo_action.config.request import Surroundings
from slo_action.core.model import RunIdentity
from slo_action.core.rules import Document
from slo_action.errors import InputError, Mistake

DEFAULT_FLY_CONFIG = "fly.toml"
_FIELD = "fly-config"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRequest:
    """One run of `check`."""

    fly_toml: Document
    run: RunIdentity


def read_check_request(given: Mapping[str, str], around: Surroundings) -> CheckRequest:
    """Return what is to be checked. Raises InputError with every mistake at once."""
    inputs, mistakes = read_inputs(given)
    document = _fly_toml(inputs, around)
    if isinstance(document, Mistake):
        raise InputError((*mistakes, document))
    if mistakes:
        raise InputError(mistakes)
    return CheckRequest(fly_toml=document, run=around.run)


def _fly_toml(inputs: Inputs, around: Surroundings) -> Document | Mistake:
    """A file is named as it lies in the workspace, so that annotations find it."""
    named = inputs.fly_config or DEFAULT_FLY_CONFIG
    workspace = around.workspace.resolve()
    try:
        path = (workspace / named).resolve()
        is_there = path.is_file()
    except (OSError, RuntimeError):  # a link that leads to itself, a name too long
        return _wrong("cannot be followed", named)
    if not path.is_relative_to(workspace):
        return _wrong("leads out of the workspace", named)
    if not is_there:
        return _wrong("no such file", named)
    return read_toml(path, path.relative_to(workspace).as_posix(), _FIELD)


def _wrong(problem: str, named: str) -> Mistake:
    return Mistake(
        field=_FIELD,
        problem=problem,
        value=named,
        accepted="name the app's fly.toml, as a path below the workspace; "
        "fly.json and fly.yaml are not read",
    )
