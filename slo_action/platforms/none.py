"""No platform: verdicts without a way back."""

from collections.abc import Callable, Mapping
from pathlib import Path

from slo_action.config.request import VerifyRequest
from slo_action.core.model import Machine, Release, RollbackStep
from slo_action.ports import Clock


class NoPlatform:
    """Knows no releases and restores none."""

    name = "none"
    can_restore = False

    def previous_release(self) -> Release | None:
        """Return None: there is nothing to ask."""
        return None

    def machines(self) -> tuple[Machine, ...]:
        """Return none: nothing is known of the machines."""
        return ()

    def restore(
        self,
        _target: Release | None,
        _failed: str | None,
        _journal: Callable[[str], None],
    ) -> tuple[RollbackStep, ...]:
        """Do nothing."""
        return ()


def open_platform(
    _request: VerifyRequest,
    _environment: Mapping[str, str],
    _workspace: Path,
    _clock: Clock,
    _redact: Callable[[str], str],
) -> NoPlatform:
    """Return the platform."""
    return NoPlatform()
