"""Our annotations on OpenSLO objects: flat keys such as `slo-verify.monitoring.interval`."""

import re
from collections.abc import Mapping

from slo_action.config.openslo.document import KeyMistake, OpenSloModel
from slo_action.config.text.suggest import did_you_mean
from slo_action.core.lint.rule import Key
from slo_action.core.slo.openslo import LATENCY_TARGETS, OBJECTIVE, PREFIX, RATIO_WINDOWS, UNIT

_SLASHED = "slo-verify/"
"""Kubernetes allows it, and people write it; OpenSLO's schema wants a dot before a slash."""

_ENDPOINTS = frozenset({"health", "search", "stats"})
_MONITORING = {"interval", "timeout", "grace_period"} | {
    f"{name}_{what}" for name in _ENDPOINTS for what in ("interval", "timeout")
}
_FIELDS = frozenset(
    {"service", "url", "build_endpoint", "schedule", "platform", "app", "fly_config", "team"}
    | {f"{name}_endpoint" for name in _ENDPOINTS}
    | {f"monitoring.{name}" for name in _MONITORING}
    | {f"slo_targets.{name}" for name in (*RATIO_WINDOWS, *LATENCY_TARGETS)}
    | {f"endpoints.0.{name}" for name in ("name", "path", "interval", "timeout")}
    | {"endpoints.0.response_time_p95", "notify.0"}
)
"""What an annotation may say; 0 stands for any number of at most three digits."""
_NUMBER = re.compile(r"(?<=\.)[0-9]{1,3}(?=\.|$)")


Settings = dict[str, OpenSloModel]
"""The values of a service by their flat keys: texts, each with the key that says so."""


def is_field(field: str) -> bool:
    """Whether a service of ours has this flat key."""
    return _NUMBER.sub("0", field) in _FIELDS


def own_annotations(part: OpenSloModel) -> dict[str, OpenSloModel]:
    """Return the annotations of an object that are ours, by their flat key."""
    found = {}
    for name, value in part.at("metadata", "annotations").pairs():
        ours = name.replace(_SLASHED, PREFIX, 1) if name.startswith(_SLASHED) else name
        if ours.startswith(PREFIX):
            found[ours.removeprefix(PREFIX)] = value
    return found


def read_settings(part: OpenSloModel) -> tuple[Settings, tuple[KeyMistake, ...]]:
    """Return what the annotations of an object say of its service, and what is wrong with them."""
    settings: Settings = {}
    mistakes: list[KeyMistake] = []
    of_slo = {OBJECTIVE.removeprefix(PREFIX), UNIT.removeprefix(PREFIX)}
    for field, value in own_annotations(part).items():
        if field in of_slo:
            continue
        if not is_field(field):
            accepted = did_you_mean(field, _FIELDS)
            mistakes.append(
                KeyMistake(value.key, "not an annotation of slo-verify", accepted, field)
            )
        elif not value.text:
            mistakes.append(value.mistake("an annotation is a text", "write it in quotes"))
        else:
            settings[field] = value
    return settings, tuple(mistakes)


def nested(settings: Settings) -> dict[str, object]:
    """Return the service as slo.yml writes it; numbered keys become lists in their order."""
    tree: dict[str, object] = {}
    for field in sorted(settings, key=_in_order):
        *tables, last = field.split(".")
        inner = tree
        for name in tables:
            below = inner.setdefault(name, {})
            inner = below if isinstance(below, dict) else {}
        inner[last] = settings[field].text
    return {name: _listed(value) for name, value in tree.items()}


def origins(settings: Settings) -> dict[Key, Key]:
    """Return where each value of `nested` stands in the OpenSLO document."""
    numbers: dict[str, list[str]] = {}
    for field in sorted(settings, key=_in_order):
        table, _, rest = field.partition(".")
        number = rest.partition(".")[0]
        if number.isdigit() and number not in numbers.setdefault(table, []):
            numbers[table].append(number)
    return {_key(field, numbers): setting.key for field, setting in settings.items()}


def _key(field: str, numbers: Mapping[str, list[str]]) -> Key:
    table, *rest = field.split(".")
    numbered = numbers.get(table, [])
    return (table, *(numbered.index(part) if part in numbered else part for part in rest))


def _listed(value: object) -> object:
    numbered = isinstance(value, dict) and all(name.isdigit() for name in value)
    return list(value.values()) if isinstance(value, dict) and numbered else value


def _in_order(field: str) -> tuple[tuple[int, str], ...]:
    return tuple((int(part) if part.isdigit() else -1, part) for part in field.split("."))
