"""Processes side by side: what they post arrives, a signal reaches all, and nobody outlives us."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event

import pytest

from slo_action.errors import Interrupted
from slo_action.system.clock import SystemClock
from slo_action.system.signals import SignalInterrupts
from slo_action.system.workers import Post, run_in_processes
from tests.worlds.memory_ports import ScriptedInterrupts

ROOT = Path(__file__).parents[2]
PROMPTLY_SECONDS = 5.0
pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")


class Heard:
    """What was posted, by whom."""

    def __init__(self) -> None:
        self.by: dict[str, list[object]] = {}

    def __call__(self, name: str, message: object) -> None:
        self.by.setdefault(name, []).append(message)


@pytest.fixture
def interrupts() -> Iterator[SignalInterrupts]:
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    installed = SignalInterrupts()
    installed.install()
    yield installed
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


def posting(*messages: object) -> Callable[[Post], None]:
    def work(post: Post) -> None:
        for message in messages:
            post(message)

    return work


def test_what_each_posts_arrives_in_its_order() -> None:
    heard = Heard()

    run_in_processes(
        {"a": posting(1, 2, 3), "b": posting("x" * 1_000_000, "y")},
        on_message=heard,
        interrupts=ScriptedInterrupts(),
    )

    assert heard.by == {"a": [1, 2, 3], "b": ["x" * 1_000_000, "y"]}


def test_all_work_at_the_same_time() -> None:
    """Each waits for what only the other can do."""
    here, there = os.pipe(), os.pipe()

    def one(post: Post) -> None:
        os.write(here[1], b"1")
        post(os.read(there[0], 1))

    def other(post: Post) -> None:
        os.write(there[1], b"2")
        post(os.read(here[0], 1))

    heard = Heard()
    run_in_processes(
        {"one": one, "other": other}, on_message=heard, interrupts=ScriptedInterrupts()
    )

    assert heard.by == {"one": [b"2"], "other": [b"1"]}


def test_a_process_that_dies_takes_no_other_along() -> None:
    def dying(post: Post) -> None:
        post("begun")
        os.kill(os.getpid(), signal.SIGKILL)

    heard = Heard()
    run_in_processes(
        {"dying": dying, "well": posting("done")}, on_message=heard, interrupts=ScriptedInterrupts()
    )

    assert heard.by == {"dying": ["begun"], "well": ["done"]}


def test_what_one_process_changes_no_other_sees() -> None:
    shared: list[str] = []

    def work(name: str) -> Callable[[Post], None]:
        def change(post: Post) -> None:
            shared.append(name)
            post(list(shared))

        return change

    heard = Heard()
    run_in_processes(
        {"a": work("a"), "b": work("b")}, on_message=heard, interrupts=ScriptedInterrupts()
    )

    assert heard.by == {"a": [["a"]], "b": [["b"]]}
    assert shared == []


def test_fifty_at_once_all_end() -> None:
    heard = Heard()

    run_in_processes(
        {str(number): posting(number) for number in range(50)},
        on_message=heard,
        interrupts=ScriptedInterrupts(),
    )

    assert heard.by == {str(number): [number] for number in range(50)}


def test_a_signal_reaches_each_as_if_it_were_alone(interrupts: SignalInterrupts) -> None:
    """Those that may be stopped are, at once, and may still clean up and post."""

    def waiting(post: Post) -> None:
        try:
            with interrupts.raising():
                post("waiting")
                Event().wait(60)
        except Interrupted:
            post(f"stopped by {interrupts.received}")

    heard = Heard()

    def on_message(name: str, message: object) -> None:
        heard(name, message)
        if sorted(heard.by) == ["a", "b"] and message == "waiting":
            os.kill(os.getpid(), signal.SIGTERM)

    clock = SystemClock()
    begun = clock.monotonic()
    run_in_processes({"a": waiting, "b": waiting}, on_message=on_message, interrupts=interrupts)

    assert heard.by == {name: ["waiting", "stopped by SIGTERM"] for name in "ab"}
    assert clock.monotonic() - begun < PROMPTLY_SECONDS


def test_what_may_not_be_stopped_is_finished(interrupts: SignalInterrupts) -> None:
    reading, writing = os.pipe()

    def changing(post: Post) -> None:
        post("changing")
        os.read(reading, 1)
        post(f"finished, though {interrupts.received}")

    heard = Heard()

    def on_message(name: str, message: object) -> None:
        heard(name, message)
        if message == "changing":
            os.kill(os.getpid(), signal.SIGINT)
            Event().wait(0.2)
            os.write(writing, b"1")

    run_in_processes({"a": changing}, on_message=on_message, interrupts=interrupts)

    assert heard.by["a"][0] == "changing"
    assert str(heard.by["a"][1]).startswith("finished")


def test_a_run_that_is_killed_leaves_no_process_that_works_on_alone(tmp_path: Path) -> None:
    """Else a service could be rolled back by a process that nobody hears any more."""
    last_words = tmp_path / "last-words"
    script = f"""
import os, signal
from pathlib import Path
from threading import Event
from slo_action.errors import Interrupted
from slo_action.system.signals import SignalInterrupts
from slo_action.system.workers import run_in_processes

interrupts = SignalInterrupts()
interrupts.install()

def work(post):
    try:
        with interrupts.raising():
            post("at work")
            Event().wait(60)
    except Interrupted:
        post("nobody reads this")
        Path({str(last_words)!r}).write_text(interrupts.received)

run_in_processes(
    {{"a": work}}, on_message=lambda *_: os.kill(os.getpid(), signal.SIGKILL), interrupts=interrupts
)
"""
    finished = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False, timeout=60)

    assert finished.returncode == -signal.SIGKILL
    for _ in range(100):
        with suppress(FileNotFoundError):
            if last_words.read_text(encoding="utf-8") == "SIGTERM":
                return
        Event().wait(0.05)
    pytest.fail("it works on alone")


def test_a_message_that_cannot_be_sent_is_an_error_of_the_work_itself() -> None:
    def work(post: Post) -> None:
        try:
            post(lambda: None)
        except Exception as error:  # noqa: BLE001 - pickle raises one of several
            post(type(error).__name__)

    heard = Heard()
    run_in_processes({"a": work}, on_message=heard, interrupts=ScriptedInterrupts())

    assert len(heard.by["a"]) == 1
