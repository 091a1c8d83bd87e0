"""What of a service stands in annotations, by the flat keys of slo.yml."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from slo_action.core.policy.numbers import PolicyOverrides
from slo_action.core.slo.openslo import LATENCY_TARGETS
from slo_action.core.slo.services import NAMED_ENDPOINTS, Endpoint, Service

_TEXTS = ("schedule", "platform", "app", "fly_config", "team")
_UNHELD = ("journeys", "maintenance")


def settings(service: Service) -> dict[str, str]:
    """Return all but the objectives, such as `monitoring.health_interval` to `15s`."""
    values = {"url": service.url}
    for endpoint, place in places(service):
        values |= dict(_endpoint(endpoint, place))
    if service.grace is not None:
        values["monitoring.grace_period"] = _duration(service.grace)
    values |= {name: getattr(service, name) for name in _TEXTS if getattr(service, name)}
    return values | {f"notify.{index}": target for index, target in enumerate(service.notify)}


def places(service: Service) -> Iterator[tuple[Endpoint, str]]:
    """Return the endpoints; those of the user's own with their place, such as `endpoints.0`."""
    number = 0
    for endpoint in service.endpoints:
        named = endpoint.name in NAMED_ENDPOINTS
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
    quantile = quantiles["health"] if place else quantiles.get(endpoint.name)
    return endpoint.objective.quantile == quantile


def _endpoint(endpoint: Endpoint, place: str) -> Iterator[tuple[str, str]]:
    """Yield what is set of an endpoint; one of the user's own has a `place`."""
    if place:
        yield f"{place}.name", endpoint.name
        yield f"{place}.path", endpoint.path
    else:
        yield f"{endpoint.name}_endpoint", endpoint.path
    named = "" if endpoint.name == "build" else f"{endpoint.name}_"
    prefix = f"{place}." if place else f"monitoring.{named}"
    for name in ("interval", "timeout"):
        value = getattr(endpoint, name)
        if value is not None:
            yield f"{prefix}{name}", _duration(value)


def _duration(value: timedelta) -> str:
    seconds = Decimal(value // timedelta(microseconds=1)) / 1_000_000
    return f"{seconds.normalize():f}s"
