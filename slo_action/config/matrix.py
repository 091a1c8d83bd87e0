"""slo.yml, the service matrix: what `verify` needs of it.

The document's vocabulary is accepted as the document writes it. `verify` uses the service's
address and grace period; targets and intervals are checked here and used by later modes.
"""

from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from slo_action.config.load import load_documents
from slo_action.config.units import parse_duration, parse_ratio
from slo_action.errors import Mistake


def _scalar(value: object) -> str:
    """YAML's aliases can make a small file's list endless as text."""
    return str(value) if isinstance(value, str | int | float) else ""


def _ratio(value: object) -> Fraction:
    return parse_ratio(_scalar(value))


def _duration(value: object) -> timedelta:
    return parse_duration(_scalar(value))


def _path(value: object) -> str:
    path = _scalar(value)
    if path and (not path.startswith("/") or path.startswith("//") or " " in path):
        raise ValueError("write a path that starts with one slash, such as /healthz")
    return path


PathText = Annotated[str, BeforeValidator(_path)]
Ratio = Annotated[Fraction, BeforeValidator(_ratio)]
Duration = Annotated[timedelta, BeforeValidator(_duration)]
_STRICT = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class SloTargets(BaseModel):
    """Objectives as ratios in [0, 1] and limits as durations; None where not set."""

    model_config = _STRICT

    availability: Ratio | None = None
    response_time_p95: Duration | None = None
    search_response_time_p90: Duration | None = None
    error_rate: Ratio | None = None
    job_success_rate: Ratio | None = None


class Monitoring(BaseModel):
    """How the routine monitor probes; the grace period holds for `verify` too."""

    model_config = _STRICT

    interval: Duration | None = None
    timeout: Duration | None = None
    grace_period: Duration | None = None
    health_interval: Duration | None = None
    health_timeout: Duration | None = None
    search_interval: Duration | None = None
    search_timeout: Duration | None = None
    stats_interval: Duration | None = None
    stats_timeout: Duration | None = None


class Service(BaseModel):
    """One service of the matrix, in the document's words."""

    model_config = _STRICT

    service: str = Field(min_length=1)
    url: str = Field(min_length=1)
    health_endpoint: PathText = "/healthz"
    build_endpoint: PathText = ""
    search_endpoint: PathText = ""
    stats_endpoint: PathText = ""
    schedule: str = ""
    slo_targets: SloTargets = SloTargets()
    monitoring: Monitoring = Monitoring()


def load_matrix(path: Path, field: str) -> dict[str, Service] | tuple[Mistake, ...]:
    """Return the services by name, or every mistake of the file at once."""
    documents = load_documents(path, field)
    if isinstance(documents, Mistake):
        return (documents,)
    services: dict[str, Service] = {}
    mistakes: list[Mistake] = []
    for where, entry in _entries(documents):
        try:
            service = Service.model_validate(_without_policy(entry))
        except ValidationError as error:
            mistakes += _mistakes_of(error, path, where)
            continue
        if service.service in services:
            mistakes.append(_mistake(path, f"{where}.service", "named twice", service.service))
        services[service.service] = service
    if not (services or mistakes):
        mistakes.append(_mistake(path, field, "no service in it", None))
    return tuple(mistakes) or services


def _entries(documents: tuple[object, ...]) -> list[tuple[str, Any]]:
    """One service a document, a list of them, or a mapping with `services:`."""
    found: list[tuple[str, Any]] = []
    for document in documents:
        if isinstance(document, dict) and set(document) == {"policy"}:
            continue
        listed = document.get("services") if isinstance(document, dict) else document
        if isinstance(listed, list):
            found += [(f"services[{index}]", entry) for index, entry in enumerate(listed)]
        else:
            found.append((f"document[{len(found)}]", document))
    return found


def _without_policy(entry: object) -> object:
    """`policy:` is read by policy_file.py, which knows more of it than that it is there."""
    if not isinstance(entry, dict):
        return entry
    return {key: value for key, value in entry.items() if key != "policy"}


def _mistakes_of(error: ValidationError, path: Path, where: str) -> list[Mistake]:
    return [
        Mistake(
            field=".".join([str(path), where, *(str(part) for part in problem["loc"])]),
            problem=problem["msg"].removeprefix("Value error, "),
            accepted="see docs/config.md",
        )
        for problem in error.errors(include_url=False, include_input=False)
    ]


def _mistake(path: Path, where: str, problem: str, value: str | None) -> Mistake:
    return Mistake(
        field=f"{path}: {where}", problem=problem, value=value, accepted="see docs/config.md"
    )
