"""A Fly.io app in virtual time, behind the platform's own HTTP APIs and its edge proxy.

    clock = VirtualClock()
    world = FlyWorld(clock)                        # app "shop" of the organisation "personal"
    world.launch(image("1.0"), machines=3)         # release v1, machines well since a day
    world.deploy(broken("1.1"), strategy="immediate")
    world.passes(30)                               # the deploy goes on while time passes

A client with threads of its own needs a `SharedClock` instead of the VirtualClock; its
`run_concurrently` takes the place of the client's thread pool.

Clients: `httpx.Client(transport=world.transport())` pays latencies (`world.latencies`) on the clock
and holds `wait`; `httpx.MockTransport(world.handler)` moves no clock. Every host will do: requests
are told apart by their paths. Tokens: `DEPLOY_TOKEN` (cannot read logs), `READ_TOKEN`,
`FOREIGN_TOKEN` (of another app), `PERSON_TOKEN`; `world.app_state.allow(FlyToken(...))` for more.

The edge: `world.ask` (a Prober), `world.answer` (for VirtualPool), `world.control_answers`,
`world.edge.switches`, `world.proxy_loses`.

Images: `image`, `broken`, `broken_api`, `ready_after`, `dies_after`, `slow`, `flaky`, `crashing`,
`out_of_memory`, `unpullable`; or `image(version, serves)` with a function of the `Visit`. All take
the fields of `FlyImage`. `world.becomes(image)` changes how one behaves from now on.

Other clients: `launch`, `remembers`, `deploy`, `set_secrets`, `machine_update`, `create`,
`destroy`,
`start`, `stop`, `suspend`, `restart`, `cordon`, `lease`, `prune`, `autostops_after`;
`world.at(second, lambda: ...)` schedules any of them.

Faults: `fails(match, status or exception, times, after=...)`, `recovers`, `down(seconds)`,
`lists_late(seconds)`, `host_fails`, `host_returns`, `fills` (a host or a region), `sickens` (until
a restart);
`world.app_state`: `.switches` (`Switches`), `.limits.are_on`, `.flyd.pace`.

What a test sees: `machines`, `machine(id)`, `running()` (id → version that truly runs), `well()`,
`leases()`, `releases`, `log` (of `Deed`), `deeds(by=, action=, since=)`, `requests` (of `Asked`),
`asked` (probes), `now`.

In real time: `python -m tests.worlds.fly.serve --scenario bad` serves it all on one loopback port
(`real_time.served` in a test).
"""

from tests.worlds.fly.change_log import Deed
from tests.worlds.fly.deploys import Deploy, Habits
from tests.worlds.fly.images import (
    Crash,
    FlyImage,
    Served,
    Visit,
    broken,
    broken_api,
    crashing,
    dies_after,
    flaky,
    image,
    out_of_memory,
    ready_after,
    slow,
    spoken,
    unpullable,
    well,
)
from tests.worlds.fly.shared_clock import SharedClock
from tests.worlds.fly.tokens import (
    DEPLOY_TOKEN,
    FOREIGN_TOKEN,
    PERSON_TOKEN,
    READ_TOKEN,
    FlyToken,
)
from tests.worlds.fly.world import FlyWorld

__all__ = [
    "DEPLOY_TOKEN",
    "FOREIGN_TOKEN",
    "PERSON_TOKEN",
    "READ_TOKEN",
    "Crash",
    "Deed",
    "Deploy",
    "FlyImage",
    "FlyToken",
    "FlyWorld",
    "Habits",
    "Served",
    "SharedClock",
    "Visit",
    "broken",
    "broken_api",
    "crashing",
    "dies_after",
    "flaky",
    "image",
    "out_of_memory",
    "ready_after",
    "slow",
    "spoken",
    "unpullable",
    "well",
]
