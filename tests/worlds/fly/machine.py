"""One machine: what it is configured with, what truly runs on it, and what the API tells of it."""

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from tests.worlds.fly.images import Config, FlyImage, Visit

Json = dict[str, Any]

RESERVED = frozenset({"fly_app_release_command", "fly_app_test_machine_command", "fly_app_console"})
_MOST_EVENTS = 50


@dataclass(slots=True, kw_only=True)
class Version:
    """A configuration that a machine had, by the instance id it got with it."""

    instance_id: str
    config: Config
    image: FlyImage


@dataclass(slots=True, kw_only=True)
class Running:
    """A process. `since` is its start; it may lag behind the machine's configuration."""

    instance_id: str
    config: Config
    image: FlyImage
    since: float
    secrets: int

    @property
    def listens_at(self) -> float:
        return self.since + self.image.boot_seconds

    def visit(self, path: str, now: float, machine: str) -> Visit:
        return Visit(
            path=path,
            up_seconds=now - self.listens_at,
            machine=machine,
            config=self.config,
            secrets=self.secrets,
        )


@dataclass(slots=True, kw_only=True)
class FlyMachine:
    """A machine's whole state. `events` and `versions` are newest first.

    `run` changes whenever what is under way for it is overtaken. `is_lost` is the proxy's fault:
    it does not route to a machine that is well until it starts again. `wakes_at` is when one
    listens that the proxy has started; its checks are not waited for.
    """

    id: str
    name: str
    region: str
    config: Config
    image: FlyImage
    instance_id: str
    private_ip: str
    created_at: float
    updated_at: float
    state: str = "created"
    host_status: str = "ok"
    is_cordoned: bool = False
    is_lost: bool = False
    running: Running | None = None
    frozen: Running | None = None
    run: int = 0
    restarts: int = 0
    crashes: int = 0
    last_asked: float = 0.0
    wakes_at: float | None = None
    events: list[Json] = field(default_factory=list)
    versions: list[Version] = field(default_factory=list)

    @property
    def metadata(self) -> dict[str, str]:
        found: dict[str, str] = self.config.setdefault("metadata", {})
        return found

    @property
    def group(self) -> str:
        return self.metadata.get("fly_process_group", "")

    @property
    def is_deployed(self) -> bool:
        """True where deploys manage it: not a console, a release command or somebody's own."""
        own = self.metadata.get("fly_platform_version") == "v2" and self.group not in RESERVED
        return own and not self.is_gone

    @property
    def is_gone(self) -> bool:
        return self.state in {"destroyed", "destroying"}

    @property
    def is_host_ok(self) -> bool:
        return self.host_status == "ok"

    @property
    def is_standby(self) -> bool:
        return bool(self.config.get("standbys"))

    @property
    def services(self) -> list[Json]:
        return list(self.config.get("services") or [])

    @property
    def is_autostarted(self) -> bool:
        return any(service.get("autostart", True) for service in self.services)

    def is_listening(self, now: float) -> bool:
        return self.running is not None and self.running.listens_at <= now

    def remember(self, event: Json) -> None:
        self.events.insert(0, event)
        del self.events[_MOST_EVENTS:]


def image_ref(machine: FlyMachine, app: str) -> Json:
    """Return what runs; an image that is configured by digest has no tag."""
    by_tag = "@" not in str(machine.config.get("image", ""))
    return {
        "registry": "registry.fly.io",
        "repository": app,
        **({"tag": machine.image.tag} if by_tag else {}),
        "digest": machine.image.digest,
        "labels": machine.image.labels,
    }


def summary(told: Json) -> Json:
    """Return what `?summary=true` leaves: no checks, few events, and of the config the metadata."""
    config = told.get("config", {})
    kept = {key: config[key] for key in ("image", "guest", "metadata") if key in config}
    return {**told, "config": kept, "checks": [], "events": told["events"][:1]}


def copied(config: Config) -> Config:
    """Return a copy that nothing of the world can reach."""
    return deepcopy(config)
