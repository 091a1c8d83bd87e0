"""Who restores an app: ours, and what flyctl does, written after its sources.

The peers are told the target and each machine's former configuration. Each machine is leased,
updated and awaited; its lease is refreshed and given back. Real flyctl leases all machines at its
start and refreshes them all to its end: that is not counted here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import ceil
from typing import Any

import httpx

from bench.fly_stage import FORMER, Stage
from bench.fly_watch import TOO_OFTEN
from slo_action.core.model import Release
from slo_action.platforms.fly.platform import FlyPlatform
from tests.worlds.fly import DEPLOY_TOKEN
from tests.worlds.fly.call import NONCE_HEADER
from tests.worlds.fly.checks import checks_of

OURS = "slo-verify"
SMOKE_SECONDS = 10.0
POLL_SECONDS = 1.0
"""As ours."""
START_PROGRAM_SECONDS = 0.5
"""Assumed: a static binary of 100 MB starts and reads its configuration."""
CALLS_ELSEWHERE = 5
"""LaunchDarkly's flags, uiex's organisation, createBuild, ResolveImageForApp, finishBuild; assumed
to take as long as any other call."""
_MAX_UNAVAILABLE = 0.33
_MOST_AT_ONCE = 8
"""flyctl's `--max-concurrent`."""
_LEASE_SECONDS = 13
_REFRESH_SECONDS = 4.0
_LONGEST_WAIT_SECONDS = 300.0
_BACK_OFF_SECONDS = 1.0

Contestant = Callable[[Stage], None]
Answer = Any
"""An answer's JSON; the world is ours, so its shapes are known."""


def ours(stage: Stage) -> None:
    """Do what `verify` does from its verdict on: compare, plan, restore."""
    platform = stage.platform
    target = _compared(platform)
    platform.plan(target)
    steps = platform.restore(target, None, lambda _: None)
    told = [f"{step.name}: {step.detail}" for step in steps]
    assert all(step.succeeded for step in steps), told


def _compared(platform: FlyPlatform) -> Release:
    platform.current_release()
    target = platform.previous_release()
    assert target
    return target


@dataclass(frozen=True, slots=True, kw_only=True)
class Roll:
    """A way to roll: `unavailable` is a share of the machines, or from 1 on how many.

    `waits` False is flyctl's `immediate` strategy: nobody waits for anything. `is_program` adds
    what `flyctl deploy` does around it.
    """

    unavailable: float
    waits: bool = True
    is_program: bool = False

    def __call__(self, stage: Stage) -> None:
        """Restore the stage's machines."""
        flyctl = _Flyctl(stage, _client(stage))
        release = flyctl.begin() if self.is_program else ""
        restore = partial(flyctl.restore, waits=self.waits)
        for pool in self.pools(list(stage.former)):
            stage.clock.run_concurrently([partial(restore, machine) for machine in pool])
        if release:
            flyctl.conclude(release)

    def pools(self, machines: Sequence[str]) -> list[Sequence[str]]:
        """Return who is restored side by side, pool by pool."""
        share = self.unavailable
        most = ceil(len(machines) * share) if share < 1 else int(share)
        size = min(most, _MOST_AT_ONCE)
        return [machines[first : first + size] for first in range(0, len(machines), size)]


ONE_BY_ONE = Roll(unavailable=1)
POOLS = Roll(unavailable=_MAX_UNAVAILABLE)
ROLLING = replace(POOLS, is_program=True)
IMMEDIATE = Roll(unavailable=1_000, waits=False, is_program=True)
CONTESTANTS: dict[str, Contestant] = {
    OURS: ours,
    "one after the other": ONE_BY_ONE,
    "pools of a third": POOLS,
    "`flyctl deploy`, rolling": ROLLING,
    "`flyctl deploy`, immediate": IMMEDIATE,
}


@dataclass(frozen=True, slots=True)
class _Flyctl:
    """The calls of one run, which waits where it is told that it asks too often."""

    stage: Stage
    http: httpx.Client

    def begin(self) -> str:
        """Do what comes before the first machine, and return the new release."""
        self.stage.clock.advance(START_PROGRAM_SECONDS)
        self._asked("GET", "")
        for _ in range(CALLS_ELSEWHERE):
            self.stage.clock.advance(self.stage.world.latencies.of("elsewhere"))
        self._asked("GET", "/machines")
        world = self.stage.world
        definition = world.releases[0].definition
        body = {
            "app_name": world.app_state.app,
            "definition": definition,
            "image": FORMER.pinned(world.app_state.app),
            "strategy": "ROLLING",
        }
        made = self._sent("POST", "https://api.fly.io/api/v1/releases", body)
        release: str = made["release"]["id"]
        self._status(release, "running")
        return release

    def conclude(self, release: str) -> None:
        """Close the release."""
        self._status(release, "complete")

    def restore(self, machine: str, *, waits: bool) -> None:
        """Give one machine its former configuration, and see it well."""
        held = _Lease(self, machine)
        held.refresh()
        app = self.stage.world.app_state.app
        config = {**self.stage.former[machine], "image": FORMER.pinned(app)}
        made = self._asked("POST", machine, {"config": config}, held.nonce)
        if waits:
            query = f"?state=started&version={made['instance_id']}&timeout=60"
            self._asked("GET", f"{machine}/wait{query}")
            self._smoke(machine, held)
            self._until(lambda: self._is_well(machine), held)
        self._asked("DELETE", f"{machine}/lease", None, held.nonce)

    def lease(self, machine: str, nonce: str) -> str:
        """Take a lease or make it last longer; return its nonce."""
        told = self._asked("POST", f"{machine}/lease?ttl={_LEASE_SECONDS}", None, nonce)
        taken: str = told["data"]["nonce"]
        return taken

    @property
    def now(self) -> float:
        return self.stage.clock.monotonic()

    def _smoke(self, machine: str, held: "_Lease") -> None:
        """Watch it for crashes a while."""
        end = self.now + SMOKE_SECONDS
        while self.now < end:
            assert self._asked("GET", machine)["state"] == "started"
            self.stage.clock.advance(POLL_SECONDS)
            held.keep()

    def _is_well(self, machine: str) -> bool:
        found = self._asked("GET", machine)
        passing = [one for one in found["checks"] if one["status"] == "passing"]
        expected = list(checks_of(found["config"]))
        return found["state"] == "started" and len(passing) == len(expected)

    def _until(self, is_done: Callable[[], bool], held: "_Lease") -> None:
        end = self.now + _LONGEST_WAIT_SECONDS
        while not is_done():
            assert self.now < end, "a machine does not become well"
            self.stage.clock.advance(POLL_SECONDS)
            held.keep()

    def _status(self, release: str, status: str) -> None:
        url = f"https://api.fly.io/api/v1/releases/{release}"
        self._sent("PATCH", url, {"status": status, "metadata": None})

    def _asked(self, method: str, path: str, body: object = None, nonce: str = "") -> Answer:
        below = f"/machines/{path}" if path and not path.startswith("/") else path
        url = f"https://api.machines.dev/v1/apps/{self.stage.world.app_state.app}{below}"
        return self._sent(method, url, body, nonce)

    def _sent(self, method: str, url: str, body: object = None, nonce: str = "") -> Answer:
        headers = {NONCE_HEADER: nonce} if nonce else {}
        while True:
            answer = self.http.request(method, url, json=body, headers=headers)
            if answer.status_code != TOO_OFTEN:
                break
            self.stage.clock.advance(_BACK_OFF_SECONDS)
        answer.raise_for_status()
        return answer.json() if answer.content else None


@dataclass(slots=True)
class _Lease:
    """One machine's lease, refreshed every few seconds."""

    flyctl: _Flyctl
    machine: str
    nonce: str = ""
    taken: float = 0.0

    def refresh(self) -> None:
        self.taken = self.flyctl.now
        self.nonce = self.flyctl.lease(self.machine, self.nonce)

    def keep(self) -> None:
        if self.flyctl.now >= self.taken + _REFRESH_SECONDS:
            self.refresh()


def _client(stage: Stage) -> httpx.Client:
    headers = {"Authorization": f"Bearer {DEPLOY_TOKEN}"}
    return httpx.Client(transport=stage.world.transport(), timeout=70.0, headers=headers)
