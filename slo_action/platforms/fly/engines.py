"""The engines: one explicit table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from slo_action import process
from slo_action.config.fly import EngineName
from slo_action.core.secrets import Secret
from slo_action.platforms.fly.engine import Engine, Means
from slo_action.platforms.fly.flyctl_engine import FlyctlEngine, Runner
from slo_action.platforms.fly.machines_engine import MachinesEngine


@dataclass(frozen=True, slots=True, kw_only=True)
class Outfit:
    """What an engine is made of. After `timeout_seconds` nothing more is begun.

    `redact` takes the run's secrets out of what a program prints.
    """

    means: Means
    token: Secret
    environment: Mapping[str, str]
    timeout_seconds: float
    redact: Callable[[str], str]
    run: Runner = process.run


def _machines(outfit: Outfit) -> Engine:
    return MachinesEngine(means=outfit.means, timeout_seconds=outfit.timeout_seconds)


def _flyctl(outfit: Outfit) -> Engine:
    return FlyctlEngine(
        means=outfit.means,
        token=outfit.token,
        environment=outfit.environment,
        timeout_seconds=outfit.timeout_seconds,
        redact=outfit.redact,
        run=outfit.run,
    )


ENGINES: dict[EngineName, Callable[[Outfit], Engine]] = {
    EngineName.MACHINES: _machines,
    EngineName.FLYCTL: _flyctl,
}
