"""Where Fly.io's APIs are, and the credentials, checked before anything is sent."""

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from slo_action.config.settings.fly import APP_NAME, authorization
from slo_action.core.text.quoting import quoted
from slo_action.core.text.secrets import Secret
from slo_action.errors import PlatformError

_OVERRIDES = {
    "machines": "FLY_FLAPS_BASE_URL",
    "graphql": "FLY_API_BASE_URL",
    "releases": "FLY_UIEX_BASE_URL",
    "registry": "FLY_REGISTRY_HOST",
}
"""flyctl's own names: internal/config/config.go."""
_BARE_HOST = re.compile(r"[\w.-]++(:\d++)?")
_PLAIN = re.compile(r"https?://[^@?#]++", re.IGNORECASE)


class FlyAddresses(NamedTuple):
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
        given = {name: env.get(variable, "").strip() for name, variable in _OVERRIDES.items()}
        return cls(
            **{name: _address(_OVERRIDES[name], text) for name, text in given.items() if text}
        )


def header_of(token: Secret) -> Secret:
    """Return the token's header. Raises PlatformError, without quoting it, where it is none.

    What cannot be sent is refused here: httpx would quote it in its exception.
    """
    if not token.reveal().strip():
        raise PlatformError(
            "there is no token for Fly.io.",
            hint="set fly-api-token to a deploy token of the app: `fly tokens create deploy`",
        )
    header = authorization(token)
    if not header.reveal().partition(" ")[2] or not is_header(header):
        raise PlatformError(
            "the token for Fly.io is malformed: it has characters that no token has.",
            hint="set fly-api-token to all that `fly tokens create deploy` prints, on one line",
        )
    return header


def is_header(value: Secret) -> bool:
    """Return whether a value can be sent as a header at all."""
    text = value.reveal()
    return text.isascii() and text.isprintable()


def app_name(app: str) -> str:
    """Return an app's name, fit for a URL. Raises PlatformError for anything else."""
    if not APP_NAME.fullmatch(app):
        raise PlatformError(
            f"{quoted(app)} is not a Fly.io app name.",
            hint="see the `app` input: small letters, digits and dashes",
        )
    return app


def _address(variable: str, text: str) -> str:
    """Never quote it: what is wrong with it may be the credentials in it."""
    whole = f"https://{text}" if _BARE_HOST.fullmatch(text) else text
    try:
        parts = urlsplit(whole)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        has_host = False
    if not has_host or not _PLAIN.fullmatch(whole) or not whole.isprintable():
        raise PlatformError(
            f"{variable} is not an API URL.",
            hint=f"set {variable} to an http(s) URL without credentials and query, or remove it",
        )
    return whole.rstrip("/")
