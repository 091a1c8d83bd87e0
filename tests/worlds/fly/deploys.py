"""What other people do to the app: deploys as flyctl makes them, step by step in time."""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from tests.worlds.fly.change_log import ChangeLog
from tests.worlds.fly.checks import is_well
from tests.worlds.fly.definitions import Definition, configured, stored
from tests.worlds.fly.event_queue import EventQueue, Process
from tests.worlds.fly.flyd import Flyd
from tests.worlds.fly.images import FlyImage
from tests.worlds.fly.leases import Leases
from tests.worlds.fly.machine import FlyMachine
from tests.worlds.fly.refusal import RefusalError
from tests.worlds.fly.releases import FlyRelease, Ledger

_LEASE_SECONDS = 13.0
_REFRESH_SECONDS = 4.0
_STEP_SECONDS = 0.5
_LEASE_PATIENCE_SECONDS = 60.0
_LAUNCHED_STATES = frozenset({"started", "starting", "failed"})
_OVERHEAD_SECONDS = 2.0


class DeployFailedError(Exception):
    """Why a deploy gives up, as flyctl would print it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How a deploy goes about it; the defaults are flyctl's.

    `strategy` is rolling, immediate, bluegreen or half. `dies_after` is how many machines it has
    updated when it is killed: the leases are left behind, and the release stays `running`; `half`
    is rolling, killed in the middle. `smoke_seconds` are watched for crashes after each start.
    """

    strategy: str = "rolling"
    dies_after: int | None = None
    skips_release_command: bool = False
    max_unavailable: float = 0.33
    wait_seconds: float = 300.0
    smoke_seconds: float = 10.0


@dataclass(slots=True, kw_only=True)
class Deploy:
    """A deploy under way. `ended` is empty, complete, failed, or killed; `why` is its error."""

    release: FlyRelease
    habits: Habits
    ended: str = ""
    why: str = ""
    nonces: dict[str, str] = field(default_factory=dict)
    touched: list[str] = field(default_factory=list)

    @property
    def by(self) -> str:
        return f"deploy v{self.release.version}"


class Deployer:
    """Deploys, one process each; they go on while the world's time passes."""

    def __init__(
        self,
        events_due: EventQueue,
        change_log: ChangeLog,
        flyd: Flyd,
        leases: Leases,
        ledger: Ledger,
    ) -> None:
        self._events_due = events_due
        self._diary = change_log
        self._flyd = flyd
        self._leases = leases
        self._ledger = ledger

    def deploy(
        self, image: FlyImage, definition: Definition, habits: Habits, *, by: str = "somebody"
    ) -> Deploy:
        """Begin a deploy, which makes its release at once."""
        strategy = "rolling" if habits.strategy == "half" else habits.strategy
        release = self._ledger.add(
            image,
            stored(definition, "" if strategy == "rolling" else strategy),
            by=by,
            status="running",
            strategy=strategy.upper(),
        )
        deploy = Deploy(release=release, habits=habits)
        self._events_due.play(self._run(deploy))
        return deploy

    def set_secrets(self, definition: Definition, image: FlyImage) -> Deploy:
        """Set secrets: a release with the same image, whose machines are restarted one by one."""
        self._flyd.life.secrets += 1
        habits = Habits(skips_release_command=True, smoke_seconds=0.0)
        return self.deploy(image, definition, habits)

    def managed(self) -> list[FlyMachine]:
        """Return the machines that deploys look after."""
        return [machine for machine in self._flyd.machines.values() if machine.is_deployed]

    def _run(self, deploy: Deploy) -> Process:
        try:
            yield _OVERHEAD_SECONDS
            yield from self._release_command(deploy)
            yield from self._lease(deploy)
            self._events_due.play(self._keep(deploy))
            yield from self._strategies()[deploy.habits.strategy](deploy)
        except (DeployFailedError, RefusalError) as error:
            deploy.why = str(error)
        if not deploy.ended:
            self._end(deploy, "failed" if deploy.why else "complete")

    def _strategies(self) -> Mapping[str, Callable[[Deploy], Process]]:
        return {
            "rolling": self._roll,
            "half": self._roll,
            "immediate": self._all_at_once,
            "bluegreen": self._bluegreen,
        }

    def _end(self, deploy: Deploy, status: str) -> None:
        deploy.ended = status
        self._ledger.conclude(deploy.release, status, by=deploy.by)
        for machine, nonce in deploy.nonces.items():
            lease = self._leases.of(machine)
            if lease is not None and lease.nonce == nonce:
                self._leases.release(machine, nonce)

    def _lease(self, deploy: Deploy) -> Process:
        until = self._events_due.now + _LEASE_PATIENCE_SECONDS
        for machine in self.managed():
            while self._leases.of(machine.id) and self._events_due.now < until:
                yield 1.0
            owner = f"{deploy.by}@tokens.fly.io"
            version = machine.instance_id
            lease = self._leases.acquire(machine.id, owner, ttl=_LEASE_SECONDS, version=version)
            deploy.nonces[machine.id] = lease.nonce

    def _keep(self, deploy: Deploy) -> Process:
        """Refresh the leases as long as the deploy lives."""
        while True:
            yield _REFRESH_SECONDS
            if deploy.ended:
                return
            for machine, nonce in deploy.nonces.items():
                lease = self._leases.of(machine)
                if lease is not None and lease.nonce == nonce:
                    self._leases.acquire(machine, lease.owner, nonce=nonce, ttl=_LEASE_SECONDS)

    def _roll(self, deploy: Deploy) -> Process:
        machines = self.managed()
        size = max(1, ceil(len(machines) * deploy.habits.max_unavailable))
        for begin in range(0, len(machines), size):
            launched = []
            for machine in machines[begin : begin + size]:
                if self._update(deploy, machine):
                    launched.append(machine)
                if self._dies(deploy, len(machines)):
                    return
            for machine in launched:
                yield from self._smoke(deploy, machine)
                yield from self._see_well(deploy, machine)

    def _dies(self, deploy: Deploy, machines: int) -> bool:
        """Return whether the process is killed now: an update may just have been sent."""
        limit = deploy.habits.dies_after
        if limit is None and deploy.habits.strategy == "half":
            limit = max(1, machines // 2)
        if limit is None or len(deploy.touched) < limit:
            return False
        deploy.ended, deploy.why = "killed", "the process was killed"
        return True

    def _all_at_once(self, deploy: Deploy) -> Process:
        machines = self.managed()
        for machine in machines:
            self._update(deploy, machine)
            if self._dies(deploy, len(machines)):
                return
        yield 0.0

    def _bluegreen(self, deploy: Deploy) -> Process:
        blue = self.managed()
        if len({machine.image.digest for machine in blue}) > 1:
            raise DeployFailedError("found multiple image versions")
        green = [self._twin(deploy, machine) for machine in blue]
        for machine in green:
            yield from self._see_well(deploy, machine)
        for machine in blue:
            self._flyd.cordon(machine, by=deploy.by, cordoned=True)
        yield 3.0
        for machine in blue:
            self._flyd.destroy(machine, by=deploy.by, force=True)

    def _twin(self, deploy: Deploy, machine: FlyMachine) -> FlyMachine:
        config = self._config(deploy, machine)
        config["metadata"]["fly_bluegreen_deployment_tag"] = f"tag-{deploy.release.version}"
        return self._flyd.create(config, deploy.release.image, region=machine.region, by=deploy.by)

    def _update(self, deploy: Deploy, machine: FlyMachine) -> bool:
        """Update one machine, and tell whether it is started; one at rest is left at rest."""
        launches = machine.state in _LAUNCHED_STATES and not machine.is_standby
        config, image = self._config(deploy, machine), deploy.release.image
        self._flyd.update(machine, config, image, by=deploy.by, skip_launch=not launches)
        deploy.touched.append(machine.id)
        return launches

    def _config(self, deploy: Deploy, machine: FlyMachine) -> dict[str, Any]:
        release = deploy.release
        return configured(
            release.definition,
            machine.config,
            release.image_ref,
            group=machine.group,
            release_id=release.id,
            release_version=release.version,
        )

    def _see_well(self, deploy: Deploy, machine: FlyMachine) -> Process:
        """Wait for started and passing; a silent revert looks the same to it, as to flyctl."""

        def is_done() -> bool:
            return machine.state == "started" and is_well(machine, self._events_due.now)

        if not (yield from self._until(is_done, deploy.habits.wait_seconds)):
            words = f"timeout reached waiting for health checks to pass for machine {machine.id}"
            raise DeployFailedError(words)

    def _smoke(self, deploy: Deploy, machine: FlyMachine) -> Process:
        """Wait for the start, and watch for crashes a while."""
        has_begun: Callable[[], bool] = lambda: machine.state == "started" or machine.crashes > 0  # noqa: E731
        yield from self._until(has_begun, deploy.habits.wait_seconds)
        yield deploy.habits.smoke_seconds
        if machine.crashes:
            raise DeployFailedError(
                f"smoke checks for {machine.id} failed: the app appears to crash"
            )

    def _until(self, is_done: Callable[[], bool], patience: float) -> Generator[float, None, bool]:
        until = self._events_due.now + patience
        while not is_done():
            if self._events_due.now >= until:
                return False
            yield _STEP_SECONDS
        return True

    def _release_command(self, deploy: Deploy) -> Process:
        """Run the release command on a machine of its own, which is destroyed after it."""
        command = (deploy.release.definition.get("deploy") or {}).get("release_command")
        if not command or deploy.habits.skips_release_command:
            return
        machine = self._command_machine(deploy, str(command))
        is_over: Callable[[], bool] = lambda: machine.state in {"destroyed", "failed"}  # noqa: E731
        yield from self._until(is_over, deploy.habits.wait_seconds)
        if not machine.is_gone:
            self._flyd.destroy(machine, by=deploy.by, force=True)
        if code := deploy.release.image.release_command_exit:
            raise DeployFailedError(f"release command failed - exit code {code}")

    def _command_machine(self, deploy: Deploy, command: str) -> FlyMachine:
        release = deploy.release
        config = {
            "image": release.image_ref,
            "init": {"cmd": command.split()},
            "restart": {"policy": "no"},
            "auto_destroy": True,
            "dns": {"skip_registration": True},
            "env": {"RELEASE_COMMAND": "1", "FLY_PROCESS_GROUP": "fly_app_release_command"},
            "metadata": {
                "fly_platform_version": "v2",
                "fly_process_group": "fly_app_release_command",
                "fly_release_id": release.id,
                "fly_release_version": str(release.version),
            },
        }
        return self._flyd.create(config, release.image, region="ams", by=deploy.by)
