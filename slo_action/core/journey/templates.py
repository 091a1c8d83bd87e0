"""Texts with `${variable}` and `${secrets.NAME}` in them, filled in so that no value breaks out.

Values are untrusted. Each is put in once and never looked at again, so a value that looks
like a variable stays what it is.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from urllib.parse import quote

from slo_action.core.journey.journeys import Assertion, Condition, Journey, JourneyStep

SECRETS = "secrets."
"""What the names of secrets begin with."""
RUN_VALUES = ("now", "uuid")
"""Variables that each run of a journey sets itself: when it began, and what no other run has."""

_PLACEHOLDER = re.compile(r"\$\{((?:\{[^{}]*\}|[^{}])*)\}")
"""Whatever a user may write so: what has no value is a mistake, and is never sent."""
_AUTHORITY = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
_DOTS = frozenset({".", ".."})
_PATTERNS = frozenset({Condition.MATCHES, Condition.LACKS})
_LONGEST_IN_PATTERN = 1000
"""A pattern takes many times the memory of its text."""

Key = tuple[str | int, ...]
"""The way to a value in a journey, as slo.yml writes it."""
Values = Mapping[str, object]
"""Text, numbers and truth values by name; those of secrets begin with `secrets.`."""


class UntypedText(str):
    """Text that is no JSON: of a header, a cookie, a page or a secret. It equals `42` as "42"."""

    __slots__ = ()


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


def followed(target: str) -> str:
    """Return the variable that a target begins with: a captured link; empty where it has none."""
    found = _PLACEHOLDER.match(target)
    return found[1] if found else ""


def filled_link(target: str, values: Values) -> str:
    """Return a target that begins with a captured link. It may lead anywhere.

    Raises UnfitValueError and KeyError as `filled_url` does.
    """
    name = followed(target)
    rest = filled_url(target.removeprefix(f"${{{name}}}"), values)
    return f"{plain(values[name]).partition('#')[0]}{rest}"


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


def filled_assertion(assertion: Assertion, values: Values) -> Assertion:
    """Return an assertion whose values are in their places; in a pattern one stands for itself.

    Raises UnfitValueError for one too long for a pattern, KeyError as `filled` does.
    """
    expected = assertion.expected
    if assertion.condition in _PATTERNS:
        return replace(assertion, expected=filled(str(expected), values, _in_pattern))
    return replace(assertion, expected=filled_json(expected, values))


def undefined(journey: Journey) -> tuple[tuple[Key, str, tuple[str, ...]], ...]:
    """Return every use of a variable that is not captured yet: its key, name, and what is there.

    A step's own captures are there for its assertions.
    """
    defined = set(RUN_VALUES)
    found: dict[tuple[int, str], tuple[Key, str, tuple[str, ...]]] = {}
    for index, step in enumerate(journey.steps):
        own = {capture.variable for capture in step.captures}
        for texts, there in ((_sent(step), defined), (_asserted(step), defined | own)):
            for key, text in texts:
                for name in names_in(text):
                    if name not in there and not name.startswith(SECRETS):
                        use = (("steps", index, *key), name, tuple(sorted(there)))
                        found.setdefault((index, name), use)
        defined |= own
    return tuple(found.values())


def secrets_of(journey: Journey) -> tuple[str, ...]:
    """Return the names of the secrets that a journey uses, each once."""
    texts = (text for one in journey.steps for _, text in (*_sent(one), *_asserted(one)))
    used = dict.fromkeys(name for text in texts for name in names_in(text))
    return tuple(name.removeprefix(SECRETS) for name in used if name.startswith(SECRETS))


def asserted_names(assertion: Assertion) -> frozenset[str]:
    """Return the names that an assertion uses."""
    return frozenset(name for _, text in _texts(assertion.expected) for name in names_in(text))


def _sent(step: JourneyStep) -> Iterator[tuple[Key, str]]:
    kind = "url" if followed(step.target) or "://" in step.target else "path"
    sent = {"headers": step.headers, "form": step.form, "body": step.body, "json": step.json}
    yield from _texts({kind: step.target, **sent})


def _asserted(step: JourneyStep) -> Iterator[tuple[Key, str]]:
    yield from _texts({"assertions": [one.expected for one in step.assertions]})


def _texts(document: object, key: Key = ()) -> Iterator[tuple[Key, str]]:
    """Yield every text in a document with its key."""
    if isinstance(document, str):
        yield key, document
    elif isinstance(document, Mapping | list | tuple):
        inner = document.items() if isinstance(document, Mapping) else enumerate(document)
        for part, value in inner:
            yield from _texts(value, (*key, part))


def _encoded(value: str) -> str:
    return quote(value, safe="", errors="replace")


def _in_pattern(value: str) -> str:
    if len(value) > _LONGEST_IN_PATTERN:
        problem = f"a value of {len(value)} characters is too long for a pattern"
        raise UnfitValueError(problem)
    return re.escape(value)


def _dots(path: str) -> int:
    return sum(segment in _DOTS for segment in path.split("/"))
