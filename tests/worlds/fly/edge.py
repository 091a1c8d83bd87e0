"""The edge proxy: users' requests to machines, by balancing or to a forced one."""

import json
from dataclasses import dataclass, replace
from random import Random

from tests.worlds.fly.app_state import AppState
from tests.worlds.fly.checks import is_refuted, is_routable
from tests.worlds.fly.images import Served
from tests.worlds.fly.machine import FlyMachine
from tests.worlds.fly.refusal import RefusalError

FORCE_HEADER = "fly-force-instance-id"

_REFUSED_SECONDS = 0.1
_NO_CANDIDATE_SECONDS = 1.0
_UNREACHABLE_SECONDS = 3.0
_PLAIN = (("Content-Type", "text/plain"),)


@dataclass(slots=True)
class EdgeSwitches:
    """`is_down`: the whole proxy answers 502. `seconds` is what it adds to every answer."""

    is_down: bool = False
    seconds: float = 0.0


class Edge:
    """Routes to started, uncordoned machines whose service checks pass; wakes one at rest.

    The balancer chooses by a seeded chance.
    """

    def __init__(self, app_state: AppState, seed: int = 7) -> None:
        self._app_state = app_state
        self._random = Random(seed)
        self.switches = EdgeSwitches()

    def serve(self, path: str, forced: str = "") -> Served:
        """Return the answer to a request that arrives now; its seconds hold a machine's start."""
        if self.switches.is_down:
            return _failure(502, "proxy error")
        served = self._forced(path, forced) if forced else self._balanced(path)
        return replace(served, seconds=served.seconds + self.switches.seconds)

    def candidates(self) -> list[FlyMachine]:
        """Return the machines that traffic may go to now."""
        return [machine for machine in self._serving() if self._is_routed(machine)]

    def _is_routed(self, machine: FlyMachine) -> bool:
        if machine.running is None or not machine.is_host_ok or machine.is_lost:
            return False
        now = self._app_state.events_due.now
        if machine.wakes_at is not None:
            return machine.wakes_at <= now and not is_refuted(machine, now, machine.wakes_at)
        return is_routable(machine, now)

    def _serving(self) -> list[FlyMachine]:
        machines = self._app_state.flyd.machines.values()
        return [m for m in machines if m.services and not m.is_gone and not m.is_cordoned]

    def _balanced(self, path: str) -> Served:
        now = self._app_state.events_due.now
        candidates = self.candidates()
        listening = [machine for machine in candidates if machine.is_listening(now)]
        if listening:
            return self._ask(self._random.choice(listening), path)
        if candidates:
            return _failure(502, "[PC01] instance refused connection", _REFUSED_SECONDS)
        for machine in self._serving():
            if machine.wakes_at is not None and machine.wakes_at > now:
                return self._first(machine, path, machine.wakes_at - now)
        sleepers = [machine for machine in self._serving() if _sleeps(machine)]
        if sleepers:
            return self._woken(self._random.choice(sleepers), path)
        words = "[PR01] no known healthy instances found for route tcp/443"
        return _failure(503, words, _NO_CANDIDATE_SECONDS)

    def _forced(self, path: str, machine_id: str) -> Served:
        """Reach one machine, whatever its checks say, and no other."""
        machine = self._app_state.flyd.machines.get(machine_id)
        if machine is None or machine.is_gone or not machine.services:
            return _failure(404, "no instance with this id")
        if not machine.is_host_ok:
            return _failure(502, "the instance cannot be reached", _UNREACHABLE_SECONDS)
        if machine.is_cordoned or machine.is_lost:
            return _failure(503, "[PR01] no known healthy instances", _NO_CANDIDATE_SECONDS)
        return self._reached(machine, path)

    def _reached(self, machine: FlyMachine, path: str) -> Served:
        if machine.is_listening(self._app_state.events_due.now):
            return self._ask(machine, path)
        if machine.wakes_at is not None:
            return self._first(machine, path, machine.wakes_at - self._app_state.events_due.now)
        if machine.running is not None:
            return _failure(502, "[PC01] instance refused connection", _REFUSED_SECONDS)
        if _sleeps(machine):
            return self._woken(machine, path)
        return _failure(503, "the instance is not running", _NO_CANDIDATE_SECONDS)

    def _ask(self, machine: FlyMachine, path: str) -> Served:
        now = self._app_state.events_due.now
        assert machine.running is not None
        machine.last_asked = now
        return machine.running.image.serves(machine.running.visit(path, now, machine.id))

    def _woken(self, machine: FlyMachine, path: str) -> Served:
        """Start a machine and foresee its first answer; the request is held until then."""
        was_frozen = machine.frozen
        try:
            self._app_state.leases.demand(machine.id, "")
            self._app_state.flyd.start(machine, by="proxy")
        except RefusalError as refusal:
            words = f"[PM01] machines API returned an error: {json.dumps(refusal.error)}"
            return _failure(503, words, _NO_CANDIDATE_SECONDS)
        pace, now = self._app_state.flyd.pace, self._app_state.events_due.now
        if was_frozen is not None:
            machine.wakes_at = now + pace.resume
            served = was_frozen.image.serves(was_frozen.visit(path, now, machine.id))
            return replace(served, seconds=served.seconds + pace.resume)
        image = machine.image
        crash = image.crash if image.crash and image.crash.when(machine.config) else None
        if image.hangs or (crash and crash.after_seconds <= image.boot_seconds):
            return _failure(502, "[PC01] instance refused connection", pace.start + 10.0)
        machine.wakes_at = now + pace.start + image.boot_seconds
        return self._first(machine, path, machine.wakes_at - now)

    def _first(self, machine: FlyMachine, path: str, seconds: float) -> Served:
        """Foresee the first answer of a machine that listens in so many seconds."""
        foreseen = self._app_state.flyd.life.foreseen(machine)
        served = machine.image.serves(foreseen.visit(path, foreseen.listens_at, machine.id))
        return replace(served, seconds=served.seconds + seconds)


def _sleeps(machine: FlyMachine) -> bool:
    rests = machine.state in {"stopped", "suspended"} and machine.running is None
    return rests and machine.is_autostarted and machine.is_host_ok and not machine.is_standby


def _failure(status: int, words: str, seconds: float = _REFUSED_SECONDS) -> Served:
    return Served(status=status, body=words, seconds=seconds, headers=_PLAIN)
