"""The rules that flyctl itself has: a file without these findings passes its strict validation.

No rule raises, whatever the file holds. Source: flyctl's internal/appconfig, validation.go and
strict_validate.go; what its structs accept stands in keys.py.
"""

import re
import shlex
from collections.abc import Iterator
from difflib import get_close_matches
from fractions import Fraction

from slo_action.core.lint.fly.fly_toml import (
    at,
    is_number,
    services,
    shown,
    stray_services,
    tables,
    top_level_checks,
)
from slo_action.core.lint.fly.keys import key_faults
from slo_action.core.lint.rule import Key, RuleTable, Table, Violation, dotted
from slo_action.core.text.quoting import quoted

VALIDATION_RULES: RuleTable[Table] = RuleTable()

_INSTEAD = {
    "checks": "checks of [[services]] are http_checks and tcp_checks",
    "script_checks": "no check of a service runs a script",
    "http_checks": "checks of [http_service] are [[http_service.checks]]",
    "tcp_checks": "checks of [http_service] are [[http_service.checks]]",
    "restart_limit": "no check restarts a machine",
    "max_machines_running": "Fly has no maximum; `fly scale count` sets how many there are",
}
"""What to know about keys that are often written and never read."""
_LEAST_INTERVAL, _MOST_TIMEOUT = Fraction(2), Fraction(60)
_RESTART_POLICIES = ("always", "never", "on-failure")
_COMPRESSIONS = ("", "gzip", "zstd")
_MOST_COMPRESSION = 9
_MOST_RETENTION = 60
_GB = 1000**3
_LONGEST_NUMBER = 18
_SIZE = re.compile(
    r"([0-9]{1,18}(?:\.[0-9]{0,9})?|\.[0-9]{1,9}) ?([kKmMgGtTpP]?)(?:[iI]?[bB])?", re.ASCII
)
_UNITS = {unit: 1000**power for power, unit in enumerate(("", "k", "m", "g", "t", "p"))}
_ALL_PROCESSES = "app"
"""The name of the process group of a file without [processes]."""


@VALIDATION_RULES.warning(
    "unknown-key",
    "A key that flyctl does not know",
    why="flyctl ignores it without a word, so what it asks for does not hold",
    fix="correct its name, or remove it",
)
def _unknown_key(document: Table) -> Iterator[Violation]:
    """What asks for nothing is another rule's."""
    for fault in key_faults(document):
        if not fault.accepted and not fault.is_read and fault.value:
            name = str(fault.key[-1])
            near = get_close_matches(name.lower(), fault.siblings, n=1, cutoff=0.75)
            meant = f"did you mean {near[0]}?" if near else f"nothing reads {quoted(name)}"
            yield Violation(fault.key, f"{dotted(fault.key)}: {_INSTEAD.get(name, meant)}")


@VALIDATION_RULES.notice(
    "strict-only-key",
    "A key that only strict validation refuses",
    why=(
        "a deploy takes it, or it asks for nothing; `flyctl config validate --strict` ends with an "
        "error"
    ),
    fix="remove it, or write it as Fly's reference does",
)
def _strict_only_key(document: Table) -> Iterator[Violation]:
    for fault in key_faults(document):
        if not fault.accepted and (fault.is_read or not fault.value):
            yield Violation(fault.key, f"strict validation does not know {dotted(fault.key)}")


@VALIDATION_RULES.warning(
    "value-refused",
    "A value that flyctl refuses",
    why="flyctl refuses to deploy, so there is nothing to verify",
    fix="write what the finding says is accepted",
)
def _value_refused(document: Table) -> Iterator[Violation]:
    for fault in key_faults(document):
        if fault.accepted:
            yield at(fault.key, f" {_described(fault.value)}: write {fault.accepted}")
    yield from _refused_commands(document)
    yield from _refused_checks(document)
    yield from _refused_mounts(document)
    for key, restart in tables(document.get("restart"), ("restart",)):
        policy = restart.get("policy", "")
        if isinstance(policy, str) and policy not in _RESTART_POLICIES:
            accepted = ", ".join(_RESTART_POLICIES)
            yield at((*key, "policy"), f" = {shown(policy)}: write one of {accepted}")
    for key, build in tables(document.get("build"), ("build",)):
        compression, level = build.get("compression", ""), build.get("compression_level", 0)
        if isinstance(compression, str) and compression not in _COMPRESSIONS:
            yield at((*key, "compression"), f" = {shown(compression)}: write gzip or zstd")
        if is_number(level) and not 0 <= level <= _MOST_COMPRESSION:
            yield at((*key, "compression_level"), f" = {shown(level)}: write 0 to 9")


def _described(value: object) -> str:
    if isinstance(value, dict):
        return "is a table"
    return "is a list" if isinstance(value, list) else f"= {shown(value)}"


def _refused_commands(document: Table) -> Iterator[Violation]:
    """Commands that cannot be split into words."""
    commands: list[tuple[Key, object]] = [
        (("console_command",), document.get("console_command")),
        *(
            ((*key, "release_command"), table.get("release_command"))
            for key, table in tables(document.get("deploy"), ("deploy",))
        ),
        *(
            ((*key, name), command)
            for key, table in tables(document.get("processes"), ("processes",))
            for name, command in table.items()
        ),
    ]
    for key, command in commands:
        if isinstance(command, str) and not _is_split(command):
            yield at(key, " cannot be split into words: close its quotes")


def _is_split(command: str) -> bool:
    try:
        shlex.split(command)
    except ValueError:
        return False
    return True


def _refused_checks(document: Table) -> Iterator[Violation]:
    """Top-level checks without a name or a type, or out of the platform's bounds."""
    checks = document.get("checks")
    for key, table in tables(checks, ("checks",)) if isinstance(checks, list) else ():
        if not isinstance(table.get("name"), str):
            yield at(key, " has no name: write name, or [checks.NAME]")
    for check in top_level_checks(document):
        if check.table.get("type") not in ("http", "tcp"):
            yield at((*check.key, "type"), ' is none: write "http" or "tcp"')
        written, timeout = check.table.get("interval"), check.seconds("timeout")
        interval = check.seconds("interval")
        is_negative = is_number(written) and written < 0
        if is_negative or (interval is not None and interval < _LEAST_INTERVAL):
            yield at((*check.key, "interval"), f" = {shown(written)}: write 2s or more")
        if timeout is not None and timeout > _MOST_TIMEOUT:
            yield at(
                (*check.key, "timeout"), f" = {shown(check.table['timeout'])}: write 60s or less"
            )


def _refused_mounts(document: Table) -> Iterator[Violation]:
    for name in ("mounts", "mount"):
        for key, mount in tables(document.get(name), (name,)):
            days = mount.get("snapshot_retention", 1)
            if is_number(days) and not 1 <= days <= _MOST_RETENTION:
                yield at((*key, "snapshot_retention"), f" = {shown(days)}: write 1 to 60 days")
            if mount.get("initial_size", "") != "":
                yield from _refused_size((*key, "initial_size"), mount["initial_size"])
            yield from _refused_extension(key, mount)


def _refused_extension(key: Key, mount: Table) -> Iterator[Violation]:
    """What a volume is extended by: all of it is set and within bounds, or none."""
    names = ("auto_extend_size_increment", "auto_extend_size_limit")
    sizes = {name: mount.get(name, "") for name in names}
    threshold = mount.get("auto_extend_size_threshold", 0)
    if not (any(sizes.values()) or threshold):
        return
    if is_number(threshold) and not 50 <= threshold <= 99:  # noqa: PLR2004
        where = (*key, "auto_extend_size_threshold")
        yield at(where, f" = {shown(threshold)}: write 50 to 99 percent")
    for name, most in zip(names, (100, 500), strict=True):
        if sizes[name] != "" or name == names[0]:
            yield from _refused_size((*key, name), sizes[name], most)


def _refused_size(key: Key, value: object, most: float = float("inf")) -> Iterator[Violation]:
    size = _gigabytes(value)
    if size is None or not 1 <= size <= most:
        upper = "or more" if most == float("inf") else f"to {most}GB"
        yield at(key, f" = {shown(value)}: write 1GB {upper}")


def _gigabytes(value: object) -> int | None:
    """Return a size in whole gigabytes; a bare number is one already. None where it is none."""
    if is_number(value):
        return int(value) if value % 1 == 0 else 0  # of bytes, as a text would be
    text = value if isinstance(value, str) else ""
    if text.isdecimal():
        return int(text[:_LONGEST_NUMBER])
    found = _SIZE.fullmatch(text)
    return int(Fraction(found[1]) * _UNITS[found[2].lower()]) // _GB if found else None


@VALIDATION_RULES.warning(
    "process-undefined",
    "A service or restart policy of no process",
    why="flyctl refuses the file, so the deploy ends before it begins",
    fix="name processes of [processes] in each service",
)
def _process_undefined(document: Table) -> Iterator[Violation]:
    defined = _process_names(document)
    for key, service in services(document):
        if defined and not service.get("processes"):
            names = ", ".join(map(quoted, defined))
            yield at(key, f" names no processes, and [processes] has {names}")
    restarts = tables(document.get("restart"), ("restart",))
    for key, table in (*services(document), *restarts):
        named = table.get("processes")
        for name in named if isinstance(named, list) else ():
            if isinstance(name, str) and name not in (defined or [_ALL_PROCESSES]):
                yield at((*key, "processes"), f" names {quoted(name)}, which [processes] has not")


def _process_names(document: Table) -> list[str]:
    processes = document.get("processes")
    if isinstance(processes, dict):
        return [str(name) for name in processes]
    named = (table.get("name") for _, table in tables(processes, ()))
    return [name for name in named if isinstance(name, str)]


@VALIDATION_RULES.warning(
    "stray-service-checks",
    "Checks that belong to no service",
    why=(
        "[[services.http_checks]] creates a separate service without ports: it checks nothing "
        "that users reach, and [http_service] stays unchecked"
    ),
    fix="write them as [[http_service.checks]]",
)
def _stray_service_checks(document: Table) -> Iterator[Violation]:
    for key, _ in stray_services(document):
        yield at(
            key, " has nothing but checks; those of [http_service] are [[http_service.checks]]"
        )


@VALIDATION_RULES.warning(
    "service-without-port",
    "A service that nothing reaches",
    why=(
        "Fly's proxy listens on the ports of a service, and forwards to its internal_port; flyctl "
        "warns of one without ports"
    ),
    fix="write internal_port, and [[services.ports]] for a service of [[services]]",
)
def _service_without_port(document: Table) -> Iterator[Violation]:
    """[http_service] has its ports, and forwards to 8080 where nothing is said."""
    for key, service in services(document):
        if key[0] == "services" and service:
            lacks = [name for name in ("internal_port", "ports") if not service.get(name)]
            if lacks:
                yield at(key, f" has no {' and no '.join(lacks)}")
