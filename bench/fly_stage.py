"""An app on Fly.io in virtual time, after a bad deploy: what every contestant finds.

All times of the platform are drawn from ranges by a seed, and every contestant meets the same.
"""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

from slo_action.config.request import RunEnvironment, VerifyRequest, read_request
from slo_action.core.model import RunIdentity
from slo_action.core.release.baseline import Prepared
from slo_action.core.text.secrets import Scrubber
from slo_action.platforms import PlatformContext
from slo_action.platforms.fly.platform import FlyPlatform, open_platform
from tests.worlds.fly import (
    DEPLOY_TOKEN,
    FlyImage,
    FlyWorld,
    SharedClock,
    broken,
    broken_api,
    image,
)
from tests.worlds.fly.event_queue import EventQueue, Process
from tests.worlds.fly.machine import FlyMachine
from tests.worlds.fly.machine_life import MachineLife
from tests.worlds.fly.transports import Latencies

LATENCY_SECONDS = (0.15, 0.35)
"""From a request to its answer, whatever is asked."""
PULL_SECONDS = 1.0
"""The host has most of the former image; the machine still runs meanwhile."""
STOP_SECONDS = 1.0
START_SECONDS = (2.0, 4.0)
BOOT_SECONDS = 1.0
DOWN_SECONDS = (4.0, 6.0)
"""Stop, start and boot together: so long a machine answers nobody."""
CHECK_SECONDS = 5.0
"""The interval of its check."""
WAIT_SECONDS = 60.0
"""From the end of the deploy to the decision."""
USERS_PATH = "/api/items"
FORMER = image("1.0", pull_seconds=PULL_SECONDS, boot_seconds=BOOT_SECONDS)
_LONGEST_DEPLOY_SECONDS = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What the deploy did. `grace_seconds` pass from a machine's start to its first check."""

    name: str
    words: str
    bad: FlyImage
    strategy: str
    grace_seconds: float


_SERVES_ERRORS = broken_api("1.1", pull_seconds=PULL_SECONDS, boot_seconds=BOOT_SECONDS)
_FAILS_CHECKS = broken("1.1", pull_seconds=PULL_SECONDS, boot_seconds=BOOT_SECONDS)
SITUATIONS = (
    Situation(
        name="checks fail",
        words="every machine fails its check and gets no traffic; first check 2 s after the start",
        bad=_FAILS_CHECKS,
        strategy="immediate",
        grace_seconds=2.0,
    ),
    Situation(
        name="checks pass",
        words="the check passes, users get errors; first check 2 s after the start",
        bad=_SERVES_ERRORS,
        strategy="rolling",
        grace_seconds=2.0,
    ),
    Situation(
        name="checks pass, late",
        words="the same, first check 10 s after the start",
        bad=_SERVES_ERRORS,
        strategy="rolling",
        grace_seconds=10.0,
    ),
)


class DrawnLatencies(Latencies):
    """Every request takes another time, within the range."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._random = Random(f"latency {seed}")  # noqa: S311 - drawn again the same

    def of(self, action: str) -> float:
        """Return the next one's."""
        del action
        return self._random.uniform(*LATENCY_SECONDS)


class DrawnLife(MachineLife):
    """Every machine takes another time to start, and always the same."""

    def __init__(self, events_due: EventQueue, seed: int) -> None:
        super().__init__(events_due)
        self._seed = seed
        self.pace.stop = STOP_SECONDS

    def start_seconds(self, machine: FlyMachine) -> float:
        """Return how long its start takes."""
        own = Random(f"start {self._seed} {machine.id}")  # noqa: S311 - drawn again the same
        return own.uniform(*START_SECONDS)

    def start(self, machine: FlyMachine, *, source: str) -> Process:
        """Start it in its own time."""
        self.pace.start = self.start_seconds(machine)
        yield from super().start(machine, source=source)


@dataclass(kw_only=True)
class Stage:
    """One app with one bad deploy, `WAIT_SECONDS` after that.

    `former` are the machines' configurations from before, by id. `platform` is the product's, as
    `verify` opened it after `prepare`.
    """

    seed: int
    machines: int
    situation: Situation
    clock: SharedClock = field(default_factory=SharedClock)
    world: FlyWorld = field(init=False)
    former: dict[str, dict[str, Any]] = field(init=False)
    platform: FlyPlatform = field(init=False)
    begun: float = field(init=False)
    """The decision, in the world's seconds."""

    def __post_init__(self) -> None:
        self.world = FlyWorld(self.clock)
        self.world.latencies = DrawnLatencies(self.seed)
        flyd = self.world.app_state.flyd
        self._life = flyd.life = DrawnLife(self.world.app_state.events_due, self.seed)
        flyd.pace = flyd.life.pace
        self._launch()
        self.former = {one.id: one.config for one in self.world.machines}
        prepared = self._prepared()
        self._deploy()
        self.platform = self._opened(prepared)
        self.platform.current_release()
        self.platform.previous_release()
        self.world.passes(WAIT_SECONDS)
        self.begun = self.world.now

    @property
    def bound(self) -> float:
        """Seconds that the slowest machine needs by itself, if it were asked at once."""
        slowest = max(self._life.start_seconds(one) for one in self.world.machines)
        return PULL_SECONDS + STOP_SECONDS + slowest + self.situation.grace_seconds

    def _launch(self) -> None:
        check = {
            "interval": f"{CHECK_SECONDS:g}s",
            "timeout": "2s",
            "grace_period": f"{self.situation.grace_seconds:g}s",
            "method": "GET",
            "path": "/healthz",
        }
        changes = {"http_service": {"checks": [check]}}
        self.world.launch(FORMER, machines=self.machines, version=41, changes=changes)

    def _deploy(self) -> None:
        deploy = self.world.deploy(
            self.situation.bad, strategy=self.situation.strategy, skips_release_command=True
        )
        for _ in range(_LONGEST_DEPLOY_SECONDS):
            self.world.passes(1.0)
            if deploy.ended:
                break
        assert deploy.ended == "complete", deploy.why

    def _prepared(self) -> Prepared:
        certificate = self._opened(None).certify()
        return Prepared(
            service="shop",
            app="shop",
            platform="fly",
            taken_at=self.clock.now(),
            release=certificate.release,
            proofs=certificate.proofs,
            sealed=certificate.sealed,
        )

    def _opened(self, prepared: Prepared | None) -> FlyPlatform:
        premises = PlatformContext(
            environment={},
            workspace=Path("/nowhere"),
            clock=self.clock,
            scrubber=Scrubber(),
            prepared=prepared,
        )
        return open_platform(
            _request(self.clock.now()),
            premises,
            transport=self.world.transport(),
            concurrently=self.clock.run_concurrently,
        )


def _request(now: datetime) -> VerifyRequest:
    around = RunEnvironment(run=RunIdentity(), workspace=Path("/nowhere"), now=now)
    given = {
        "service": "shop",
        "url": "https://shop.fly.dev",
        "platform": "fly",
        "fly-api-token": DEPLOY_TOKEN,
        "check-run": "false",
    }
    return read_request(given, around)
