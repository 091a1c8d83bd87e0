"""Values that a step of a journey takes out of its answer."""

import re
from collections.abc import Sequence

from slo_action.config.text.patterns import first_match, nodes
from slo_action.core.answer.health_body import is_page
from slo_action.core.journey.journeys import Capture, Subject
from slo_action.core.journey.templates import UntypedText, plain
from slo_action.core.text.quoting import quoted
from slo_action.on_demand import on_demand
from slo_action.probing.assertions import PRIVATE_HEADERS
from slo_action.probing.body import Body, parse_json
from slo_action.probing.exchange import Exchange, media_type
from slo_action.probing.journey_requests import Cookies

_SECRET_NAME = re.compile(
    r"auth|csrf|xsrf|jwt|passw|secret|session|token|(?<![a-z])(?:otp|pin|sid)(?![a-z])",
    re.IGNORECASE,
)
_PAGES = frozenset({"text/html", "application/xhtml+xml"})


class CaptureError(ValueError):
    """What was sought is not in the answer; the text says where it was looked for: untrusted."""


def captured(capture: Capture, last: Exchange, body: Body, cookies: Cookies) -> object:
    """Return the first value that fits: text, a number or a truth value, and not empty.

    What is no JSON is untyped text. Raises CaptureError.
    """
    place, values = _found(capture, last, body, cookies)
    if capture.pattern:
        values = _matches(capture.pattern, values)
        if not values:
            raise CaptureError(f"{place} does not match {quoted(capture.pattern)}")
    value = values[0]
    if value is None or isinstance(value, list | dict) or value == "":
        raise CaptureError(f"{place} is empty, a list or an object")
    is_html = media_type(last.headers) in _PAGES or is_page(body.text)
    if capture.subject is Subject.BODY and is_html:
        value = on_demand("unescape")(value)
    is_typed = capture.subject is Subject.JSON and not capture.pattern
    return value if is_typed else UntypedText(value)


def is_private(capture: Capture) -> bool:
    """Return whether what is captured must not be shown, however short it is."""
    is_header = capture.subject is Subject.HEADER and capture.name.lower() in PRIVATE_HEADERS
    named = f"{capture.variable} {capture.name}"
    return is_header or capture.subject is Subject.COOKIE or bool(_SECRET_NAME.search(named))


def _found(
    capture: Capture, last: Exchange, body: Body, cookies: Cookies
) -> tuple[str, Sequence[object]]:
    """Return where it was looked for, in words, and all that is there; at least one."""
    name = quoted(capture.name)
    found: Sequence[object]
    if capture.subject is Subject.HEADER:
        wanted = capture.name.lower()
        found = [value.strip() for key, value in last.headers if key.lower() == wanted]
        place, missing = f"its header {name}", f"it has no header {name}"
    elif capture.subject is Subject.COOKIE:
        value = cookies.value_of(capture.name)
        found = [] if value is None else [value]
        place, missing = f"the cookie {name}", f"no cookie {name} was set"
    elif capture.subject is Subject.JSON:
        is_json, document = parse_json(body.text)
        found = nodes(capture.name, document) if is_json else ()
        place = f"its JSON at {name}"
        missing = f"{_described(last)} {'has nothing at ' + name if is_json else 'is not JSON'}"
    else:
        found, place, missing = [body.text], _described(last), ""
    if not found:
        raise CaptureError(missing)
    return place, found


def _matches(pattern: str, values: Sequence[object]) -> list[str]:
    texts = [plain(one) for one in values if isinstance(one, str | int | float)]
    return [found for text in texts if (found := first_match(pattern, text)) is not None]


def _described(last: Exchange) -> str:
    kind = media_type(last.headers)
    return f"its body ({quoted(kind) if kind else 'without a content type'}, {last.size} B)"
