"""A machine as the Machines API tells it, now or as the list knew it a while ago."""

from datetime import datetime

from tests.worlds.fly.app_state import AppState
from tests.worlds.fly.checks import findings
from tests.worlds.fly.event_queue import Process
from tests.worlds.fly.machine import FlyMachine, Json, copied, image_ref

_LOOK_SECONDS = 0.5


def stamp(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def told(app_state: AppState, machine: FlyMachine) -> Json:
    """Return a machine in full. Of one whose host is lost, the configuration is incomplete."""
    events_due = app_state.events_due
    made: Json = {
        "id": machine.id,
        "name": machine.name,
        "state": machine.state,
        "region": machine.region,
        "image_ref": image_ref(machine, app_state.app),
        "instance_id": machine.instance_id,
        "version": machine.instance_id,
        "private_ip": machine.private_ip,
        "created_at": stamp(events_due.wall(machine.created_at)),
        "updated_at": stamp(events_due.wall(machine.updated_at)),
        "events": list(machine.events[:20]),
        "checks": _checks(app_state, machine),
        "host_status": machine.host_status,
        "cordoned": machine.is_cordoned,
    }
    if machine.is_host_ok:
        return {**made, "config": copied(machine.config)}
    known = {key: machine.config.get(key) for key in ("image", "metadata", "guest")}
    return {**made, "checks": [], "incomplete_config": copied(known)}


def _checks(app_state: AppState, machine: FlyMachine) -> list[Json]:
    events_due = app_state.events_due
    return [
        {
            "name": found.check.name,
            "status": found.status,
            "output": found.output,
            "updated_at": stamp(events_due.wall(found.at)),
        }
        for found in findings(machine, events_due.now)
    ]


class LaggingList:
    """The list of machines, which may lag behind the machines themselves."""

    def __init__(self, app_state: AppState) -> None:
        self._app_state = app_state
        self._past: list[tuple[float, list[Json]]] = []
        self._lag_seconds = 0.0

    def lag(self, seconds: float) -> None:
        """From now on, list what was so many seconds ago (in steps of half a second)."""
        begins = self._lag_seconds == 0.0
        self._lag_seconds = seconds
        if begins and seconds:
            self._app_state.events_due.play(self._look())

    def machines(self) -> list[Json]:
        """Return all machines, destroyed ones too, oldest first."""
        if not self._past:
            return self._now()
        then = self._app_state.events_due.now - self._lag_seconds
        known = [machines for at, machines in self._past if at <= then]
        return known[-1] if known else self._past[0][1]

    def _now(self) -> list[Json]:
        return [
            told(self._app_state, machine) for machine in self._app_state.flyd.machines.values()
        ]

    def _look(self) -> Process:
        while self._lag_seconds:
            now = self._app_state.events_due.now
            kept = now - self._lag_seconds - 2 * _LOOK_SECONDS
            self._past = [*(past for past in self._past if past[0] > kept), (now, self._now())]
            yield _LOOK_SECONDS
        self._past.clear()
