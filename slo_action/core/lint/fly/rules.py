"""The rules for a fly.toml by itself: what the platform does with it.

No rule raises, whatever the file holds: any TOML may come. Sources: flyctl's internal/appconfig
(config.go, service.go, toplevelcheck.go, patches.go, and the validation's validateDeploySection,
MachinesDeployStrategies and validateSingleServiceCheckDuration) and internal/command/deploy,
fly-go's Duration.ParseDuration and MachineAutostop.UnmarshalJSON, and Fly's configuration
reference: "Picking a deployment strategy", http_service, services.concurrency and [checks].
"""

from collections.abc import Callable, Iterator
from fractions import Fraction

from slo_action.core.lint.fly.fly_toml import (
    DURATIONS,
    Check,
    all_checks,
    at,
    checks_of,
    durations,
    is_number,
    is_udp,
    services,
    shown,
    stops,
    stray_services,
    tables,
    top_level_checks,
    untranslated_durations,
    wakes_from_none,
)
from slo_action.core.lint.fly.validation import VALIDATION_RULES
from slo_action.core.lint.rule import Key, RuleTable, Table, Violation, dotted
from slo_action.core.policy.numbers import DEFAULTS
from slo_action.core.text.go_durations import go_text, is_go_duration
from slo_action.core.text.quoting import quoted

GATE_SECONDS = Fraction(DEFAULTS["health_deadline"])
_STRATEGIES = ("rolling", "immediate", "canary", "bluegreen")
_SAFE_METHODS = ("GET", "HEAD")
_CONCURRENCY_TYPES = ("connections", "requests")
_AUTOSTOP = ("off", "stop", "suspend")

FLY_RULES: RuleTable[Table] = RuleTable(VALIDATION_RULES)


# Deploys


@FLY_RULES.warning(
    "auto-rollback-no-op",
    "auto_rollback does nothing",
    why="flyctl parses it and nothing reads it, so a bad release stays until it is rolled back",
    fix=(
        "remove it, and add a step with mode: verify and platform: fly after each deploy: it rolls "
        "a bad release back and verifies the rollback"
    ),
)
def _auto_rollback(document: Table) -> Iterator[Violation]:
    for key, table in tables(document.get("experimental"), ("experimental",)):
        if table.get("auto_rollback") is True:
            message = "[experimental] auto_rollback = true"
            yield Violation((*key, "auto_rollback"), message, replacement="")


def _deploy(document: Table, name: str) -> Iterator[tuple[Key, object]]:
    """Yield a setting of `[deploy]`, where it is set."""
    for key, table in tables(document.get("deploy"), ("deploy",)):
        if table.get(name):
            yield (*key, name), table[name]


@FLY_RULES.notice(
    "release-command",
    "A rollback does not undo the release command",
    why=(
        "a rollback never runs it and never undoes what it did: the previous code meets the new "
        "database"
    ),
    fix="keep each migration readable by the release before it",
)
def _release_command(document: Table) -> Iterator[Violation]:
    for key, _ in _deploy(document, "release_command"):
        yield Violation(key, f"each deploy runs {dotted(key)}")


@FLY_RULES.warning(
    "strategy-immediate",
    "A deploy that does not wait for health",
    why=(
        "all machines are replaced at once and the deploy ends with success before one is healthy, "
        "so a bad release is everywhere when it is noticed"
    ),
    fix='write strategy = "rolling"',
)
def _strategy_immediate(document: Table) -> Iterator[Violation]:
    for key, strategy in _deploy(document, "strategy"):
        if strategy == "immediate":
            yield at(key, " waits for no health check")


@FLY_RULES.warning(
    "strategy-refused",
    "A strategy that flyctl refuses",
    why="the deploy ends before it begins, so there is nothing to verify",
    fix='write strategy = "rolling", or what the strategy needs',
)
def _strategy_refused(document: Table) -> Iterator[Violation]:
    for key, strategy in _deploy(document, "strategy"):
        reason = _refused(strategy, document)
        if reason:
            yield at(key, f" = {shown(strategy)} {reason}")


def _refused(strategy: object, document: Table) -> str:
    if not isinstance(strategy, str):
        return ""
    if strategy not in _STRATEGIES:
        return f"is none of {', '.join(_STRATEGIES)}"
    if strategy in ("canary", "bluegreen") and (document.get("mounts") or document.get("mount")):
        return "does not go with volumes"
    if strategy == "bluegreen" and not any(all_checks(document)):
        return "needs a health check"
    return ""


@FLY_RULES.notice(
    "strategy-bluegreen",
    "No machine is left to roll back",
    why=(
        "a rollback machine by machine restores what is still there; machines that bluegreen has "
        "destroyed are named, and not created again"
    ),
    fix="deploy with rolling or canary",
)
def _strategy_bluegreen(document: Table) -> Iterator[Violation]:
    for key, strategy in _deploy(document, "strategy"):
        if strategy == "bluegreen" and not _refused(strategy, document):
            yield at(key, " destroys the machines of the previous release")


# Health checks


@FLY_RULES.warning(
    "no-service-checks",
    "A service without health checks",
    why="Fly cannot see that a machine is unhealthy: requests go there, and any deploy passes",
    fix=(
        "add [[http_service.checks]], or [[services.http_checks]], with path, interval, timeout "
        "and grace_period"
    ),
)
def _no_service_checks(document: Table) -> Iterator[Violation]:
    """Fly has no checks for UDP. Those that were meant for http_service are another rule's."""
    meant = any(stray_services(document))
    deploys_only = any(True for _ in top_level_checks(document))
    more = "; those of [checks] hold up deploys, and route nothing" if deploys_only else ""
    for key, service in services(document):
        is_meant = meant and key[0] == "http_service"
        if not (is_udp(service) or is_meant or any(checks_of(key, service))):
            yield at(key, f" has no checks{more}")


@FLY_RULES.warning(
    "check-without-path",
    "An HTTP check without a path",
    why=(
        "Fly's reference names no default, so a deploy waits for an arbitrary page, and not for "
        "the one that is verified"
    ),
    fix='name the health endpoint, such as path = "/healthz"',
)
def _check_without_path(document: Table) -> Iterator[Violation]:
    for check in all_checks(document):
        if check.is_http and not check.table.get("path"):
            yield at(check.key, " names no path")


@FLY_RULES.warning(
    "check-method",
    "A check that may change something",
    why=(
        "it is sent to each machine at each interval, and only GET and HEAD promise to change "
        "nothing; verify asks with GET"
    ),
    fix='write method = "GET", and give health a path of its own',
)
def _check_method(document: Table) -> Iterator[Violation]:
    for check in all_checks(document):
        method = check.table.get("method")
        if check.is_http and isinstance(method, str) and method.upper() not in _SAFE_METHODS:
            yield at((*check.key, "method"), f" = {quoted(method)}")


@FLY_RULES.notice(
    "check-timing-left-out",
    "A check leaves its timing to the platform",
    why=(
        "flyctl passes nothing on and Fly's reference names no default, so how long a deploy waits "
        "for health is not written anywhere"
    ),
    fix="write interval, timeout and grace_period",
)
def _check_timing_left_out(document: Table) -> Iterator[Violation]:
    for check in all_checks(document):
        missing = [name for name in DURATIONS if name not in check.table]
        if missing:
            yield at(check.key, f" leaves out {', '.join(missing)}")


# Durations of checks


@FLY_RULES.warning(
    "bare-duration",
    "A duration without a unit",
    why=(
        "bare numbers are never seconds here: milliseconds in services and in [checks], "
        "nanoseconds elsewhere"
    ),
    fix='write the unit, such as "15s"',
)
def _bare_duration(document: Table) -> Iterator[Violation]:
    for key, check, name in durations(document):
        value = check.table[name]
        if is_number(value):
            text = f" = {shown(value)} counts as {check.bare_unit}"
            yield at(key, text, _with_unit(check, name))
    for key, value in untranslated_durations(document):
        if is_number(value):
            yield at(key, f" = {shown(value)} counts as nanoseconds")


def _with_unit(check: Check, name: str) -> str | None:
    """Return the same duration with its unit, where that is what was meant.

    A second or more of milliseconds was. Below that, and in nanoseconds, the author most likely
    meant seconds: the same would keep a mistake, and seconds would be a guess.
    """
    seconds = check.seconds(name)
    meant = check.bare_unit == "milliseconds" and seconds is not None and seconds >= 1
    return f'"{go_text(seconds)}"' if meant and seconds is not None else None


@FLY_RULES.warning(
    "duration-refused",
    "A duration that flyctl refuses",
    why="Go cannot parse it: flyctl refuses to deploy, or ignores it",
    fix='write numbers with units and nothing between, such as "15s" or "1m30s"',
)
def _duration_refused(document: Table) -> Iterator[Violation]:
    for key, check, name in durations(document):
        value = check.table[name]
        is_left_out = value == "" and check.bare_unit == "milliseconds"
        if not (is_left_out or is_number(value) or is_go_duration(value)):
            yield at(key, f" = {shown(value)}")
    stop = [(("kill_timeout",), document["kill_timeout"])] if document.get("kill_timeout") else []
    for key, value in (*stop, *untranslated_durations(document)):
        if not is_number(value) and not is_go_duration(value):
            yield at(key, f" = {shown(value)}")


@FLY_RULES.warning(
    "duration-out-of-range",
    "A duration that the platform changes",
    why=(
        "those of a service's check are raised to 1 second and lowered to 1 minute, which a line "
        "of the deploy's log says"
    ),
    fix="write what is to hold, from 1 second to 1 minute",
)
def _duration_out_of_range(document: Table) -> Iterator[Violation]:
    for key, check, name in durations(document):
        seconds = _written(check, name)
        if seconds is not None and check.kept(name, seconds) != seconds:
            kept = go_text(check.kept(name, seconds))
            yield at(key, f" = {shown(check.table[name])} counts as {kept}")


def _written(check: Check, name: str) -> Fraction | None:
    """Return a duration that has a unit; bare numbers are another rule's."""
    return None if is_number(check.table.get(name)) else check.seconds(name)


def grace_past(deadline: Fraction) -> Callable[[Table], Iterator[Violation]]:
    """Return the check for grace periods beyond a deadline of so many seconds.

    A service's check never waits that long: its grace period is lowered to a minute.
    """

    def find(document: Table) -> Iterator[Violation]:
        for check in top_level_checks(document):
            seconds = check.seconds("grace_period")
            if seconds is not None and seconds > deadline:
                yield at((*check.key, "grace_period"), f" is {go_text(seconds)}")

    return find


FLY_RULES.notice(
    "grace-past-deadline",
    "A grace period beyond the health deadline",
    why=f"verify waits {GATE_SECONDS} s by default; this check does not look before that",
    fix="shorten it, or give verify a longer health-deadline",
)(grace_past(GATE_SECONDS))


@FLY_RULES.warning(
    "check-timeout",
    "A check's timeout is not below its interval",
    why="a hanging check still runs when the next one is due: a failing machine is noticed late",
    fix="make the timeout shorter than the interval",
)
def _check_timeout(document: Table) -> Iterator[Violation]:
    for check in all_checks(document):
        timeout, interval = _written(check, "timeout"), _written(check, "interval")
        if timeout is not None and interval is not None and timeout >= interval:
            values = f"timeout {check.table['timeout']}, interval {check.table['interval']}"
            yield Violation((*check.key, "timeout"), f"{dotted(check.key)}: {values}")


# Services: load, autostop, old forms


@FLY_RULES.notice(
    "no-concurrency",
    "A service without concurrency limits",
    why=(
        "Fly then counts connections, with a soft limit of 20 and no hard one, so a machine that "
        "has just started may get more than it can answer in time"
    ),
    fix='add a concurrency table with type = "requests", soft_limit and hard_limit',
)
def _no_concurrency(document: Table) -> Iterator[Violation]:
    for key, service in services(document):
        if not is_udp(service) and not service.get("concurrency"):
            yield at(key, " sets no concurrency")


def _concurrency(document: Table) -> Iterator[tuple[Key, Table]]:
    for key, service in services(document):
        limits = service.get("concurrency")
        if isinstance(limits, dict):
            yield (*key, "concurrency"), limits


@FLY_RULES.warning(
    "concurrency-limits",
    "The soft limit is above the hard limit",
    why=(
        "a machine is refused requests before others are preferred or started, so full machines "
        "show as slow and failed answers"
    ),
    fix="make soft_limit lower than hard_limit, or the same",
)
def _concurrency_limits(document: Table) -> Iterator[Violation]:
    for key, limits in _concurrency(document):
        soft, hard = limits.get("soft_limit"), limits.get("hard_limit")
        if isinstance(soft, int) and isinstance(hard, int) and soft > hard > 0:
            message = f"{dotted(key)}: soft_limit {shown(soft)}, hard_limit {shown(hard)}"
            yield Violation((*key, "soft_limit"), message)


@FLY_RULES.warning(
    "concurrency-type",
    "A concurrency type that Fly does not know",
    why="only connections and requests are counted, and autostop and routing go by the count",
    fix='write type = "requests", or "connections"',
)
def _concurrency_type(document: Table) -> Iterator[Violation]:
    for key, limits in _concurrency(document):
        counted = limits.get("type", _CONCURRENCY_TYPES[0])
        if isinstance(counted, str) and counted not in _CONCURRENCY_TYPES:
            yield at((*key, "type"), f" = {shown(counted)}")


@FLY_RULES.notice(
    "autostop-min-zero",
    "The first request wakes a machine",
    why=(
        "with none running, the first request waits until one has started, up to 30 s; so may the "
        "first probe after a deploy"
    ),
    fix="set min_machines_running = 1, or accept slow first answers",
)
def _autostop_min_zero(document: Table) -> Iterator[Violation]:
    for key, message in wakes_from_none(document):
        yield Violation(key, message)


@FLY_RULES.warning(
    "autostop-never-starts",
    "Machines stop and are never started",
    why=(
        "the proxy stops those that are idle, and no request starts them again: probes get no "
        "answer"
    ),
    fix='set auto_start_machines = true, or auto_stop_machines = "off"',
)
def _autostop_never_starts(document: Table) -> Iterator[Violation]:
    for key, service in services(document):
        if stops(service) and service.get("auto_start_machines") is False:
            message = f"{dotted(key)} stops idle machines, and auto_start_machines is false"
            yield Violation((*key, "auto_start_machines"), message)


@FLY_RULES.warning(
    "autostop-refused",
    "An autostop that flyctl refuses",
    why="the deploy ends before it begins, so there is nothing to verify",
    fix='write "off", "stop" or "suspend"',
)
def _autostop_refused(document: Table) -> Iterator[Violation]:
    for key, service in services(document):
        value = service.get("auto_stop_machines", "off")
        if not isinstance(value, bool) and value not in _AUTOSTOP:
            yield at((*key, "auto_stop_machines"), f" = {shown(value)}")


@FLY_RULES.notice(
    "legacy-form",
    "An old form of a key",
    why=(
        "flyctl still translates it and Fly's reference no longer names it; a rollback deploys old "
        "files with the flyctl of the day"
    ),
    fix="write the form of Fly's reference",
)
def _legacy_form(document: Table) -> Iterator[Violation]:
    for key, service in services(document):
        if service.get("auto_stop_machines") is True:
            yield at((*key, "auto_stop_machines"), ' = true is the old form of "stop"', '"stop"')
        if key[0] == "services" and isinstance(service.get("concurrency"), str):
            yield at((*key, "concurrency"), " is a text, and must be a table")
    for key, table in tables(document.get("experimental"), ("experimental",)):
        if "kill_timeout" in table:
            yield at((*key, "kill_timeout"), " only counts without a kill_timeout at the top")
