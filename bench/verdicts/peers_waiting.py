"""Peers that wait for good answers and then stop looking, and the document's own procedure."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from bench.verdicts.peers_client import PATIENCE, ask
from bench.verdicts.score import Judged
from bench.verdicts.world import Deployment

_BACKOFF = (15.0, 16.0, 17.0, 18.0, 19.0, 20.0, 20.0, 0.0)
_TIMEOUT = 2.0
_STREAK = 3
_GRACE, _EVERY, _WINDOW = 30.0, 15.0, 300.0
_TRIGGER = 0.05
_DOWN_AFTER = 8
_POLLED_FOR = 30.0


def passed(at: float, requests: int) -> Judged:
    """Return a pass."""
    return Judged(rolled_back=False, at=at, requests=requests)


def rolled_back(at: float, requests: int) -> Judged:
    """Return a rollback."""
    return Judged(rolled_back=True, at=at, requests=requests)


def is_200(status: int) -> bool:
    """Tell what a script that compares the code takes for success."""
    return status == 200


def is_curl_success(status: int) -> bool:
    """Tell what `curl --fail` exits 0 for: any answer below 400, a redirect too."""
    return 0 < status < 400


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstSuccess:
    """Try up to `tries` times, `pause` seconds apart; the first success passes.

    With is_curl_success, 8 tries and 15 s it is the document's own loop, `curl -f -sS`.
    """

    tries: int
    pause: float
    timeout: float = PATIENCE
    is_good: Callable[[int], bool]

    def __call__(self, deployment: Deployment, rng: Random) -> Judged:
        """See Policy."""
        at = 0.0
        for tried in range(1, self.tries + 1):
            answer = ask(deployment, at, rng, timeout=self.timeout)
            at += answer.seconds
            if self.is_good(answer.status):
                return passed(at, tried)
            at += self.pause
        return rolled_back(at - self.pause, self.tries)


def curl_3x(deployment: Deployment, rng: Random) -> Judged:
    """Wait for 3 consecutive 200s in 8 attempts, backing off 15, 16 to 20 s, timeout 2 s."""
    at, streak, tried = 0.0, 0, 0
    for pause in _BACKOFF:
        answer = ask(deployment, at, rng, timeout=_TIMEOUT)
        at += answer.seconds
        tried += 1
        streak = streak + 1 if answer.status == 200 else 0
        if streak == _STREAK:
            return passed(at, tried)
        at += pause
    return rolled_back(at, tried)


def wait_for_response(deployment: Deployment, rng: Random) -> Judged:
    """HEAD until a 200, sleeping 1 s after each try; give up when 30 s are over.

    Its `http.Head` follows redirects; a try may take 1 s.
    """
    at, tried = 0.0, 0
    while at <= _POLLED_FOR:
        answer = ask(deployment, at, rng, timeout=1.0, follow=True)
        at += answer.seconds
        tried += 1
        if answer.status == 200:
            return passed(at, tried)
        at += 1.0
    return rolled_back(at, tried)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """Run curl_3x, then probe each 15 s from there to 300 s: over 5 % bad, or 8 in a row.

    The share is looked at after each probe (`peek`), or once at the end. 8 in a row count at once.
    """

    peek: bool

    def __call__(self, deployment: Deployment, rng: Random) -> Judged:
        """See Policy."""
        ready = curl_3x(deployment, rng)
        return ready if ready.rolled_back else self._watch(deployment, rng, ready)

    def _watch(self, deployment: Deployment, rng: Random, ready: Judged) -> Judged:
        bad = down = asked = 0
        due, end = max(_GRACE, ready.at), ready.at
        while due <= _WINDOW:
            answer = ask(deployment, due, rng, timeout=_TIMEOUT)
            asked, end = asked + 1, due + answer.seconds
            down = 0 if answer.status == 200 else down + 1
            bad += answer.status != 200
            if down == _DOWN_AFTER or (self.peek and bad > _TRIGGER * asked):
                return rolled_back(end, ready.requests + asked)
            due += _EVERY
        ending = rolled_back if bad > _TRIGGER * asked else passed
        return ending(max(end, _WINDOW), ready.requests + asked)
