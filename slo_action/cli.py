"""The same modes on a laptop: options are the input names, output is readable text."""

import argparse
from argparse import SUPPRESS
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from sys import stderr, stdout
from typing import TextIO

from slo_action.app import run_step
from slo_action.config.inputs import INPUTS, Inputs, InputSpec
from slo_action.config.request import RunEnvironment
from slo_action.config.text.suggest import did_you_mean
from slo_action.config.text.units import parse_flag
from slo_action.core.model import Level, Mode, RunIdentity
from slo_action.core.text.secrets import Scrubber
from slo_action.errors import InputError, Mistake
from slo_action.on_demand import on_demand
from slo_action.ports import Log
from slo_action.runtime import FLY_TOKEN, Runtime, guarded, mask_inputs, open_runtime
from slo_action.terminal import MARKS, LinesOnly, TerminalLog
from slo_action.wiring.ports import Invocation


class NoOutputs:
    """A laptop has no later steps; the summary is among the evidence."""

    def set(self, values: Mapping[str, str]) -> None:
        """Drop the outputs."""

    def summarize(self, markdown: str) -> None:
        """Drop the summary."""


def main(
    arguments: Sequence[str],
    environ: Mapping[str, str],
    stream: TextIO = stdout,
    errors: TextIO = stderr,
) -> int:
    """Run one mode; return its exit status. What prints data has its mistakes in `errors`."""
    scrubber = Scrubber()
    live = stream.isatty() and environ.get("TERM") != "dumb"
    log_class = LinesOnly if arguments[:1] == [Mode.CHECK] else TerminalLog
    log = log_class(stream, scrubber, live=live, colour=live and not environ.get("NO_COLOR"))
    prints_data = arguments[:1] in (["openslo"], ["backtest"])
    diagnostics = TerminalLog(errors, scrubber) if prints_data else log
    runtime = open_runtime(environ, scrubber, diagnostics)
    return guarded(runtime, lambda: _explained(runtime, arguments, log))


def _explained(runtime: Runtime, arguments: Sequence[str], log: Log) -> int:
    """Print mistakes as lines: a terminal has no place beside a file's line."""
    try:
        return _run(runtime, _options(arguments), log)
    except InputError as error:
        runtime.log.progress("")
        for mistake in error.mistakes:
            first, *source = on_demand("mistakes").mistake_lines(mistake)
            runtime.log.line(f"{MARKS[Level.ERROR]} {first}")
            for line in source:
                runtime.log.line(f"  {line}")
        runtime.log.line(error.next_step("the options"))
        return error.exit_code


def _run(runtime: Runtime, options: argparse.Namespace, log: Log) -> int:
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
_GROUPS = {
    "service": "service and deploy",
    "health-deadline": "health gate and observation window",
    "prometheus-url": "real traffic",
    "headers": "requests",
    "follow-redirects": "requests",
    "platform": "platform",
    "fly-config": "files and services to check",
    "rollback": "rollback",
    "baseline": "before the deploy",
    "history": "result",
}
"""The first input of each group of options, in the order of the inputs."""
_ON_A_RUNNER = {"token", "check-run", "artifact-name", "matrix", "retention-days"}
_TRAFFIC = {spec.name for spec in INPUTS if spec.name.startswith("prometheus-")} | {"on-no-data"}
_UNUSED = {
    Mode.VERIFY: set(),
    Mode.PREPARE: _TRAFFIC
    | {"expected-version", "deployment-id", "deployed-at", "approver", "health-deadline", "grace"}
    | {"on-late-start", "observe", "confidence", "rollback", "previous-version-command"}
    | {"command-shell", "rollback-timeout", "fail-on"},
    Mode.ROLLBACK: _TRAFFIC | {"deployed-at", "on-late-start", "confidence", "fail-on"},
    Mode.CHECK: {spec.name for spec in INPUTS} - {"config", "allow-link-local"},
}
"""Inputs of more than one mode that a mode does not read; they are accepted, as in a workflow."""
_METAVARS: dict[object, str] = {
    timedelta: "DURATION",
    datetime | None: "TIME",
    Fraction: "RATIO",
    bool: "{true,false}",
    bool | None: "{on,off}",
}
_TYPES = {one.name.replace("_", "-"): one.type for one in fields(Inputs)}


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options. Raises InputError for a mode or an option that is not known."""
    parser, modes = _parser()
    mode = next(iter(arguments), "")
    if mode and not mode.startswith("-") and mode not in modes:
        raise InputError((Mistake("MODE", "is not known", did_you_mean(mode, modes), mode),))
    options, rest = parser.parse_known_args(arguments)
    unknown = [text for text in rest if text.startswith("-")] or rest
    actions = modes[mode]._actions if rest else []  # noqa: SLF001 - argparse has no other list
    names = [a.option_strings[-1] for a in actions if a.option_strings and a.help != SUPPRESS]
    if unknown:
        wrong = [text.partition("=")[0] for text in unknown]
        problem = f"is no option of {mode}"
        raise InputError(tuple(Mistake(name, problem, did_you_mean(name, names)) for name in wrong))
    return options


def _add_mode(parser: argparse.ArgumentParser, mode: Mode) -> None:
    groups: dict[str, argparse._ArgumentGroup] = {}
    title = ""
    for spec in INPUTS:
        title = _GROUPS.get(spec.name, title)
        if spec.name == "mode":
            continue
        others = spec.name in _UNUSED[mode] if spec.mode is None else spec.mode is not mode
        if others or spec.name in _ON_A_RUNNER:
            parser.add_argument(f"--{spec.name}", default="", help=SUPPRESS)
            continue
        group = groups.get(title) or groups.setdefault(title, parser.add_argument_group(title))
        option = group.add_argument(
            f"--{spec.name}", default="", metavar=_metavar(spec), help=_help(spec)
        )
        if spec.parse is parse_flag:  # `--fix` by itself means true
            option.nargs, option.const = "?", "true"
    parser.add_argument(
        "--out", default="out", metavar="DIR", help="where evidence goes (default: out)"
    )


def _metavar(spec: InputSpec) -> str:
    kind = _TYPES[spec.name]
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return f"{{{','.join(kind)}}}"
    return _METAVARS.get(kind, spec.name.rpartition("-")[2].upper())


def _help(spec: InputSpec) -> str:
    text = spec.meaning.removeprefix(f"With `mode: {spec.mode}`: ").rstrip(".")
    default = f" (default: {spec.default})" if spec.default else ""
    return f"{text[:1].upper()}{text[1:]}{default}".replace("%", "%%")


def _parser() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    parser = argparse.ArgumentParser(prog="python -m slo_action", allow_abbrev=False)
    modes = parser.add_subparsers(dest="mode", required=True, metavar="MODE")
    for mode, text in _MODE_HELP.items():
        usage = f"python -m slo_action {mode} [OPTION]..."
        _add_mode(modes.add_parser(mode.value, help=text, usage=usage, allow_abbrev=False), mode)
    replaying = modes.add_parser(
        "replay", help="evaluate a recorded run again, offline", allow_abbrev=False
    )
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
    printing = modes.add_parser(
        "openslo", help="print the services of slo.yml as OpenSLO v1", allow_abbrev=False
    )
    printing.add_argument("--config", required=True, metavar="slo.yml", help="what to print")
    return parser, modes.choices
