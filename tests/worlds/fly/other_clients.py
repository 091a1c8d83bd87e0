"""What other people do to the app: they launch it, deploy, change secrets, stop machines."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.worlds.fly.app_state import AppState
from tests.worlds.fly.definitions import Definition, configured, merged, pinned, plain_definition
from tests.worlds.fly.deploys import Deploy, Habits
from tests.worlds.fly.event_queue import Process
from tests.worlds.fly.images import FlyImage
from tests.worlds.fly.leases import FlyLease
from tests.worlds.fly.machine import FlyMachine
from tests.worlds.fly.refusal import RefusalError
from tests.worlds.fly.releases import FlyRelease

_A_DAY = 86_400.0
_IDLE_LOOK_SECONDS = 5.0
_WHO = "somebody"


class OtherClients:
    """Everybody but the client under test; what they do takes its time, too.

    Acts on one machine return False where the platform refuses them, as for a lease of another.
    """

    def __init__(self, app_state: AppState) -> None:
        self.app_state = app_state
        self._events_due = app_state.events_due
        self._flyd = app_state.flyd

    def launch(
        self,
        image: FlyImage,
        *,
        machines: int = 2,
        regions: Sequence[str] = ("ams",),
        groups: Mapping[str, int] | None = None,
        version: int = 1,
        definition: Definition | None = None,
        changes: Mapping[str, Any] | None = None,
        has_volumes: bool = False,
        age_seconds: float = _A_DAY,
    ) -> FlyRelease:
        """Let the app have run an image for long: a complete release, and machines that are well.

        `groups` counts the machines of each process group in place of `machines`.
        """
        self.app_state.know(image)
        made = merged(definition or plain_definition(self.app_state.app), changes or {})
        self.app_state.ledger.next_version = version
        since = self._events_due.now - age_seconds
        release = self.app_state.ledger.add(image, made, by="history", status="complete", at=since)
        wanted = [g for g, count in (groups or {"app": machines}).items() for _ in range(count)]
        for number, group in enumerate(wanted):
            config = self._config(release, {}, group)
            if has_volumes:
                config["mounts"] = [_mount(number)]
            region = regions[number % len(regions)]
            self._flyd.settled(config, image, region=region, since=since)
        return release

    def remembers(
        self, image: FlyImage, status: str = "complete", *, age_seconds: float = _A_DAY
    ) -> FlyRelease:
        """Let the ledger hold a release that left no trace on the machines."""
        current = self.app_state.ledger.current
        definition = current.definition if current else plain_definition(self.app_state.app)
        at = self._events_due.now - age_seconds
        self.app_state.know(image)
        return self.app_state.ledger.add(image, definition, by="history", status=status, at=at)

    def deploy(
        self,
        image: FlyImage | None = None,
        *,
        strategy: str = "rolling",
        changes: Mapping[str, Any] | None = None,
        **habits: Any,
    ) -> Deploy:
        """Begin a deploy as flyctl makes it; without an image, of the current one.

        `changes` are of fly.toml, None takes a key away. `habits` are those of `Habits`.
        """
        self._events_due.catch_up()
        current = self._current()
        image = self.app_state.know(image or current.image)
        definition = merged(current.definition, changes or {})
        chosen = Habits(strategy=strategy, **habits)
        return self.app_state.deployer.deploy(image, definition, chosen)

    def set_secrets(self) -> Deploy:
        """Begin a release with the same image that restarts the machines with new secrets."""
        self._events_due.catch_up()
        current = self._current()
        return self.app_state.deployer.set_secrets(current.definition, current.image)

    def machine_update(
        self, machine_id: str, image: FlyImage, changes: Mapping[str, Any] | None = None
    ) -> bool:
        """Give one machine another image, as `flyctl machine update` does: without a release."""
        self.app_state.know(image)

        def update(machine: FlyMachine) -> None:
            config = merged(pinned(machine.config, image, self.app_state.app), changes or {})
            self._flyd.update(machine, config, image, by=_WHO, skip_launch=False)

        return self._accepted(machine_id, update)

    def create(
        self,
        image: FlyImage | None = None,
        *,
        group: str = "app",
        region: str = "ams",
        managed: bool = True,
        standby_for: str = "",
    ) -> FlyMachine:
        """Create a machine like those of the current release, or one of somebody's own."""
        self._events_due.catch_up()
        current = self._current()
        image = self.app_state.know(image or current.image)
        config = pinned(self._config(current, {}, group), image, self.app_state.app)
        if not managed:
            config["metadata"] = {}
        if standby_for:
            config["standbys"] = [standby_for]
        return self._flyd.create(
            config, image, region=region, by=_WHO, skip_launch=bool(standby_for)
        )

    def destroy(self, machine_id: str) -> bool:
        return self._accepted(machine_id, lambda m: self._flyd.destroy(m, by=_WHO, force=True))

    def start(self, machine_id: str) -> bool:
        return self._accepted(machine_id, lambda m: self._flyd.start(m, by=_WHO))

    def stop(self, machine_id: str) -> bool:
        return self._accepted(machine_id, lambda m: self._flyd.stop(m, by=_WHO))

    def suspend(self, machine_id: str) -> bool:
        return self._accepted(machine_id, lambda m: self._flyd.suspend(m, by=_WHO))

    def restart(self, machine_id: str) -> bool:
        return self._accepted(machine_id, lambda m: self._flyd.restart(m, by=_WHO))

    def cordon(self, machine_id: str) -> bool:
        return self._accepted(machine_id, lambda m: self._flyd.cordon(m, by=_WHO, cordoned=True))

    def lease(self, machine_id: str, ttl: float = 60.0, owner: str = "somebody") -> FlyLease:
        """Let somebody take a machine's lease."""
        self._events_due.catch_up()
        version = self.machine(machine_id).instance_id
        owner = f"{owner}@tokens.fly.io"
        return self.app_state.leases.acquire(machine_id, owner, ttl=ttl, version=version)

    def autostops_after(self, seconds: float) -> None:
        """Let the proxy stop machines that nobody asked for so long, where they allow it."""
        self._events_due.play(self._autostop(seconds))

    def machine(self, machine_id: str) -> FlyMachine:
        self._events_due.catch_up()
        return self.app_state.machine(machine_id)

    def _accepted(self, machine_id: str, act: Callable[[FlyMachine], object]) -> bool:
        """Act on a machine, and tell whether the platform let it: leases hold for people, too."""
        try:
            machine = self.machine(machine_id)
            self.app_state.leases.demand(machine_id, "")
            act(machine)
        except RefusalError:
            return False
        return True

    def _current(self) -> FlyRelease:
        current = self.app_state.ledger.current
        if current is None:
            raise AssertionError("launch the app first")
        return current

    def _config(self, release: FlyRelease, former: dict[str, Any], group: str) -> dict[str, Any]:
        return configured(
            release.definition,
            former,
            release.image_ref,
            group=group,
            release_id=release.id,
            release_version=release.version,
        )

    def _autostop(self, seconds: float) -> Process:
        while True:
            yield _IDLE_LOOK_SECONDS
            started = [m for m in self.app_state.deployer.managed() if m.state == "started"]
            for machine in started:
                service = next(iter(machine.services), {})
                stays = len([m for m in started if m.state == "started"])
                is_idle = self._events_due.now - machine.last_asked >= seconds
                may = service.get("autostop") and stays > service.get("min_machines_running", 0)
                if may and is_idle and self.app_state.leases.of(machine.id) is None:
                    act = (
                        self._flyd.suspend if service["autostop"] == "suspend" else self._flyd.stop
                    )
                    act(machine, by="proxy")


def _mount(number: int) -> dict[str, Any]:
    return {
        "volume": f"vol_{number:016x}",
        "path": "/data",
        "name": "data",
        "encrypted": True,
        "size_gb": 1,
    }
