"""The run's numbers, checked against the grammar of OpenMetrics."""

from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from slo_action.core.model import Outcome, Phases
from slo_action.core.observation.policy import WindowPolicy
from slo_action.core.record.record import AuditRecord
from slo_action.render.openmetrics import openmetrics
from slo_action.render.text.escape import visible
from tests.builders import always, between, drive, observed, record, rolled_back, watched
from tests.sizes import sized
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


def test_a_window_is_counted_by_stream_and_result() -> None:
    window = watched({"/api": between(100.0, 104.0)}, endpoints=("/api", "version"))
    families = parsed(openmetrics(observed(window)))
    rate = window.stream_stats["/api"].rate

    counts = {
        labels["result"]: number
        for _, labels, number in families["deploy_window_probes"].samples
        if labels["stream"] == "/api"
    }
    assert counts == {"good": rate.valid - rate.bad, "bad": rate.bad, "neutral": 0, "missed": 0}
    assert rate.bad > 0


def test_a_window_s_latencies_have_their_quantiles_and_number() -> None:
    families = parsed(openmetrics(observed(watched(always(Outcome.OK), took=0.125))))

    quantiles = {
        (labels["stream"], labels["quantile"]): number
        for _, labels, number in families["deploy_window_latency_seconds"].samples
    }
    assert quantiles["health", "0.95"] == 0.125
    assert {quantile for _, quantile in quantiles} == {"0.5", "0.95", "0.99"}
    assert [n for _, _, n in families["deploy_window_latency_answers"].samples] == [144, 144]


def test_a_quantile_that_is_a_timeout_has_no_number() -> None:
    window = watched({"health": between(200.0, 230.0, Outcome.READ_TIMEOUT)})
    families = parsed(openmetrics(observed(window)))

    samples = families["deploy_window_latency_seconds"].samples
    assert [ls["quantile"] for _, ls, _ in samples if ls["stream"] == "health"] == ["0.5"]
    assert families["deploy_window_latency_timeouts"].samples[0][2] > 0


def test_the_error_ratio_is_by_time_and_absent_where_nothing_was_answered() -> None:
    window = watched({"/api": between(100.0, 104.0), "health": always(Outcome.CACHED)})
    families = parsed(openmetrics(observed(window)))
    ((_, labels, ratio),) = families["deploy_window_error_ratio"].samples
    rate = window.stream_stats["/api"].rate

    assert labels["stream"] == "/api"
    assert ratio == pytest.approx(rate.bad_weight / rate.valid_weight, abs=1e-6)


def test_the_minute_after_a_rollback_is_labelled() -> None:
    run = rolled_back()
    assert run.rollback is not None
    assert run.rollback.verification is not None
    verification = replace(run.rollback.verification, window=watched(always(Outcome.OK)))
    restored = replace(run.rollback, verification=verification)
    found = parsed(openmetrics(replace(run, window=watched(always(Outcome.OK)), rollback=restored)))

    samples = found["deploy_window_latency_answers"].samples
    assert [labels["after"] for _, labels, _ in samples] == ["deploy"] * 2 + ["rollback"] * 2


@given(st.text(st.characters(), min_size=1))
@settings(max_examples=sized(15, 50))
def test_any_endpoint_is_one_label(name: str) -> None:
    policy = WindowPolicy(length_seconds=20.0, minimum_seconds=10.0)
    window = watched(always(Outcome.OK), endpoints=(f"/{name}",), policy=policy)
    families = parsed(openmetrics(observed(window)))

    found = {labels["stream"] for _, labels, _ in families["deploy_window_probes"].samples}
    assert found == {"health", visible(f"/{name}")}


@given(st.text(st.characters()))
@example('a"b\\c\nd\r# EOF\n')
def test_any_service_name_is_one_label(name: str) -> None:
    families = parsed(openmetrics(record(service=name)))

    found = {labels["service"] for f in families.values() for _, labels, _ in f.samples}
    assert found == {visible(name)}
