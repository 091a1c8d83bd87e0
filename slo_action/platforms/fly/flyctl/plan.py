"""What flyctl would do to each machine. Pure."""

from collections.abc import Mapping

from slo_action.core.release.rollback_plan import MachineStep, Step
from slo_action.errors import PlatformError
from slo_action.platforms.fly.rollback.machine_order import runs_words
from slo_action.platforms.fly.rollback.not_restored import lost_by_deploy
from slo_action.platforms.fly.rollback.plan import ran_before
from slo_action.platforms.fly.rollback.survey import Survey
from slo_action.platforms.fly.state.machine_config import Json, config_of, volumes_of
from slo_action.platforms.fly.state.machines import read_machine


def flyctl_steps(survey: Survey, definition: Mapping[str, object]) -> tuple[MachineStep, ...]:
    """Return each machine's step. Raises PlatformError where flyctl would destroy something."""
    return tuple(_step(survey, definition, raw) for raw in survey.machines)


def flyctl_notes(survey: Survey, definition: Mapping[str, object]) -> tuple[str, ...]:
    """Return what flyctl does not bring back."""
    sizes = [definition.get(table) for table in ("vm", "compute", "computes")]
    guest = "machine sizes: the definition names none, so those of the failed release stay"
    return (*lost_by_deploy(survey.machines, survey.judged), *(() if any(sizes) else (guest,)))


def _step(survey: Survey, definition: Mapping[str, object], raw: Json) -> MachineStep:
    machine, why = read_machine(raw), "by the definition of its release"
    if machine.group not in _groups(definition):
        raise PlatformError(
            f"{survey.target.version} has no process group of machine {machine.name}, "
            "so flyctl would destroy it",
            hint="set `rollback-engine: machines`: it takes such a machine out of the traffic",
        )
    if not machine.is_host_ok and volumes_of(config_of(raw)):
        raise PlatformError(
            f"the host of machine {machine.name} does not answer, and it has a volume",
            hint="restore it by hand: fly volumes list, fly machine clone",
        )
    if not machine.is_host_ok:
        why = "its host does not answer, so flyctl replaces it by a new machine"
    is_other = machine.digest != survey.target.digest
    return MachineStep(
        machine=machine.name,
        region=machine.region,
        step=Step.UPDATE,
        before=runs_words(machine),
        after=survey.target.version,
        why=why,
        changes=(*(("image",) if is_other else ()), "what the definition names"),
        stays_stopped=not ran_before(survey, machine),
    )


def _groups(definition: Mapping[str, object]) -> set[str]:
    processes = definition.get("processes")
    return set(processes) if isinstance(processes, Mapping) and processes else {"app"}
