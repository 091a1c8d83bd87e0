"""Peers that judge by the platform's metrics of users' requests, not by probes of their own."""

from dataclasses import dataclass, replace
from random import Random

from bench.verdicts.peers_waiting import passed, rolled_back
from bench.verdicts.peers_watching import ERROR_LIMIT, ERROR_RETRY
from bench.verdicts.score import Judged
from bench.verdicts.service import Service
from bench.verdicts.world import Deployment

_CODEDEPLOY_WINDOW, _PERIOD, _DELAY = 300, 60, 60
_READY_EVERY, _READY_WITHIN = 10.0, 600.0
_FLAGGER_EVERY, _FLAGGER_FAILS, _FLAGGER_PASSES = 30.0, 5, 10
_P99_LIMIT = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class ArgoPrometheus:
    """Argo Rollouts asking Prometheus for `success >= 0.95` over the last `interval` seconds.

    `count` measurements; more than `failures` false ones fail. A window without requests is an
    Error, asked again after 10 s; 5 in a row abort.
    """

    interval: float
    failures: int
    count: int

    def __call__(self, deployment: Deployment, rng: Random) -> Judged:
        """See Policy.

        After an Error nothing in the window counts but what came since, so no stretch of time is
        ever asked for twice.
        """
        since, at = 0.0, self.interval
        counted = failed = errors = 0
        while counted < self.count:
            total, bad, _ = deployment.traffic(since, at, rng)
            since = at
            if not total:
                errors += 1
                if errors > ERROR_LIMIT:
                    return rolled_back(at, 0)
                at += ERROR_RETRY
                continue
            errors, counted = 0, counted + 1
            failed += (total - bad) / total < 0.95
            if failed > self.failures:
                return rolled_back(at, 0)
            at += self.interval
        return passed(since, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flagger:
    """Wait for ready pods, then each 30 s ask for the last minute: 99 % good, p99 at most 500 ms.

    A check that fails, or finds no values, is counted and never forgiven: the tick after the fifth
    rolls back, the one after the tenth good check promotes. `load` is a load test's requests/s.
    """

    load: float = 0.0

    def __call__(self, deployment: Deployment, rng: Random) -> Judged:
        """See Policy."""
        ready = _pod_ready(deployment, rng)
        if ready > _READY_WITHIN:
            return rolled_back(_READY_WITHIN, 0)
        heard = _louder(deployment, self.load) if self.load else deployment
        at, failed, good = ready, 0, 0
        last: tuple[int, int, list[float]] = (0, 0, [])
        while failed < _FLAGGER_FAILS and good < _FLAGGER_PASSES:
            now = heard.traffic(at, at + _FLAGGER_EVERY, rng)
            at += _FLAGGER_EVERY
            if _is_well(last[0] + now[0], last[1] + now[1], last[2] + now[2]):
                good += 1
            else:
                failed += 1
            last = now
        ending = rolled_back if failed == _FLAGGER_FAILS else passed
        at += _FLAGGER_EVERY
        return ending(at, round(self.load * (at - ready)))


def codedeploy(deployment: Deployment, rng: Random) -> Judged:
    """Alarm when 5xx are over 5 % in 2 of 2 one-minute periods, known 60 s late, until 300 s.

    A minute without requests is missing data: ignored.
    """
    in_a_row = 0
    for end in range(_PERIOD, _CODEDEPLOY_WINDOW - _DELAY + 1, _PERIOD):
        total, bad, _ = deployment.traffic(end - _PERIOD, end, rng)
        if total:
            in_a_row = in_a_row + 1 if bad > 0.05 * total else 0
        if in_a_row == 2:
            return rolled_back(float(end + _DELAY), 0)
    return passed(float(_CODEDEPLOY_WINDOW), 0)


def _pod_ready(deployment: Deployment, rng: Random) -> float:
    """Return when Kubernetes finds the pod ready: 200 to 399 within 1 s, asked each 10 s.

    It asks the pod itself, so neither DNS nor a certificate is in its way.
    """
    at = 0.0
    while at <= _READY_WITHIN:
        reply = deployment.request(at, "health", rng)
        if reply.failure in {"dns", "tls"}:
            return at
        if reply.status is not None and 200 <= reply.status < 400 and reply.seconds <= 1.0:
            return at
        at += _READY_EVERY
    return at


def _is_well(total: int, bad: int, seconds: list[float]) -> bool:
    """Judge one window. p99 by nearest rank: at most 1 % may be above the limit."""
    if not total or bad > 0.01 * total:
        return False
    return sum(one > _P99_LIMIT for one in seconds) <= len(seconds) // 100


def _louder(deployment: Deployment, load: float) -> Deployment:
    """Return the same deployment with a load test's requests among its users'."""
    if not isinstance(deployment, Service):
        return deployment
    plan = replace(deployment.plan, rps=deployment.plan.rps + load)
    return Service(plan, name=deployment.name, group=deployment.group)
