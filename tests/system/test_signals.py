"""Signals: the first one is remembered, raised only where a run may be stopped, and never lost."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from slo_action.errors import Interrupted
from slo_action.system.signals import SignalInterrupts

ROOT = Path(__file__).parents[2]
STOPPING = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = [signal.getsignal(number) for number in STOPPING]
    yield
    for number, handler in zip(STOPPING, before, strict=True):
        signal.signal(number, handler)


@pytest.fixture
def interrupts() -> SignalInterrupts:
    installed = SignalInterrupts()
    installed.install()
    return installed


@pytest.mark.parametrize("number", STOPPING)
def test_a_signal_is_remembered_and_changes_nothing_else(
    interrupts: SignalInterrupts, number: signal.Signals
) -> None:
    assert interrupts.received == ""
    signal.raise_signal(number)
    assert interrupts.received == number.name


def test_a_signal_that_was_held_back_until_the_handlers_stood_is_received() -> None:
    interrupts = SignalInterrupts()
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    signal.raise_signal(signal.SIGTERM)
    interrupts.install()
    assert interrupts.received == "SIGTERM"
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()) & {*STOPPING}


def test_a_signal_stops_what_may_be_stopped(interrupts: SignalInterrupts) -> None:
    with pytest.raises(Interrupted), interrupts.raising():
        signal.raise_signal(signal.SIGTERM)


def test_a_signal_that_came_before_stops_it_at_once(interrupts: SignalInterrupts) -> None:
    signal.raise_signal(signal.SIGTERM)
    with pytest.raises(Interrupted), interrupts.raising():
        pytest.fail("it was begun all the same")


def test_the_second_signal_does_not_disturb_the_publishing_of_the_first(
    interrupts: SignalInterrupts,
) -> None:
    with pytest.raises(Interrupted):
        _stopped_twice(interrupts)
    assert interrupts.received == "SIGINT"


def _stopped_twice(interrupts: SignalInterrupts) -> None:
    with interrupts.raising():
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            signal.raise_signal(signal.SIGTERM)


_SIGNALLED_AT_ITS_END = """
import os, runpy, signal, sys

class Late:
    def __del__(self, kill=os.kill, pid=os.getpid(), number=signal.SIGTERM):
        kill(pid, number)

late = Late()
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.parametrize("start", ["entrypoint.py", "slo_action/__main__.py"])
def test_a_signal_in_the_interpreters_last_moments_leaves_the_exit_status(start: str) -> None:
    """Python gives signals back their own effect before it ends; here one comes after that."""
    done = subprocess.run(
        [sys.executable, "-c", _SIGNALLED_AT_ITS_END, start, "verify", "--service", "x"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )

    assert done.returncode == (3 if start == "entrypoint.py" else 2), done.stderr


def test_a_pipe_that_nobody_reads_leaves_the_exit_status() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as nobody:
        done = subprocess.run(
            [sys.executable, "entrypoint.py"],
            cwd=ROOT,
            env={"PATH": os.defpath},
            stdout=nobody,
            stderr=subprocess.PIPE,
            check=False,
        )

    assert (done.returncode, done.stderr) == (3, b"")
