"""What another slo.yml changes: every field, its direction, and what follows from it."""

from collections import Counter
from dataclasses import fields, replace
from datetime import timedelta
from fractions import Fraction
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_action.core.journey.journeys import (
    Assertion,
    Capture,
    Condition,
    Journey,
    JourneyStep,
    Subject,
)
from slo_action.core.model import Witness
from slo_action.core.policy.numbers import POLICY_NUMBERS, PolicyOverrides
from slo_action.core.request_options import RequestOptions
from slo_action.core.slo.services import Endpoint, Maintenance, Service, SloYml, Targets, Team
from slo_action.core.slo_diff.change import Change, Direction
from slo_action.core.slo_diff.diff import by_direction, slo_changes
from slo_action.core.stats.latency import LatencyObjective
from slo_action.core.verdict.facts import OnLateStart
from tests.sizes import sized
from tests.worlds.slo_files import (
    CERTIFICATE,
    HEALTH,
    JOURNEY,
    MAINTENANCE,
    NIGHT,
    P90,
    SHOP,
    STATUS,
    assertion,
    health,
    journey,
    maintenance,
    matrix,
    p95,
    policy,
    shop,
    step,
    targets,
    team,
)

LOOSER, STRICTER, NEUTRAL = Direction
BASE = matrix()
TOKEN = Capture(variable="token", subject=Subject.JSON, name="$.token")


def cron(hours: int) -> SloYml:
    duration = timedelta(hours=hours)
    return maintenance(start=None, end=None, schedule="0 2 * * *", duration=duration)


def capture(**changes: Any) -> SloYml:
    return step(captures=(replace(TOKEN, **changes),))


def goal(**changes: Any) -> SloYml:
    return health(objective=replace(p95(0.5), **changes))


TABLE: list[tuple[type, str, SloYml, Direction]] = [
    (SloYml, "services", matrix(SHOP, replace(SHOP, name="cart", url="https://c")), STRICTER),
    (SloYml, "teams", team("mail:web"), NEUTRAL),
    (SloYml, "policy", matrix(policy=PolicyOverrides(observe=60)), LOOSER),
    (Service, "name", matrix(replace(SHOP, name="store")), NEUTRAL),
    (Service, "url", shop(url="https://other.example"), NEUTRAL),
    (Service, "endpoints", shop(endpoints=()), LOOSER),
    (Service, "targets", shop(targets=Targets(error_rate=Fraction(1, 50))), LOOSER),
    (Service, "grace", shop(grace=timedelta(seconds=60)), LOOSER),
    (Service, "schedule", shop(schedule="0 3 * * *"), NEUTRAL),
    (Service, "platform", shop(platform="none"), NEUTRAL),
    (Service, "app", shop(app="store"), NEUTRAL),
    (Service, "fly_config", shop(fly_config="ops/fly.toml"), NEUTRAL),
    (Service, "team", shop(team=""), NEUTRAL),
    (Service, "notify", shop(notify=("mail:a",)), NEUTRAL),
    (Service, "notify", shop(notify=()), LOOSER),
    (Service, "maintenance", shop(maintenance=()), STRICTER),
    (Service, "journeys", shop(journeys=()), LOOSER),
    (Service, "request", shop(request=RequestOptions(headers=(("X-Key", "a"),))), NEUTRAL),
    (Service, "policy", policy(observe=600), STRICTER),
    (Targets, "availability", targets(availability=Fraction(995, 1000)), LOOSER),
    (Targets, "error_rate", targets(error_rate=Fraction(1, 100)), STRICTER),
    (Targets, "job_success_rate", targets(job_success_rate=None), LOOSER),
    (Endpoint, "name", health(name="alive"), LOOSER),
    (Endpoint, "path", health(path="/alive"), NEUTRAL),
    (Endpoint, "witness", health(witness=Witness.API), NEUTRAL),
    (Endpoint, "interval", health(interval=timedelta(seconds=60)), LOOSER),
    (Endpoint, "interval", health(interval=None), NEUTRAL),
    (Endpoint, "timeout", health(timeout=timedelta(seconds=1)), STRICTER),
    (Endpoint, "objective", health(objective=p95(0.8)), LOOSER),
    (Endpoint, "assertions", health(assertions=()), LOOSER),
    (Endpoint, "assertions", health(assertions=(STATUS, CERTIFICATE)), STRICTER),
    (Endpoint, "request", health(request=RequestOptions(method="POST")), NEUTRAL),
    (LatencyObjective, "name", goal(name="p90", quantile=P90), LOOSER),
    (LatencyObjective, "quantile", goal(quantile=P90), LOOSER),
    (LatencyObjective, "limit_seconds", goal(limit_seconds=0.4), STRICTER),
    (Assertion, "subject", assertion(subject=Subject.BODY), LOOSER),
    (Assertion, "condition", assertion(condition=Condition.EQUALS), NEUTRAL),
    (Assertion, "name", assertion(name="x"), STRICTER),
    (Assertion, "expected", assertion(expected=("2xx",)), NEUTRAL),
    (Assertion, "expected", assertion(expected=("200", "204")), LOOSER),
    (Maintenance, "name", maintenance(name="upgrade"), STRICTER),
    (Maintenance, "start", maintenance(start=NIGHT - timedelta(hours=1)), LOOSER),
    (Maintenance, "end", maintenance(end=NIGHT + timedelta(minutes=1)), STRICTER),
    (Maintenance, "schedule", cron(1), NEUTRAL),
    (Maintenance, "duration", maintenance(duration=timedelta(hours=1)), NEUTRAL),
    (Maintenance, "services", maintenance(services=("shop",)), NEUTRAL),
    (Team, "name", team("mail:web"), NEUTRAL),
    (Team, "notify", team(), NEUTRAL),
    (Journey, "name", journey(name="buy"), LOOSER),
    (Journey, "steps", journey(steps=JOURNEY.steps[:1]), LOOSER),
    (Journey, "steps", journey(steps=JOURNEY.steps[::-1]), NEUTRAL),
    (Journey, "timeout_seconds", journey(timeout_seconds=60), LOOSER),
    (Journey, "interval_seconds", journey(interval_seconds=30), STRICTER),
    (Journey, "objective", journey(objective=None), LOOSER),
    (JourneyStep, "name", step(name="sign in"), LOOSER),
    (JourneyStep, "target", step(target="/signin"), NEUTRAL),
    (JourneyStep, "method", step(method="PUT"), NEUTRAL),
    (JourneyStep, "headers", step(headers={"Accept": "text/plain"}), NEUTRAL),
    (JourneyStep, "json", step(json={"user": "eve"}), NEUTRAL),
    (JourneyStep, "form", step(form=None), NEUTRAL),
    (JourneyStep, "body", step(body="hello"), NEUTRAL),
    (JourneyStep, "timeout_seconds", step(timeout_seconds=8), LOOSER),
    (JourneyStep, "think_seconds", step(think_seconds=1), NEUTRAL),
    (JourneyStep, "assertions", step(assertions=()), LOOSER),
    (JourneyStep, "captures", step(captures=()), NEUTRAL),
    (Capture, "variable", capture(variable="key"), NEUTRAL),
    (Capture, "subject", capture(subject=Subject.HEADER), NEUTRAL),
    (Capture, "name", capture(name="$.key"), NEUTRAL),
    (Capture, "pattern", capture(pattern="[0-9]+"), NEUTRAL),
    (PolicyOverrides, "health_deadline", policy(health_deadline=120), LOOSER),
    (PolicyOverrides, "grace", policy(grace=10), STRICTER),
    (PolicyOverrides, "observe", policy(observe=0), LOOSER),
    (PolicyOverrides, "confidence", policy(confidence=0.95), STRICTER),
    (PolicyOverrides, "confidence", policy(confidence=0.0), NEUTRAL),
    (PolicyOverrides, "slo", policy(slo=Fraction(3, 100)), LOOSER),
    (PolicyOverrides, "alert", policy(alert=Fraction(1, 1000)), STRICTER),
    (PolicyOverrides, "rollback", policy(rollback=Fraction(10, 100)), LOOSER),
    (PolicyOverrides, "on_late_start", policy(on_late_start=OnLateStart.WARN), LOOSER),
    (PolicyOverrides, "outage_after", policy(outage_after=10), STRICTER),
    (PolicyOverrides, "max_observer_delay", policy(max_observer_delay=5), NEUTRAL),
    (PolicyOverrides, "min_requests", policy(min_requests=2000), LOOSER),
    (PolicyOverrides, "health_limit", policy(health_limit=0.3), STRICTER),
    (PolicyOverrides, "search_limit", policy(search_limit=6), LOOSER),
]
KINDS = (
    SloYml,
    Service,
    Targets,
    Endpoint,
    LatencyObjective,
    Assertion,
    Maintenance,
    Team,
    Journey,
    JourneyStep,
    Capture,
    PolicyOverrides,
)
ROWS = [BASE, cron(1), cron(2), *(row[2] for row in TABLE)]
RATIOS = st.none() | st.fractions(Fraction(1, 1000), Fraction(999, 1000), max_denominator=1000)
SECONDS = st.none() | st.floats(0, 1000)
POLICIES = st.builds(
    PolicyOverrides,
    health_deadline=SECONDS,
    grace=SECONDS,
    observe=SECONDS,
    confidence=st.none() | st.sampled_from([0.0, 0.9, 0.99]),
    slo=RATIOS,
    alert=RATIOS,
    rollback=RATIOS,
    on_late_start=st.none() | st.sampled_from(OnLateStart),
    outage_after=SECONDS,
    max_observer_delay=SECONDS,
    min_requests=st.none() | st.integers(1, 100),
    health_limit=SECONDS,
    search_limit=SECONDS,
)
OBJECTIVES = st.builds(
    lambda limit, quantile: LatencyObjective(
        name=f"p{100 * quantile}", quantile=quantile, limit_seconds=limit
    ),
    limit=st.floats(0, 1000),
    quantile=st.sampled_from([P90, Fraction(95, 100)]),
)
INTERVALS = st.none() | st.timedeltas(timedelta(0), timedelta(hours=1))
SERVICES = st.builds(
    lambda objective, interval, **said: replace(
        SHOP, endpoints=(replace(HEALTH, interval=interval, objective=objective),), **said
    ),
    objective=st.none() | OBJECTIVES,
    interval=INTERVALS,
    targets=st.builds(Targets, availability=RATIOS, error_rate=RATIOS, job_success_rate=RATIOS),
    grace=INTERVALS,
    policy=POLICIES,
)
MATRICES = st.builds(lambda service, policy: matrix(service, policy=policy), SERVICES, POLICIES)
NOWHERE = SloYml()


def ids(row: object) -> str:
    return row.__name__ if isinstance(row, type) else row if isinstance(row, str) else ""


def only(before: SloYml, after: SloYml) -> Change:
    (change,) = slo_changes(before, after)
    return change


def mirrored(changes: tuple[Change, ...]) -> Counter[tuple[str, str, Direction]]:
    turned = {LOOSER: STRICTER, STRICTER: LOOSER, NEUTRAL: NEUTRAL}
    return Counter((c.before, c.after, turned[c.direction]) for c in changes)


def names_of(kind: type[Any]) -> set[str]:
    """The names of what a kind of value holds."""
    if issubclass(kind, PolicyOverrides):
        return {number.name for number in POLICY_NUMBERS}
    return {field.name for field in fields(kind)}


@pytest.mark.parametrize(("kind", "field", "after", "direction"), TABLE, ids=ids)
def test_every_field_is_reported_and_has_a_direction(
    kind: type, field: str, after: SloYml, direction: Direction
) -> None:
    assert field in names_of(kind)
    assert direction in {change.direction for change in slo_changes(BASE, after)}


def test_no_field_of_slo_yml_is_without_a_row() -> None:
    known = {(kind.__name__, name) for kind in KINDS for name in names_of(kind)}

    assert known == {(kind.__name__, field) for kind, field, _, _ in TABLE}


@given(MATRICES)
def test_what_is_the_same_has_not_changed(one: SloYml) -> None:
    assert slo_changes(one, one) == ()


@given(MATRICES, MATRICES)
def test_the_way_back_has_the_other_direction(one: SloYml, other: SloYml) -> None:
    there, back = slo_changes(one, other), slo_changes(other, one)

    assert mirrored(there) == Counter((c.after, c.before, c.direction) for c in back)


def test_between_any_two_rows_the_way_back_has_the_other_direction_and_shows_two_facts() -> None:
    for one, other in list(combinations(ROWS, 2))[:: sized(5, 1)]:
        there, back = slo_changes(one, other), slo_changes(other, one)
        assert mirrored(there) == Counter((c.after, c.before, c.direction) for c in back)
        for change in there:
            hidden = change.effect == "sends something else"
            assert change.before != change.after or hidden, change


@pytest.mark.parametrize(
    ("after", "what", "facts", "effect"),
    [
        (
            health(objective=p95(0.8)),
            "health p95",
            ("500 ms", "800 ms"),
            "of 100 answers, 5 may take longer",
        ),
        (
            targets(availability=Fraction(995, 1000)),
            "availability",
            ("99.9 %", "99.5 %"),
            "downtime budget of 30 days: 43.2 min → 3 h 36 min",
        ),
        (
            targets(error_rate=Fraction(3, 100)),
            "error rate",
            ("2 %", "3 %"),
            "of 10,000 requests, 200 → 300 may fail",
        ),
        (
            targets(job_success_rate=Fraction(95, 100)),
            "job success rate",
            ("99 %", "95 %"),
            "of 1,000 runs, 10 → 50 may fail",
        ),
        (
            health(interval=timedelta(minutes=1)),
            "health interval",
            ("15 s", "60 s"),
            "5,760 → 1,440 probes a day",
        ),
        (
            health(timeout=timedelta(seconds=5)),
            "health timeout",
            ("2 s", "5 s"),
            "no answer within 2 s → 5 s is a failure",
        ),
        (
            shop(grace=timedelta(seconds=60)),
            "grace",
            ("20 s", "60 s"),
            "failures do not count in the first 20 s → 60 s after a deploy",
        ),
        (
            policy(observe=600),
            "policy: observe",
            ("5 min", "10 min"),
            "a failure is seen until 5 min → 10 min after a deploy",
        ),
        (
            policy(confidence=0.95),
            "policy: confidence",
            ("99 %", "95 %"),
            "each test fails a good deploy by chance in at most 1 % → 5 % of windows",
        ),
        (
            policy(on_late_start=OnLateStart.WARN),
            "policy: on late start",
            ("rollback", "warn"),
            "a service that becomes healthy after the deadline is degraded",
        ),
        (
            assertion(expected=("200", "204")),
            "health assertion",
            ("status is 200", "status is 200 or 204"),
            "",
        ),
        (
            step(body="${secrets.PASSWORD}"),
            "journey checkout, step log in body",
            ("not set", "19 characters"),
            "",
        ),
        (
            cron(1),
            "maintenance backup",
            ("2026-01-10 02:00:00 UTC to 2026-01-10 03:00:00 UTC", "0 2 * * * UTC for 1 h"),
            "",
        ),
    ],
)
def test_a_change_says_what_follows_from_it(
    after: SloYml, what: str, facts: tuple[str, str], effect: str
) -> None:
    change = only(BASE, after)

    assert (change.service, change.what) == ("shop", what)
    assert (change.before, change.after) == facts
    assert change.effect == effect


def test_a_service_that_is_gone_is_no_longer_monitored() -> None:
    change = only(BASE, NOWHERE)

    assert (change.service, change.what, change.direction) == ("shop", "service", LOOSER)
    assert (change.before, change.after) == ("https://shop.example", "not set")
    assert change.effect == "no longer monitored"


def test_another_name_at_the_same_url_is_the_same_service() -> None:
    renamed = replace(SHOP, name="store", app="store")

    name, app = slo_changes(BASE, matrix(renamed))

    assert (name.service, name.what, name.before, name.after) == ("store", "name", "shop", "store")
    assert (app.service, app.what) == ("store", "app")


def test_two_services_at_one_url_are_not_guessed_to_be_renamed() -> None:
    twins = (replace(SHOP, name="a"), replace(SHOP, name="b"))

    assert {change.what for change in slo_changes(BASE, matrix(*twins))} == {"service"}


def test_a_service_that_stays_is_not_taken_for_one_that_is_renamed() -> None:
    both = matrix(SHOP, replace(SHOP, name="copy"))

    assert only(BASE, both).direction is STRICTER


def test_a_promise_that_is_dropped_names_the_default_that_applies() -> None:
    before = health(objective=p95(0.4))
    change = only(before, health(objective=None))

    assert (change.after, change.direction) == ("500 ms (default)", LOOSER)
    assert change.effect == "no longer promised; the default of 500 ms applies"


def test_a_promise_below_the_default_is_not_looser_when_it_is_dropped() -> None:
    assert only(health(objective=p95(0.8)), health(objective=None)).direction is NEUTRAL


def test_a_default_that_is_written_down_changes_nothing() -> None:
    bare = matrix(replace(SHOP, policy=PolicyOverrides()))
    change = only(bare, matrix(replace(SHOP, policy=PolicyOverrides(observe=300))))

    assert (change.before, change.after) == ("5 min (default)", "5 min")
    assert (change.direction, change.effect) == (NEUTRAL, "the same as the default")


def test_what_the_whole_file_says_is_what_a_service_falls_back_to() -> None:
    file = PolicyOverrides(observe=600)
    before = SloYml(
        services={"shop": replace(SHOP, policy=PolicyOverrides(observe=60))}, policy=file
    )
    after = SloYml(services={"shop": replace(SHOP, policy=PolicyOverrides())}, policy=file)

    change = only(before, after)

    assert (change.after, change.direction) == ("10 min (default)", STRICTER)


def test_a_change_for_the_whole_file_is_reported_once() -> None:
    change = only(BASE, matrix(policy=PolicyOverrides(health_deadline=120)))

    assert (change.service, change.what) == ("", "policy: health deadline")
    assert (change.before, change.after) == ("90 s (default)", "2 min")
    assert change.effect == "a deploy has 90 s → 2 min to become healthy"


def test_a_target_is_not_reported_again_as_a_number_of_the_policy() -> None:
    def with_targets(error_rate: Fraction, limit: float) -> SloYml:
        repeated = PolicyOverrides(slo=error_rate, health_limit=limit)
        endpoints = (replace(HEALTH, objective=p95(limit)),)
        own = Targets(error_rate=error_rate)
        return shop(targets=own, endpoints=endpoints, policy=repeated)

    changes = slo_changes(with_targets(Fraction(1, 100), 0.5), with_targets(Fraction(2, 100), 0.8))

    assert [change.what for change in changes] == ["error rate", "health p95"]


@pytest.mark.parametrize(
    ("before", "after", "direction"),
    [
        (replace(CERTIFICATE, expected=14), replace(CERTIFICATE, expected=7), LOOSER),
        (
            Assertion(subject=Subject.JSON, condition=Condition.BELOW, name="$.lag", expected=5),
            Assertion(subject=Subject.JSON, condition=Condition.BELOW, name="$.lag", expected=9),
            LOOSER,
        ),
        (
            Assertion(subject=Subject.HEADER, condition=Condition.EXISTS, name="Via"),
            Assertion(subject=Subject.HEADER, condition=Condition.ABSENT, name="Via"),
            NEUTRAL,
        ),
    ],
)
def test_an_assertion_about_the_same_thing_is_compared(
    before: Assertion, after: Assertion, direction: Direction
) -> None:
    change = only(health(assertions=(before,)), health(assertions=(after,)))

    assert change.direction is direction


def test_the_order_of_assertions_does_not_matter() -> None:
    one, other = health(assertions=(STATUS, CERTIFICATE)), health(assertions=(CERTIFICATE, STATUS))

    assert slo_changes(one, other) == ()


def test_a_limit_is_kept_as_numbers_for_what_was_measured() -> None:
    limit = only(BASE, health(objective=p95(0.8))).limit

    assert limit is not None
    assert (limit.measured, limit.before, limit.after, limit.at_least) == (
        "health p95", 0.5, 0.8, False,
    )  # fmt: skip


def test_an_api_endpoint_is_measured_under_its_path() -> None:
    api = replace(HEALTH, name="orders", path="/api/orders", witness=Witness.API)
    before, after = (shop(endpoints=(replace(api, objective=p95(s)),)) for s in (1, 2))

    limit = only(before, after).limit

    assert limit is not None
    assert limit.measured == "/api/orders p95"


def test_changes_are_sorted_by_direction() -> None:
    sorted_out = by_direction(slo_changes(BASE, policy(observe=0, grace=10, confidence=0.0)))

    assert [(d, len(found)) for d, found in sorted_out.items()] == [
        (LOOSER, 1), (STRICTER, 1), (NEUTRAL, 1),
    ]  # fmt: skip


def test_maintenance_for_longer_by_the_same_schedule_is_looser() -> None:
    assert only(cron(1), cron(2)).direction is LOOSER
    assert MAINTENANCE.duration is None
