"""Machines without what they are configured with in secret: names stay, values go.

Secrets proper are in no configuration, but environments, files, commands and the headers of checks
hold credentials often enough. Rules go by key and hold at any depth, since processes, containers
and events repeat those parts, and since the API may get new parts.
"""

from collections.abc import Callable, Collection, Mapping

HIDDEN = "***"

_HARMLESS = frozenset({"FLY_PROCESS_GROUP", "PRIMARY_REGION"})
"""Variables that say where a machine belongs, and nothing else."""
_DEEPEST = 40
"""No machine nests like that: what does is hidden as a whole."""


def redacted(value: object, *, depth: int = 0) -> object:
    """Return a copy of some JSON in which no value of the above is left."""
    if isinstance(value, Mapping | list | tuple) and depth > _DEEPEST:
        return HIDDEN
    if isinstance(value, Mapping):
        return {
            key: _RULES[key](item) if key in _RULES else redacted(item, depth=depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [redacted(item, depth=depth + 1) for item in value]
    return value


def _without_values(fields: object, shown: Collection[str] = _HARMLESS) -> object:
    if not isinstance(fields, Mapping):
        return _hidden(fields)
    return {
        key: value if key in shown and isinstance(value, str) else _hidden(value)
        for key, value in fields.items()
    }


def _without_header_values(headers: object) -> object:
    """Checks list them as names with values; fly.toml and answers map names to values."""
    if isinstance(headers, list):
        return [_without_values(header, ["name"]) for header in headers]
    return _without_values(headers, [])


def _without_arguments(command: object) -> object:
    """Keep the number of arguments, and the kind of value, as readers expect it."""
    return [HIDDEN for _ in command] if isinstance(command, list) else _hidden(command)


def _hidden(value: object) -> object:
    """Show what is empty; hide all else as a whole."""
    if value is None or value in ("", [], {}):
        return value
    return [HIDDEN] if isinstance(value, list) else HIDDEN


_RULES: Mapping[object, Callable[[object], object]] = {
    "env": _without_values,
    "headers": _without_header_values,
    **dict.fromkeys(("raw_value", "secret", "nonce"), _hidden),
    **dict.fromkeys(("cmd", "entrypoint", "exec", "command", "kernel_args"), _without_arguments),
}
