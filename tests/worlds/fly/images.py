"""Images: how long they take to start, what they answer over time, and how they die."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from zlib import crc32

Config = dict[str, Any]
"""A machine's raw configuration, as the Machines API gives and takes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request that reaches a process. `up_seconds` count since it listens.

    `secrets` is the version of the app's secrets that it was started with.
    """

    path: str
    up_seconds: float
    machine: str
    config: Config
    secrets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """An answer, and how long it takes; a body that is no JSON says so in its headers."""

    status: int = 200
    body: str = "{}"
    seconds: float = 0.05
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)


Serves = Callable[[Visit], Served]


def _always(_config: Config) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    """How a process dies by itself, `after_seconds` of its start.

    `times` is how often it does under one configuration, None is for ever. `when` spares machines
    by their configuration, such as those with memory enough.
    """

    after_seconds: float = 0.5
    exit_code: int = 1
    is_oom: bool = False
    times: int | None = None
    when: Callable[[Config], bool] = _always


@dataclass(frozen=True, slots=True, kw_only=True)
class FlyImage:
    """An image in the app's repository.

    `boot_seconds` pass between a machine's start and the moment its process listens.
    `can_be_pulled` False: the registry names it, and no host can fetch it. `hangs`: a machine with
    it stays in `starting`. `checks_after_seconds` overrules the grace period of the checks.
    `release_command_exit` is how its release command ends.
    """

    tag: str
    digest: str
    serves: Serves
    version: str
    boot_seconds: float = 1.0
    pull_seconds: float = 1.5
    crash: Crash | None = None
    can_be_pulled: bool = True
    hangs: bool = False
    checks_after_seconds: float | None = None
    release_command_exit: int = 0
    labels: dict[str, str] = field(default_factory=dict)

    def ref(self, app: str) -> str:
        """Return the reference a deploy writes into configurations: by tag."""
        return f"registry.fly.io/{app}:{self.tag}"

    def pinned(self, app: str) -> str:
        """Return the reference by digest."""
        return f"registry.fly.io/{app}@{self.digest}"


def image(version: str, serves: Serves | None = None, **changes: Any) -> FlyImage:
    """Return an image that tells `version`; without more it is well."""
    digest = hashlib.sha256(version.encode()).hexdigest()
    made = FlyImage(
        tag=f"deployment-01{digest[:24].upper()}",
        digest=f"sha256:{digest}",
        serves=serves or well(version),
        version=version,
        labels={"GH_SHA": digest[:40]},
    )
    return replace(made, **changes)


def well(version: str) -> Serves:
    """Answer health checks, the version and everything else well."""
    return lambda visit: spoken(visit.path, version)


def spoken(path: str, version: str, status: int = 200, seconds: float = 0.05) -> Served:
    """Return what a service says on a path; from 400 on it says that it is unhealthy."""
    is_well = status < 400
    told: dict[str, object] = {}
    if path.startswith("/healthz"):
        told = {"status": "ok" if is_well else "unhealthy", "version": version}
    elif path.startswith("/__build"):
        told = {"version": version}
    elif is_well:
        told = {"items": []}
    else:
        told = {"error": "internal"}
    return Served(status=status, body=json.dumps(told), seconds=seconds)


def broken(version: str, status: int = 503, **changes: Any) -> FlyImage:
    """Answer everything but the version with an error, for ever."""

    def serves(visit: Visit) -> Served:
        tells = visit.path.startswith("/__build")
        return spoken(visit.path, version, 200 if tells else status)

    return image(version, serves, **changes)


def broken_api(version: str, status: int = 500, **changes: Any) -> FlyImage:
    """Be healthy by its own word, and answer every other path with an error."""

    def serves(visit: Visit) -> Served:
        is_well = visit.path.startswith(("/healthz", "/__build"))
        return spoken(visit.path, version, 200 if is_well else status)

    return image(version, serves, **changes)


def ready_after(version: str, seconds: float, **changes: Any) -> FlyImage:
    """Answer 503 for so long, and well from then on."""

    def serves(visit: Visit) -> Served:
        return spoken(visit.path, version, 200 if visit.up_seconds >= seconds else 503)

    return image(version, serves, **changes)


def dies_after(version: str, seconds: float, **changes: Any) -> FlyImage:
    """Answer well for so long, and 503 from then on."""

    def serves(visit: Visit) -> Served:
        return spoken(visit.path, version, 200 if visit.up_seconds < seconds else 503)

    return image(version, serves, **changes)


def slow(version: str, seconds: float = 5.5, **changes: Any) -> FlyImage:
    """Answer everything well and late."""
    return image(version, lambda visit: spoken(visit.path, version, seconds=seconds), **changes)


def flaky(version: str, share: float, **changes: Any) -> FlyImage:
    """Answer that share of all requests with 500, always the same ones."""

    def serves(visit: Visit) -> Served:
        key = f"{visit.path}{visit.machine}{visit.up_seconds:.3f}"
        fails = crc32(key.encode()) % 10_000 < share * 10_000
        return spoken(visit.path, version, 500 if fails else 200)

    return image(version, serves, **changes)


def crashing(version: str, crash: Crash | None = None, **changes: Any) -> FlyImage:
    """Crash soon after each start."""
    return image(version, crash=crash or Crash(), **changes)


def out_of_memory(version: str, needs_mb: int = 1024, **changes: Any) -> FlyImage:
    """Be killed on machines with less memory than it needs."""

    def is_short(config: Config) -> bool:
        return int(config.get("guest", {}).get("memory_mb", 256)) < needs_mb

    crash = Crash(after_seconds=4.0, exit_code=137, is_oom=True, when=is_short)
    return image(version, crash=crash, **changes)


def unpullable(version: str, **changes: Any) -> FlyImage:
    """Be known to the registry, and fail to arrive on any host."""
    return image(version, can_be_pulled=False, **changes)
