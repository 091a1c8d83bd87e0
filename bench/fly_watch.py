"""What truly happens in a rollback: who serves, who is well, and what users get meanwhile."""

from collections import Counter
from dataclasses import dataclass, field

from bench.fly_stage import FORMER, PULL_SECONDS, USERS_PATH, Stage
from tests.worlds.fly import FlyWorld
from tests.worlds.fly.apis import Asked
from tests.worlds.fly.checks import is_well
from tests.worlds.fly.event_queue import Process
from tests.worlds.fly.machine import FlyMachine

USERS_A_SECOND = 10
TOO_OFTEN = 429
_PATIENCE_SECONDS = 120.0
"""How long machines may take after a contestant has ended."""


@dataclass(slots=True)
class Watch:
    """Looks ten times a second from its making on, as a user at the edge, too.

    Instants are the world's seconds; None is not yet. `well` is since when all machines have run
    the former image with their checks passing.
    """

    world: FlyWorld
    first: float | None = None
    well: float | None = None
    failed: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.world.app_state.events_due.play(self._looks())

    def _looks(self) -> Process:
        while True:
            self._look(self.world.app_state.events_due.now)
            yield 1.0 / USERS_A_SECOND

    def _look(self, now: float) -> None:
        edge = self.world.edge
        if edge.serve(USERS_PATH).status >= 500:
            self.failed.append(now)
        if self.first is None and any(_runs_former(one) for one in edge.candidates()):
            self.first = now
        machines = self.world.app_state.deployer.managed()
        if not all(_runs_former(one) and is_well(one, now) for one in machines):
            self.well = None
        elif self.well is None:
            self.well = now


def _runs_former(machine: FlyMachine) -> bool:
    return machine.running is not None and machine.running.image.digest == FORMER.digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One rollback, in seconds since the decision; None is never.

    `changed` is when the first machine was changed, `served` when one that was restored got users,
    `well` when all were restored, `ended` when the contestant said so. `bad` are users' requests
    that failed until `well`. `asked` counts requests by kind; `refused` are those answered 429.
    `rounds` are updates that followed a pause: batches, one after the other.
    """

    changed: float | None
    served: float | None
    well: float | None
    ended: float
    bad: int
    asked: Counter[str]
    refused: int
    rounds: int
    bound: float

    @property
    def bad_seconds(self) -> float:
        """What users got errors for, as seconds in which nobody is served."""
        return self.bad / USERS_A_SECOND


def measured(stage: Stage, watch: Watch, requests: list[Asked]) -> Measured:
    """Tell of a rollback that has just ended; waits for machines it did not wait for."""
    ended = stage.world.now - stage.begun
    while watch.well is None and stage.world.now < stage.begun + ended + _PATIENCE_SECONDS:
        stage.world.passes(0.1)
    updates = stage.world.deeds(action="update", since=stage.begun)
    until = watch.well or stage.world.now
    return Measured(
        changed=updates[0].at - stage.begun if updates else None,
        served=None if watch.first is None else watch.first - stage.begun,
        well=None if watch.well is None else watch.well - stage.begun,
        ended=ended,
        bad=sum(1 for at in watch.failed if at < until),
        asked=Counter(one.action for one in requests),
        refused=sum(1 for one in requests if one.status == TOO_OFTEN),
        rounds=_rounds([deed.at for deed in updates]),
        bound=stage.bound,
    )


def _rounds(updates: list[float]) -> int:
    """Count the groups of updates with more than a machine's pull between them."""
    return sum(
        not number or at - updates[number - 1] > PULL_SECONDS for number, at in enumerate(updates)
    )
