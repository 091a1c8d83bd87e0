"""A limit in seconds for calls that have none."""

import threading

import pytest

from slo_action.system.deadline import within


def test_what_ends_in_time_returns_what_it_returns() -> None:
    assert within(10, lambda: 7) == 7
    assert within(10, lambda: None) is None


def test_what_is_raised_is_raised_to_who_waits() -> None:
    def broken() -> int:
        raise KeyError("x")

    with pytest.raises(KeyError, match="x"):
        within(10, broken)


def test_what_does_not_end_is_not_waited_for() -> None:
    never = threading.Event()
    try:
        with pytest.raises(TimeoutError):
            within(0.02, never.wait)
    finally:
        never.set()
