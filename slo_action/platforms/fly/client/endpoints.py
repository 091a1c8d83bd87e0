"""Where Fly.io's APIs are."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from urllib.parse import SplitResult, urlsplit

from slo_action.errors import PlatformError

_OVERRIDES = {
    "machines": "FLY_FLAPS_BASE_URL",
    "graphql": "FLY_API_BASE_URL",
    "releases": "FLY_UIEX_BASE_URL",
    "registry": "FLY_REGISTRY_HOST",
}
"""flyctl's own names: internal/config/config.go."""
_BARE_HOST = re.compile(r"[\w.-]++(:\d++)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class FlyAddresses:
    """Base URLs without a slash at the end; `releases` is where release records are made."""

    machines: str = "https://api.machines.dev"
    graphql: str = "https://api.fly.io"
    releases: str = "https://api.fly.io"
    registry: str = "https://registry.fly.io"

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> "FlyAddresses":
        """Return the addresses with flyctl's overrides; an empty one overrides nothing.

        Raises PlatformError for what is no http(s) address, or holds credentials.
        """
        told = {field.name: env.get(_OVERRIDES[field.name], "").strip() for field in fields(cls)}
        return cls(
            **{name: _address(_OVERRIDES[name], text) for name, text in told.items() if text}
        )


def _address(variable: str, text: str) -> str:
    """Never quote it: what is wrong with it may be the credentials in it."""
    whole = f"https://{text}" if _BARE_HOST.fullmatch(text) else text
    if not _is_plain(_split(whole)):
        raise PlatformError(
            f"{variable} is no address of an API.",
            hint=f"set {variable} to an http(s) URL without credentials and query, or remove it",
        )
    return whole.rstrip("/")


def _split(text: str) -> SplitResult | None:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _is_plain(parts: SplitResult | None) -> bool:
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        return False
    whole = parts.geturl()
    return "@" not in whole and not (parts.query or parts.fragment) and whole.isprintable()
