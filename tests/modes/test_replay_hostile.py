"""Records that somebody made up: refused with a reason, never a crash, and never for long."""

import json
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo_action.audit.read import read_record
from slo_action.audit.write import audit_document
from slo_action.core.model import Outcome
from slo_action.core.slo.services import SloYml
from slo_action.errors import RecordError, ReplayError
from slo_action.modes.backtest import backtest
from slo_action.modes.replay import replay
from tests.builders import always
from tests.modes.test_replay import recorded, watched_with_everything
from tests.sizes import sized

Path_ = tuple[str | int, ...]
HOSTILE: tuple[object, ...] = (
    *(0, -1, 1, 20_000, 10**30, 1e308, -1e308, 5e-324, 0.5, float("nan"), float("inf")),
    *(None, True, "", "0/0", "1/0", "1e999999999", "nan", "-1", "x" * 300, [], {}),
)


@cache
def records() -> tuple[dict[str, Any], ...]:
    broken = audit_document(recorded(always(Outcome.HTTP_5XX)))
    return audit_document(watched_with_everything()), broken


def places(node: object, above: Path_ = ()) -> Iterator[Path_]:
    """Yield where each value stands that is no list and no mapping."""
    if not isinstance(node, dict | list):
        yield above
        return
    for key, child in node.items() if isinstance(node, dict) else enumerate(node):
        yield from places(child, (*above, key))


def changed(document: dict[str, Any], place: Path_, value: object) -> str:
    copied = deepcopy(document)
    node: Any = copied
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = value
    return json.dumps(copied)


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (("gate", "required_streak"), 0, "policy.gate: "),
        (("gate", "required_streak"), 9, "policy.gate: "),
        (("gate", "max_attempts"), 10**9, "policy.gate: "),
        (("gate", "backoff_seconds"), [], "policy.gate: "),
        (("gate", "deadline_seconds"), -1.0, "policy.gate: "),
        (("gate", "peek_interval_seconds"), 0.0, "policy.gate: "),
        (("gate", "late_attempts"), -1, "policy.gate: "),
        (("window", "interval_seconds"), 0.0, "policy.window: "),
        (("window", "machine_every"), 0, "policy.window: "),
        (("window", "version_every"), 1, "policy.window: "),
        (("window", "closer_probes"), -1, "policy.window: "),
        (("window", "length_seconds"), -1.0, "policy.window: "),
        (("window", "length_seconds"), float("nan"), "NaN is no number"),
        (("window", "length_seconds"), float("inf"), "Infinity is no number"),
        (("window", "rates", "slo"), "0/1", "policy.window.rates: "),
        (("window", "rates", "confidence"), 1.0, "policy.window.rates: "),
        (("window", "rates", "trigger"), "1e999999999", "window.rates.trigger: "),
        (("window", "traffic", "slo"), "1/1", "policy.window.traffic: "),
        (("window", "traffic", "min_requests"), 0, "policy.window.traffic: "),
        (("window", "objectives", 0, 1, "quantile"), "1/1", "policy.window.objectives.0.1: "),
    ],
)  # fmt: skip
def test_a_record_whose_policy_is_out_of_bounds_is_refused_by_replay_and_backtest(
    place: Path_, value: object, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "audit.json"
    path.write_text(changed(records()[0], ("policy", *place), value), encoding="utf-8")

    with pytest.raises(RecordError) as raised:
        replay(read_record(path))
    found = backtest([path], SloYml())

    assert words in raised.value.message
    assert "pydantic" not in raised.value.message
    assert found.cases == ()
    assert found.unread == {str(path): raised.value.message}


@settings(max_examples=sized(40, 2000))
@given(st.data())
def test_whatever_stands_in_a_record_replay_agrees_or_says_why_not(data: st.DataObject) -> None:
    document = data.draw(st.sampled_from(records()))
    place = data.draw(st.sampled_from(tuple(places(document))))
    text = changed(document, place, data.draw(st.sampled_from(HOSTILE)))
    with TemporaryDirectory() as directory:
        path = Path(directory) / "audit.json"
        path.write_text(text, encoding="utf-8")

        with suppress(RecordError, ReplayError):
            replay(read_record(path))


_ROW_FIELDS = st.sampled_from(
    ["-1", "-3", "0", "7", "10", "1e9", "nan", "inf", "-inf", "1e308", "ok", "x", "version=%00"]
)


@settings(max_examples=sized(40, 2000))
@given(st.lists(st.lists(_ROW_FIELDS, max_size=8), min_size=1, max_size=3), st.integers(0, 200))
def test_whatever_its_rows_say_replay_agrees_or_says_why_not(
    forged: list[list[str]], at: int
) -> None:
    rows = records()[0]["window"]["rows"]
    forged_rows = [" ".join(fields) for fields in forged]
    with TemporaryDirectory() as directory:
        path = Path(directory) / "audit.json"
        text = changed(records()[0], ("window", "rows"), [*rows[:at], *forged_rows, *rows[at:]])
        path.write_text(text, encoding="utf-8")

        with pytest.raises((RecordError, ReplayError)):
            replay(read_record(path))
