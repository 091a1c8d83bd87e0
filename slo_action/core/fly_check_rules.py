"""What is wrong with the health checks of a fly.toml.

Sources, each with its rule below: flyctl's internal/appconfig (service.go, toplevelcheck.go,
patches.go, and the validation's validateSingleServiceCheckDuration), and Fly's configuration
reference on http_service.checks, services.http_checks and [checks].
"""

from collections.abc import Callable, Iterator
from fractions import Fraction

from slo_action.core.fly_tables import (
    DURATIONS,
    Check,
    all_checks,
    checks_of,
    in_range,
    is_number,
    is_udp,
    services,
    shown,
    top_level_checks,
)
from slo_action.core.go_durations import go_text, is_go_duration
from slo_action.core.model import Level
from slo_action.core.quoting import quoted
from slo_action.core.rules import Key, Rule, Spot, Table, dotted

_NOT_READ = {
    "http_service": ("http_checks", "script_checks"),
    "services": ("checks", "script_checks"),
}
_SAFE_METHODS = ("GET", "HEAD")
GATE_SECONDS = Fraction(90)
"""The default of `health-deadline`: how long `verify` waits for health after a deploy."""


def _no_service_checks(document: Table) -> Iterator[Spot]:
    """Nobody can ask a UDP service how it is, so it is not asked for checks."""
    deploys_only = any(True for _ in top_level_checks(document))
    told = "; those of [checks] hold up deploys, and route nothing" if deploys_only else ""
    for key, service in services(document):
        if not is_udp(service) and not any(checks_of(key, service)):
            yield Spot(key=key, words=f"{dotted(key)} has no checks{told}")


def _ignored_check_key(document: Table) -> Iterator[Spot]:
    """Empty lists and `restart_limit = 0` came with every file once, and mislead nobody."""
    for key, service in services(document):
        for name in _NOT_READ[str(key[0])]:
            if service.get(name):
                yield _ignored((*key, name))
    for check in all_checks(document):
        if check.table.get("restart_limit"):
            yield _ignored((*check.key, "restart_limit"))


def _ignored(key: Key) -> Spot:
    return Spot(key=key, words=f"nothing reads {dotted(key)}")


def _check_without_path(document: Table) -> Iterator[Spot]:
    for check in all_checks(document):
        if check.is_http and not check.table.get("path"):
            yield Spot(key=check.key, words=f"{dotted(check.key)} names no path")


def _check_method(document: Table) -> Iterator[Spot]:
    for check in all_checks(document):
        method = check.table.get("method")
        if check.is_http and isinstance(method, str) and method.upper() not in _SAFE_METHODS:
            key = (*check.key, "method")
            yield Spot(key=key, words=f"{dotted(key)} = {quoted(method)}")


def _check_timing_left_out(document: Table) -> Iterator[Spot]:
    for check in all_checks(document):
        missing = [name for name in DURATIONS if name not in check.table]
        if missing:
            words = f"{dotted(check.key)} leaves out {', '.join(missing)}"
            yield Spot(key=check.key, words=words)


def _bare_duration(document: Table) -> Iterator[Spot]:
    for check in all_checks(document):
        for name in DURATIONS:
            value = check.table.get(name)
            if is_number(value):
                key = (*check.key, name)
                words = f"{dotted(key)} = {shown(value)} counts as {check.bare_unit}"
                yield Spot(key=key, words=words, mend=_with_unit(check, name))


def _with_unit(check: Check, name: str) -> str | None:
    """Return the same duration with its unit, where that is what was meant.

    A second or more of milliseconds was. Below that, and in nanoseconds, somebody has most likely
    meant seconds: the same would keep a mistake, and seconds would be a guess.
    """
    seconds = check.seconds(name)
    meant = check.bare_unit == "milliseconds" and seconds is not None and seconds >= 1
    return f'"{go_text(seconds)}"' if meant and seconds is not None else None


def _duration_refused(document: Table) -> Iterator[Spot]:
    for check in all_checks(document):
        for name in DURATIONS:
            value = check.table.get(name, "0")
            if not is_number(value) and not is_go_duration(value):
                key = (*check.key, name)
                yield Spot(key=key, words=f"{dotted(key)} = {shown(value)}")


def _duration_out_of_range(document: Table) -> Iterator[Spot]:
    """Bare numbers are another rule's."""
    for check in all_checks(document):
        for name in DURATIONS:
            seconds = check.seconds(name)
            if seconds is None or not check.is_of_service or is_number(check.table.get(name)):
                continue
            kept = in_range(name, seconds)
            if kept != seconds:
                key = (*check.key, name)
                words = f"{dotted(key)} = {shown(check.table[name])} counts as {go_text(kept)}"
                yield Spot(key=key, words=words)


def grace_past(deadline: Fraction) -> Callable[[Table], Iterator[Spot]]:
    """Return what finds the checks that first look after a deadline of so many seconds.

    A service's check never waits that long: its grace period is lowered to a minute.
    """

    def find(document: Table) -> Iterator[Spot]:
        for check in top_level_checks(document):
            seconds = check.seconds("grace_period")
            if seconds is not None and seconds > deadline:
                key = (*check.key, "grace_period")
                yield Spot(key=key, words=f"{dotted(key)} is {go_text(seconds)}")

    return find


def _check_timeout(document: Table) -> Iterator[Spot]:
    """Bare numbers are another rule's."""
    for check in all_checks(document):
        waits, comes_again = _written(check, "timeout"), _written(check, "interval")
        if waits is not None and comes_again is not None and waits >= comes_again:
            timeout, interval = check.table["timeout"], check.table["interval"]
            words = f"{dotted(check.key)}: timeout {timeout}, interval {interval}"
            yield Spot(key=(*check.key, "timeout"), words=words)


def _written(check: Check, name: str) -> Fraction | None:
    return None if is_number(check.table.get(name)) else check.seconds(name)


CHECK_RULES: tuple[Rule[Table], ...] = (
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
        name="ignored-check-key",
        level=Level.WARNING,
        title="A key of a check that nothing reads",
        why="flyctl's tables have no such key: what it asks for never runs and never restarts",
        fix=(
            "take it out; checks of services are http_checks and tcp_checks, those of "
            "http_service are checks, and no check restarts a machine"
        ),
        find=_ignored_check_key,
    ),
    Rule(
        name="check-without-path",
        level=Level.WARNING,
        title="An HTTP check without a path",
        why=(
            "Fly's reference names no default, so a deploy waits for a page that nobody chose, "
            "and not for the one that is verified"
        ),
        fix='name the health endpoint, such as path = "/healthz"',
        find=_check_without_path,
    ),
    Rule(
        name="check-method",
        level=Level.WARNING,
        title="A check that is more than a look",
        why=(
            "it is sent to each machine at each interval, and only GET and HEAD promise to change "
            "nothing; verify asks with GET"
        ),
        fix='write method = "GET", and give health a path of its own',
        find=_check_method,
    ),
    Rule(
        name="check-timing-left-out",
        level=Level.NOTICE,
        title="A check leaves its timing to the platform",
        why=(
            "flyctl passes nothing on and Fly's reference names no default, so how long a deploy "
            "waits for health is not written anywhere"
        ),
        fix="write interval, timeout and grace_period",
        find=_check_timing_left_out,
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
        name="duration-refused",
        level=Level.WARNING,
        title="A duration that flyctl refuses",
        why="Go reads no duration in it, so the deploy ends before it begins",
        fix='write numbers with units and nothing between, such as "15s" or "1m30s"',
        find=_duration_refused,
    ),
    Rule(
        name="duration-out-of-range",
        level=Level.WARNING,
        title="A duration that the platform does not keep to",
        why=(
            "those of a service's check are raised to 1 second and lowered to 1 minute, which a "
            "line of the deploy's log says"
        ),
        fix="write what is to hold, from 1 second to 1 minute",
        find=_duration_out_of_range,
    ),
    Rule(
        name="grace-past-deadline",
        level=Level.NOTICE,
        title="A grace period beyond the health deadline",
        why=(
            "verify waits 90 s for health unless told otherwise, and this check does not look "
            "before that"
        ),
        fix="shorten it, or give verify a longer health-deadline",
        find=grace_past(GATE_SECONDS),
    ),
    Rule(
        name="check-timeout",
        level=Level.WARNING,
        title="A check's timeout is not below its interval",
        why="a check that hangs outlasts its turn, so a sick machine is noticed late",
        fix="make the timeout shorter than the interval",
        find=_check_timeout,
    ),
)
