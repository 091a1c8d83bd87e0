"""The pieces a simulated deployment is put together from. Times are seconds since the deploy."""

from dataclasses import dataclass
from math import inf

from bench.verdicts.world import Reply

BOTH = ("health", "api")
API = ("api",)
HEALTH = ("health",)


@dataclass(frozen=True, slots=True)
class Always:
    """The same share of requests, 0 to 1, from the deploy on."""

    share: float = 1.0

    def at(self, _instant: float) -> float:
        """Return the share of requests hit at an instant, 0 to 1."""
        return self.share


@dataclass(frozen=True, slots=True)
class Spans:
    """A share of the requests within some stretches of time, none outside."""

    spans: tuple[tuple[float, float], ...]
    share: float = 1.0

    def at(self, instant: float) -> float:
        """Return the share of requests hit at an instant, 0 to 1."""
        for start, end in self.spans:
            if start <= instant < end:
                return self.share
        return 0.0


@dataclass(frozen=True, slots=True)
class Flap:
    """Down for the first `down` seconds of each `period`, from `start` on."""

    period: float
    down: float
    start: float = 0.0
    share: float = 1.0

    def at(self, instant: float) -> float:
        """Return the share of requests hit at an instant, 0 to 1."""
        since = instant - self.start
        return self.share if since >= 0 and since % self.period < self.down else 0.0


@dataclass(frozen=True, slots=True)
class Ramp:
    """None until `start`, then a straight line up to `share` at `end`, and so it stays."""

    start: float
    end: float
    share: float

    def at(self, instant: float) -> float:
        """Return the share of requests hit at an instant, 0 to 1."""
        done = (instant - self.start) / (self.end - self.start)
        return self.share * min(1.0, max(0.0, done))


Schedule = Always | Spans | Flap | Ramp


def since(start: float, share: float = 1.0) -> Spans:
    """Return a schedule that never ends."""
    return Spans(((start, inf),), share)


def until(end: float, share: float = 1.0) -> Spans:
    """Return a schedule that starts with the deploy."""
    return Spans(((0.0, end),), share)


# What a fault answers. The order is who speaks first: the network before the application.
KINDS: dict[str, Reply] = {
    "unreachable": Reply(None, 0.01, "unreachable"),
    "dns": Reply(None, 0.05, "dns"),
    "silent": Reply(None, inf, "silent"),
    "refused": Reply(None, 0.03, "refused"),
    "reset": Reply(None, 0.06, "reset"),
    "tls": Reply(None, 0.06, "tls"),
    "challenge": Reply(403, 0.05, challenge=True),
    "429": Reply(429, 0.04, retry_after=30.0),
    "cached": Reply(200, 0.04, cached=True),
    "503": Reply(503, 0.04),
    "502": Reply(502, 0.04),
    "500": Reply(500, 0.06),
    "504": Reply(504, 60.0),
    "401": Reply(401, 0.05),
    "403": Reply(403, 0.05),
    "404": Reply(404, 0.05),
    "good": Reply(301, 0.05, location="good"),
    "login": Reply(302, 0.05, location="login"),
    "loop": Reply(302, 0.05, location="loop"),
    "maintenance": Reply(200, 0.06, body="maintenance"),
    "unhealthy": Reply(200, 0.08, body="unhealthy"),
    "old": Reply(200, 0.08, version="old"),
    "trickle": Reply(200, 30.0),
    "newer": Reply(200, 0.08, version="newer"),
    "degraded": Reply(200, 0.08, body="degraded"),
    "large": Reply(200, 2.5, too_large=True),
}
# A user is well served by these, or never meets them.
HARMLESS = frozenset({"unreachable", "challenge", "429", "cached", "good", "newer", "degraded"}) | {
    "large",
}
# The platform's edge counts these as 5xx, those without an answer as its own 502 or 504.
COUNTED_5XX = frozenset({"silent", "refused", "reset", "503", "502", "500", "504"})
# These never reach the platform's edge.
UNCOUNTED = frozenset({"dns", "tls", "unreachable"})


@dataclass(frozen=True, slots=True)
class Fault:
    """Some requests get a bad answer, each by its own coin.

    `kind` is a key of KINDS. `machine` None means all. `runner_only` faults meet no user.
    """

    kind: str
    when: Schedule = Always()
    endpoints: tuple[str, ...] = BOTH
    machine: int | None = None
    runner_only: bool = False

    @property
    def harms(self) -> bool:
        """True where users suffer."""
        return not self.runner_only and self.kind not in HARMLESS


@dataclass(frozen=True, slots=True)
class Delay:
    """Some good answers take `seconds` longer."""

    when: Schedule
    seconds: float
    endpoints: tuple[str, ...] = BOTH


@dataclass(frozen=True, slots=True)
class Drift:
    """The median goes from one value to another, in seconds; before and after it stays.

    A straight line, or by equal factors where `geometric`.
    """

    start: float
    end: float
    first: float
    last: float
    geometric: bool = False
    endpoints: tuple[str, ...] = BOTH

    def at(self, instant: float) -> float:
        """Return the median at an instant, in seconds."""
        if instant >= self.end:
            return self.last
        done = max(0.0, (instant - self.start) / (self.end - self.start))
        if self.geometric:
            return float(self.first * (self.last / self.first) ** done)
        return self.first + (self.last - self.first) * done


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """The probing side. What happens here meets no user.

    `out` are stretches without network: the control is dead too; `out_kind` is how it looks.
    `loss` is the share of requests that vanish. `extra_seconds` is the distance. Above `waf_rps`
    requests a second it gets 429.
    """

    out: tuple[tuple[float, float], ...] = ()
    out_kind: str = "silent"
    loss: float = 0.0
    extra_seconds: float = 0.0
    waf_rps: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything about one deployment but its name and label.

    `median` and `sigma` shape the lognormal seconds of good answers. A request before `held_until`
    waits until then (a cold start). `masks`: the balancer sends nothing to a machine with a fault
    of its own. `before` is the share of users' requests that failed before the deploy. `skew` is by
    how many seconds the metric source's clock is ahead.
    """

    faults: tuple[Fault, ...] = ()
    delays: tuple[Delay, ...] = ()
    drift: Drift | None = None
    median: float = 0.08
    sigma: float = 0.35
    held_until: float = 0.0
    runner: Runner = Runner()
    machines: int = 1
    masks: bool = False
    rps: float = 10.0
    before: float = 0.0
    skew: float = 0.0
