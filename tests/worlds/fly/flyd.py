"""The hosts: they create, replace, start, stop and lose machines, which takes time."""

from dataclasses import replace

from tests.worlds.fly.change_log import ChangeLog
from tests.worlds.fly.event_queue import EventQueue
from tests.worlds.fly.images import Config, Crash, FlyImage
from tests.worlds.fly.machine import FlyMachine, Version, copied
from tests.worlds.fly.machine_life import MachineLife
from tests.worlds.fly.refusal import RefusalError

_BUSY = frozenset({"replacing", "replaced", "updating", "created"})
_ON_ITS_WAY = frozenset({"started", "starting"})
_AT_REST = frozenset({"stopped", "suspended", "failed"})
_RELEASE_COMMAND = "fly_app_release_command"
_NO_ROOM = (
    "could not reserve resource for machine: insufficient memory available to fulfill request"
)


class Flyd:
    """All machines of the app.

    `versions_kept` is how many former configurations the platform remembers of a machine. Each
    release command that runs is noted as a deed, whoever lets it run. `full` are machines whose
    hosts have no room for another start or update, and regions without room at all.
    """

    def __init__(self, events_due: EventQueue, change_log: ChangeLog) -> None:
        self._events_due = events_due
        self._changes = change_log
        self._count = 0
        self.machines: dict[str, FlyMachine] = {}
        self.life = MachineLife(events_due)
        self.pace = self.life.pace
        self.versions_kept = 20
        self.full: set[str] = set()
        self.release_command_seconds = 3.0

    def create(
        self,
        config: Config,
        image: FlyImage,
        *,
        region: str,
        by: str,
        name: str = "",
        skip_launch: bool = False,
    ) -> FlyMachine:
        """Create a machine, which pulls its image and starts unless it is told not to."""
        if region in self.full:
            raise RefusalError(422, f"{_NO_ROOM}, region {region}", "insufficient_capacity")
        machine = self._made(config, image, region, name)
        self._changes.note(by, "create", machine.id, image)
        if machine.group == _RELEASE_COMMAND:
            self._changes.note(by, "release-command", machine.id, image)
            machine.image = _one_off(image, self.release_command_seconds)
        self.life.event(machine, "launch", "created", "user")
        self._events_due.play(self.life.launch(machine, skip_launch=skip_launch))
        return machine

    def settled(self, config: Config, image: FlyImage, *, region: str, since: float) -> FlyMachine:
        """Return a machine that has run since an instant, which may lie before the world's own."""
        machine = self._made(config, image, region, "")
        machine.created_at = machine.updated_at = since
        machine.state = "started"
        machine.running = self.life.process(machine, since)
        self.life.event(machine, "start", "started", "flyd", at=since)
        return machine

    def update(
        self, machine: FlyMachine, config: Config, image: FlyImage, *, by: str, skip_launch: bool
    ) -> None:
        """Replace a machine's configuration. One that does not run is left stopped.

        Where the image does not arrive, the machine silently gets its former version again.
        """
        if machine.state in _BUSY:
            raise RefusalError(409, "aborted: machine is replacing: concurrent update in progress")
        self._reach(machine)
        self._demand_room(machine)
        if _volumes(machine.config) != _volumes(config):
            raise RefusalError(400, "invalid_argument: unable to change the volumes of a machine")
        self._changes.note(by, "update", machine.id, image)
        former = Version(
            instance_id=machine.instance_id, config=machine.config, image=machine.image
        )
        launches = machine.state in _ON_ITS_WAY and not skip_launch
        state, machine.state = machine.state, "replacing"
        self._configure(machine, config, image)
        self.life.event(machine, "update", "replacing", "user")
        self._events_due.play(self.life.replace(machine, former, state, launches=launches))

    def start(self, machine: FlyMachine, *, by: str) -> str:
        """Start a machine at rest and return the state it was in."""
        former = machine.state
        if former in _ON_ITS_WAY:
            return former
        if former not in _AT_REST:
            words = f"unable to start machine from current state: '{former}'"
            raise RefusalError(412, f"failed_precondition: {words}")
        self._reach(machine)
        self._demand_room(machine)
        self._changes.note(by, "start", machine.id, machine.image)
        self.life.begin(machine)
        if by != "proxy":
            machine.restarts = 0
        self._events_due.play(self.life.start(machine, source="proxy" if by == "proxy" else "user"))
        return former

    def stop(self, machine: FlyMachine, *, by: str) -> None:
        if machine.state in _AT_REST:
            return
        self._interrupt(machine, "stop", by)
        self._events_due.play(self.life.stop(machine))

    def suspend(self, machine: FlyMachine, *, by: str) -> None:
        if machine.state == "suspended":
            return
        if machine.state != "started":
            words = f"unable to suspend machine from current state: '{machine.state}'"
            raise RefusalError(412, f"failed_precondition: {words}")
        self._interrupt(machine, "suspend", by)
        self._events_due.play(self.life.suspend(machine))

    def restart(self, machine: FlyMachine, *, by: str) -> None:
        self._interrupt(machine, "restart", by)
        self._events_due.play(self.life.restart(machine))

    def cordon(self, machine: FlyMachine, *, by: str, cordoned: bool) -> None:
        self._reach(machine)
        self._changes.note(by, "cordon" if cordoned else "uncordon", machine.id, machine.image)
        machine.is_cordoned = cordoned

    def destroy(self, machine: FlyMachine, *, by: str, force: bool = False) -> None:
        if not force and machine.state not in _AT_REST:
            words = f"unable to destroy machine, not currently stopped: '{machine.state}'"
            raise RefusalError(412, f"failed_precondition: {words}")
        self._changes.note(by, "destroy", machine.id, machine.image)
        self.life.begin(machine)
        self._events_due.play(self.life.destroy(machine))

    def lose_host(self, machine: FlyMachine, status: str = "unreachable") -> None:
        """Take a machine's host away; a standby of it starts."""
        machine.host_status = status
        for other in self.machines.values():
            if machine.id in (other.config.get("standbys") or []):
                self._events_due.after(self.pace.standby, lambda o=other: self._stand_in(o))  # type: ignore[misc]

    def _stand_in(self, machine: FlyMachine) -> None:
        if machine.state in _AT_REST:
            self.start(machine, by="platform")

    def _reach(self, machine: FlyMachine) -> None:
        if not machine.is_host_ok:
            raise RefusalError(503, "unavailable: the host of this machine cannot be reached")

    def _demand_room(self, machine: FlyMachine) -> None:
        if machine.id in self.full:
            raise RefusalError(409, f"aborted: {_NO_ROOM}")

    def _interrupt(self, machine: FlyMachine, action: str, by: str) -> None:
        if machine.state in _BUSY:
            words = f"unable to {action} machine from current state: '{machine.state}'"
            raise RefusalError(412, f"failed_precondition: {words}")
        self._reach(machine)
        self._changes.note(by, action, machine.id, machine.image)
        self.life.begin(machine)

    def _made(self, config: Config, image: FlyImage, region: str, name: str) -> FlyMachine:
        self._count += 1
        number = self._count
        machine = FlyMachine(
            id=f"{0x9080E6F4 + number * 0x2F1B3:08x}{number * 0x61C9 % 0xFFFFFF:06x}",
            name=name or f"weathered-pine-{1000 + number}",
            region=region,
            config=copied(config),
            image=image,
            instance_id="",
            private_ip=f"fdaa:0:18:a7b:{number:x}:2",
            created_at=self._events_due.now,
            updated_at=self._events_due.now,
        )
        self.machines[machine.id] = machine
        self._configure(machine, config, image)
        return machine

    def _configure(self, machine: FlyMachine, config: Config, image: FlyImage) -> None:
        self.life.begin(machine)
        self._count += 1
        machine.instance_id = f"01K{self._count:023d}"
        machine.config, machine.image = copied(config), image
        machine.restarts = machine.crashes = 0
        machine.wakes_at = None
        machine.updated_at = self._events_due.now
        made = Version(instance_id=machine.instance_id, config=machine.config, image=image)
        machine.versions.insert(0, made)
        del machine.versions[self.versions_kept :]


def _one_off(image: FlyImage, seconds: float) -> FlyImage:
    """Return an image as it runs its release command, which ends after so long."""
    crash = Crash(after_seconds=seconds, exit_code=image.release_command_exit)
    return replace(image, crash=crash)


def _volumes(config: Config) -> list[str]:
    return sorted(str(mount.get("volume", "")) for mount in config.get("mounts") or [])
