"""From verdict to action: who may be rolled back, and how a run ends."""

from itertools import product

import pytest

from slo_action.core.decision.decide import (
    Action,
    Decision,
    FailOn,
    RollbackMode,
    WayBack,
    compare_and_swap,
    decide,
    ending_of,
    exit_code_of,
    settled,
)
from slo_action.core.model import Cause, Ending, Release, Verdict
from slo_action.core.verdict.judge import Judgement

V1, V2 = Release(version="v1"), Release(version="v2")
BACK = WayBack(platform="command", target=V1)


def judgement(verdict: Verdict = Verdict.UNHEALTHY, cause: Cause = Cause.APP) -> Judgement:
    return Judgement(verdict=verdict, cause=cause, reason="because", row="a-row")


@pytest.mark.parametrize(("verdict", "cause"), list(product(Verdict, Cause)))
def test_only_unhealthy_by_app_or_platform_rolls_back(verdict: Verdict, cause: Cause) -> None:
    decision = decide(judgement(verdict, cause), RollbackMode.AUTO, BACK)
    may = verdict is Verdict.UNHEALTHY and cause in (Cause.APP, Cause.PLATFORM)

    assert (decision.action is Action.ROLL_BACK) == may
    assert decision.why


def test_a_rollback_goes_to_the_platforms_target() -> None:
    assert decide(judgement(), RollbackMode.AUTO, BACK).target == V1


@pytest.mark.parametrize("mode", [RollbackMode.OFF, RollbackMode.DRY_RUN])
def test_off_and_dry_run_touch_nothing(mode: RollbackMode) -> None:
    assert decide(judgement(), mode, BACK).action is Action.STAND_DOWN


def test_a_dry_run_says_where_it_would_have_gone() -> None:
    assert "rolled back to v1" in decide(judgement(), RollbackMode.DRY_RUN, BACK).why


def test_without_a_way_back_nothing_is_touched_and_the_reason_is_said() -> None:
    no_way = WayBack(platform="command", problem="there is no previous release")
    decision = decide(judgement(), RollbackMode.AUTO, no_way)

    assert decision == Decision(action=Action.STAND_DOWN, why="there is no previous release")


@pytest.mark.parametrize(
    ("before", "now", "judged", "live", "superseded"),
    [
        (V1, V1, "v2", "v2", False),
        (V1, V1, "v2", None, False),
        (V1, V1, None, "v2", False),
        (None, None, None, None, False),
        (V1, V2, "v2", "v2", True),
        (V1, None, "v2", "v2", True),
        (V1, V1, "v2", "v3", True),
    ],
)
def test_compare_and_swap_stands_down_where_anything_changed(
    before: Release | None,
    now: Release | None,
    judged: str | None,
    live: str | None,
    superseded: bool,
) -> None:
    decided = Decision(action=Action.ROLL_BACK, why="bad", target=before)
    checked = compare_and_swap(
        decided,
        before=WayBack(platform="command", target=before),
        now=WayBack(platform="command", target=now),
        judged=judged,
        live=live,
    )

    assert checked.superseded is superseded
    assert (checked == decided) is not superseded


def test_a_way_back_that_was_lost_meanwhile_is_not_taken() -> None:
    checked = compare_and_swap(
        Decision(action=Action.ROLL_BACK, why="bad", target=V1),
        before=WayBack(platform="command", target=V1),
        now=WayBack(platform="command", problem="the command failed"),
        judged="v2",
        live="v2",
    )

    assert checked == Decision(action=Action.STAND_DOWN, why="the command failed")


@pytest.mark.parametrize(
    ("before", "now", "superseded"), [(V2, V2, False), (V2, Release(version="v3"), True)]
)
def test_a_newer_release_of_the_platform_supersedes(
    before: Release, now: Release, superseded: bool
) -> None:
    checked = compare_and_swap(
        Decision(action=Action.ROLL_BACK, why="bad", target=V1),
        before=WayBack(platform="fly", target=V1, current=before),
        now=WayBack(platform="fly", target=V1, current=now),
        judged=None,
        live=None,
    )

    assert checked.superseded is superseded


@pytest.mark.parametrize(("current", "judged"), [(V2, None), (None, "v2")])
def test_a_way_back_that_leads_to_the_version_that_failed_is_a_circle(
    current: Release | None, judged: str | None
) -> None:
    way = WayBack(platform="fly", target=V2, current=current)
    checked = compare_and_swap(
        Decision(action=Action.ROLL_BACK, why="bad", target=V2),
        before=way,
        now=way,
        judged=judged,
        live=judged,
    )

    assert checked.action is Action.STAND_DOWN
    assert "the version that failed" in checked.why


def test_a_superseded_run_blames_the_other_deploy() -> None:
    decision = Decision(action=Action.STAND_DOWN, why="v3 took over", superseded=True)

    assert settled(judgement(), decision).cause is Cause.SUPERSEDED
    assert settled(judgement(), decision).reason == "v3 took over"


@pytest.mark.parametrize(
    ("verdict", "restored", "verified", "ending", "code"),
    [
        (Verdict.HEALTHY, None, None, Ending.VERIFIED, 0),
        (Verdict.DEGRADED, None, None, Ending.VERIFIED, 0),
        (Verdict.UNHEALTHY, None, None, Ending.NOT_ROLLED_BACK, 10),
        (Verdict.INCONCLUSIVE, None, None, Ending.UNDECIDED, 11),
        (Verdict.UNHEALTHY, True, Verdict.HEALTHY, Ending.ROLLED_BACK_VERIFIED, 10),
        (Verdict.UNHEALTHY, True, Verdict.DEGRADED, Ending.ROLLED_BACK_VERIFIED, 10),
        (Verdict.UNHEALTHY, True, Verdict.UNHEALTHY, Ending.ROLLED_BACK_UNHEALTHY, 12),
        (Verdict.UNHEALTHY, True, Verdict.INCONCLUSIVE, Ending.ROLLED_BACK_UNHEALTHY, 12),
        (Verdict.UNHEALTHY, True, None, Ending.ROLLED_BACK_UNHEALTHY, 12),
        (Verdict.UNHEALTHY, False, None, Ending.ROLLBACK_FAILED, 12),
    ],
)
def test_endings_and_exit_statuses(
    verdict: Verdict, restored: bool | None, verified: Verdict | None, ending: Ending, code: int
) -> None:
    assert ending_of(verdict, restored=restored, verified=verified) is ending
    assert exit_code_of(ending, FailOn.INCONCLUSIVE) == code


def test_fail_on_unhealthy_lets_an_undecided_run_pass_and_nothing_else() -> None:
    passing = [e for e in Ending if exit_code_of(e, FailOn.UNHEALTHY) == 0]

    assert passing == [Ending.VERIFIED, Ending.UNDECIDED]
