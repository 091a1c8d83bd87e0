"""The one simulated deployment: a plan, made fast to ask.

`request` is called millions of times, so its answers are built once and its seconds are drawn from
a table of quantiles; `bad` and `slow` count in the same table and so agree with it.
"""

from bisect import bisect_right
from itertools import product
from math import exp, inf
from random import Random
from statistics import NormalDist

from bench.verdicts.edge import Edge
from bench.verdicts.pieces import (
    BOTH,
    KINDS,
    UNCOUNTED,
    Delay,
    Drift,
    Plan,
    Schedule,
)
from bench.verdicts.world import Label, Reply

QUANTILES = 256
SAMPLE = 200  # seconds in one answer of the metrics, at most
TOO_SLOW = 5.0
SLOW = 0.5
_EDGE_GIVES_UP = 60.0
_NORMAL = [NormalDist().inv_cdf((i + 0.5) / QUANTILES) for i in range(QUANTILES)]


class _Stream:
    """One endpoint's share of a plan."""

    __slots__ = ("delays", "drift", "faults", "global_harm", "machine_harm", "quick", "table")

    def __init__(self, plan: Plan, endpoint: str) -> None:
        order = list(KINDS)
        mine = [fault for fault in plan.faults if endpoint in fault.endpoints]
        mine.sort(key=lambda fault: order.index(fault.kind))
        extra = plan.runner.extra_seconds
        self.faults: list[tuple[Schedule, Reply, int | None]] = [
            (fault.when, _later(KINDS[fault.kind], extra), fault.machine) for fault in mine
        ]
        self.global_harm = [f for f in mine if f.harms and f.machine is None]
        self.machine_harm = [f for f in mine if f.harms and f.machine is not None]
        self.delays: list[Delay] = [d for d in plan.delays if endpoint in d.endpoints]
        self.drift: Drift | None = (
            plan.drift if plan.drift and endpoint in plan.drift.endpoints else None
        )
        self.table = [exp(plan.sigma * z) for z in _NORMAL]
        self.quick = [Reply(200, plan.median * factor + extra) for factor in self.table]


def _later(reply: Reply, extra: float) -> Reply:
    """Return the same answer from further away."""
    if not extra:
        return reply
    values = {name: getattr(reply, name) for name in Reply.__slots__}
    return Reply(**{**values, "seconds": reply.seconds + extra})


class Service:
    """Implements Deployment. `reason` says why a hand-made one has its label."""

    __slots__ = (
        "_edge",
        "_has_runner_faults",
        "_out",
        "_public_machines",
        "_streams",
        "_waf",
        "expected",
        "group",
        "label",
        "machines",
        "name",
        "onset",
        "plan",
        "reason",
        "rps",
    )

    def __init__(
        self,
        plan: Plan,
        *,
        name: str,
        group: str,
        label: Label = Label.EITHER,
        onset: float | None = None,
        expected: tuple[str, ...] = (),
        reason: str = "",
    ) -> None:
        self.plan = plan
        self.name = name
        self.group = group
        self.label = label
        self.onset = onset
        self.expected = expected
        self.reason = reason
        self.rps = plan.rps
        self.machines = plan.machines
        self._streams = {endpoint: _Stream(plan, endpoint) for endpoint in BOTH}
        self._out = plan.runner.out
        runner = plan.runner
        self._has_runner_faults = bool(runner.out or runner.loss or runner.waf_rps)
        own_faults = any(fault.machine is not None for fault in plan.faults)
        self._public_machines = plan.machines if own_faults and not plan.masks else 0
        self._waf: tuple[Random | None, int, int] = (None, 0, 0)
        self._edge = Edge(plan)

    def request(self, at: float, endpoint: str, rng: Random, machine: int | None = None) -> Reply:
        """Answer one request of the runner, through its own network; `machine` forces one."""
        plan = self.plan
        random = rng.random
        if self._has_runner_faults:
            reply = self._runner_fault(at, rng)
            if reply is not None:
                return reply
        stream = self._streams[endpoint]
        if machine is None and self._public_machines:
            machine = int(random() * self._public_machines)
        for when, reply, where in stream.faults:
            if (where is None or where == machine) and random() < when.at(at):
                return reply
        if stream.delays or stream.drift or at < plan.held_until:
            return Reply(200, self._seconds(stream, at, rng) + plan.runner.extra_seconds)
        return stream.quick[int(random() * QUANTILES)]

    def control(self, at: float, rng: Random) -> bool:
        """Return whether an unrelated host answers the runner."""
        return not self._is_out(at) and rng.random() >= self.plan.runner.loss

    def traffic(self, since: float, until: float, rng: Random) -> tuple[int, int, list[float]]:
        """Return what the platform's metrics count of users' requests in a stretch of time.

        Users ask `api`. Requests, those answered 5xx, and a sample of their seconds.
        """
        since, until = since - self.plan.skew, until - self.plan.skew
        total, errors = self._edge.count(since, until, rng)
        stretch = until - since
        wanted = min(total, SAMPLE)
        seconds = [self._user_seconds(since + stretch * rng.random(), rng) for _ in range(wanted)]
        return total, errors, seconds

    def bad(self, at: float, endpoint: str) -> float:
        """Return the noise-free share of users' requests that fail at an instant, 0 to 1.

        An answer after 5 s is a failure.
        """
        if at < 0:
            return self.plan.before
        return 1.0 - self._well(at, endpoint) * (1.0 - self._over(TOO_SLOW, at, endpoint))

    def slow(self, at: float, endpoint: str) -> float:
        """Return the noise-free share of users' good answers that take over 500 ms, 0 to 1."""
        too_slow = self._over(TOO_SLOW, at, endpoint)
        if too_slow >= 1.0:
            return 0.0
        return (self._over(SLOW, at, endpoint) - too_slow) / (1.0 - too_slow)

    def _runner_fault(self, at: float, rng: Random) -> Reply | None:
        runner = self.plan.runner
        if self._out and self._is_out(at):
            return KINDS[runner.out_kind]
        if runner.loss and rng.random() < runner.loss:
            return KINDS["silent"]
        if runner.waf_rps and self._is_limited(at, rng):
            return KINDS["429"]
        return None

    def _is_out(self, at: float) -> bool:
        return any(start <= at < end for start, end in self._out)

    def _is_limited(self, at: float, rng: Random) -> bool:
        """Count the requests of one second. A new run brings a new generator: count anew."""
        owner, second, count = self._waf
        now = int(at)
        count = count + 1 if owner is rng and second == now else 1
        self._waf = (rng, now, count)
        return count > (self.plan.runner.waf_rps or inf)

    def _seconds(self, stream: _Stream, at: float, rng: Random) -> float:
        random = rng.random
        median = stream.drift.at(at) if stream.drift else self.plan.median
        seconds = median * stream.table[int(random() * QUANTILES)]
        for delay in stream.delays:
            if random() < delay.when.at(at):
                seconds += delay.seconds
        return seconds + max(0.0, self.plan.held_until - at)

    def _well(self, at: float, endpoint: str) -> float:
        """Return the share of users' requests that meet no fault."""
        stream = self._streams[endpoint]
        well = 1.0
        for fault in stream.global_harm:
            well *= 1.0 - fault.when.at(at)
        if not stream.machine_harm or self.plan.masks:
            return well
        each = [1.0] * self.machines
        for fault in stream.machine_harm:
            if fault.machine is not None:
                each[fault.machine] *= 1.0 - fault.when.at(at)
        return well * sum(each) / self.machines

    def _over(self, limit: float, at: float, endpoint: str) -> float:
        """Return the share of good answers that take longer than `limit` seconds."""
        stream = self._streams[endpoint]
        median = stream.drift.at(at) if stream.drift else self.plan.median
        left = limit - max(0.0, self.plan.held_until - at)
        over = 0.0
        for hits in product((False, True), repeat=len(stream.delays)):
            chance, room = 1.0, left
            for delay, hit in zip(stream.delays, hits, strict=True):
                share = delay.when.at(at)
                chance *= share if hit else 1.0 - share
                room -= delay.seconds if hit else 0.0
            if chance:
                over += chance * _beyond(stream.table, room / median)
        return over

    def _user_seconds(self, at: float, rng: Random) -> float:
        """Return the seconds of one user's request as the edge sees them."""
        at = max(0.0, at)
        stream = self._streams["api"]
        for fault in stream.global_harm + stream.machine_harm:
            share = fault.when.at(at) / (1 if fault.machine is None else self.machines)
            visible = fault.machine is None or not self.plan.masks
            if visible and fault.kind not in UNCOUNTED and rng.random() < share:
                return min(_EDGE_GIVES_UP, KINDS[fault.kind].seconds)
        return self._seconds(stream, at, rng)


def _beyond(table: list[float], factor: float) -> float:
    """Return the share of a sorted table above a value."""
    return 1.0 - bisect_right(table, factor) / QUANTILES
