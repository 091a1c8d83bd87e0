"""The step outputs: every name, one inert line each."""

import json
from pathlib import Path

import pytest
import yaml

from slo_action.audit.write import audit_document
from slo_action.core.decision.decide import Action, Decision
from slo_action.core.gate.gate import Gate, GatePolicy
from slo_action.core.model import ObservationKind, Outcome
from slo_action.core.observation.policy import WindowPolicy
from slo_action.core.record.record import AuditRecord
from slo_action.render.outputs import (
    AUDIT_LIMIT_BYTES,
    OUTPUTS,
    audit_line,
    output_values,
    provisional,
    rollback_begun,
)
from tests.builders import (
    always,
    between,
    drive,
    judged,
    observation,
    observed,
    record,
    rolled_back,
    watched,
)

ROOT = Path(__file__).parents[2]
BURST = between(100.0, 104.0)
INTERFACE = {
    "verdict", "cause", "reason", "ending", "rollback-triggered", "triggers", "rolled-back-to",
    "live-version", "attempts", "success-count", "duration-seconds", "audit", "audit-path",
    "evidence-dir",
    "sarif-path", "services", "artifact-id", "artifact-url", "provisional-verdict", "health-p95-ms",
    "error-rate", "availability", "way-back", "prepared-path",
}  # fmt: skip
"""What downstream steps depend on; a name may be added, never taken away."""


def values(run: AuditRecord) -> dict[str, str]:
    return output_values(run, audit_document(run))


def long_watch(peeks: int, attempts: int) -> AuditRecord:
    """A run that looked more often than any output can hold."""
    looks = tuple(
        observation(
            at=float(n), kind=ObservationKind.PEEK if n < peeks else ObservationKind.ATTEMPT
        )
        for n in range(peeks + attempts)
    )
    gate = Gate(policy=GatePolicy(), begun_seconds=0.0, observations=looks)
    return record(gate, judgement=judged(drive(always(Outcome.OK))))


def test_the_names_are_the_interface_s() -> None:
    assert {spec.name for spec in OUTPUTS} == INTERFACE
    assert len(OUTPUTS) == len(INTERFACE)


def test_action_yml_has_every_name_and_meaning() -> None:
    declared = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))["outputs"]

    assert {name: entry["description"] for name, entry in declared.items()} == {
        spec.name: spec.meaning for spec in OUTPUTS
    }


def test_a_healthy_run_s_outputs() -> None:
    found = values(record(drive(always(Outcome.OK), version="v2")))
    audit = json.loads(found.pop("audit"))

    assert found == {
        "verdict": "healthy",
        "cause": "none",
        "reason": found["reason"],
        "ending": "verified",
        "rollback-triggered": "false",
        "triggers": "",
        "rolled-back-to": "",
        "live-version": "v2",
        "attempts": "3",
        "success-count": "3",
        "duration-seconds": "10.2",
        "health-p95-ms": "",
        "error-rate": "",
        "availability": "1.0000",
    }
    assert audit["status"] == "success"


def test_a_window_has_three_numbers() -> None:
    found = values(observed(watched({"/api": BURST}, took=0.123)))
    window = watched({"/api": BURST})
    rates = [stats.rate for stats in window.stream_stats.values()]
    bad, valid = window.endpoint_counts
    shown = sum(r.bad_weight for r in rates) / sum(r.valid_weight for r in rates)

    assert found["health-p95-ms"] == "123.0"
    assert found["error-rate"] == f"{shown:.4f}"
    assert float(found["availability"]) == pytest.approx(1 - bad / (valid + 3), abs=1e-4)
    assert float(found["error-rate"]) < bad / valid


def test_what_was_not_measured_is_empty() -> None:
    found = values(observed(watched(always(Outcome.CACHED))))

    assert found["health-p95-ms"] == found["error-rate"] == ""
    assert found["availability"] == "1.0000"


def test_a_p95_that_is_a_timeout_is_no_number_of_milliseconds() -> None:
    late = {"health": between(100.0, 130.0, Outcome.READ_TIMEOUT)}

    assert values(observed(watched(late)))["health-p95-ms"] == "inf"


def test_one_failure_of_very_many_is_no_full_availability() -> None:
    policy = WindowPolicy(interval_seconds=0.02, closer_probes=0)
    window = watched({"health": between(100.0, 100.03)}, policy=policy)
    bad, valid = window.endpoint_counts
    found = values(observed(window))["availability"]

    assert bad > 0
    assert bad < valid / 2000
    assert float(found) < 1


def test_a_long_window_loses_its_rows_first_and_says_so() -> None:
    policy = WindowPolicy(interval_seconds=0.1)
    run = observed(watched(always(Outcome.OK), policy=policy))
    line = values(run)["audit"]
    audit, whole = json.loads(line), audit_document(run)

    assert len(line) <= AUDIT_LIMIT_BYTES
    assert "the window's rows were left out" in audit["trimmed"]
    assert whole["window"]["rows"]
    assert audit["window"] == {**whole["window"], "rows": []}
    assert audit["watch"] == whole["watch"]


def test_a_rollback_s_outputs() -> None:
    found = values(rolled_back())

    assert found["verdict"] == "unhealthy"
    assert found["rollback-triggered"] == "true"
    assert found["triggers"] == "health-check-failure,service-unavailability"
    assert found["rolled-back-to"] == found["live-version"] == "v1.2.2"


def test_every_value_is_one_line() -> None:
    run = rolled_back(
        to="v1\n::set-output", decision=Decision(action=Action.ROLL_BACK, why="a\r\nb\u2028c")
    )

    assert all(len(value.splitlines()) <= 1 for value in values(run).values())


def test_the_whole_audit_is_an_output_while_it_fits() -> None:
    run = rolled_back()

    assert json.loads(values(run)["audit"]) == audit_document(run)


@pytest.mark.parametrize(
    ("peeks", "attempts", "left", "said"),
    [(300, 8, 8, "peeks were left out"), (0, 400, None, "observations were left out")],
)
def test_an_audit_too_large_for_an_output_is_trimmed_and_says_so(
    peeks: int, attempts: int, left: int | None, said: str
) -> None:
    run = long_watch(peeks, attempts)
    line = values(run)["audit"]
    audit = json.loads(line)

    assert len(line) <= AUDIT_LIMIT_BYTES
    assert said in audit["trimmed"]
    assert audit["service"] == "dashboard"
    assert (len(audit["watch"]["observations"]) if left else audit.get("watch")) == left


def test_even_a_record_of_one_endless_field_fits() -> None:
    run = record(service="s" * AUDIT_LIMIT_BYTES)

    line = audit_line(audit_document(run))

    assert json.loads(line) == {"trimmed": "the record is in audit-path"}


def test_what_stands_before_the_decision_is_undecided() -> None:
    assert provisional()["ending"] == "undecided"
    assert set(provisional()) < INTERFACE
    assert set(rollback_begun()) < set(provisional())
