"""A matrix in which everything is said, and what to say otherwise."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from slo_action.core.journey.journeys import (
    Assertion,
    Capture,
    Condition,
    Journey,
    JourneyStep,
    Subject,
)
from slo_action.core.model import Witness
from slo_action.core.policy.numbers import PolicyOverrides
from slo_action.core.slo.services import Endpoint, Maintenance, Service, SloYml, Targets, Team
from slo_action.core.stats.latency import LatencyObjective
from slo_action.core.verdict.facts import OnLateStart

P95, P90 = Fraction(95, 100), Fraction(90, 100)
NIGHT = datetime(2026, 1, 10, 2, tzinfo=UTC)


def p95(seconds: float) -> LatencyObjective:
    return LatencyObjective(name="p95", quantile=P95, limit_seconds=seconds)


STATUS = Assertion(subject=Subject.STATUS, condition=Condition.ONE_OF, expected=("200",))
CERTIFICATE = Assertion(subject=Subject.CERTIFICATE, condition=Condition.ABOVE, expected=14)
HEALTH = Endpoint(
    name="health",
    path="/healthz",
    witness=Witness.HEALTH,
    interval=timedelta(seconds=15),
    timeout=timedelta(seconds=2),
    objective=p95(0.5),
    assertions=(STATUS,),
)
STEP = JourneyStep(
    name="log in",
    target="/login",
    method="POST",
    headers={"Accept": "text/html"},
    form={"user": "eve"},
    assertions=(STATUS,),
    captures=(Capture(variable="token", subject=Subject.JSON, name="$.token"),),
)
JOURNEY = Journey(
    name="checkout",
    steps=(STEP, JourneyStep(name="pay", target="/pay")),
    interval_seconds=60,
    objective=p95(3),
)
MAINTENANCE = Maintenance(name="backup", start=NIGHT, end=NIGHT + timedelta(hours=1))
POLICY = PolicyOverrides(
    health_deadline=90,
    grace=30,
    observe=300,
    confidence=0.99,
    slo=Fraction(1, 100),
    alert=Fraction(1, 200),
    rollback=Fraction(5, 100),
    on_late_start=OnLateStart.ROLLBACK,
    outage_after=15,
    max_observer_delay=1,
    min_requests=20,
    health_limit=0.4,
    search_limit=4,
)
SHOP = Service(
    name="shop",
    url="https://shop.example",
    endpoints=(HEALTH,),
    targets=Targets(
        availability=Fraction(999, 1000),
        error_rate=Fraction(1, 50),
        job_success_rate=Fraction(99, 100),
    ),
    grace=timedelta(seconds=20),
    schedule="0 2 * * *",
    platform="fly",
    app="shop",
    fly_config="fly.toml",
    team="web",
    notify=("slack:shop",),
    maintenance=(MAINTENANCE,),
    journeys=(JOURNEY,),
    policy=POLICY,
)


def matrix(*services: Service, **changes: Any) -> SloYml:
    return SloYml(services={one.name: one for one in services or (SHOP,)}, **changes)


def shop(**changes: Any) -> SloYml:
    return matrix(replace(SHOP, **changes))


def health(**changes: Any) -> SloYml:
    return shop(endpoints=(replace(HEALTH, **changes),))


def targets(**changes: Any) -> SloYml:
    return shop(targets=replace(SHOP.targets, **changes))


def journey(**changes: Any) -> SloYml:
    return shop(journeys=(replace(JOURNEY, **changes),))


def step(**changes: Any) -> SloYml:
    return journey(steps=(replace(STEP, **changes), *JOURNEY.steps[1:]))


def maintenance(**changes: Any) -> SloYml:
    return shop(maintenance=(replace(MAINTENANCE, **changes),))


def policy(**changes: Any) -> SloYml:
    return shop(policy=PolicyOverrides(**changes).over(POLICY))


def assertion(**changes: Any) -> SloYml:
    return health(assertions=(replace(STATUS, **changes),))


def team(*notify: str) -> SloYml:
    return matrix(teams={"web": Team(name="web", notify=notify)})
