"""Fly's machines as the core has them."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from slo_action.core.model import Release
from slo_action.core.release.fleet import CheckStatus, Fleet, Machine, MachineExit, PlatformCheck
from slo_action.platforms.fly.client.models import (
    Event,
    FlyMachine,
    FlyRelease,
    MachineConfig,
    digest_in,
)

_RESERVED_GROUPS = frozenset(
    {
        "fly_app_release_command",
        "fly_app_test_machine_command",
        "fly_app_console",
        "release_command",
    }
)
_GONE = frozenset({"destroyed", "destroying"})
_AT_REST = frozenset({"created", "stopped", "suspended", "failed", "launch_failed"})
"""States without a process: the results of their checks are old."""
_REPLACES = frozenset({"update", "replace", "migrate"})
_CONFIGURES = _REPLACES | {"launch", "create"}
"""Events that begin a configuration; some of them end another."""
COMPATIBILITY_CHECKS = "bg_deployments_compat"
"""How the names of checks begin that repeat others, for older versions of flyctl."""
_DEFAULT_RETRIES = 10


def read_machine(live: FlyMachine) -> Machine:
    """Return one machine as the core has it; what is missing or malformed reads as unknown."""
    config, image = live.config, live.image_ref
    events = _since_configured(live.newest_events)
    return Machine(
        name=live.id,
        region=live.region,
        headers=(("fly-force-instance-id", live.id),) if live.id else (),
        group=config.group,
        state=live.state,
        instance=live.instance_id,
        release=config.release,
        image=image.by_tag or config.image,
        digest=image.digest or digest_in(config.image),
        is_serving=bool(config.services) or not live.whole_config,  # else it is unknown
        is_cordoned=live.cordoned,
        is_standby=bool(config.standbys),
        is_autostarted=any(service.autostart is not False for service in config.services),
        is_host_ok=live.host_status == "ok",
        checks=_checks(live),
        checks_expected=len(config.checks),
        exits=_exits(events, always=config.restart_policy == "always"),
        restarts=_restarts(events),
        restart_limit=_restart_limit(config),
    )


def is_app_machine(live: FlyMachine) -> bool:
    """Return whether deploys manage it: no helper, no other client's own, not destroyed."""
    is_managed = live.config.metadata.get("fly_platform_version") == "v2"
    return is_managed and live.config.group not in _RESERVED_GROUPS and live.state not in _GONE


def read_fleet(
    app: str, machines: Iterable[FlyMachine], releases: Sequence[FlyRelease], taken_at: datetime
) -> Fleet:
    """Return the app's own machines, and the newest release with its status."""
    newest = max(releases, key=lambda one: one.version, default=None)
    managed = (read_machine(live) for live in machines if is_app_machine(live))
    return Fleet(
        app=app,
        taken_at=taken_at,
        release=Release(version=newest.name, digest=newest.digest) if newest else None,
        status=newest.status if newest else "",
        machines=tuple(sorted(managed, key=lambda machine: (machine.region, machine.name))),
    )


def _checks(live: FlyMachine) -> tuple[PlatformCheck, ...]:
    """Return what is true now: the checks of a machine at rest are of its old process."""
    statuses = {str(status) for status in CheckStatus}
    return tuple(
        PlatformCheck(name=check.name, status=CheckStatus(check.status), output=check.output)
        for check in live.checks
        if check.status in statuses
        and not check.name.startswith(COMPATIBILITY_CHECKS)
        and live.state not in _AT_REST | _GONE
    )


def _since_configured(newest_events: Iterable[Event]) -> list[Event]:
    """Return the events of the present configuration, newest first.

    After an update the old process is stopped: what comes before the next start belongs to it.
    """
    kept: list[Event] = []
    for event in newest_events:
        if event.type in _CONFIGURES:
            while event.type in _REPLACES and kept and kept[-1].type != "start":
                kept.pop()
            return kept
        kept.append(event)
    return kept


def _exits(events: Iterable[Event], *, always: bool) -> tuple[MachineExit, ...]:
    """Return the exits, oldest first."""
    found = []
    for event in events:
        ended, at = event.ended, event.at
        if event.type != "exit" or ended is None or at is None:
            continue
        code = ended.guest_exit_code if ended.exit_code is None else ended.exit_code
        is_clean = code == 0 and not ended.oom_killed and not ended.restarting
        found.append(
            MachineExit(
                at=at,
                exit_code=code,
                oom_killed=ended.oom_killed,
                requested=ended.requested_stop or (is_clean and not always),
            )
        )
    return tuple(reversed(found))


def _restarts(events: Iterable[Event]) -> int:
    """Return how often flyd started the process again; a start by anyone else resets the count."""
    for event in events:
        if event.type == "start" and event.source not in {"flyd", ""}:
            return 0
        if event.type == "exit":
            return event.restart_count or 0
    return 0


def _restart_limit(config: MachineConfig) -> int | None:
    """Without a policy it is `on-failure`, ten times."""
    if config.restart_policy in {"", "on-failure"}:
        return config.restart_retries or _DEFAULT_RETRIES
    return config.restart_retries or None if config.restart_policy == "always" else None
