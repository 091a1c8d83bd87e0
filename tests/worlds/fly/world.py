"""One app on Fly.io in virtual time: the state, its faces, and what other people do to it."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import httpx

from slo_action.core.model import Probe, Sample
from tests.worlds.fly.apis import Asked, FlyApis
from tests.worlds.fly.app_state import AppState
from tests.worlds.fly.change_log import Deed
from tests.worlds.fly.checks import is_well
from tests.worlds.fly.edge import Edge
from tests.worlds.fly.event_queue import WorldClock
from tests.worlds.fly.faults import Fault, Trouble
from tests.worlds.fly.images import FlyImage, broken
from tests.worlds.fly.leases import FlyLease
from tests.worlds.fly.machine import FlyMachine
from tests.worlds.fly.other_clients import OtherClients
from tests.worlds.fly.prober import sample_of
from tests.worlds.fly.releases import FlyRelease
from tests.worlds.fly.transports import Latencies, LatencyTransport, at_once


class FlyWorld(OtherClients):
    """An app, its machines and everything around them. See the package for a tour.

    Nothing happens by itself: time passes by `passes`, by the transport's latency, by `ask`, or
    because somebody waits on the clock; whoever looks next sees what has happened until then.
    """

    name = "fly"

    def __init__(
        self, clock: WorldClock, app: str = "shop", organization: str = "personal"
    ) -> None:
        super().__init__(AppState(clock, app, organization))
        self.apis = FlyApis(self.app_state)
        self.edge = Edge(self.app_state)
        self.latencies = Latencies()
        self.control_answers = True
        self.asked: list[Probe] = []

    # What a client meets.

    def handler(self, request: httpx.Request) -> httpx.Response:
        """Answer as things stand; moves no clock."""
        if not self.apis.is_ours(request):
            return self.edge_response(request)
        return at_once(self.apis, self._events_due, request)

    def transport(self) -> httpx.BaseTransport:
        """Return a way to the APIs that takes the time it takes."""
        return LatencyTransport(self.apis, self._events_due, self.latencies)

    def edge_response(self, request: httpx.Request) -> httpx.Response:
        """Answer a user's request over HTTP; whoever serves it pays its seconds."""
        self._events_due.catch_up()
        forced = str(request.headers.get("fly-force-instance-id", ""))
        served = self.edge.serve(request.url.path, forced)
        return httpx.Response(
            served.status, headers=list(served.headers), content=served.body.encode()
        )

    def ask(self, probes: Sequence[Probe]) -> tuple[Sample, ...]:
        """Answer probes sent at once; the slowest answer's time passes."""
        samples = tuple(self.answer(probe, 0.0) for probe in probes)
        self._events_due.advance(max((sample.total_seconds for sample in samples), default=0.0))
        return samples

    def answer(self, probe: Probe, _at: float) -> Sample:
        """Answer one probe of a pool, which keeps the time."""
        self._events_due.catch_up()
        self.asked.append(probe)
        at = self._events_due.wall()
        return sample_of(probe, self.edge, at, control_answers=self.control_answers)

    # What a test sees.

    @property
    def now(self) -> float:
        """The world's seconds since it began."""
        return self._events_due.now

    @property
    def machines(self) -> list[FlyMachine]:
        """The machines that deploys manage, oldest first."""
        self._events_due.catch_up()
        return self.app_state.deployer.managed()

    def running(self) -> dict[str, str]:
        """Return the version that each managed machine truly runs; empty for one at rest."""
        return {m.id: m.running.image.version if m.running else "" for m in self.machines}

    def well(self) -> dict[str, bool]:
        """Return which managed machines run with all their checks passing."""
        return {machine.id: is_well(machine, self.now) for machine in self.machines}

    def leases(self) -> tuple[FlyLease, ...]:
        """Return every lease that is held now."""
        self._events_due.catch_up()
        return self.app_state.leases.all()

    @property
    def releases(self) -> list[FlyRelease]:
        """The ledger, oldest first."""
        self._events_due.catch_up()
        return self.app_state.ledger.releases

    @property
    def log(self) -> list[Deed]:
        """Everything that was changed, by anybody."""
        self._events_due.catch_up()
        return self.app_state.change_log.deeds

    def deeds(self, *, by: str = "", action: str = "", since: float = 0.0) -> list[Deed]:
        """Return the changes of one owner or one kind, from an instant on."""
        return [
            deed
            for deed in self.log
            if by in {"", deed.by} and action in {"", deed.action} and deed.at >= since
        ]

    @property
    def requests(self) -> list[Asked]:
        """What the APIs were asked."""
        return self.apis.requests

    # How time passes, and what goes wrong.

    def catch_up(self) -> None:
        """Let happen what is due; everything that looks at the world does it by itself."""
        self._events_due.catch_up()

    def passes(self, seconds: float) -> None:
        """Let time go by."""
        self._events_due.advance(seconds)

    def at(self, second: float, event: Callable[[], object]) -> None:
        """Let something happen once that much of the world's time has passed."""
        self._events_due.at(second, lambda: (event(), None)[1])

    def fails(
        self,
        match: str,
        trouble: Trouble,
        times: int | None = 1,
        *,
        after: bool = False,
        error: str = "internal: something went wrong",
    ) -> None:
        """Let the next requests fail. `match` is an action, or a part of `METHOD /path`.

        `times` None is for ever. `after`: the platform does what it is asked, nobody hears of it.
        """
        self.app_state.faults.add(Fault(match, trouble, times, after, error))

    def recovers(self) -> None:
        """Take back all faults, and be up again."""
        self.app_state.faults.clear()
        self.apis.go_down(0.0, 503)

    def down(self, seconds: float, trouble: Trouble = 503) -> None:
        """Let all APIs be away for so long; the app itself goes on."""
        self.apis.go_down(seconds, trouble)

    def lists_late(self, seconds: float) -> None:
        """Let the list of machines tell what was so many seconds ago."""
        self.apis.listed.lag(seconds)

    def host_fails(self, machine_id: str, status: str = "unreachable") -> None:
        self._flyd.lose_host(self.machine(machine_id), status)

    def host_returns(self, machine_id: str) -> None:
        self.machine(machine_id).host_status = "ok"

    def fills(self, machine_or_region: str) -> None:
        """Let a machine's host, or all hosts of a region, have no room for another start."""
        self._flyd.full.add(machine_or_region)

    def proxy_loses(self, machine_id: str) -> None:
        """Let the proxy not route to a machine, though it is well, until it starts again."""
        self.machine(machine_id).is_lost = True

    def sickens(self, machine_id: str) -> None:
        """Let a machine's process answer 503 until the machine is started again."""
        running = self.machine(machine_id).running
        if running is not None:
            running.image = replace(running.image, serves=broken(running.image.version).serves)

    def prune(self, image: FlyImage) -> None:
        """Take an image out of the registry."""
        self.app_state.pruned.add(image.digest)

    def becomes(self, image: FlyImage) -> None:
        """Let an image behave otherwise from now on, wherever it is known."""
        self.app_state.know(image)
        for machine in self._flyd.machines.values():
            known = [machine, machine.running, machine.frozen, *machine.versions]
            for one in known:
                if one is not None and one.image.digest == image.digest:
                    one.image = image
