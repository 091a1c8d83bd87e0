"""Where services run: one explicit table, one file each."""

from collections.abc import Callable
from typing import NamedTuple

from slo_action.config.inputs import PlatformName
from slo_action.config.request import VerifyRequest
from slo_action.on_demand import on_demand
from slo_action.platforms import none
from slo_action.platforms.context import PlatformContext
from slo_action.ports import MachinePlatform, Platform


class Opened(NamedTuple):
    """A platform; `machines` is None where it does not name them one by one."""

    platform: Platform
    machines: MachinePlatform | None = None


Opener = Callable[[VerifyRequest, PlatformContext], Opened]


def _none(_request: VerifyRequest, _context: PlatformContext) -> Opened:
    return Opened(platform=none.NoPlatform())


def _command(request: VerifyRequest, context: PlatformContext) -> Opened:
    return Opened(platform=on_demand("command")(request, context))


def _fly(request: VerifyRequest, context: PlatformContext) -> Opened:
    opened = on_demand("fly")(request, context)
    return Opened(platform=opened, machines=opened)


PLATFORMS: dict[PlatformName, Opener] = {
    PlatformName.NONE: _none,
    PlatformName.COMMAND: _command,
    PlatformName.FLY: _fly,
}
