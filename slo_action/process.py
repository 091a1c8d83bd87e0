"""The one room that starts programs: no shell of ours, output captured, time-boxed."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from slo_action.errors import Interrupted

OUTPUT_LIMIT_BYTES = 64 * 1024
_LAST_SECONDS = 2.0
"""What a program gets to finish by itself when the run is being stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How a program ended. `output` is its last 64 KiB of stdout and stderr, as they came.

    `exit_code` is None where it could not be started, was stopped, or outlived its time box;
    `problem` then says which.
    """

    exit_code: int | None
    stdout: str
    output: str
    problem: str = ""


def run(
    command: Sequence[str], *, environment: Mapping[str, str], cwd: Path, timeout_seconds: float
) -> Finished:
    """Run a program to its end, with all of its children; never raises for what it did."""
    with TemporaryFile() as stdout, TemporaryFile() as stderr:
        try:
            process = subprocess.Popen(
                command,
                env=dict(environment),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            return Finished(exit_code=None, stdout="", output="", problem=f"cannot start: {reason}")
        problem = _wait(process, timeout_seconds)
        out, err = _tail(stdout), _tail(stderr)
        code = None if problem else process.returncode
        return Finished(exit_code=code, stdout=out, output=out + err, problem=problem)


def _wait(process: "subprocess.Popen[bytes]", timeout_seconds: float) -> str:
    """Wait for the program; return why it had to be stopped, empty if it ended by itself."""
    try:
        process.wait(timeout_seconds)
    except subprocess.TimeoutExpired:
        _stop(process)
        return f"stopped after {timeout_seconds:g} s, its time box"
    except Interrupted:
        return _let_finish(process)
    return ""


def _let_finish(process: "subprocess.Popen[bytes]") -> str:
    try:
        process.wait(_LAST_SECONDS)
    except subprocess.TimeoutExpired:
        _stop(process)
        return "stopped because the run was stopped"
    return ""


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End the program and whatever it started, politely first.

    What it started may outlive it, so the whole group is killed, also where the program obeyed.
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.5)


def _tail(stream: IO[bytes]) -> str:
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - OUTPUT_LIMIT_BYTES))
    return stream.read().decode("utf-8", errors="replace")
