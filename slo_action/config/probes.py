"""Inputs and the service's own endpoints to what the observation window asks and judges by."""

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from slo_action.config.inputs import Inputs
from slo_action.core.journey.journeys import Assertion, Condition, Journey, Subject
from slo_action.core.model import Probe, Witness
from slo_action.core.policy.numbers import POLICY_NUMBERS, PolicyOverrides
from slo_action.core.request_options import RequestOptions

if TYPE_CHECKING:
    from slo_action.core.slo.services import Endpoint, Service

_SEARCH_TIMEOUT_SECONDS = 10.0
"""Twice the limit its p90 is judged by, so that slow and timed out stay apart."""
_TOO_SLOW_SECONDS = 5.0
_JOURNEY_BODY_BYTES = 256 * 1024
"""Users' pages are longer than answers made for probes."""


def assertions(service: "Service | None", name: str) -> tuple[Assertion, ...]:
    """Return what an endpoint's answers must be, as slo.yml says; empty where it says nothing."""
    endpoint = service.endpoint(name) if service else None
    return endpoint.assertions if endpoint else ()


def asked_as(probe: Probe, options: RequestOptions, url: str) -> Probe:
    """Return the probe of a URL at the service's own address, asked as the options say.

    Where they name another host, the URL has it, so that cookies, redirects and certificates are
    that host's; the connection goes to the address.
    """
    if options.host:
        split = urlsplit(url)
        options = replace(options, stands_for=split.netloc)
        url = urlunsplit(split._replace(netloc=options.host))
    asserted = probe.assertions
    if options.expected_status:
        status = Assertion(
            subject=Subject.STATUS, condition=Condition.ONE_OF, expected=options.expected_status
        )
        asserted = (status, *(one for one in asserted if one.subject is not Subject.STATUS))
    return replace(probe, url=url, request=options, assertions=asserted)


def endpoints(
    inputs: Inputs, health: Probe, service: "Service | None", base: str
) -> tuple[Probe, ...]:
    """Return the probes of what only the window asks; `health` is the model, `base` the address.

    A search may take five seconds; any other answer that takes longer is a failed one. An endpoint
    that slo.yml and the input both name is asked as slo.yml says.
    """
    base = base.rstrip("/")
    own = own_probes(service, health, base) if service else ()
    named = _named_probes(inputs, health, service, base)
    return (*(one for one in named if one.url not in {probe.url for probe in own}), *own)


def _named_probes(
    inputs: Inputs, health: Probe, service: "Service | None", base: str
) -> tuple[Probe, ...]:
    other = _other(health)
    api = replace(other, witness=Witness.API)
    found = [asked_as(api, other.request, base + path) for path in inputs.api_paths]
    searched = service.endpoint("search") if service else None
    if searched:
        search = replace(
            other,
            witness=Witness.SEARCH,
            timeout_seconds=_SEARCH_TIMEOUT_SECONDS,
            slow_after_seconds=None,
            assertions=searched.assertions,
        )
        found.append(asked_as(search, other.request, base + searched.path))
    status = service.endpoint("stats") if service else None
    if status:
        stats = replace(
            other,
            witness=Witness.STATS,
            objective=status.objective,
            assertions=status.assertions,
        )
        found.append(asked_as(stats, other.request, base + status.path))
    return tuple(found)


def _other(health: Probe) -> Probe:
    return replace(
        health,
        version_rule=None,
        reads_health=False,
        assertions=(),
        objective=None,
        request=health.request.of_every_request,
    )


def own_probes(service: "Service", health: Probe, base: str) -> tuple[Probe, ...]:
    """Return the probes of a service's own endpoints and journeys, which only the window asks.

    `health` is the model for credentials and redirects, `base` the service's URL. Endpoints of the
    document's kinds (health, build, search, stats) are not among them.
    """
    other = _other(health)
    own = (one for one in service.endpoints if one.witness is Witness.API)
    return (
        *(_own_endpoint(one, other, base) for one in own),
        *(_journey(one, other, base) for one in service.journeys),
    )


def _own_endpoint(endpoint: "Endpoint", other: Probe, base: str) -> Probe:
    """An answer above 5 s is a failed one, unless its own objective allows that much."""
    limit = endpoint.objective.limit_seconds if endpoint.objective else 0.0
    may_be_slow = limit >= _TOO_SLOW_SECONDS
    longest = 2 * limit if may_be_slow else other.timeout_seconds
    own = replace(
        other,
        witness=Witness.API,
        timeout_seconds=longest,
        slow_after_seconds=None if may_be_slow else _TOO_SLOW_SECONDS,
        objective=endpoint.objective,
        assertions=endpoint.assertions,
    )
    return asked_as(own, endpoint.request.over(other.request), base.rstrip("/") + endpoint.path)


def _journey(journey: Journey, other: Probe, base: str) -> Probe:
    run = replace(
        other,
        witness=Witness.JOURNEY,
        timeout_seconds=journey.timeout_seconds,
        slow_after_seconds=None,
        body_limit_bytes=_JOURNEY_BODY_BYTES,
        objective=journey.objective,
        journey=journey,
    )
    return asked_as(run, other.request, base)


def overrides_of(inputs: Inputs, unset: Inputs | None = None) -> PolicyOverrides:
    """Return what the inputs say of the policy; only what differs from `unset` where it is given.

    `unset` are the inputs of a run that is given none: what the user wrote comes before slo.yml.
    """
    found = {}
    for number in POLICY_NUMBERS:
        if number.is_input:
            value = getattr(inputs, number.name)
            if unset is None or value != getattr(unset, number.name):
                found[number.name] = number.value_of(value)
    return PolicyOverrides(**found)
