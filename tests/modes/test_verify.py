"""`verify` from its first probe to its ending, in a world where rollbacks really restore."""

import html
import re
from dataclasses import replace

import pytest

from slo_action.config.inputs import PlatformName
from slo_action.core.decision.decide import Action, RollbackMode
from slo_action.core.model import (
    Cause,
    Ending,
    Level,
    ObservationKind,
    Outcome,
    RollbackStep,
    Verdict,
    VersionRule,
    Witness,
)
from slo_action.core.observation.policy import WindowPolicy
from slo_action.core.policy.policy import Policy
from slo_action.core.record.record import AuditRecord, Status
from slo_action.core.verdict.facts import OnLateStart
from slo_action.modes.verify import verify
from slo_action.platforms.none import NoPlatform
from slo_action.render.outputs import rollback_begun
from slo_action.render.summary.summary import summary
from tests.builders import World, always, healthy_from
from tests.worlds.memory_ports import VirtualRun

GOOD = always(Outcome.OK)
BAD = always(Outcome.HTTP_5XX)
GATE_ONLY = WindowPolicy(length_seconds=0)
POLICY = Policy(rule=VersionRule(expected="v2"), window=GATE_ONLY)


def deployed(v2: World, v1: World = GOOD) -> VirtualRun:
    return VirtualRun({"v1": v1, "v2": v2}, live="v2")


def run(stage: VirtualRun, policy: Policy = POLICY) -> AuditRecord:
    return verify(stage.request(policy), stage.ports)


def test_a_good_deploy_is_verified_in_about_ten_seconds_and_nothing_is_touched() -> None:
    stage = deployed(GOOD)
    record = run(stage)

    assert (record.ending, record.exit_code, record.status) == (
        Ending.VERIFIED,
        0,
        Status.SUCCESS,
    )
    assert stage.deploy.live == "v2"
    assert stage.clock.monotonic() < 12


def policy_of(stage: VirtualRun, platform: PlatformName, mode: RollbackMode) -> str:
    """Verify, and return the sentence about rollbacks of the log, which the summary has, too."""
    ports = stage.ports
    if platform is PlatformName.NONE:
        ports = replace(ports, platform=NoPlatform())
    request = replace(stage.request(replace(POLICY, rollback=mode)), platform=platform)

    record = verify(request, ports)

    (sentence,) = [line for line in stage.log.lines if "rolled back" in line][:1]
    assert sentence in html.unescape(summary(record, {})).replace("\u200b", "")
    return sentence


@pytest.mark.parametrize("mode", [RollbackMode.AUTO, RollbackMode.DRY_RUN])
def test_where_nothing_can_roll_back_the_policy_says_so_and_a_warning_how_to_get_it(
    mode: RollbackMode,
) -> None:
    stage = deployed(BAD)

    sentence = policy_of(stage, PlatformName.NONE, mode)

    assert sentence == "An unhealthy deploy is not rolled back: platform none cannot roll back."
    warning = stage.log.annotations[0]
    assert (warning.level, warning.title) == (
        Level.WARNING,
        "An unhealthy deploy of dashboard will not be rolled back",
    )
    assert "fly tokens create deploy" in warning.message
    assert "rollback-command" in warning.message


def test_a_platform_that_knows_no_way_back_is_not_promised_to_roll_back() -> None:
    stage = deployed(BAD)
    stage.deploy.tells_previous = False

    sentence = policy_of(stage, PlatformName.COMMAND, RollbackMode.AUTO)

    assert sentence.startswith("An unhealthy deploy is not rolled back: no release to roll back to")


@pytest.mark.parametrize(
    ("platform", "mode", "sentence"),
    [
        (PlatformName.NONE, RollbackMode.OFF, "Nothing is rolled back."),
        (
            PlatformName.COMMAND,
            RollbackMode.AUTO,
            "An unhealthy deploy is rolled back, and the rollback is verified.",
        ),
    ],
)
def test_where_a_rollback_is_possible_or_not_wanted_nothing_is_warned_of(
    platform: PlatformName, mode: RollbackMode, sentence: str
) -> None:
    stage = deployed(GOOD)

    assert policy_of(stage, platform, mode) == sentence
    assert stage.log.annotations == []


def test_the_progress_says_what_is_waited_for_and_what_each_stream_answered() -> None:
    stage = deployed(GOOD)

    run(stage, replace(POLICY, window=WindowPolicy(length_seconds=60)))

    assert stage.log.shown[0].startswith("health gate: 0 of 3 successes, 0 of 8 attempts")
    assert any(line.startswith("health gate: 2 of 3") for line in stage.log.shown)
    assert any(
        re.fullmatch(r"observing: 30s left; health [0-9]+ \(0 failed\)", line)
        for line in stage.log.shown
    )
    assert stage.log.shown[-1] == ""


def test_a_bad_deploy_is_rolled_back_and_the_rollback_is_verified() -> None:
    stage = deployed(BAD)
    record = run(stage)

    assert (record.ending, record.exit_code, record.status) == (
        Ending.ROLLED_BACK_VERIFIED,
        10,
        Status.ROLLED_BACK,
    )
    assert stage.deploy.live == "v1"
    assert (record.judged_version, record.rolled_back_to, record.live_version) == ("v2", "v1", "v1")


def test_every_mutating_step_is_in_the_journal_before_it_is_taken() -> None:
    stage = deployed(BAD)
    run(stage)

    assert stage.evidence.steps == [
        "begin verifying dashboard at https://dashboard.example",
        "restore v1 in place of v2",
        "restore ended: done",
    ]


def test_a_run_killed_in_its_rollback_has_told_that_one_was_begun() -> None:
    stage = deployed(BAD)
    told: list[dict[str, str]] = []

    def killed(*_: object) -> tuple[RollbackStep, ...]:
        told.append(dict(stage.outputs.values))
        raise KeyboardInterrupt

    stage.deploy.restore = killed  # type: ignore[method-assign,assignment]
    with pytest.raises(KeyboardInterrupt):
        run(stage)

    assert told == [rollback_begun()]
    assert told[0]["rollback-triggered"] == "true"


def test_a_deploy_that_is_not_rolled_back_never_says_that_a_rollback_was_begun() -> None:
    stage = deployed(BAD)
    run(stage, replace(POLICY, rollback=RollbackMode.DRY_RUN))

    assert "rollback-triggered" not in stage.outputs.values


def test_a_full_disk_does_not_stop_a_rollback_and_the_log_is_the_journal() -> None:
    stage = deployed(BAD)
    stage.deploy.at(80.0, lambda: setattr(stage.evidence, "is_full", True))
    record = run(stage)

    assert record.ending is Ending.ROLLED_BACK_VERIFIED
    assert "journal: restore v1 in place of v2" in stage.log.lines


def test_a_rollback_to_a_release_that_fails_too_needs_a_human() -> None:
    record = run(deployed(BAD, BAD))

    assert (record.ending, record.exit_code) == (Ending.ROLLED_BACK_UNHEALTHY, 12)


def test_a_rollback_that_did_nothing_is_not_said_to_have_restored_the_failed_version() -> None:
    stage = deployed(BAD)
    stage.deploy.restore_changes_anything = False
    record = run(stage)

    assert (record.rolled_back_to, record.live_version) == ("v1", "v2")


def test_a_rollback_is_never_repeated() -> None:
    stage = deployed(BAD, BAD)
    run(stage)

    assert stage.deploy.history == ["v1", "v2", "v1"]


def test_a_rollback_that_leaves_the_failed_version_live_is_not_verified() -> None:
    stage = deployed(lambda now: Outcome.HTTP_5XX if now < 95 else Outcome.OK)
    stage.deploy.restore_changes_anything = False
    record = run(stage)

    assert record.ending is Ending.ROLLED_BACK_UNHEALTHY
    assert record.rollback is not None
    assert record.rollback.verification is not None
    assert record.rollback.verification.judgement.cause is Cause.WRONG_VERSION


def test_a_rollback_step_that_fails_ends_the_run_as_failed() -> None:
    stage = deployed(BAD)
    stage.deploy.restore_works = False
    record = run(stage)

    assert (record.ending, record.exit_code, record.status) == (
        Ending.ROLLBACK_FAILED,
        12,
        Status.FAILURE,
    )
    assert record.rollback is not None
    assert record.rollback.verification is None


def test_dry_run_decides_and_touches_nothing() -> None:
    stage = deployed(BAD)
    record = run(stage, replace(POLICY, rollback=RollbackMode.DRY_RUN))

    assert (record.ending, record.exit_code) == (Ending.NOT_ROLLED_BACK, 10)
    assert "would have rolled back to v1" in record.decision.why
    assert stage.deploy.live == "v2"


def test_a_platform_that_cannot_answer_its_target_is_not_touched() -> None:
    stage = deployed(BAD)
    stage.deploy.tells_previous = False
    record = run(stage)

    assert record.ending is Ending.NOT_ROLLED_BACK
    assert "the platform is away" in record.decision.why
    assert stage.deploy.live == "v2"


def test_a_deploy_by_another_run_meanwhile_is_left_alone() -> None:
    stage = deployed(BAD)
    stage.deploy.at(89.0, lambda: stage.deploy.deploy("v3", BAD))
    record = run(stage, Policy())

    assert (record.ending, record.judgement.cause) == (Ending.NOT_ROLLED_BACK, Cause.SUPERSEDED)
    assert stage.deploy.live == "v3"


def test_a_service_that_recovers_just_before_the_rollback_is_not_rolled_back() -> None:
    stage = deployed(lambda now: Outcome.OK if now > 90.04 else Outcome.HTTP_5XX)
    record = run(stage)

    assert (record.ending, record.judgement.row) == (Ending.VERIFIED, "recovered")
    assert record.judgement.verdict is Verdict.DEGRADED
    assert stage.deploy.live == "v2"


def test_an_old_version_that_keeps_answering_is_not_rolled_back() -> None:
    stage = VirtualRun({"v1": GOOD, "v2": GOOD}, live="v1")
    record = run(stage)

    assert (record.ending, record.judgement.cause) == (Ending.NOT_ROLLED_BACK, Cause.WRONG_VERSION)


def test_an_old_version_that_gives_way_to_the_new_one_in_time_is_healthy() -> None:
    stage = VirtualRun({"v0": GOOD, "v1": GOOD}, live="v1")
    stage.deploy.at(40.0, lambda: stage.deploy.deploy("v2", GOOD))

    assert run(stage).ending is Ending.VERIFIED


def test_a_dead_network_of_the_runner_never_rolls_back() -> None:
    stage = deployed(always(Outcome.CONNECT_TIMEOUT))
    stage.deploy.control_answers = False
    record = run(stage)

    assert (record.ending, record.exit_code) == (Ending.UNDECIDED, 11)
    assert record.judgement.cause is Cause.OBSERVER
    assert stage.deploy.live == "v2"


def test_the_control_is_asked_only_when_the_service_gives_no_answer() -> None:
    stage = deployed(BAD)
    run(stage)

    assert all(probe.witness is not Witness.CONTROL for probe in stage.deploy.asked)


def test_a_runner_without_a_network_at_first_does_not_make_the_service_late() -> None:
    stage = deployed(lambda now: Outcome.CONNECT_TIMEOUT if now < 86 else Outcome.OK)
    stage.deploy.control_answers = False
    stage.deploy.at(86.0, lambda: setattr(stage.deploy, "control_answers", True))
    record = run(stage, replace(POLICY, on_late_start=OnLateStart.ROLLBACK))

    assert record.judgement.verdict is not Verdict.UNHEALTHY
    assert stage.deploy.live == "v2"


def test_the_control_is_asked_with_every_attempt_and_not_with_every_peek() -> None:
    stage = deployed(always(Outcome.CONNECT_REFUSED))
    record = run(stage)
    asked = [probe for probe in stage.deploy.asked if probe.witness is Witness.CONTROL]
    attempts = [o for o in record.gate.observations if o.kind is not ObservationKind.PEEK]

    assert len(asked) == len(attempts) + 1


def test_a_late_start_is_degraded_by_default_and_rolled_back_to_the_letter() -> None:
    late = healthy_from(89.9)
    to_the_letter = deployed(late)
    record = run(to_the_letter, replace(POLICY, on_late_start=OnLateStart.ROLLBACK))

    assert run(deployed(late)).judgement.verdict is Verdict.DEGRADED
    assert record.ending is Ending.ROLLED_BACK_VERIFIED
    assert to_the_letter.deploy.live == "v1"


@pytest.mark.parametrize("second", [0.0, 4.0, 50.0])
def test_a_run_stopped_while_watching_changes_nothing_and_is_undecided(second: float) -> None:
    stage = deployed(BAD)
    stage.deploy.at(second, stage.interrupts.arrive)
    record = run(stage)

    assert (record.ending, record.interrupted) == (Ending.UNDECIDED, "SIGTERM")
    assert stage.deploy.live == "v2"


def test_a_run_stopped_after_the_rollback_began_says_that_it_was_not_verified() -> None:
    stage = deployed(BAD)
    stage.deploy.at(95.0, stage.interrupts.arrive)
    record = run(stage)

    assert record.ending is Ending.ROLLED_BACK_UNHEALTHY
    assert record.interrupted == "SIGTERM"
    assert stage.deploy.live == "v1"


def test_a_run_stopped_between_verdict_and_action_does_not_act() -> None:
    stage = deployed(BAD)
    stage.deploy.at(90.04, stage.interrupts.arrive)
    record = run(stage)

    assert record.decision.action is Action.STAND_DOWN
    assert stage.deploy.live == "v2"


def test_a_full_disk_does_not_end_a_watch() -> None:
    stage = deployed(GOOD)
    stage.deploy.at(4.0, lambda: setattr(stage.evidence, "is_full", True))

    assert run(stage).ending is Ending.VERIFIED


def test_a_way_back_to_the_failed_version_itself_is_no_way_back() -> None:
    stage = VirtualRun({"v2": BAD}, live="v2")
    stage.deploy.history = ["v2", "v2"]
    record = run(stage)

    assert record.ending is Ending.NOT_ROLLED_BACK
    assert "the version that failed" in record.decision.why


def bare(_: float) -> Outcome:
    """A release that dies before it can tell its version."""
    return Outcome.CONNECT_REFUSED


def test_an_old_version_that_answered_first_is_not_the_one_that_failed() -> None:
    stage = deployed(bare)
    stage.deploy.live = "v1"
    stage.deploy.at(20.0, lambda: setattr(stage.deploy, "live", "v2"))
    record = run(stage)

    assert (record.judged_version, record.rolled_back_to) == ("v2", "v1")
    assert record.ending is Ending.ROLLED_BACK_VERIFIED


def test_a_platform_that_went_back_by_itself_is_left_alone() -> None:
    stage = deployed(bare)
    stage.deploy.at(90.04, lambda: stage.deploy.deploy("v1"))
    record = run(stage)

    assert record.ending is Ending.NOT_ROLLED_BACK
    assert record.judgement.cause is Cause.SUPERSEDED
    assert record.rollback is None
