"""Fly.io: what the inputs say of it, and the rule for its tokens."""

import re
from dataclasses import dataclass

from slo_action.core.text.secrets import Secret

_SCHEMES = ("bearer", "flyv1")
_MACAROONS = ("fm1r_", "fm1a_", "fm2_")


APP_NAME = re.compile("[a-z0-9][a-z0-9-]{0,62}")


def app_name(text: str) -> str:
    """Return an app's name as it is. Raises ValueError with the accepted form."""
    if not APP_NAME.fullmatch(text):
        raise ValueError("write the app's name: small letters, digits and dashes, such as shop-api")
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class FlySettings:
    """The app and its deploy token."""

    app: str
    token: Secret


def authorization(token: Secret) -> Secret:
    """Return the Authorization header's value: macaroons go as `FlyV1`, all else as `Bearer`.

    A token may carry one scheme or several already. Fly's Prometheus refuses a macaroon sent as
    `Bearer`. What is a `Basic` header's value, such as a URL's credentials, stays as it is.
    """
    rest, is_fly = token.reveal().strip(), False
    if rest.lower().startswith("basic "):
        return Secret(rest)
    while (scheme := rest.partition(" ")[0].lower()) in _SCHEMES:
        is_fly = is_fly or scheme == "flyv1"
        rest = rest.partition(" ")[2].strip()
    return Secret(f"{'FlyV1' if is_fly or rest.startswith(_MACAROONS) else 'Bearer'} {rest}")


def token_parts(token: Secret) -> tuple[Secret, ...]:
    """Return the whole token and each macaroon of it: each alone is a credential to mask."""
    bare = authorization(token).reveal().partition(" ")[2] if token else ""
    parts = [part.strip() for part in bare.split(",")] if bare else []
    return tuple(Secret(part) for part in dict.fromkeys([token.reveal(), bare, *parts]) if part)
