"""What a person sees on a laptop: help of one mode, colour, and one line that says what goes on."""

import re
import signal
from collections.abc import Iterator
from io import StringIO

import pytest

from slo_action.cli import main
from slo_action.config.inputs import INPUTS
from slo_action.core.model import Mode
from slo_action.core.text.secrets import Scrubber
from slo_action.terminal import TerminalLog

MODES = ["verify", "prepare", "rollback", "check"]


class Terminal(StringIO):
    """A stream that says it is a terminal, without a size of its own."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _own_signals() -> Iterator[None]:
    """`main` takes signals over, as a process of its own may."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


def shown(text: str) -> list[str]:
    """Return the lines as a terminal shows them in the end, without colours."""
    lines = re.sub("\x1b\\[[0-9]+m", "", text).split("\n")
    return [line.rpartition("\r\x1b[K")[2] for line in lines]


def help_of(mode: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit, match="0"):
        main([mode, "--help"], {})
    return " ".join(capsys.readouterr().out.split())


def options_of(mode: str, capsys: pytest.CaptureFixture[str]) -> set[str]:
    return set(re.findall(r" --([a-z-]+)", help_of(mode, capsys))) - {"help", "out"}


@pytest.mark.parametrize("mode", MODES)
def test_the_help_of_a_mode_lists_no_input_of_another(
    mode: str, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = options_of(mode, capsys)

    own = {spec.name for spec in INPUTS if spec.mode is not None and spec.mode == mode}
    others = {spec.name for spec in INPUTS if spec.mode not in (None, Mode(mode))}
    assert own <= listed
    assert not others & listed
    assert not {"mode", "token", "check-run", "artifact-name", "matrix"} & listed


def test_what_check_reads_is_all_that_its_help_lists(capsys: pytest.CaptureFixture[str]) -> None:
    own = {"fly-config", "visit", "fix", "sarif-file", "records"}

    assert options_of("check", capsys) == {"config", "allow-link-local"} | own


def test_every_input_that_a_laptop_can_use_is_in_the_help_of_some_mode(
    capsys: pytest.CaptureFixture[str],
) -> None:
    listed = set[str]().union(*(options_of(mode, capsys) for mode in MODES))

    on_a_runner = {"mode", "token", "check-run", "artifact-name", "matrix", "retention-days"}
    assert {spec.name for spec in INPUTS} - listed == on_a_runner


def test_the_help_groups_options_and_shows_defaults_and_choices(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = help_of("verify", capsys)

    assert "health gate and observation window: --health-deadline DURATION" in text
    assert "(default: 90s)" in text
    assert "--rollback {auto,dry-run,off}" in text
    assert "--command-shell [{true,false}]" in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["verfy"], '✗ MODE: is not known (got "verfy"); did you mean verify? known: '),
        (["check", "--fixx"], "✗ --fixx: is no option of check; did you mean --fix? known: "),
        (["verify", "--helth-path=/up"], "✗ --helth-path: is no option of verify; did you mean --"),
        (["replay", "a.json", "more"], "✗ more: is no option of replay; known: "),
    ],
)
def test_what_is_mistyped_gets_the_nearest_name(arguments: list[str], said: str) -> None:
    stream = StringIO()

    assert main(arguments, {}, stream) == 2
    assert stream.getvalue().startswith(said)


def test_options_of_other_modes_are_accepted_as_in_a_workflow() -> None:
    stream = StringIO()
    given = ["check", "--service", "api", "--observe", "5m", "--config", "none.yml"]

    main(given, {}, stream)

    assert "is no option" not in stream.getvalue()


def test_progress_is_one_line_below_the_others_that_goes_in_the_end() -> None:
    stream = Terminal()
    log = TerminalLog(stream, Scrubber(), live=True)

    log.line("one")
    log.progress("5 s left")
    log.line("two")
    assert shown(stream.getvalue()) == ["one", "two", "5 s left"]

    log.progress("4 s left")
    assert shown(stream.getvalue()) == ["one", "two", "4 s left"]

    log.progress("")
    assert shown(stream.getvalue()) == ["one", "two", ""]


def test_progress_fits_one_line_and_holds_no_secret_and_no_control_character() -> None:
    stream = Terminal()
    scrubber = Scrubber()
    scrubber.learn("hunter22")
    log = TerminalLog(stream, scrubber, live=True)

    log.progress("hunter22 \x1b[2J\r" + "x" * 200)

    (line,) = shown(stream.getvalue())
    assert "hunter22" not in line
    assert "\\x1b[2J\\x0d" in line
    assert len(line) == 79


def test_without_a_terminal_there_are_only_lines() -> None:
    stream = StringIO()
    log = TerminalLog(stream, Scrubber())

    with log.group("Policy"):
        log.progress("5 s left")
        log.line("✗ failed")

    assert stream.getvalue() == "Policy\n  ✗ failed\n"


@pytest.mark.parametrize(
    ("stream", "environ", "is_coloured", "is_live"),
    [
        (Terminal, {}, True, True),
        (Terminal, {"NO_COLOR": ""}, True, True),
        (Terminal, {"NO_COLOR": "1"}, False, True),
        (Terminal, {"TERM": "dumb"}, False, False),
        (StringIO, {}, False, False),
    ],
)
def test_colour_is_for_terminals_and_no_color_is_honoured(
    stream: type[StringIO], environ: dict[str, str], is_coloured: bool, is_live: bool
) -> None:
    out = stream()

    main(["verify"], environ, out)

    assert ("\x1b[31m✗\x1b[0m service: is missing" in out.getvalue()) == is_coloured
    assert ("\r\x1b[K" in out.getvalue()) == is_live


def test_a_verdict_has_the_colour_of_its_result() -> None:
    stream = Terminal()
    log = TerminalLog(stream, Scrubber(), colour=True)

    for line in ("healthy (none): well", "unhealthy (app): bad", "? neutral", "plain"):
        log.line(line)

    assert stream.getvalue().split("\n") == [
        "\x1b[32mhealthy\x1b[0m (none): well",
        "\x1b[31munhealthy\x1b[0m (app): bad",
        "\x1b[33m?\x1b[0m neutral",
        "plain",
        "",
    ]
