"""The runner stand-in reads what a step leaves behind as the reference says a runner does."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.worlds.runner import (
    ACT,
    GITHUB,
    ROOT,
    Dialect,
    Runner,
    Starter,
    StepResult,
    Subprocess,
    open_process,
)
from tests.worlds.runner_commands import parse_command
from tests.worlds.runner_environment import (
    Job,
    Layout,
    Step,
    act_environment,
    runner_environment,
    translated,
)
from tests.worlds.runner_files import (
    SUMMARY_LIMIT_BYTES,
    FileCommandError,
    read_act_pairs,
    read_pairs,
    read_summary,
)
from tests.worlds.runner_inputs import Action, given_inputs, read_action
from tests.worlds.runner_log import Masker, Shown, StepLog

ACTION = Action(
    defaults={"service": "", "fail-on": "inconclusive", "token": "${{ github.token }}"},
    outputs=frozenset(),
    image="Dockerfile",
    entrypoint="/usr/local/bin/verify",
)


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("a=1\n", [("a", "1")]),
        ("a=1", [("a", "1")]),
        ("a=b<<c\n", [("a", "b<<c")]),
        ("a=b=c\n", [("a", "b=c")]),
        ("\n\na=1\n\n", [("a", "1")]),
        ("a<<E\none\ntwo\nE\n", [("a", "one\ntwo")]),
        ("a<<E\nE\n", [("a", "")]),
        ("a<<E\n\n\nE", [("a", "\n")]),
        ("a<<E\n E\nE \nE\n", [("a", " E\nE ")]),
        ("a<<E=F\nx\nE=F\n", [("a", "x")]),
        ("a<<E\nx\r\nE\n", [("a", "x\r")]),
        ("a=1\r\n", [("a", "1\r")]),
    ],
)
def test_outputs_are_read_by_the_runners_grammar(text: str, pairs: list[tuple[str, str]]) -> None:
    assert list(read_pairs(text)) == pairs


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a\n", "Invalid format 'a'"),
        ("<<E\nx\nE\n", "Name must not be empty"),
        ("a<<\nx\n", "delimiter must not be empty"),
        ("a<<E\nx\n", "Matching delimiter not found 'E'"),
        ("a<<E\nx", "EOF marker missing new line"),
        ("a<<E\nE\r\n", "Matching delimiter not found 'E'"),
        ("=v\n", "Value cannot be null"),
    ],
)
def test_a_bad_line_fails_and_what_stood_before_it_counts(text: str, problem: str) -> None:
    pairs = read_pairs(f"before=1\n{text}")
    assert next(pairs) == ("before", "1")
    with pytest.raises(FileCommandError, match=problem):
        next(pairs)


def test_act_refuses_blank_lines_and_drops_a_values_leading_ones() -> None:
    assert list(read_act_pairs("a<<E\n\n\nx\nE\nb=1\n")) == [("a", "x"), ("b", "1")]
    with pytest.raises(FileCommandError, match="invalid format ''"):
        list(read_act_pairs("a=1\n\n"))


@pytest.mark.parametrize("dialect", [GITHUB, ACT])
def test_a_malformed_output_fails_a_step_that_ended_well(dialect: Dialect, tmp_path: Path) -> None:
    result = _ended(tmp_path, dialect, "good=1\nbad\n")
    assert (result.exit_code, result.outcome) == (0, "failure")
    assert result.outputs == {"good": "1"}
    assert "Unable to process file command 'output'" in result.log.annotations[0].message


def test_a_step_that_ends_well_succeeds(tmp_path: Path) -> None:
    result = _ended(tmp_path, GITHUB, "good=1\n")
    assert (result.outcome, result.problems, result.outputs) == ("success", [], {"good": "1"})


def test_a_summary_of_one_mebibyte_is_shown_and_a_larger_one_dropped_whole() -> None:
    log = StepLog()
    largest = b"x" * (SUMMARY_LIMIT_BYTES - 1) + b"\n"
    assert len(read_summary(largest, log)) == SUMMARY_LIMIT_BYTES
    assert log.annotations == []
    assert read_summary(largest + b"\n", log) == ""
    assert "upload aborted" in log.annotations[0].message


def test_a_summary_is_masked_line_by_line() -> None:
    assert read_summary(b"a secret\nhere\n", StepLog(["secret"])) == "a ***\nhere\n"


@pytest.mark.parametrize(
    "line",
    [
        "::notice::told",
        " \t\u2028\xa0\x85::notice::told",
        "::NOTICE::told",
        "##[notice]told",
        "anything before ##[notice]told",
    ],
)
def test_commands_are_found_where_a_runner_finds_them(line: str) -> None:
    command = parse_command(line)
    assert command is not None
    assert (command.name, command.data) == ("notice", "told")


@pytest.mark.parametrize(
    "line",
    [
        "│ ::notice::told",
        "\x1c::notice::told",
        "\u200b::notice::told",
        "::notice told",
        "::unknown::told",
        "##\u200b[notice]told",
        "##[notice told",
    ],
)
def test_other_lines_are_text(line: str) -> None:
    assert parse_command(line) is None


def test_properties_and_data_are_unescaped_once() -> None:
    command = parse_command("::error file=a%2Cb,line=3,title=x%3A%25,empty=::1%0A2%250A")
    assert command is not None
    assert command.properties == {"file": "a,b", "line": "3", "title": "x:%"}
    assert command.data == "1\n2%0A"


def test_the_old_form_has_its_own_separators_and_escapes() -> None:
    command = parse_command("##[error file=a;title=b%3Bc%5D]d")
    assert command is not None
    assert (command.properties, command.data) == ({"file": "a", "title": "b;c]"}, "d")


def test_secrets_are_masked_from_their_mask_on_in_every_form() -> None:
    log = _fed("hunter2 before", "::add-mask::hunter2", "hunter2 aHVudGVyMg== hunter2hunter2")
    assert log.visible == ["hunter2 before", "*** *** ***"]
    assert log.raw[1] == "::add-mask::hunter2"


def test_every_line_of_a_secret_is_masked() -> None:
    masker = Masker()
    masker.add("first\nsecond")
    assert masker.mask("a second") == "a ***"


def test_an_empty_mask_is_warned_about() -> None:
    assert "empty string" in _fed("::add-mask:: ").annotations[0].message


def test_ten_annotations_of_a_type_are_kept_and_all_are_logged() -> None:
    log = _fed(*["::warning::w"] * 12, "::error::e")
    assert [shown.level for shown in log.annotations] == ["warning"] * 10 + ["error"]
    assert log.visible.count("##[warning]w") == 12


def test_a_long_message_is_cut_after_it_was_masked() -> None:
    (shown,) = _fed("::add-mask::secret", f"::error::secret{'x' * 5000}").annotations
    assert shown.message == "***" + "x" * 4093


def test_an_annotation_has_its_title_and_its_place_in_the_repository() -> None:
    log = StepLog(workspace="/github/workspace")
    log.feed("::error file=/github/workspace/.github/slo.yml,line=3,title=Wrong::here")
    assert log.annotations == [
        Shown(level="error", message="here", title="Wrong", file=".github/slo.yml", line=3)
    ]


def test_a_place_that_makes_no_sense_is_dropped_without_a_word() -> None:
    log = _fed("::error line=5,endLine=3::m")
    assert log.annotations == [Shown(level="error", message="m")]


def test_stopped_commands_are_text_until_their_token_comes() -> None:
    log = _fed(
        "::stop-commands::t0ken-t0ken", "::error::not now", "::t0ken-t0ken::", "::error::now"
    )
    assert [shown.message for shown in log.annotations] == ["now"]
    assert "::error::not now" in log.visible


@pytest.mark.parametrize("token", ["", "error", "pause-logging"])
def test_a_bad_stop_token_fails_the_step(token: str) -> None:
    assert _fed(f"::stop-commands::{token}").failed


def test_setting_variables_by_a_command_fails_the_step() -> None:
    assert _fed("##[set-env name=PATH]/evil").failed


def test_both_streams_are_read_and_a_bare_cr_ends_a_line(tmp_path: Path) -> None:
    log = _printed(tmp_path, r"printf 'a\r::error::e\r\nb\n'; printf '::warning::w\n' >&2")
    assert sorted(log.raw) == ["::error::e", "::warning::w", "a", "b"]
    assert {shown.level for shown in log.annotations} == {"error", "warning"}


def test_every_declared_input_is_set_with_its_hyphens_kept() -> None:
    environment, warning = _environment(given={"Service": "web"})
    inputs = {name: v for name, v in environment.items() if name.startswith("INPUT_")}
    assert inputs == {
        "INPUT_SERVICE": "web",
        "INPUT_FAIL-ON": "inconclusive",
        "INPUT_TOKEN": Job().token,
    }
    assert warning == ""


def test_an_input_given_as_empty_text_gets_no_default() -> None:
    assert _environment(given={"fail-on": ""})[0]["INPUT_FAIL-ON"] == ""


def test_an_unknown_input_is_passed_and_warned_about() -> None:
    environment, warning = _environment(given={"servcie": "web", "args": "x"})
    assert environment["INPUT_SERVCIE"] == "web"
    assert warning.startswith("Unexpected input(s) 'servcie', valid inputs are ['service', ")


def test_a_jobs_matrix_is_given_as_pretty_json() -> None:
    action = Action(
        defaults={"matrix": "${{ toJSON(matrix) }}"}, outputs=frozenset(), image="", entrypoint=""
    )
    inputs, _ = given_inputs(action, {}, token="", matrix={"os": "linux"})
    assert inputs["matrix"] == '{\n  "os": "linux"\n}'


def test_what_the_runner_sets_wins_over_what_earlier_steps_exported(tmp_path: Path) -> None:
    layout = GITHUB.layout(tmp_path, Job())
    step = Step(env={"HOME": "/evil", "GITHUB_SHA": "evil", "PYTHONPATH": "/evil"})
    environment, _ = runner_environment(ACTION, step, Job(), layout)
    assert environment["HOME"] == str(layout.home)
    assert environment["GITHUB_SHA"] != "evil"
    assert environment["PYTHONPATH"] == "/evil"
    assert "GITHUB_TOKEN" not in environment


def test_only_the_start_of_a_value_is_translated_and_the_nearest_mount_wins(tmp_path: Path) -> None:
    layout = GITHUB.layout(tmp_path, Job())
    there = str(layout.workspace)
    given = {
        "workspace": there,
        "below": f"{there}/a",
        "beside": f"{there}-other",
        "list": f"a\n{there}",
        "home": str(layout.home),
        "temp": str(layout.temp),
    }
    inside = translated(given, layout.mounts())
    assert inside == {
        **given,
        "workspace": "/github/workspace",
        "below": "/github/workspace/a",
        "home": "/github/home",
        "temp": "/github/runner_temp",
    }
    assert translated(given, layout.mounts(has_temp=False))["temp"] == str(layout.temp)


def test_act_has_its_own_places_and_no_tokens(tmp_path: Path) -> None:
    layout = ACT.layout(tmp_path, Job())
    environment, _ = act_environment(ACTION, Step(), Job(), layout)
    assert environment["ACT"] == "true"
    assert environment["INPUT_TOKEN"] == ""
    assert environment["RUNNER_TEMP"] == "/tmp"
    assert not any(name.startswith("ACTIONS_") for name in environment)
    assert not environment["GITHUB_OUTPUT"].startswith(environment["GITHUB_WORKSPACE"])


def test_our_own_action_is_one_a_runner_takes() -> None:
    action = read_action(ROOT / "action.yml")
    assert action.entrypoint == "/usr/local/bin/slo-verify"
    assert action.image == "Dockerfile"


def _fed(*lines: str) -> StepLog:
    log = StepLog()
    for line in lines:
        log.feed(line)
    return log


def _ended(root: Path, dialect: Dialect, outputs: str) -> StepResult:
    """Run a step that writes just these outputs and ends well."""
    runner = Runner(root, dialect=dialect, start=_shell('printf %s "$OUTPUTS" > "$GITHUB_OUTPUT"'))
    return runner.run(Step(env={"OUTPUTS": outputs}))


def _printed(root: Path, script: str) -> StepLog:
    return Runner(root, start=_shell(script)).run(Step()).log


def _shell(script: str) -> Starter:
    def start(
        _action: Action, environment: Mapping[str, str], layout: Layout, _job: Job
    ) -> Subprocess:
        return Subprocess(open_process(["sh", "-c", script], environment, cwd=layout.workspace))

    return start


def _environment(given: Mapping[str, str]) -> tuple[dict[str, str], str]:
    layout = Layout(
        work=Path("/w"),
        workspace=Path("/w/shop"),
        files={"output": Path("/w/_temp/output")},
        event=Path("/w/_temp/event.json"),
    )
    return runner_environment(ACTION, Step(given=given), Job(), layout)
