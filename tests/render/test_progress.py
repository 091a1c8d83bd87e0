"""The live log's lines, and samples as JSON lines."""

import json
from typing import Any

import pytest

from slo_action.core.gate.gate import Gate, GatePolicy
from slo_action.core.model import ObservationKind, Outcome, Phases, Response
from slo_action.render.progress import gate_status, observation_line, sample_lines
from tests.builders import always, drive, observation

RESPONSE = Response(
    http_version="HTTP/1.1", status=200, reason="OK", headers=(), body="a body", body_bytes=6
)


def line(outcome: Outcome, kind: ObservationKind = ObservationKind.ATTEMPT, **changes: Any) -> str:
    seen = observation(outcome, 12.34, kind, **changes)
    return observation_line(Gate(policy=GatePolicy(), begun_seconds=0.0, observations=(seen,)))


def test_an_attempt_is_one_line_with_number_outcome_and_time() -> None:
    shown = line(Outcome.OK, version="v1.2.3", detail="answers 200")

    assert shown == "✓   12.3 s  attempt 1/8  ok in 50 ms, version v1.2.3: answers 200"


@pytest.mark.parametrize(
    ("outcome", "mark"), [(Outcome.OK, "✓"), (Outcome.HTTP_5XX, "✗"), (Outcome.UNKNOWN, "?")]
)
def test_the_mark_shows_the_result(outcome: Outcome, mark: str) -> None:
    assert line(outcome).startswith(mark)


@pytest.mark.parametrize(
    ("alive", "words"), [(True, ", control answers"), (False, ", control fails, too")]
)
def test_the_control_is_shown_where_it_was_probed(alive: bool, words: str) -> None:
    assert line(Outcome.CONNECT_TIMEOUT, control_alive=alive).endswith(words)
    assert "control" not in line(Outcome.CONNECT_TIMEOUT)


def test_peeks_and_looks_in_grace_are_not_called_attempts() -> None:
    assert "  peek         " in line(Outcome.OK, ObservationKind.PEEK)
    assert "  in grace     " in line(Outcome.HTTP_5XX, ObservationKind.WARMUP)


def test_the_status_of_a_gate_counts_successes_attempts_and_seconds() -> None:
    gate = drive(always(Outcome.OK))
    begun = Gate(policy=gate.policy, begun_seconds=0.0, observations=gate.observations[:2])

    assert gate_status(begun, 12.2, 8.0) == (
        "health gate: 2 of 3 successes, 2 of 8 attempts, next probe in 5s, 1m22s left"
    )
    assert gate_status(begun, 91.0, 95.0).endswith("next probe in 0s, 0s left")


def test_the_columns_stand_below_each_other() -> None:
    gate = drive(always(Outcome.HTTP_5XX))
    lines = [
        observation_line(
            Gate(policy=gate.policy, begun_seconds=0.0, observations=gate.observations[: n + 1])
        )
        for n in range(len(gate.observations))
    ]

    assert len({text.index("http_5xx in") for text in lines}) == 1


def test_samples_are_one_json_object_a_line_without_the_response() -> None:
    seen = observation(
        Outcome.OK, 3.0, response=RESPONSE, phases=Phases(connect_seconds=0.01), detail="a\nb\u2028"
    )

    text = sample_lines(seen)
    shown = json.loads(text)

    assert text.endswith("\n")
    assert text.count("\n") == 1
    assert text.isascii()
    assert shown["kind"] == "attempt"
    assert shown["started_seconds"] == 3.0
    assert shown["phases"]["connect_seconds"] == 0.01
    assert shown["at"] == "2026-11-23T10:00:03+00:00"
    assert shown["detail"] == "a\nb\u2028"
    assert "response" not in shown
