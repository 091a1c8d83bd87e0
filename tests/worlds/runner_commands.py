"""How a runner finds commands in what a step prints. Source: actions/runner, ActionCommand.cs."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field

REGISTERED = frozenset(
    {
        "add-mask",
        "add-matcher",
        "add-path",
        "debug",
        "echo",
        "endgroup",
        "error",
        "group",
        "notice",
        "remove-matcher",
        "save-state",
        "set-env",
        "set-output",
        "stop-commands",
        "warning",
    }
)
WHITE_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
"""What .NET's TrimStart takes off; Python's strip() also takes U+001C to U+001F."""

_V1_ESCAPES = {"%3B": ";", "%0D": "\r", "%0A": "\n", "%5D": "]", "%25": "%"}
_DATA_ESCAPES = {"%0D": "\r", "%0A": "\n", "%25": "%"}
_PROPERTY_ESCAPES = {"%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ",", "%25": "%"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Names of commands and properties are lower case: a runner does not tell case apart."""

    name: str
    data: str
    properties: Mapping[str, str] = field(default_factory=dict)


def parse_command(line: str, registered: Container[str] = REGISTERED) -> Command | None:
    """Return the command in a line, None where a runner sees text."""
    return _v2(line, registered) or _v1(line, registered)


def _v2(line: str, registered: Container[str]) -> Command | None:
    """`::name key=value,key=value::data`, at the start of the line."""
    trimmed = line.lstrip(WHITE_SPACE)
    information, separator, data = trimmed.removeprefix("::").partition("::")
    if not trimmed.startswith("::") or not separator:
        return None
    name, _, properties = information.partition(" ")
    if name.lower() not in registered:
        return None
    return Command(
        name=name.lower(),
        data=_unescaped(data, _DATA_ESCAPES),
        properties=_properties(properties.strip(WHITE_SPACE), ",", _PROPERTY_ESCAPES),
    )


def _v1(line: str, registered: Container[str]) -> Command | None:
    """`##[name key=value;key=value]data`, anywhere in the line."""
    _, prefix, rest = line.partition("##[")
    information, bracket, data = rest.partition("]")
    name, _, properties = information.partition(" ")
    if not (prefix and bracket) or name.lower() not in registered:
        return None
    return Command(
        name=name.lower(),
        data=_unescaped(data, _V1_ESCAPES),
        properties=_properties(properties, ";", _V1_ESCAPES),
    )


def _properties(text: str, separator: str, escapes: Mapping[str, str]) -> dict[str, str]:
    pairs = (part.lstrip("=").partition("=") for part in text.split(separator))
    return {name.lower(): _unescaped(value, escapes) for name, _, value in pairs if name and value}


def _unescaped(text: str, escapes: Mapping[str, str]) -> str:
    """One escape after the other, the percent sign last: the order is part of the protocol."""
    for escape, character in escapes.items():
        text = text.replace(escape, character)
    return text
