"""What an answer's headers let a cache do with it (RFC 9111, RFC 9213). Pure."""

import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum

from slo_action.core.model import Response
from slo_action.core.text.quoting import quoted

_TARGETED = ("cdn-cache-control", "cloudflare-cdn-cache-control", "surrogate-control")
"""What a CDN reads before, and instead of, Cache-Control."""
_FORBIDS = ("no-store", "no-cache", "private")
_LIFETIMES = ("s-maxage", "max-age")
_SECONDS = re.compile(r"[0-9]{1,12}")


class Caching(StrEnum):
    """Whether a cache may keep the answer and give it again unasked."""

    FORBIDDEN = "forbidden"
    UNSAID = "unsaid"
    ALLOWED = "allowed"


def caching(response: Response) -> tuple[Caching, str]:
    """Return what caches may do, and the header that says so; it quotes the target: untrusted.

    `no-cache` and a lifetime of zero let a cache keep an answer, but never give it unasked. Where
    nothing is said, a cache may guess a lifetime.
    """
    for name in (*_TARGETED, "cache-control"):
        value = response.header(name)
        found = _read(_directives(value)) if value else None
        if found:
            return found, f"sends {quoted(f'{_TITLES[name]}: {value}')}"
    return _by_date(response)


_TITLES = {name: "-".join(map(str.capitalize, name.split("-"))) for name in _TARGETED} | {
    "cdn-cache-control": "CDN-Cache-Control",
    "cloudflare-cdn-cache-control": "Cloudflare-CDN-Cache-Control",
    "cache-control": "Cache-Control",
}


def _directives(value: str) -> Mapping[str, str]:
    parts = (part.partition("=") for part in value.lower().split(","))
    return {name.strip(): said.strip(' "\t') for name, _, said in parts}


def _read(directives: Mapping[str, str]) -> Caching | None:
    """None where none of the directives says anything of how long."""
    if any(name in directives for name in _FORBIDS):
        return Caching.FORBIDDEN
    for name in _LIFETIMES:
        said = directives.get(name, "")
        if _SECONDS.fullmatch(said):
            return Caching.ALLOWED if int(said) else Caching.FORBIDDEN
    return Caching.ALLOWED if "public" in directives else None


def _by_date(response: Response) -> tuple[Caching, str]:
    value = response.header("expires")
    if value is None:
        kept = [name for name in ("Age", "ETag", "Last-Modified") if response.header(name)]
        but = f", but {' and '.join(kept)}" if kept else ""
        return Caching.UNSAID, f"sends neither Cache-Control nor Expires{but}"
    expires, made = _date(value), _date(response.header("date") or "")
    is_past = expires is None or (made is not None and expires <= made)
    found = Caching.FORBIDDEN if is_past else Caching.ALLOWED if made else Caching.UNSAID
    return found, f"sends {quoted(f'Expires: {value}')}"


def _date(value: str) -> datetime | None:
    """A date that cannot be read, such as `0`, is one in the past; all of them are GMT."""
    try:
        return parsedate_to_datetime(value).replace(tzinfo=None)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
