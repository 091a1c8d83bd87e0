"""A run of a journey: what is sent, what it comes to, and what never leaves."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo_action.config.text.url import is_link_local
from slo_action.core.journey.journeys import (
    Assertion,
    Capture,
    Condition,
    Journey,
    JourneyStep,
    Subject,
)
from slo_action.core.model import Outcome, Probe, Sample, Witness
from slo_action.core.text.secrets import Secret
from slo_action.probing.prober import HttpProber
from slo_action.probing.transport import FreshTransport
from slo_action.probing.trust import OnceContext, system_trust
from slo_action.system.clock import SystemClock
from tests.sizes import sized
from tests.worlds.artifact_faces import loopback_face
from tests.worlds.cart_shop import (
    BUY,
    CART,
    CSRF,
    LOGIN,
    PASSWORD,
    PAY,
    SECRETS,
    SESSION,
    CartShop,
    at_once,
    in_virtual_time,
    json_at,
)
from tests.worlds.virtual_clock import VirtualClock

URL = "https://shop.example"
PRIVATE = (PASSWORD, SESSION, CSRF, json.dumps(CSRF)[1:-1], CART)


def probe(journey: Journey, **changes: Any) -> Probe:
    values = {"url": URL, "timeout_seconds": journey.timeout_seconds, **changes}
    return Probe(witness=Witness.JOURNEY, journey=journey, reads_health=False, **values)


def run(shop: CartShop, journey: Journey = BUY, **changes: Any) -> Sample:
    clock = VirtualClock()
    prober = HttpProber(
        clock,
        nonces=lambda: "n",
        transport=in_virtual_time(shop, clock),
        redact=str,
        secrets=SECRETS,
    )
    (sample,) = prober.ask([probe(journey, **changes)])
    return sample


def steps(*taken: JourneyStep, **changes: Any) -> Journey:
    return Journey(name="some", steps=taken, **changes)


def answering(
    handler: Callable[[httpx.Request], httpx.Response],
    journey: Journey,
    secrets: Mapping[str, Secret] = SECRETS,
    **changes: Any,
) -> Sample:
    prober = HttpProber(
        VirtualClock(),
        nonces=lambda: "n",
        transport=httpx.MockTransport(handler),
        redact=str,
        secrets=secrets,
    )
    (sample,) = prober.ask([probe(journey, **changes)])
    return sample


def test_a_user_s_way_to_a_paid_order_is_one_good_sample() -> None:
    shop = CartShop()

    sample = run(shop)

    assert sample.outcome is Outcome.OK
    assert sample.detail == "4 steps went well; the last answers 200"
    assert (sample.witness, sample.url, sample.status) == (Witness.JOURNEY, URL, 200)
    assert shop.orders == 1
    assert [asked.path for asked in shop.asked][:3] == ["/login", "/account", "/cart"]


def test_requests_carry_what_the_steps_say_and_nothing_of_a_cache_breaker() -> None:
    shop = CartShop()

    run(shop)

    login, account, add, look, _ = shop.asked
    assert login.headers["content-type"] == "application/x-www-form-urlencoded"
    assert (account.method, account.body, "content-type" in account.headers) == ("GET", b"", False)
    assert json.loads(add.body) == {"user": 42, "items": ["umbrella for 42"]}
    assert add.headers["content-type"] == "application/json"
    assert look.target == "/cart/cart%201%2Fa%3Fb?of=42"
    assert all("_slo" not in asked.target for asked in shop.asked)


def test_thinking_takes_time_that_is_not_the_service_s() -> None:
    sample = run(CartShop())

    assert sample.total_seconds == pytest.approx(0.5)


def test_cookies_and_captures_do_not_outlive_a_run() -> None:
    shop = CartShop()

    run(shop)
    run(shop)

    first = [asked.headers.get("cookie") for asked in shop.asked if asked.path == "/login"]
    assert first == [None, None]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/login", "step 1 of 4 (login): answers 500 Internal Server Error"),
        ("/cart", "step 2 of 4 (fill the cart): answers 500 Internal Server Error"),
        ("/checkout", "step 4 of 4 (pay): answers 500 Internal Server Error"),
    ],
)
def test_the_first_step_that_fails_is_the_sample(path: str, reason: str) -> None:
    shop = CartShop()
    shop.faults.add(path)

    sample = run(shop)

    assert (sample.outcome, sample.detail) == (Outcome.HTTP_5XX, reason)
    assert sample.response is not None
    assert sample.response.body == '{"error": "oops"}'
    assert shop.asked[-1].path == path


def test_an_assertion_of_a_step_is_the_step_s_failure() -> None:
    unpaid = replace(PAY, assertions=(json_at("$.state", Condition.EQUALS, "open"),))

    sample = run(CartShop(), steps(LOGIN, unpaid))

    assert sample.outcome is Outcome.ASSERTION_FAILED
    assert sample.detail.startswith("step 2 of 2 (pay): answers 200, but the assertion json")


@pytest.mark.parametrize(
    "sent", ["pref=Zürich-straße".encode(), b"pref=Z\xfcrich", b"pref=plainly"]
)
def test_a_cookie_goes_back_byte_by_byte_and_shows_nowhere(sent: bytes) -> None:
    got: list[bytes] = []

    def handler(request: httpx.Request) -> httpx.Response:
        got.extend(value for name, value in request.headers.raw if name == b"Cookie")
        value = sent.partition(b"=")[2]
        return httpx.Response(200, headers=[(b"Set-Cookie", sent + b"; Path=/")], content=value)

    one, other = JourneyStep(name="a", target="/"), JourneyStep(name="b", target="/b")
    sample = answering(handler, steps(one, other))

    assert (sample.outcome, got) == (Outcome.OK, [sent])
    assert sample.response is not None
    assert sample.response.body == "***"


def test_a_cookie_for_another_host_is_not_kept_and_noted() -> None:
    shop = CartShop()
    shop.cookie_domain = "other.example"

    sample = run(shop)

    assert sample.outcome is Outcome.HTTP_4XX
    assert sample.detail == "step 1 of 4 (login): answers 401 Unauthorized"
    assert 'the cookie "sid" is not kept: it is for another host or path' in sample.notes
    assert SESSION not in repr(sample)


def test_a_step_that_is_late_is_a_timeout_of_the_journey() -> None:
    shop = CartShop()
    shop.delays["/checkout"] = 60.0

    sample = run(shop)

    assert sample.outcome is Outcome.READ_TIMEOUT
    assert sample.detail.startswith("step 4 of 4 (pay): timed out after 6.0 s")
    assert sample.total_seconds == pytest.approx(6.4)


def test_a_journey_ends_with_its_own_time() -> None:
    shop = CartShop()
    shop.delays = {"/cart": 4.0}

    late = run(shop, replace(BUY, timeout_seconds=3.5))
    thinking = run(shop, replace(BUY, timeout_seconds=2.0))

    assert late.detail.startswith("step 2 of 4 (fill the cart): timed out after 1.3 s")
    assert thinking.outcome is Outcome.SLOW
    assert thinking.detail == (
        "step 2 of 4 (fill the cart): the time of the whole journey was over before it"
    )


@pytest.mark.parametrize("broken", [None, "/cart", "/checkout"], ids=lambda path: path or "well")
def test_no_secret_cookie_or_captured_value_is_in_a_sample(broken: str | None) -> None:
    shop = CartShop()
    shop.faults |= {broken} if broken else set()

    shown = repr(run(shop))

    assert [value for value in PRIVATE if value in shown] == []


@pytest.mark.parametrize("ascii_only", [True, False])
def test_a_captured_value_is_hidden_however_json_escapes_it(ascii_only: bool) -> None:
    token = "tök/en<1>"
    body = json.dumps({"token": token, "other": "kept"}, ensure_ascii=ascii_only)
    escaped = body.replace("/", "\\/").replace("<", "\\u003c")
    take = Capture(variable="t", subject=Subject.JSON, name="$.token")
    fails = json_at("$.token", Condition.EQUALS, "x")
    step = JourneyStep(name="a", target="/", captures=(take,), assertions=(fails,))

    sample = answering(lambda _: httpx.Response(200, content=escaped.encode()), steps(step))

    assert sample.response is not None
    assert json.loads(sample.response.body) == {"token": "***", "other": "kept"}
    assert sample.detail.endswith('found "***"')


def test_a_secret_in_a_form_is_hidden_where_the_service_tells_the_form_back() -> None:
    step = JourneyStep(name="a", target="/", method="POST", form={"pw": "${secrets.ODD}"})
    odd = {"ODD": Secret("pa ss/wörd+(1)")}

    def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(500, content=b"got " + request.content)

    sample = answering(handler, steps(step), secrets=odd)

    assert sample.response is not None
    assert sample.response.body == "got pw=***"


def test_what_is_captured_and_short_is_no_secret_but_a_cookie_header_is() -> None:
    takes = (
        Capture(variable="page", subject=Subject.JSON, name="$.page"),
        Capture(variable="sid", subject=Subject.HEADER, name="Set-Cookie"),
    )
    step = JourneyStep(name="a", target="/", captures=takes)

    def handler(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"page": 7, "sid": "a=b2"}, headers={"Set-Cookie": "a=b2"})

    sample = answering(handler, steps(step))

    assert sample.response is not None
    assert json.loads(sample.response.body) == {"page": 7, "sid": "***"}


def test_a_capture_out_of_a_body_that_was_cut_off_blames_its_length() -> None:
    body = json.dumps({"filler": "x" * 100, "csrf": "t"}).encode()

    sample = answering(
        lambda _: httpx.Response(200, content=body), steps(LOGIN), body_limit_bytes=50
    )

    assert sample.outcome is Outcome.BODY_TOO_LARGE


@pytest.mark.parametrize(
    "step",
    [
        JourneyStep(name="a", target="/${unset}"),
        JourneyStep(name="a", target="/", headers={"X": "${secrets.NOBODY}"}),
        JourneyStep(name="a", target="https://${csrf}/"),
        JourneyStep(name="a", target="/", headers={"X": "a\r\nb: c"}),
        JourneyStep(name="a", target="/", headers={"Content-Length": "3"}),
    ],
    ids=["variable", "secret", "host", "line break", "framing"],
)
def test_what_cannot_be_sent_says_nothing_of_the_service(step: JourneyStep) -> None:
    asked: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(200)

    sample = answering(handler, steps(step))

    assert sample.outcome is Outcome.UNKNOWN
    assert "step 1 of 1 (a): the" in sample.detail
    assert asked == []


def test_a_value_that_breaks_a_header_s_line_is_refused() -> None:
    take = Capture(variable="x", subject=Subject.JSON, name="$.x")
    first = JourneyStep(name="a", target="/", captures=(take,))
    second = JourneyStep(name="b", target="/", headers={"X-Y": "${x}"})

    sample = answering(
        lambda _: httpx.Response(200, json={"x": "a\r\nEvil: 1"}), steps(first, second)
    )

    assert (sample.outcome, sample.detail.partition(":")[0]) == (
        Outcome.UNKNOWN,
        "step 2 of 2 (b)",
    )


def test_a_redirect_to_another_host_is_reported_and_not_followed() -> None:
    asked: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return httpx.Response(302, headers={"Location": "https://evil.example/"})

    sample = answering(handler, steps(LOGIN))

    assert (asked, sample.outcome) == (["shop.example"], Outcome.REDIRECT)


def test_at_most_five_redirects_are_followed() -> None:
    asked: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(302, headers={"Location": f"/{len(asked)}"})

    sample = answering(handler, steps(JourneyStep(name="a", target="/0")))

    assert (len(asked), sample.outcome) == (6, Outcome.REDIRECT)


def test_a_redirect_that_is_asserted_is_the_answer() -> None:
    moved = Assertion(subject=Subject.STATUS, condition=Condition.ONE_OF, expected=("303",))
    shop = CartShop()

    sample = run(shop, steps(replace(LOGIN, captures=(), assertions=(moved,))))

    assert (sample.outcome, sample.status, len(shop.asked)) == (Outcome.OK, 303, 1)


@pytest.mark.parametrize(
    ("method", "status", "then"),
    [
        ("POST", 301, "GET"),
        ("POST", 302, "GET"),
        ("PUT", 302, "PUT"),
        ("PUT", 303, "GET"),
        ("HEAD", 303, "HEAD"),
        ("POST", 307, "POST"),
        ("POST", 308, "POST"),
    ],
)
def test_a_redirect_keeps_the_method_as_browsers_do(method: str, status: int, then: str) -> None:
    asked: list[tuple[str, bytes]] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append((request.method, request.read()))
        moved = httpx.Response(status, headers={"Location": "/b"})
        return moved if len(asked) == 1 else httpx.Response(200)

    step = JourneyStep(name="a", target="/a", method=method, body="content")
    answering(handler, steps(step))

    assert asked[1] == (then, b"content" if then == method else b"")


def test_a_page_out_of_a_cache_is_no_end_of_a_journey() -> None:
    step = JourneyStep(name="a", target="/")

    hit = answering(lambda _: httpx.Response(200, headers={"Age": "5"}), steps(step))
    miss = answering(lambda _: httpx.Response(404, headers={"Age": "5"}), steps(step))

    assert (hit.outcome, miss.outcome) == (Outcome.OK, Outcome.CACHED)


def test_credentials_of_the_url_are_sent_to_the_service_alone() -> None:
    asked: list[tuple[str, str | None]] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append((request.url.host, request.headers.get("authorization")))
        return httpx.Response(200)

    pair = (
        JourneyStep(name="a", target="/"),
        JourneyStep(name="b", target="https://other.example/"),
    )
    answering(handler, steps(*pair), authorization="Basic c2VjcmV0OnNlY3JldA==")

    assert asked == [("shop.example", "Basic c2VjcmV0OnNlY3JldA=="), ("other.example", None)]


def test_a_journey_over_real_sockets_goes_the_whole_way() -> None:
    shop = CartShop()
    prober = HttpProber(
        SystemClock(),
        nonces=lambda: "n",
        transport=FreshTransport(OnceContext(system_trust)),
        redact=str,
        secrets=SECRETS,
    )
    with loopback_face(shop) as origin:
        sample, _ = prober.ask([probe(at_once(BUY), url=origin)] * 2)

    assert sample.detail == "4 steps went well; the last answers 200"
    assert shop.orders == 2
    assert 0 < sample.total_seconds < 2
    assert sample.phases.processing_seconds is not None


@pytest.mark.parametrize(("delay", "outcome"), [(0.0, Outcome.OK), (5.0, Outcome.READ_TIMEOUT)])
def test_a_journey_over_real_sockets_keeps_its_time(delay: float, outcome: Outcome) -> None:
    shop = CartShop()
    shop.delays["/account"] = delay
    clock = SystemClock()
    prober = HttpProber(
        clock,
        nonces=lambda: "n",
        transport=FreshTransport(OnceContext(system_trust)),
        redact=str,
        secrets=SECRETS,
    )
    timeout = 0.5 if outcome is Outcome.READ_TIMEOUT else 5.0
    journey = replace(at_once(BUY), timeout_seconds=timeout)
    with loopback_face(shop) as origin:
        began = clock.monotonic()
        (sample,) = prober.ask([probe(journey, url=origin)])
        took = clock.monotonic() - began

    assert sample.outcome is outcome
    assert took < timeout + 3


def test_a_secret_that_no_step_uses_is_hidden_as_well() -> None:
    shop = {"says": PASSWORD}

    sample = answering(
        lambda _: httpx.Response(200, json=shop), steps(JourneyStep(name="a", target="/"))
    )

    assert PASSWORD not in repr(sample)


def test_an_empty_journey_says_nothing() -> None:
    assert answering(lambda _: httpx.Response(200), steps()).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("host", ["169.254.169.254", "[fe80::1]"])
def test_a_step_never_asks_a_link_local_address(host: str) -> None:
    prober = HttpProber(
        SystemClock(),
        nonces=lambda: "n",
        transport=FreshTransport(OnceContext(system_trust), refuses=is_link_local),
        redact=str,
    )
    step = JourneyStep(name="a", target=f"http://{host}/latest", timeout_seconds=0.3)

    (sample,) = prober.ask([probe(steps(step))])

    assert sample.outcome is Outcome.UNKNOWN
    assert "link-local" in sample.detail


TAKE = Capture(variable="x", subject=Subject.JSON, name="$.value")
USE = JourneyStep(
    name="use",
    target="/a/${x}/b?q=${x}",
    method="POST",
    headers={"X-Value": "v${x}v"},
    form={"f": "${x}"},
    assertions=(json_at("$.never", Condition.EXISTS),),
)


@settings(max_examples=sized(30, 150))
@given(st.text(min_size=1, max_size=40))
def test_whatever_a_service_hands_out_it_gets_back_in_its_place_and_no_other_host_sees(
    value: str,
) -> None:
    token = f"s3cr3t-{value}"
    asked: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if len(asked) == 1:
            return httpx.Response(200, content=json.dumps({"value": token}).encode())
        headers = [(b"X-Echo", quote(token, safe="", errors="replace").encode())]
        return httpx.Response(200, headers=headers, content=json.dumps({"e": token}).encode())

    sample = answering(handler, steps(JourneyStep(name="take", target="/", captures=(TAKE,)), USE))

    assert "s3cr3t" not in repr(sample)
    if len(asked) == 1:
        assert sample.outcome is Outcome.UNKNOWN
        return
    encoded = quote(token, safe="", errors="replace")
    assert asked[1].url.raw_path.decode() == f"/a/{encoded}/b?q={encoded}"
    assert (b"X-Value", f"v{token}v".encode("latin-1")) in asked[1].headers.raw
    assert asked[1].read().decode() == urlencode({"f": token}, errors="replace")
    assert len(asked[1].headers) == 9
