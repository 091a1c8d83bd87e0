"""Where services run: one explicit table, one file each."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from slo_action.config.inputs import PlatformName
from slo_action.config.request import VerifyRequest
from slo_action.core.release.baseline import Prepared
from slo_action.core.release.track_record import PastVerdict
from slo_action.core.text.secrets import Scrubber
from slo_action.on_demand import on_demand
from slo_action.platforms import none
from slo_action.ports import Clock, MachinePlatform, Platform


class PlatformContext(NamedTuple):
    """Where a platform works. `scrubber` holds the run's secrets, and learns the platform's.

    `prepared` is what a `prepare` run handed over, None without one. `past` are the verdicts of
    earlier runs, oldest first.
    """

    environment: Mapping[str, str]
    workspace: Path
    clock: Clock
    scrubber: Scrubber
    prepared: Prepared | None = None
    past: tuple[PastVerdict, ...] = ()


class Opened(NamedTuple):
    """A platform; `machines` is None where it does not name them one by one."""

    platform: Platform
    machines: MachinePlatform | None = None


def _fly(request: VerifyRequest, context: PlatformContext) -> Opened:
    opened = on_demand("fly")(request, context)
    return Opened(platform=opened, machines=opened)


PLATFORMS: dict[PlatformName, Callable[[VerifyRequest, PlatformContext], Opened]] = {
    PlatformName.NONE: lambda _request, _context: Opened(none.NoPlatform()),
    PlatformName.COMMAND: lambda request, context: Opened(on_demand("command")(request, context)),
    PlatformName.FLY: _fly,
}
