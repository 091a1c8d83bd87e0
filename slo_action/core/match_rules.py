"""Where a fly.toml and its service in slo.yml say different things. Pure, and never raises.

Sources: Fly's configuration reference on force_https, min_machines_running and checks; what the
platform makes of a check's durations stands in fly_tables.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from urllib.parse import urlsplit

from slo_action.core.fly_tables import (
    Check,
    all_checks,
    in_range,
    services,
    shown,
    tables,
    wakes_from_none,
)
from slo_action.core.go_durations import go_text
from slo_action.core.matrix import Endpoint, Service
from slo_action.core.model import Level
from slo_action.core.quoting import quoted
from slo_action.core.rules import Key, Rule, Spot, Table, dotted

_HIGH_AVAILABILITY = Fraction(999, 1000)
_HTTP_PORT = 80
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A fly.toml and the service that it deploys. Both are untrusted."""

    table: Table
    service: Service


def _match_path(pair: Pair) -> Iterator[Spot]:
    """One check that asks for health is enough; others may look at other things."""
    health, checks = pair.service.endpoint("health"), _with_path(pair.table)
    if health is None or not checks or _asking_for(health, pair):
        return
    key = (*checks[0].key, "path")
    told = f"{dotted(key)} = {shown(checks[0].table['path'])}"
    if len(checks) > 1:
        told = f"none of {len(checks)} checks asks for health"
    words = f"{told}, and health is {quoted(health.path)} in slo.yml"
    yield Spot(key=key, words=words, mend=_path_to_be(health, pair))


def _path_to_be(health: Endpoint, pair: Pair) -> str | None:
    """Return what the only path must mean; None where another check or address is possible."""
    is_sure = _sole(pair.table) and not _base_path(pair.service) and health.path.isprintable()
    return _toml_text(health.path) if is_sure else None


def _with_path(table: Table) -> list[Check]:
    return [check for check in all_checks(table) if check.is_http and check.table.get("path")]


def _asking_for(health: Endpoint, pair: Pair) -> list[Check]:
    """Return the checks of the health endpoint; a path of the URL may be taken off on the way."""
    paths = (health.path, _base_path(pair.service) + health.path)
    return [check for check in _with_path(pair.table) if check.table["path"] in paths]


def _sole(table: Table) -> list[Check]:
    """Return the HTTP check that can only be meant for health, in a file of one service."""
    checks = _with_path(table)
    is_sole = len(checks) == 1 and checks[0].is_of_service and len(list(services(table))) == 1
    return checks if is_sole else []


def _match_timing(pair: Pair) -> Iterator[Spot]:
    """Only what both say is compared, and as the platform keeps to it."""
    health = pair.service.endpoint("health")
    if health is None:
        return
    wanted = {
        "interval": health.interval,
        "timeout": health.timeout,
        "grace_period": pair.service.grace,
    }
    for check in _asking_for(health, pair) or _sole(pair.table):
        for name, duration in wanted.items():
            if duration is not None:
                yield from _other_duration(check, name, duration)


def _other_duration(check: Check, name: str, wanted: timedelta) -> Iterator[Spot]:
    said = Fraction(wanted // _MICROSECOND, 10**6)
    kept = in_range(name, said) if check.is_of_service else said
    written = check.in_effect(name)
    if written is None or written == kept:
        return
    key = (*check.key, name)
    most = "" if kept == said else f", of which the platform makes {go_text(kept)}"
    words = f"{dotted(key)} = {shown(check.table[name])}, and slo.yml says {go_text(said)}{most}"
    yield Spot(key=key, words=words, mend=_toml_text(go_text(kept)))


def _match_app(pair: Pair) -> Iterator[Spot]:
    name, app = pair.service.app or pair.service.name, pair.table.get("app")
    if isinstance(app, str) and app and app != name:
        source = "app" if pair.service.app else "service"
        words = f"app = {quoted(app)}, and slo.yml says {source}: {quoted(name)}"
        yield Spot(key=("app",), words=words)


def _match_autostop(pair: Pair) -> Iterator[Spot]:
    promise = _promise(pair.service)
    if promise:
        for key, words in wakes_from_none(pair.table):
            yield Spot(key=key, words=f"{words}; slo.yml promises {promise}")


def _promise(service: Service) -> str:
    """Return what a machine that must first be woken cannot keep; empty if nothing is promised."""
    availability, health = service.targets.availability, service.endpoint("health")
    promises = []
    if availability is not None and availability >= _HIGH_AVAILABILITY:
        promises.append(f"{float(availability * 100):g} % availability")
    if health is not None and health.objective is not None:
        promises.append(f"health within {health.objective.limit_seconds:g} s")
    return " and ".join(promises)


def _match_scheme(pair: Pair) -> Iterator[Spot]:
    port = _plain_port(pair.service.url)
    for key, where in _redirecting_ports(pair.table):
        if port is not None and where == port:
            words = f"{dotted(key)} is true, and slo.yml has a url of http:"
            yield Spot(key=key, words=words)


def _redirecting_ports(table: Table) -> Iterator[tuple[Key, object]]:
    for key, service in services(table):
        if key == ("http_service",) and service.get("force_https") is True:
            yield (*key, "force_https"), _HTTP_PORT
        for where, port in tables(service.get("ports"), (*key, "ports")):
            if port.get("force_https") is True:
                yield (*where, "force_https"), port.get("port")


def _plain_port(url: str) -> int | None:
    """Return the port that an http: URL asks; None for https:, and for what is no URL."""
    try:
        parts = urlsplit(url)
        port = parts.port or _HTTP_PORT
    except ValueError:
        return None
    return port if parts.scheme == "http" else None


def _base_path(service: Service) -> str:
    try:
        return urlsplit(service.url).path.rstrip("/")
    except ValueError:
        return ""


def _toml_text(text: str) -> str:
    """Return printable text as a basic string of TOML."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


MATCH_RULES: tuple[Rule[Pair], ...] = (
    Rule(
        name="match-path",
        level=Level.WARNING,
        title="The platform asks another page than slo.yml",
        why=(
            "Fly routes and deploys by one page and verify judges by another, so one of them may "
            "be well while the other is not"
        ),
        fix="write the path of health_endpoint into the check",
        find=_match_path,
    ),
    Rule(
        name="match-timing",
        level=Level.NOTICE,
        title="A check's timing is not that of slo.yml",
        why="what the platform calls late or sick is then something else than what is promised",
        fix="write the durations of slo.yml's monitoring, or change them there",
        find=_match_timing,
    ),
    Rule(
        name="match-app",
        level=Level.WARNING,
        title="Another app than that of slo.yml",
        why="one app is deployed, and another is watched and rolled back",
        fix="write the same name at both places; in slo.yml it is app, or else service",
        find=_match_app,
    ),
    Rule(
        name="match-autostop",
        level=Level.WARNING,
        title="A promise that a sleeping app cannot keep",
        why=(
            "with none running, the first request waits up to 30 s until a machine has started, "
            "which counts as slow or as failed"
        ),
        fix="set min_machines_running = 1, or promise less in slo.yml",
        find=_match_autostop,
    ),
    Rule(
        name="match-scheme",
        level=Level.WARNING,
        title="Every probe is redirected",
        why=(
            "Fly sends http: on to https: before the app sees it, and a redirect is no answer of "
            "the app"
        ),
        fix="write https: into the url of slo.yml",
        find=_match_scheme,
    ),
)
