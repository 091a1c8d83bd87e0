"""Where a fly.toml and its service in slo.yml say different things. Pure, and never raises.

Sources: Fly's configuration reference on force_https, min_machines_running and checks; what the
platform makes of a check's durations stands in fly_tables.py.
"""

from collections.abc import Iterator
from fractions import Fraction

from slo_action.core.lint.fly.pairing import (
    HTTP_PORT,
    Pair,
    asking_for,
    base_path,
    health_of,
    is_same_app,
    reached,
    sole,
    split_url,
    toml_text,
    url_port,
    with_path,
)
from slo_action.core.lint.fly.slo_timing import match_timing
from slo_action.core.lint.fly.tables import services, shown, tables, wakes_from_none
from slo_action.core.lint.rule import Key, Rule, Table, Violation, dotted
from slo_action.core.model import Level
from slo_action.core.slo.services import Endpoint, Service
from slo_action.core.text.quoting import quoted

_HIGH_AVAILABILITY = Fraction(999, 1000)
_PRIVATE = ".internal"
"""Names of single machines, which Fly's proxy has no part in."""


def _match_path(pair: Pair) -> Iterator[Violation]:
    """One check that asks for health, of any service of the file, is enough."""
    health, checks = health_of(pair.service), with_path(pair.table)
    if health is None or not checks or any(asking_for(one, pair.table) for one in pair.every):
        return
    key = (*checks[0].key, "path")
    told = f"{dotted(key)} = {shown(checks[0].table['path'])}"
    if len(checks) > 1:
        told = f"none of {len(checks)} checks asks for health"
    words = f"{told}, and health is {quoted(health.path)} in slo.yml"
    yield Violation(key=key, words=words, mend=_path_to_be(health, pair))


def _path_to_be(health: Endpoint, pair: Pair) -> str | None:
    """Return what the only path must mean; None where another check, address or app is possible."""
    wanted = {one.path for service in pair.every if (one := health_of(service))}
    has_base = any(base_path(service) for service in pair.every)
    is_sure = sole(pair.table) and is_same_app(pair) and len(wanted) == 1 and not has_base
    return toml_text(health.path) if is_sure and health.path.isprintable() else None


def _match_app(pair: Pair) -> Iterator[Violation]:
    name, app = pair.service.app or pair.service.name, pair.table.get("app")
    if isinstance(app, str) and app and app != name:
        source = "app" if pair.service.app else "service"
        words = f"app = {quoted(app)}, and slo.yml says {source}: {quoted(name)}"
        yield Violation(key=("app",), words=words)


def _match_autostop(pair: Pair) -> Iterator[Violation]:
    """Of services that the URL may lead to, one that stays awake can keep the promise."""
    promise, meant = _promise(pair.service), reached(pair)
    sleepy = {key[:-1]: (key, words) for key, words in wakes_from_none(pair.table)}
    if not promise or (not meant and len(sleepy) < len(list(services(pair.table)))):
        return
    for where, (key, words) in sleepy.items():
        if not meant or where in meant:
            yield Violation(key=key, words=f"{words}; slo.yml promises {promise}")


def _promise(service: Service) -> str:
    """Return what a machine that must first be woken cannot keep; empty if nothing is promised."""
    availability, health = service.targets.availability, service.endpoint("health")
    promises = []
    if availability is not None and availability >= _HIGH_AVAILABILITY:
        promises.append(f"{float(availability * 100):g} % availability")
    if health is not None and health.objective is not None:
        promises.append(f"health within {health.objective.limit_seconds:g} s")
    return " and ".join(promises)


def _match_scheme(pair: Pair) -> Iterator[Violation]:
    port = _plain_port(pair.service.url)
    for key, where in _redirecting_ports(pair.table):
        if port is not None and where == port:
            words = f"{dotted(key)} is true, and slo.yml has a url of http:"
            yield Violation(key=key, words=words)


def _redirecting_ports(table: Table) -> Iterator[tuple[Key, object]]:
    for key, service in services(table):
        if key == ("http_service",) and service.get("force_https") is True:
            yield (*key, "force_https"), HTTP_PORT
        for where, port in tables(service.get("ports"), (*key, "ports")):
            if port.get("force_https") is True:
                yield (*where, "force_https"), port.get("port")


def _plain_port(url: str) -> int | None:
    """Return the port where Fly's proxy takes an http: URL; None for all that it does not."""
    parts = split_url(url)
    is_plain = parts is not None and parts.scheme == "http"
    is_private = parts is not None and (parts.hostname or "").endswith(_PRIVATE)
    return url_port(url) if is_plain and not is_private else None


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
        find=match_timing,
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
