"""What every History promises: the tests' one in memory, and the directory."""

from datetime import timedelta
from pathlib import Path

import pytest

from slo_action.core.model import Cause, Verdict
from slo_action.core.release.track_record import PastVerdict
from slo_action.errors import SloVerifyError, WorkspaceError
from slo_action.history.directory import HistoryDirectory
from slo_action.ports import History
from tests.builders import DEPLOYED_AT
from tests.worlds.memory_ports import MemoryHistory


def verdict(service: str = "shop", hours: int = 0) -> PastVerdict:
    return PastVerdict(
        service=service,
        version="v42",
        digest="sha256:a",
        verdict=Verdict.UNHEALTHY,
        cause=Cause.APP,
        at=DEPLOYED_AT + timedelta(hours=hours),
    )


def _full_memory(_directory: Path) -> History:
    history = MemoryHistory()
    history.error = WorkspaceError("no space left on device", hint="make room")
    return history


def _blocked_directory(directory: Path) -> History:
    (directory / "kept").write_text("a file", encoding="utf-8")
    return HistoryDirectory(directory, "kept")


@pytest.fixture(params=["memory", "directory"])
def history(request: pytest.FixtureRequest, tmp_path: Path) -> History:
    return MemoryHistory() if request.param == "memory" else HistoryDirectory(tmp_path, "kept")


def test_what_is_kept_is_reported_of_its_own_service_only(history: History) -> None:
    history.keep(verdict())
    history.keep(verdict("cart"))

    assert history.verdicts("shop") == (verdict(),)


def test_verdicts_come_oldest_first(history: History) -> None:
    for hours in (1, 2, 3):
        history.keep(verdict(hours=hours))

    assert [found.at for found in history.verdicts("shop")] == [
        verdict(hours=hours).at for hours in (1, 2, 3)
    ]


def test_an_unknown_service_has_none(history: History) -> None:
    assert history.verdicts("unknown") == ()


@pytest.mark.parametrize("make", [_full_memory, _blocked_directory], ids=["memory", "directory"])
def test_what_cannot_be_kept_is_an_error_with_a_next_step(make: object, tmp_path: Path) -> None:
    with pytest.raises(SloVerifyError) as caught:
        make(tmp_path).keep(verdict())  # type: ignore[operator] # both take the directory
    assert caught.value.hint
