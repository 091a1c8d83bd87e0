"""No platform: verdicts without a way back."""

from collections.abc import Callable

from slo_action.config.request import VerifyRequest
from slo_action.core.model import Release, RollbackStep
from slo_action.platforms.context import PlatformContext


class NoPlatform:
    """Knows no releases and restores none."""

    name = "none"
    can_restore = False

    def previous_release(self) -> Release | None:
        """Return None: there is nothing to ask."""
        return None

    def current_release(self) -> Release | None:
        """Return None: there is nothing to ask."""
        return None

    def restore(
        self,
        _target: Release | None,
        _failed: str | None,
        _journal: Callable[[str], None],
    ) -> tuple[RollbackStep, ...]:
        """Do nothing."""
        return ()


def open_platform(_request: VerifyRequest, _premises: PlatformContext) -> NoPlatform:
    """Return the platform."""
    return NoPlatform()
