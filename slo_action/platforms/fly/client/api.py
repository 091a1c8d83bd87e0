"""Fly.io's APIs over HTTP: machines, releases, and whether an image is still there.

Sources: the Machines API (docs.machines.dev); flyctl and fly-go for what is not documented (its
imgsrc/docker.go for the registry's user name); the OCI distribution specification (HEAD of a
manifest). All that comes back is untrusted.
"""

import re
from base64 import b64encode
from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from typing import TypeVar
from urllib.parse import quote

import httpx

from slo_action.config.settings.fly import token_parts
from slo_action.core.text.secrets import Scrubber, Secret
from slo_action.platforms.fly.client import graphql
from slo_action.platforms.fly.client.access import FlyAddresses, app_name, header_of, is_header
from slo_action.platforms.fly.client.errors import ApiAnswer, Call, FlyRefusedError, refused
from slo_action.platforms.fly.client.http import FlyConnection
from slo_action.platforms.fly.client.models import (
    FlyApp,
    FlyMachine,
    FlyRelease,
    LeaseAnswer,
    LenientModel,
    MachineVersion,
)
from slo_action.ports import Clock

_NOT_FOUND = 404
_IMAGE_PATH = re.compile(r"[a-z0-9]+([._/-][a-z0-9]+)*")
_DIGEST = re.compile(r"[a-z0-9]+:[a-zA-Z0-9]+")
_MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
"""Without its own type among these, a registry answers 404 for an image that is there."""

_M = TypeVar("_M", bound=LenientModel)


class FlyApi:
    """One app, asked with one token. Safe to use from several threads.

    Every call raises FlyRefusedError, as FlyConflictError for 409 and 412. Reads, and what may be
    done twice, are repeated within `patience_seconds`; so is everything that Fly has surely not
    done. An update, a restart or a new lease whose answer was lost is not sent again: the error's
    `status` is None, 408 or 5xx, and only reading the machine again shows whether it was done.

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
        bare = header.reveal().partition(" ")[2]  # for the registry a password, as for docker
        self._bearer = Secret(f"Bearer {bare}")
        self._registry_header = Secret(f"Basic {b64encode(f'x:{bare}'.encode()).decode()}")
        for secret in (*token_parts(token), self._registry_header):
            scrubber.learn(secret.reveal().removeprefix("Basic "))
        self._connection = FlyConnection(
            header, clock=clock, scrubber=scrubber, transport=transport
        )

    def close(self) -> None:
        """Close the connections, those of every `with_patience` too."""
        self._connection.close()

    def with_patience(self, seconds: float) -> "FlyApi":
        """Return the same app, connections and rate limits, with another patience."""
        other = copy(self)
        other._patience_seconds = seconds  # noqa: SLF001 - it is one of us
        return other

    def app(self) -> FlyApp:
        """Return the app."""
        call, variables = self._graphql("read the app"), {"appName": self._app}
        answer = self._send(replace(call, body={"query": graphql.APP, "variables": variables}))
        found = graphql.below(answer, "data", "app")
        if not isinstance(found, dict):
            raise refused(call, graphql.as_refusal(answer), self._scrubber.scrub)
        return FlyApp.read(found)

    def machines(self) -> list[FlyMachine]:
        """Return all machines with their leases, also those that no deploy manages."""
        call = self._get("list the machines", "/machines")
        return self._objects(FlyMachine, replace(call, params={"include_leases": "true"}))

    def machine(self, machine: str) -> FlyMachine:
        """Return one machine."""
        return self._object(FlyMachine, self._get("read machine", "", machine))

    def versions(self, machine: str) -> list[MachineVersion]:
        """Return its earlier configurations, in no promised order."""
        call = self._get("read the versions of machine", "/versions", machine)
        return self._objects(MachineVersion, call)

    def update(
        self,
        machine: str,
        *,
        config: Mapping[str, object],
        current_version: str,
        skip_launch: bool,
        nonce: Secret,
    ) -> FlyMachine:
        """Replace its whole configuration and return the machine.

        FlyConflictError where `current_version`, its instance id, is no longer current.
        """
        body = {"config": config, "current_version": current_version, "skip_launch": skip_launch}
        call = self._post("update machine", "", machine, nonce)
        return self._object(FlyMachine, replace(call, body=body, is_repeatable=False))

    def create(
        self, name: str, *, region: str, config: Mapping[str, object], skip_launch: bool
    ) -> FlyMachine:
        """Create a machine and return it; FlyConflictError where one has that name already.

        So it may be sent twice: a second machine is never made.
        """
        body = {"name": name, "region": region, "config": config, "skip_launch": skip_launch}
        call = replace(self._get("create a machine", "/machines"), method="POST", is_change=True)
        return self._object(FlyMachine, replace(call, body=body))

    def destroy(self, machine: str, nonce: Secret | None = None) -> None:
        """Destroy it, running or not; one that is not there any more is destroyed."""
        call = self._post("destroy machine", "", machine, nonce)
        self._gone(replace(call, method="DELETE", params={"kill": "true"}))

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
    ) -> Secret:
        """Take a lease and return its nonce; with a `nonce`, extend that lease.

        It lasts `ttl_seconds` from now. FlyConflictError where another client holds one.
        """
        action = "keep the lease of machine" if nonce else "lease machine"
        call = self._post(action, "/lease", machine, nonce)
        body = {"ttl": ttl_seconds, "description": description}
        params = {"ttl": str(ttl_seconds)}  # fly-go sends this one, the documents name the body
        lease = replace(call, params=params, body=body, is_repeatable=nonce is not None)
        answer = self._send(lease)
        new = LeaseAnswer.read(answer.content).nonce
        granted = Secret(new) if new else nonce
        if not granted or not is_header(granted):
            raise self._unreadable(call, answer)
        self._scrubber.learn(granted)
        return granted

    def release_lease(self, machine: str, nonce: Secret) -> None:
        """Give a lease back; one that is not there any more is given back."""
        call = self._post("release the lease of machine", "/lease", machine, nonce)
        self._gone(replace(call, method="DELETE"))

    def releases(self, limit: int = 25) -> list[FlyRelease]:
        """Return the newest releases, newest first; without what the token may not see of them."""
        call, answer = self._graphql("read the releases"), ApiAnswer()
        variables = {"appName": self._app, "limit": limit}
        for query in graphql.RELEASES:
            answer = self._send(replace(call, body={"query": query, "variables": variables}))
            found = graphql.releases_in(answer)
            if found is not None:
                return found
        raise refused(call, graphql.as_refusal(answer), self._scrubber.scrub)

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
        made = content.get("release", content) if isinstance(content, dict) else None
        return FlyRelease.read(made).id or None

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
        """Return whether Fly's registry still has an image; never raises.

        `repository` may begin with the registry's host. None where that is unknown: another
        registry's image, no right to read it, no answer.
        """
        registry = self._addresses.registry
        path = repository.removeprefix(f"{httpx.URL(registry).netloc.decode()}/")
        path = path.removeprefix("registry.fly.io/")  # also where it has another address
        is_foreign = "." in path.partition("/")[0]
        if is_foreign or not _IMAGE_PATH.fullmatch(path) or not _DIGEST.fullmatch(digest):
            return None
        call = Call(
            app=self._app,
            action="find the image",
            method="HEAD",
            url=f"{registry}/v2/{path}/manifests/{digest}",
            accept=", ".join(_MANIFESTS),
            authorization=self._registry_header,
        )
        try:
            self._send(call)
        except FlyRefusedError as error:
            return False if error.status == _NOT_FOUND else None
        return True

    def _gone(self, call: Call) -> None:
        try:
            self._send(call)
        except FlyRefusedError as error:
            if error.status != _NOT_FOUND:
                raise

    def _get(self, action: str, path: str, machine: str = "") -> Call:
        below = f"/machines/{quote(machine, safe='')}" if machine else ""
        url = f"{self._addresses.machines}/v1/apps/{self._app}{below}{path}"
        return Call(app=self._app, action=action, machine=machine, method="GET", url=url)

    def _graphql(self, action: str) -> Call:
        url = f"{self._addresses.graphql}/graphql"
        return Call(app=self._app, action=action, method="POST", url=url)

    def _post(self, action: str, path: str, machine: str, nonce: Secret | None) -> Call:
        call = self._get(action, path, machine)
        return replace(call, method="POST", nonce=nonce, is_change=True)

    def _record(self, action: str, method: str, path: str) -> Call:
        """This API is sent `Bearer` with macaroons, too: flyctl's internal/uiex/releases.go."""
        return Call(
            app=self._app,
            action=action,
            method=method,
            url=f"{self._addresses.releases}/api/v1/releases{path}",
            authorization=self._bearer,
            is_change=True,
        )

    def _send(self, call: Call) -> ApiAnswer:
        return self._connection.send(call, self._patience_seconds)

    def _object(self, model: type[_M], call: Call) -> _M:
        answer = self._send(call)
        if not isinstance(answer.content, dict):
            raise self._unreadable(call, answer)
        return model.read(answer.content)

    def _objects(self, model: type[_M], call: Call) -> list[_M]:
        """Go's empty list may be null; what is no object is left out."""
        answer = self._send(call)
        if not isinstance(answer.content, list | None):
            raise self._unreadable(call, answer)
        return [model.read(one) for one in answer.content or [] if isinstance(one, dict)]

    def _unreadable(self, call: Call, answer: ApiAnswer) -> FlyRefusedError:
        lost = replace(answer, status=None, lost="its answer is not of this API")
        return refused(call, lost, self._scrubber.scrub)
