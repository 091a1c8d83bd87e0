"""A step of a journey as a request: its texts filled in, its body encoded, its redirects taken."""

from dataclasses import dataclass, replace
from http import HTTPStatus
from json import dumps
from urllib.parse import urlencode

import httpx

from slo_action.core.journey.journeys import JourneyStep
from slo_action.core.journey.templates import Values, filled, filled_json, filled_url
from slo_action.probing.exchange import FRAMING_HEADERS, OUR_HEADERS, sendable

_OF_BODIES = frozenset({"content-type", "content-encoding", "content-language"})
_MOVED = frozenset({HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.FOUND})


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A request as it is meant; whether it can be sent shows when it is made."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    content: bytes


def outgoing(step: JourneyStep, base: str, values: Values) -> Outgoing:
    """Return the first request of a step below the URL `base`.

    Raises KeyError with the name that has no value, UnfitValueError for one that does not fit.
    """
    target = filled_url(step.target, values)
    kind, content = _body(step, values)
    headers = [(name, filled(value, values)) for name, value in step.headers.items()]
    if kind and all(name.lower() != "content-type" for name, _ in headers):
        headers.append(("Content-Type", kind))
    return Outgoing(
        method=step.method.upper(),
        url=target if _is_whole(target) else f"{base.rstrip('/')}/{target.lstrip('/')}",
        headers=tuple(headers),
        content=content,
    )


def _is_whole(target: str) -> bool:
    return target.lower().startswith(("http://", "https://"))


def _body(step: JourneyStep, values: Values) -> tuple[str, bytes]:
    """Return the body and the content type that it has unless the step says another."""
    if step.json is not None:
        return "application/json", dumps(filled_json(step.json, values)).encode()
    if step.form is not None:
        fields = {name: filled(value, values) for name, value in step.form.items()}
        return "application/x-www-form-urlencoded", urlencode(fields, errors="replace").encode()
    return "", filled(step.body, values).encode("utf-8", "replace")


def redirected(one: Outgoing, status: int, target: str) -> Outgoing:
    """Return the request that follows a redirect, as browsers make it.

    After 303, and after 301 and 302 to a POST, it is a GET without a body (WHATWG Fetch, 4.4).
    """
    other = status == HTTPStatus.SEE_OTHER and one.method not in ("GET", "HEAD")
    moved = status in _MOVED and one.method == "POST"
    if not (other or moved):
        return replace(one, url=target)
    kept = tuple(pair for pair in one.headers if pair[0].lower() not in _OF_BODIES)
    return Outgoing(method="GET", url=target, headers=kept, content=b"")


def request_of(one: Outgoing, *, cookie: str, authorization: str | None) -> httpx.Request:
    """Return the request itself; the step's own headers come before ours and the jar's.

    Raises UnsendableHeaderError, and ValueError for a URL that is none.
    """
    own = sendable(one.headers, FRAMING_HEADERS)
    said = {name.lower() for name, _ in own}
    headers = [pair for pair in OUR_HEADERS if pair[0].lower() not in said] + own
    if authorization is not None and b"authorization" not in said:
        headers.append((b"Authorization", authorization.encode("latin-1")))
    if cookie and b"cookie" not in said:
        headers.append((b"Cookie", cookie.encode("latin-1")))
    return httpx.Request(one.method, one.url, headers=headers, content=one.content or None)
