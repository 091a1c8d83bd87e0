"""The cookies of one journey's one run: kept and sent as a browser would."""

from http.cookiejar import Cookie, CookieJar, DefaultCookiePolicy
from urllib.request import Request

import httpx

from slo_action.probing.intermediaries import Headers


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
        return tuple(form for value in self._policy.values for form in _forms(value))

    @property
    def refused(self) -> tuple[str, ...]:
        """Names of cookies that are for another host, untrusted text."""
        return tuple(dict.fromkeys(self._policy.refused))

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

    def set_ok(self, cookie: Cookie, request: Request) -> bool:
        accepted = super().set_ok(cookie, request)
        if cookie.value:
            self.values.append(cookie.value)
        if not accepted:
            self.refused.append(cookie.name)
        return accepted


def _forms(value: str) -> tuple[str, ...]:
    shown = value.encode("latin-1", "replace").decode("utf-8", "replace")
    return (value,) if value == shown else (value, shown)
