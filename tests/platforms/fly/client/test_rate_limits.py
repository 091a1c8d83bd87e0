"""What is asked again, what is not, and how fast."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx
import pytest

from slo_action.platforms.fly.client.api import FlyApi
from slo_action.platforms.fly.client.errors import FlyRefusedError
from slo_action.system.clock import SystemClock
from tests.platforms.fly.answers import (
    CHANGES,
    DESCRIBED,
    LEASED,
    MACHINE,
    NOT_TWICE,
    READS,
    Fly,
    Handler,
    api,
    lost_in,
    refusal,
    refused,
    told,
    update,
)
from tests.worlds.virtual_clock import VirtualClock


@pytest.mark.parametrize("call", READS)
@pytest.mark.parametrize(
    "failure",
    [
        refusal(500),
        refusal(502),
        refusal(503),
        refusal(504),
        refusal(408),
        refusal(429),
        lost_in(httpx.ReadTimeout),
        lost_in(httpx.RemoteProtocolError),
        lost_in(httpx.ConnectError),
        lambda _: httpx.Response(200, text="<html>"),
    ],
)
def test_a_read_is_repeated_while_fly_has_trouble(call: str, failure: Handler | Exception) -> None:
    right: object = {"data": {"app": {"releases": {"nodes": []}}}}
    fly = Fly(failure, failure, told([] if call in {"machines", "versions"} else right))

    READS[call](api(fly))

    assert len(fly.requests) == 3


@pytest.mark.parametrize("call", READS)
def test_patience_ends(call: str) -> None:
    clock = VirtualClock()
    fly = Fly(refusal(503))

    with pytest.raises(FlyRefusedError) as caught:
        READS[call](api(fly, clock=clock, patience_seconds=10))

    assert caught.value.status == 503
    assert 3 <= len(fly.requests) <= 6
    assert clock.monotonic() <= 10


@pytest.mark.parametrize("change", [one for one in CHANGES if one not in NOT_TWICE])
def test_a_change_that_may_be_made_twice_is_repeated(change: str) -> None:
    fly = Fly(lost_in(httpx.ReadTimeout), refusal(502), LEASED)

    CHANGES[change](api(fly))

    assert len(fly.requests) == 3


@pytest.mark.parametrize("change", NOT_TWICE)
@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (lost_in(httpx.ReadTimeout), None),
        (lost_in(httpx.ReadError), None),
        (lost_in(httpx.RemoteProtocolError), None),
        (refusal(408), 408),
        (refusal(502), 502),
        (lambda _: httpx.Response(200, text="<html>"), None),
    ],
)
def test_a_change_that_may_have_been_made_is_not_made_blindly_again(
    change: str, failure: Handler | Exception, status: int | None
) -> None:
    fly = Fly(failure)

    with pytest.raises(FlyRefusedError) as caught:
        NOT_TWICE[change](api(fly))

    assert len(fly.requests) == 1
    assert caught.value.status == status
    assert status or "may have been done all the same" in caught.value.message


@pytest.mark.parametrize("change", NOT_TWICE)
@pytest.mark.parametrize("failure", [refusal(429), lost_in(httpx.ConnectError)])
def test_a_change_that_surely_was_not_made_is_made_again(
    change: str, failure: Handler | Exception
) -> None:
    fly = Fly(failure, LEASED)

    NOT_TWICE[change](api(fly))

    assert len(fly.requests) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 409, 412, 422])
def test_a_refusal_that_will_not_change_is_not_repeated(status: int) -> None:
    fly = Fly(refusal(status))

    with pytest.raises(FlyRefusedError):
        api(fly).machine(MACHINE)

    assert len(fly.requests) == 1


@pytest.mark.parametrize(
    ("call", "requests"),
    [("machine", 2), ("versions", 2), ("update", 2), ("release", 1), ("destroy", 1), ("app", 1)],
)
def test_a_machine_that_is_not_there_is_asked_for_once_more(call: str, requests: int) -> None:
    fly, clock = Fly(refusal(404)), VirtualClock()
    client = api(fly, clock=clock)

    with suppress(FlyRefusedError):
        {**CHANGES, **READS}[call](client)

    assert len(fly.requests) == requests
    assert clock.monotonic() == (1.0 if requests == 2 else 0.0)


def test_another_patience_is_on_the_same_connections_and_limits() -> None:
    fly, clock = Fly(refusal(503)), VirtualClock()
    client = api(fly, clock=clock, patience_seconds=60)

    with pytest.raises(FlyRefusedError):
        client.with_patience(0).app()
    assert len(fly.requests) == 1
    with pytest.raises(FlyRefusedError):
        client.app()
    assert len(fly.requests) > 5


def test_closing_ends_the_connections_of_every_patience() -> None:
    client = api(Fly(told({})))
    impatient = client.with_patience(0)

    client.close()

    with pytest.raises(RuntimeError, match="closed"):
        impatient.app()


@pytest.mark.parametrize(
    ("header", "waits"),
    [("7", 7.0), ("Mon, 02 Nov 2026 10:00:12 GMT", 12.0), ("soon", 0.5), ("-3", 0.5), ("", 0.5)],
)
def test_too_many_requests_are_answered_by_waiting_as_long_as_fly_asks(
    header: str, waits: float
) -> None:
    clock = VirtualClock()
    fly = Fly(refusal(429, **{"Retry-After": header}), DESCRIBED)

    api(fly, clock=clock).app()

    assert clock.monotonic() == pytest.approx(waits)


def test_a_wait_that_is_longer_than_the_patience_is_not_begun() -> None:
    clock = VirtualClock()
    fly = Fly(refusal(429, **{"Retry-After": "31"}))

    with pytest.raises(FlyRefusedError) as caught:
        api(fly, clock=clock, patience_seconds=30).app()

    assert caught.value.status == 429
    assert clock.monotonic() == 0


def test_a_storm_of_429_ends_in_an_error_that_says_so() -> None:
    error = refused(update, refusal(429))

    assert "too many requests" in error.message


def instants(call: Callable[[FlyApi], object], times: int) -> list[float]:
    clock = VirtualClock()
    seen: list[float] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(clock.monotonic())
        return LEASED(request)

    client = api(answer, clock=clock)
    for _ in range(times):
        call(client)
    return seen


def test_an_action_on_a_machine_comes_three_at_once_and_then_once_a_second() -> None:
    assert instants(CHANGES["start"], 6) == [0, 0, 0, 1, 2, 3]


def test_a_machine_is_read_ten_at_once_and_then_five_times_a_second() -> None:
    seen = instants(READS["machine"], 13)

    assert seen[:10] == [0.0] * 10
    assert seen[10:] == pytest.approx([0.2, 0.4, 0.6])


def test_actions_and_machines_are_counted_apart() -> None:
    def several(client: FlyApi) -> None:
        client.start("a")
        client.start("b")
        client.stop("a")

    assert instants(several, 3) == [0.0] * 9


def test_after_a_rest_a_burst_is_possible_again() -> None:
    clock = VirtualClock()
    client = api(Fly(told([])), clock=clock)
    for _ in range(3):
        client.machines()
    clock.advance(10)
    for _ in range(3):
        client.machines()

    assert clock.monotonic() == 10


def test_several_threads_share_the_limits() -> None:
    clock, lock, seen = SystemClock(), threading.Lock(), []

    def answer(request: httpx.Request) -> httpx.Response:
        with lock:
            seen.append(clock.monotonic())
        return told({})(request)

    client = api(answer, clock=clock)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: client.machine(MACHINE), range(13)))

    assert len(seen) == 13
    assert seen[-1] - seen[0] >= 0.55
