"""No platform: verdicts without a rollback."""

from collections.abc import Callable

from slo_action.core.model import Release, RollbackStep


class NoPlatform:
    """Names no releases and restores none."""

    name = "none"
    can_restore = False

    def previous_release(self) -> Release | None:
        """Return None: there is nothing to ask."""
        return None

    current_release = previous_release

    def restore(
        self,
        _target: Release | None,
        _failed: str | None,
        _journal: Callable[[str], None],
    ) -> tuple[RollbackStep, ...]:
        """Do nothing."""
        return ()
