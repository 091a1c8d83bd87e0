"""Where a redirect leads, whether it may be followed, and what to do about it."""

import re
from urllib.parse import urljoin, urlsplit

import httpx

MOST_REDIRECTS = 5
STATUSES = frozenset({301, 302, 303, 307, 308})

_PORTS = {"http": 80, "https": 443}
_LOGIN = re.compile(r"log-?in|sign-?in|sso|oauth|auth/|/auth|saml|accounts?\.", re.IGNORECASE)
_NONCE = re.compile(r"([?&])_slo=[0-9A-Za-z]*(?:&|(?=#|$))")


def with_nonce(url: str, nonce: str) -> str:
    """Return `url` with a query that no cache has seen, put behind what it already asks."""
    bare = url.partition("#")[0]
    return f"{bare}{'&' if '?' in bare else '?'}_slo={nonce}"


def without_nonce(url: str) -> str:
    """Return `url` without the query that `with_nonce` added."""
    return _NONCE.sub(r"\1", url).rstrip("?&")


def target_of(url: str, location: str) -> str | None:
    """Return the absolute URL that `location` names on a page at `url`; None if it names none."""
    try:
        joined = urljoin(url, location.strip())
        if not joined.isprintable():
            return None
        split, port = urlsplit(joined), urlsplit(joined).port
        httpx.URL(joined)
    except (ValueError, httpx.InvalidURL):
        return None
    return joined if split.scheme in _PORTS and split.hostname and port != 0 else None


def may_follow(url: str, target: str) -> bool:
    """Return whether `target` is the same server, or its https side on the usual port.

    Anything else could be another party's server, which must not be sent our authorization.
    """
    here, there = urlsplit(url), urlsplit(target)
    if here.hostname != there.hostname or there.username is not None:
        return False
    port = there.port or _PORTS.get(there.scheme)
    if here.scheme == there.scheme:
        return port == (here.port or _PORTS.get(here.scheme))
    return (here.scheme, there.scheme) == ("http", "https") and port == _PORTS["https"]


def advice(url: str, target: str) -> str:
    """Return the likely fix for a health URL that redirects, in an imperative sentence part."""
    here, there = urlsplit(url), urlsplit(target)
    if _LOGIN.search(f"{there.hostname}{there.path}"):
        return "it looks like a login page: send credentials by `headers`, or open the path"
    if here.hostname == there.hostname and (here.scheme, there.scheme) == ("http", "https"):
        return "use the https URL"
    if without_nonce(url) == without_nonce(target):
        return "it leads to itself, perhaps for a cookie: set `follow-redirects: same-host`"
    if here.hostname == there.hostname and here.path.rstrip("/") == there.path.rstrip("/"):
        return "write the path exactly as the service does, its last slash included"
    if here.hostname != there.hostname:
        return "probe the final host itself"
    return "probe the final URL itself, or allow redirects on the same host"
