"""How machines live: what the hosts do step by step, and how long it takes."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.worlds.fly.event_queue import EventQueue, Process
from tests.worlds.fly.images import Crash
from tests.worlds.fly.machine import FlyMachine, Running, Version

_DEFAULT_RETRIES = 10


@dataclass(slots=True, kw_only=True)
class Pace:
    """How long the hosts take, in seconds, beside what an image takes.

    For `replaced` seconds of an update the state is that of the version that it replaces.
    """

    start: float = 0.8
    resume: float = 0.2
    stop: float = 1.0
    suspend: float = 0.5
    destroy: float = 0.5
    restart: float = 1.0
    standby: float = 5.0
    replaced: float = 0.0


class MachineLife:
    """The processes of machines' lives. `secrets` is the version that new processes get.

    Each ends when its machine's `run` changes: it was overtaken.
    """

    def __init__(self, events_due: EventQueue) -> None:
        self._events_due = events_due
        self._count = 0
        self.pace = Pace()
        self.secrets = 1

    def foreseen(self, machine: FlyMachine) -> Running:
        """Return the process that a machine will run which starts now."""
        return self.process(machine, self._events_due.now + self.pace.start)

    def begin(self, machine: FlyMachine) -> None:
        """Overtake whatever is under way for a machine."""
        machine.run += 1

    def process(self, machine: FlyMachine, since: float) -> Running:
        return Running(
            instance_id=machine.instance_id,
            config=machine.config,
            image=machine.image,
            since=since,
            secrets=self.secrets,
        )

    def launch(self, machine: FlyMachine, *, skip_launch: bool) -> Process:
        run = machine.run
        yield machine.image.pull_seconds
        if machine.run != run:
            return
        if not machine.image.can_be_pulled:
            machine.state = "failed"
            self.event(machine, "launch", "failed", "flyd")
        elif skip_launch:
            machine.state = "stopped"
        else:
            yield from self.start(machine, source="flyd")

    def replace(
        self, machine: FlyMachine, former: Version, state: str, *, launches: bool
    ) -> Process:
        run = machine.run
        if self.pace.replaced:
            machine.state = "replaced"
            yield self.pace.replaced
            machine.state = "replacing"
        yield machine.image.pull_seconds
        if machine.run != run:
            return
        if not machine.image.can_be_pulled:
            self._revert(machine, former, state)
            return
        if machine.running is not None:
            self._exited(machine, requested=True)
            yield self.pace.stop
        machine.frozen = None
        if machine.run != run:
            return
        self.event(machine, "launch", "created", "user")
        if launches:
            yield from self.start(machine, source="flyd")
        else:
            machine.state = "stopped"

    def _revert(self, machine: FlyMachine, former: Version, state: str) -> None:
        machine.instance_id, machine.config = former.instance_id, former.config
        machine.image, machine.state = former.image, state
        machine.updated_at = self._events_due.now

    def start(self, machine: FlyMachine, *, source: str) -> Process:
        """Start a process, again after each crash as long as the restart policy lets it."""
        run = machine.run
        while True:
            machine.state = "starting"
            self.event(machine, "start", "starting", source)
            yield self.pace.resume if machine.frozen else self.pace.start
            if machine.run != run or machine.image.hangs:
                return
            self._started(machine)
            crash = self._next_crash(machine)
            if crash is None:
                return
            yield crash.after_seconds
            if machine.run != run:
                return
            if not self._crashed(machine, crash):
                if machine.config.get("auto_destroy"):
                    yield from self.destroy(machine)
                return
            yield self.pace.restart
            if machine.run != run:
                return
            source = "flyd"

    def _started(self, machine: FlyMachine) -> None:
        now = self._events_due.now
        machine.running = machine.frozen or self.process(machine, now)
        machine.frozen = None
        machine.state, machine.is_lost, machine.last_asked = "started", False, now
        self.event(machine, "start", "started", "flyd")

    def _next_crash(self, machine: FlyMachine) -> Crash | None:
        crash = machine.image.crash
        if crash is None or not crash.when(machine.config):
            return None
        return None if crash.times is not None and machine.crashes >= crash.times else crash

    def _crashed(self, machine: FlyMachine, crash: Crash) -> bool:
        """End a process, and tell whether it is to be started again."""
        machine.crashes += 1
        again = _restarts(machine, crash)
        self._exited(machine, exit_code=crash.exit_code, oom_killed=crash.is_oom, restarting=again)
        machine.state = "stopped"
        machine.restarts += again
        return again

    def stop(self, machine: FlyMachine) -> Process:
        run = machine.run
        machine.state = "stopping"
        yield self.pace.stop
        if machine.run == run:
            self._exited(machine, requested=True)
            machine.state = "stopped"

    def suspend(self, machine: FlyMachine) -> Process:
        run = machine.run
        machine.state = "suspending"
        yield self.pace.suspend
        if machine.run == run:
            machine.frozen, machine.running = machine.running, None
            machine.state = "suspended"
            self.event(machine, "suspend", "suspended", "user")

    def restart(self, machine: FlyMachine) -> Process:
        run = machine.run
        if machine.running is not None:
            machine.state = "restarting"
            yield self.pace.stop
            if machine.run != run:
                return
            self._exited(machine, requested=True)
        machine.frozen = None
        yield from self.start(machine, source="user")

    def destroy(self, machine: FlyMachine) -> Process:
        machine.state = "destroying"
        machine.running = machine.frozen = None
        yield self.pace.destroy
        machine.state = "destroyed"
        self.event(machine, "destroy", "destroyed", "user")

    def _exited(
        self,
        machine: FlyMachine,
        *,
        exit_code: int = 0,
        oom_killed: bool = False,
        requested: bool = False,
        restarting: bool = False,
    ) -> None:
        machine.running = machine.wakes_at = None
        told = {
            "exit_code": exit_code,
            "guest_exit_code": exit_code,
            "guest_signal": -1,
            "oom_killed": oom_killed,
            "requested_stop": requested,
            "restarting": restarting,
            "signal": 15 if requested else -1,
            "exited_at": _stamp(self._events_due.wall()),
        }
        request = {"exit_event": told, "restart_count": machine.restarts}
        self.event(machine, "exit", "stopped", "flyd", request=request)

    def event(
        self,
        machine: FlyMachine,
        kind: str,
        status: str,
        source: str,
        *,
        at: float | None = None,
        request: dict[str, Any] | None = None,
    ) -> None:
        self._count += 1
        event: dict[str, Any] = {
            "id": f"01E{self._count:023d}",
            "type": kind,
            "status": status,
            "source": source,
            "timestamp": int(self._events_due.wall(at).timestamp() * 1000),
        }
        machine.remember(event | ({"request": request} if request else {}))


def _restarts(machine: FlyMachine, crash: Crash) -> bool:
    restart = machine.config.get("restart") or {}
    policy = restart.get("policy", "on-failure")
    if policy == "always":
        return True
    limit = int(restart.get("max_retries") or _DEFAULT_RETRIES)
    return policy == "on-failure" and crash.exit_code != 0 and machine.restarts < limit


def _stamp(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
