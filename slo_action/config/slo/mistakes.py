"""Mistakes at their keys, and what pydantic finds wrong with a form as such."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from slo_action.config.openslo.document import KeyMistake
from slo_action.config.slo.forms import Form
from slo_action.config.text.request_options import REQUEST_OPTIONS
from slo_action.config.text.suggest import did_you_mean
from slo_action.core.lint.rule import Document, Key, dotted
from slo_action.core.text.quoting import shown_value
from slo_action.errors import Mistake

AnyForm = TypeVar("AnyForm", bound=Form)
_ACCEPTED = {
    "string_type": "write text, in quotes where it looks like a number",
    "list_type": "write a list",
    "dict_type": "write a mapping",
    "model_type": "write a mapping",
    "bool_type": "write true or false",
    "int_type": "write a whole number",
    "too_long": "write at most {max_length} entries",
    "too_short": "write a list of at least {min_length}",
    "greater_than_equal": "write a whole number, {ge} or more",
    "less_than_equal": "write a whole number, {le} at most",
}
"""By the kind of pydantic's error, filled in from its context."""
_PAGE = "see docs/config.md for what it may be"
_QUOTED = re.compile("'([^']*)'")
_EXAMPLES = {"service": "service: dashboard", "url": "url: https://dashboard.example.com"}
_SECRET = frozenset({"url", "notify", "form", "json", "body"}) | {
    name for name, option in REQUEST_OPTIONS.items() if option.is_private
}
"""Keys whose values may hold credentials, so that they are never shown."""
_MOST = 200
"""More of one form are not reported."""


def _form_mistakes(error: ValidationError, form: type[BaseModel], raw: object) -> list[KeyMistake]:
    """Return what is wrong, each once: a union reports every form that did not fit."""
    found: dict[Key, KeyMistake] = {}
    for error_details in error.errors(include_url=False, include_context=True)[:_MOST]:
        one = _mistake(dict(error_details), form, raw)
        found.setdefault(one.key, one)
    above = {key[:length] for key in found for length in range(len(key))}
    return [one for key, one in found.items() if key not in above]


def _mistake(error_details: dict[str, Any], form: type[BaseModel], raw: object) -> KeyMistake:
    kind = str(error_details["type"])
    key, value = _way(error_details["loc"], raw, keeps_last=kind == "missing")
    if kind == "missing":
        wanted = _EXAMPLES.get(str(key[-1]), f"{key[-1]}: and its value")
        return KeyMistake(key, "is missing", f"write {wanted}")
    if kind == "extra_forbidden":
        return KeyMistake(key, "is not known", did_you_mean(str(key[-1]), _keys_of(form, key[:-1])))
    shown = value if isinstance(value, str | int | float) and not _SECRET & set(key) else None
    accepted = _accepted(kind, error_details.get("ctx", {}), value)
    return KeyMistake(key, "is not accepted", accepted, shown)


def _accepted(kind: str, context: Mapping[str, object], value: object) -> str:
    """Return what would be right, in our words: pydantic's are those of its types."""
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        return did_you_mean(shown_value(value), _QUOTED.findall(str(context["expected"])))
    return _ACCEPTED.get(kind, _PAGE).format_map(context)


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


def _keys_of(form: type[BaseModel], key: Key) -> list[str]:
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


def mistake_at(
    document: Document, key: Key, problem: str, accepted: str, value: object = None
) -> Mistake:
    """Return a mistake where a key stands; its first entry is the number of the YAML document.

    Lists and mappings are not shown: aliases can make them endless.
    """
    field = shown_value(dotted(key[1:]), 200) or f"document {key[0]}"
    mistake = mistake_below(document, key, problem, accepted)
    shown = value if isinstance(value, str | int | float) else None
    return replace(mistake, field=field, value=shown)


def mistake_below(document: Document, key: Key, problem: str, accepted: str) -> Mistake:
    """Return a mistake about a key of an entry, whose `document` knows where entries stand."""
    return placed(Mistake(dotted(key), problem, accepted), document, key)


def placed(mistake: Mistake, document: Document, key: Key) -> Mistake:
    """Return a mistake with the place of a key in its document."""
    place = document.place(key)
    return mistake.at(document.path, place.line, place.column)


def filled_without(
    wrong: Sequence[KeyMistake], form: type[AnyForm], raw: Mapping[str, object]
) -> AnyForm | None:
    """Return the form without what is wrong in `raw`; None where it cannot do without that."""
    plain = dict(raw)
    for one in wrong:
        _drop(plain, one.key)
    try:
        return form.model_validate(plain)
    except ValidationError:
        return None


def _drop(plain: dict[str, object], key: Key) -> None:
    """Take out a key, or else the whole list or mapping around it."""
    name, rest = str(key[0]) if key else "", key[1:]
    inner = plain.get(name)
    if len(rest) == 1 and isinstance(inner, Mapping):
        plain[name] = {one: value for one, value in inner.items() if one != rest[0]}
    else:
        plain.pop(name, None)


def form_at(
    form: type[AnyForm],
    document: Document,
    raw: Mapping[str, object],
    key: Key,
    mistakes: list[Mistake],
) -> tuple[AnyForm | None, Sequence[KeyMistake]]:
    """Return the form that `raw` fills in, or None and what is wrong, which `mistakes` get, too."""
    try:
        return form.model_validate(raw), ()
    except ValidationError as error:
        wrong = _form_mistakes(error, form, raw)
    mistakes += [
        mistake_at(document, (*key, *one.key), one.problem, one.accepted, one.value)
        for one in wrong
    ]
    return None, wrong
