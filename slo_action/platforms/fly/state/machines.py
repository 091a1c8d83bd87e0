"""Fly's machines, read as the core knows machines."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from slo_action.core.model import Release
from slo_action.core.release.fleet import CheckStatus, Fleet, Machine, MachineExit, PlatformCheck
from slo_action.platforms.fly.client.models import Event, FlyMachine, MachineConfig, Restart, read
from slo_action.platforms.fly.client.release_row import LedgerRow, digest_in

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
"""States without a process: what their checks say is old."""
_REPLACES = frozenset({"update", "replace", "migrate"})
_CONFIGURES = _REPLACES | {"launch", "create"}
"""Events that begin a configuration; some of them end another."""
COMPATIBILITY_CHECKS = "bg_deployments_compat"
"""How the names of checks begin that repeat others, for older versions of flyctl."""
_DEFAULT_RETRIES = 10
_HOST_OK = "ok"


def read_machine(raw: Mapping[str, object]) -> Machine:
    """Return one machine; what is missing or malformed reads as unknown."""
    told = read(FlyMachine, raw)
    config = told.config
    events = _since_configured(told.events)
    image = told.image_ref
    named = f"{image.registry}/{image.repository}:{image.tag}"
    return Machine(
        name=told.id,
        region=told.region,
        headers=(("fly-force-instance-id", told.id),) if told.id else (),
        group=_group(config),
        state=told.state,
        instance=told.instance_id,
        release=_release(config),
        image=named if all((image.registry, image.repository, image.tag)) else config.image,
        digest=image.digest or digest_in(config.image),
        is_serving=bool(config.services) or told.full_config is None,  # else nobody knows
        is_cordoned=told.cordoned,
        is_standby=bool(config.standbys),
        is_autostarted=any(service.autostart is not False for service in config.services),
        is_host_ok=told.host_status == _HOST_OK,
        checks=_checks(told),
        checks_expected=len(config.checks) + sum(len(one.checks) for one in config.services),
        exits=_exits(events, config.restart),
        restarts=_restarts(events),
        restart_limit=_restart_limit(config.restart),
    )


def is_app_machine(raw: Mapping[str, object]) -> bool:
    """Tell whether deploys manage it: no helper, not somebody's own, not destroyed."""
    told = read(FlyMachine, raw)
    is_managed = told.config.metadata.get("fly_platform_version") == "v2"
    return is_managed and _group(told.config) not in _RESERVED_GROUPS and told.state not in _GONE


def read_fleet(
    app: str, raws: Iterable[Mapping[str, object]], ledger: Sequence[LedgerRow], taken_at: datetime
) -> Fleet:
    """Return the app's own machines, and the newest release of the ledger with its status."""
    newest = max(ledger, key=lambda row: row.version, default=None)
    machines = (read_machine(raw) for raw in raws if is_app_machine(raw))
    return Fleet(
        app=app,
        taken_at=taken_at,
        release=Release(version=newest.name, digest=newest.digest) if newest else None,
        status=newest.status if newest else "",
        machines=tuple(sorted(machines, key=lambda machine: (machine.region, machine.name))),
    )


def newest_first(events: Iterable[Event]) -> list[Event]:
    """Return events by time; those of one instant stay as the platform orders them."""
    return sorted(events, key=lambda event: -event.timestamp)


def _group(config: MachineConfig) -> str:
    """`process_group` is its older name."""
    metadata = config.metadata
    return metadata.get("fly_process_group") or metadata.get("process_group", "")


def _release(config: MachineConfig) -> str:
    version = config.metadata.get("fly_release_version", "")
    return f"v{version}" if version.isascii() and version.isdigit() else ""


def _checks(told: FlyMachine) -> tuple[PlatformCheck, ...]:
    """Return what is true now: the checks of a machine at rest are of its former process."""
    known = {str(status) for status in CheckStatus}
    return tuple(
        PlatformCheck(name=check.name, status=CheckStatus(check.status), output=check.output)
        for check in told.checks
        if check.status in known
        and not check.name.startswith(COMPATIBILITY_CHECKS)
        and told.state not in _AT_REST | _GONE
    )


def _since_configured(events: Iterable[Event]) -> list[Event]:
    """Return the events of the present configuration, newest first.

    After an update the former process is stopped: what comes before the next start is of it.
    """
    kept: list[Event] = []
    for event in newest_first(events):
        if event.type in _CONFIGURES:
            return _from_the_start(kept) if event.type in _REPLACES else kept
        kept.append(event)
    return kept


def _from_the_start(events: list[Event]) -> list[Event]:
    starts = [place for place, event in enumerate(events) if event.type == "start"]
    return events[: starts[-1] + 1] if starts else []


def _exits(events: Iterable[Event], restart: Restart) -> tuple[MachineExit, ...]:
    """Return the exits, oldest first."""
    found = []
    for event in events:
        ended, at = event.request.ended, event.at
        if event.type != "exit" or ended is None or at is None:
            continue
        code = ended.guest_exit_code if ended.exit_code is None else ended.exit_code
        is_clean = code == 0 and not ended.oom_killed and not ended.restarting
        found.append(
            MachineExit(
                at=at,
                exit_code=code,
                oom_killed=ended.oom_killed,
                requested=ended.requested_stop or (is_clean and restart.policy != "always"),
            )
        )
    return tuple(reversed(found))


def _restarts(events: Iterable[Event]) -> int:
    """Return how often flyd started the process again; a start by anybody else begins anew."""
    for event in events:
        if event.type == "start" and event.source not in {"flyd", ""}:
            return 0
        if event.type == "exit":
            return event.request.restart_count or 0
    return 0


def _restart_limit(restart: Restart) -> int | None:
    """Without a policy it is `on-failure`, ten times."""
    if restart.policy in {"", "on-failure"}:
        return restart.max_retries or _DEFAULT_RETRIES
    return restart.max_retries or None if restart.policy == "always" else None
