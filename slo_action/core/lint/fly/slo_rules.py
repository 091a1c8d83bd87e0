"""The rules for a fly.toml beside its services in slo.yml. Pure, and never raises.

Sources: Fly's configuration reference on force_https, min_machines_running and checks; what the
platform makes of a check's durations stands in fly_toml.py.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from fractions import Fraction
from urllib.parse import SplitResult, urlsplit

from slo_action.core.lint.fly.fly_toml import (
    DURATIONS,
    Check,
    all_checks,
    services,
    shown,
    tables,
    wakes_from_none,
)
from slo_action.core.lint.fly.rules import FLY_RULES, GATE_SECONDS, grace_past
from slo_action.core.lint.rule import (
    Document,
    Finding,
    Key,
    RuleTable,
    Table,
    Violation,
    dotted,
    findings,
)
from slo_action.core.slo.services import Endpoint, Service
from slo_action.core.text.go_durations import go_text
from slo_action.core.text.quantities import percent_words
from slo_action.core.text.quoting import quoted

_HTTP_PORT, _HTTPS_PORT = 80, 443
_PORTS = {"http": _HTTP_PORT, "https": _HTTPS_PORT}
_PORT = re.compile(r"[0-9]{1,5}")
_TOP_LEVEL: Key = ("checks",)
_HIGH_AVAILABILITY = Fraction(999, 1000)
_PRIVATE = ".internal"
"""Names of single machines, which bypass Fly's proxy."""
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A fly.toml and one of the services that it deploys; all of them untrusted.

    `others` are the rest of these. What one of them asks for is no mistake for `service`.
    """

    table: Table
    service: Service
    others: tuple[Service, ...] = ()

    @property
    def every(self) -> tuple[Service, ...]:
        """All services that the file is about."""
        return (self.service, *self.others)

    def for_each(self) -> Iterator["Pair"]:
        """Yield a pair for each service that the file is about."""
        for number, service in enumerate(self.every):
            others = (*self.every[:number], *self.every[number + 1 :])
            yield replace(self, service=service, others=others)

    def is_same_app(self) -> bool:
        """Return whether the file deploys the app of all its services, as far as it says."""
        app = self.table.get("app")
        is_set = isinstance(app, str) and app
        return not is_set or all(app == (one.app or one.name) for one in self.every)

    def checks(self) -> dict[Key, tuple[Check, ...]]:
        """Return the service's checks by the fly.toml's service, or other table, they stand in.

        Where its URL leads to one of these services, the checks of the rest are not its own. The
        sole check is one, unless it asks for another service's health.
        """
        checks = _health_checks(self.service, self.table)
        if not checks and not any(_health_checks(one, self.table) for one in self.others):
            checks = _sole_check(self.table)
        addressed = self.addressed()
        found: dict[Key, tuple[Check, ...]] = {}
        for check in checks:
            home = _home(check)
            if home == _TOP_LEVEL or not addressed or home in addressed:
                found[home] = (*found.get(home, ()), check)
        return found

    def addressed(self) -> tuple[Key, ...]:
        """Return the fly.toml's services at the port of the URL; empty where that is not known."""
        port = _url_port(self.service.url)
        return tuple(
            key
            for key, service in services(self.table)
            if port is not None and port in _ports(key, service)
        )


MATCH_RULES: RuleTable[Pair] = RuleTable()


@MATCH_RULES.warning(
    "match-path",
    "The platform checks another path than slo.yml",
    why=(
        "Fly routes and deploys by one page and verify judges by another, so one of them may be "
        "healthy while the other is not"
    ),
    fix="write the path of health_endpoint into the check",
)
def _match_path(pair: Pair) -> Iterator[Violation]:
    """One check that asks for health, of any service of the file, is enough."""
    health, checks = pair.service.endpoint("health"), _with_path(pair.table)
    if health is None or not checks:
        return
    if not any(_health_checks(one, pair.table) for one in pair.every):
        key = (*checks[0].key, "path")
        text = f"{dotted(key)} = {shown(checks[0].table['path'])}"
        if len(checks) > 1:
            text = f"none of {len(checks)} checks asks for health"
        message = f"{text}, and health is {quoted(health.path)} in slo.yml"
        yield Violation(key, message, replacement=_only_path(health, pair))


def _only_path(health: Endpoint, pair: Pair) -> str | None:
    """Return what the path must be; None where another check, address or app is possible."""
    wanted = {one.path for service in pair.every if (one := service.endpoint("health"))}
    has_base = any(_base_path(service) for service in pair.every)
    is_sure = _sole_check(pair.table) and pair.is_same_app() and len(wanted) == 1 and not has_base
    return (
        json.dumps(health.path, ensure_ascii=False)
        if is_sure and health.path.isprintable()
        else None
    )


@MATCH_RULES.notice(
    "match-timing",
    "A check's timing is not that of slo.yml",
    why="what the platform calls late or unhealthy is then something else than what is promised",
    fix="write the durations of slo.yml's monitoring, or change them there",
)
def _match_timing(pair: Pair) -> Iterator[Violation]:
    """Only what both set is compared, and as the platform applies it.

    Where several services of the file ask for health and nothing says which the URL leads to, it
    is enough that the checks of one agree; else those of the first are shown.
    """
    found = {
        home: [violation for check in checks for violation in _differences(check, pair)]
        for home, checks in pair.checks().items()
    }
    yield from found.pop(_TOP_LEVEL, ())
    if all(found.values()):
        yield from next(iter(found.values()), ())


def _differences(check: Check, pair: Pair) -> Iterator[Violation]:
    """What one service of the file asks for, the check may say, whatever the others ask for."""
    users = [
        one
        for one in pair.for_each()
        if any(check.key == own.key for checks in one.checks().values() for own in checks)
    ]
    wanted = [_durations(one.service) for one in users]
    is_sure = pair.is_same_app() and all(
        sum(home != _TOP_LEVEL for home in one.checks()) <= 1 for one in users
    )
    agreed = _agreed(check, wanted) if is_sure else {}
    for name, seconds in _durations(pair.service).items():
        written = check.seconds(name)
        accepted = [check.kept(name, each[name]) for each in wanted if name in each]
        if written is None or check.kept(name, written) in accepted:
            continue
        kept, key = check.kept(name, seconds), (*check.key, name)
        limited = "" if kept == seconds else f", of which the platform makes {go_text(kept)}"
        values = f"{dotted(key)} = {shown(check.table[name])}, and slo.yml says {go_text(seconds)}"
        replacement = f'"{go_text(agreed[name])}"' if name in agreed else None
        yield Violation(key, f"{values}{limited}", replacement=replacement)


def _durations(service: Service) -> dict[str, Fraction]:
    """Return the seconds that slo.yml sets for health, by the check's name of each."""
    health = service.endpoint("health")
    if health is None:
        return {}
    values = zip(DURATIONS, (health.interval, health.timeout, service.grace), strict=True)
    return {
        name: Fraction(value // _MICROSECOND, 10**6) for name, value in values if value is not None
    }


def _agreed(check: Check, wanted: list[dict[str, Fraction]]) -> dict[str, Fraction]:
    """Return what the services agree on; nothing that lets the timeout reach the interval."""
    agreed = {
        name: kept.pop()
        for name in DURATIONS
        for kept in ({check.kept(name, each[name]) for each in wanted if name in each},)
        if len(kept) == 1
    }
    timeout, interval = (agreed.get(n, check.seconds(n)) for n in ("timeout", "interval"))
    if timeout is not None and interval is not None and timeout >= interval:
        return {name: kept for name, kept in agreed.items() if name == "grace_period"}
    return agreed


@MATCH_RULES.warning(
    "match-app",
    "Another app than that of slo.yml",
    why="one app is deployed, and another is verified and rolled back",
    fix="write the same name at both places; in slo.yml it is app, or else service",
)
def _match_app(pair: Pair) -> Iterator[Violation]:
    name, app = pair.service.app or pair.service.name, pair.table.get("app")
    if isinstance(app, str) and app and app != name:
        source = "app" if pair.service.app else "service"
        yield Violation(("app",), f"app = {quoted(app)}, and slo.yml says {source}: {quoted(name)}")


@MATCH_RULES.warning(
    "match-autostop",
    "A target that a stopped app cannot meet",
    why=(
        "with none running, the first request waits up to 30 s until a machine has started, which "
        "counts as slow or as failed"
    ),
    fix="set min_machines_running = 1, or promise less in slo.yml",
)
def _match_autostop(pair: Pair) -> Iterator[Violation]:
    """Of services that the URL may lead to, one that keeps running can meet the target."""
    promise, addressed = _promise(pair.service), pair.addressed()
    waking = {key[:-1]: (key, reason) for key, reason in wakes_from_none(pair.table)}
    if not promise or (not addressed and len(waking) < len(list(services(pair.table)))):
        return
    for where, (key, reason) in waking.items():
        if not addressed or where in addressed:
            yield Violation(key, f"{reason}; slo.yml promises {promise}")


def _promise(service: Service) -> str:
    """Return what a machine that must first start cannot meet; empty if nothing is promised."""
    availability, health = service.targets.availability, service.endpoint("health")
    promises = []
    if availability is not None and availability >= _HIGH_AVAILABILITY:
        promises.append(f"{percent_words(availability)} availability")
    if health is not None and health.objective is not None:
        promises.append(f"health within {health.objective.limit_seconds:g} s")
    return " and ".join(promises)


@MATCH_RULES.warning(
    "match-scheme",
    "Every probe is redirected",
    why=(
        "Fly redirects http: to https: before the app sees the request, and a redirect is no "
        "answer of the app"
    ),
    fix="write https: into the url of slo.yml",
)
def _match_scheme(pair: Pair) -> Iterator[Violation]:
    parts = _split_url(pair.service.url)
    if not parts or parts.scheme != "http" or (parts.hostname or "").endswith(_PRIVATE):
        return  # Fly's proxy does not take it
    for key, port in _redirecting_ports(pair.table):
        if port == _url_port(pair.service.url):
            yield Violation(key, f"{dotted(key)} is true, and slo.yml has a url of http:")


def _redirecting_ports(table: Table) -> Iterator[tuple[Key, object]]:
    for key, service in services(table):
        if key == ("http_service",) and service.get("force_https") is True:
            yield (*key, "force_https"), _HTTP_PORT
        for where, port in tables(service.get("ports"), (*key, "ports")):
            if port.get("force_https") is True:
                yield (*where, "force_https"), port.get("port")


def fly_findings(document: Document, deployed: tuple[Service, ...]) -> tuple[Finding, ...]:
    """Return all findings, those beside the services first, so that their edits are taken first.

    What a service promises makes autostop a warning instead of a notice. Services say how long
    `verify` waits for health.
    """
    table = document.content
    beside: list[Finding] = []
    for service in deployed:
        others = tuple(one for one in deployed if one.name != service.name)
        pair = Pair(table=table, service=service, others=others)
        beside += findings(MATCH_RULES, pair, document)
    promised = {one.place for one in beside if one.rule.name == "match-autostop"}
    deadlines = [Fraction(one.policy.get("health_deadline", GATE_SECONDS)) for one in deployed]
    find = grace_past(min(deadlines, default=GATE_SECONDS))
    rules = [
        replace(rule, find=find) if rule.name == "grace-past-deadline" else rule
        for rule in FLY_RULES
    ]
    alone = [
        one
        for one in findings(rules, table, document)
        if not (one.rule.name == "autostop-min-zero" and one.place in promised)
    ]
    return (*beside, *alone)


def _with_path(table: Table) -> list[Check]:
    """Return the HTTP checks that name a path."""
    return [check for check in all_checks(table) if check.is_http and check.table.get("path")]


def _health_checks(service: Service, table: Table) -> list[Check]:
    """Return the checks of its health endpoint; a path of the URL may be removed on the way."""
    health = service.endpoint("health")
    if health is None:
        return []
    paths = (health.path, _base_path(service) + health.path)
    return [check for check in _with_path(table) if check.table["path"] in paths]


def _sole_check(table: Table) -> list[Check]:
    """Return the HTTP check that can only be meant for health, in a file of one service."""
    checks = _with_path(table)
    is_sole = len(checks) == 1 and checks[0].is_of_service and len(list(services(table))) == 1
    return checks if is_sole else []


def _home(check: Check) -> Key:
    """Return the key of the service that a check stands in; that of `[checks]` for the others."""
    if not check.is_of_service:
        return _TOP_LEVEL
    return check.key[:2] if isinstance(check.key[1], int) else check.key[:1]


def _ports(key: Key, service: Table) -> Iterator[object]:
    """Yield a service's ports; one in quotes is one for flyctl, too."""
    if key[0] == "http_service":
        yield from (_HTTP_PORT, _HTTPS_PORT)
    for _, table in tables(service.get("ports"), (*key, "ports")):
        port = table.get("port")
        yield int(port) if isinstance(port, str) and _PORT.fullmatch(port) else port


def _split_url(url: str) -> SplitResult | None:
    """Return the parts of a URL; None for what is none."""
    try:
        parts = urlsplit(url)
        _ = parts.port, parts.hostname
    except ValueError:
        return None
    return parts


def _url_port(url: str) -> int | None:
    parts = _split_url(url)
    return (parts.port or _PORTS.get(parts.scheme)) if parts else None


def _base_path(service: Service) -> str:
    """Return the path of the service's URL without a slash at its end."""
    parts = _split_url(service.url)
    return parts.path.rstrip("/") if parts else ""
