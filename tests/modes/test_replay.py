"""Replay: the same verdict from the record alone, and a clear no to a record that was changed."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from slo_action.audit.read import read_record
from slo_action.audit.write import audit_document, canonical_digest
from slo_action.core.decision.decide import RollbackMode
from slo_action.core.model import (
    Cause,
    Outcome,
    Probe,
    Verdict,
    VersionRule,
    Witness,
)
from slo_action.core.observation.policy import WindowPolicy
from slo_action.core.observation.real_traffic import TrafficReading, TrafficState
from slo_action.core.policy.policy import Policy
from slo_action.core.record.record import AuditRecord
from slo_action.core.release.fleet import Machine
from slo_action.core.verdict.facts import OnLateStart
from slo_action.errors import RecordError, ReplayError
from slo_action.modes.replay import replay
from slo_action.modes.verify import verify
from tests.builders import World, always, healthy_from
from tests.worlds.memory_ports import VirtualRun

FIXTURES = Path(__file__).parent / "fixtures"
WORLDS: dict[str, World] = {
    "healthy": always(Outcome.OK),
    "boots late": healthy_from(60.0, Outcome.CONNECT_REFUSED),
    "too late": healthy_from(89.9),
    "recovers before the rollback": healthy_from(90.04),
    "broken": always(Outcome.HTTP_5XX),
    "slow": always(Outcome.SLOW),
    "limits the rate": always(Outcome.RATE_LIMITED),
    "flaps": lambda now: Outcome.OK if int(now) % 9 < 5 else Outcome.RESET,
    "asks for a login": always(Outcome.REDIRECT),
    "breaks after the gate": lambda now: Outcome.OK if now < 40 else Outcome.HTTP_5XX,
    "fails every other second": lambda now: Outcome.HTTP_5XX if now % 2 < 1 else Outcome.OK,
    "falls silent for a while": lambda now: Outcome.RESET if 60 < now < 70 else Outcome.OK,
}


def recorded(world: World) -> AuditRecord:
    stage = VirtualRun({"v1": always(Outcome.OK), "v2": world}, live="v2")
    return verify(stage.request(Policy(rule=VersionRule(expected="v2"))), stage.ports)


def watched_with_everything(policy: Policy | None = None) -> AuditRecord:
    """A run with another endpoint, machines and real traffic, rolled back within its window."""
    flaps: World = lambda now: Outcome.HTTP_5XX if now > 60 and now % 3 < 1 else Outcome.OK  # noqa: E731
    stage = VirtualRun({"v1": always(Outcome.OK), "v2": flaps}, live="v2")
    stage.endpoints = (Probe(witness=Witness.API, url="https://dashboard.example/api/orders"),)
    stage.deploy.fleet = (Machine(name="m1"), Machine(name="m2"))
    stage.metrics = FixedMetrics()
    request = stage.request(policy or Policy(rule=VersionRule(expected="v2")))
    return verify(request, stage.ports)


class FixedMetrics:
    """Real traffic that is always the same."""

    name = "fixed"

    def ask(self, deployed_at: datetime) -> None:
        """Nothing needs to be asked."""

    def newest(self) -> TrafficReading | None:
        return TrafficReading(
            state=TrafficState.MEASURED, at_seconds=30.0, detail="", requests=400.0, errors=2.0
        )


def saved(document: dict[str, Any], path: Path) -> Path:
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS.keys())
def test_every_record_replays_to_its_own_verdict(world: World, tmp_path: Path) -> None:
    record = recorded(world)
    document = read_record(saved(audit_document(record), tmp_path / "audit.json"))
    replayed = replay(document)

    assert replayed.judgement.verdict is record.judgement.verdict
    assert replayed.judgement.row == record.judgement.row
    if record.window is None:
        assert replayed.judgement.reason == record.judgement.reason


def test_a_late_start_that_is_held_against_the_letter_replays_without_a_window(
    tmp_path: Path,
) -> None:
    stage = VirtualRun({"v1": always(Outcome.OK), "v2": healthy_from(85.0)}, live="v2")
    policy = Policy(rule=VersionRule(expected="v2"), on_late_start=OnLateStart.ROLLBACK)
    record = verify(stage.request(policy), stage.ports)

    replayed = replay(read_record(saved(audit_document(record), tmp_path / "a.json")))

    assert record.judgement.row == "late-to-the-letter"
    assert replayed.judgement.row == record.judgement.row


def test_a_superseded_run_replays_to_superseded(tmp_path: Path) -> None:
    stage = VirtualRun({"v1": always(Outcome.OK), "v2": always(Outcome.HTTP_5XX)}, live="v2")
    stage.deploy.at(89.0, lambda: stage.deploy.deploy("v3", always(Outcome.HTTP_5XX)))
    record = verify(stage.request(Policy()), stage.ports)

    replayed = replay(read_record(saved(audit_document(record), tmp_path / "a.json")))

    assert record.judgement.cause is Cause.SUPERSEDED
    assert replayed.judgement.verdict is record.judgement.verdict


def test_an_interrupted_run_replays(tmp_path: Path) -> None:
    stage = VirtualRun({"v1": always(Outcome.HTTP_5XX)}, live="v1")
    stage.deploy.at(20.0, stage.interrupts.arrive)
    record = verify(stage.request(), stage.ports)

    replayed = replay(read_record(saved(audit_document(record), tmp_path / "a.json")))

    assert replayed.judgement.verdict is Verdict.INCONCLUSIVE


def test_a_window_of_endpoints_machines_and_traffic_replays(tmp_path: Path) -> None:
    record = watched_with_everything()
    replayed = replay(read_record(saved(audit_document(record), tmp_path / "a.json")))

    assert record.rollback is not None
    assert record.rollback.verification is not None
    assert record.rollback.verification.window is not None
    assert replayed.judgement.row == record.judgement.row == "window-breach"
    assert replayed.answers > 40


@pytest.mark.parametrize("mode", RollbackMode)
def test_a_record_of_any_rollback_mode_replays(mode: RollbackMode, tmp_path: Path) -> None:
    record = watched_with_everything(Policy(rule=VersionRule(expected="v2"), rollback=mode))

    replayed = replay(read_record(saved(audit_document(record), tmp_path / "a.json")))

    assert replayed.judgement.verdict is Verdict.UNHEALTHY


def test_a_gate_that_the_window_cut_short_replays(tmp_path: Path) -> None:
    answers: World = lambda now: Outcome.OK if 31 <= now < 33.5 else Outcome.HTTP_5XX  # noqa: E731
    record = recorded(answers)
    replayed = replay(read_record(saved(audit_document(record), tmp_path / "a.json")))

    assert replayed.judgement.verdict is record.judgement.verdict


def test_what_recovers_at_the_last_look_is_replayed_with_the_watch_that_follows(
    tmp_path: Path,
) -> None:
    record = recorded(healthy_from(90.04))
    replayed = replay(read_record(saved(audit_document(record), tmp_path / "a.json")))

    assert replayed.evidence.recheck is not None
    assert (replayed.judgement.row, replayed.answers > 100) == ("recovered", True)


def test_a_record_from_before_there_were_windows_still_replays(tmp_path: Path) -> None:
    policy = Policy(rule=VersionRule(expected="v2"), window=WindowPolicy(length_seconds=0.0))
    stage = VirtualRun({"v1": always(Outcome.OK), "v2": always(Outcome.HTTP_5XX)}, live="v2")
    document = audit_document(verify(stage.request(policy), stage.ports))
    del document["window"], document["policy"]["window"]
    del document["rollback"]["verification"]["window"]
    document["policy_digest"] = canonical_digest(document["policy"])

    assert replay(read_record(saved(document, tmp_path / "a.json"))).answers == 0


@pytest.mark.parametrize("name", ["degraded", "unsure", "rolled-back"])
def test_a_record_from_before_probes_came_faster_in_doubt_still_replays(name: str) -> None:
    document = read_record(FIXTURES / f"audit-before-adaptive-sampling-{name}.json")

    assert replay(document).judgement.verdict is document.verdict


def _drop_row(document: dict[str, Any]) -> None:
    document["window"]["rows"].pop(10)


def _drop_window(document: dict[str, Any]) -> None:
    document["window"] = None


def _make_an_answer_good(document: dict[str, Any]) -> None:
    rows = document["window"]["rows"]
    bad = next(i for i, row in enumerate(rows) if "http_5xx" in row)
    rows[bad] = rows[bad].replace("http_5xx", "ok")


def _count_less(document: dict[str, Any]) -> None:
    document["window"]["streams"][0]["bad"] -= 1


def _end_later(document: dict[str, Any]) -> None:
    document["window"]["ended_seconds"] += 1.0


def _grant_more_grace(document: dict[str, Any]) -> None:
    document["window"]["grace_seconds"] = 300.0


def _loosen_the_trigger(document: dict[str, Any]) -> None:
    document["policy"]["window"]["rates"]["trigger"] = "1/2"
    document["policy_digest"] = None


def _deny_the_rollback(document: dict[str, Any]) -> None:
    document["rollback_triggered"] = False


def _decide_to_keep(document: dict[str, Any]) -> None:
    document["decision"]["action"] = "keep"


def _change_the_exit_status(document: dict[str, Any]) -> None:
    document["exit_code"] = 0


def _change_the_row(document: dict[str, Any]) -> None:
    document["row"] = "met"


def _forge_what_was_restored(document: dict[str, Any]) -> None:
    rows = document["rollback"]["verification"]["window"]["rows"]
    document["rollback"]["verification"]["window"]["rows"] = [
        row.replace(" ok ", " http_5xx ") for row in rows
    ]


def _watch_for_ever(document: dict[str, Any]) -> None:
    document["policy"]["window"]["length_seconds"] = 1e12


@pytest.mark.parametrize(
    "change",
    [
        _drop_row,
        _drop_window,
        _make_an_answer_good,
        _count_less,
        _end_later,
        _grant_more_grace,
        _loosen_the_trigger,
        _deny_the_rollback,
        _decide_to_keep,
        _change_the_exit_status,
        _change_the_row,
        _forge_what_was_restored,
        _watch_for_ever,
    ],
)
def test_a_window_that_was_changed_does_not_replay(
    change: Callable[[dict[str, Any]], None], tmp_path: Path
) -> None:
    document = audit_document(watched_with_everything())
    change(document)
    read = read_record(saved(document, tmp_path / "audit.json"))

    with pytest.raises(ReplayError):
        replay(read)


def test_every_disagreement_is_listed(tmp_path: Path) -> None:
    document = audit_document(watched_with_everything())
    for change in (_change_the_row, _change_the_exit_status, _count_less, _claim_healthy):
        change(document)

    with pytest.raises(ReplayError) as raised:
        replay(read_record(saved(document, tmp_path / "audit.json")))

    for word in ("row reached", "exit status", "health: bad", "verdict reached"):
        assert word in raised.value.message


def test_rows_left_out_are_no_lie_but_nothing_to_replay(tmp_path: Path) -> None:
    document = audit_document(watched_with_everything())
    document["window"]["rows_left_out"] = 7

    with pytest.raises(RecordError, match="7 more answers"):
        replay(read_record(saved(document, tmp_path / "audit.json")))


def _drop_last(document: dict[str, Any]) -> None:
    document["watch"]["observations"].pop()


def _claim_healthy(document: dict[str, Any]) -> None:
    document["verdict"] = "healthy"


def _change_outcome(document: dict[str, Any]) -> None:
    for observation in document["watch"]["observations"]:
        observation["samples"][0]["outcome"] = "http_4xx"


def _change_policy(document: dict[str, Any]) -> None:
    document["policy"]["gate"]["deadline_seconds"] = 900.0


def _claim_that_the_rollback_failed(document: dict[str, Any]) -> None:
    document["ending"] = "rollback-failed"


def _forge_the_verification(document: dict[str, Any]) -> None:
    for observation in document["rollback"]["verification"]["watch"]["observations"]:
        observation["samples"][0]["outcome"] = "http_5xx"


def _turn_peek_into_attempt(document: dict[str, Any]) -> None:
    peek = next(o for o in document["watch"]["observations"] if o["kind"] == "peek")
    peek["kind"] = "attempt"


@pytest.mark.parametrize(
    "change",
    [
        _drop_last,
        _claim_healthy,
        _change_outcome,
        _change_policy,
        _turn_peek_into_attempt,
        _claim_that_the_rollback_failed,
        _forge_the_verification,
    ],
)
def test_a_record_that_was_changed_does_not_replay(
    change: Callable[[dict[str, Any]], None], tmp_path: Path
) -> None:
    document = audit_document(recorded(always(Outcome.HTTP_5XX)))
    change(document)
    read = read_record(saved(document, tmp_path / "audit.json"))

    with pytest.raises(ReplayError):
        replay(read)


def test_the_documents_own_example_is_valid_but_holds_nothing_to_replay(tmp_path: Path) -> None:
    example = {
        "timestamp": "2025-08-23T08:38:00Z",
        "deployment_id": "run_12345",
        "service": "sophiaai-dashboard-v2",
        "version": "v1.2.3",
        "status": "success",
        "health_checks": {"attempts": 3, "success_count": 3, "duration": "45s"},
        "rollback_triggered": False,
        "approver": "ceo@company.com",
    }
    document = read_record(saved(example, tmp_path / "audit.json"))

    assert document.health_checks.duration == "45s"
    with pytest.raises(RecordError, match="no observations"):
        replay(document)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"service": 1}', '{"surprise": true}'], ids=repr
)
def test_what_is_no_audit_record_is_refused_with_a_reason(text: str, tmp_path: Path) -> None:
    path = tmp_path / "audit.json"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(RecordError):
        read_record(path)


def test_a_written_record_holds_the_documents_fields_in_the_documents_form() -> None:
    document = audit_document(recorded(always(Outcome.OK)))

    assert document["timestamp"].endswith("Z")
    assert document["health_checks"] == {"attempts": 3, "success_count": 3, "duration": "10s"}
    assert (document["status"], document["version"]) == ("success", "v2")
    assert document["rollback_triggered"] is False
