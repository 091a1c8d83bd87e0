"""What the pretend flyctl asks of the platform, in the order and words of the real one."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.worlds.fly.call import NONCE_HEADER
from tests.worlds.fly.machine import RESERVED

_RELEASES = """query($appName: String!, $limit: Int!) { app(name: $appName) {
  releases: releasesUnprocessed(first: $limit) { nodes {
    id version description reason status imageRef stable user { id email name } createdAt } } } }"""
_CURRENT = """query($appName: String!) { app(name: $appName) {
  name status hostname currentReleaseUnprocessed { version configDefinition } } }"""


class FlyctlError(Exception):
    """What is printed behind `Error:`; the exit code is 1."""


@dataclass(slots=True)
class FlyctlApi:
    """One app with one token. `nonces` are the leases held, by machine."""

    http: httpx.Client
    app: str
    token: str
    addresses: Mapping[str, str]
    nonces: dict[str, str] = field(default_factory=dict)

    def machines(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._flaps("GET", "/machines")
        return found

    def deployed(self) -> list[dict[str, Any]]:
        """Return the machines that a deploy looks after."""
        return [machine for machine in self.machines() if _is_deployed(machine)]

    def machine(self, machine: str) -> dict[str, Any]:
        found: dict[str, Any] = self._flaps("GET", f"/machines/{machine}")
        return found

    def app_known(self) -> None:
        self._flaps("GET", "")

    def create(self, config: Mapping[str, Any], region: str, **more: Any) -> dict[str, Any]:
        body = {"config": config, "region": region, **more}
        made: dict[str, Any] = self._flaps("POST", "/machines", body)
        return made

    def update(self, machine: str, config: Mapping[str, Any], *, skip_launch: bool) -> None:
        body = {"config": config, "skip_launch": skip_launch}
        self._flaps("POST", f"/machines/{machine}", body, machine)

    def destroy(self, machine: str) -> None:
        self._flaps("DELETE", f"/machines/{machine}?force=true", None, machine)
        self.nonces.pop(machine, None)

    def cordon(self, machine: str) -> None:
        self._flaps("POST", f"/machines/{machine}/cordon", None, machine)

    def lease(self, machine: str, ttl: int) -> None:
        """Take a machine's lease, or make it last longer."""
        made = self._flaps("POST", f"/machines/{machine}/lease?ttl={ttl}", None, machine)
        self.nonces[machine] = made["data"]["nonce"]

    def release_leases(self) -> None:
        """Give all leases back; one that is lost already is no trouble."""
        for machine in list(self.nonces):
            with suppress(FlyctlError):
                self._flaps("DELETE", f"/machines/{machine}/lease", None, machine)
            del self.nonces[machine]

    def current(self) -> dict[str, Any]:
        """Return the app with its newest release, whatever became of that."""
        found: dict[str, Any] = self._graphql(_CURRENT, {"appName": self.app})
        return found

    def releases(self) -> list[dict[str, Any]]:
        told = self._graphql(_RELEASES, {"appName": self.app, "limit": 25})
        nodes: list[dict[str, Any]] = told["releases"]["nodes"]
        return nodes

    def add_release(self, definition: object, image: str, strategy: str) -> dict[str, Any]:
        body = {
            "app_name": self.app,
            "definition": definition,
            "image": image,
            "strategy": strategy.upper(),
        }
        url = f"{self.addresses['releases']}/api/v1/releases"
        release: dict[str, Any] = self._asked("POST", url, body)["release"]
        self.end_release(release["id"], "running")
        return release

    def end_release(self, release: str, status: str) -> None:
        url = f"{self.addresses['releases']}/api/v1/releases/{release}"
        self._asked("PATCH", url, {"status": status, "metadata": None})

    def has_image(self, image: str) -> bool:
        """Tell whether the registry has an image of the app; it is the only registry."""
        named, _, digest = image.partition("@")
        repository, _, tag = named.partition(":")
        if repository != f"registry.fly.io/{self.app}":
            return False
        url = f"{self.addresses['registry']}/v2/{self.app}/manifests/{digest or tag}"
        try:
            return self.http.head(url, auth=("x", self.token)).status_code == httpx.codes.OK
        except httpx.TransportError as error:
            raise FlyctlError(f"failed to resolve {image}: {type(error).__name__}") from error

    def _graphql(self, query: str, variables: Mapping[str, object]) -> dict[str, Any]:
        url = f"{self.addresses['graphql']}/graphql"
        told = self._asked("POST", url, {"query": query, "variables": variables})
        if "errors" in told:
            raise FlyctlError(told["errors"][0]["message"])
        found: dict[str, Any] = told["data"]["app"]
        return found

    def _flaps(self, method: str, path: str, body: object = None, machine: str = "") -> Any:
        url = f"{self.addresses['machines']}/v1/apps/{self.app}{path}"
        return self._asked(method, url, body, self.nonces.get(machine, ""))

    def _asked(self, method: str, url: str, body: object = None, nonce: str = "") -> Any:
        headers = {"Authorization": self.token} | ({NONCE_HEADER: nonce} if nonce else {})
        try:
            answer = self.http.request(method, url, json=body, headers=headers)
        except httpx.TimeoutException:
            raise
        except httpx.HTTPError as error:
            raise FlyctlError(f"{method} {url}: {type(error).__name__}") from error
        if answer.is_success:
            return answer.json() if answer.content else None
        named = answer.headers.get("fly-request-id", "")
        told = answer.json().get("error", answer.text) if answer.content else answer.status_code
        raise FlyctlError(f"{told} (Request ID: {named})" if named else str(told))


def _is_deployed(machine: Mapping[str, Any]) -> bool:
    config = machine.get("config") or machine.get("incomplete_config") or {}
    metadata = config.get("metadata") or {}
    is_ours = metadata.get("fly_platform_version") == "v2"
    is_alive = machine["state"] not in {"destroyed", "destroying"}
    return is_ours and is_alive and metadata.get("fly_process_group") not in RESERVED
