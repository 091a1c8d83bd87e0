"""One instant query of the HTTP API, answered by rows or by the reason why there are none.

The API: https://prometheus.io/docs/prometheus/latest/querying/api/ (Mimir, Thanos, VictoriaMetrics
and Fly's endpoint speak it too). All that comes back is untrusted.
"""

import json
from collections.abc import Mapping
from typing import NamedTuple

import httpx

from slo_action import __version__
from slo_action.core.observation.real_traffic import TrafficState
from slo_action.core.request_options import Headers
from slo_action.core.text.http_time import http_date
from slo_action.core.text.quoting import quoted
from slo_action.core.text.secrets import Scrubber, Secret
from slo_action.ports import Clock
from slo_action.system.limited_body import BodyLimitError, read_limited

_TIMEOUT_SECONDS = 5.0
_MOST_BYTES = 2 * 1024 * 1024
_MOST_SERIES = 5_000
_MOST_HOPS = 2
_LONGEST_MESSAGE = 400

_HINTS = {
    400: "see the query",
    401: "check the inputs prometheus-token and prometheus-headers",
    403: "check the prometheus-token input: it may not read this",
    404: "check the prometheus-url input: the API is not below it",
    422: "see the query",
    429: "the source limits how often it is asked",
}


class NoNumberError(Exception):
    """Why a query has no number; `detail` may quote the source: untrusted, but scrubbed."""

    def __init__(self, state: TrafficState, detail: str) -> None:
        super().__init__(detail)
        self.state = state
        self.detail = detail


class VectorElement(NamedTuple):
    """One element of an instant vector; `value` may be NaN or infinite."""

    labels: Mapping[str, str]
    value: float


class PrometheusApi:
    """Asks one source; no retries, 5 s and 2 MiB a query.

    `base` holds no credentials. `skew_seconds` is how far the source's clock is ahead of ours, by
    the first `Date`; None while there was none. `warnings` counts answers that came with any: such
    an answer may lack a part. Everything but `close` raises NoNumberError.
    """

    def __init__(
        self,
        base: str,
        header: Secret | None,
        *,
        headers: Headers = (),
        clock: Clock,
        scrubber: Scrubber,
        transport: httpx.BaseTransport | None,
    ) -> None:
        self._url = httpx.URL(f"{base}/api/v1/query")
        self._header = header
        self._headers = headers
        self._clock = clock
        self._scrubber = scrubber
        self._client = httpx.Client(transport=transport, timeout=_TIMEOUT_SECONDS)
        self.skew_seconds: float | None = None
        self.warnings = 0

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def number(self, query: str, at: float | None = None) -> float | None:
        """Return the only element's value, None for an empty vector; `at` is the source's time."""
        rows = self.rows(query, at)
        if len(rows) > 1:
            raise self._error(f"{len(rows)} series where one number was asked for; use sum(...)")
        return rows[0].value if rows else None

    def rows(self, query: str, at: float | None = None) -> list[VectorElement]:
        """Return the instant vector; `at` None is the source's own now."""
        params = {"query": query} if at is None else {"query": query, "time": f"{at:.3f}"}
        status, text = self._exchange(self._url.copy_merge_params(params))
        content = self._content(status, text)
        self.warnings += bool(content.get("warnings"))
        return self._vector(content.get("data"))

    def _exchange(self, url: httpx.URL) -> tuple[int, bytes]:
        """Follow a redirect on the same origin only: the token goes nowhere else."""
        for _ in range(_MOST_HOPS + 1):
            try:
                status, location, text = self._get(url)
            except httpx.TimeoutException:
                raise self._error(f"no answer within {_TIMEOUT_SECONDS:g} s") from None
            except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
                raise self._error(f"no answer ({type(error).__name__})") from None
            if not httpx.codes.is_redirect(status):
                return status, text
            target = url.join(location)
            if not location or _origin(target) != _origin(url):
                raise self._error(
                    f"it redirects elsewhere (HTTP {status}), perhaps to a login page; "
                    "check the prometheus-url input"
                )
            url = target
        raise self._error("it redirects in a loop; check the prometheus-url input")

    def _get(self, url: httpx.URL) -> tuple[int, str, bytes]:
        headers = httpx.Headers(
            {
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                "Cache-Control": "no-cache",
                "User-Agent": f"slo-verify/{__version__}",
            }
        )
        if self._header:
            headers["Authorization"] = self._header.reveal()
        headers.update(self._headers)
        sent = self._clock.now()
        began = self._clock.monotonic()
        with self._client.stream("GET", url, headers=headers) as response:
            spent = self._clock.monotonic() - began
            if self.skew_seconds is None:
                self.skew_seconds = _skew(response, sent.timestamp() + spent / 2)
            location = response.headers.get("Location", "")
            if response.is_redirect:
                return response.status_code, location, b""
            try:
                body = read_limited(
                    response, self._clock, most_bytes=_MOST_BYTES, seconds=_TIMEOUT_SECONDS
                )
            except BodyLimitError as error:
                raise self._error(f"{error}; select fewer series") from None
            return response.status_code, location, body

    def _content(self, status: int, text: bytes) -> dict[str, object]:
        try:
            content = json.loads(text)
        except (ValueError, RecursionError):
            content = None
        hint = f"; {_HINTS[status]}" if status in _HINTS else ""
        if isinstance(content, dict) and content.get("status") == "error":
            message = f"{content.get('errorType', 'error')}: {content.get('error', '')}"
            raise self._error(f"HTTP {status}, {quoted(message, _LONGEST_MESSAGE)}{hint}")
        if status != httpx.codes.OK:
            if status == httpx.codes.BAD_REQUEST:  # VictoriaMetrics says so of another path
                hint = f"; {_HINTS[httpx.codes.NOT_FOUND]}"
            raise self._error(f"HTTP {status}{hint}")
        if not isinstance(content, dict):
            raise self._error("its answer is not JSON; check the prometheus-url input")
        if content.get("status") != "success":
            raise self._error("its answer has no status; check the prometheus-url input")
        return content

    def _vector(self, data: object) -> list[VectorElement]:
        if not isinstance(data, dict):
            raise self._error("its answer has no data")
        kind, result = data.get("resultType"), data.get("result")
        if kind != "vector":
            raise self._error(f"its answer is {quoted(kind)} and not a vector; see the query")
        if not isinstance(result, list):
            raise self._error("its vector is not a list")
        if len(result) > _MOST_SERIES:
            raise self._error(f"{len(result)} series; select fewer")
        try:
            return [_row(element) for element in result]
        except (AttributeError, TypeError, ValueError):
            raise self._error("an element of its vector is malformed") from None

    def _error(self, detail: str) -> NoNumberError:
        return NoNumberError(TrafficState.UNREACHABLE, self._scrubber.scrub(detail))


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    ports = {"http": 80, "https": 443}
    return url.scheme, url.host, url.port or ports.get(url.scheme)


def _skew(response: httpx.Response, middle: float) -> float | None:
    """`Date` is cut to whole seconds: what is less than that is no skew."""
    date = http_date(response.headers.get("Date", ""))
    if date is None:
        return None
    sent = date.timestamp()
    return 0.0 if sent <= middle <= sent + 1 else sent + 0.5 - middle


def _row(element: dict[str, object]) -> VectorElement:
    """Raise AttributeError, TypeError or ValueError for anything but labels and a value."""
    labels, pair = element.get("metric", {}), element.get("value")
    if not isinstance(labels, dict) or not isinstance(pair, list):
        raise TypeError
    _time, value = pair
    if not all(isinstance(text, str) for text in (value, *labels.values())):
        raise TypeError
    return VectorElement(labels, float(value))
