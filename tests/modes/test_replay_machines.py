"""Records of runs on machines replay to the same verdict, and changed ones are refused."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from slo_action.audit.read import read_record
from slo_action.audit.write import audit_document
from slo_action.core.model import Outcome, Verdict, VersionRule
from slo_action.core.policy.policy import Policy
from slo_action.core.record.record import AuditRecord
from slo_action.core.release.baseline import Baseline, Prepared, StreamBaseline
from slo_action.core.release.fleet import CheckStatus, Machine, MachineExit, PlatformCheck
from slo_action.errors import ReplayError
from slo_action.modes.replay import replay
from slo_action.modes.verify import verify
from tests.builders import DEPLOYED_AT, World, always
from tests.worlds.memory_ports import VirtualRun

GOOD, BAD = always(Outcome.OK), always(Outcome.HTTP_5XX)
POLICY = Policy(rule=VersionRule(expected="v2"))
CRASH = MachineExit(at=DEPLOYED_AT + timedelta(seconds=3), exit_code=1)
CRITICAL = PlatformCheck(name="http", status=CheckStatus.CRITICAL)


def down_before(stage: VirtualRun) -> Prepared:
    stream = StreamBaseline(name="health", bad=75, valid=75)
    return Prepared(
        service="dashboard",
        app="dashboard",
        platform="virtual",
        taken_at=stage.clock.now(),
        release=None,
        proofs=(),
        baseline=Baseline(taken_at=stage.clock.now(), seconds=30.0, streams=(stream,)),
    )


def all_exited(stage: VirtualRun) -> None:
    stage.deploy.fleet = tuple(
        replace(machine, state="stopped", exits=(CRASH,)) for machine in stage.deploy.fleet
    )


def sick_for_a_while(stage: VirtualRun) -> None:
    stage.deploy.sick["m2"] = Outcome.HTTP_5XX
    stage.deploy.at(92.0, stage.deploy.sick.clear)


def sick_in_the_window(stage: VirtualRun) -> None:
    first, second, *others = stage.deploy.fleet
    stage.deploy.fleet = (first, replace(second, checks=(CRITICAL,)), *others)
    stage.deploy.at(30.0, lambda: stage.deploy.sick.update(m2=Outcome.HTTP_5XX))
    stage.deploy.at(310.0, stage.deploy.sick.clear)


def left_behind(stage: VirtualRun) -> None:
    first, *others = stage.deploy.fleet
    stage.deploy.fleet = (replace(first, release="v1"), *others)


def another_deploy(stage: VirtualRun) -> None:
    stage.deploy.at(45.0, lambda: stage.deploy.deploy("v3", GOOD))


def crashed_once(stage: VirtualRun) -> None:
    first, *others = stage.deploy.fleet
    stage.deploy.fleet = (replace(first, exits=(CRASH,), restarts=1), *others)


def nothing(_stage: VirtualRun) -> None:
    """Leave the stage as it is."""


STORIES: dict[str, tuple[World, Callable[[VirtualRun], None], str]] = {
    "met": (GOOD, nothing, "met"),
    "missed-app": (BAD, nothing, "missed-app"),
    "hopeless": (BAD, all_exited, "hopeless"),
    "remedied": (GOOD, sick_for_a_while, "remedied"),
    "machine-critical": (GOOD, sick_in_the_window, "remedied"),
    "wrong-version": (GOOD, left_behind, "wrong-version"),
    "platform-superseded": (GOOD, another_deploy, "platform-superseded"),
    "machine-exits": (GOOD, crashed_once, "machine-exits"),
}


def recorded(world: World, change: Callable[[VirtualRun], None]) -> AuditRecord:
    stage = VirtualRun({"v1": GOOD, "v2": world}, live="v2")
    stage.deploy.fleet = tuple(Machine(name=f"m{n}", release="v2") for n in (1, 2, 3))
    change(stage)
    return verify(stage.request(POLICY), stage.ports)


def saved(document: dict[str, Any], directory: Path) -> Path:
    path = directory / "audit.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


@pytest.mark.parametrize(("world", "change", "row"), STORIES.values(), ids=STORIES.keys())
def test_every_story_replays_to_its_own_verdict(
    world: World, change: Callable[[VirtualRun], None], row: str, tmp_path: Path
) -> None:
    record = recorded(world, change)
    replayed = replay(read_record(saved(audit_document(record), tmp_path)))

    assert record.judgement.row == row
    assert replayed.judgement.row == row
    assert replayed.judgement.verdict is record.judgement.verdict


def test_what_was_prepared_is_judged_with_again(tmp_path: Path) -> None:
    stage = VirtualRun({"v1": BAD, "v2": BAD}, live="v2")
    request = replace(stage.request(POLICY), prepared=down_before(stage))
    document = audit_document(verify(request, stage.ports))

    assert document["row"] == "down-before"
    assert replay(read_record(saved(document, tmp_path))).judgement.verdict is Verdict.UNHEALTHY


def _without_its_fleet(document: dict[str, Any]) -> None:
    document["fleet"] = None


def _with_a_machine_moved(document: dict[str, Any]) -> None:
    document["fleet"]["machines"][0]["exits"] = []


def _without_its_hopelessness(document: dict[str, Any]) -> None:
    for observation in document["watch"]["observations"]:
        observation["hopeless"] = None


def _with_a_better_restart(document: dict[str, Any]) -> None:
    document["remedy"]["verification"]["watch"]["observations"] = []


@pytest.mark.parametrize(
    ("story", "change"),
    [
        ("machine-exits", _without_its_fleet),
        ("machine-exits", _with_a_machine_moved),
        ("hopeless", _without_its_hopelessness),
        ("remedied", _with_a_better_restart),
    ],
)
def test_a_record_whose_platform_was_changed_is_refused(
    story: str, change: Callable[[dict[str, Any]], None], tmp_path: Path
) -> None:
    world, happened, _ = STORIES[story]
    document = audit_document(recorded(world, happened))
    change(document)

    with pytest.raises(ReplayError):
        replay(read_record(saved(document, tmp_path)))
