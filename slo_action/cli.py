"""The same modes on a laptop: options are the input names, output is readable text."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from sys import stdout
from typing import TextIO

from slo_action.app import FILE_MODES, MODES, run_several
from slo_action.config.inputs import INPUTS, asked_mode
from slo_action.config.multi_service import read_several
from slo_action.config.request import RunEnvironment, read_request
from slo_action.config.text.units import parse_flag
from slo_action.core.model import Annotation, Level, Mode, RunIdentity
from slo_action.core.text.secrets import Scrubber
from slo_action.errors import InputError, Mistake, RecordError
from slo_action.ports import Log
from slo_action.render.text.escape import visible
from slo_action.runtime import FLY_TOKEN, Runtime, guarded, mask_fly_token, mask_given, open_runtime
from slo_action.wiring import Publishers, open_ports

_MARKS = {Level.NOTICE: "·", Level.WARNING: "!", Level.ERROR: "✗"}


class TerminalLog:
    """The Log port on a terminal: indented groups, no workflow commands, secrets scrubbed."""

    def __init__(self, stream: TextIO, scrubber: Scrubber) -> None:
        self._stream = stream
        self._scrubber = scrubber
        self._indent = ""

    def line(self, text: str) -> None:
        """Print one line without control characters."""
        with suppress(OSError):  # a reader who has gone must not end a watch or a rollback
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
    """The same where a mode says all of it in lines, which a runner shows beside annotations."""

    def annotate(self, annotations: Sequence[Annotation]) -> None:
        """Say nothing twice."""


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
    stage = open_runtime(environ, scrubber, TerminalLog(stream, scrubber))
    if options.mode == "replay":
        return guarded(stage, lambda: _replay(stage, Path(options.record)))
    if options.mode == "backtest":
        return guarded(stage, lambda: _backtest(stage, options))
    if options.mode == "openslo":
        return guarded(stage, lambda: _openslo(stage, Path(options.config)))
    given = {spec.name: getattr(options, spec.key) for spec in INPUTS if spec.name != "mode"}
    given["mode"] = options.mode
    lines_only = LinesOnly(stream, scrubber)
    return guarded(stage, lambda: _run(stage, lines_only, given, Path(options.out)))


def _run(stage: Runtime, lines_only: Log, given: Mapping[str, str], out: Path) -> int:
    mask_given(stage.log, given)
    mask_fly_token(stage.log, stage.environ.get(FLY_TOKEN, ""))
    around = RunEnvironment(
        run=RunIdentity(),
        workspace=Path.cwd(),
        now=stage.clock.now(),
        check_runs_possible=False,
        fly_api_token=stage.environ.get(FLY_TOKEN, ""),
    )
    reads_files = FILE_MODES.get(asked_mode(given))
    if reads_files:
        return reads_files(replace(stage, log=lines_only), given, around, NoOutputs())
    several = read_several(given, around)
    if several is not None:
        out.mkdir(parents=True, exist_ok=True)
        status = run_several(stage, several, NoOutputs(), out, Publishers())
        stage.log.line(f"evidence: {out / 'slo-verify'}")
        return status
    request = read_request(given, around)
    out.mkdir(parents=True, exist_ok=True)
    staged = open_ports(stage, request, NoOutputs(), out)
    status = MODES[staged.request.mode](staged, Publishers())
    stage.log.line(f"evidence: {staged.ports.evidence.directory}")
    return status


def _replay(stage: Runtime, record: Path) -> int:
    # pydantic and jsonschema are of no use to a verification's first probe: ADR 0002
    from slo_action.audit.read import read_record  # noqa: PLC0415
    from slo_action.modes.replay import replay  # noqa: PLC0415

    replayed = replay(read_record(record))
    judgement = replayed.judgement
    stage.log.line(
        f"replayed {replayed.observations} observations and {replayed.answers} answers: "
        f"{judgement.verdict} ({judgement.cause}), as recorded"
    )
    stage.log.line(judgement.reason)
    return 0


def _backtest(stage: Runtime, options: argparse.Namespace) -> int:
    from slo_action.audit.read import find_records  # noqa: PLC0415 - ADR 0002
    from slo_action.config.slo.load import read_slo_yml  # noqa: PLC0415 - ADR 0002
    from slo_action.modes.backtest import backtest  # noqa: PLC0415 - ADR 0002
    from slo_action.render.backtest import backtest_json, backtest_lines  # noqa: PLC0415 - ADR 0002

    directory, service = Path(options.directory), options.service
    if not directory.is_dir():
        raise InputError((_no_directory(options.directory),))
    loaded = read_slo_yml(Path(options.policy), Path.cwd(), "--policy")
    if loaded.mistakes:
        raise InputError(loaded.mistakes)
    result = backtest(find_records(directory), loaded.slo_yml, service)
    lines = (
        backtest_json(result.cases, result.unread).split("\n")
        if options.json
        else backtest_lines(result.cases, result.unread)
    )
    for line in lines:
        stage.log.line(line)
    if not result.cases:
        of = f" of {service}" if service else ""
        raise RecordError(
            f"no audit record{of} below {directory} could be judged",
            hint="name a directory that holds audit.json files, as the evidence artifact does",
        )
    return 0


def _openslo(stage: Runtime, path: Path) -> int:
    from slo_action.config.slo.load import read_slo_yml  # noqa: PLC0415 - ADR 0002
    from slo_action.render.openslo.documents import openslo_documents  # noqa: PLC0415 - ADR 0002

    loaded = read_slo_yml(path, Path.cwd(), "--config")
    if loaded.mistakes:
        raise InputError(loaded.mistakes)
    for line in openslo_documents(loaded.slo_yml.services.values()).splitlines():
        stage.log.line(line)
    return 0


def _no_directory(given: str) -> Mistake:
    return Mistake(
        field="DIR", problem="is no directory", value=given, accepted="name one with audit.json"
    )


_TOLD = {
    Mode.VERIFY: "watch the deploy that just happened",
    Mode.PREPARE: "before a deploy: certify the way back, and watch what runs now",
    Mode.ROLLBACK: "go back to an earlier release now, and verify it",
    Mode.CHECK: "hold slo.yml and fly.toml against each other, and against what runs",
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
    for mode, told in _TOLD.items():
        _add_mode(modes.add_parser(mode, help=told, allow_abbrev=False))
    replaying = modes.add_parser("replay", help="judge a recorded run again, offline")
    replaying.add_argument("record", metavar="audit.json")
    testing = modes.add_parser(
        "backtest", help="judge recorded runs by another policy, offline", allow_abbrev=False
    )
    testing.add_argument(
        "directory", metavar="DIR", help="where audit.json files are, at any depth"
    )
    testing.add_argument("--policy", required=True, metavar="slo.yml", help="what to judge by")
    testing.add_argument("--service", default="", metavar="NAME", help="only this one's records")
    testing.add_argument("--json", action="store_true", help="tell it as JSON")
    printing = modes.add_parser("openslo", help="print the services of slo.yml as OpenSLO v1")
    printing.add_argument("--config", required=True, metavar="slo.yml", help="what to print")
    return parser
