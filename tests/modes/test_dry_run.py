"""`rollback: dry-run` does all that auto does but the change, so its word is what auto would do."""

from dataclasses import replace

from slo_action.config.request import RollbackCommands
from slo_action.core.decision.decide import Action, RollbackMode
from slo_action.core.model import Cause, Ending, Outcome, VersionRule
from slo_action.core.policy.policy import Policy
from slo_action.core.record.record import AuditRecord
from slo_action.modes.verify import verify
from slo_action.render.annotations import annotations
from slo_action.render.summary.summary import summary
from tests.builders import World, always, healthy_from
from tests.worlds.memory_ports import VirtualRun


def staged(world: World) -> VirtualRun:
    return VirtualRun({"v1": always(Outcome.OK), "v2": world}, live="v2")


def rehearsed(stage: VirtualRun, mode: RollbackMode = RollbackMode.DRY_RUN) -> AuditRecord:
    policy = Policy(rule=VersionRule(expected="v2"), rollback=mode)
    commands = RollbackCommands(
        timeout_seconds=300.0, rollback=("deploy", "--image", "{previous-version}")
    )
    return verify(replace(stage.request(policy), commands=commands), stage.ports)


def test_it_says_which_release_by_which_name_and_that_nothing_was_changed() -> None:
    stage = staged(always(Outcome.HTTP_5XX))
    record = rehearsed(stage)
    (told, *_) = annotations(record)

    assert (record.decision.action, record.rollback) == (Action.STAND_DOWN, None)
    assert record.ending is Ending.NOT_ROLLED_BACK
    assert stage.deploy.live == "v2"
    for word in ("back to v1", "deploy --image {previous-version}", "nothing was changed"):
        assert word in record.decision.why
        assert word in told.message
        assert any(word in line for line in stage.log.lines)
    assert "nothing was changed" in summary(record, {})


def test_it_looks_again_and_finds_what_recovered() -> None:
    record = rehearsed(staged(healthy_from(90.04)))

    assert record.recheck is not None
    assert record.judgement.row == "recovered"
    assert record.decision.action is Action.KEEP


def test_it_finds_that_another_deploy_took_over() -> None:
    stage = staged(always(Outcome.HTTP_5XX))
    stage.deploy.at(89.0, lambda: stage.deploy.deploy("v3", always(Outcome.HTTP_5XX)))

    record = rehearsed(stage)

    assert record.decision.superseded
    assert record.judgement.cause is Cause.SUPERSEDED


def test_off_neither_looks_again_nor_asks_the_platform() -> None:
    record = rehearsed(staged(always(Outcome.HTTP_5XX)), RollbackMode.OFF)

    assert record.recheck is None
    assert "would have" not in record.decision.why
