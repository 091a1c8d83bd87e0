"""Fly.io's APIs over HTTP: machines, releases, and whether an image is still there.

Sources: the Machines API (docs.machines.dev); flyctl and fly-go for what is not documented. All
that comes back is untrusted.
"""

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, replace
from urllib.parse import quote

import httpx

from slo_action.config.settings.fly import token_parts
from slo_action.core.text.secrets import Scrubber, Secret
from slo_action.platforms.fly.client import releases_query as ledger
from slo_action.platforms.fly.client.credentials import app_name, header_of, is_header
from slo_action.platforms.fly.client.endpoints import FlyAddresses
from slo_action.platforms.fly.client.errors import (
    ApiAnswer,
    Call,
    FlyConflictError,
    FlyRefusedError,
    refused,
)
from slo_action.platforms.fly.client.http import FlyWire
from slo_action.platforms.fly.client.models import LeaseAnswer, read
from slo_action.platforms.fly.client.registry import manifest_call, registry_header
from slo_action.platforms.fly.client.release_row import LedgerRow
from slo_action.ports import Clock

__all__ = ["FlyAddresses", "FlyApi", "FlyConflictError", "FlyRefusedError", "Lease"]

Json = dict[str, object]

_MOST_EVENTS = "50"
_NOT_FOUND = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A machine that nobody else may change until `expires_at`, in seconds since 1970."""

    nonce: Secret
    expires_at: float
    owner: str = ""


class FlyApi:
    """One app, asked with one token. Safe to use from several threads.

    Every call raises FlyRefusedError, as FlyConflictError for 409 and 412. Reads, and what may be
    done twice, are repeated within `patience_seconds`; so is everything that Fly has surely not
    done. An update, a restart or a new lease whose answer was lost is not sent again: the error's
    `status` is None, 408 or 5xx, and only another look tells what became of it.

    Raises PlatformError for a token or an app's name that cannot be one. The scrubber learns the
    token, its parts and every lease's nonce.
    """

    def __init__(  # noqa: PLR0913 - what it talks to, what it says it is, and the run's own tools
        self,
        addresses: FlyAddresses,
        app: str,
        token: Secret,
        *,
        clock: Clock,
        scrubber: Scrubber,
        transport: httpx.BaseTransport | None,
        patience_seconds: float,
    ) -> None:
        header = header_of(token)
        self._addresses = addresses
        self._app = app_name(app)
        self._clock = clock
        self._scrubber = scrubber
        self._patience_seconds = patience_seconds
        self._registry_header = registry_header(header)
        for secret in (*token_parts(token), self._registry_header):
            scrubber.learn(secret.reveal().removeprefix("Basic "))
        self._wire = FlyWire(header, clock=clock, scrubber=scrubber, transport=transport)

    def close(self) -> None:
        """Close the connections, those of every `with_patience` too."""
        self._wire.close()

    def with_patience(self, seconds: float) -> "FlyApi":
        """Return the same app, connections and rate limits, with another patience."""
        other = copy(self)
        other._patience_seconds = seconds  # noqa: SLF001 - it is one of us
        return other

    def app(self) -> Json:
        """Return the app."""
        return self._object(self._get("read the app", ""))

    def machines(self) -> list[Json]:
        """Return all machines with their leases, as they are told; helpers and strangers too."""
        call = self._get("list the machines", "/machines")
        return self._objects(replace(call, params={"include_leases": "true"}))

    def machine(self, machine: str) -> Json:
        """Return one machine as it is told."""
        return self._object(self._get("read machine", "", machine))

    def versions(self, machine: str) -> list[Json]:
        """Return its former configurations: `version` and `user_config`, in no known order."""
        return self._objects(self._get("read the versions of machine", "/versions", machine))

    def events(self, machine: str) -> list[Json]:
        """Return its newest events, in no promised order."""
        call = self._get("read the events of machine", "/events", machine)
        return self._objects(replace(call, params={"limit": _MOST_EVENTS}))

    def update(
        self,
        machine: str,
        *,
        config: Mapping[str, object],
        current_version: str,
        skip_launch: bool,
        nonce: Secret,
    ) -> Json:
        """Replace its whole configuration and return the machine.

        FlyConflictError where `current_version`, its instance id, is no longer current.
        """
        body = {"config": config, "current_version": current_version, "skip_launch": skip_launch}
        call = self._post("update machine", "", machine, nonce)
        return self._object(replace(call, body=body, is_repeatable=False))

    def start(self, machine: str, nonce: Secret | None = None) -> None:
        """Start it; FlyConflictError while it is being replaced, which passes."""
        self._send(self._post("start machine", "/start", machine, nonce))

    def stop(self, machine: str, nonce: Secret | None = None) -> None:
        """Stop it."""
        self._send(self._post("stop machine", "/stop", machine, nonce))

    def restart(self, machine: str, nonce: Secret | None = None) -> None:
        """Restart it."""
        call = self._post("restart machine", "/restart", machine, nonce)
        self._send(replace(call, is_repeatable=False))

    def cordon(self, machine: str, nonce: Secret | None = None) -> None:
        """Take it out of the proxy's traffic."""
        self._send(self._post("cordon machine", "/cordon", machine, nonce))

    def uncordon(self, machine: str, nonce: Secret | None = None) -> None:
        """Put it back into the proxy's traffic."""
        self._send(self._post("uncordon machine", "/uncordon", machine, nonce))

    def lease(
        self, machine: str, *, ttl_seconds: int, description: str, nonce: Secret | None = None
    ) -> Lease:
        """Take a lease; with its `nonce`, make it last `ttl_seconds` from now.

        FlyConflictError where somebody else holds one.
        """
        action = "keep the lease of machine" if nonce else "lease machine"
        call = self._post(action, "/lease", machine, nonce)
        body = {"ttl": ttl_seconds, "description": description}
        answer = self._send(replace(call, body=body, is_repeatable=nonce is not None))
        terms = read(LeaseAnswer, answer.content).granted
        granted = Secret(terms.nonce) if terms.nonce else nonce
        if not granted or not is_header(granted):
            raise self._unreadable(call, answer)
        self._scrubber.learn(granted)
        ends = terms.expires_at or self._clock.now().timestamp() + ttl_seconds
        return Lease(nonce=granted, expires_at=float(ends), owner=terms.owner)

    def release_lease(self, machine: str, nonce: Secret) -> None:
        """Give a lease back; one that is not there any more is given back."""
        call = self._post("release the lease of machine", "/lease", machine, nonce)
        try:
            self._send(replace(call, method="DELETE"))
        except FlyRefusedError as error:
            if error.status != _NOT_FOUND:
                raise

    def releases(self, limit: int = 25) -> list[LedgerRow]:
        """Return the newest releases, newest first; without what the token may not see of them."""
        call = Call(
            app=self._app,
            action="read the releases",
            method="POST",
            url=f"{self._addresses.graphql}/graphql",
        )
        answer = ApiAnswer()
        for query in ledger.queries():
            body = {"query": query, "variables": {"appName": self._app, "limit": limit}}
            answer = self._send(replace(call, body=body))
            found = ledger.rows(answer)
            if found is not None:
                return found
        raise refused(call, ledger.meant(answer), self._scrubber.scrub)

    def record_release(
        self, *, image: str, definition: Mapping[str, object], strategy: str
    ) -> str | None:
        """Open a release record and return its id; never raises.

        None where Fly did not take it, or gave no answer: the call is not documented.
        """
        body = {
            "app_name": self._app,
            "build_id": 0,
            "definition": definition,
            "image": image,
            "strategy": strategy.upper(),
        }
        call = self._record("write a release record", "POST", "")
        try:
            content = self._send(replace(call, body=body, is_repeatable=False)).content
        except FlyRefusedError:
            return None
        told = content.get("release", content) if isinstance(content, dict) else None
        release = told.get("id") if isinstance(told, dict) else None
        return release if isinstance(release, str) and release else None

    def finish_release(self, release: str, status: str) -> bool:
        """Set a release record's status, such as `complete`; False where Fly did not take it.

        Never raises.
        """
        call = self._record("finish a release record", "PATCH", f"/{quote(release, safe='')}")
        try:
            self._send(replace(call, body={"status": status, "metadata": None}))
        except FlyRefusedError:
            return False
        return True

    def has_image(self, repository: str, digest: str) -> bool | None:
        """Tell whether Fly's registry still has an image; never raises.

        `repository` may be led by the registry's host. None where that could not be told: another
        registry's image, no right to look, no answer.
        """
        call = manifest_call(
            self._app, self._addresses.registry, repository, digest, self._registry_header
        )
        if call is None:
            return None
        try:
            self._send(call)
        except FlyRefusedError as error:
            return False if error.status == _NOT_FOUND else None
        return True

    def _get(self, action: str, path: str, machine: str = "") -> Call:
        return Call(
            app=self._app,
            action=action,
            machine=machine,
            method="GET",
            url=self._url(path, machine),
        )

    def _post(self, action: str, path: str, machine: str, nonce: Secret | None) -> Call:
        return Call(
            app=self._app,
            action=action,
            machine=machine,
            method="POST",
            url=self._url(path, machine),
            nonce=nonce,
            is_change=True,
        )

    def _record(self, action: str, method: str, path: str) -> Call:
        url = f"{self._addresses.releases}/api/v1/releases{path}"
        return Call(app=self._app, action=action, method=method, url=url, is_change=True)

    def _url(self, path: str, machine: str) -> str:
        below = f"/machines/{quote(machine, safe='')}" if machine else ""
        return f"{self._addresses.machines}/v1/apps/{self._app}{below}{path}"

    def _send(self, call: Call) -> ApiAnswer:
        return self._wire.send(call, self._patience_seconds)

    def _object(self, call: Call) -> Json:
        answer = self._send(call)
        if not isinstance(answer.content, dict):
            raise self._unreadable(call, answer)
        return answer.content

    def _objects(self, call: Call) -> list[Json]:
        """Go's empty list may be null; what is no object is left out."""
        answer = self._send(call)
        if not isinstance(answer.content, list | None):
            raise self._unreadable(call, answer)
        return [element for element in answer.content or [] if isinstance(element, dict)]

    def _unreadable(self, call: Call, answer: ApiAnswer) -> FlyRefusedError:
        lost = replace(answer, status=None, lost="its answer is none of this API")
        return refused(call, lost, self._scrubber.scrub)
