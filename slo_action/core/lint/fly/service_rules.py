"""What is wrong with the services of a fly.toml: load, autostop, forms of another day.

Sources, each with its rule below: Fly's configuration reference (http_service,
services.concurrency), flyctl's internal/appconfig/patches.go (_patchService, patchExperimental),
and fly-go's MachineAutostop.UnmarshalJSON.
"""

from collections.abc import Iterator

from slo_action.core.lint.fly.tables import is_udp, services, shown, stops, tables, wakes_from_none
from slo_action.core.lint.rule import Key, Rule, Table, Violation, dotted
from slo_action.core.model import Level

_TYPES = ("connections", "requests")
_AUTOSTOP = ("off", "stop", "suspend")


def _no_concurrency(document: Table) -> Iterator[Violation]:
    for key, service in services(document):
        if not is_udp(service) and not service.get("concurrency"):
            yield Violation(key=key, words=f"{dotted(key)} says nothing of concurrency")


def _limits(document: Table) -> Iterator[tuple[Key, Table]]:
    for key, service in services(document):
        limits = service.get("concurrency")
        if isinstance(limits, dict):
            yield (*key, "concurrency"), limits


def _concurrency_limits(document: Table) -> Iterator[Violation]:
    for key, limits in _limits(document):
        soft, hard = limits.get("soft_limit"), limits.get("hard_limit")
        if isinstance(soft, int) and isinstance(hard, int) and soft > hard > 0:
            words = f"{dotted(key)}: soft_limit {shown(soft)}, hard_limit {shown(hard)}"
            yield Violation(key=(*key, "soft_limit"), words=words)


def _concurrency_type(document: Table) -> Iterator[Violation]:
    for key, limits in _limits(document):
        if "type" in limits and limits["type"] not in _TYPES:
            where = (*key, "type")
            yield Violation(key=where, words=f"{dotted(where)} = {shown(limits['type'])}")


def _autostop_min_zero(document: Table) -> Iterator[Violation]:
    for key, words in wakes_from_none(document):
        yield Violation(key=key, words=words)


def _autostop_never_starts(document: Table) -> Iterator[Violation]:
    for key, service in services(document):
        if stops(service) and service.get("auto_start_machines") is False:
            words = f"{dotted(key)} stops idle machines, and auto_start_machines is false"
            yield Violation(key=(*key, "auto_start_machines"), words=words)


def _autostop_refused(document: Table) -> Iterator[Violation]:
    for key, service in services(document):
        value = service.get("auto_stop_machines", "off")
        if not isinstance(value, bool) and value not in _AUTOSTOP:
            where = (*key, "auto_stop_machines")
            yield Violation(key=where, words=f"{dotted(where)} = {shown(value)}")


def _legacy_form(document: Table) -> Iterator[Violation]:
    for key, service in services(document):
        if service.get("auto_stop_machines") is True:
            where = (*key, "auto_stop_machines")
            words = f'{dotted(where)} = true is the old form of "stop"'
            yield Violation(key=where, words=words, mend='"stop"')
        if isinstance(service.get("concurrency"), str):
            where = (*key, "concurrency")
            yield Violation(key=where, words=f"{dotted(where)} is a text, and is to be a table")
    for key, table in tables(document.get("experimental"), ("experimental",)):
        if "kill_timeout" in table:
            where = (*key, "kill_timeout")
            words = f"{dotted(where)} only counts without a kill_timeout at the top"
            yield Violation(key=where, words=words)


SERVICE_RULES: tuple[Rule[Table], ...] = (
    Rule(
        name="no-concurrency",
        level=Level.NOTICE,
        title="A service without limits of its load",
        why=(
            "Fly then counts connections, with a soft limit of 20 and no hard one, so a machine "
            "that has just started may get more than it can answer in time"
        ),
        fix='add a concurrency table with type = "requests", soft_limit and hard_limit',
        find=_no_concurrency,
    ),
    Rule(
        name="concurrency-limits",
        level=Level.WARNING,
        title="The soft limit is above the hard limit",
        why=(
            "a machine is refused requests before others are preferred or started, so full "
            "machines show as slow and failed answers"
        ),
        fix="make soft_limit lower than hard_limit, or the same",
        find=_concurrency_limits,
    ),
    Rule(
        name="concurrency-type",
        level=Level.WARNING,
        title="A concurrency type that Fly does not know",
        why="only connections and requests are counted, and autostop and routing go by the count",
        fix='write type = "requests", or "connections"',
        find=_concurrency_type,
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
    Rule(
        name="autostop-never-starts",
        level=Level.WARNING,
        title="Machines stop and are never started",
        why=(
            "the proxy stops those that are idle, and no request starts them again: probes find "
            "nothing that answers"
        ),
        fix='set auto_start_machines = true, or auto_stop_machines = "off"',
        find=_autostop_never_starts,
    ),
    Rule(
        name="autostop-refused",
        level=Level.WARNING,
        title="An autostop that flyctl refuses",
        why="the deploy ends before it begins, so there is nothing to verify",
        fix='write "off", "stop" or "suspend"',
        find=_autostop_refused,
    ),
    Rule(
        name="legacy-form",
        level=Level.NOTICE,
        title="An old form of a key",
        why=(
            "flyctl still translates it and Fly's reference no longer names it; a rollback deploys "
            "old files with the flyctl of the day"
        ),
        fix="write the form of Fly's reference",
        find=_legacy_form,
    ),
)
