"""What pydantic found wrong with a form, in words a person can act on, at the key it is about."""

from collections.abc import Iterator
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from slo_action.config.text.suggest import did_you_mean, shown_value
from slo_action.core.lint.rule import Key

_ACCEPTED = {
    "string_type": "write text, in quotes where it looks like a number",
    "list_type": "write a list",
    "dict_type": "write a mapping",
    "model_type": "write a mapping",
    "bool_type": "write true or false",
    "int_type": "write a whole number",
    "float_type": "write a number",
}
_SECRET = frozenset({"url", "notify", "headers", "form", "json", "body"})
"""Keys whose values may hold credentials, so that they are never shown."""
_MOST = 200
"""More of one form are counted by nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FormMistake:
    """One thing wrong; `key` is relative to the form. `value` is None where it is not shown."""

    key: Key
    problem: str
    accepted: str
    value: str | None = None


def form_mistakes(error: ValidationError, form: type[BaseModel], raw: object) -> list[FormMistake]:
    """Return what is wrong, each once: a union tells of every form that did not fit."""
    found: dict[Key, FormMistake] = {}
    for told in error.errors(include_url=False, include_context=True)[:_MOST]:
        one = _mistake(dict(told), form, raw)
        found.setdefault(one.key, one)
    above = {key[:length] for key in found for length in range(len(key))}
    return [one for key, one in found.items() if key not in above]


def _mistake(told: dict[str, Any], form: type[BaseModel], raw: object) -> FormMistake:
    kind = str(told["type"])
    key, value = _way(told["loc"], raw, keeps_last=kind == "missing")
    if kind == "missing":
        return FormMistake(key=key, problem="is missing", accepted=_wanted(key))
    if kind == "extra_forbidden":
        known = did_you_mean(str(key[-1]), _known(form, key[:-1]))
        return FormMistake(key=key, problem="is not known", accepted=known)
    scalar = isinstance(value, str | int | float) and not _SECRET & set(key)
    return FormMistake(
        key=key,
        problem="is not accepted",
        accepted=_ACCEPTED.get(kind, str(told["msg"]).removeprefix("Value error, ")),
        value=shown_value(value) if scalar else None,
    )


def _wanted(key: Key) -> str:
    examples = {"service": "service: dashboard", "url": "url: https://dashboard.example.com"}
    return f"write {examples.get(str(key[-1]), f'{key[-1]}: and its value')}"


def _way(loc: tuple[int | str, ...], raw: object, *, keeps_last: bool) -> tuple[Key, object]:
    """Return the way to the value as it is written: pydantic names the forms it tried, too."""
    key: Key = ()
    here = raw
    for part in loc:
        try:
            here = here[part]  # type: ignore[index] # what has no such part is passed over
        except (KeyError, IndexError, TypeError):
            continue
        key = (*key, part)
    return ((*key, loc[-1]), None) if keeps_last else (key, here)


def _known(form: type[BaseModel], key: Key) -> list[str]:
    """Return the keys that a form takes at the end of a way into it."""
    forms: list[type[BaseModel]] = [form]
    for part in key:
        if isinstance(part, int):
            continue
        fields = [_field(one, part) for one in forms]
        inner = [model for annotation in fields for model in _models(annotation)]
        forms = inner or forms
    return sorted({info.alias or name for one in forms for name, info in one.model_fields.items()})


def _field(form: type[BaseModel], part: str) -> object:
    fields = form.model_fields.items()
    return next((info.annotation for name, info in fields if part in (name, info.alias)), None)


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    """Find the forms within `X | None`, `list[X]`, `dict[str, X]` and `Annotated`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Union, UnionType, list, dict, Annotated):
        for inner in get_args(annotation):
            yield from _models(inner)
