"""How a release is restored: one Protocol, one explicit table."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from slo_action.config.settings.fly import EngineName
from slo_action.core.model import RollbackStep
from slo_action.core.release.rollback_plan import RollbackPlan
from slo_action.platforms.fly.client.api import FlyApi
from slo_action.platforms.fly.client.concurrent_calls import ConcurrentCalls
from slo_action.platforms.fly.rollback.survey import Survey
from slo_action.ports import Clock

Journal = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackTools:
    """What every engine works with.

    `machine_seconds` is the least that one machine gets to become well.
    """

    api: FlyApi
    clock: Clock
    together: ConcurrentCalls
    machine_seconds: float = 120.0


class Engine(Protocol):
    """Restores a release by one way."""

    @property
    def name(self) -> EngineName:
        """How the inputs call it."""
        ...

    def plan(self, survey: Survey) -> RollbackPlan:
        """Return what `restore` would do. Raises PlatformError where it cannot be done safely."""
        ...

    def restore(self, survey: Survey, journal: Journal) -> tuple[RollbackStep, ...]:
        """Do it, journalling before each call that changes something.

        Never raises for what the platform did, nor for a signal: the last step says so.
        """
        ...
