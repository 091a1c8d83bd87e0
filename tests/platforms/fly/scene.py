"""One app in the Fly world, and the platform under test in front of it."""

from dataclasses import dataclass, field
from typing import Any

import httpx

from slo_action.config.settings.fly import FlySettings
from slo_action.core.model import RollbackStep
from slo_action.core.release.track_record import PastVerdict
from slo_action.core.text.secrets import Scrubber, Secret
from slo_action.platforms.fly.client.access import FlyAddresses
from slo_action.platforms.fly.client.api import FlyApi
from slo_action.platforms.fly.platform import RESTORE_PATIENCE_SECONDS, FlyPlatform, PriorState
from slo_action.platforms.fly.prepare.sealing import SALT_BYTES, unsealed
from slo_action.platforms.fly.rollback.engine import MachinesEngine
from slo_action.platforms.fly.rollback.tools import RollbackTools
from slo_action.platforms.fly.state.restore_copy import RestoreCopy, read_copy
from slo_action.ports import Certificate
from tests.worlds.fly import DEPLOY_TOKEN, FlyImage, FlyWorld, SharedClock, image

GOOD = image("1.0")
"""What ran before."""
OURS = "deployer"
"""What the world's log calls the holder of the token."""


def api_of(
    world: FlyWorld,
    clock: SharedClock,
    *,
    token: str = DEPLOY_TOKEN,
    transport: httpx.BaseTransport | None = None,
    patience_seconds: float = RESTORE_PATIENCE_SECONDS,
) -> FlyApi:
    return FlyApi(
        FlyAddresses(),
        world.app_state.app,
        Secret(token),
        clock=clock,
        scrubber=Scrubber(),
        transport=transport or world.transport(),
        patience_seconds=patience_seconds,
    )


@dataclass(kw_only=True)
class Scene:
    """An app that ran `GOOD` as v1.

    Each line of `journal` has the number of our deeds before it, and its instant.
    """

    clock: SharedClock = field(default_factory=SharedClock)
    token: str = DEPLOY_TOKEN
    transport: httpx.BaseTransport | None = None
    machine_seconds: float = 120.0
    timeout_seconds: float = 300.0
    past: tuple[PastVerdict, ...] = ()
    world: FlyWorld = field(init=False)
    journal: list[str] = field(default_factory=list)
    deeds_before: list[int] = field(default_factory=list)
    journal_at: list[float] = field(default_factory=list)
    certificate: Certificate | None = None

    def __post_init__(self) -> None:
        self.world = FlyWorld(self.clock)

    def launched(self, machines: int = 3, **how: Any) -> "Scene":
        self.world.launch(GOOD, machines=machines, **how)
        return self

    def prepared(self) -> "Scene":
        """Keep what runs now, as `prepare` does."""
        self.certificate = self.platform().certify()
        return self

    def deployed(self, bad: FlyImage, *, strategy: str = "immediate", **how: Any) -> "Scene":
        """Let a deploy happen, to its end."""
        deploy = self.world.deploy(bad, strategy=strategy, **how)
        for _ in range(400):
            self.world.passes(1.0)
            if deploy.ended:
                break
        self.world.passes(15.0)
        return self

    @property
    def copy(self) -> RestoreCopy | None:
        if self.certificate is None:
            return None
        sealed = unsealed(Secret(self.token), self.certificate.sealed)
        return read_copy(sealed, self.world.app_state.app)

    def platform(self, **known: Any) -> FlyPlatform:
        """Return the platform as a new process opens it."""
        tools = RollbackTools(
            api=api_of(self.world, self.clock, token=self.token, transport=self.transport),
            clock=self.clock,
            concurrently=self.clock.run_concurrently,
            machine_seconds=self.machine_seconds,
        )
        certificate = self.certificate
        prior = PriorState(
            past=self.past,
            copy=self.copy,
            before=certificate.release if certificate else None,
            newest=certificate.newest if certificate else None,
            **known,
        )
        return FlyPlatform(
            FlySettings(app=self.world.app_state.app, token=Secret(self.token)),
            engine=MachinesEngine(tools=tools, timeout_seconds=self.timeout_seconds),
            prior=prior,
            salts=lambda: bytes(SALT_BYTES),
        )

    def write(self, line: str) -> None:
        """Be the journal."""
        self.journal.append(line)
        self.deeds_before.append(len(self.ours()))
        self.journal_at.append(self.world.now)

    def rolls_back(self, platform: FlyPlatform | None = None) -> tuple[RollbackStep, ...]:
        """Let the platform restore what it names itself."""
        acting = platform or self.platform()
        return acting.restore(acting.previous_release(), None, self.write)

    def ours(self, action: str = "", since: float = 0.0) -> list[Any]:
        return self.world.deeds(by=OURS, action=action, since=since)

    def digests(self) -> set[str]:
        """Return the images of all machines that deploys manage."""
        return {machine.image.digest for machine in self.world.machines}
