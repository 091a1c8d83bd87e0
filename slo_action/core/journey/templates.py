"""Texts with `${variable}` and `${secrets.NAME}` in them, filled in so that no value breaks out.

Values are untrusted. Each is put in once and never looked at again, so a value that looks
like a variable stays what it is.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import quote

from slo_action.core.journey.journeys import Journey, JourneyStep

SECRETS = "secrets."
"""What the names of secrets begin with."""

_PLACEHOLDER = re.compile(r"\$\{((?:\{[^{}]*\}|[^{}])*)\}")
"""Whatever a user may write so: what has no value is a mistake, and is never sent."""
_AUTHORITY = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
_DOTS = frozenset({".", ".."})

Values = Mapping[str, object]
"""Text, numbers and truth values by name; those of secrets begin with `secrets.`."""


class UnfitValueError(ValueError):
    """A value that cannot stand where it is put."""


def names_in(text: str) -> tuple[str, ...]:
    """Return the names that a text uses, in order; those of secrets begin with `secrets.`."""
    return tuple(_PLACEHOLDER.findall(text))


def plain(value: object) -> str:
    """Return a value as text: numbers and truth values as JSON writes them."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def filled(text: str, values: Values, encode: Callable[[str], str] = str) -> str:
    """Return the text with every value in its place. Raises KeyError with a name without one."""
    return _PLACEHOLDER.sub(lambda match: encode(plain(values[match[1]])), text)


def filled_url(target: str, values: Values) -> str:
    """Return a path or URL with its values percent-encoded, and without its fragment.

    Raises UnfitValueError where one stands in scheme or host, or leads to another directory;
    KeyError as `filled` does.
    """
    text = target.partition("#")[0]
    authority = _AUTHORITY.match(text)
    host = authority[0] if authority else ""
    if names_in(host):
        raise UnfitValueError("no variable can stand in a URL's scheme or host")
    path, mark, query = text[len(host) :].partition("?")
    encoded = filled(path, values, _encoded)
    if _dots(encoded) != _dots(path):
        raise UnfitValueError("a value of dots alone cannot stand in a path")
    return f"{host}{encoded}{mark}{filled(query, values, _encoded)}"


def filled_json(document: object, values: Values) -> object:
    """Return a JSON document whose texts have their values, whatever those hold.

    A text that is nothing but one variable becomes its value, a number as a number. Raises KeyError
    as `filled` does.
    """
    if isinstance(document, str):
        only = _PLACEHOLDER.fullmatch(document)
        return values[only[1]] if only else filled(document, values)
    if isinstance(document, Mapping):
        return {key: filled_json(value, values) for key, value in document.items()}
    if isinstance(document, list | tuple):
        return [filled_json(value, values) for value in document]
    return document


def undefined(journey: Journey) -> tuple[tuple[int, str], ...]:
    """Return every use of a variable that no earlier step captures: the step's index, the name."""
    captured: set[str] = set()
    found: list[tuple[int, str]] = []
    for index, step in enumerate(journey.steps):
        used = [name for name in _used(step) if not name.startswith(SECRETS)]
        found += [(index, name) for name in used if name not in captured]
        captured |= {capture.variable for capture in step.captures}
    return tuple(found)


def secrets_of(journey: Journey) -> tuple[str, ...]:
    """Return the names of the secrets that a journey uses, each once."""
    used = dict.fromkeys(name for step in journey.steps for name in _used(step))
    return tuple(name.removeprefix(SECRETS) for name in used if name.startswith(SECRETS))


def _used(step: JourneyStep) -> list[str]:
    return list(dict.fromkeys(name for text in _texts(step) for name in names_in(text)))


def _texts(step: JourneyStep) -> Iterator[str]:
    yield step.target
    yield from step.headers.values()
    yield from (step.form or {}).values()
    yield step.body
    yield from _json_texts(step.json)


def _json_texts(document: object) -> Iterator[str]:
    if isinstance(document, str):
        yield document
    elif isinstance(document, Mapping):
        for value in document.values():
            yield from _json_texts(value)
    elif isinstance(document, list | tuple):
        for value in document:
            yield from _json_texts(value)


def _encoded(value: str) -> str:
    return quote(value, safe="", errors="replace")


def _dots(path: str) -> int:
    return sum(segment in _DOTS for segment in path.split("/"))
