#!/usr/bin/env python3
"""A pretend flyctl: `deploy`, `releases`, `status` and `machines list` against a served world.

It is run as a program (`put_on_path` makes one named `flyctl`), or in virtual time by `Flyctl`.
Where FAKE_FLYCTL_RECORD names a file, each run adds a line of JSON to it: its arguments, its
directory's files, and its FLY_ variables without the token.
"""

import json
import os
import signal
import sys
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[3])

import httpx

from tests.worlds.fly.fake_flyctl_api import FlyctlApi, FlyctlError
from tests.worlds.fly.fake_flyctl_deploy import FlyctlDeploy, Hands

RECORD = "FAKE_FLYCTL_RECORD"
SMOKE = "FAKE_FLYCTL_SMOKE_SECONDS"

_TOKENS = ("FLY_ACCESS_TOKEN", "FLY_API_TOKEN")
_ADDRESSES = {
    "machines": ("FLY_FLAPS_BASE_URL", "https://api.machines.dev"),
    "graphql": ("FLY_API_BASE_URL", "https://api.fly.io"),
    "releases": ("FLY_UIEX_BASE_URL", "https://api.fly.io"),
    "registry": ("FLY_REGISTRY_HOST", "https://registry.fly.io"),
}
_SHORT = {"a": "app", "c": "config", "i": "image", "t": "access-token", "j": "json", "y": "yes"}
_GLOBAL = {"app": True, "access-token": True, "json": False, "verbose": False, "debug": False}
_VALUED = (
    "config image strategy wait-timeout release-command-timeout lease-timeout max-unavailable "
    "max-concurrent regions exclude-regions only-machines exclude-machines process-groups "
    "deploy-retries env"
)
_SWITCHES = (
    "skip-release-command ha update-only smoke-checks dns-checks detach no-public-ips yes "
    "auto-confirm now remote-only"
)
_FLAGS: Mapping[str, Mapping[str, bool]] = {
    "deploy": {
        **_GLOBAL,
        **dict.fromkeys(_VALUED.split(), True),
        **dict.fromkeys(_SWITCHES.split(), False),
    },
    "releases": {**_GLOBAL, "image": False},
    "status": {**_GLOBAL, "watch": False},
    "machines list": {**_GLOBAL, "quiet": False},
    "version": _GLOBAL,
}
"""Each command's flags, and whether a flag takes a value."""
_NAMES = {"machine": "machines", "m": "machines", "ls": "list"}


class InterruptedRunError(Exception):
    """A signal came: exit code 127."""


@dataclass(slots=True, kw_only=True)
class Flyctl:
    """One run of the program; everything it touches is given to it."""

    environment: Mapping[str, str]
    directory: Path
    hands: Hands
    out: TextIO
    err: TextIO
    transport: httpx.BaseTransport | None = None
    _flags: dict[str, str] = field(default_factory=dict)

    def run(self, arguments: Sequence[str]) -> int:
        """Do what the arguments say and return the exit code."""
        self._record(arguments)
        try:
            self._obey(self._command(arguments))
        except FlyctlError as error:
            self.err.write(f"Error: {error}\n")
            return 1
        except httpx.TimeoutException:
            self.err.write("Error: context deadline exceeded\n")
            return 126
        except InterruptedRunError:
            self.err.write("Error: context canceled\n")
            return 127
        return 0

    def _obey(self, command: str) -> None:
        if command == "version":
            self.out.write("flyctl v0.4.87 pretend\n")
            return
        self._demand_readable_toml()
        api = self._api()
        if command == "deploy":
            self._deploy(api)
        elif command == "releases":
            self._print([_release(node) for node in api.releases()])
        elif command == "status":
            self._print(_status(api))
        else:
            self._print(api.machines())

    def _deploy(self, api: FlyctlApi) -> None:
        if "image" not in self._flags:
            raise FlyctlError("the pretend flyctl deploys images only: give --image")
        deploy = FlyctlDeploy(api, self.hands, self._flags, self.directory)
        release = deploy.run()
        if self.environment.get("FLY_EMIT_RELEASE_JSON") == "1":
            told = {key: release[key] for key in ("id", "version", "image_ref")}
            self.out.write(f"{json.dumps(told)}\n")

    def _command(self, arguments: Sequence[str]) -> str:
        """Read the command and its flags. Raises FlyctlError for what the program has not."""
        words = [_NAMES.get(word, word) for word in arguments]
        named = " ".join(words[:2]) if words[:1] == ["machines"] else " ".join(words[:1])
        if named not in _FLAGS:
            raise FlyctlError(f'unknown command "{named}" for "flyctl"')
        rest = list(arguments[named.count(" ") + 1 :])
        while rest:
            self._take(named, rest)
        return named

    def _take(self, command: str, rest: list[str]) -> None:
        word = rest.pop(0)
        if not word.startswith("-"):
            raise FlyctlError(f'unknown command "{word}" for "flyctl {command}"')
        name, has_value, value = word.lstrip("-").partition("=")
        name = name if word.startswith("--") else _SHORT.get(name, name)
        if name not in _FLAGS[command]:
            raise FlyctlError(f"unknown flag: {word}")
        if not has_value and _FLAGS[command][name]:
            if not rest:
                raise FlyctlError(f"flag needs an argument: {word}")
            value = rest.pop(0)
        self._flags[name] = value or "true"

    def _api(self) -> FlyctlApi:
        given = [self._flags.get("access-token", ""), *map(self.environment.get, _TOKENS)]
        token = next((value for value in given if value), "")
        if not token:
            raise FlyctlError("no access token available. Please login with 'flyctl auth login'")
        app = self._flags.get("app") or self.environment.get("FLY_APP", "")
        if not app:
            raise FlyctlError("the config for your app is missing an app name")
        addresses = {
            name: self.environment.get(variable) or usual
            for name, (variable, usual) in _ADDRESSES.items()
        }
        if "FLY_API_BASE_URL" in self.environment and "FLY_REGISTRY_HOST" not in self.environment:
            addresses["registry"] = addresses["graphql"]  # the real one resolves images there
        http = httpx.Client(transport=self.transport, timeout=30.0)
        return FlyctlApi(http, app, token, addresses)

    def _demand_readable_toml(self) -> None:
        """A broken fly.toml in the directory spoils every command."""
        path = self.directory / "fly.toml"
        try:
            if path.is_file():
                tomllib.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise FlyctlError(f"failed loading app config from fly.toml: {error}") from error

    def _record(self, arguments: Sequence[str]) -> None:
        target = self.environment.get(RECORD)
        if not target:
            return
        run = {
            "argv": list(arguments),
            "directory": str(self.directory),
            "files": sorted(path.name for path in self.directory.iterdir()),
            "environment": {
                key: "***" if key in _TOKENS else value
                for key, value in sorted(self.environment.items())
                if key.startswith("FLY_")
            },
        }
        with Path(target).open("a", encoding="utf-8") as file:
            file.write(f"{json.dumps(run)}\n")

    def _print(self, content: object) -> None:
        self.out.write(f"{json.dumps(content, indent=4)}\n")


def _release(node: Mapping[str, Any]) -> dict[str, Any]:
    user = node["user"]
    return {
        "ID": node["id"],
        "Version": node["version"],
        "Stable": node["stable"],
        "InProgress": False,
        "Reason": node["reason"],
        "Description": node["description"],
        "Status": node["status"],
        "DeploymentStrategy": "",
        "Metadata": None,
        "User": {
            "ID": user["id"],
            "Name": user["name"],
            "Email": user["email"],
            "EnablePaidHobby": False,
        },
        "EvaluationID": "",
        "CreatedAt": node["createdAt"],
        "ImageRef": node["imageRef"],
    }


def _status(api: FlyctlApi) -> dict[str, Any]:
    app = api.current()
    current = app["currentReleaseUnprocessed"] or {}
    return {
        "ID": app["name"],
        "Name": app["name"],
        "Deployed": True,
        "Status": app["status"],
        "Hostname": app["hostname"],
        "Version": current.get("version", 0),
        "AppURL": f"https://{app['hostname']}",
        "PlatformVersion": "machines",
        "Machines": api.deployed(),
    }


def put_on_path(directory: Path, record: Path, smoke_seconds: float = 10.0) -> Path:
    """Write a program named `flyctl` into a directory, and return it.

    It runs under this Python, and keeps its record whatever environment it is started with.
    """
    path = directory / "flyctl"
    lines = (
        f"#!{sys.executable}",
        "import os, runpy",
        f"os.environ[{RECORD!r}] = {str(record)!r}",
        f"os.environ[{SMOKE!r}] = {str(smoke_seconds)!r}",
        f"runpy.run_path({str(Path(__file__).resolve())!r}, run_name='__main__')",
    )
    path.write_text("\n".join((*lines, "")), encoding="utf-8")
    path.chmod(0o755)
    return path


def main() -> int:
    """Run as a program; SIGINT and SIGTERM end it as they end the real one."""

    def interrupt(*_: object) -> None:
        raise InterruptedRunError

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    hands = Hands(
        pause=time.sleep,
        now=time.monotonic,
        say=lambda line: sys.stdout.write(f"{line}\n"),
        smoke_seconds=float(os.environ.get(SMOKE, "10")),
    )
    program = Flyctl(
        environment=os.environ,
        directory=Path.cwd(),
        hands=hands,
        out=sys.stdout,
        err=sys.stderr,
    )
    return program.run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
