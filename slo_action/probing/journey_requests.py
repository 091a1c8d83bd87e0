"""What a step of a journey sends: its texts filled in, its body encoded, its user's cookies."""

from collections.abc import Mapping
from http.cookiejar import Cookie, CookieJar, DefaultCookiePolicy
from json import dumps
from urllib.parse import unquote, urlencode
from urllib.request import Request

import httpx

from slo_action.core.journey.journeys import JourneyStep
from slo_action.core.journey.templates import (
    Values,
    filled,
    filled_json,
    filled_link,
    filled_url,
    followed,
)
from slo_action.core.text.quoting import quoted
from slo_action.probing.exchange import Headers
from slo_action.probing.redirects import may_follow, target_of
from slo_action.probing.sender import Outgoing


class LinkError(ValueError):
    """A captured link that is none, or leads to another origin. The text may quote it."""


def outgoing(step: JourneyStep, base: str, values: Values, sources: Mapping[str, str]) -> Outgoing:
    """Return the first request of a step below the URL `base`.

    `sources` are the URLs of the answers that variables are from. Raises KeyError with the name
    that has no value, UnfitValueError for one that does not fit, LinkError for one not to follow.
    """
    kind, content = _body(step, values)
    headers = [(name, filled(value, values)) for name, value in step.headers.items()]
    if kind and all(name.lower() != "content-type" for name, _ in headers):
        headers.append(("Content-Type", kind))
    return Outgoing(
        method=step.method.upper(),
        url=_url(step.target, base, values, sources),
        headers=tuple(headers),
        content=content,
    )


def _url(target: str, base: str, values: Values, sources: Mapping[str, str]) -> str:
    variable = followed(target)
    if variable:
        return _followed_url(variable, filled_link(target, values), sources.get(variable, base))
    url = filled_url(target, values)
    is_whole = url.lower().startswith(("http://", "https://"))
    return url if is_whole else f"{base.rstrip('/')}/{url.lstrip('/')}"


def _followed_url(variable: str, link: str, source: str) -> str:
    url = target_of(source, link)
    if url is None:
        raise LinkError(f"${{{variable}}} is not followed: it is no path and no http address")
    if not may_follow(source, url):
        there, here = (quoted(_origin(one)) for one in (url, source))
        raise LinkError(
            f"${{{variable}}} is not followed: it leads to {there}, another origin than {here}; "
            "if that is meant, write its address as the step's url"
        )
    return url


def _origin(url: str) -> str:
    parts = httpx.URL(url)
    return f"{parts.scheme}://{parts.netloc.decode('ascii')}"


def _body(step: JourneyStep, values: Values) -> tuple[str, bytes]:
    """Return the body and the content type that it has unless the step says another."""
    if step.json is not None:
        return "application/json", dumps(filled_json(step.json, values)).encode()
    if step.form is not None:
        fields = {name: filled(value, values) for name, value in step.form.items()}
        return "application/x-www-form-urlencoded", urlencode(fields, errors="replace").encode()
    return "", filled(step.body, values).encode("utf-8", "replace")


class Cookies:
    """A jar by domain, path and `Secure`.

    `values` are all that a service tried to set. `refused` names those that it may not set.
    """

    def __init__(self) -> None:
        self._policy = _Policy()
        self._cookies = httpx.Cookies(CookieJar(self._policy))

    @property
    def values(self) -> tuple[str, ...]:
        """The values of all cookies that were offered: each may be a session.

        Those beyond ASCII are there as a body in UTF-8 shows them, too.
        """
        raw = self._policy.values
        shown = (v.encode("latin-1", "replace").decode("utf-8", "replace") for v in raw)
        return tuple(dict.fromkeys((*raw, *shown)))

    @property
    def refused(self) -> tuple[str, ...]:
        """Names of cookies that are for another host, untrusted text."""
        return tuple(dict.fromkeys(self._policy.refused))

    def value_of(self, name: str) -> str | None:
        """Return the value that a cookie was given last, percent-decoded as pages read it.

        None where no cookie of that name was kept.
        """
        value = self._policy.kept.get(name)
        return None if value is None else unquote(value.encode("latin-1", "replace"))

    def header_for(self, url: str) -> str:
        """Return the Cookie header of a request, a character for each byte; empty without one."""
        request = Request(str(httpx.URL(url)))  # noqa: S310 - it is never opened
        self._cookies.jar.add_cookie_header(request)
        return request.get_header("Cookie", "")

    def take(self, url: str, headers: Headers) -> None:
        """Keep what the answer from `url` sets."""
        answer = httpx.Response(
            200, headers=[(k.encode(), v.encode("latin-1")) for k, v in headers]
        )
        answer.headers.encoding = "latin-1"  # else it guesses, and what was sent is lost
        answer.request = httpx.Request("GET", url)
        self._cookies.extract_cookies(answer)


class _Policy(DefaultCookiePolicy):
    def __init__(self) -> None:
        super().__init__()
        self.values: list[str] = []
        self.refused: list[str] = []
        self.kept: dict[str, str] = {}

    def set_ok(self, cookie: Cookie, request: Request) -> bool:
        sendable = not any(mark in f"{cookie.name}{cookie.value}" for mark in "\r\n\0")
        accepted = sendable and super().set_ok(cookie, request)
        if cookie.value:
            self.values.append(cookie.value)
        if accepted:
            self.kept[cookie.name] = cookie.value or ""
        else:
            self.refused.append(cookie.name)
        return accepted
