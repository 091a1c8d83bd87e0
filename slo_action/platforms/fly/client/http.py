"""One request to Fly.io and its answer, repeated only where that is safe.

A redirect is not followed: the token goes nowhere else. Rate limits:
https://fly.io/docs/machines/api/working-with-machines-api/ (one request a second for an action on
a machine, bursts of three; five a second to get a machine, bursts of ten).
"""

import json
import threading
from typing import NamedTuple

import httpx

from slo_action import __version__
from slo_action.core.text.secrets import Scrubber, Secret
from slo_action.platforms.fly.client.errors import TRANSIENT, ApiAnswer, Call, refused
from slo_action.ports import Clock
from slo_action.system.limited_body import BodyLimitError, read_limited
from slo_action.system.retry import RetryBudget

TIMEOUT_SECONDS = 10.0
MOST_BYTES = 16 * 1024 * 1024
"""Machine lists carry whole configurations, and those carry files."""
_MACHINES_API = "/v1/apps/"
NONCE_HEADER = "fly-machine-lease-nonce"

_NOT_FOUND, _TOO_OFTEN = 404, 429
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_LONGEST_ID = 64
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 8.0
_CONSISTENT_SECONDS = 1.0


class Rate(NamedTuple):
    """How often in the long run, and how often at once."""

    per_second: float
    burst: int


READING_OR_ELSEWHERE = Rate(per_second=5.0, burst=10)
"""Documented for reading a machine. The ledger and the registry document no limit: a loop of ours
must not become one's reason."""
ACTING_ON_MACHINES = Rate(per_second=1.0, burst=3)
"""What the Machines API documents."""


class RateLimits:
    """Holds every caller back until Fly would answer it, whichever thread it asks from."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._due: dict[tuple[str, str], float] = {}
        """When the last request would have come at the steady rate: a generic cell rate."""
        self._held: dict[tuple[str, str], float] = {}

    def wait(self, call: Call) -> None:
        """Return when the next request of the same method to the same address may be sent."""
        key = call.method, call.url
        is_reading = call.machine and call.method == "GET"
        is_limited = _MACHINES_API in call.url and not is_reading
        rate = ACTING_ON_MACHINES if is_limited else READING_OR_ELSEWHERE
        interval = 1.0 / rate.per_second
        with self._lock:
            now = self._clock.monotonic()
            due = self._due.get(key, now)
            at = max(now, due - (rate.burst - 1) * interval, self._held.get(key, now))
            self._due[key] = max(due, at) + interval
        self._clock.sleep_until(at)

    def hold(self, call: Call, seconds: float) -> None:
        """Send no more of the same for so long: Fly said that it was too much."""
        key, until = (call.method, call.url), self._clock.monotonic() + seconds
        with self._lock:
            self._held[key] = max(self._held.get(key, until), until)


class FlyConnection:
    """The connections and the rate limits of one token. Safe to use from several threads."""

    def __init__(
        self,
        header: Secret,
        *,
        clock: Clock,
        scrubber: Scrubber,
        transport: httpx.BaseTransport | None,
    ) -> None:
        self._header = header
        self._clock = clock
        self._scrubber = scrubber
        self._limits = RateLimits(clock)
        self._client = httpx.Client(
            transport=transport, timeout=TIMEOUT_SECONDS, follow_redirects=False
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def send(self, call: Call, patience_seconds: float) -> ApiAnswer:
        """Return a 2xx answer; raises FlyRefusedError.

        What Fly has surely not done (429, no connection) is sent again within the patience; what
        it may have done, only where that is repeatable. A machine that is not there is asked for
        once more: the API is consistent in the end only.
        """
        budget = RetryBudget(self._clock, patience_seconds)
        began, wanted = self._clock.monotonic(), _FIRST_PAUSE_SECONDS
        may_be_missed = bool(call.machine) and call.method != "DELETE"
        while True:
            self._limits.wait(call)
            answer = self._exchange(call)
            if answer.status is not None and httpx.codes.is_success(answer.status):
                return answer
            is_repeatable = call.is_repeatable and answer.status in {None, *TRANSIENT}
            is_missed = may_be_missed and answer.status == _NOT_FOUND
            if is_missed:
                may_be_missed, wanted = False, _CONSISTENT_SECONDS
            helps = is_repeatable or is_missed or answer.status == _TOO_OFTEN or not answer.was_sent
            pause = budget.pause(began, wanted, answer.retry_after) if helps else None
            if pause is None:
                raise refused(call, answer, self._scrubber.scrub)
            self._limits.hold(call, pause)
            began, wanted = self._clock.monotonic() + pause, min(2 * wanted, _LONGEST_PAUSE_SECONDS)

    def _exchange(self, call: Call) -> ApiAnswer:
        """Never raises: an httpx exception holds the request, and with it the token."""
        try:
            with self._client.stream(
                call.method,
                call.url,
                params=call.params,
                content=None if call.body is None else json.dumps(call.body),
                headers=self._headers(call),
            ) as response:
                return self._received(response)
        except httpx.TimeoutException as error:
            lost = f"no answer within {TIMEOUT_SECONDS:g} s"
            return ApiAnswer(lost=lost, was_sent=not isinstance(error, _NOT_SENT))
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            return ApiAnswer(lost=type(error).__name__, was_sent=not isinstance(error, _NOT_SENT))

    def _received(self, response: httpx.Response) -> ApiAnswer:
        body, content, lost = b"", None, ""
        try:
            body = read_limited(
                response, self._clock, most_bytes=MOST_BYTES, seconds=TIMEOUT_SECONDS
            )
            content = json.loads(body, parse_constant=_no_constant)
        except BodyLimitError as error:
            lost = str(error)
        except (ValueError, RecursionError):
            if response.is_success and body:
                lost = "its answer is not JSON"
        return ApiAnswer(
            status=None if lost else response.status_code,
            content=content,
            request_id=_request_id(response),
            retry_after=response.headers.get("Retry-After"),
            lost=lost,
        )

    def _headers(self, call: Call) -> dict[str, str]:
        headers = {
            "Accept": call.accept,
            "Accept-Encoding": "identity",
            "Authorization": (call.authorization or self._header).reveal(),
            "User-Agent": f"slo-verify/{__version__}",
        }
        if call.body is not None:
            headers["Content-Type"] = "application/json"
        if call.nonce:
            headers[NONCE_HEADER] = call.nonce.reveal()
        return headers


def _no_constant(name: str) -> None:
    """NaN is no JSON: it could not be sent back."""
    raise ValueError(name)


def _request_id(response: httpx.Response) -> str:
    """It ends up in messages, so only what has the form of one is taken."""
    name = str(response.headers.get("fly-request-id", ""))
    plain = name.replace("-", "").replace("_", "")
    return name if len(name) <= _LONGEST_ID and plain.isascii() and plain.isalnum() else ""
