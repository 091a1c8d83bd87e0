"""Every port around one app of the Fly world, ready for a mode."""

from dataclasses import replace

from slo_action.config.inputs import PlatformName
from slo_action.config.request import VerifyRequest
from slo_action.core.model import Mode, Outcome
from slo_action.core.policy.policy import Policy
from slo_action.core.release.baseline import Prepared
from slo_action.platforms.fly.platform import FlyPlatform
from slo_action.ports import Ports
from tests.builders import always
from tests.platforms.fly.scene import Scene
from tests.worlds.memory_ports import VirtualRun
from tests.worlds.virtual_pool import VirtualPool


class FlyPorts(VirtualRun):
    """A VirtualRun whose service, platform and clock are the Fly world's."""

    def __init__(self, scene: Scene) -> None:
        super().__init__({"none": always(Outcome.OK)}, live="none")
        self.scene = scene
        self.clock = scene.clock
        self.pool = VirtualPool(scene.clock, scene.world.answer)
        self.platform: FlyPlatform = scene.platform()

    @property
    def ports(self) -> Ports:
        return replace(
            super().ports,
            clock=self.clock,
            prober=self.scene.world,
            pool=self.pool,
            platform=self.platform,
            machines=self.platform,
        )

    def asked(
        self, policy: Policy, mode: Mode = Mode.VERIFY, prepared: Prepared | None = None
    ) -> VerifyRequest:
        """Return a request for the app as it is now."""
        request = self.request(policy)
        return replace(
            request, mode=mode, platform=PlatformName.FLY, service="shop", prepared=prepared
        )
