"""Asks running services a few plain GETs on behalf of `check`; nothing else is sent."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from slo_action.config.text.url import parse_url
from slo_action.core.answer.freshness import refreshed
from slo_action.core.lint.live.rules import HEALTH, EndpointVisit, Visit
from slo_action.core.model import Probe, Sample, Witness
from slo_action.core.request_options import DEFAULT_OPTIONS
from slo_action.core.slo.services import Endpoint, Service
from slo_action.ports import Clock, Prober

MOST_SERVICES = 20
AT_ONCE = 8
MOST_ENDPOINTS = 8
TIMEOUT_SECONDS = 5.0
_APART_SECONDS = 2.1
"""The two looks at a health endpoint: a Date that has not moved on then is a cache's."""

_Place = tuple[int, int]
"""A visit and one of its endpoints, by number."""


def visits(
    services: Sequence[Service], prober: Prober, clock: Clock, *, allow_link_local: bool
) -> tuple[Visit, ...]:
    """Return a visit to each service, in order.

    Those beyond the twentieth are not asked, and one visit stands for all of them.

    Takes at most 35 s. No credentials are sent, not even those of a service's URL. A failure of a
    service is a sample like any other.
    """
    visited, rest = services[:MOST_SERVICES], services[MOST_SERVICES:]
    planned = [_plan(service, allow_link_local=allow_link_local) for service in visited]
    probes = {
        (number, index): probe
        for number, (_, asked) in enumerate(planned)
        for index, (_, probe) in enumerate(asked)
    }
    first = _asked(probes, prober)
    again = {
        (number, index): probes[number, index]
        for number, (_, asked) in enumerate(planned)
        for index, (endpoint, _) in enumerate(asked)
        if endpoint.name == HEALTH and first[number, index].status is not None
    }
    if again:
        clock.sleep_until(clock.monotonic() + _APART_SECONDS)
    second = _asked(again, prober)
    seen = (
        replace(visit, asked=tuple(_answers(number, asked, first, second)))
        for number, (visit, asked) in enumerate(planned)
    )
    after = f", nor are {len(rest) - 1:,} after it" if rest[1:] else ""
    why = f"not asked{after}: no more than {MOST_SERVICES} services are"
    return (*seen, *(Visit(service=service, skipped=why) for service in rest[:1]))


_Plan = tuple[Visit, tuple[tuple[Endpoint, Probe], ...]]


def _plan(service: Service, *, allow_link_local: bool) -> _Plan:
    if not service.url or not service.endpoints:  # a job has nothing to ask
        return Visit(service=service), ()
    try:
        base = parse_url(service.url, allow_link_local=allow_link_local)
    except ValueError as error:
        return Visit(service=service, skipped=f"not asked: {error}"), ()
    if service.request != DEFAULT_OPTIONS:
        why = "not asked: `request` says how it is asked, and only plain requests are sent here"
        return Visit(service=service, skipped=why), ()
    plain = [one for one in service.endpoints if one.request == DEFAULT_OPTIONS]
    asked = plain[:MOST_ENDPOINTS]
    probes = tuple((one, _probe(one, base.join(one.path))) for one in asked)
    more = len(plain) - len(probes)
    skipped = f"{more} more endpoints were not asked: the limit is {MOST_ENDPOINTS}"
    return Visit(service=service, skipped=skipped if more else ""), probes


def _probe(endpoint: Endpoint, url: str) -> Probe:
    return Probe(
        witness=endpoint.witness,
        url=url,
        timeout_seconds=TIMEOUT_SECONDS,
        slow_after_seconds=None,
        reads_health=endpoint.witness is Witness.HEALTH,
    )


def _asked(probes: Mapping[_Place, Probe], prober: Prober) -> dict[_Place, Sample]:
    """Ask the endpoints of eight services at once."""
    samples: dict[_Place, Sample] = {}
    numbers = sorted({number for number, _ in probes})
    for begin in range(0, len(numbers), AT_ONCE):
        batch = [place for place in probes if place[0] in numbers[begin : begin + AT_ONCE]]
        answers = prober.ask([probes[place] for place in batch])
        samples.update(zip(batch, answers, strict=True))
    return samples


def _answers(
    number: int,
    asked: Sequence[tuple[Endpoint, Probe]],
    first: Mapping[_Place, Sample],
    second: Mapping[_Place, Sample],
) -> Iterator[EndpointVisit]:
    for index, (endpoint, _) in enumerate(asked):
        earlier, later = first[number, index], second.get((number, index))
        samples = (earlier, refreshed(earlier, later)) if later else (earlier,)
        yield EndpointVisit(endpoint=endpoint, samples=samples)
