"""The run's numbers, checked against the grammar of OpenMetrics."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from slo_action.core.model import Outcome, Phases
from slo_action.core.record import AuditRecord
from slo_action.render.escape import visible
from slo_action.render.openmetrics import openmetrics
from tests.builders import always, drive, record, rolled_back
from tests.worlds.openmetrics import parsed


def value(run: AuditRecord, family: str) -> float:
    ((_, _, number),) = parsed(openmetrics(run))[family].samples
    return number


def test_a_verified_run_in_numbers() -> None:
    run = record(drive(always(Outcome.OK), status=200))

    families = parsed(openmetrics(run))

    assert families["deploy_verification_runs"].samples == [
        (
            "deploy_verification_runs_total",
            {"service": "dashboard", "outcome": "verified", "cause": "none"},
            1.0,
        )
    ]
    assert value(run, "deploy_last_verified_timestamp_seconds") == run.finished_at.timestamp()
    assert value(run, "deploy_verification_duration_seconds") == pytest.approx(10.15)
    assert value(run, "probe_success") == 1
    assert value(run, "probe_http_status_code") == 200
    assert "deploy_rollback" not in families


def test_the_probe_s_numbers_are_those_of_what_is_live_now() -> None:
    run = rolled_back()

    assert value(run, "probe_success") == 1
    ((_, labels, _),) = parsed(openmetrics(run))["deploy_rollback"].samples
    assert labels["result"] == "rolled-back-verified"


def test_phases_have_the_blackbox_exporter_s_names() -> None:
    phases = Phases(resolve_seconds=0.001, connect_seconds=0.002, processing_seconds=0.03)
    run = record(drive(always(Outcome.OK), phases=phases))

    samples = parsed(openmetrics(run))["probe_http_duration_seconds"].samples

    assert {labels["phase"]: number for _, labels, number in samples} == {
        "resolve": 0.001,
        "connect": 0.002,
        "processing": 0.03,
    }


def test_a_gate_that_saw_nothing_has_no_probe() -> None:
    gate = drive(always(Outcome.OK))
    empty = type(gate)(policy=gate.policy, begun_seconds=0.0)

    families = parsed(openmetrics(record(empty, judgement=record().judgement)))

    assert not any(name.startswith("probe_") for name in families)


@given(st.text(st.characters()))
@example('a"b\\c\nd\r# EOF\n')
def test_any_service_name_is_one_label(name: str) -> None:
    families = parsed(openmetrics(record(service=name)))

    told = {labels["service"] for f in families.values() for _, labels, _ in f.samples}
    assert told == {visible(name)}
