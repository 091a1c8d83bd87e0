"""A fly.toml beside a service of slo.yml: which of its checks are the service's. Never raises."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from slo_action.core.lint.fly.tables import Check, all_checks, services, tables
from slo_action.core.lint.rule import Key, Table
from slo_action.core.slo.services import Endpoint, Service

HTTP_PORT, HTTPS_PORT = 80, 443
_PORTS = {"http": HTTP_PORT, "https": HTTPS_PORT}
_PORT = re.compile(r"[0-9]{1,5}")
TOP_LEVEL: Key = ("checks",)


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


def turns(pair: Pair) -> Iterator[Pair]:
    """Yield a pair for each service that the file is about."""
    for number, service in enumerate(pair.every):
        others = (*pair.every[:number], *pair.every[number + 1 :])
        yield Pair(table=pair.table, service=service, others=others)


def is_same_app(pair: Pair) -> bool:
    """Return whether the file deploys the app of all its services, as far as it says."""
    app = pair.table.get("app")
    is_said = isinstance(app, str) and app
    return not is_said or all(app == (one.app or one.name) for one in pair.every)


def with_path(table: Table) -> list[Check]:
    """Return the HTTP checks that name a path."""
    return [check for check in all_checks(table) if check.is_http and check.table.get("path")]


def health_of(service: Service) -> Endpoint | None:
    """Return the endpoint that the platform is to ask, too."""
    return service.endpoint("health")


def asking_for(service: Service, table: Table) -> list[Check]:
    """Return the checks of its health endpoint; a path of the URL may be taken off on the way."""
    health = health_of(service)
    if health is None:
        return []
    paths = (health.path, base_path(service) + health.path)
    return [check for check in with_path(table) if check.table["path"] in paths]


def sole(table: Table) -> list[Check]:
    """Return the HTTP check that can only be meant for health, in a file of one service."""
    checks = with_path(table)
    is_sole = len(checks) == 1 and checks[0].is_of_service and len(list(services(table))) == 1
    return checks if is_sole else []


def asked_of(pair: Pair) -> dict[Key, tuple[Check, ...]]:
    """Return the service's checks by the fly.toml's service, or other table, that they stand in.

    Where its URL leads to one of these services, the checks of the rest are not its own. The sole
    check is one, unless it asks for another service's health.
    """
    asked = asking_for(pair.service, pair.table)
    if not asked and not any(asking_for(one, pair.table) for one in pair.others):
        asked = sole(pair.table)
    led_to = reached(pair)
    found: dict[Key, tuple[Check, ...]] = {}
    for check in asked:
        home = _home(check)
        if home == TOP_LEVEL or not led_to or home in led_to:
            found[home] = (*found.get(home, ()), check)
    return found


def _home(check: Check) -> Key:
    """Return the key of the service that a check stands in; that of `[checks]` for the others."""
    if not check.is_of_service:
        return TOP_LEVEL
    return check.key[:2] if isinstance(check.key[1], int) else check.key[:1]


def reached(pair: Pair) -> tuple[Key, ...]:
    """Return the fly.toml's services at the port of the URL; empty where that is not to be told."""
    port = url_port(pair.service.url)
    return tuple(
        key
        for key, service in services(pair.table)
        if port is not None and port in _ports(key, service)
    )


def _ports(key: Key, service: Table) -> Iterator[object]:
    if key[0] == "http_service":
        yield from (HTTP_PORT, HTTPS_PORT)
    for _, port in tables(service.get("ports"), (*key, "ports")):
        yield _number(port.get("port"))


def _number(port: object) -> object:
    """A port in quotes is one for flyctl, too."""
    return int(port) if isinstance(port, str) and _PORT.fullmatch(port) else port


def split_url(url: str) -> SplitResult | None:
    """Return the parts of a URL; None for what is none."""
    try:
        parts = urlsplit(url)
        _ = parts.port, parts.hostname
    except ValueError:
        return None
    return parts


def url_port(url: str) -> int | None:
    """Return the port that a URL asks; None where it is none."""
    parts = split_url(url)
    return (parts.port or _PORTS.get(parts.scheme)) if parts else None


def base_path(service: Service) -> str:
    """Return the path of the service's URL without a slash at its end."""
    parts = split_url(service.url)
    return parts.path.rstrip("/") if parts else ""


def toml_text(text: str) -> str:
    """Return printable text as a basic string of TOML."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
