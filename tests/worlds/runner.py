"""A small runner: starts an action's step as GitHub's runner or act would, and reads it back.

The protocol's parts have a module each: runner_commands.py (commands in a line), runner_log.py
(masks, annotations), runner_files.py (file commands), runner_inputs.py (action.yml) and
runner_environment.py (directories, mounts, variables).
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import IO, Protocol

from tests.worlds import forked
from tests.worlds.runner_environment import (
    Job,
    Layout,
    Step,
    act_environment,
    act_layout,
    runner_environment,
    runner_layout,
)
from tests.worlds.runner_files import (
    FileCommandError,
    read_act_pairs,
    read_pairs,
    read_summary,
)
from tests.worlds.runner_inputs import Action, read_action
from tests.worlds.runner_log import StepLog

ROOT = Path(__file__).parents[2]
_LONGEST_SECONDS = 120.0
_ISOLATED = """\
import runpy, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
sys.path.insert(0, {root!r})
runpy.run_path({entrypoint!r}, run_name="__main__")
"""
"""In the image the package is installed; here the checkout is put on the path, and nothing else.

Signals are held back as container/slo-verify does it.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """Whose step it is: where things are, what is set, and how files are read."""

    layout: Callable[[Path, Job], Layout]
    environment: Callable[[Action, Step, Job, Layout], tuple[dict[str, str], str]]
    pairs: Callable[[str], Iterator[tuple[str, str]]]


GITHUB = Dialect(layout=runner_layout, environment=runner_environment, pairs=read_pairs)
ACT = Dialect(layout=act_layout, environment=act_environment, pairs=read_act_pairs)


class Process(Protocol):
    """What is used of `subprocess.Popen`."""

    @property
    def stdout(self) -> IO[str] | None: ...

    @property
    def stderr(self) -> IO[str] | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def send_signal(self, sig: int) -> None: ...

    def kill(self) -> None: ...


class Started(Protocol):
    """A step's process; `stop` sends it a signal as the runner would have it arrive."""

    @property
    def process(self) -> "Process": ...

    def stop(self, number: signal.Signals) -> None: ...


Starter = Callable[[Action, Mapping[str, str], Layout, Job], Started]


@dataclass(frozen=True, slots=True)
class Subprocess:
    """The checkout's own entrypoint, started as the image starts it."""

    process: Process

    def stop(self, number: signal.Signals) -> None:
        self.process.send_signal(number)


def as_subprocess(
    _action: Action, environment: Mapping[str, str], layout: Layout, _job: Job
) -> Subprocess:
    """Start the action without a container: isolated, the workspace its directory, stdin closed."""
    program = _ISOLATED.format(root=str(ROOT), entrypoint=str(ROOT / "entrypoint.py"))
    command = [sys.executable, "-I", "-u", "-B", "-c", program]
    return Subprocess(
        open_process(command, {"PATH": os.defpath, **environment}, cwd=layout.workspace)
    )


def as_fork(
    _action: Action, environment: Mapping[str, str], layout: Layout, _job: Job
) -> Subprocess:
    """Start the entrypoint in a process that need not import it any more."""
    surroundings = {"PATH": os.defpath, **environment}
    started = forked.start(forked.ENTRYPOINT, environment=surroundings, cwd=layout.workspace)
    return Subprocess(started)


def open_process(
    command: list[str], environment: Mapping[str, str], *, cwd: Path | None = None
) -> "subprocess.Popen[str]":
    """Start a program with pipes that end lines at LF, CR LF and a bare CR, as .NET does."""
    return subprocess.Popen(
        command,
        env=dict(environment),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """What is left of a step. `problems` are file commands that the runner could not read."""

    exit_code: int
    outcome: str
    outputs: dict[str, str]
    summary: str
    problems: list[str]
    environment: Mapping[str, str]
    log: StepLog
    layout: Layout

    @property
    def workspace(self) -> Path:
        return self.layout.workspace

    @property
    def output_file(self) -> str:
        return self.layout.files["output"].read_text(encoding="utf-8")

    @property
    def summary_file(self) -> str:
        return self.layout.files["step_summary"].read_text(encoding="utf-8")

    def evidence(self) -> Path:
        """Return the one evidence directory of the step, wherever its outputs say it is."""
        (directory,) = (p for p in (self.workspace / "slo-verify").iterdir() if p.is_dir())
        return directory


class RunningStep:
    """A step that has been started."""

    def __init__(
        self,
        started: Started,
        log: StepLog,
        layout: Layout,
        dialect: Dialect,
        environment: Mapping[str, str],
    ) -> None:
        self.log = log
        self.layout = layout
        self._started = started
        self._dialect = dialect
        self._environment = environment
        process = started.process
        assert process.stdout is not None
        assert process.stderr is not None
        self._readers = [self._reader(stream) for stream in (process.stdout, process.stderr)]

    def stop(self, number: signal.Signals) -> None:
        self._started.stop(number)

    def seconds_to_end(self) -> float:
        """Wait for the step to end; return how long that took."""
        begun = monotonic()
        self._started.process.wait(_LONGEST_SECONDS)
        return monotonic() - begun

    def result(self) -> StepResult:
        """Wait for the step to end, and process its files as a runner does, come what may."""
        try:
            code = self._started.process.wait(_LONGEST_SECONDS)
        finally:
            self._started.process.kill()
            for reader in self._readers:
                reader.join(5)
        outputs, problems = self._read_outputs()
        summary = read_summary(self.layout.files["step_summary"].read_bytes(), self.log)
        failed = code != 0 or problems or self.log.failed
        return StepResult(
            exit_code=code,
            outcome="failure" if failed else "success",
            outputs=outputs,
            summary=summary,
            problems=problems,
            environment=self._environment,
            log=self.log,
            layout=self.layout,
        )

    def _read_outputs(self) -> tuple[dict[str, str], list[str]]:
        outputs = dict(self.log.outputs)
        text = self.layout.files["output"].read_bytes().decode("utf-8", errors="replace")
        try:
            outputs.update(self._dialect.pairs(text))  # keeps what came before an error
        except FileCommandError as error:
            self.log.issue("error", "Unable to process file command 'output' successfully.")
            self.log.issue("error", str(error))
            return outputs, [str(error)]
        return outputs, []

    def _reader(self, stream: IO[str]) -> threading.Thread:
        def read() -> None:
            with stream:
                for line in stream:
                    self.log.feed(line.removesuffix("\n"))

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        return thread


class Runner:
    """Runs steps of one job below `root`; a runner is good for one step."""

    def __init__(
        self,
        root: Path,
        job: Job | None = None,
        *,
        dialect: Dialect = GITHUB,
        start: Starter = as_subprocess,
        action: Path = ROOT / "action.yml",
    ) -> None:
        self.job = job or Job()
        self.layout = dialect.layout(root, self.job)
        self.workspace = self.layout.workspace
        self._dialect = dialect
        self._start = start
        self._action = read_action(action)

    def start(self, step: Step) -> RunningStep:
        environment, warning = self._dialect.environment(self._action, step, self.job, self.layout)
        secrets = [secret for secret in (self.job.token, self.job.runtime_token) if secret]
        log = StepLog(secrets, workspace=str(self.workspace), debug=self.job.debug)
        if warning:
            log.issue("warning", warning)
        started = self._start(self._action, environment, self.layout, self.job)
        return RunningStep(started, log, self.layout, self._dialect, environment)

    def run(self, step: Step) -> StepResult:
        return self.start(step).result()
