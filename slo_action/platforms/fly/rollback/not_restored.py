"""What no rollback brings back, in words. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from slo_action.core.release.rollback_plan import Step
from slo_action.platforms.fly.client.release_row import LedgerRow
from slo_action.platforms.fly.rollback.machine_order import MachineOrder
from slo_action.platforms.fly.rollback.survey import Survey
from slo_action.platforms.fly.state.machine_config import Json, config_of, volumes_of


def not_restored(survey: Survey, orders: Sequence[MachineOrder]) -> tuple[str, ...]:
    """Return what stays as the failed deploy, or somebody else, made it."""
    return tuple(_sentences(survey, orders))


def runs_release_command(row: LedgerRow | None) -> bool:
    """Tell whether a release's definition has a release command."""
    deploy = row.definition.get("deploy") if row and row.definition else None
    return isinstance(deploy, Mapping) and bool(deploy.get("release_command"))


def lost_by_deploy(raws: Iterable[Json], deployed: LedgerRow | None) -> tuple[str, ...]:
    """Return what no way of restoring brings back after `deployed`, or one like it."""
    return tuple(_lost(raws, deployed))


def _lost(raws: Iterable[Json], deployed: LedgerRow | None) -> Iterator[str]:
    yield "secrets: what was set since stays, and the former image starts with today's"
    volumes = {volume for raw in raws for volume in volumes_of(config_of(raw))}
    if volumes:
        yield f"volumes: what was written to {_count(len(volumes), 'volume')} since"
    if deployed and runs_release_command(deployed):
        yield f"databases: {deployed.name} has a release command, a migration may have run"
    else:
        yield "databases: what was written or migrated since"


def _sentences(survey: Survey, orders: Sequence[MachineOrder]) -> Iterator[str]:
    yield from _lost(survey.machines, survey.judged)
    gone = [order.name for order in orders if order.machine.state == "destroyed"]
    if gone:
        yield f"destroyed machines: {', '.join(gone)}"
    lost = [
        order.name
        for order in orders
        if order.step.step is Step.LEAVE and not order.machine.is_host_ok
    ]
    if lost:
        yield f"machines whose hosts do not answer: {', '.join(lost)}"


def _count(number: int, noun: str) -> str:
    return f"1 {noun}" if number == 1 else f"{number} {noun}s"
