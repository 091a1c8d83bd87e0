"""A running service and its answers to a few plain GETs. Pure."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus

from slo_action.core.answer.health_body import read_health
from slo_action.core.lint.rule import Key
from slo_action.core.model import Outcome, Response, Sample
from slo_action.core.slo.services import NAMED_ENDPOINTS, Endpoint, Service
from slo_action.core.text.quoting import quoted

HEALTH = "health"
_NOT_THE_SERVICE = frozenset({Outcome.RATE_LIMITED, Outcome.WAF_CHALLENGE})


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointVisit:
    """One endpoint and its answers, in order; more than one for the health endpoint only.

    All of an answer is untrusted.
    """

    endpoint: Endpoint
    samples: tuple[Sample, ...]

    @property
    def answers(self) -> tuple[Sample, ...]:
        """The whole answers of the service, or of a cache; a firewall's do not count."""
        return tuple(
            one
            for one in self.samples
            if one.status is not None
            and one.outcome not in _NOT_THE_SERVICE
            and not one.outcome.is_unanswered
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A service, and what its endpoints answered when they were asked once or twice.

    `asked` is empty where the service has nothing to ask. `skipped` says why a service was not
    asked at all, or which of its endpoints were not; empty where all were.
    """

    service: Service
    asked: tuple[EndpointVisit, ...] = ()
    skipped: str = ""

    @property
    def health(self) -> EndpointVisit | None:
        """The health endpoint; None where the service has none or it was not asked."""
        return next((one for one in self.asked if one.endpoint.name == HEALTH), None)

    def key(self, endpoint: Endpoint) -> Key:
        """Return where the endpoint stands in the service's entry."""
        if endpoint.name in NAMED_ENDPOINTS:
            return (f"{endpoint.name}_endpoint",)
        return ("endpoints", self.service.own_endpoints.index(endpoint), "path")

    def healthy(self) -> Iterator[tuple[Sample, Response]]:
        """Yield the health endpoint's answers with status 200."""
        for one in self.health.answers if self.health else ():
            if one.status == HTTPStatus.OK and one.response is not None:
                yield one, one.response


def title(endpoint: Endpoint) -> str:
    """Return what slo.yml calls an endpoint. The user's own name is untrusted."""
    is_named = endpoint.name in NAMED_ENDPOINTS
    return f"{endpoint.name}_endpoint" if is_named else f"endpoint {quoted(endpoint.name)}"


def json_body(response: Response) -> object:
    """Return the parsed body; None where it is no JSON."""
    try:
        return json.loads(response.body)
    except (ValueError, RecursionError):
        return None


_CHECKS = frozenset({"checks", "components", "entries", "dependencies"})
_MAYBE_CHECKS = frozenset({"info", "details", "services"})
"""Where some frameworks put checks, and others what they like."""
_LINKS = frozenset(
    {"connected", "disconnected", "reachable", "unreachable", "available", "online", "alive"}
)


def named_checks(document: object) -> tuple[str, ...]:
    """Return the names of the checks that a health body reports, and of values beside `status`.

    They are the target's: untrusted. `{"status": "ok", "database": "up"}` reports one.
    """
    if not isinstance(document, dict):
        return ()
    found: dict[str, None] = {}
    for key, value in document.items():
        if str(key).lower() in _CHECKS:
            found.update(dict.fromkeys(_names(value)))
        elif str(key).lower() in _MAYBE_CHECKS and isinstance(value, dict):
            found.update(dict.fromkeys(str(n) for n, one in value.items() if _is_check(n, one)))
        elif _is_check(key, value):
            found[str(key)] = None
    return tuple(found)


def _is_check(name: object, value: object) -> bool:
    """Return whether a value reports a state, such as `"up"` or `{"connected": true}`."""
    if isinstance(value, str) and value.strip().lower() in _LINKS:
        return True
    if read_health({"checks": {str(name): value}}).health:
        return True
    return isinstance(value, dict) and any(
        str(key).lower() in (*_LINKS, "ok", "up", "healthy") and isinstance(one, bool)
        for key, one in value.items()
    )


def _names(checks: object) -> Iterator[str]:
    if isinstance(checks, dict):
        yield from (str(name) for name in checks)
    elif isinstance(checks, list):
        for one in checks:
            name = one.get("name") if isinstance(one, dict) else one
            if isinstance(name, str):
                yield name
