"""The same modes on a laptop: options are the input names, output is readable text."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from sys import stdout
from typing import TextIO

from slo_action.app import run_step
from slo_action.config.inputs import INPUTS
from slo_action.config.request import RunEnvironment
from slo_action.config.text.units import parse_flag
from slo_action.core.model import Annotation, Level, Mode, RunIdentity
from slo_action.core.text.secrets import Scrubber
from slo_action.on_demand import on_demand
from slo_action.render.text.escape import visible
from slo_action.runtime import FLY_TOKEN, Runtime, guarded, mask_inputs, open_runtime
from slo_action.wiring.ports import Invocation

_MARKS = {Level.NOTICE: "·", Level.WARNING: "!", Level.ERROR: "✗"}


class TerminalLog:
    """The Log port on a terminal: indented groups, no workflow commands, secrets scrubbed."""

    def __init__(self, stream: TextIO, scrubber: Scrubber) -> None:
        self._stream = stream
        self._scrubber = scrubber
        self._indent = ""

    def line(self, text: str) -> None:
        """Print one line without control characters."""
        with suppress(OSError):  # a closed pipe must not end a run
            self._stream.write(f"{self._indent}{visible(self._scrubber.scrub(text))}\n")
            self._stream.flush()

    @contextmanager
    def group(self, title: str) -> Iterator[None]:
        """Indent what is printed within."""
        self.line(title)
        self._indent += "  "
        try:
            yield
        finally:
            self._indent = self._indent[2:]

    def annotate(self, annotations: Sequence[Annotation]) -> None:
        """Print each with its mark and place; a terminal has no limit."""
        for annotation in annotations:
            place = f"{annotation.path}:{annotation.line}: " if annotation.path else ""
            self.line(f"{_MARKS[annotation.level]} {place}{annotation.title}")
            for line in annotation.message.split("\n"):
                self.line(f"    {line}")

    def mask(self, secret: str) -> None:
        """Learn a secret; a terminal needs no command for it."""
        self._scrubber.learn(secret)


class LinesOnly(TerminalLog):
    """The log of `check`, which prints each finding as a line, too."""

    def annotate(self, annotations: Sequence[Annotation]) -> None:
        """Print nothing: the same text is printed in lines."""


class NoOutputs:
    """A laptop has no later steps; the summary is among the evidence."""

    def set(self, values: Mapping[str, str]) -> None:
        """Drop the outputs."""

    def summarize(self, markdown: str) -> None:
        """Drop the summary."""


def main(arguments: Sequence[str], environ: Mapping[str, str], stream: TextIO = stdout) -> int:
    """Run one mode; return its exit status."""
    options = _parser().parse_args(arguments)
    scrubber = Scrubber()
    runtime = open_runtime(environ, scrubber, TerminalLog(stream, scrubber))
    lines_only = replace(runtime, log=LinesOnly(stream, scrubber))
    inner = lines_only if options.mode == Mode.CHECK else runtime
    return guarded(runtime, lambda: _run(inner, options))


def _run(runtime: Runtime, options: argparse.Namespace) -> int:
    log = runtime.log
    match options.mode:
        case "replay":
            return int(on_demand("replay")(log, Path(options.record)))
        case "backtest":
            backtest, policy = on_demand("backtest"), Path(options.policy)
            service = options.service
            return int(backtest(log, options.directory, policy, service, as_json=options.json))
        case "openslo":
            return int(on_demand("openslo")(log, Path(options.config)))
        case _:
            return run_step(_step(runtime, options))


def _step(runtime: Runtime, options: argparse.Namespace) -> Invocation:
    given = {spec.name: getattr(options, spec.key) for spec in INPUTS}
    mask_inputs(runtime, given)
    environment = RunEnvironment(
        run=RunIdentity(),
        workspace=Path.cwd(),
        now=runtime.clock.now(),
        check_runs_possible=False,
        fly_api_token=runtime.environ.get(FLY_TOKEN, ""),
    )
    return Invocation(
        runtime=runtime,
        given=given,
        environment=environment,
        outputs=NoOutputs(),
        workspace=Path(options.out),
    )


_MODE_HELP = {
    Mode.VERIFY: "watch the deploy that just finished",
    Mode.PREPARE: "before a deploy: check that a rollback would work, and record a baseline",
    Mode.ROLLBACK: "roll back to an earlier release now, and verify it",
    Mode.CHECK: "lint slo.yml and fly.toml, against each other and against the running services",
}


def _add_mode(parser: argparse.ArgumentParser) -> None:
    for spec in INPUTS:
        if spec.name != "mode":
            shown = spec.meaning.replace("%", "%%")
            option = parser.add_argument(f"--{spec.name}", default="", metavar="TEXT", help=shown)
            if spec.parse is parse_flag:  # `--fix` by itself means true
                option.nargs, option.const = "?", "true"
    parser.add_argument("--out", default="out", metavar="DIR", help="where evidence goes")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m slo_action", allow_abbrev=False)
    modes = parser.add_subparsers(dest="mode", required=True, metavar="MODE")
    for mode, text in _MODE_HELP.items():
        _add_mode(modes.add_parser(mode.value, help=text, allow_abbrev=False))
    replaying = modes.add_parser("replay", help="evaluate a recorded run again, offline")
    replaying.add_argument("record", metavar="audit.json")
    testing = modes.add_parser(
        "backtest", help="evaluate recorded runs with another policy, offline", allow_abbrev=False
    )
    testing.add_argument(
        "directory", metavar="DIR", help="where audit.json files are, at any depth"
    )
    testing.add_argument("--policy", required=True, metavar="slo.yml", help="the policy to apply")
    testing.add_argument("--service", default="", metavar="NAME", help="only its records")
    testing.add_argument("--json", action="store_true", help="print JSON")
    printing = modes.add_parser("openslo", help="print the services of slo.yml as OpenSLO v1")
    printing.add_argument("--config", required=True, metavar="slo.yml", help="what to print")
    return parser
