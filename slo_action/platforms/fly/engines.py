"""The engines: one explicit table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from slo_action.config.settings.fly import EngineName
from slo_action.core.text.secrets import Secret
from slo_action.platforms.fly.flyctl.engine import FlyctlEngine, Runner
from slo_action.platforms.fly.rollback.engine import Engine, RollbackTools
from slo_action.platforms.fly.rollback.machines_engine import MachinesEngine
from slo_action.system import process


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """What an engine is made of. After `timeout_seconds` nothing more is begun.

    `redact` takes the run's secrets out of what a program prints.
    """

    means: RollbackTools
    token: Secret
    environment: Mapping[str, str]
    timeout_seconds: float
    redact: Callable[[str], str]
    run: Runner = process.run


def _machines(outfit: EngineSettings) -> Engine:
    return MachinesEngine(means=outfit.means, timeout_seconds=outfit.timeout_seconds)


def _flyctl(outfit: EngineSettings) -> Engine:
    return FlyctlEngine(
        means=outfit.means,
        token=outfit.token,
        environment=outfit.environment,
        timeout_seconds=outfit.timeout_seconds,
        redact=outfit.redact,
        run=outfit.run,
    )


ENGINES: dict[EngineName, Callable[[EngineSettings], Engine]] = {
    EngineName.MACHINES: _machines,
    EngineName.FLYCTL: _flyctl,
}
