"""The impact of a changed slo.yml on recorded runs: read → compare → judge again."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from slo_action.audit.document import AuditDocument
from slo_action.audit.measured import measured_by
from slo_action.audit.read import find_records, read_record
from slo_action.core.model import Mode
from slo_action.core.slo.services import SloYml
from slo_action.core.slo_diff.change import Change
from slo_action.core.slo_diff.impact import MOST, Impact, measured_impact, replayed_impact
from slo_action.errors import RecordError
from slo_action.modes.backtest import backtest


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedBack:
    """The impact on recorded runs; `unread` counts files that are no valid record."""

    found: tuple[Impact, ...]
    unread: int


def recorded_impact(
    directory: Path, before: SloYml, after: SloYml, changes: Sequence[Change]
) -> LookedBack:
    """Compare the audit records below a directory with both versions.

    Measured values are compared with the limits that changed. Where the policy of a service
    changed, its newest runs are judged again by both.
    """
    records, unread = _read(directory)
    measured = [one for _, document in records for one in measured_by(document)]
    paths = _to_judge_again(records, before, after)
    replays = [backtest(paths, one).cases for one in (before, after)]
    found = (*measured_impact(changes, measured), *replayed_impact(*replays))
    return LookedBack(found=found, unread=unread)


Recorded = tuple[Path, AuditDocument]


def _read(directory: Path) -> tuple[list[Recorded], int]:
    """Return the records of deploys, newest last."""
    records: list[Recorded] = []
    paths = find_records(directory)
    unread = 0
    for path in paths:
        try:
            records.append((path, read_record(path)))
        except RecordError:
            unread += 1
    verified = [one for one in records if one[1].mode is Mode.VERIFY]
    return sorted(verified, key=lambda one: one[1].timestamp), unread


def _to_judge_again(records: Sequence[Recorded], before: SloYml, after: SloYml) -> list[Path]:
    paths: list[Path] = []
    for name in before.services.keys() & after.services.keys():
        if before.policy_for(name) != after.policy_for(name):
            own = [path for path, document in records if document.service == name]
            paths += own[-MOST:]
    return sorted(paths)
