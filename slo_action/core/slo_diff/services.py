"""How one service differs between two versions of slo.yml.

An endpoint or a target less is looser, and so are longer intervals, limits and grace, and more
maintenance. Where a service is, who runs it and who is told are neither, except that nobody is told
any more. `core/slo_diff/policy.py` says the same of the judging numbers.
"""

from collections.abc import Iterator
from datetime import timedelta

from slo_action.core.model import Witness
from slo_action.core.observation.streams import DEFAULT_OBJECTIVES
from slo_action.core.policy.numbers import NUMBERS_BY_NAME, PolicyOverrides
from slo_action.core.slo.services import Endpoint, Service
from slo_action.core.slo_diff.assertions import assertion_changes
from slo_action.core.slo_diff.change import Change, Fact, Fallback, compared, more_is_looser, paired
from slo_action.core.slo_diff.journeys import journey_changes
from slo_action.core.slo_diff.maintenance import maintenance_changes
from slo_action.core.slo_diff.objectives import (
    TARGET_FACTS,
    interval_fact,
    objective_changes,
    timeout_fact,
)
from slo_action.core.slo_diff.policy import PolicyPair, policy_changes, same_numbers
from slo_action.core.stats.latency import LatencyObjective

TEXT_FACTS = {
    "url": Fact(what="url"),
    "schedule": Fact(what="schedule"),
    "platform": Fact(what="platform"),
    "app": Fact(what="app"),
    "fly_config": Fact(what="fly_config"),
    "team": Fact(what="team"),
}
"""How the texts of Service are told; none of them asks for less."""
_DEFAULT_GOALS = dict(DEFAULT_OBJECTIVES)


def service_changes(before: Service, after: Service, below: PolicyPair) -> Iterator[Change]:
    """Yield what differs between two versions of one service, but for its name.

    `below` is what holds of the policy where the service says nothing.
    """
    name = after.name
    for field, fact in TEXT_FACTS.items():
        old, new = getattr(before, field) or None, getattr(after, field) or None
        yield from compared(name, fact, old, new)
    yield from _target_changes(before, after, below)
    for left, right in paired(before.endpoints, after.endpoints, lambda one: one.name):
        yield from _endpoint(name, left, right)
    yield from _grace(before, after, below)
    yield from journey_changes(name, before.journeys, after.journeys)
    yield from compared(name, NOTIFY, before.notify or None, after.notify or None)
    yield from maintenance_changes(name, before.maintenance, after.maintenance)
    yield from policy_changes(
        name, PolicyPair(before=before.policy, after=after.policy), below, _told(before, after)
    )


def _target_changes(before: Service, after: Service, below: PolicyPair) -> Iterator[Change]:
    """Without an error rate of its own, a deploy is held to the policy's."""
    rates = Fallback(
        before=before.policy.over(below.before).get("slo"),
        after=after.policy.over(below.after).get("slo"),
    )
    for field, fact in TARGET_FACTS.items():
        old, new = getattr(before.targets, field), getattr(after.targets, field)
        fallback = rates if field == "error_rate" else Fallback()
        yield from compared(after.name, fact, old, new, fallback)


NOTIFY = Fact(what="notify", words=", ".join, absent=1, gone="nobody is told any more")


def _told(before: Service, after: Service) -> frozenset[str]:
    """Return the numbers of the policy that only repeat what the service's targets say."""
    own = same_numbers(before.policy, _targets(before))
    return own & same_numbers(after.policy, _targets(after))


def _targets(service: Service) -> PolicyOverrides:
    health, search = _goal(service, "health"), _goal(service, "search")
    return PolicyOverrides(
        slo=service.targets.error_rate,
        health_limit=health.limit_seconds if health else None,
        search_limit=search.limit_seconds if search else None,
        grace=service.grace.total_seconds() if service.grace else None,
    )


def _goal(service: Service, name: str) -> LatencyObjective | None:
    endpoint = service.endpoint(name)
    return endpoint.objective if endpoint else None


def _grace(before: Service, after: Service, below: PolicyPair) -> tuple[Change, ...]:
    old = before.policy.over(below.before).get("grace")
    new = after.policy.over(below.after).get("grace")
    number = NUMBERS_BY_NAME["grace"]
    fact = Fact(what="grace", words=number.text, order=more_is_looser, means=number.effect)
    return compared(
        after.name,
        fact,
        _seconds(before.grace),
        _seconds(after.grace),
        Fallback(before=old, after=new),
    )


def _seconds(duration: timedelta | None) -> float | None:
    return None if duration is None else duration.total_seconds()


def _endpoint(service: str, old: Endpoint | None, new: Endpoint | None) -> Iterator[Change]:
    one = new or old
    if one is None or old is None or new is None:
        name = one.name if one else ""
        fact = Fact(
            what=f"endpoint {name}",
            words=lambda endpoint: endpoint.path,
            absent=1,
            gone="no longer watched",
            new="watched from now on",
        )
        yield from compared(service, fact, old, new)
        return
    yield from compared(service, Fact(what=f"{one.name} path"), old.path, new.path)
    yield from compared(service, Fact(what=f"{one.name} kind"), old.witness, new.witness)
    yield from compared(service, interval_fact(f"{one.name} interval"), old.interval, new.interval)
    yield from compared(service, timeout_fact(f"{one.name} timeout"), old.timeout, new.timeout)
    yield from objective_changes(
        service,
        one.name,
        old.objective,
        new.objective,
        measured=stream_of(new),
        default=Fallback(
            before=_DEFAULT_GOALS.get(old.witness), after=_DEFAULT_GOALS.get(new.witness)
        ),
    )
    yield from assertion_changes(service, one.name, old.assertions, new.assertions)


def stream_of(endpoint: Endpoint) -> str:
    """Return the name under which a window keeps what an endpoint answered."""
    return endpoint.path if endpoint.witness is Witness.API else endpoint.witness.value
