"""What a new version of slo.yml changes, fact by fact.

A service, an endpoint or a target less is looser: it is no longer watched. Each module that this
one asks says of its own facts which way is looser, and why.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from slo_action.core.policy.numbers import DEFAULTS
from slo_action.core.slo.services import Matrix, Service, Team
from slo_action.core.slo_diff.change import Change, Direction, Fact, compared
from slo_action.core.slo_diff.policy import PolicyPair, policy_changes
from slo_action.core.slo_diff.services import NOTIFY, service_changes

SERVICE, NAME = "service", "name"
"""What is said of a whole service, and of one that is only called otherwise."""
_SERVICE = Fact(
    what=SERVICE,
    words=lambda service: service.url,
    absent=1,
    gone="no longer watched",
    new="watched from now on",
)


def matrix_changes(before: Matrix, after: Matrix) -> tuple[Change, ...]:
    """Return every change, in the order of the files; none where both say the same.

    A service that is gone and a new one at the same URL are one that was renamed.
    """
    return tuple(_changes(before, after))


def by_direction(changes: Sequence[Change]) -> Mapping[Direction, tuple[Change, ...]]:
    """Return the changes of each direction, looser first, each in their order."""
    return {
        direction: tuple(change for change in changes if change.direction is direction)
        for direction in Direction
    }


def _changes(before: Matrix, after: Matrix) -> Iterator[Change]:
    yield from policy_changes("", PolicyPair(before=before.policy, after=after.policy))
    yield from _teams(before.teams, after.teams)
    below = PolicyPair(before=before.policy.over(DEFAULTS), after=after.policy.over(DEFAULTS))
    former = _renamed(before, after)
    gone = before.services.keys() - after.services.keys() - set(former.values())
    for name, service in before.services.items():
        if name in gone:
            yield from compared(name, _SERVICE, service, None)
    for name, service in after.services.items():
        old = before.services.get(former.get(name, name))
        if old is None:
            yield from compared(name, _SERVICE, None, service)
        elif old != service:  # most of ten thousand are as they were
            yield from compared(name, Fact(what=NAME), old.name, name)
            yield from service_changes(old, service, below)


def _renamed(before: Matrix, after: Matrix) -> dict[str, str]:
    """Return the former names of services by their new ones, where a URL leaves no doubt."""
    old = _by_url(before.services, after.services)
    new = _by_url(after.services, before.services)
    return {name: old[url] for url, name in new.items() if url in old}


def _by_url(services: Mapping[str, Service], others: Mapping[str, Service]) -> dict[str, str]:
    left = [one for one in services.values() if one.name not in others]
    counts = Counter(one.url for one in left)
    return {one.url: one.name for one in left if counts[one.url] == 1}


def _teams(before: Mapping[str, Team], after: Mapping[str, Team]) -> Iterator[Change]:
    for name in {**before, **after}:
        old, new = before.get(name), after.get(name)
        if old is None or new is None:
            yield from compared("", Fact(what=f"team {name}", words=_told), old, new)
        else:
            fact = Fact(what=f"team {name}: notify", words=NOTIFY.words, absent=1, gone=NOTIFY.gone)
            yield from compared("", fact, old.notify or None, new.notify or None)


def _told(team: Team) -> str:
    return NOTIFY.words(team.notify) if team.notify else "tells nobody"
