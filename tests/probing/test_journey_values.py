"""What a journey takes out of its answers, follows, and compares."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo_action.config.slo.load import read_slo_yml
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
from tests.worlds.cart_shop import json_at
from tests.worlds.order_desk import CSRF, PASSWORD, SESSION, XSRF, OrderDesk
from tests.worlds.virtual_clock import VirtualClock

ROOT = Path(__file__).parents[2]
SITE = "https://shop.example"
SECRETS = {"SHOP_PASSWORD": Secret(PASSWORD)}
FIRST = JourneyStep(name="first", target="/a")
SECOND = JourneyStep(name="second", target="/b")


def probe(journey: Journey, url: str = SITE) -> Probe:
    return Probe(
        witness=Witness.JOURNEY, url=url, journey=journey, reads_health=False, timeout_seconds=20.0
    )


def taken(
    first: httpx.Response | Callable[[httpx.Request], httpx.Response], *steps: JourneyStep
) -> tuple[Sample, list[httpx.Request]]:
    """Run the steps against a service that gives one answer first, and 200 from then on."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if len(asked) > 1:
            return httpx.Response(200)
        return first if isinstance(first, httpx.Response) else first(request)

    names = iter(range(100))
    prober = HttpProber(
        VirtualClock(),
        nonces=lambda: str(next(names)),
        transport=httpx.MockTransport(answer),
        redact=str,
        secrets=SECRETS,
    )
    (sample,) = prober.ask([probe(Journey(name="j", steps=steps))])
    return sample, asked


def capturing(
    subject: Subject, name: str = "", pattern: str = "", variable: str = "x"
) -> JourneyStep:
    taken_out = Capture(variable=variable, subject=subject, name=name, pattern=pattern)
    return replace(FIRST, captures=(taken_out,))


# The example, against a real server.


@pytest.fixture
def desk() -> Iterator[OrderDesk]:
    desk = OrderDesk()
    with loopback_face(desk):
        yield desk


def ordered(desk: OrderDesk) -> Sample:
    """Walk through the example once."""
    loaded = read_slo_yml(ROOT / "examples" / "journeys.yml", ROOT, "config")
    assert loaded.mistakes == ()
    (journey,) = loaded.slo_yml.services["shop"].journeys
    prober = HttpProber(
        SystemClock(),
        nonces=lambda: str(len(desk.asked)),
        transport=FreshTransport(OnceContext(system_trust)),
        redact=str,
        secrets=SECRETS,
    )
    (sample,) = prober.ask([probe(journey, desk.origin)])
    return sample


def test_the_example_logs_in_by_a_form_and_follows_what_it_ordered(desk: OrderDesk) -> None:
    first, second = ordered(desk), ordered(desk)

    for sample in (first, second):
        assert (sample.outcome, sample.detail) == (
            Outcome.OK,
            "5 steps went well; the last answers 200",
        )
    assert [asked.target for asked in desk.asked][3:6] == [
        "/api/orders",
        "/api/orders/1",
        "/api/orders/1/invoice?format=html",
    ]
    references = {str(order["reference"]) for order in desk.orders}
    assert len(references) == 2
    assert all(re.fullmatch(r"probe [0-9a-f-]{36}", one) for one in references)
    assert all(str(order["ordered_at"]).endswith("Z") for order in desk.orders)


def test_a_form_without_its_token_is_named_with_what_was_sought(desk: OrderDesk) -> None:
    desk.form = "<p>Sign in with your passkey</p>"

    sample = ordered(desk)

    told = (
        'step 1 of 5 (open the login form): answers 200, but "csrf" cannot be captured: its body '
        '("text/html", 32 B) does not match "name="csrf" value="([^"]+)""'
    )
    assert (sample.outcome, sample.detail) == (Outcome.CAPTURE_FAILED, told)


def test_a_link_to_another_origin_is_not_followed(desk: OrderDesk) -> None:
    desk.invoice = "https://billing.example/{}"

    sample = ordered(desk)

    told = (
        "step 5 of 5 (read its invoice): ${invoice} is not followed: it leads to "
        f'"https://billing.example", another origin than "{desk.origin}"; '
        "if that is meant, write its address as the step's url"
    )
    assert (sample.outcome, sample.detail) == (Outcome.CAPTURE_FAILED, told)
    assert sample.status == 200
    assert len(desk.asked) == 5


@pytest.mark.parametrize("breaks", [False, True])
def test_nothing_private_of_the_example_is_in_a_sample(desk: OrderDesk, breaks: bool) -> None:
    if breaks:
        desk.invoice = f"/{quote(XSRF)}?{CSRF}{SESSION}"

    shown = repr(ordered(desk))

    assert [v for v in (CSRF, escape(CSRF), XSRF, SESSION, PASSWORD) if v in shown] == []


# Captures.


@pytest.mark.parametrize(
    ("step", "answer", "value"),
    [
        (capturing(Subject.BODY, pattern="id=([0-9]+)"), {"text": "id=7;id=8"}, "7"),
        (capturing(Subject.BODY, pattern="[0-9]+"), {"text": "id=7"}, "7"),
        (capturing(Subject.JSON, "$.a", "^v(.*)"), {"json": {"a": "v1.2"}}, "1.2"),
        (capturing(Subject.JSON, "$.a[*]", "b.*"), {"json": {"a": [1, "a", "b2"]}}, "b2"),
        (capturing(Subject.HEADER, "location", "[^/]+$"), {"headers": {"Location": "/o/9"}}, "9"),
        (capturing(Subject.COOKIE, "t"), {"headers": {"Set-Cookie": "t=a%2Bb%3D"}}, "a+b="),
        (
            capturing(Subject.COOKIE, "t"),
            {"headers": {"Set-Cookie": "t=Zürich".encode()}},
            "Zürich",
        ),
        (capturing(Subject.BODY, pattern='v="([^"]*)"'), {"html": '<i v="&#x2F;&amp;">'}, "/&"),
        (capturing(Subject.BODY, pattern="v=(.*)"), {"text": "v=&amp;"}, "&amp;"),
    ],
)
def test_what_is_captured_is_what_a_user_s_browser_would_send(
    step: JourneyStep, answer: dict[str, Any], value: str
) -> None:
    sent = replace(SECOND, target="/b?x=${x}")

    sample, asked = taken(httpx.Response(200, **answer), step, sent)

    assert sample.outcome is Outcome.OK
    assert asked[1].url.params["x"] == value


JSON = capturing(Subject.JSON, "$.x")
CART = capturing(Subject.HEADER, "X-Cart")
SID = capturing(Subject.COOKIE, "sid")
PAGE = capturing(Subject.BODY, pattern="a(b)?")


@pytest.mark.parametrize(
    ("step", "answer", "told"),
    [
        (JSON, {"json": {}}, 'its body ("application/json", 2 B) has nothing at "$.x"'),
        (JSON, {"html": "<p>"}, 'its body ("text/html", 3 B) is not JSON'),
        (JSON, {"json": {"x": []}}, 'its JSON at "$.x" is empty, a list or an object'),
        (
            capturing(Subject.JSON, "$.x", "b"),
            {"json": {"x": "a"}},
            'its JSON at "$.x" does not match "b"',
        ),
        (CART, {}, 'it has no header "X-Cart"'),
        (
            capturing(Subject.HEADER, "X-Cart", "b"),
            {"headers": {"X-Cart": "a"}},
            'its header "X-Cart" does not match "b"',
        ),
        (SID, {"headers": {"Set-Cookie": "id=1"}}, 'no cookie "sid" was set'),
        (SID, {"headers": {"Set-Cookie": "sid=1; Domain=a.example"}}, 'no cookie "sid" was set'),
        (
            PAGE,
            {"content": b"a"},
            "its body (without a content type, 1 B) is empty, a list or an object",
        ),
    ],
)
def test_a_capture_that_fails_says_what_was_sought_and_in_what(
    step: JourneyStep, answer: dict[str, Any], told: str
) -> None:
    sample, asked = taken(httpx.Response(200, **answer), step, SECOND)

    assert (sample.outcome, len(asked)) == (Outcome.CAPTURE_FAILED, 1)
    assert sample.detail == f'step 1 of 2 (first): answers 200, but "x" cannot be captured: {told}'


def test_a_capture_is_not_what_fails_where_the_answer_itself_is_an_error() -> None:
    sample, _ = taken(httpx.Response(500), capturing(Subject.COOKIE, "sid"))

    assert (sample.outcome, sample.detail) == (
        Outcome.HTTP_5XX,
        "step 1 of 1 (first): answers 500 Internal Server Error",
    )


def test_an_assertion_about_what_could_not_be_captured_is_not_blamed_for_it() -> None:
    equal = json_at("$.b", Condition.EQUALS, "${x}")
    step = replace(capturing(Subject.JSON, "$.a"), assertions=(equal,))

    sample, _ = taken(httpx.Response(200, json={"b": 1}), step)

    assert sample.outcome is Outcome.CAPTURE_FAILED


@pytest.mark.parametrize(
    ("variable", "name", "hidden"),
    [("otp", "$.v", True), ("x", "$.session.v", True), ("shop_id", "$.v", False)],
)
def test_a_short_value_is_hidden_where_its_name_says_that_it_is_secret(
    variable: str, name: str, hidden: bool
) -> None:
    step = capturing(Subject.JSON, name, variable=variable)

    sample, _ = taken(httpx.Response(200, json={"v": "4711", "session": {"v": "4711"}}), step)

    assert sample.response is not None
    assert ("4711" in sample.response.body) is not hidden


# Links.


LINKED = capturing(Subject.HEADER, "Location")


def linked(location: str, target: str = "${x}") -> tuple[Sample, list[str]]:
    step, follow = replace(LINKED, target="/shop/a?p=1"), replace(SECOND, target=target)
    created = httpx.Response(201, headers={"Location": location})
    sample, asked = taken(created, step, follow)
    return sample, [str(request.url) for request in asked[1:]]


@pytest.mark.parametrize(
    ("location", "target", "url"),
    [
        ("/orders/7", "${x}", f"{SITE}/orders/7"),
        ("orders/7", "${x}", f"{SITE}/shop/orders/7"),
        ("?p=2#top", "${x}", f"{SITE}/shop/a?p=2"),
        ("../x", "${x}", f"{SITE}/x"),
        ("https://SHOP.example:443/o", "${x}", f"{SITE}/o"),
        ("//shop.example/o", "${x}", f"{SITE}/o"),
        ("/orders/7", "${x}/lines?of=${x}", f"{SITE}/orders/7/lines?of=%2Forders%2F7"),
        ("/o?p=2", "${x}&size=1", f"{SITE}/o?p=2&size=1"),
        ("/o", "${x}#top", f"{SITE}/o"),
    ],
)
def test_a_link_is_followed_from_the_answer_that_it_is_from(
    location: str, target: str, url: str
) -> None:
    sample, asked = linked(location, target)

    assert (sample.outcome, asked) == (Outcome.OK, [url])


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("https://evil.example/o", '"https://evil.example", another origin'),
        ("//evil.example/o", '"https://evil.example", another origin'),
        ("https://shop.example@evil.example/o", '"https://evil.example", another origin'),
        ("https://shop.example.evil.example/", '"https://shop.example.evil.example", another'),
        ("https://user:pw@shop.example/o", '"https://shop.example", another origin'),
        ("https://shop.example:8443/o", '"https://shop.example:8443", another origin'),
        ("http://shop.example/o", '"http://shop.example", another origin'),
        ("javascript:alert(1)", "it is no path and no http address"),
        ("file:///etc/passwd", "it is no path and no http address"),
        ("https://[::1/o", "it is no path and no http address"),
    ],
)
def test_a_link_that_leads_elsewhere_is_refused_by_name(location: str, told: str) -> None:
    sample, asked = linked(location)

    assert (sample.outcome, asked) == (Outcome.CAPTURE_FAILED, [])
    assert sample.detail.startswith("step 2 of 2 (second): ${x} is not followed: it ")
    assert told in sample.detail


@settings(max_examples=sized(60, 1500))
@given(st.text(st.characters(max_codepoint=0xFF), min_size=1, max_size=30))
def test_no_link_leads_to_another_host_whatever_is_in_it(text: str) -> None:
    body = httpx.Response(200, content=json.dumps({"next": f"//{text}"}).encode())
    step = capturing(Subject.JSON, "$.next")

    sample, asked = taken(body, step, replace(SECOND, target="${x}/more"))

    assert {request.url.host for request in asked} == {"shop.example"}
    assert sample.outcome in (Outcome.CAPTURE_FAILED, Outcome.OK, Outcome.UNKNOWN)


# Assertions.


def asserted(document: object, step: JourneyStep, *assertions: Assertion) -> Sample:
    answer = httpx.Response(200, json=document, headers={"X-Id": "42"})
    return taken(answer, replace(step, assertions=assertions))[0]


BODY = Assertion(subject=Subject.BODY, condition=Condition.MATCHES, expected=r'"${x}"')
HEADER = replace(json_at("X-Id", Condition.EQUALS, "${x}"), subject=Subject.HEADER)
NUMBER = capturing(Subject.JSON, "$.id")
TEXT = capturing(Subject.HEADER, "X-Id")


@pytest.mark.parametrize(
    ("step", "assertion"),
    [
        (NUMBER, json_at("$.same", Condition.EQUALS, "${x}")),
        (NUMBER, json_at("$.link", Condition.EQUALS, "/o/${x}")),
        (NUMBER, json_at("$.list", Condition.EQUALS, [{"id": "${x}"}])),
        (NUMBER, HEADER),
        (NUMBER, json_at("$.link", Condition.MATCHES, "^/o/${x}$")),
        (NUMBER, json_at("$.link", Condition.NOT_EQUALS, "${x}")),
        (TEXT, json_at("$.same", Condition.EQUALS, "${x}")),
        (TEXT, json_at("$.list", Condition.EQUALS, [{"id": "${x}"}])),
        (TEXT, json_at("$.text", Condition.EQUALS, "${x}")),
        (capturing(Subject.JSON, "$.odd"), json_at("$.odd", Condition.MATCHES, "^${x}$")),
        (capturing(Subject.JSON, "$.odd"), BODY),
        (FIRST, json_at("$.secret", Condition.EQUALS, "${secrets.SHOP_PASSWORD}")),
    ],
)
def test_a_captured_value_is_compared_by_what_it_is(
    step: JourneyStep, assertion: Assertion
) -> None:
    document = {"id": 42, "same": 42, "text": "42", "link": "/o/42", "list": [{"id": 42}]}

    sample = asserted({**document, "odd": "a.b*[c]", "secret": PASSWORD}, step, assertion)

    assert (sample.outcome, sample.detail) == (
        Outcome.OK,
        "1 steps went well; the last answers 200",
    )


@pytest.mark.parametrize(
    ("assertion", "told"),
    [
        (json_at("$.other", Condition.EQUALS, "${x}"), 'json "$.other" equals 42 fails: found 43'),
        (json_at("$.text", Condition.EQUALS, "${x}"), 'equals 42 fails: found "42"'),
        (json_at("$.other", Condition.MATCHES, "^${x}$"), 'matches "^42$" fails: found 43'),
    ],
)
def test_another_value_than_the_captured_one_fails_the_step(
    assertion: Assertion, told: str
) -> None:
    sample = asserted({"id": 42, "other": 43, "text": "42"}, NUMBER, assertion)

    assert sample.outcome is Outcome.ASSERTION_FAILED
    assert told in sample.detail


@settings(max_examples=sized(40, 1000))
@given(st.text(min_size=1, max_size=30))
def test_in_a_pattern_a_value_stands_for_itself_alone(value: str) -> None:
    whole = json_at("$.id", Condition.MATCHES, r"\A${x}\z")

    sample = asserted({"id": value}, NUMBER, whole)

    assert sample.outcome is Outcome.OK


def test_a_value_too_long_for_a_pattern_says_nothing_of_the_service() -> None:
    sample = asserted({"id": "a" * 1001}, NUMBER, BODY)

    assert sample.outcome is Outcome.UNKNOWN
    assert sample.detail.endswith("a value of 1001 characters is too long for a pattern")


def test_uuid_and_now_are_the_same_in_all_steps_of_a_run_and_shown() -> None:
    step = replace(FIRST, target="/${uuid}", body="${now}", method="POST")
    fails = json_at("$.a", Condition.EQUALS, "${uuid}")

    sample, asked = taken(
        lambda request: httpx.Response(200, json={"a": request.url.path[1:]}),
        replace(step, assertions=(fails,)),
        step,
    )

    assert sample.outcome is Outcome.OK
    assert len({request.url.path for request in asked}) == 1
    assert re.fullmatch(r"/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-.*", asked[0].url.path)
    assert {request.read() for request in asked} == {b"2026-11-02T10:00:00Z"}
