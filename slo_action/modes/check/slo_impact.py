"""The impact of a changed slo.yml on recorded runs: read → compare → judge again."""

from collections.abc import Sequence
from contextlib import suppress
from math import inf
from pathlib import Path

from slo_action.audit.document import AuditDocument
from slo_action.audit.read import find_records, read_record
from slo_action.audit.window import NEVER
from slo_action.core.model import Mode, Witness
from slo_action.core.slo.services import SloYml
from slo_action.core.slo_diff.change import Change
from slo_action.core.slo_diff.impact import (
    MOST,
    Impact,
    Measured,
    Unit,
    measured_impact,
    replayed_impact,
)
from slo_action.errors import RecordError
from slo_action.modes.backtest import backtest


def recorded_impact(
    directory: Path, before: SloYml, after: SloYml, changes: Sequence[Change]
) -> tuple[Impact, ...]:
    """Compare the audit records below a directory with both versions; other files are left out.

    Measured values are compared with the limits that changed. Where the policy of a service
    changed, its newest runs are judged again by both.
    """
    records = _read(directory)
    measured = [one for _, document in records for one in measured_by(document)]
    paths = _to_judge_again(records, before, after)
    replays = [backtest(paths, one).cases for one in (before, after)]
    return (*measured_impact(changes, measured), *replayed_impact(*replays))


def measured_by(document: AuditDocument) -> tuple[Measured, ...]:
    """Return each endpoint's percentiles and the error rate of all of them.

    Nothing without an observation window, or where too few answers carry a percentile. Five minutes
    say nothing about availability, so there is none.
    """
    if document.mode is not Mode.VERIFY or document.window is None:
        return ()
    asked = [s for s in document.window.streams if not s.machine]
    endpoints = [s for s in asked if s.witness is not Witness.VERSION]
    found = {
        f"{stream.name} {name}": inf if milliseconds == NEVER else milliseconds / 1000
        for stream in endpoints
        for name, milliseconds in stream.latency.percentiles_ms.items()
        if milliseconds is not None
    }
    if valid := sum(stream.valid for stream in endpoints):
        found["error rate"] = sum(stream.bad for stream in endpoints) / valid
    at = document.deployed_at or document.timestamp
    return tuple(
        Measured(at=at, unit=Unit.DEPLOY, service=document.service, what=what, value=value)
        for what, value in found.items()
    )


def _read(directory: Path) -> list[tuple[Path, AuditDocument]]:
    """Return the records of deploys, newest last."""
    records = []
    for path in find_records(directory):
        with suppress(RecordError):
            records.append((path, read_record(path)))
    verified = [one for one in records if one[1].mode is Mode.VERIFY]
    return sorted(verified, key=lambda one: one[1].timestamp)


def _to_judge_again(
    records: Sequence[tuple[Path, AuditDocument]], before: SloYml, after: SloYml
) -> list[Path]:
    paths: list[Path] = []
    for name in before.services.keys() & after.services.keys():
        if before.policy_for(name) != after.policy_for(name):
            own = [path for path, document in records if document.service == name]
            paths += own[-MOST:]
    return sorted(paths)
