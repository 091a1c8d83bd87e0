"""As much of GraphQL as clients of the platform send: one operation, variables, aliases."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_TOKEN = re.compile(r'[A-Za-z_]\w*|\$\w+|-?\d+|"(?:[^"\\]|\\.)*"|\.\.\.|[{}()\[\]:!=@]')


class QueryError(Exception):
    """Why a query is not answered, in GraphQL's own words."""

    def __init__(self, message: str, code: str = "", **more: str) -> None:
        super().__init__(message)
        self.told: dict[str, Any] = {"message": message, "extensions": {"code": code, **more}}


@dataclass(frozen=True, slots=True)
class Field:
    """A wanted field, under the name it is to be told by."""

    name: str
    alias: str
    arguments: Mapping[str, Any]
    wanted: tuple["Field", ...] = ()


@dataclass(frozen=True, slots=True)
class Thing:
    """A value of a type: its fields are values, or functions of their arguments."""

    kind: str
    fields: Mapping[str, Any] = field(default_factory=dict)


def parsed(text: str, variables: Mapping[str, Any]) -> tuple[Field, ...]:
    """Return what an operation wants. Raises QueryError where it cannot be read."""
    words = iter(_TOKEN.findall(re.sub(r"#.*", "", text)))
    try:
        while next(words) != "{":
            pass
        return _selection(words, variables)
    except StopIteration:
        raise QueryError("Parse error: unexpected end of document", "parseError") from None


def told(thing: Thing, wanted: tuple[Field, ...]) -> dict[str, Any]:
    """Return the wanted fields of a thing. Raises QueryError for one it has not."""
    return {one.alias: _value(thing, one) for one in wanted}


def _value(thing: Thing, wanted: Field) -> Any:
    if wanted.name == "__typename":
        return thing.kind
    if wanted.name not in thing.fields:
        raise QueryError(
            f"Field '{wanted.name}' doesn't exist on type '{thing.kind}'",
            "undefinedField",
            typeName=thing.kind,
            fieldName=wanted.name,
        )
    value = thing.fields[wanted.name]
    found = value(wanted.arguments) if callable(value) else value
    if isinstance(found, list):
        return [told(one, wanted.wanted) if isinstance(one, Thing) else one for one in found]
    return told(found, wanted.wanted) if isinstance(found, Thing) else found


def _selection(words: Iterator[str], variables: Mapping[str, Any]) -> tuple[Field, ...]:
    """Read fields up to the closing brace; the opening one has been read."""
    fields: list[Field] = []
    word = next(words)
    while word != "}":
        made, word = _field(word, words, variables)
        fields.append(made)
    return tuple(fields)


def _field(name: str, words: Iterator[str], variables: Mapping[str, Any]) -> tuple[Field, str]:
    """Read one field, and return it with the word after it."""
    alias, word = name, next(words)
    if word == ":":
        name, word = next(words), next(words)
    arguments: dict[str, Any] = {}
    if word == "(":
        arguments, word = _arguments(words, variables), next(words)
    if word != "{":
        return Field(name, alias, arguments), word
    return Field(name, alias, arguments, _selection(words, variables)), next(words)


def _arguments(words: Iterator[str], variables: Mapping[str, Any]) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    while (key := next(words)) != ")":
        if next(words) != ":":
            raise QueryError("Parse error: expected a colon", "parseError")
        arguments[key] = _literal(next(words), variables)
    return arguments


def _literal(word: str, variables: Mapping[str, Any]) -> Any:
    if word.startswith("$"):
        if word[1:] not in variables:
            raise QueryError(f"Variable {word} was not given", "missingRequiredArguments")
        return variables[word[1:]]
    if word.startswith('"'):
        return word[1:-1]
    return int(word) if word.lstrip("-").isdigit() else word
