"""fly.toml held against what the platform does with it. Pure, and never raises: any TOML may come.

Source: flyctl's internal/appconfig (config.go, service.go, patches.go) and Fly's configuration
reference. A table where a list of tables belongs counts as a list of one, as flyctl takes it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from slo_action.core.go_durations import go_seconds
from slo_action.core.model import Level
from slo_action.core.quoting import quoted
from slo_action.core.rules import Key, Rule, Spot, Table, dotted

_DURATIONS = ("interval", "timeout", "grace_period")
_SERVICE_CHECKS = ("tcp_checks", "http_checks")
_STOPS = (True, "stop", "suspend")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Check:
    """One health check; `bare_unit` is what a number without a unit counts as."""

    key: Key
    table: Table
    bare_unit: str


def _tables(value: object, key: Key) -> Iterator[tuple[Key, Table]]:
    if isinstance(value, dict):
        yield key, value
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            if isinstance(entry, dict):
                yield (*key, index), entry


def _services(document: Table) -> Iterator[tuple[Key, Table]]:
    for name in ("http_service", "services"):
        yield from _tables(document.get(name), (name,))


def _checks_of(key: Key, service: Table) -> Iterator[_Check]:
    is_short_form = key[0] == "http_service"
    for name in ("checks",) if is_short_form else _SERVICE_CHECKS:
        for where, table in _tables(service.get(name), (*key, name)):
            unit = "nanoseconds" if is_short_form else "milliseconds"
            yield _Check(key=where, table=table, bare_unit=unit)


def _top_level_checks(document: Table) -> Iterator[_Check]:
    """`[checks.NAME]`, or a list of checks that have a name each."""
    checks = document.get("checks")
    named = checks.items() if isinstance(checks, dict) else [("", checks)]
    for name, value in named:
        for key, table in _tables(value, ("checks", name) if name else ("checks",)):
            yield _Check(key=key, table=table, bare_unit="milliseconds")


def _checks(document: Table) -> Iterator[_Check]:
    for key, service in _services(document):
        yield from _checks_of(key, service)
    yield from _top_level_checks(document)


def _auto_rollback(document: Table) -> Iterator[Spot]:
    for key, table in _tables(document.get("experimental"), ("experimental",)):
        if "auto_rollback" in table:
            words = f"[experimental] auto_rollback = {_shown(table['auto_rollback'])}"
            yield Spot(key=(*key, "auto_rollback"), words=words)


def _no_service_checks(document: Table) -> Iterator[Spot]:
    """Nobody can ask a UDP service how it is, so it is not asked for checks."""
    deploys_only = any(True for _ in _top_level_checks(document))
    told = "; those of [checks] hold up deploys, and route nothing" if deploys_only else ""
    for key, service in _services(document):
        if service.get("protocol") != "udp" and not any(_checks_of(key, service)):
            yield Spot(key=key, words=f"{dotted(key)} has no checks{told}")


def _release_command(document: Table) -> Iterator[Spot]:
    for key, table in _tables(document.get("deploy"), ("deploy",)):
        if table.get("release_command"):
            where = (*key, "release_command")
            yield Spot(key=where, words=f"each deploy runs {dotted(where)}")


def _bare_duration(document: Table) -> Iterator[Spot]:
    for check in _checks(document):
        for name in _DURATIONS:
            value = check.table.get(name)
            if _is_number(value):
                key = (*check.key, name)
                words = f"{dotted(key)} = {_shown(value)} counts as {check.bare_unit}"
                yield Spot(key=key, words=words)


def _check_timeout(document: Table) -> Iterator[Spot]:
    """Bare numbers are another rule's."""
    for check in _checks(document):
        timeout, interval = check.table.get("timeout"), check.table.get("interval")
        waits, comes_again = go_seconds(timeout), go_seconds(interval)
        if waits is not None and comes_again is not None and waits >= comes_again:
            words = f"{dotted(check.key)}: timeout {timeout}, interval {interval}"
            yield Spot(key=(*check.key, "timeout"), words=words)


def _autostop_min_zero(document: Table) -> Iterator[Spot]:
    """Without autostart no request wakes anything: that is another trouble."""
    for key, service in _services(document):
        stops = service.get("auto_stop_machines", "off") in _STOPS
        wakes = service.get("auto_start_machines", True) is not False
        if stops and wakes and service.get("min_machines_running", 0) == 0:
            said = "min_machines_running" in service
            name = "min_machines_running" if said else "auto_stop_machines"
            told = "is 0" if said else "is left out, which means 0"
            words = f"{dotted(key)} stops idle machines, and min_machines_running {told}"
            yield Spot(key=(*key, name), words=words)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: object) -> str:
    """Return a value as TOML writes it; what could be endless is only named."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, float) or (isinstance(value, int) and abs(value) < 10**15):
        return str(value)
    return "something else"


FLY_RULES: tuple[Rule[Table], ...] = (
    Rule(
        name="auto-rollback-no-op",
        level=Level.WARNING,
        title="auto_rollback does nothing",
        why="flyctl parses it and nothing reads it, so a bad release stays until it is taken back",
        fix=(
            "take it out, and add a step with mode: verify and platform: fly after each deploy: "
            "it takes a bad release back and verifies that"
        ),
        find=_auto_rollback,
    ),
    Rule(
        name="no-service-checks",
        level=Level.WARNING,
        title="A service without health checks",
        why="Fly cannot tell a sick machine of it: requests go there, and a deploy passes unseen",
        fix=(
            "add [[http_service.checks]], or [[services.http_checks]], with path, interval, "
            "timeout and grace_period"
        ),
        find=_no_service_checks,
    ),
    Rule(
        name="release-command",
        level=Level.NOTICE,
        title="A rollback does not undo the release command",
        why=(
            "a rollback never runs it and never undoes what it did: the former code meets the new "
            "database"
        ),
        fix="keep each migration readable by the release before it",
        find=_release_command,
    ),
    Rule(
        name="bare-duration",
        level=Level.WARNING,
        title="A duration without a unit",
        why=(
            "bare numbers in checks are never seconds: nanoseconds in http_service.checks, "
            "milliseconds elsewhere"
        ),
        fix='write the unit, such as "15s"',
        find=_bare_duration,
    ),
    Rule(
        name="check-timeout",
        level=Level.WARNING,
        title="A check's timeout is not below its interval",
        why="a check that hangs outlasts its turn, so a sick machine is noticed late",
        fix="make the timeout shorter than the interval",
        find=_check_timeout,
    ),
    Rule(
        name="autostop-min-zero",
        level=Level.NOTICE,
        title="The first request wakes a machine",
        why=(
            "with none running, the first request waits until one has started, up to 30 s; so may "
            "the first probe after a deploy"
        ),
        fix="set min_machines_running = 1, or accept slow first answers",
        find=_autostop_min_zero,
    ),
)
