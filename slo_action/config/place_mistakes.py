"""Mistakes at the key of a file that they are about."""

from collections.abc import Mapping
from typing import TypeVar

from pydantic import ValidationError

from slo_action.config.form_mistakes import form_mistakes
from slo_action.config.matrix_forms import Form
from slo_action.config.suggest import shown_value
from slo_action.core.rules import Document, Key, dotted
from slo_action.errors import Mistake

AnyForm = TypeVar("AnyForm", bound=Form)


def mistake_at(
    document: Document, key: Key, problem: str, accepted: str, value: object = None
) -> Mistake:
    """Return a mistake where a key stands; its first entry is the number of the YAML document.

    Lists and mappings are not shown: aliases can make them endless.
    """
    place = document.place(key)
    return Mistake(
        field=shown_value(dotted(key[1:]), 200) or f"document {key[0]}",
        problem=problem,
        accepted=accepted,
        value=shown_value(value) if isinstance(value, str | int | float) else None,
        path=document.path,
        line=place.line,
        column=place.column,
    )


def mistake_below(document: Document, key: Key, problem: str, accepted: str) -> Mistake:
    """Return a mistake about a key of an entry, whose `document` knows where entries stand."""
    place = document.place(key)
    return Mistake(
        field=dotted(key),
        problem=problem,
        accepted=accepted,
        path=document.path,
        line=place.line,
        column=place.column,
    )


def well_filled(form: type[AnyForm], raw: Mapping[str, object]) -> AnyForm | None:
    """Return the form without what is wrong in `raw`; None where it cannot do without that."""
    plain = dict(raw)
    try:
        form.model_validate(plain)
    except ValidationError as error:
        for one in form_mistakes(error, form, raw):
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
) -> AnyForm | None:
    """Return the form that `raw` fills in; None where it does not, and `mistakes` then say why."""
    try:
        return form.model_validate(raw)
    except ValidationError as error:
        for one in form_mistakes(error, form, raw):
            where = (*key, *one.key)
            mistakes.append(mistake_at(document, where, one.problem, one.accepted, one.value))
        return None
