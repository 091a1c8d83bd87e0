"""Machines without what they are configured with in secret: names stay, values go.

Secrets proper are in no configuration, but environments, files, commands and the headers of checks
hold credentials often enough. Rules go by key and hold at any depth, since processes, containers
and events repeat those parts, and since what is new in the API is not known here.
"""

from collections.abc import Mapping

HIDDEN = "***"

_HARMLESS = frozenset({"FLY_PROCESS_GROUP", "PRIMARY_REGION"})
"""Variables that say where a machine belongs, and nothing else."""
_ENVIRONMENTS = frozenset({"env"})
_HEADERS = frozenset({"headers"})
_VALUES = frozenset({"raw_value", "secret", "nonce"})
_COMMANDS = frozenset({"cmd", "entrypoint", "exec", "command", "kernel_args"})


_DEEPEST = 40
"""No machine nests like that: what does is hidden as a whole."""


def redacted(value: object, *, depth: int = 0) -> object:
    """Return a copy of some JSON in which no value of the above is left."""
    if isinstance(value, Mapping | list | tuple) and depth > _DEEPEST:
        return HIDDEN
    if isinstance(value, Mapping):
        return {key: _entry(key, item, depth) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(item, depth=depth + 1) for item in value]
    return value


def _entry(key: object, value: object, depth: int) -> object:
    if key in _ENVIRONMENTS:
        return _without_values(value)
    if key in _HEADERS:
        return _without_header_values(value)
    if key in _VALUES:
        return _hidden(value)
    return _hidden_arguments(value) if key in _COMMANDS else redacted(value, depth=depth + 1)


def _without_values(environment: object) -> object:
    if not isinstance(environment, Mapping):
        return _hidden(environment)
    return {
        key: value if key in _HARMLESS and isinstance(value, str) else _hidden(value)
        for key, value in environment.items()
    }


def _without_header_values(headers: object) -> object:
    """Checks list them as names with values; fly.toml and answers map names to values."""
    if isinstance(headers, Mapping):
        return {key: _hidden(value) for key, value in headers.items()}
    if not isinstance(headers, list):
        return _hidden(headers)
    return [_header(header) for header in headers]


def _header(header: object) -> object:
    if not isinstance(header, Mapping):
        return _hidden(header)
    return {key: value if _is_name(key, value) else _hidden(value) for key, value in header.items()}


def _is_name(key: object, value: object) -> bool:
    return key == "name" and isinstance(value, str)


def _hidden_arguments(command: object) -> object:
    """Keep the number of arguments, and the kind of value, as readers expect it."""
    return [HIDDEN for _ in command] if isinstance(command, list) else _hidden(command)


def _hidden(value: object) -> object:
    """What is nothing may be shown; all else is hidden as a whole."""
    if value is None or value in ("", [], {}):
        return value
    return [HIDDEN] if isinstance(value, list) else HIDDEN
