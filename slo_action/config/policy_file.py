"""`policy:` of slo.yml: the numbers that judge a deploy, for all services and for each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from slo_action.config.load import load_documents
from slo_action.config.matrix import Monitoring, Service, SloTargets
from slo_action.config.policy_keys import KEYS, RATE_KEYS
from slo_action.config.suggest import did_you_mean
from slo_action.core.policy import Policy
from slo_action.core.policy_change import PolicyChange, policy_of
from slo_action.errors import InputError, Mistake

_PAGE = "see docs/backtest.md"
_OWN_KEY = "x-"
"""How top-level keys begin that are the user's own, such as anchors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFile:
    """The changes of a whole file: `default` for every service, `services` for those it names."""

    default: PolicyChange = field(default_factory=PolicyChange)
    services: Mapping[str, PolicyChange] = field(default_factory=dict)

    def of(self, service: str) -> PolicyChange:
        """Return what holds for a service, named in the file or not."""
        return self.services.get(service, PolicyChange()).over(self.default)


def load_policy_file(path: Path, option: str) -> PolicyFile:
    """Return the changes of a file. Raises InputError with every mistake at once.

    `option` is what named the file.
    """
    documents = load_documents(path, option)
    if isinstance(documents, Mistake):
        raise InputError((documents,))
    reader = _Reader(path)
    for number, document in enumerate(documents):
        reader.read(f"document[{number}]", document)
    reader.check()
    if not documents:
        reader.mistake("", "is empty", _PAGE)
    if reader.mistakes:
        raise InputError(tuple(reader.mistakes))
    return PolicyFile(default=reader.default, services=reader.services)


def change_of(
    where: str, mapping: object, mistake: Callable[[str, str, str, object], None]
) -> PolicyChange:
    """Return what a `policy:` mapping says; None says nothing.

    `mistake` is called with place, problem, what is accepted, and the value, for each mistake.
    """
    found = _values(where, mapping, {**KEYS, "error_rate": lambda rates: rates}, mistake)
    rates = found.pop("error_rate", None)
    return replace(
        PolicyChange(), **found, **_values(f"{where}.error_rate", rates, RATE_KEYS, mistake)
    )


def _values(
    where: str,
    mapping: object,
    keys: Mapping[str, Callable[[object], object]],
    mistake: Callable[[str, str, str, object], None],
) -> dict[str, Any]:
    if mapping is None:
        return {}
    if not isinstance(mapping, dict):
        mistake(where, "is no mapping", f"known: {', '.join(sorted(keys))}", mapping)
        return {}
    found: dict[str, Any] = {}
    for key, value in mapping.items():
        if key not in keys:
            mistake(f"{where}.{key}", "is not known", did_you_mean(str(key), keys), None)
            continue
        try:
            found[key] = keys[key](value)
        except ValueError as error:
            mistake(f"{where}.{key}", "is not valid", str(error), value)
    return found


class _Reader:
    """Reads documents one by one and gathers the mistakes of all."""

    def __init__(self, path: Path) -> None:
        self.mistakes: list[Mistake] = []
        self.default = PolicyChange()
        self.services: dict[str, PolicyChange] = {}
        self._path = path
        self._places: dict[str, str] = {}

    def read(self, where: str, document: object) -> None:
        """Take one document: a matrix, a list of services, a service, or a policy alone."""
        if isinstance(document, list):
            self._read_services(document)
        elif isinstance(document, dict) and "services" not in document and "service" in document:
            self._read_service(where, document)
        elif isinstance(document, dict):
            self._read_matrix(document)
        else:
            self.mistake(where, "is no mapping", _PAGE)

    def check(self) -> None:
        """Keep a mistake wherever numbers do not fit together."""
        file = PolicyFile(default=self.default, services=self.services)
        places = {"": "policy", **self._places}
        for service, where in places.items():
            try:
                policy_of(file.of(service), Policy())
            except ValueError as error:
                self.mistake(where, str(error), "slo_targets.error_rate counts as its slo")

    def mistake(self, where: str, problem: str, accepted: str, value: object = None) -> None:
        """Keep a mistake; lists and mappings are not shown, since aliases can make them endless."""
        shown = str(value) if isinstance(value, str | int | float) else None
        place = f"{self._path}: {where}" if where else str(self._path)
        self.mistakes.append(Mistake(field=place, problem=problem, accepted=accepted, value=shown))

    def _read_matrix(self, document: Mapping[object, object]) -> None:
        known = ("policy", "services")
        for key in map(str, document):
            if key not in known and not key.startswith(_OWN_KEY):
                self.mistake(key, "is not known", did_you_mean(key, known))
        change = change_of("policy", document.get("policy"), self.mistake)
        self.default = change.over(self.default)
        listed = document.get("services", [])
        if isinstance(listed, list):
            self._read_services(listed)
        else:
            self.mistake("services", "is no list", _PAGE)

    def _read_services(self, listed: list[object]) -> None:
        for index, entry in enumerate(listed):
            if isinstance(entry, dict):
                self._read_service(f"services[{index}]", entry)
            else:
                self.mistake(f"services[{index}]", "is no mapping", _PAGE)

    def _read_service(self, where: str, entry: Mapping[object, object]) -> None:
        change = change_of(f"{where}.policy", entry.get("policy"), self.mistake)
        try:
            service = Service.model_validate({k: v for k, v in entry.items() if k != "policy"})
        except ValidationError as error:
            self._keep(error, where)
            return
        if service.service in self.services:
            self.mistake(f"{where}.service", "named twice", _PAGE, service.service)
        self.services[service.service] = change.over(_targets(service.slo_targets))
        self._places[service.service] = where

    def _keep(self, error: ValidationError, where: str) -> None:
        models: dict[str, type[BaseModel]] = {"slo_targets": SloTargets, "monitoring": Monitoring}
        for problem in error.errors(include_url=False, include_input=False):
            *above, last = [str(part) for part in problem["loc"]] or [""]
            known = [*models.get(".".join(above), Service).model_fields]
            unknown = problem["type"] == "extra_forbidden"
            accepted = did_you_mean(last, [*known, "policy"]) if unknown else _PAGE
            told = "is not known" if unknown else problem["msg"].removeprefix("Value error, ")
            self.mistake(".".join([where, *above, last]), told, accepted)


def _targets(targets: SloTargets) -> PolicyChange:
    """Return what a service's own objectives change, as `verify` reads them."""
    return PolicyChange(
        slo=targets.error_rate or None,
        health_limit=_seconds(targets.response_time_p95),
        search_limit=_seconds(targets.search_response_time_p90),
    )


def _seconds(duration: timedelta | None) -> float | None:
    return None if duration is None else duration.total_seconds()
