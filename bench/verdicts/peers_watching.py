"""Peers that keep probing: Argo's web metric, Gatus, blackbox-exporter and k6."""

from bisect import insort
from dataclasses import dataclass
from random import Random

from bench.verdicts.peers_client import PATIENCE, ask, is_page, is_told_bad
from bench.verdicts.peers_waiting import passed, rolled_back
from bench.verdicts.score import Judged
from bench.verdicts.world import Deployment

ERROR_LIMIT = 4
ERROR_RETRY = 10.0
_GATUS_EVERY, _GATUS_END, _GATUS_IN_A_ROW = 60, 300, 3
_BLACKBOX_EVERY, _BLACKBOX_END, _BLACKBOX_PROBES = 15, 330, 20
_K6_START, _K6_TICK, _K6_NO_ABORT, _K6_STOP = 30.0, 2.0, 10.0, 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ArgoWeb:
    """Argo Rollouts' web metric with a condition on the body, `interval` seconds apart.

    No answer, one that is not 2xx, or a body that is no JSON is an Error, asked again after 10 s;
    5 in a row abort. A false condition is Failed, and failureLimit is 0.
    """

    count: int
    interval: float = 0.0

    def __call__(self, deployment: Deployment, rng: Random) -> Judged:
        """See Policy."""
        at, asked, counted, errors = 0.0, 0, 0, 0
        while True:
            answer = ask(deployment, at, rng, timeout=10.0, follow=True)
            at, asked = at + answer.seconds, asked + 1
            if not 200 <= answer.status < 300 or is_page(answer.body):
                errors += 1
                if errors > ERROR_LIMIT:
                    return rolled_back(at, asked)
                at += ERROR_RETRY
                continue
            if is_told_bad(answer.body):
                return rolled_back(at, asked)
            errors, counted = 0, counted + 1
            if counted == self.count:
                return passed(at, asked)
            at += self.interval


def gatus(deployment: Deployment, rng: Random) -> Judged:
    """Probe health and API each 60 s: status 200, under 500 ms, body; 3 bad in a row alert."""
    in_a_row = dict.fromkeys(("health", "api"), 0)
    asked = 0
    at = 0.0
    for due in range(0, _GATUS_END + 1, _GATUS_EVERY):
        at = float(due)
        for endpoint in in_a_row:
            answer = ask(deployment, at, rng, timeout=10.0, follow=True, endpoint=endpoint)
            at, asked = at + answer.seconds, asked + 1
            told_bad = is_told_bad(answer.body) or is_page(answer.body)
            good = answer.status == 200 and answer.seconds < 0.5 and not told_bad
            in_a_row[endpoint] = 0 if good else in_a_row[endpoint] + 1
            if in_a_row[endpoint] == _GATUS_IN_A_ROW:
                return rolled_back(at, asked)
    return passed(at, asked)


def blackbox_5m(deployment: Deployment, rng: Random) -> Judged:
    """Probe each 15 s with module http_2xx; ask for `avg_over_time(probe_success[5m]) < 0.95`.

    It is asked once, at 330 s, so that the 5 minutes begin after the document's grace of 30 s:
    20 probes, of which one may fail. The module follows redirects, takes any 2xx, and here has a
    timeout of 5 s. What was probed before is not asked for, so only counted.
    """
    bad = 0
    end = 0.0
    for number in range(_BLACKBOX_PROBES):
        at = _BLACKBOX_END - _BLACKBOX_EVERY * (_BLACKBOX_PROBES - 1 - number)
        answer = ask(deployment, at, rng, timeout=5.0, follow=True)
        bad += not 200 <= answer.status < 300
        end = at + answer.seconds
    ending = rolled_back if 1 - bad / _BLACKBOX_PROBES < 0.95 else passed
    return ending(end, _BLACKBOX_END // _BLACKBOX_EVERY + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class K6:
    """One virtual user from 30 s on: a request to one endpoint and the other in turn, 1 s asleep.

    Over `seconds`, fewer than `failed` (a share) may fail and p95 must be below `p95` seconds.
    k6 looks at all samples so far each 2 s and may abort from 10 s on. It follows redirects, each
    hop a sample, and counts 200 to 399 as good, so a redirect loop is. Its own timeout is 60 s.
    """

    seconds: float
    failed: float
    p95: float
    timeout: float = PATIENCE

    def __call__(self, deployment: Deployment, rng: Random) -> Judged:
        """See Policy."""
        at, end, tick = _K6_START, _K6_START + self.seconds, _K6_START + _K6_NO_ABORT
        durations: list[float] = []
        bad = asked = 0
        while at < end:
            answer = ask(
                deployment,
                at,
                rng,
                timeout=self.timeout,
                follow=True,
                endpoint="api" if asked % 2 else "health",
            )
            asked, begun, at = asked + 1, at, at + answer.seconds
            if at > tick:
                if self._is_crossed(bad, durations):
                    return rolled_back(tick, asked - (tick < begun))
                tick += _K6_TICK * ((at - tick) // _K6_TICK + 1)
            if at > end + _K6_STOP:  # interrupted: no sample
                break
            for _ in range(answer.hops):
                insort(durations, answer.seconds / answer.hops)
            bad += not 200 <= answer.status < 400
            at += 1.0
        ending = rolled_back if self._is_crossed(bad, durations) else passed
        return ending(min(max(at, end), end + _K6_STOP), asked)

    def _is_crossed(self, bad: int, durations: list[float]) -> bool:
        """Judge what there is. No sample crosses nothing; p95 is interpolated at (n-1)q."""
        if not durations:
            return False
        place = 0.95 * (len(durations) - 1)
        low = int(place)
        high = min(low + 1, len(durations) - 1)
        p95 = durations[low] + (durations[high] - durations[low]) * (place - low)
        return bad >= self.failed * len(durations) or p95 >= self.p95
