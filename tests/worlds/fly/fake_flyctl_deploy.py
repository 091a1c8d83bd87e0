"""`flyctl deploy` as it is pretended: its order, its flags, and its traps."""

import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any

from tests.worlds.fly.checks import checks_of
from tests.worlds.fly.definitions import configured, groups_of
from tests.worlds.fly.durations import seconds_of
from tests.worlds.fly.fake_flyctl_api import FlyctlApi, FlyctlError

_LEASE_SECONDS = 13
_REFRESH_SECONDS = 4.0
_LEASE_PATIENCE_SECONDS = 60.0
_POLL_SECONDS = 0.5
_LAUNCHED = frozenset({"started", "starting", "failed"})

Json = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Hands:
    """What a deploy touches beside the API: `pause` waits, `now` counts seconds, `say` prints."""

    pause: Callable[[float], None]
    now: Callable[[], float]
    say: Callable[[str], object]
    smoke_seconds: float = 10.0


@dataclass(slots=True)
class FlyctlDeploy:
    """One deploy; `flags` are those given, without their dashes."""

    api: FlyctlApi
    hands: Hands
    flags: Mapping[str, str]
    directory: Path
    release: Json = field(default_factory=dict)
    definition: Json = field(default_factory=dict)
    _refreshed: float = 0.0

    def run(self) -> Json:
        """Deploy, and return the release. Raises FlyctlError; leases are given back anyhow."""
        self.api.app_known()
        self.definition = definition_of(self.api, self.flags.get("config", ""), self.directory)
        if not self.api.has_image(self.flags["image"]):
            raise FlyctlError(f'could not find image "{self.flags["image"]}"')
        self.release = self.api.add_release(self.definition, self.flags["image"], self._strategy)
        ended = "interrupted"
        try:
            self._deploy()
            ended = "complete"
        except FlyctlError:
            ended = "failed"
            raise
        finally:
            self.api.release_leases()
            self.api.end_release(self.release["id"], ended)
        return self.release

    @property
    def _strategy(self) -> str:
        own = (self.definition.get("deploy") or {}).get("strategy", "rolling")
        return self.flags.get("strategy", own)

    def _deploy(self) -> None:
        if not self._is_on("skip-release-command"):
            self._release_command()
        machines = self.api.deployed()
        self._lease(machines)
        kept = self._regrouped(machines)
        if self._strategy == "bluegreen":
            self._bluegreen(kept)
        else:
            self._update_all(kept)
        if not self._is_on("update-only"):
            self._fill_groups()
        if self._is_on("ha"):
            self._spare()

    def _is_on(self, flag: str, otherwise: str = "false") -> bool:
        default = "true" if flag in {"ha", "smoke-checks"} else otherwise
        return self.flags.get(flag, default) == "true"

    def _release_command(self) -> None:
        command = (self.definition.get("deploy") or {}).get("release_command")
        if not command:
            return
        self.hands.say(f"Running {self.api.app} release_command: {command}")
        config = self._configured({}, "fly_app_release_command")
        more = {"services": [], "restart": {"policy": "no"}, "init": {"cmd": command.split()}}
        machine = self.api.create({**config, **more}, "ams")["id"]
        self._until(lambda: self._state(machine) in {"stopped", "failed"}, 300.0)
        code = next((one["exit_code"] for one in self._exits(machine)), 0)
        self.api.destroy(machine)
        if code:
            raise FlyctlError(f"release command failed - aborting deployment. exit code {code}")

    def _lease(self, machines: list[Json]) -> None:
        until = self.hands.now() + _LEASE_PATIENCE_SECONDS
        for machine in machines:
            while True:
                try:
                    self.api.lease(machine["id"], _LEASE_SECONDS)
                    break
                except FlyctlError as error:
                    is_held = "lease currently held" in str(error)
                    if not is_held or self.hands.now() >= until:
                        raise
                self.hands.pause(1.0)
        self._refreshed = self.hands.now()

    def _regrouped(self, machines: list[Json]) -> list[Json]:
        """Destroy the machines whose group the definition has not, and return the others."""
        groups = groups_of(self.definition)
        for machine in machines:
            if _group(machine) not in groups:
                self.hands.say(f"Destroying machine {machine['id']} of group {_group(machine)}")
                self.api.destroy(machine["id"])
        return [machine for machine in machines if _group(machine) in groups]

    def _bluegreen(self, blue: list[Json]) -> None:
        if len({machine["image_ref"]["digest"] for machine in blue}) > 1:
            raise FlyctlError("found multiple image versions")
        if any(not list(checks_of(_config(machine))) for machine in blue):
            raise FlyctlError("bluegreen deployments require at least one health check")
        green = [self._twin(machine) for machine in blue]
        for machine in green:
            self._see_well(machine)
        for old in blue:
            self.api.cordon(old["id"])
            self.api.destroy(old["id"])

    def _update_all(self, machines: list[Json]) -> None:
        share = float(self.flags.get("max-unavailable", "0.33"))
        size = max(1, ceil(len(machines) * share))
        for begin in range(0, len(machines), size):
            batch = machines[begin : begin + size]
            started = [found for machine in batch if (found := self._update(machine))]
            if self._strategy != "immediate":
                for machine in started:
                    self._smoke(machine)
                    self._see_well(machine)

    def _update(self, machine: Json) -> str:
        """Update one machine and return its id; empty where it is left at rest."""
        if machine["host_status"] != "ok":
            return self._replaced(machine)
        config = self._configured(machine["config"], _group(machine))
        is_launched = machine["state"] in _LAUNCHED and not machine["config"].get("standbys")
        self.hands.say(f"Updating {machine['id']} [{_group(machine)}]")
        self.api.update(machine["id"], config, skip_launch=not is_launched)
        return machine["id"] if is_launched else ""

    def _replaced(self, machine: Json) -> str:
        if (machine.get("incomplete_config") or {}).get("mounts"):
            raise FlyctlError(f"machine {machine['id']} requires manual intervention")
        self.api.destroy(machine["id"])
        return self._twin(machine)

    def _twin(self, machine: Json) -> str:
        config = self._configured(_config(machine), _group(machine))
        made: str = self.api.create(config, machine["region"])["id"]
        return made

    def _fill_groups(self) -> None:
        there = {_group(machine) for machine in self.api.deployed()}
        for group in groups_of(self.definition):
            if group not in there:
                region = self.definition.get("primary_region", "ams")
                self._see_well(self.api.create(self._configured({}, group), region)["id"])

    def _spare(self) -> None:
        """Give each group that serves users a second machine."""
        machines = self.api.deployed()
        for group in groups_of(self.definition):
            own = [machine for machine in machines if _group(machine) == group]
            if len(own) == 1 and _config(own[0]).get("services"):
                self.hands.say(f"Creating a second machine of group {group}")
                self._twin(own[0])

    def _smoke(self, machine: str) -> None:
        """Watch a machine for crashes a while after its start."""
        wait = seconds_of(self.flags.get("wait-timeout"), 300.0)
        before = self._crashes(machine)
        self._until(lambda: self._state(machine) in {"started", "stopped", "failed"}, wait)
        if self._is_on("smoke-checks"):
            self._until(lambda: self._crashes(machine) > before, self.hands.smoke_seconds)
        if self._crashes(machine) > before or self._state(machine) == "failed":
            raise FlyctlError(f"smoke checks for {machine} failed: the app appears to be crashing")

    def _see_well(self, machine: str) -> None:
        """Wait for the checks; whose image answers them it does not ask."""
        wait = seconds_of(self.flags.get("wait-timeout"), 300.0)
        if not self._until(lambda: self._is_well(machine), wait):
            words = f"timeout reached waiting for health checks to pass for machine {machine}"
            raise FlyctlError(words)

    def _is_well(self, machine: str) -> bool:
        found = self.api.machine(machine)
        passing = [check for check in found["checks"] if check["status"] == "passing"]
        expected = len(list(checks_of(_config(found))))
        return found["state"] == "started" and len(passing) == expected

    def _state(self, machine: str) -> str:
        state: str = self.api.machine(machine)["state"]
        return state

    def _crashes(self, machine: str) -> int:
        return len([one for one in self._exits(machine) if not one["requested_stop"]])

    def _exits(self, machine: str) -> list[Json]:
        events = self.api.machine(machine)["events"]
        return [event["request"]["exit_event"] for event in events if "request" in event]

    def _until(self, is_done: Callable[[], bool], patience: float) -> bool:
        until = self.hands.now() + patience
        while not is_done():
            if self.hands.now() >= until:
                return False
            self.hands.pause(_POLL_SECONDS)
            self._refresh()
        return True

    def _refresh(self) -> None:
        if self.hands.now() - self._refreshed >= _REFRESH_SECONDS:
            self._refreshed = self.hands.now()
            for machine in self.api.nonces:
                self.api.lease(machine, _LEASE_SECONDS)

    def _configured(self, former: Mapping[str, Any], group: str) -> Json:
        return configured(
            self.definition,
            dict(former),
            self.flags["image"],
            group=group,
            release_id=self.release["id"],
            release_version=self.release["version"],
        )


def definition_of(api: FlyctlApi, named: str, directory: Path) -> Json:
    """Return the named file, else one in the directory, else that of the newest release."""
    candidates = [named] if named else ["fly.toml", "fly.json"]
    for name in candidates:
        path = directory / name
        if path.is_file():
            return _with_files(_read(path), directory)
        if named:
            raise FlyctlError(f"failed loading app config from {named}: no such file")
    found: Json = api.current()["currentReleaseUnprocessed"]["configDefinition"]
    return found


def _read(path: Path) -> Json:
    text = path.read_text(encoding="utf-8")
    try:
        found = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except ValueError as error:
        raise FlyctlError(f"failed loading app config from {path.name}: {error}") from error
    return dict(found)


def _with_files(definition: Json, directory: Path) -> Json:
    """Demand the files that a definition copies from the disk, wherever the command runs."""
    for file in definition.get("files") or []:
        local = file.get("local_path")
        if local and not (directory / local).is_file():
            raise FlyctlError(f"could not read file {local}: no such file or directory")
    return definition


def _config(machine: Mapping[str, Any]) -> Json:
    return dict(machine.get("config") or machine.get("incomplete_config") or {})


def _group(machine: Mapping[str, Any]) -> str:
    return str((_config(machine).get("metadata") or {}).get("fly_process_group", ""))
