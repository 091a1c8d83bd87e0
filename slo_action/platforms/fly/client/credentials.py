"""What a run says it is: the token and the app's name, looked at before anything is sent."""

import re

from slo_action.config.settings.fly import authorization
from slo_action.core.text.quoting import quoted
from slo_action.core.text.secrets import Secret
from slo_action.errors import PlatformError

_APP = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def header_of(token: Secret) -> Secret:
    """Return the token's header. Raises PlatformError, without a word of it, where it is none.

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
            "the token for Fly.io is malformed: it holds what no token can.",
            hint="set fly-api-token to all that `fly tokens create deploy` prints, on one line",
        )
    return header


def is_header(value: Secret) -> bool:
    """Tell whether a value can be sent as a header at all."""
    text = value.reveal()
    return text.isascii() and text.isprintable()


def app_name(app: str) -> str:
    """Return what is an app's name, fit for an address. Raises PlatformError for all else."""
    if not _APP.fullmatch(app):
        raise PlatformError(
            f"{quoted(app)} is no name of an app on Fly.io.",
            hint="see the `app` input: small letters, digits and dashes",
        )
    return app
