"""What real traffic is evidence of."""

from dataclasses import replace
from math import comb, inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_action.core.observation.real_traffic import (
    TrafficPolicy,
    TrafficReading,
    TrafficState,
    TrafficVerdict,
    judge_traffic,
)
from tests.worlds.fake_metrics import STALE, counted, steady

POLICY = TrafficPolicy()
PLAIN = TrafficPolicy(confidence=0)
SEVERITY = [
    TrafficVerdict.TOO_FEW,
    TrafficVerdict.FINE,
    TrafficVerdict.ELEVATED,
    TrafficVerdict.BREACH,
]
counts = st.integers(0, 3000)


def judged(
    errors: float,
    requests: float,
    before: tuple[float, float] | None = None,
    policy: TrafficPolicy = POLICY,
) -> TrafficVerdict:
    return judge_traffic(counted(errors, requests, before=before), policy).verdict


@pytest.mark.parametrize(
    ("errors", "requests", "verdict"),
    [
        (0, 19, TrafficVerdict.TOO_FEW),
        (19, 19, TrafficVerdict.TOO_FEW),
        (0, 20, TrafficVerdict.FINE),
        (1, 20, TrafficVerdict.ELEVATED),
        (2, 20, TrafficVerdict.ELEVATED),
        (3, 20, TrafficVerdict.ELEVATED),
        (5, 20, TrafficVerdict.BREACH),
        (1, 100, TrafficVerdict.FINE),
        (5, 100, TrafficVerdict.ELEVATED),
        (8, 100, TrafficVerdict.ELEVATED),
        (10, 100, TrafficVerdict.BREACH),
        (41, 812, TrafficVerdict.BREACH),
        (40, 800, TrafficVerdict.ELEVATED),
        (5_000, 100_000, TrafficVerdict.ELEVATED),
        (5_001, 100_000, TrafficVerdict.BREACH),
        (1_000_000, 1_000_000, TrafficVerdict.BREACH),
    ],
)
def test_a_breach_needs_the_rate_the_counts_and_the_evidence(
    errors: int, requests: int, verdict: TrafficVerdict
) -> None:
    assert judged(errors, requests) is verdict


def test_two_errors_are_no_breach_even_where_the_plain_rule_holds() -> None:
    assert judged(2, 20, policy=PLAIN) is TrafficVerdict.ELEVATED
    assert judged(3, 20, policy=PLAIN) is TrafficVerdict.BREACH


@pytest.mark.parametrize(
    ("since", "before", "verdict"),
    [
        ((80, 1000), (80, 1000), TrafficVerdict.PRE_EXISTING),
        ((120, 1000), (80, 1000), TrafficVerdict.PRE_EXISTING),
        ((200, 1000), (80, 1000), TrafficVerdict.BREACH),
        ((80, 1000), (50, 1000), TrafficVerdict.BREACH),  # not above the trigger before
        ((80, 1000), (2, 15), TrafficVerdict.BREACH),
        ((80, 1000), (2, 30), TrafficVerdict.BREACH),
        ((5, 1000), (80, 1000), TrafficVerdict.FINE),
        ((30, 1000), (80, 1000), TrafficVerdict.ELEVATED),
        ((4, 20), (80, 1000), TrafficVerdict.PRE_EXISTING),
        ((6, 20), (80, 1000), TrafficVerdict.PRE_EXISTING),
    ],
)
def test_harm_that_was_there_before_is_not_the_deploy_s(
    since: tuple[int, int], before: tuple[int, int], verdict: TrafficVerdict
) -> None:
    assert judged(*since, before=before) is verdict


@pytest.mark.parametrize("state", list(TrafficState))
def test_only_two_states_are_numbers(state: TrafficState) -> None:
    reading = replace(counted(0, 500), state=state)

    finding = judge_traffic(reading, POLICY)

    is_number = state in (TrafficState.MEASURED, TrafficState.ZERO)
    assert (finding.verdict is not TrafficVerdict.NO_DATA) is is_number
    assert (finding.requests is not None) is is_number


def test_no_reading_is_no_data() -> None:
    finding = judge_traffic(None, POLICY)

    assert finding.verdict is TrafficVerdict.NO_DATA
    assert finding.sentence == "the metric source has not answered yet"


def test_no_data_tells_which_of_its_kinds_it_is() -> None:
    finding = judge_traffic(replace(STALE, detail="evil\x1b[31m\ntext"), POLICY)

    assert finding.sentence == "no count of real traffic (no-series): evil [31m text"


@pytest.mark.parametrize("number", [nan, inf, -inf, -1.0])
def test_what_is_no_count_is_no_data(number: float) -> None:
    assert judged(number, 500) is TrafficVerdict.NO_DATA
    assert judged(1, number) is TrafficVerdict.NO_DATA


def test_the_sentence_can_be_checked_by_a_person() -> None:
    reading = replace(counted(41, 812), counted_from_seconds=30.0, newest_scrape_seconds=270.0)

    finding = judge_traffic(reading, POLICY, now=285.0)

    assert finding.sentence == (
        "41 of 812 requests of real traffic failed (5.0 %) in the 240 s up to 15 s ago; "
        "p95 312 ms (estimate from buckets); "
        "at a true rate of 2.2 % the chance of that is 2e-06"
    )


def test_traffic_that_stopped_is_reported_with_what_it_was() -> None:
    finding = judge_traffic(replace(counted(0, 0, before=(0, 5123)), at_seconds=60), POLICY, 75)

    assert finding.verdict is TrafficVerdict.TOO_FEW
    assert finding.sentence == (
        "0 of 0 requests of real traffic failed as of 15 s ago; "
        "fewer than 20 requests decide nothing (5123 before the deploy)"
    )


def test_pre_existing_harm_is_reported_with_both_rates() -> None:
    finding = judge_traffic(counted(80, 1000, before=(160, 2000)), POLICY)

    assert "80 of 1000 requests of real traffic failed (8.0 %)" in finding.sentence
    assert finding.sentence.endswith("before the deploy it was 160 of 2000 (8.0 %)")


def test_extrapolated_requests_are_no_evidence() -> None:
    seen = counted(5, 20)

    assert judge_traffic(replace(seen, scrapes=100), POLICY).verdict is TrafficVerdict.ELEVATED
    assert judge_traffic(replace(seen, scrapes=None), POLICY).verdict is TrafficVerdict.BREACH
    assert judge_traffic(replace(seen, scrapes=1), POLICY).verdict is TrafficVerdict.ELEVATED


def test_a_healthy_service_is_not_failed_more_often_than_the_confidence_allows() -> None:
    """At a true 2.2 % and every look on its own, the sum over 20 looks stays below 1 %."""
    null = 0.05**0.5 * 0.01**0.5
    for requests in (20, 50, 100, 400, 1000):
        convicting = [
            comb(requests, errors) * null**errors * (1 - null) ** (requests - errors)
            for errors in range(min(requests, 200) + 1)
            if judged(errors, requests) is TrafficVerdict.BREACH
        ]
        assert 20 * sum(convicting) <= 0.01


def test_an_outage_of_half_the_requests_is_found_by_the_third_scrape() -> None:
    verdicts = [judge_traffic(steady(0.5)(s), POLICY, s).verdict for s in (15, 30, 45)]

    assert verdicts == [TrafficVerdict.NO_DATA, TrafficVerdict.BREACH, TrafficVerdict.BREACH]


@given(st.integers(20, 400), st.data())
def test_the_chance_it_reports_is_the_binomial_s(requests: int, data: st.DataObject) -> None:
    errors = data.draw(st.integers(0, requests))
    null = 0.0005**0.5
    exact = sum(
        comb(requests, i) * null**i * (1 - null) ** (requests - i)
        for i in range(errors, requests + 1)
    )

    finding = judge_traffic(counted(errors, requests), POLICY)

    assert finding.chance == pytest.approx(exact, rel=1e-6, abs=1e-200)


@given(counts, counts, st.none() | st.tuples(counts, counts))
def test_a_breach_always_meets_the_trigger_and_the_minimums(
    errors: int, requests: int, before: tuple[int, int] | None
) -> None:
    if judged(errors, requests, before) is TrafficVerdict.BREACH:
        assert requests >= 20
        assert errors >= 3
        assert min(errors, requests) / requests > 0.05


@given(counts, counts)
def test_more_errors_are_never_judged_milder(errors: int, requests: int) -> None:
    milder, harder = judged(errors, requests), judged(errors + 1, requests)

    assert SEVERITY.index(milder) <= SEVERITY.index(harder)


@given(counts, counts, counts, counts)
def test_what_was_before_only_ever_excuses(
    errors: int, requests: int, errors_before: int, requests_before: int
) -> None:
    alone = judged(errors, requests)
    together = judged(errors, requests, (errors_before, requests_before))

    assert together in {alone, TrafficVerdict.PRE_EXISTING}


@given(counts, counts, st.floats(0.5, 0.999))
def test_more_confidence_never_fails_more(errors: int, requests: int, confidence: float) -> None:
    if judged(errors, requests, policy=TrafficPolicy(confidence=0.9999)) is TrafficVerdict.BREACH:
        relaxed = judged(errors, requests, policy=TrafficPolicy(confidence=confidence))
        assert relaxed is TrafficVerdict.BREACH
        assert judged(errors, requests, policy=PLAIN) is TrafficVerdict.BREACH


numbers = st.none() | st.floats()


readings = st.builds(
    TrafficReading,
    state=st.sampled_from(TrafficState),
    at_seconds=st.floats(0, 900),
    detail=st.text(),
    requests=numbers,
    errors=numbers,
    requests_before=numbers,
    errors_before=numbers,
    p95_seconds=numbers,
    counted_from_seconds=st.none() | st.floats(0, 900),
    newest_scrape_seconds=st.none() | st.floats(0, 900),
    scrapes=st.none() | st.integers(),
)


@given(readings, st.floats(0, 900))
def test_every_reading_is_judged_and_only_a_count_is_one(
    reading: TrafficReading, now: float
) -> None:
    finding = judge_traffic(reading, POLICY, now)

    assert finding.sentence
    assert (finding.requests is None) is (finding.verdict is TrafficVerdict.NO_DATA)
