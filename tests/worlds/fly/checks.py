"""The platform's checks: they appear a moment after the start, and pass after boot and grace."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.worlds.fly.durations import seconds_of
from tests.worlds.fly.images import Config
from tests.worlds.fly.machine import FlyMachine, Running

_APPEAR_SECONDS = 1.0
_GRACE_SECONDS = 1.0
_INTERVAL_SECONDS = 15.0
_TIMEOUT_SECONDS = 2.0
_WAITING = "waiting for status update"


@dataclass(frozen=True, slots=True)
class Check:
    """A configured check. `routes` is True where it gates the proxy's traffic, too."""

    name: str
    settings: dict[str, Any]
    routes: bool

    def first(self, running: Running) -> float:
        """Return the instant of its first look at a process."""
        own = running.image.checks_after_seconds
        grace = seconds_of(self.settings.get("grace_period"), _GRACE_SECONDS)
        return running.since + max(_APPEAR_SECONDS, grace if own is None else own)

    def latest(self, running: Running, now: float) -> float | None:
        """Return the instant of its newest look; None before the first."""
        first = self.first(running)
        if now < first:
            return None
        interval = max(1.0, seconds_of(self.settings.get("interval"), _INTERVAL_SECONDS))
        return first + (now - first) // interval * interval


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check says now, and since which instant."""

    check: Check
    status: str
    output: str
    at: float


def checks_of(config: Config) -> Iterator[Check]:
    """Yield a configuration's checks, named as the API names them."""
    count = 0
    for service in config.get("services") or []:
        for settings in service.get("checks") or []:
            port = settings.get("port") or service.get("internal_port")
            kind = settings.get("type", "tcp")
            yield Check(f"servicecheck-{count:02d}-{kind}-{port}", settings, routes=True)
            count += 1
    for name, settings in (config.get("checks") or {}).items():
        yield Check(name, settings, routes=False)


def findings(machine: FlyMachine, now: float) -> tuple[Finding, ...]:
    """Return what the checks say of the process that runs; nothing of a machine at rest."""
    running = machine.running
    if running is None or now < running.since + _APPEAR_SECONDS:
        return ()
    return tuple(_found(check, machine, running, now) for check in checks_of(running.config))


def is_well(machine: FlyMachine, now: float) -> bool:
    """Return whether all configured checks are there and pass."""
    return _passes(machine, now, routing_only=False)


def is_routable(machine: FlyMachine, now: float) -> bool:
    """Return whether the checks let the proxy route to it; top-level checks have no say."""
    return _passes(machine, now, routing_only=True)


def is_refuted(machine: FlyMachine, now: float, since: float) -> bool:
    """Return whether a check that has looked since an instant keeps the proxy away."""
    routing = [found for found in findings(machine, now) if found.check.routes]
    return any(found.status == "critical" and found.at >= since for found in routing)


def _passes(machine: FlyMachine, now: float, *, routing_only: bool) -> bool:
    if machine.running is None:
        return False
    expected = [c for c in checks_of(machine.running.config) if c.routes or not routing_only]
    found = {finding.check.name: finding.status for finding in findings(machine, now)}
    return all(found.get(check.name) == "passing" for check in expected)


def _found(check: Check, machine: FlyMachine, running: Running, now: float) -> Finding:
    at = check.latest(running, now)
    if at is None:
        return Finding(check, "warning", _WAITING, running.since)
    if at < running.listens_at:
        return Finding(check, "critical", "connect: connection refused", at)
    if check.settings.get("type", "tcp") == "tcp":
        return Finding(check, "passing", "Success", at)
    served = running.image.serves(running.visit(check.settings.get("path", "/"), at, machine.id))
    if served.seconds > seconds_of(check.settings.get("timeout"), _TIMEOUT_SECONDS):
        return Finding(check, "critical", "context deadline exceeded", at)
    status = "passing" if 200 <= served.status < 300 else "critical"
    return Finding(check, status, served.body, at)
