"""The runner's line protocol, read back by a runner's own grammar."""

import re
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_action.core.model import Annotation, Level
from slo_action.core.text.secrets import Scrubber
from slo_action.github.commands import WorkflowLog
from tests.hostile import CORPUS, TEXTS
from tests.worlds.runner_log import StepLog


class Step:
    """A log and the runner that reads it."""

    def __init__(self) -> None:
        self._stream = StringIO(newline="")
        self.log = WorkflowLog(self._stream, Scrubber())

    @property
    def raw(self) -> str:
        return self._stream.getvalue()

    @property
    def read(self) -> StepLog:
        log = StepLog()
        for line in re.split(r"\r\n|\n|\r", self.raw.removesuffix("\n")):
            log.feed(line)
        return log


@pytest.fixture
def step() -> Step:
    return Step()


def error(title: str = "t", message: str = "m", **place: str | int) -> Annotation:
    return Annotation(level=Level.ERROR, title=title, message=message, **place)  # type: ignore[arg-type] # path, line, column


def test_a_line_stands_behind_a_marker(step: Step) -> None:
    step.log.line("attempt 1/8")

    assert step.raw == "│ attempt 1/8\n"


def test_a_group_folds_what_is_within(step: Step) -> None:
    with step.log.group("100% of it: all, of it"):
        step.log.line("x")

    assert step.raw == "::group::100%25 of it: all, of it\n│ x\n::endgroup::\n"
    assert [c.data for c in step.read.commands] == ["100% of it: all, of it", ""]


def test_an_annotation_says_title_place_and_message(step: Step) -> None:
    step.log.annotate([error("a: b, c", "first\nsecond 100%", path="slo.yml", line=3, column=7)])

    (command,) = step.read.commands
    assert command.name == "error"
    assert command.properties == {"title": "a: b, c", "file": "slo.yml", "line": "3", "col": "7"}
    assert command.data == "first\nsecond 100%"


@pytest.mark.parametrize("level", list(Level))
def test_a_level_is_the_command_s_name(step: Step, level: Level) -> None:
    step.log.annotate([Annotation(level=level, title="t", message="m")])

    assert [c.name for c in step.read.commands] == [level.value]


def test_properties_without_a_value_are_left_out(step: Step) -> None:
    step.log.annotate([error()])

    assert step.raw == "::error title=t::m\n"


def test_beyond_ten_the_rest_are_lines(step: Step) -> None:
    step.log.annotate([error(f"number {n}", f"why {n}") for n in range(14)])

    read = step.read
    assert [a.title for a in read.annotations] == [*(f"number {n}" for n in range(9)), "5 more"]
    assert [line for line in read.raw if line.startswith("│ ")] == [
        f"│ error: number {n}: why {n}" for n in range(9, 14)
    ]


def test_a_long_message_is_cut_where_we_say_so(step: Step) -> None:
    step.log.annotate([error("t" * 500, "m" * 9000)])

    (shown,) = step.read.annotations
    assert len(shown.message) < 4096
    assert shown.message.endswith("…")
    assert len(shown.title) == 250


def test_a_secret_is_masked_in_all_its_forms_before_it_could_be_printed(step: Step) -> None:
    step.log.mask("s3cr%t pass")
    step.log.line("s3cr%t pass s3cr%25t%20pass czNjciV0IHBhc3M=")

    masks = [c.data for c in step.read.commands if c.name == "add-mask"]
    assert set(masks) == {"s3cr%t pass", "czNjciV0IHBhc3M="}  # the runner escapes them itself
    assert step.raw.splitlines()[-1] == "│ *** *** ***"


def test_each_line_of_a_secret_is_one_too(step: Step) -> None:
    step.log.mask("first line\nsecond line\n")
    step.log.line("it has the second line")

    assert step.raw.splitlines()[-1] == "│ it has the ***"


@pytest.mark.parametrize("secret", ["", "  ", "abc"])
def test_what_is_too_short_to_be_a_secret_masks_nothing(step: Step, secret: str) -> None:
    step.log.mask(secret)
    step.log.line("abc and more")

    assert step.raw.splitlines()[-1] == "│ abc and more"


def everything_said(text: str) -> Step:
    step = Step()
    step.log.line(text)
    with step.log.group(text):
        step.log.annotate([error(text, text, path=text, line=1)])
    return step


@given(TEXTS)
def test_no_text_becomes_a_command(text: str) -> None:
    read = everything_said(text).read

    assert [c.name for c in read.commands] == ["group", "error", "endgroup"]
    assert set(read.commands[1].properties) == {"title", "file", "line"}
    assert read.commands[1].properties["line"] == "1"
    assert not read.failed


@given(st.lists(st.sampled_from(CORPUS), min_size=1, max_size=4))
def test_each_call_is_one_line_on_the_stream(texts: list[str]) -> None:
    step = everything_said("".join(texts))

    assert len(step.raw.splitlines()) == 4
    assert "##[" not in step.raw
