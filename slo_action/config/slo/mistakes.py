"""Mistakes at the key of a file that they are about."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from pydantic import ValidationError

from slo_action.config.slo.form_mistakes import FormMistake, form_mistakes
from slo_action.config.slo.forms import Form
from slo_action.config.text.suggest import shown_value
from slo_action.core.lint.rule import Document, Key, dotted
from slo_action.errors import Mistake

AnyForm = TypeVar("AnyForm", bound=Form)


def mistake_at(
    document: Document, key: Key, problem: str, accepted: str, value: object = None
) -> Mistake:
    """Return a mistake where a key stands; its first entry is the number of the YAML document.

    Lists and mappings are not shown: aliases can make them endless.
    """
    field = shown_value(dotted(key[1:]), 200) or f"document {key[0]}"
    told = mistake_below(document, key, problem, accepted)
    shown = shown_value(value) if isinstance(value, str | int | float) else None
    return replace(told, field=field, value=shown)


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


def filled_without(
    wrong: Sequence[FormMistake], form: type[AnyForm], raw: Mapping[str, object]
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
) -> tuple[AnyForm | None, Sequence[FormMistake]]:
    """Return the form that `raw` fills in, or None and what is wrong, which `mistakes` get, too."""
    try:
        return form.model_validate(raw), ()
    except ValidationError as error:
        wrong = form_mistakes(error, form, raw)
    mistakes += [
        mistake_at(document, (*key, *one.key), one.problem, one.accepted, one.value)
        for one in wrong
    ]
    return None, wrong
