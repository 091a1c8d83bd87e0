"""A service's own endpoints and journeys, as the window asks them."""

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest

from slo_action.config.probes import own_probes
from slo_action.core.journey.journeys import Assertion, Condition, Journey, JourneyStep, Subject
from slo_action.core.model import Probe, VersionRule, Witness
from slo_action.core.observation.streams import stream_name
from slo_action.core.slo.services import Endpoint, Service
from slo_action.core.stats.latency import LatencyObjective

BASE = "https://shop.example/eu"
READY = Assertion(subject=Subject.JSON, name="$.ready", condition=Condition.EQUALS, expected=True)
HEALTH = Probe(
    witness=Witness.HEALTH,
    url=f"{BASE}/healthz",
    authorization="Basic eDp5",
    version_rule=VersionRule(expected="v1"),
    follows_same_host=True,
    assertions=(READY,),
)


def objective(seconds: float) -> LatencyObjective:
    return LatencyObjective(name="p95", quantile=Fraction(95, 100), limit_seconds=seconds)


def endpoint(**changes: Any) -> Endpoint:
    values = {"name": "orders", "path": "/api/orders", "witness": Witness.API, **changes}
    return Endpoint(**values)


def service(*endpoints: Endpoint, journeys: tuple[Journey, ...] = ()) -> Service:
    return Service(name="shop", url=BASE, endpoints=endpoints, journeys=journeys)


def test_an_endpoint_of_its_own_is_asked_with_what_it_says() -> None:
    own = endpoint(timeout=timedelta(seconds=3), objective=objective(0.8), assertions=(READY,))

    (probe,) = own_probes(service(own), HEALTH, BASE)

    assert (probe.witness, probe.url) == (Witness.API, f"{BASE}/api/orders")
    assert (probe.timeout_seconds, probe.slow_after_seconds) == (6.0, 5.0)
    assert (probe.objective, probe.assertions) == (objective(0.8), (READY,))
    assert (probe.authorization, probe.follows_same_host) == ("Basic eDp5", True)
    assert (probe.version_rule, probe.reads_health) == (None, False)
    assert stream_name(probe) == "/eu/api/orders"


def test_an_endpoint_that_says_nothing_is_asked_as_any_other() -> None:
    (probe,) = own_probes(service(endpoint()), HEALTH, BASE)

    assert (probe.timeout_seconds, probe.slow_after_seconds) == (6.0, 5.0)
    assert (probe.objective, probe.assertions) == (None, ())


@pytest.mark.parametrize("limit", [5.0, 12.0])
def test_an_endpoint_that_may_take_long_is_waited_for_twice_as_long(limit: float) -> None:
    (probe,) = own_probes(service(endpoint(objective=objective(limit))), HEALTH, BASE)

    assert (probe.timeout_seconds, probe.slow_after_seconds) == (2 * limit, None)


@pytest.mark.parametrize(
    "witness", [Witness.HEALTH, Witness.VERSION, Witness.SEARCH, Witness.STATS]
)
def test_the_document_s_kinds_are_not_asked_twice(witness: Witness) -> None:
    assert own_probes(service(endpoint(witness=witness)), HEALTH, BASE) == ()


def test_a_journey_is_a_probe_below_the_service_s_address() -> None:
    steps = (JourneyStep(name="a", target="/"),)
    buy = Journey(name="buy", steps=steps, timeout_seconds=20.0, objective=objective(4.0))
    look = replace(buy, name="look", objective=None)

    first, second = own_probes(service(journeys=(buy, look)), HEALTH, BASE)

    assert (first.witness, first.url, first.journey) == (Witness.JOURNEY, BASE, buy)
    assert (first.timeout_seconds, first.slow_after_seconds) == (20.0, None)
    assert (first.objective, second.objective) == (objective(4.0), None)
    assert (first.assertions, first.version_rule) == ((), None)
    assert first.authorization == "Basic eDp5"
    assert [stream_name(one) for one in (first, second)] == ["journey buy", "journey look"]
