"""Commands of a laptop that read files and send nothing: replay, backtest, openslo."""

from pathlib import Path

from slo_action.audit.read import find_records, read_record
from slo_action.config.slo.load import read_slo_yml
from slo_action.core.slo.services import SloYml
from slo_action.errors import InputError, Mistake, RecordError
from slo_action.modes.backtest import backtest
from slo_action.modes.replay import replay
from slo_action.ports import Log
from slo_action.render.backtest import backtest_json, backtest_lines
from slo_action.render.openslo.documents import openslo_documents


def run_replay(log: Log, record: Path) -> int:
    """Judge a recorded run again."""
    replayed = replay(read_record(record))
    judgement = replayed.judgement
    log.line(
        f"replayed {replayed.observations} observations and {replayed.answers} answers: "
        f"{judgement.verdict} ({judgement.cause}), as recorded"
    )
    log.line(judgement.reason)
    return 0


def run_backtest(log: Log, directory: str, policy: Path, service: str, *, as_json: bool) -> int:
    """Judge the recorded runs below a directory by another policy."""
    if not Path(directory).is_dir():
        wrong = Mistake(
            field="DIR",
            problem="is not a directory",
            value=directory,
            accepted="name one with audit.json",
        )
        raise InputError((wrong,))
    result = backtest(find_records(Path(directory)), _slo_yml(policy, "--policy"), service)
    lines = (
        backtest_json(result.cases, result.unread).split("\n")
        if as_json
        else backtest_lines(result.cases, result.unread)
    )
    for line in lines:
        log.line(line)
    if not result.cases:
        of = f" of {service}" if service else ""
        raise RecordError(
            f"no audit record{of} below {directory} could be judged",
            hint="name a directory with audit.json files, as the evidence artifact does",
        )
    return 0


def run_openslo(log: Log, config: Path) -> int:
    """Print the services of slo.yml as OpenSLO."""
    for line in openslo_documents(_slo_yml(config, "--config").services.values()).splitlines():
        log.line(line)
    return 0


def _slo_yml(path: Path, option: str) -> SloYml:
    loaded = read_slo_yml(path, Path.cwd(), option)
    if loaded.mistakes:
        raise InputError(loaded.mistakes)
    return loaded.slo_yml
