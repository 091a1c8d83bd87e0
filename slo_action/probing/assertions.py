"""Whether an answer is what the user demands of it.

What is compared is a JSON value: text is never a number, `true` is not 1, 1 is 1.0, and null is a
value. Where a path or a header is found several times, each of them must fit; where it is not found
at all, only `absent` fits. A pattern is found anywhere in a text; numbers, `true`, `false` and null
are matched as JSON writes them, lists and objects never. Headers are text, which `above` and
`below` read as a number.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from json import dumps
from math import floor

from slo_action.config.text.patterns import finds, nodes
from slo_action.core.journey.journeys import Assertion, Condition, Subject
from slo_action.core.journey.templates import UntypedText
from slo_action.core.text.quoting import quoted
from slo_action.probing.answer import Answer
from slo_action.probing.body import parse_json
from slo_action.probing.trust import days_left

PRIVATE_HEADERS = frozenset(
    {"set-cookie", "set-cookie2", "authorization", "proxy-authorization", "www-authenticate"}
)
"""What these hold is never shown."""
_LONGEST_NUMBER = 40
_OF_BODIES = frozenset({Subject.JSON, Subject.BODY})
_EQUALITY = frozenset({Condition.EQUALS, Condition.NOT_EQUALS})

_Found = tuple[object, ...] | str
"""The values that were found, or why none could be looked for."""


def unmet(assertions: Iterable[Assertion], answer: Answer) -> str:
    """Return the first assertion that fails and what was found; empty if all hold.

    The text may quote the target: untrusted.
    """
    for one in assertions:
        found = _FINDERS[one.subject](one, answer)
        problem = found if isinstance(found, str) else _problem(one, found)
        if problem:
            return f"the assertion {_described(one)} fails: {problem}"
    return ""


def expects_status(assertions: Iterable[Assertion], status: int | None) -> bool:
    """Return whether assertions demand a status, and this one fits them all."""
    demands = [one for one in assertions if one.subject is Subject.STATUS]
    return bool(demands) and all(_holds(one, status) for one in demands)


def looks_at_body(assertions: Iterable[Assertion]) -> bool:
    """Return whether any assertion needs the whole body."""
    return any(one.subject in _OF_BODIES for one in assertions)


def _problem(one: Assertion, values: tuple[object, ...]) -> str:
    if one.condition is Condition.ABSENT:
        return f"found {_shown_of(one, values[0])}" if values else ""
    if not values:
        return "there is no value"
    misfit = [value for value in values if not _holds(one, value)]
    return f"found {_shown_of(one, misfit[0])}" if misfit else ""


def _holds(one: Assertion, value: object) -> bool:
    if one.subject is Subject.CERTIFICATE:
        return not _is_below(value, one.expected)
    expected = one.expected
    if one.subject is Subject.HEADER and one.condition in _EQUALITY:
        expected = _plain(expected)  # a header is text, and is compared as text
    return _CONDITIONS[one.condition](value, expected)


def _json(one: Assertion, answer: Answer) -> _Found:
    is_json, document = parse_json(answer.body.text)
    return nodes(one.name, document) if is_json else "the body is not JSON"


def _header(one: Assertion, answer: Answer) -> _Found:
    wanted = one.name.lower()
    values = tuple(value.strip() for name, value in answer.headers if name.lower() == wanted)
    if one.condition in (Condition.ABOVE, Condition.BELOW):
        return tuple(map(_read_number, values))
    return values


def _certificate(_one: Assertion, answer: Answer) -> _Found:
    expires = answer.certificate_expires_at
    if expires is None:
        return "the answer came over plain HTTP, without a certificate"
    return (floor(100 * days_left(expires, answer.at)) / 100,)


_FINDERS: Mapping[Subject, Callable[[Assertion, Answer], _Found]] = {
    Subject.STATUS: lambda _one, answer: (answer.status,),
    Subject.JSON: _json,
    Subject.HEADER: _header,
    Subject.BODY: lambda _one, answer: (answer.body.text,),
    Subject.CERTIFICATE: _certificate,
}


def _is_one_of(value: object, expected: object) -> bool:
    """`2xx` stands for a whole class."""
    forms = [str(form).lower() for form in _forms(expected)]
    return str(value) in forms or f"{str(value)[:1]}xx" in forms


def _is_same(value: object, expected: object) -> bool:
    if isinstance(expected, UntypedText):
        return not isinstance(value, list | dict) and _plain(value) == expected
    if isinstance(value, bool) or isinstance(expected, bool):
        return value is expected
    if isinstance(value, list) and isinstance(expected, list | tuple):
        pairs = zip(value, expected, strict=False)
        return len(value) == len(expected) and all(_is_same(a, b) for a, b in pairs)
    if isinstance(value, dict) and isinstance(expected, Mapping):
        return value.keys() == expected.keys() and all(
            _is_same(value[key], expected[key]) for key in value
        )
    return value == expected


def _is_found(value: object, expected: object) -> bool:
    return not isinstance(value, list | dict) and finds(str(expected), _plain(value))


def _number(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    try:
        return float(value) if is_number else None  # type: ignore[arg-type]
    except OverflowError:
        return None


def _read_number(text: str) -> object:
    try:
        return float(text)
    except ValueError:
        return text


def _is_below(value: object, limit: object) -> bool:
    number, most = _number(value), _number(limit)
    return number is not None and most is not None and number < most


_CONDITIONS: Mapping[Condition, Callable[[object, object], bool]] = {
    Condition.ONE_OF: _is_one_of,
    Condition.EQUALS: _is_same,
    Condition.NOT_EQUALS: lambda value, expected: not _is_same(value, expected),
    Condition.MATCHES: _is_found,
    Condition.LACKS: lambda value, expected: not _is_found(value, expected),
    Condition.EXISTS: lambda _value, _expected: True,
    Condition.ABSENT: lambda _value, _expected: False,
    Condition.ABOVE: lambda value, expected: _is_below(expected, value),
    Condition.BELOW: _is_below,
}


def _plain(value: object) -> str:
    return value if isinstance(value, str) else dumps(value)


def _described(one: Assertion) -> str:
    """Return what is demanded, such as `json "$.status" equals "ok"`."""
    if one.subject is Subject.CERTIFICATE:
        return f"certificate valid for {_shown(one.expected)} days more"
    parts = [one.subject.value, quoted(one.name)] if one.name else [one.subject.value]
    parts.append(one.condition.value.replace("_", " "))
    if one.subject is Subject.STATUS:
        parts.append(", ".join(map(str, _forms(one.expected))))
    elif one.condition not in (Condition.EXISTS, Condition.ABSENT):
        parts.append(_shown(one.expected))
    return " ".join(parts)


def _forms(expected: object) -> Sequence[object]:
    return expected if isinstance(expected, list | tuple) else (expected,)


def _shown_of(one: Assertion, value: object) -> str:
    if one.subject is Subject.HEADER and one.name.lower() in PRIVATE_HEADERS:
        return "a value that is not shown"
    return _shown(value)


def _shown(value: object) -> str:
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    if isinstance(value, Mapping):
        return f"an object of {len(value)}"
    text = dumps(value, default=str)
    return text if len(text) <= _LONGEST_NUMBER else f"a number of {len(text)} digits"
