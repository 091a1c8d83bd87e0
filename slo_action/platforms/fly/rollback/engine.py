"""What a rollback works with."""

from collections.abc import Callable
from dataclasses import dataclass

from slo_action.platforms.fly.client.api import FlyApi
from slo_action.platforms.fly.client.concurrent_calls import ConcurrentCalls
from slo_action.ports import Clock

Journal = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackTools:
    """What a rollback works with.

    `machine_seconds` is the least that one machine gets to become well.
    """

    api: FlyApi
    clock: Clock
    together: ConcurrentCalls
    machine_seconds: float = 120.0
