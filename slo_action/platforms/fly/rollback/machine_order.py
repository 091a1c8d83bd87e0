"""One machine's part of a rollback, with what is needed to do it. Pure.

Values of a configuration may be credentials: only the names of what differs leave.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from slo_action.core.model import Release
from slo_action.core.release.fleet import Machine, short_digest
from slo_action.core.release.rollback_plan import MachineAction, MachineStep
from slo_action.platforms.fly.client.models import FlyMachine, Json, MachineConfig
from slo_action.platforms.fly.state.machines import read_machine

RESTING = frozenset({"stopped", "suspended", "created", "stopping", "suspending"})
"""States in which nothing runs."""

OF_THE_RELEASE = frozenset(
    {
        "fly_release_id",
        "fly_release_version",
        "fly_flyctl_version",
        "fly_builder_id",
        "fly_bluegreen_deployment_tag",
        "fly_canary",
    }
)
"""Metadata that a deploy writes about itself: no other part of a machine depends on it."""
_COMPARED_APART = frozenset({"image", "env", "files", "metadata"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviousConfig:
    """A whole configuration to restore; holds credentials. `why` says where it comes from."""

    config: MachineConfig
    digest: str
    why: str

    def is_restored(self, live: FlyMachine) -> bool:
        """Return whether a machine has this image and configuration already."""
        is_same_image = read_machine(live).digest == self.digest
        return is_same_image and not changed_parts(live.whole_config, self.config)

    def marks(self, live: FlyMachine) -> bool:
        """Return whether a machine has this image and is marked with this release.

        The platform may write a configuration in another form than it was given.
        """
        is_marked = live.whole_config.release == self.config.release
        return is_marked and read_machine(live).digest == self.digest


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineOrder:
    """One machine's step with what is needed to take it; `previous` is None where none is needed.

    `uncordons`: it took traffic before and does not now. `stops`: it works without traffic, so
    taking it out of the traffic is not enough.
    """

    step: MachineStep
    machine: Machine
    previous: PreviousConfig | None = None
    uncordons: bool = False
    stops: bool = False

    @property
    def name(self) -> str:
        """The machine's name."""
        return self.machine.name

    @property
    def is_idle(self) -> bool:
        """True where it serves no user now: changing it costs no user anything."""
        machine = self.machine
        return machine.state != "started" or machine.is_critical or machine.is_cordoned

    @property
    def description(self) -> str:
        """The machine as the journal names it."""
        return f"machine {self.name} (instance {self.machine.instance or 'unknown'})"


def restoring(
    live: FlyMachine,
    previous: PreviousConfig,
    target: Release,
    *,
    runs: bool,
    uncordons: bool = False,
) -> MachineOrder:
    """Give a machine its previous configuration, or only what it lacks beside it.

    Releases of the target's content go by the target's name, whichever a machine is marked with.
    """
    order = leaving(live, previous.why)
    own = previous.config.release or f"image {short_digest(previous.digest)}"
    name = target.version if target.version and previous.digest == target.digest else own
    image = ("image",) if order.machine.digest != previous.digest else ()
    traffic = ("uncordoned",) if uncordons else ()
    step = replace(
        order.step,
        step=MachineAction.UPDATE,
        after=name,
        changes=(*image, *changed_parts(live.whole_config, previous.config), *traffic),
        stays_stopped=not runs,
    )
    if previous.is_restored(live):
        why = "it has its previous image and configuration already"
        step = replace(step, step=MachineAction.LEAVE, before=name, why=why)
        if uncordons:
            step = replace(step, step=MachineAction.START, why="it took traffic before the deploy")
        if runs and order.machine.state in RESTING:
            step = replace(step, step=MachineAction.START, why="it ran before the deploy")
    return replace(order, step=step, previous=previous, uncordons=uncordons)


def cordoning(live: FlyMachine) -> MachineOrder:
    """Take a machine that the deploy made out of the traffic; stop it if it works without."""
    order = leaving(live, "the deploy made it, and it takes no traffic")
    machine = order.machine
    stops = not machine.is_serving and machine.state not in RESTING
    if machine.is_cordoned and not stops:
        return order
    step = replace(
        order.step,
        step=MachineAction.CORDON,
        after="stopped" if stops else "out of the traffic",
        why="the deploy made it; it is kept, and can be destroyed by hand",
    )
    return replace(order, step=step, stops=stops)


def leaving(live: FlyMachine, why: str) -> MachineOrder:
    """Do nothing to a machine, and say why."""
    machine = read_machine(live)
    runs = machine.release or f"image {short_digest(machine.digest) or 'unknown'}"
    step = MachineStep(
        machine=machine.name,
        region=machine.region,
        step=MachineAction.LEAVE,
        before=runs,
        after=runs,
        why=why,
    )
    return MachineOrder(step=step, machine=machine)


def destroyed(kept: FlyMachine, why: str) -> MachineOrder:
    """Name a machine that does not exist any more; `kept` is what it was."""
    gone = leaving(kept, why)
    step = replace(gone.step, before="destroyed", after="destroyed")
    return replace(gone, step=step, machine=replace(gone.machine, state="destroyed"))


def pinned(image: str, digest: str) -> str:
    """Return an image by digest, whatever tag or digest it was named by."""
    name = image.partition("@")[0]
    directory, slash, last = name.rpartition("/")
    return f"{directory}{slash}{last.partition(':')[0]}@{digest}"


def changed_parts(live: MachineConfig, previous: MachineConfig) -> tuple[str, ...]:
    """Return the names of what differs, the image and the release's marks apart; no values."""
    old, new = live.raw, previous.raw
    metadata = _differing(old.get("metadata"), new.get("metadata"))
    return (
        *(f"env {key}" for key in _differing(old.get("env"), new.get("env"))),
        *(f"file {path}" for path in _differing(_files(old), _files(new))),
        *(f"metadata {key}" for key in metadata if key not in OF_THE_RELEASE),
        *_differing(_rest(old), _rest(new)),
    )


def _differing(live: object, previous: object) -> list[str]:
    """Return the keys that are in one only, or have another value."""
    mine = live if isinstance(live, Mapping) else {}
    others = previous if isinstance(previous, Mapping) else {}
    return sorted(key for key in mine.keys() | others.keys() if mine.get(key) != others.get(key))


def _rest(config: Json) -> object:
    return _stripped({key: value for key, value in config.items() if key not in _COMPARED_APART})


def _files(config: Json) -> Json:
    files = config.get("files")
    listed = files if isinstance(files, list) else []
    objects = (file for file in listed if isinstance(file, Mapping))
    return {str(file.get("guest_path")): _stripped(file) for file in objects}


def _stripped(value: object) -> object:
    """Drop what the API writes for nothing: null, and empty texts, lists and objects."""
    if isinstance(value, Mapping):
        pairs = ((str(key), _stripped(item)) for key, item in value.items())
        return {key: item for key, item in pairs if item is not None and item not in ("", [], {})}
    if isinstance(value, list | tuple):
        return [_stripped(item) for item in value]
    return value
