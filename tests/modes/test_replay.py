"""Replay: the same verdict from the record alone, and a clear no to a record that was changed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slo_action.audit.reading import read_record
from slo_action.audit.writing import audit_document
from slo_action.core.model import Cause, Outcome, Verdict, VersionRule
from slo_action.core.policy import Policy
from slo_action.core.record import AuditRecord
from slo_action.errors import RecordError, ReplayError
from slo_action.modes.replay import replay
from slo_action.modes.verify import verify
from tests.builders import World, always, healthy_from
from tests.worlds.memory_ports import Stagehand

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
}


def recorded(world: World) -> AuditRecord:
    stage = Stagehand({"v1": always(Outcome.OK), "v2": world}, live="v2")
    return verify(stage.request(Policy(rule=VersionRule(expected="v2"))), stage.ports)


def saved(document: dict[str, Any], path: Path) -> Path:
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS.keys())
def test_every_record_replays_to_its_own_verdict(world: World, tmp_path: Path) -> None:
    record = recorded(world)
    document = read_record(saved(audit_document(record), tmp_path / "audit.json"))
    replayed = replay(document)

    assert replayed.judgement.verdict is record.judgement.verdict
    assert replayed.judgement.reason == record.judgement.reason


def test_a_superseded_run_replays_to_superseded(tmp_path: Path) -> None:
    stage = Stagehand({"v1": always(Outcome.OK), "v2": always(Outcome.HTTP_5XX)}, live="v2")
    stage.deploy.at(89.0, lambda: stage.deploy.deploy("v3", always(Outcome.HTTP_5XX)))
    record = verify(stage.request(Policy()), stage.ports)

    replayed = replay(read_record(saved(audit_document(record), tmp_path / "a.json")))

    assert record.judgement.cause is Cause.SUPERSEDED
    assert replayed.judgement.verdict is record.judgement.verdict


def test_an_interrupted_run_replays(tmp_path: Path) -> None:
    stage = Stagehand({"v1": always(Outcome.HTTP_5XX)}, live="v1")
    stage.deploy.at(20.0, stage.interrupts.arrive)
    record = verify(stage.request(), stage.ports)

    replayed = replay(read_record(saved(audit_document(record), tmp_path / "a.json")))

    assert replayed.judgement.verdict is Verdict.INCONCLUSIVE


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
