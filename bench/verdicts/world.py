"""A deployment as the world sees it: what answers at an instant, and what users suffer.

Times are seconds since the deploy. The endpoints are `health` and `api`.
"""

from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Protocol


class Label(StrEnum):
    """What a verdict must be. Either: at the border, not scored."""

    PASS = "pass"  # noqa: S105
    WARN = "warn"
    ROLLBACK = "rollback"
    EITHER = "either"


@dataclass(frozen=True, slots=True)
class Reply:
    """What one request got.

    `status` is None where no HTTP answer came; `failure` then says why: refused, reset, dns, tls,
    silent, or unreachable (the runner has no road there, such as no IPv6). `seconds` is the time to
    the whole answer or to the failure; `inf` for silence, so a caller cuts it at its own timeout.
    `body` is healthy, degraded, unhealthy or maintenance (an HTML page); `version` new, old, or
    newer (of a later deploy); `location` of a 3xx is good (leads to a healthy 200), login (a 200
    page) or loop. `too_large`: the body is larger than a probe reads.
    """

    status: int | None
    seconds: float
    failure: str = ""
    body: str = "healthy"
    version: str = "new"
    location: str = ""
    retry_after: float | None = None
    cached: bool = False
    challenge: bool = False
    too_large: bool = False


class Deployment(Protocol):
    """One deployment. Its answers are random, its truth is not.

    `onset` is when its fault begins, 0 for one that never was ready, None for none. `rps` is what
    users send, over all endpoints. `expected` holds causes where the label alone is not enough: a
    wrong version, say, must be unhealthy, rolled back or not. Empty: only a rollback is right.
    """

    name: str
    group: str
    label: Label
    onset: float | None
    rps: float
    machines: int
    expected: tuple[str, ...]

    def request(self, at: float, endpoint: str, rng: Random, machine: int | None = None) -> Reply:
        """Answer one request of the runner, through its own network; `machine` forces one."""
        ...

    def control(self, at: float, rng: Random) -> bool:
        """Return whether an unrelated host answers the runner."""
        ...

    def traffic(self, since: float, until: float, rng: Random) -> tuple[int, int, list[float]]:
        """Return what the platform's metrics count of users' requests in a stretch of time.

        Requests, those answered 5xx, and a sample of their seconds. What never reached the service
        (DNS, TLS) is not in it.
        """
        ...

    def bad(self, at: float, endpoint: str) -> float:
        """Return the noise-free share of users' requests that fail at an instant, 0 to 1."""
        ...

    def slow(self, at: float, endpoint: str) -> float:
        """Return the noise-free share of users' good answers that take over 500 ms, 0 to 1."""
        ...
