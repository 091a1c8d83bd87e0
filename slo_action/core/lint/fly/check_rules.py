"""What is wrong with the health checks of a fly.toml.

Sources, each with its rule below: flyctl's internal/appconfig (service.go, toplevelcheck.go
and patches.go), and Fly's configuration reference on http_service.checks, services.http_checks and
[checks].
"""

from collections.abc import Iterator

from slo_action.core.lint.fly.tables import (
    DURATIONS,
    all_checks,
    checks_of,
    is_udp,
    services,
    top_level_checks,
)
from slo_action.core.lint.rule import Key, Rule, Table, Violation, dotted
from slo_action.core.model import Level
from slo_action.core.text.quoting import quoted

_NOT_READ = {
    "http_service": ("http_checks", "script_checks"),
    "services": ("checks", "script_checks"),
}
_SAFE_METHODS = ("GET", "HEAD")


def _no_service_checks(document: Table) -> Iterator[Violation]:
    """Nobody can ask a UDP service how it is, so it is not asked for checks."""
    deploys_only = any(True for _ in top_level_checks(document))
    told = "; those of [checks] hold up deploys, and route nothing" if deploys_only else ""
    for key, service in services(document):
        if not is_udp(service) and not any(checks_of(key, service)):
            yield Violation(key=key, words=f"{dotted(key)} has no checks{told}")


def _ignored_check_key(document: Table) -> Iterator[Violation]:
    """Empty lists and `restart_limit = 0` came with every file once, and mislead nobody."""
    for key, service in services(document):
        for name in _NOT_READ[str(key[0])]:
            if service.get(name):
                yield _ignored((*key, name))
    for check in all_checks(document):
        if check.table.get("restart_limit"):
            yield _ignored((*check.key, "restart_limit"))


def _ignored(key: Key) -> Violation:
    return Violation(key=key, words=f"nothing reads {dotted(key)}")


def _check_without_path(document: Table) -> Iterator[Violation]:
    for check in all_checks(document):
        if check.is_http and not check.table.get("path"):
            yield Violation(key=check.key, words=f"{dotted(check.key)} names no path")


def _check_method(document: Table) -> Iterator[Violation]:
    for check in all_checks(document):
        method = check.table.get("method")
        if check.is_http and isinstance(method, str) and method.upper() not in _SAFE_METHODS:
            key = (*check.key, "method")
            yield Violation(key=key, words=f"{dotted(key)} = {quoted(method)}")


def _check_timing_left_out(document: Table) -> Iterator[Violation]:
    for check in all_checks(document):
        missing = [name for name in DURATIONS if name not in check.table]
        if missing:
            words = f"{dotted(check.key)} leaves out {', '.join(missing)}"
            yield Violation(key=check.key, words=words)


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
)
