"""What of a service stands in annotations, by the flat keys of slo.yml."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from slo_action.core.policy.numbers import PolicyOverrides
from slo_action.core.slo.openslo import LATENCY_TARGETS
from slo_action.core.slo.services import Endpoint, Service

_NAMED = ("health", "build", "search", "stats")
_TEXTS = ("schedule", "platform", "app", "fly_config", "team")
_UNHELD = ("journeys", "maintenance")


def settings(service: Service) -> dict[str, str]:
    """Return all but the objectives, such as `monitoring.health_interval` to `15s`."""
    said = {"url": service.url}
    for endpoint, place in places(service):
        said |= dict(_numbered(endpoint, place) if place else _named(endpoint))
    if service.grace is not None:
        said["monitoring.grace_period"] = _duration(service.grace)
    said |= {name: getattr(service, name) for name in _TEXTS if getattr(service, name)}
    return said | {f"notify.{index}": target for index, target in enumerate(service.notify)}


def places(service: Service) -> Iterator[tuple[Endpoint, str]]:
    """Return the endpoints; those of the user's own with their place, such as `endpoints.0`."""
    number = 0
    for endpoint in service.endpoints:
        named = endpoint.name in _NAMED
        yield endpoint, "" if named else f"endpoints.{number}"
        number += not named


def unheld(service: Service) -> tuple[str, ...]:
    """Return what the service says that neither OpenSLO nor an annotation holds."""
    left = [name for name in _UNHELD if getattr(service, name)]
    if _own_policy(service.policy) != PolicyOverrides():
        left.append("policy")
    if any(endpoint.assertions for endpoint in service.endpoints):
        left.append("assertions")
    if any(not _is_held(endpoint, place) for endpoint, place in places(service)):
        left.append("a quantile of its own")
    return tuple(left)


def _own_policy(policy: PolicyOverrides) -> PolicyOverrides:
    """Return it without what `slo_targets` and `monitoring` put there."""
    derived = {"grace", "slo", "health_limit", "search_limit"}
    return PolicyOverrides(**{name: policy[name] for name in policy.keys() - derived})


def _is_held(endpoint: Endpoint, place: str) -> bool:
    if endpoint.objective is None:
        return True
    quantiles = {target.endpoint: target.quantile for target in LATENCY_TARGETS.values()}
    known = quantiles["health"] if place else quantiles.get(endpoint.name)
    return endpoint.objective.quantile == known


def _named(endpoint: Endpoint) -> Iterator[tuple[str, str]]:
    yield f"{endpoint.name}_endpoint", endpoint.path
    before = "" if endpoint.name == "build" else f"{endpoint.name}_"
    for name in ("interval", "timeout"):
        value = getattr(endpoint, name)
        if value is not None:
            yield f"monitoring.{before}{name}", _duration(value)


def _numbered(endpoint: Endpoint, place: str) -> Iterator[tuple[str, str]]:
    yield f"{place}.name", endpoint.name
    yield f"{place}.path", endpoint.path
    for name in ("interval", "timeout"):
        value = getattr(endpoint, name)
        if value is not None:
            yield f"{place}.{name}", _duration(value)


def _duration(value: timedelta) -> str:
    seconds = Decimal(value // timedelta(microseconds=1)) / 1_000_000
    return f"{seconds.normalize():f}s"
