"""A request as the platform understands it, and the table that finds who answers it."""

import json
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import httpx

from tests.worlds.fly.app_state import AppState
from tests.worlds.fly.refusal import RefusalError
from tests.worlds.fly.tokens import FlyToken, permission

NONCE_HEADER = "fly-machine-lease-nonce"


@dataclass(frozen=True, slots=True)
class Held:
    """An answer that waits: `ready` returns it, None while it is not; `late` is given at `until`.

    `until` counts the world's seconds.
    """

    ready: Callable[[], httpx.Response | None]
    until: float
    late: Callable[[], httpx.Response]


Answer = httpx.Response | Held


@dataclass(frozen=True)
class Call:
    """One request. `named` are the parts of its path."""

    request: httpx.Request
    named: Mapping[str, str]
    token: FlyToken | None

    @cached_property
    def body(self) -> dict[str, Any]:
        """The request's JSON object; empty where it has none. Raises RefusalError, 400."""
        text = self.request.read()
        try:
            found = json.loads(text) if text else {}
        except ValueError:
            raise RefusalError(400, "invalid_argument: the body is no JSON") from None
        return found if isinstance(found, dict) else {}

    @property
    def owner(self) -> str:
        return self.token.owner if self.token else "nobody"

    @property
    def nonce(self) -> str:
        return str(self.request.headers.get(NONCE_HEADER, ""))

    def param(self, name: str) -> str:
        return str(self.request.url.params.get(name, ""))

    def is_set(self, name: str) -> bool:
        return self.param(name).lower() in {"true", "1"}


@dataclass(frozen=True, slots=True)
class Route:
    """Who answers a method and path. `action` names the call in limits, latencies and faults.

    `writes` needs a token that may.
    """

    method: str
    pattern: re.Pattern[str]
    action: str
    serve: Callable[[AppState, Call], Answer]
    writes: bool = False
    is_limited: bool = True


def route(
    line: str,
    action: str,
    serve: Callable[[AppState, Call], Answer],
    *,
    writes: bool = False,
    is_limited: bool = True,
) -> Route:
    """Return a route from a line such as `GET /v1/apps/{app}`."""
    method, _, path = line.partition(" ")
    pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)
    return Route(method, re.compile(pattern), action, serve, writes, is_limited)


def token_of(app_state: AppState, request: httpx.Request) -> FlyToken | None:
    """Return the token a request carries, by header or as a Basic password; None if unknown."""
    value = str(request.headers.get("authorization", ""))
    if value.lower().startswith("basic "):
        try:
            value = b64decode(value[6:]).decode().partition(":")[2]
        except ValueError:
            return None
    return app_state.tokens.get(permission(value))


def demand_right(app_state: AppState, call: Call, *, writes: bool) -> None:
    """Raise RefusalError where the token does not allow what is asked."""
    token, app = call.token, call.named.get("app", app_state.app)
    if token is None:
        raise RefusalError(401, "unauthorized: the token is missing or not valid")
    if app != app_state.app:
        raise RefusalError(404, f"not_found: app {app} not found")
    if token.app not in {None, app_state.app}:
        if app_state.switches.hides_foreign_apps:
            raise RefusalError(404, f"not_found: app {app} not found")
        raise RefusalError(403, "permission_denied: token is not authorized for this app")
    if writes and not token.may_write:
        raise RefusalError(
            403, "permission_denied: unauthorized: the token lacks the right to write"
        )
