"""Answers of what stands between the runner and the service: firewalls and caches."""

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus

from slo_action.probing.exchange import Headers

_CHALLENGES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "cf-mitigated": ("Cloudflare", ("challenge",)),
    "x-amzn-waf-action": ("AWS WAF", ("challenge", "captcha")),
    "x-vercel-mitigated": ("Vercel", ("challenge", "deny")),
    "x-vercel-challenge-token": ("Vercel", ()),
    "x-sucuri-block": ("Sucuri", ()),
    "x-datadome": ("DataDome", ("blocked", "captcha")),
}
"""Header to firewall and to the values that mean a challenge; none means any value."""
_BLOCKING_SERVERS = {"sucuri": "Sucuri", "akamaighost": "Akamai"}
"""Whose own answer a 403 is: what the service answers has the service's name."""
_CLOUDFLARE_BLOCK = re.compile(
    r"\s*error code: 10\d\d\b|.{0,4000}used cloudflare to restrict access",
    re.IGNORECASE | re.DOTALL,
)
_CHALLENGE_PAGE = "/cdn-cgi/challenge-platform/"
_CHALLENGING_STATUSES = frozenset({403, 429, 503})
_TOKEN = re.compile(r"[a-z_-]+")
_HITS = frozenset({"hit", "tcp_hit", "tcp_mem_hit", "tcp_ims_hit", "tcp_negative_hit", "stale"})


def challenger(status: int, headers: Headers, text: str) -> str | None:
    """Return the firewall that challenged the probe instead of letting it pass; None if none."""
    for name, value in headers:
        firewall, values = _CHALLENGES.get(name.lower(), ("", ()))
        if firewall and (not values or value.strip().lower() in values):
            return firewall
        if name.lower() == "server" and status == HTTPStatus.FORBIDDEN:
            server = value.lower()
            blocking = (named for mark, named in _BLOCKING_SERVERS.items() if mark in server)
            if firewall := next(blocking, ""):
                return firewall
    if status in _CHALLENGING_STATUSES and _CHALLENGE_PAGE in text:
        return "Cloudflare"
    if status == HTTPStatus.FORBIDDEN and _CLOUDFLARE_BLOCK.match(text):
        return "Cloudflare"
    return None


def cache_evidence(headers: Headers) -> str | None:
    """Return the header that proves a cache gave this answer, as `Name: value`; None if none.

    A cache that asked the service first (revalidated, refreshed) is no evidence.
    """
    for name, value in headers:
        proves = _PROOFS.get(name.lower())
        if proves and proves(value.strip().lower()):
            return f"{name}: {value}"
    return None


def _has_age(value: str) -> bool:
    return value.isascii() and value.isdigit() and value.strip("0") != ""


def _says_hit(value: str) -> bool:
    """`HIT`, `Hit from cloudfront`, `MISS, HIT`, `TCP_MEM_HIT from …`; not `RefreshHit from …`."""
    members = [_TOKEN.match(member.strip()) for member in value.split(",")]
    return any(member[0] in _HITS for member in members if member)


def _structured(value: str) -> bool:
    """RFC 9211: a member of the list carries the bare parameter `hit`."""
    parameters = (part.strip() for member in value.split(",") for part in member.split(";")[1:])
    return any(parameter in ("hit", "hit=?1") for parameter in parameters)


_PROOFS: Mapping[str, Callable[[str], bool]] = {
    "age": _has_age,
    "cf-cache-status": ("hit", "stale", "updating").__contains__,
    "x-vercel-cache": ("hit", "stale", "prerender").__contains__,
    "cache-status": _structured,
    "x-varnish": lambda value: re.fullmatch(r"\d+ +\d+", value) is not None,
    **dict.fromkeys(
        (
            "x-cache",
            "x-cache-status",
            "x-proxy-cache",
            "x-nextjs-cache",
            "x-litespeed-cache",
            "x-sucuri-cache",
            "x-drupal-cache",
            "fly-cache-status",
        ),
        _says_hit,
    ),
}
"""Varnish sends a second request number: of the request that filled the cache."""
