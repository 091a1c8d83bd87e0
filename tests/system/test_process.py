"""Real little programs: captured, scrubbed of nothing they need, and ended with all they began."""

import os
import signal
import sys
import threading
from pathlib import Path
from time import monotonic, sleep

import pytest

from slo_action.core.text.secrets import Scrubber
from slo_action.errors import Interrupted
from slo_action.system.process import OUTPUT_LIMIT_BYTES, Finished, run

PATH = os.environ.get("PATH", os.defpath)


def sh(script: str, cwd: Path, *, seconds: float = 10.0, **environment: str) -> Finished:
    return run(
        ["sh", "-c", script],
        environment={"PATH": PATH, **environment},
        cwd=cwd,
        timeout_seconds=seconds,
    )


def gone(pid: int) -> bool:
    """True once a process no longer runs; a zombie that nobody reaps does not run."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        except OSError:
            return True
        if state[0] == "Z":
            return True
        sleep(0.02)
    return False


def test_output_and_status_are_captured(tmp_path: Path) -> None:
    finished = sh("echo out; echo err >&2; exit 3", tmp_path)

    assert finished == Finished(exit_code=3, stdout="out\n", output="out\nerr\n")


def test_nothing_reaches_our_own_streams(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    sh("echo '::error::owned'; echo '::error::owned' >&2", tmp_path)

    assert capfd.readouterr() == ("", "")


def test_the_program_gets_its_environment_and_no_more(tmp_path: Path) -> None:
    finished = run(
        [sys.executable, "-I", "-c", "import os; print(sorted(os.environ))"],
        environment={"ONLY": "this", "LC_CTYPE": "C.UTF-8"},
        cwd=tmp_path,
        timeout_seconds=10,
    )

    assert finished.stdout == "['LC_CTYPE', 'ONLY']\n"


def test_it_runs_where_it_is_sent_to_and_reads_nothing(tmp_path: Path) -> None:
    finished = sh("pwd; cat; echo end", tmp_path)

    assert finished.stdout == f"{tmp_path}\nend\n"


@pytest.mark.parametrize("count", [7000, 20_000, 60_000])
def test_only_the_end_of_a_long_output_is_kept_in_whole_lines(count: int, tmp_path: Path) -> None:
    finished = sh(f"yes 123456789 | head -n {count}; echo last", tmp_path)

    lines = finished.stdout.splitlines()
    assert lines == [*["123456789"] * (len(lines) - 1), "last"]
    assert OUTPUT_LIMIT_BYTES - 10 <= len(finished.stdout) <= OUTPUT_LIMIT_BYTES


@pytest.mark.parametrize("before", ["AAAA", "", "\\n", "x\\n"])
@pytest.mark.parametrize("cut", [1, 2, 15, 28, 29])
def test_no_part_of_a_secret_is_left_where_a_long_output_is_cut(
    before: str, cut: int, tmp_path: Path
) -> None:
    token = "ghs_SecretTok_abcdef012345678"
    zeros = OUTPUT_LIMIT_BYTES - len(token) + cut
    command = f"printf '{before}{token}'; head -c {zeros} /dev/zero | tr '\\0' z; printf '\\nend'"
    scrubber = Scrubber()
    scrubber.learn(token)

    left = scrubber.scrub(sh(command, tmp_path).output)

    assert left == "end"


def test_a_line_longer_than_what_is_kept_is_left_out(tmp_path: Path) -> None:
    assert sh("head -c 70000 /dev/zero | tr '\\0' z", tmp_path).output == ""


def test_what_is_no_utf8_is_text_all_the_same(tmp_path: Path) -> None:
    assert sh(r"printf '\377x'", tmp_path).stdout == "\ufffdx"


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        (["no-such-program"], "cannot start: No such file or directory"),
        (["sh", "a\0b"], "cannot start: embedded null byte"),
        (["/"], "cannot start: Permission denied"),
    ],
)
def test_what_cannot_start_says_why(tmp_path: Path, command: list[str], problem: str) -> None:
    finished = run(command, environment={"PATH": PATH}, cwd=tmp_path, timeout_seconds=5)

    assert finished == Finished(exit_code=None, stdout="", output="", problem=problem)


def test_a_directory_that_is_not_there_says_so(tmp_path: Path) -> None:
    finished = sh("true", tmp_path / "none")

    assert finished.problem == "cannot start: No such file or directory"


def test_the_time_box_stops_a_program_and_keeps_what_it_said(tmp_path: Path) -> None:
    begun = monotonic()

    finished = sh("echo begun; sleep 60", tmp_path, seconds=0.3)

    assert finished.exit_code is None
    assert finished.stdout == "begun\n"
    assert finished.problem == "stopped after 0.3 s, its time limit"
    assert monotonic() - begun < 3.0


@pytest.mark.parametrize(
    "script",
    [
        "sleep 60 & echo $!; wait",
        "trap '' TERM; echo $$; while :; do sleep 0.1; done",
        "(trap '' TERM; sleep 60) & echo $!; sleep 60",
    ],
    ids=["a child", "a deaf program", "a deaf child of a program that obeys"],
)
def test_the_time_box_ends_the_whole_group(tmp_path: Path, script: str) -> None:
    finished = sh(script, tmp_path, seconds=0.3)

    assert gone(int(finished.stdout.split()[0]))
    assert finished.problem


def test_a_program_gets_time_to_end_by_itself_within_the_box(tmp_path: Path) -> None:
    finished = sh("trap 'echo tidied; exit 0' TERM; sleep 60 & wait", tmp_path, seconds=0.3)

    assert finished.stdout == "tidied\n"


class Alarm:
    """Raises Interrupted in the main thread after a while, as the run's own handler does."""

    def __init__(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, signal.raise_signal, [signal.SIGUSR1])

    def __enter__(self) -> None:
        self._before = signal.signal(signal.SIGUSR1, self._raise)
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.join()
        signal.signal(signal.SIGUSR1, self._before)

    def _raise(self, *_: object) -> None:
        raise Interrupted("SIGUSR1")


def test_a_run_that_is_stopped_lets_the_program_finish_what_it_can(tmp_path: Path) -> None:
    with Alarm(0.2):
        finished = sh("sleep 0.6; echo done", tmp_path)

    assert finished == Finished(exit_code=0, stdout="done\n", output="done\n")


def test_a_run_that_is_stopped_does_not_wait_for_ever(tmp_path: Path) -> None:
    begun = monotonic()

    with Alarm(0.2):
        finished = sh("echo $$; sleep 60", tmp_path)

    assert finished.problem == "stopped because the run was stopped"
    assert monotonic() - begun < 5.0
    assert gone(int(finished.stdout))


def test_the_terminal_s_signals_do_not_reach_the_program(tmp_path: Path) -> None:
    finished = sh("ps -o sid= -p $$ | tr -d ' '; echo $$", tmp_path)
    leader, own = finished.stdout.split()

    assert leader == own
    assert int(own) != os.getsid(0)
