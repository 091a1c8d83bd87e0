"""Verdict and policy to an action, an ending and an exit status."""

from dataclasses import dataclass, replace
from enum import StrEnum

from slo_action.core.answer.version import matches
from slo_action.core.model import Cause, Ending, Release, Verdict
from slo_action.core.verdict.judge import Judgement

EXIT_HEALTHY = 0
EXIT_UNHEALTHY = 10
EXIT_INCONCLUSIVE = 11
EXIT_NOT_RESTORED = 12
EXIT_NO_WAY_BACK = 13


class RollbackMode(StrEnum):
    """What a run may do with an unhealthy verdict."""

    AUTO = "auto"
    DRY_RUN = "dry-run"
    OFF = "off"


class FailOn(StrEnum):
    """Which verdicts fail the step."""

    INCONCLUSIVE = "inconclusive"
    UNHEALTHY = "unhealthy"


class Action(StrEnum):
    """Keep: the deploy stands. Stand down: it should not, but nothing is touched."""

    KEEP = "keep"
    ROLL_BACK = "roll-back"
    STAND_DOWN = "stand-down"


@dataclass(frozen=True, slots=True, kw_only=True)
class WayBack:
    """What the platform offers. `target` is None where it chooses by itself or has none.

    `current` is its newest release; None where it names none. `problem` says why there is no way
    back; empty where there is one.
    """

    platform: str
    target: Release | None = None
    current: Release | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is done and why, in one sentence. Superseded: another deploy took over meanwhile.

    Rehearsed: all but the change itself was done, since that was asked for.
    """

    action: Action
    why: str
    target: Release | None = None
    superseded: bool = False
    rehearsed: bool = False


_NO_ROLLBACK: dict[Cause, str] = {
    Cause.CONFIG: "the check looks misconfigured, and is not known to have passed before",
    Cause.PATH: "the fault looks to be in TLS, DNS or routing, which a rollback does not change",
    Cause.WRONG_VERSION: "the new version is not live, or not alone: a rollback would not help",
    Cause.PRE_EXISTING: "it failed before the deploy, too",
    Cause.SUPERSEDED: "another deploy took over",
    Cause.OBSERVER: "the fault may be the runner's or its network's",
    Cause.NONE: "no cause was found",
}
ROLLBACK_CAUSES = frozenset({Cause.APP, Cause.PLATFORM})


def decide(judgement: Judgement, mode: RollbackMode, way_back: WayBack) -> Decision:
    """Decide what follows from a verdict. Only unhealthy by app or platform rolls back."""
    if judgement.verdict is not Verdict.UNHEALTHY:
        return Decision(action=Action.KEEP, why=f"the verdict is {judgement.verdict}")
    if judgement.cause not in ROLLBACK_CAUSES:
        return _stand_down(_NO_ROLLBACK[judgement.cause])
    if mode is RollbackMode.OFF:
        return _stand_down("`rollback: off`")
    if way_back.problem:
        return _stand_down(way_back.problem)
    goal = way_back.target.version if way_back.target else "the platform's previous release"
    if mode is RollbackMode.DRY_RUN:
        return _stand_down(f"`rollback: dry-run`; it would have rolled back to {goal}")
    return Decision(
        action=Action.ROLL_BACK,
        why=f"unhealthy with cause {judgement.cause}: rolling back to {goal}",
        target=way_back.target,
    )


def compare_and_swap(
    decision: Decision,
    *,
    before: WayBack,
    now: WayBack,
    judged: str | None,
    live: str | None,
) -> Decision:
    """Return the decision, or stand down where the world changed since it was judged.

    `before` and `now` are what the platform said at the start and says just before acting;
    `judged` and `live` the service's own version then and now, None where it named none.
    """
    if now.problem:
        return _stand_down(now.problem)
    how = moved(before, now)
    if how:
        return _stand_down(f"another deploy took over: {how}", superseded=True)
    circle = _circle(now, judged)
    if circle:
        return _stand_down(f"the rollback target is {circle}, the version that failed")
    if judged is not None and live is not None and not matches(judged, live):
        how = f"version {judged} was judged and version {live} answers now"
        return _stand_down(f"another deploy took over: {how}", superseded=True)
    return decision


def moved(before: WayBack, now: WayBack) -> str:
    """Say what the platform names otherwise than at the start; empty where nothing is."""
    if now.current != before.current:
        judged, newest = _name(before.current), _name(now.current)
        return f"{judged} was judged, and {newest} is the newest release now"
    if now.target != before.target:
        return f"the rollback target was {_name(before.target)}, and is {_name(now.target)} now"
    return ""


def _circle(now: WayBack, judged: str | None) -> str:
    """Return the failed version's name where it is the rollback target; else empty."""
    if now.target is None:
        return ""
    if now.current and now.current.version == now.target.version:
        return now.target.version
    return judged if judged and matches(judged, now.target.version) else ""


def settled(judgement: Judgement, decision: Decision) -> Judgement:
    """Return what the judgement is after the decision: superseded where another deploy came."""
    if not decision.superseded:
        return judgement
    return replace(judgement, cause=Cause.SUPERSEDED, reason=decision.why)


def _stand_down(why: str, *, superseded: bool = False) -> Decision:
    return Decision(action=Action.STAND_DOWN, why=why, superseded=superseded)


def _name(release: Release | None) -> str:
    return release.version if release else "unknown"


def ending_of(verdict: Verdict, *, restored: bool | None, verified: Verdict | None) -> Ending:
    """Return how the run ended.

    `restored` is None where no rollback was begun, False where a step of it failed or it was
    interrupted; `verified` is the verdict on the restored release, None where it was not judged.
    """
    if restored is False:
        return Ending.ROLLBACK_FAILED
    if restored:
        well = verified in (Verdict.HEALTHY, Verdict.DEGRADED)
        return Ending.ROLLED_BACK_VERIFIED if well else Ending.ROLLED_BACK_UNHEALTHY
    if verdict is Verdict.UNHEALTHY:
        return Ending.NOT_ROLLED_BACK
    return Ending.UNDECIDED if verdict is Verdict.INCONCLUSIVE else Ending.VERIFIED


_EXIT_CODES: dict[Ending, int] = {
    Ending.VERIFIED: EXIT_HEALTHY,
    Ending.ROLLED_BACK_VERIFIED: EXIT_UNHEALTHY,
    Ending.ROLLED_BACK_UNHEALTHY: EXIT_NOT_RESTORED,
    Ending.ROLLBACK_FAILED: EXIT_NOT_RESTORED,
    Ending.NOT_ROLLED_BACK: EXIT_UNHEALTHY,
    Ending.UNDECIDED: EXIT_INCONCLUSIVE,
}


def exit_code_of(ending: Ending, fail_on: FailOn) -> int:
    """Return the exit status of an ending; an undecided run may be let pass by `fail-on`."""
    if ending is Ending.UNDECIDED and fail_on is FailOn.UNHEALTHY:
        return EXIT_HEALTHY
    return _EXIT_CODES[ending]
