"""Streams that are judged apart: starts, outages, versions, machines, and the plain rule."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo_action.core.model import Outcome, Probe, Response, Sample, Witness
from slo_action.core.observation.streams import Slot, Stream, machine_stream, stream_name
from slo_action.core.observation.window import Window, WindowEnd
from slo_action.core.release.fleet import Machine
from slo_action.core.stats.rate_test import RatePolicy
from tests.builders import World, sample
from tests.core.observation.test_window import (
    BAD,
    HEALTH,
    PLAIN,
    VERSION,
    Answers,
    api,
    between,
    like,
    machine,
    opened,
    watch,
)
from tests.sizes import sized

_DEAD = between(100.0, 1e9)
_HALF = RatePolicy(confidence=0.0, trigger=Fraction(1, 2))
"""A rule that convicts late, so that an outage comes first."""
_RESPONSE = Response(
    http_version="HTTP/1.1", status=503, reason="", headers=(), body="x" * 1000, body_bytes=1000
)


def rates(window: Window, name: str = "health") -> tuple[int, int, int]:
    rate = window.stream_stats[name].rate
    return rate.bad, rate.valid, rate.neutral


# What is a stream.


def test_a_stream_is_called_by_its_kind_and_an_api_endpoint_by_its_path() -> None:
    assert stream_name(Probe(witness=Witness.HEALTH, url="https://a.example/healthz")) == "health"
    assert stream_name(Probe(witness=Witness.API, url="https://a.example/api/orders?n=1")) == (
        "/api/orders"
    )


def test_a_machines_stream_is_reached_by_its_headers_besides_the_probes_own() -> None:
    health = Probe(witness=Witness.HEALTH, url="https://a.example/", headers=(("x", "1"),))
    stream = machine_stream(Machine(name="m1", headers=(("to", "m1"),)), health)

    assert (stream.name, stream.machine) == ("health@m1", "m1")
    assert stream.probe.headers == (("x", "1"), ("to", "m1"))


def test_users_ask_endpoints_and_neither_one_machine_nor_the_version() -> None:
    asked = [HEALTH.is_endpoint, api().is_endpoint, machine("a").is_endpoint, VERSION.is_endpoint]

    assert asked == [True, True, False, False]


# Starts.


def test_failures_in_grace_do_not_count() -> None:
    window = opened(begun=2.0, grace_seconds=30.0)
    watch(window, like(between(8.0, 30.0)))

    assert rates(window)[0] == 0
    assert window.end is WindowEnd.OVER


def test_failures_in_grace_count_once_the_gate_is_met() -> None:
    window = opened(begun=2.0, grace_seconds=30.0)
    window.gate_met(6.0)
    watch(window, like(between(8.0, 30.0)))

    assert window.end is WindowEnd.OUTAGE
    assert window.ended_seconds < 25.0


def test_an_endpoint_that_never_answers_well_fails_right_after_the_deadline() -> None:
    window = opened(HEALTH, api(), ready_by_seconds=90.0)
    watch(window, like({"/api": BAD}))

    assert window.end is WindowEnd.BREACHED
    assert 90.0 <= window.ended_seconds < 94.0
    assert window.breached[0] == "/api"


def test_an_endpoint_that_starts_late_but_in_time_is_fine() -> None:
    window = opened(HEALTH, api(), ready_by_seconds=90.0)
    watch(window, like({"/api": between(0.0, 80.0)}))

    assert window.end is WindowEnd.OVER
    assert rates(window, "/api")[0] == 0
    assert window.stream_stats["/api"].rate.refuted_at_end()


def test_an_endpoint_that_fails_after_its_first_good_answer_is_not_starting_any_more() -> None:
    window = opened(HEALTH, api(), ready_by_seconds=90.0)
    watch(window, like({"/api": between(20.0, 1e9)}))

    assert window.end is WindowEnd.BREACHED
    assert window.ended_seconds < 60.0


def test_what_never_answered_well_in_a_window_shorter_than_the_deadline_fails() -> None:
    window = opened(HEALTH, api(), length_seconds=60.0, begun=2.0, ready_by_seconds=90.0)
    watch(window, like({"/api": BAD}))

    assert window.end is WindowEnd.BREACHED
    assert rates(window, "/api")[0] == rates(window, "/api")[1] > 20


def test_bodies_of_failures_that_wait_for_a_first_good_answer_are_not_all_kept() -> None:
    paths = [api(f"/{number}") for number in range(200)]
    window = opened(*paths, ready_by_seconds=90.0)
    kept = 0
    while (slot := window.next()) is not None and slot.at_seconds < 90.0:
        window.sent(slot)
        found = sample(Outcome.HTTP_5XX, response=_RESPONSE)
        at = slot.at_seconds
        window.feed(slot.ticket, found, heard_seconds=at, now_seconds=at)
    for stats in window.stream_stats.values():
        kept += sum(1 for _, waiting in stats.starting if waiting.response)

    assert kept == 40


# Outage.


@pytest.mark.parametrize("streams", [(HEALTH,), (HEALTH, api(), VERSION, machine("a"))])
def test_everything_bad_for_fifteen_seconds_is_an_outage_at_once(
    streams: tuple[Stream, ...],
) -> None:
    window = opened(*streams, rates=_HALF)
    watch(window, like(_DEAD))

    assert window.end is WindowEnd.OUTAGE
    assert window.ended_seconds == pytest.approx(116.0, abs=1.6)


def test_a_complete_outage_fails_within_fifteen_seconds_by_whichever_rule_is_first() -> None:
    window = opened(HEALTH, api(), VERSION, machine("a"))
    watch(window, like(_DEAD))

    assert window.end in (WindowEnd.OUTAGE, WindowEnd.BREACHED)
    assert 108.0 < window.ended_seconds < 117.0


@pytest.mark.parametrize("kind", ["/api", "version", "health@a"])
def test_one_good_answer_from_anywhere_starts_the_fifteen_seconds_anew(kind: str) -> None:
    window = opened(HEALTH, api(), VERSION, machine("a"), rates=_HALF)
    once = iter([Outcome.OK])

    def answer(slot: Slot) -> Sample:
        mends = slot.stream.name == kind and slot.at_seconds > 105.0
        outcome = next(once, Outcome.HTTP_5XX) if mends else _DEAD(slot.at_seconds)
        return sample(outcome, slot.at_seconds, version="v2")

    watch(window, answer)

    assert window.end is WindowEnd.OUTAGE
    assert window.ended_seconds > 120.0


def test_one_endpoint_of_two_dead_is_a_breach_and_no_outage() -> None:
    window = opened(HEALTH, api())
    watch(window, like({"/api": _DEAD}))

    assert window.end is WindowEnd.BREACHED
    assert window.breached == ("/api",)


def test_a_hang_from_before_the_last_good_answer_does_not_begin_an_outage() -> None:
    """The hang of second 103 is heard when everything is dead: good answers came in between."""

    def answer(slot: Slot) -> Sample:
        at = slot.at_seconds
        if 103.0 <= at < 104.0:
            return sample(Outcome.READ_TIMEOUT, total_seconds=6.0)
        return sample(Outcome.HTTP_5XX if at >= 108.5 else Outcome.OK, total_seconds=0.05)

    window = opened(rates=PLAIN)
    watch(window, answer)

    assert window.end is WindowEnd.OUTAGE
    assert window.outage_since is not None
    assert window.outage_since >= 108.5
    assert window.ended_seconds >= 123.5


def test_fewer_than_three_failures_are_no_outage_however_long_a_pause_lies_between() -> None:
    def answer(slot: Slot) -> Sample:
        if slot.at_seconds < 100.0:
            return sample()
        if slot.at_seconds < 101.0:
            return sample(Outcome.HTTP_5XX)
        return sample(Outcome.RATE_LIMITED, retry_after_seconds=10.0)

    window = opened(rates=PLAIN)
    watch(window, answer)

    assert window.end is WindowEnd.OVER


# Versions.


def versions(world: World) -> Answers:
    """Answers of v2 where the world is well, and of v3 where it names another version."""

    def answer(slot: Slot) -> Sample:
        outcome = world(slot.at_seconds)
        told = "v3" if outcome is Outcome.WRONG_VERSION else "v2"
        return sample(outcome, slot.at_seconds, version=told)

    return answer


def test_answers_of_another_version_are_no_errors() -> None:
    window = opened()
    watch(window, versions(between(100.0, 104.0, Outcome.WRONG_VERSION)))

    assert rates(window) == (0, 286, 4)
    assert window.end is WindowEnd.OVER


def test_two_versions_that_answer_in_turn_end_the_window() -> None:
    window = opened()
    turns = iter([Outcome.OK, Outcome.WRONG_VERSION] * 200)
    watch(window, versions(lambda _: next(turns)))

    assert (window.end, window.took_over) == (WindowEnd.VERSION, False)
    assert window.ended_seconds < 60.0
    assert window.other_version == "v3"


@settings(max_examples=sized(15, 60))
@given(takeover=st.floats(15.0, 240.0))
def test_a_version_that_takes_over_at_any_instant_is_no_mixture(
    takeover: float,
) -> None:
    window = opened()
    watch(window, versions(between(takeover, 1e9, Outcome.WRONG_VERSION)))

    assert (window.end, window.took_over) == (WindowEnd.VERSION, True)
    assert window.latest_version == "v3"


def test_an_answer_that_was_long_on_its_way_is_no_newer_for_that() -> None:
    """A version is as old as its probe: a slow answer of the old one says nothing of now."""
    window = opened()

    def answer(slot: Slot) -> Sample:
        at, is_old = slot.at_seconds, slot.at_seconds < 20.0
        return sample(at=at, version="v1" if is_old else "v2", total_seconds=9.0 if is_old else 0.1)

    while (slot := window.next()) is not None and slot.at_seconds < 22.0:
        window.sent(slot)
        found = answer(slot)
        if found.version == "v2":
            window.feed(slot.ticket, found, heard_seconds=slot.at_seconds, now_seconds=22.0)
    window.feed(0, answer(Slot(0, 10.0, HEALTH)), heard_seconds=22.5, now_seconds=22.5)

    assert window.latest_version == "v2"


def test_an_old_version_that_lingers_is_a_mixture_even_under_the_plain_rule() -> None:
    """The minute after a rollback knows the plain rule only: half of it is still what failed."""
    window = opened(length_seconds=60.0, begun=5.0, rates=PLAIN)
    turns = iter([Outcome.OK, Outcome.WRONG_VERSION] * 200)
    watch(window, versions(lambda _: next(turns)))

    assert (window.end, window.took_over) == (WindowEnd.VERSION, False)


def test_an_old_version_that_is_slow_to_go_is_no_mixture_after_a_rollback() -> None:
    window = opened(length_seconds=60.0, begun=5.0, rates=PLAIN)
    turns = iter([Outcome.OK, Outcome.WRONG_VERSION] * 7)
    watch(window, versions(lambda _: next(turns, Outcome.OK)))

    assert window.end is WindowEnd.OVER


# Machines.


def test_a_sick_machine_that_the_balancer_hides_does_not_fail_the_deploy() -> None:
    window = opened(HEALTH, machine("a"), machine("b"))
    watch(window, like({"health@b": BAD}))

    assert window.end is WindowEnd.OVER
    assert window.failing_machines == ("health@b",)
    assert window.breached == ()


def test_a_sick_machine_that_users_notice_fails_the_deploy() -> None:
    window = opened(HEALTH, machine("a"), machine("b"))
    noticed: dict[str, World] = {
        "health@b": BAD,
        "health": lambda now: Outcome.HTTP_5XX if int(now) % 25 == 0 else Outcome.OK,
    }
    watch(window, like(noticed))

    assert window.end is WindowEnd.BREACHED
    assert "health@b" in window.breached


# The plain rule.


@settings(max_examples=sized(20, 80))
@given(
    bad=st.sets(st.integers(0, 289), max_size=30),
    trigger=st.sampled_from([Fraction(1, 100), Fraction(5, 100), Fraction(10, 100)]),
    begun=st.sampled_from([0.0, 10.0, 90.0]),
)
def test_without_confidence_the_documents_rule_decides_alone(
    bad: set[int], trigger: Fraction, begun: float
) -> None:
    plain = RatePolicy(confidence=0.0, trigger=trigger)
    window = opened(begun=begun, rates=plain, outage_seconds=1e9)

    def answer(slot: Slot) -> Sample:
        return sample(Outcome.HTTP_5XX if slot.ticket // 4 in bad else Outcome.OK)

    watch(window, answer)
    planned = int(300 - begun)
    failed = sum(1 for number in bad if number < planned)
    has_failed = (
        window.end is WindowEnd.BREACHED or window.stream_stats["health"].rate.over_trigger()
    )

    assert has_failed is (failed > trigger * planned)
