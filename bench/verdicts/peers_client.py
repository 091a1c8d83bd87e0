"""How the peers' HTTP clients ask: their time limits and their redirects."""

from random import Random
from typing import NamedTuple

from bench.verdicts.world import Deployment, Reply

PATIENCE = 60.0
_REDIRECTS = 10


class Answer(NamedTuple):
    """What a client makes of a reply; status 0 is no answer within its time limit.

    `seconds` are those of all hops, the first request and each redirect followed.
    """

    status: int
    seconds: float
    body: str
    hops: int = 1


def ask(
    deployment: Deployment,
    at: float,
    rng: Random,
    *,
    timeout: float = PATIENCE,
    follow: bool = False,
    endpoint: str = "health",
) -> Answer:
    """Ask once, `at` seconds after the deploy.

    Without a timeout of its own a client waits PATIENCE seconds: most load balancers answer 504
    after a minute of silence.
    """
    reply = deployment.request(at, endpoint, rng)
    if reply.seconds > timeout:
        return Answer(0, timeout, "")
    if reply.status is None:
        return Answer(0, reply.seconds, "")
    if follow and 300 <= reply.status < 400:
        return _followed(reply, reply.status, timeout)
    return Answer(reply.status, reply.seconds, reply.body)


def is_told_bad(body: str) -> bool:
    """Return whether JSON says it is unhealthy; a user's condition lets `degraded` pass."""
    return body == "unhealthy"


def is_page(body: str) -> bool:
    """Return whether it is an HTML page where JSON was expected."""
    return body == "maintenance"


def _followed(reply: Reply, status: int, timeout: float) -> Answer:
    """Follow to the end. A loop ends as the last 3xx, which most clients report as an error."""
    is_loop = reply.location not in {"good", "login"}
    hops = _REDIRECTS + 1 if is_loop else 2
    seconds = reply.seconds * hops
    if seconds > timeout:
        return Answer(0, timeout, "")
    if is_loop:
        return Answer(status, seconds, "", hops)
    return Answer(200, seconds, "healthy" if reply.location == "good" else "maintenance", hops)
