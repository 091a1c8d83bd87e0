"""Where services run: one explicit table, one file each."""

from collections.abc import Callable, Mapping
from pathlib import Path

from slo_action.config.inputs import PlatformName
from slo_action.config.request import VerifyRequest
from slo_action.platforms import command, none
from slo_action.ports import Clock, Platform

Opener = Callable[[VerifyRequest, Mapping[str, str], Path, Clock, Callable[[str], str]], Platform]

PLATFORMS: dict[PlatformName, Opener] = {
    PlatformName.NONE: none.open_platform,
    PlatformName.COMMAND: command.open_platform,
}
