"""Calls side by side, with threads as they are."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from functools import partial
from types import FrameType

import pytest

from slo_action.errors import Interrupted
from slo_action.platforms.fly.client.concurrent_calls import MOST_AT_ONCE, run_concurrently

_LONG_SECONDS = 10.0


def test_results_come_in_the_order_of_the_calls() -> None:
    gate = threading.Event()

    def slow() -> str:
        assert gate.wait(_LONG_SECONDS)
        return "slow"

    def fast() -> str:
        gate.set()
        return "fast"

    assert run_concurrently([slow, fast]) == ["slow", "fast"]


def test_no_calls_are_no_results() -> None:
    assert run_concurrently([]) == []


def test_eight_run_at_once_and_no_more() -> None:
    barrier = threading.Barrier(MOST_AT_ONCE)
    lock, running, most = threading.Lock(), 0, 0

    def call() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        barrier.wait(_LONG_SECONDS)
        with lock:
            running -= 1

    run_concurrently([call] * (2 * MOST_AT_ONCE))

    assert most == MOST_AT_ONCE


def test_one_call_runs_where_it_is_asked_for() -> None:
    assert run_concurrently([threading.current_thread]) == [threading.current_thread()]


def test_the_first_exception_in_order_is_raised_when_all_have_ended() -> None:
    ended: list[int] = []

    def failing(number: int) -> Callable[[], None]:
        def call() -> None:
            ended.append(number)
            raise ValueError(number)

        return call

    with pytest.raises(ValueError, match="0"):
        run_concurrently([failing(number) for number in range(20)])

    assert sorted(ended) == list(range(20))


@pytest.fixture
def interrupting() -> Iterator[Callable[[], None]]:
    """Let SIGUSR1 stop the main thread as SIGTERM stops a run."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise Interrupted("SIGUSR1")

    former = signal.signal(signal.SIGUSR1, stop)
    yield lambda: os.kill(os.getpid(), signal.SIGUSR1)
    signal.signal(signal.SIGUSR1, former)


def test_a_signal_waits_for_what_is_under_way_and_is_raised(
    interrupting: Callable[[], None],
) -> None:
    begun, goes = threading.Semaphore(0), threading.Event()
    ended: set[int] = set()

    def call(number: int) -> None:
        begun.release()
        assert goes.wait(_LONG_SECONDS)
        ended.add(number)

    def signalling() -> None:
        for _ in range(MOST_AT_ONCE):
            assert begun.acquire(timeout=_LONG_SECONDS)
        interrupting()
        goes.set()

    threading.Thread(target=signalling, daemon=True).start()
    with pytest.raises(Interrupted):
        run_concurrently([partial(call, number) for number in range(2 * MOST_AT_ONCE)])

    assert ended >= set(range(MOST_AT_ONCE))
