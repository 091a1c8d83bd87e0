"""What every Log promises: the runner's, the terminal's, and the tests' own."""

from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO

import pytest

from slo_action.core.model import Annotation, Level
from slo_action.core.text.secrets import Scrubber
from slo_action.github.commands import WorkflowLog
from slo_action.ports import Log
from slo_action.terminal import TerminalLog
from tests.worlds.memory_log import MemoryLog


@dataclass(frozen=True)
class Subject:
    """A log, and everything it has told so far but its masks."""

    log: Log
    told: Callable[[], str]


def _memory() -> Subject:
    log = MemoryLog()
    return Subject(
        log, lambda: "\n".join([*log.lines, *(f"{a.title} {a.message}" for a in log.annotations)])
    )


def _workflow() -> Subject:
    stream = StringIO(newline="")
    return Subject(
        WorkflowLog(stream, Scrubber()),
        lambda: "".join(
            line
            for line in stream.getvalue().splitlines(keepends=True)
            if not line.startswith("::add-mask::")
        ),
    )


def _terminal() -> Subject:
    stream = StringIO(newline="")
    return Subject(TerminalLog(stream, Scrubber()), stream.getvalue)


@pytest.fixture(params=[_memory, _workflow, _terminal], ids=["memory", "workflow", "terminal"])
def subject(request: pytest.FixtureRequest) -> Subject:
    made: Subject = request.param()
    return made


def notice(title: str, message: str = "why") -> Annotation:
    return Annotation(level=Level.NOTICE, title=title, message=message)


def test_a_line_is_reported_at_once(subject: Subject) -> None:
    subject.log.line("attempt 1")

    assert "attempt 1" in subject.told()


def test_a_group_states_its_title_before_what_is_in_it(subject: Subject) -> None:
    with subject.log.group("Policy"):
        subject.log.line("inside")
    subject.log.line("after")

    told = subject.told()
    assert told.index("Policy") < told.index("inside") < told.index("after")


def test_a_group_ends_even_when_what_is_in_it_fails(subject: Subject) -> None:
    def failing() -> None:
        with subject.log.group("Rollback"):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        failing()
    subject.log.line("after")

    *_, last = subject.told().splitlines()
    assert last.removeprefix("│ ") == "after"


def test_an_annotation_states_title_and_message(subject: Subject) -> None:
    subject.log.annotate([notice("It ended", "well\nindeed")])

    told = subject.told()
    assert all(words in told for words in ("It ended", "well", "indeed"))


def test_however_many_annotations_there_are_each_is_reported_somewhere(subject: Subject) -> None:
    subject.log.annotate([notice(f"number {n:02}", f"why {n:02}") for n in range(25)])

    told = subject.told()
    assert all(f"number {n:02}" in told and f"why {n:02}" in told for n in range(25))


def test_nothing_to_annotate_is_nothing_reported(subject: Subject) -> None:
    subject.log.annotate([])

    assert subject.told() == ""


@pytest.mark.parametrize("surface", ["line", "group"])
def test_a_masked_secret_is_never_reported_again(subject: Subject, surface: str) -> None:
    subject.log.mask("hunter22")

    if surface == "line":
        subject.log.line("it is hunter22, or aHVudGVyMjI=")
    else:
        with subject.log.group("it is hunter22"):
            pass

    assert "***" in subject.told()
    assert not any(form in subject.told() for form in ("hunter22", "aHVudGVyMjI="))


@pytest.mark.parametrize("make", [_workflow, _terminal])
def test_a_stream_gets_whole_lines_without_control_characters(make: Callable[[], Subject]) -> None:
    subject = make()
    subject.log.mask("hunter22")

    subject.log.line("a\rb\x1b[31mc\u2028d\ne\x85f")
    subject.log.annotate([notice("x\rhunter22", "y\x1b[0m\u2028hunter22")])

    told = subject.told()
    assert told.endswith("\n")
    assert not set(told) & set("\r\x1b\u2028\x85")
    assert "hunter22" not in told
