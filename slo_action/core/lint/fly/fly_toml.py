"""The parts of a fly.toml that rules look at. Pure, and never raises: any TOML may come.

Source: flyctl's internal/appconfig (config.go, service.go, patches.go) and Fly's configuration
reference. A table where a list of tables belongs counts as a list of one, as flyctl takes it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeGuard

from slo_action.core.lint.rule import Key, Table, Violation, dotted
from slo_action.core.text.go_durations import go_seconds
from slo_action.core.text.quoting import quoted

DURATIONS = ("interval", "timeout", "grace_period")
LEAST_SECONDS, MOST_SECONDS = Fraction(1), Fraction(60)
_HTTP_SERVICE_CHECKS = {"checks": True, "tcp_checks": False}
_SERVICE_CHECKS = {"http_checks": True, "tcp_checks": False}
_STOPS = (True, "stop", "suspend")
_PER_SECOND = {"nanoseconds": 10**9, "milliseconds": 1000}
_LARGEST = 10**15


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One health check. Those of a service also say which machines get requests.

    `bare_unit` is what a number without a unit counts as: patches.go makes milliseconds of it in
    `services` and in `[checks]`, and passes http_service by, so Go takes nanoseconds there.
    """

    key: Key
    table: Table
    is_http: bool
    is_of_service: bool
    bare_unit: str

    def seconds(self, name: str) -> Fraction | None:
        """Return what a duration counts as; None where it is none, or is left out."""
        value = self.table.get(name)
        if not is_number(value):
            return go_seconds(value)
        whole = int(value) if 0 <= value < _LARGEST else None  # NaN is neither
        return None if whole is None else Fraction(whole, _PER_SECOND[self.bare_unit])

    def kept(self, name: str, seconds: Fraction) -> Fraction:
        """Return what the platform makes of a duration: of a service's, 1 s to 1 min, grace or 0.

        Source: flyctl's validateSingleServiceCheckDuration, which warns of it.
        """
        if not self.is_of_service or (name == "grace_period" and seconds == 0):
            return seconds
        return min(max(seconds, LEAST_SECONDS), MOST_SECONDS)


def tables(value: object, key: Key) -> Iterator[tuple[Key, Table]]:
    """Yield a table, or the tables of a list, each with its key."""
    if isinstance(value, dict):
        yield key, value
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            if isinstance(entry, dict):
                yield (*key, index), entry


def all_services(document: Table) -> Iterator[tuple[Key, Table]]:
    """Yield `http_service` and each of `services`, strays included."""
    for name in ("http_service", "services"):
        yield from tables(document.get(name), (name,))


def services(document: Table) -> Iterator[tuple[Key, Table]]:
    """Yield `http_service` and each of `services` that is one."""
    strays = {key for key, _ in stray_services(document)}
    return (found for found in all_services(document) if found[0] not in strays)


def stray_services(document: Table) -> Iterator[tuple[Key, Table]]:
    """Yield what was meant to be checks of `http_service`: a service that has nothing else."""
    if isinstance(document.get("http_service"), dict):
        for key, service in tables(document.get("services"), ("services",)):
            if service and all(name.endswith("_checks") for name in service):
                yield key, service


def is_udp(service: Table) -> bool:
    """Return whether a service is UDP, which has neither checks nor load limits."""
    return service.get("protocol") == "udp"


def checks_of(key: Key, service: Table) -> Iterator[Check]:
    """Yield the checks that Fly reads in a service."""
    is_short_form = key[0] == "http_service"
    for name, is_http in (_HTTP_SERVICE_CHECKS if is_short_form else _SERVICE_CHECKS).items():
        for where, table in tables(service.get(name), (*key, name)):
            yield Check(
                key=where,
                table=table,
                is_http=is_http,
                is_of_service=True,
                bare_unit="nanoseconds" if is_short_form else "milliseconds",
            )


def top_level_checks(document: Table) -> Iterator[Check]:
    """Yield `[checks.NAME]`, or a list of checks that have a name each."""
    checks = document.get("checks")
    named = checks.items() if isinstance(checks, dict) else [("", checks)]
    for name, value in named:
        for key, table in tables(value, ("checks", name) if name else ("checks",)):
            yield Check(
                key=key,
                table=table,
                is_http=table.get("type") == "http",
                is_of_service=False,
                bare_unit="milliseconds",
            )


def durations(document: Table) -> Iterator[tuple[Key, Check, str]]:
    """Yield each duration of each check with its key, its check and its name there."""
    for check in all_checks(document):
        for name in DURATIONS:
            if name in check.table:
                yield (*check.key, name), check, name


def untranslated_durations(document: Table) -> Iterator[tuple[Key, object]]:
    """Yield the durations outside of checks whose bare numbers Go takes as nanoseconds.

    The kill_timeout of the file is none of them: patches.go takes seconds there.
    """
    for key, deploy in tables(document.get("deploy"), ("deploy",)):
        for name in ("wait_timeout", "release_command_timeout"):
            if name in deploy:
                yield (*key, name), deploy[name]
    for key, holder in (((), document), *all_services(document)):
        for where, check in tables(holder.get("machine_checks"), (*key, "machine_checks")):
            if "kill_timeout" in check:
                yield (*where, "kill_timeout"), check["kill_timeout"]


def all_checks(document: Table) -> Iterator[Check]:
    """Yield every check, those of services first."""
    for key, service in services(document):
        yield from checks_of(key, service)
    yield from top_level_checks(document)


def wakes_from_none(document: Table) -> Iterator[tuple[Key, str]]:
    """Yield the services whose last machine stops and is woken by a request, and the reason.

    Each key is the setting's. Without autostart no request wakes anything: another problem.
    """
    for key, service in services(document):
        if not stops(service) or service.get("auto_start_machines", True) is False:
            continue
        if service.get("min_machines_running", 0) == 0:
            is_set = "min_machines_running" in service
            value = "is 0" if is_set else "is left out, which means 0"
            yield (
                (*key, "min_machines_running" if is_set else "auto_stop_machines"),
                f"{dotted(key)} stops idle machines, and min_machines_running {value}",
            )


def stops(service: Table) -> bool:
    """Return whether idle machines of a service are stopped or suspended."""
    return service.get("auto_stop_machines", "off") in _STOPS


def at(key: Key, text: str, replacement: str | None = None) -> Violation:
    """Return a violation whose message begins with its key."""
    return Violation(key, f"{dotted(key)}{text}", replacement=replacement)


def is_number(value: object) -> TypeGuard[int | float]:
    """Return whether a value is a number as TOML has it: `true` is none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def shown(value: object) -> str:
    """Return a value as TOML writes it; what could be endless is only named."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, float) or (isinstance(value, int) and abs(value) < _LARGEST):
        return str(value)
    return "something else"
