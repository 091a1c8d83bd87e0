"""Outputs and summary in the runner's files, read back as the runner reads them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_action.core.text.secrets import Scrubber
from slo_action.errors import RunnerError
from slo_action.github.files import SUMMARY_LIMIT_BYTES, RunnerFiles
from tests.worlds.runner_files import read_act_pairs, read_pairs


@pytest.fixture
def output(tmp_path: Path) -> Path:
    path = tmp_path / "output"
    path.touch()
    return path


def files(output: Path, *secrets: str) -> RunnerFiles:
    scrubber = Scrubber()
    for secret in secrets:
        scrubber.learn(secret)
    return RunnerFiles(output, output.with_name("summary"), scrubber)


def pairs(output: Path) -> dict[str, str]:
    text = output.read_bytes().decode("utf-8")
    assert dict(read_act_pairs(text)) == dict(read_pairs(text))
    return dict(read_pairs(text))


def test_outputs_are_read_back_as_they_were_set(output: Path) -> None:
    values = {"verdict": "healthy", "reason": "a=b <<c", "empty": "", "unicode": "ä→🟩"}

    files(output).set(values)

    assert pairs(output) == values


def test_a_later_value_of_a_name_wins_and_others_stay(output: Path) -> None:
    outputs = files(output)

    outputs.set({"verdict": "inconclusive", "cause": "observer"})
    outputs.set({"verdict": "healthy"})

    assert pairs(output) == {"verdict": "healthy", "cause": "observer"}


def test_what_other_steps_of_the_action_wrote_is_kept(output: Path) -> None:
    output.write_text("earlier=1\n", encoding="utf-8")

    files(output).set({"verdict": "healthy"})

    assert pairs(output)["earlier"] == "1"


_LINES = st.text(st.sampled_from("abc=<\n slo_verify_")).filter(lambda t: not t.startswith("\n"))


@given(value=_LINES)
def test_no_value_can_end_itself(tmp_path_factory: pytest.TempPathFactory, value: str) -> None:
    output = tmp_path_factory.mktemp("x") / "output"

    files(output).set({"a": value, "b": "after"})

    text = output.read_bytes().decode("utf-8")
    assert dict(read_pairs(text)) == {"a": value, "b": "after"}


def test_a_delimiter_is_used_once(output: Path) -> None:
    files(output).set({"a": "1", "b": "2"})
    files(output).set({"a": "1"})

    heads = [line for line in output.read_text(encoding="utf-8").splitlines() if "<<" in line]
    assert len({head.partition("<<")[2] for head in heads}) == len(heads) == 3


def test_secrets_are_scrubbed_from_outputs_and_summary(output: Path) -> None:
    outputs = files(output, "hunter22")

    outputs.set({"reason": "it said hunter22"})
    outputs.summarize("it said hunter22")

    assert pairs(output)["reason"] == "it said ***"
    assert output.with_name("summary").read_text(encoding="utf-8") == "it said ***"


def test_a_summary_takes_the_place_of_the_one_before(output: Path) -> None:
    outputs = files(output)

    outputs.summarize("a long first summary")
    outputs.summarize("short\r\n")

    assert output.with_name("summary").read_bytes() == b"short\r\n"


def test_without_a_summary_file_nothing_happens(output: Path) -> None:
    RunnerFiles(output, None, Scrubber()).summarize("text")

    assert [path.name for path in output.parent.iterdir()] == ["output"]


def test_a_summary_the_runner_would_drop_is_refused_aloud(output: Path) -> None:
    outputs = files(output)
    outputs.summarize("ä" * (SUMMARY_LIMIT_BYTES // 2))

    with pytest.raises(RunnerError, match="larger than 1 MiB"):
        outputs.summarize("ä" * (SUMMARY_LIMIT_BYTES // 2) + "x")

    assert output.with_name("summary").stat().st_size == SUMMARY_LIMIT_BYTES


def test_a_file_that_cannot_be_written_says_which(tmp_path: Path) -> None:
    outputs = files(tmp_path)

    with pytest.raises(RunnerError, match="Is a directory") as caught:
        outputs.set({"a": "1"})

    assert "as root" in caught.value.hint
