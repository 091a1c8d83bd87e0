"""What a new version of slo.yml changes, field by field. A service less is looser."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from slo_action.core.policy.numbers import DEFAULTS, PolicyOverrides
from slo_action.core.slo.services import Service, SloYml
from slo_action.core.slo_diff.change import Change, Direction, Field, PolicyPair, Walk, compare
from slo_action.core.slo_diff.fields import POLICY_FIELDS, SERVICE, SERVICE_FIELDS, TEAMS

NAME = "name"
"""What changes of a service that is only renamed."""


def slo_changes(before: SloYml, after: SloYml) -> tuple[Change, ...]:
    """Return every change, in the order of the files; none where both are the same.

    A service that is gone and a new one at the same URL are one that was renamed.
    """
    return tuple(_changes(before, after))


def by_direction(changes: Sequence[Change]) -> Mapping[Direction, tuple[Change, ...]]:
    """Return the changes of each direction, looser first, each in their order."""
    return {
        direction: tuple(change for change in changes if change.direction is direction)
        for direction in Direction
    }


def _changes(before: SloYml, after: SloYml) -> Iterator[Change]:
    defaults = before.policy.over(DEFAULTS), after.policy.over(DEFAULTS)
    of_file = Walk(service="", policies=(DEFAULTS, DEFAULTS))
    yield from of_file.changes(POLICY_FIELDS.values(), before.policy, after.policy)
    yield from Walk(service="", policies=defaults).changes((TEAMS,), before, after)
    old_names = _renamed(before, after)
    gone = before.services.keys() - after.services.keys() - set(old_names.values())
    for name, service in before.services.items():
        if name in gone:
            yield from compare(name, SERVICE, service, None)
    for name, service in after.services.items():
        old = before.services.get(old_names.get(name, name))
        if old is None:
            yield from compare(name, SERVICE, None, service)
        elif old != service:  # most of ten thousand are as they were
            yield from compare(name, Field(label=NAME), old.name, name)
            yield from _service_changes(old, service, defaults)


def _service_changes(old: Service, new: Service, defaults: PolicyPair) -> Iterator[Change]:
    policies = old.policy.over(defaults[0]), new.policy.over(defaults[1])
    yield from Walk(service=new.name, policies=policies).changes(SERVICE_FIELDS, old, new)
    targets = _of_targets(old), _of_targets(new)
    own = [
        field
        for name, field in POLICY_FIELDS.items()
        if old.policy.get(name) != targets[0].get(name)
        or new.policy.get(name) != targets[1].get(name)
    ]
    yield from Walk(service=new.name, policies=defaults).changes(own, old.policy, new.policy)


def _of_targets(service: Service) -> PolicyOverrides:
    """Return the numbers of the policy that only repeat what the service's targets say."""
    limits = {one.name: one.objective.limit_seconds for one in service.endpoints if one.objective}
    return PolicyOverrides(
        slo=service.targets.error_rate,
        health_limit=limits.get("health"),
        search_limit=limits.get("search"),
        grace=service.grace.total_seconds() if service.grace else None,
    )


def _renamed(before: SloYml, after: SloYml) -> dict[str, str]:
    """Return the old names of services by their new ones, where only one has the URL."""
    old = _by_url(before.services, after.services)
    new = _by_url(after.services, before.services)
    return {name: old[url] for url, name in new.items() if url in old}


def _by_url(services: Mapping[str, Service], others: Mapping[str, Service]) -> dict[str, str]:
    left = [one for one in services.values() if one.name not in others]
    counts = Counter(one.url for one in left)
    return {one.url: one.name for one in left if counts[one.url] == 1}
