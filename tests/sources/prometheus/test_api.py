"""Whatever a source answers is rows, or one clear reason why there are none."""

import json
from collections.abc import Iterator
from contextlib import suppress
from math import isnan

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_action.config.settings.fly import authorization
from slo_action.core.observation.real_traffic import TrafficState
from slo_action.core.text.secrets import Scrubber, Secret
from slo_action.sources.prometheus.api import NoNumberError, PrometheusApi
from tests.worlds.prometheus import Answer, raw, refused, success, vector
from tests.worlds.virtual_clock import VirtualClock

TOKEN = "t0ken-value"
BASE = "https://metrics.example/prom"


def api(answer: Answer, clock: VirtualClock | None = None) -> PrometheusApi:
    scrubber = Scrubber()
    scrubber.learn(TOKEN)
    return PrometheusApi(
        BASE,
        authorization(Secret(TOKEN)),
        clock=clock or VirtualClock(),
        scrubber=scrubber,
        transport=httpx.MockTransport(answer),
    )


def reason_of(response: httpx.Response | Exception) -> str:
    """Return why an answer has no number."""

    def answer(_: httpx.Request) -> httpx.Response:
        if isinstance(response, Exception):
            raise response
        return response

    with pytest.raises(NoNumberError) as caught:
        api(answer).number("up")
    assert caught.value.state is TrafficState.UNREACHABLE
    assert TOKEN not in caught.value.detail
    assert caught.value.__cause__ is None
    return caught.value.detail


@pytest.mark.parametrize(
    ("given_token", "header"),
    [
        ("abc", "Bearer abc"),
        ("Bearer abc", "Bearer abc"),
        (" bearer  abc\n", "Bearer abc"),
        ("fm2_lJPE", "FlyV1 fm2_lJPE"),
        ("FlyV1 fm2_lJPE,fm2_x", "FlyV1 fm2_lJPE,fm2_x"),
        ("Bearer FlyV1 fm2_lJPE", "FlyV1 fm2_lJPE"),
        ("FlyV1 other", "FlyV1 other"),
        ("Basic bWU6eA==", "Basic bWU6eA=="),
    ],
)
def test_a_token_gets_the_scheme_that_its_source_takes(given_token: str, header: str) -> None:
    assert authorization(Secret(given_token)).reveal() == header


def test_a_query_is_sent_below_the_base_with_our_name_and_token() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return vector([({}, 41.5)])

    assert api(answer).number('up{a="&b+c"}', 1_700_000_000.25) == 41.5
    (request,) = seen
    assert request.url.path == "/prom/api/v1/query"
    assert dict(request.url.params) == {"query": 'up{a="&b+c"}', "time": "1700000000.250"}
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert request.headers["User-Agent"].startswith("slo-verify/")


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf", "0", "1e3"])
def test_a_value_is_the_number_it_spells(value: str) -> None:
    found = api(lambda _: success(_data([{"metric": {}, "value": [1, value]}]))).number("up")

    assert found is not None
    assert isnan(found) if value == "NaN" else found == float(value)


def test_an_empty_vector_is_none_and_not_zero() -> None:
    assert api(lambda _: vector([])).number("up") is None
    assert api(lambda _: vector([({}, 0.0)])).number("up") == 0


def _data(result: object, kind: str = "vector") -> dict[str, object]:
    return {"resultType": kind, "result": result}


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (httpx.ConnectError(f"no {TOKEN}"), "no answer (ConnectError)"),
        (httpx.ReadTimeout(TOKEN), "no answer within 5 s"),
        (httpx.RemoteProtocolError(TOKEN), "no answer (RemoteProtocolError)"),
        (
            raw(401, "<html>log in</html>", "text/html"),
            "HTTP 401; check the inputs prometheus-token",
        ),
        (raw(403, ""), "HTTP 403; check the prometheus-token input: it may not read this"),
        (raw(404, "404 page not found"), "HTTP 404; check the prometheus-url input"),
        (raw(400, "unsupported path"), "HTTP 400; check the prometheus-url input"),
        (raw(429, "slow down"), "HTTP 429; the source limits how often it is asked"),
        (raw(500, "oops"), "HTTP 500"),
        (raw(503, ""), "HTTP 503"),
        (raw(204, ""), "HTTP 204"),
        (refused(400, "bad_data", "1:3: parse error"), 'HTTP 400, "bad_data: 1:3: parse error"'),
        (refused(422, "execution", f"x {TOKEN}\n"), 'HTTP 422, "execution: x ***"; see the query'),
        (refused(503, "timeout", "query timed out"), 'HTTP 503, "timeout: query timed out"'),
        (refused(200, "internal", "x"), 'HTTP 200, "internal: x"'),
        (raw(200, "<html>welcome</html>", "text/html"), "its answer is not JSON"),
        (raw(200, "[" * 100_000), "its answer is not JSON"),
        (raw(200, b"\xff\xfe\x00"), "its answer is not JSON"),
        (raw(200, "[]"), "its answer is not JSON"),
        (raw(200, "{}"), "its answer has no status"),
        (raw(200, '{"status": "success"}'), "its answer has no data"),
        (success([]), "its answer has no data"),
        (success(_data([], "matrix")), 'its answer is "matrix" and not a vector'),
        (success(_data([1, "2"], "scalar")), 'its answer is "scalar" and not a vector'),
        (success(_data([1, "a"], "string")), 'its answer is "string" and not a vector'),
        (success(_data({})), "its vector is not a list"),
        (success(_data([5])), "an element of its vector is malformed"),
        (success(_data([{"metric": {}}])), "an element of its vector is malformed"),
        (success(_data([{"value": [1, 5]}])), "an element of its vector is malformed"),
        (success(_data([{"value": [1, "many"]}])), "an element of its vector is malformed"),
        (success(_data([{"metric": {"a": 1}, "value": [1, "2"]}])), "an element of its vector"),
        (success(_data([{"metric": {}, "histogram": [1, {}]}])), "an element of its vector"),
        (vector([({"a": "1"}, 1.0), ({"a": "2"}, 1.0)]), "2 series where one number"),
        (success(_data([0] * 5001)), "5001 series; select fewer"),
        (raw(200, b" " * (2 * 1024 * 1024 + 1)), "its answer is larger than 2 MiB"),
    ],
)
def test_what_is_no_vector_is_a_reason(response: httpx.Response | Exception, reason: str) -> None:
    assert reason in reason_of(response)


def test_what_is_compressed_unasked_is_not_unpacked() -> None:
    response = raw(200, b"\x1f\x8b")
    response.headers["Content-Encoding"] = "gzip"

    assert "compressed" in reason_of(response)


def test_a_source_that_sends_for_ever_is_left() -> None:
    clock = VirtualClock()

    def drip() -> Iterator[bytes]:
        while True:
            clock.advance(1.0)
            yield b" "

    with pytest.raises(NoNumberError, match="takes longer than 5 s"):
        api(lambda _: httpx.Response(200, content=drip()), clock).number("up")
    assert clock.monotonic() <= 7


@pytest.mark.parametrize(
    "location",
    [
        "https://login.example/",
        "http://metrics.example/prom/api/v1/query",
        "https://metrics.example:8443/",
        "https://[bad",
        "",
    ],
)
def test_the_token_goes_to_no_other_origin(location: str) -> None:
    hosts: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        hosts.append(str(request.url.copy_with(path="/", query=None)))
        return httpx.Response(302, headers={"Location": location})

    with pytest.raises(NoNumberError, match="it redirects elsewhere"):
        api(answer).number("up")
    assert hosts == ["https://metrics.example/"]


def test_a_redirect_on_the_same_origin_is_followed_but_not_for_ever() -> None:
    def once(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/here"):
            return vector([({}, 1.0)])
        return httpx.Response(307, headers={"Location": "/here"})

    assert api(once).number("up") == 1
    with pytest.raises(NoNumberError, match="in a loop"):
        api(lambda _: httpx.Response(307, headers={"Location": "/again"})).number("up")


@pytest.mark.parametrize("skew", [-45, 0, 45])
def test_the_source_s_clock_is_read_from_its_date(skew: int) -> None:
    dates = {-45: "09:59:15", 0: "10:00:00", 45: "10:00:45"}
    response = vector([])
    response.headers["Date"] = f"Mon, 02 Nov 2026 {dates[skew]} GMT"
    asked = api(lambda _: response)
    asked.number("up")

    assert asked.skew_seconds == (skew and skew + 0.5)


@pytest.mark.parametrize("date", ["", "yesterday", "Mon, 99 Nov 2026 10:00:00 GMT", "0"])
def test_a_source_that_tells_no_time_has_no_skew(date: str) -> None:
    response = vector([])
    response.headers["Date"] = date
    asked = api(lambda _: response)
    asked.number("up")

    assert asked.skew_seconds is None


def test_warnings_are_counted() -> None:
    asked = api(lambda _: vector([], warnings=["a store did not answer"]))
    asked.number("up")

    assert asked.warnings == 1


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["status", "data", "result", "resultType", "metric", "value", "error"]),
            inner | st.sampled_from(["success", "error", "vector"]),
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(json_values | st.builds(lambda r: {"status": "success", "data": _data(r)}, json_values))
def test_no_json_makes_it_raise_anything_else(value: object) -> None:
    with suppress(NoNumberError):
        api(lambda _: raw(200, json.dumps(value))).rows("up")
