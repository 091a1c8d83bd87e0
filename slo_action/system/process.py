"""The only module that starts programs: no shell of ours, output captured, time-boxed."""

import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple

from slo_action.errors import Interrupted

OUTPUT_LIMIT_BYTES = 64 * 1024
_MOST_KEPT_BYTES = 4 * OUTPUT_LIMIT_BYTES
"""Until then it is not cut, so that small pieces are not copied again and again."""
_DRAIN_SECONDS = 0.5
_LAST_SECONDS = 2.0
"""How long a program may take to finish by itself when the run is being stopped."""


class Finished(NamedTuple):
    """How a program ended. `output` is the end of its stdout, then of its stderr.

    Of each that is the last 64 KiB, from the beginning of a line on: half a secret would pass every
    scrubber. A line that is longer is left out.

    `exit_code` is None where it could not be started, was stopped, or outlived its time limit;
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
    try:
        process = subprocess.Popen(
            command,
            env=dict(environment),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return Finished(exit_code=None, stdout="", output="", problem=f"cannot start: {reason}")
    assert process.stdout and process.stderr  # noqa: S101, PT018 - both are pipes
    stdout, stderr = _Tail(process.stdout), _Tail(process.stderr)
    problem = _wait(process, timeout_seconds)
    out, err = stdout.text(), stderr.text()
    code = None if problem else process.returncode
    return Finished(exit_code=code, stdout=out, output=out + err, problem=problem)


class _Tail:
    """The end of what a program writes, drained as it comes: nothing of it goes to a disk."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._kept = bytearray()
        self._is_cut = False
        self._thread = threading.Thread(target=self._drain, name="slo-output", daemon=True)
        self._thread.start()

    def text(self) -> str:
        """Return it; a child left behind may keep the pipe open and is not waited for."""
        self._thread.join(_DRAIN_SECONDS)
        kept = bytes(self._kept[-OUTPUT_LIMIT_BYTES:])
        if self._is_cut or len(self._kept) > OUTPUT_LIMIT_BYTES:
            kept = kept[kept.find(b"\n") + 1 or len(kept) :]
        return kept.decode("utf-8", errors="replace")

    def _drain(self) -> None:
        with self._stream as stream:
            while chunk := os.read(stream.fileno(), OUTPUT_LIMIT_BYTES):
                self._kept += chunk
                if len(self._kept) > _MOST_KEPT_BYTES:
                    self._is_cut = True
                    del self._kept[:-OUTPUT_LIMIT_BYTES]


def _wait(process: "subprocess.Popen[bytes]", timeout_seconds: float) -> str:
    """Wait for the program; return why it had to be stopped, empty if it ended by itself."""
    try:
        process.wait(timeout_seconds)
    except subprocess.TimeoutExpired:
        _stop(process)
        return f"stopped after {timeout_seconds:g} s, its time limit"
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
