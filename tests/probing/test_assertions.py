"""What a user demands of an answer, and what the reason is where it is not so."""

import json
import ssl
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from slo_action.core.journey.journeys import Assertion, Condition, Subject
from slo_action.core.model import Outcome, Probe, Sample, VersionRule, Witness
from slo_action.probing.answer import Answer
from slo_action.probing.assertions import unmet
from slo_action.probing.body import Body
from slo_action.probing.prober import HttpProber
from slo_action.probing.transport import FreshTransport
from slo_action.probing.trust import OnceContext, as_users_do
from slo_action.system.clock import SystemClock
from tests.worlds.mock_web import URL, found, mock_prober
from tests.worlds.raw_server import Connection, serving

NOW = datetime(2026, 11, 23, tzinfo=UTC)
C = Condition


def status(*forms: str) -> Assertion:
    return Assertion(subject=Subject.STATUS, condition=C.ONE_OF, expected=forms)


def at(path: str, condition: Condition, expected: object = None) -> Assertion:
    return Assertion(subject=Subject.JSON, name=path, condition=condition, expected=expected)


def header(name: str, condition: Condition, expected: object = None) -> Assertion:
    return Assertion(subject=Subject.HEADER, name=name, condition=condition, expected=expected)


def body(condition: Condition, pattern: str) -> Assertion:
    return Assertion(subject=Subject.BODY, condition=condition, expected=pattern)


def days(least: float) -> Assertion:
    return Assertion(subject=Subject.CERTIFICATE, condition=C.ABOVE, expected=least)


def said(one: Assertion, document: object = None, **changes: Any) -> str:
    values: dict[str, Any] = {
        "url": URL,
        "at": NOW,
        "status": 200,
        "headers": (("X-Pool", "blue"), ("x-pool", "green"), ("X-Left", "12"), ("Set-Cookie", "s")),
        "body": Body(text=json.dumps(document)),
    }
    return unmet([one], Answer(**{**values, **changes}))


DOCUMENT = {"n": 1, "t": "1", "yes": True, "none": None, "list": [1, 2], "object": {"a": 1.0}}


@pytest.mark.parametrize(
    "one",
    [
        at("$.n", C.EQUALS, 1),
        at("$.n", C.EQUALS, 1.0),
        at("$.t", C.EQUALS, "1"),
        at("$.yes", C.EQUALS, True),
        at("$.none", C.EQUALS, None),
        at("$.none", C.EXISTS),
        at("$.list", C.EQUALS, (1, 2)),
        at("$.object", C.EQUALS, {"a": 1}),
        at("$.list[*]", C.ABOVE, 0),
        at("$.list[*]", C.NOT_EQUALS, 3),
        at("$.t", C.NOT_EQUALS, 1),
        at("$.n", C.BELOW, 1.5),
        at("$.n", C.MATCHES, "^1$"),
        at("$.yes", C.MATCHES, "true"),
        at("$.gone", C.ABSENT),
        header("X-POOL", C.EXISTS),
        header("x-pool", C.MATCHES, "e"),
        header("X-Left", C.EQUALS, 12),
        header("X-Left", C.ABOVE, 11.5),
        header("x-gone", C.ABSENT),
        body(C.MATCHES, '"yes": ?true'),
        body(C.LACKS, "Traceback"),
        status("2xx"),
        status("404", "200"),
    ],
    ids=repr,
)
def test_what_is_so_has_no_reason(one: Assertion) -> None:
    assert said(one, DOCUMENT) == ""


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (at("$.n", C.EQUALS, "1"), 'json "$.n" equals "1" fails: found 1'),
        (at("$.t", C.EQUALS, 1), 'json "$.t" equals 1 fails: found "1"'),
        (at("$.n", C.EQUALS, True), 'json "$.n" equals true fails: found 1'),
        (at("$.yes", C.EQUALS, 1), 'json "$.yes" equals 1 fails: found true'),
        (at("$.list", C.EQUALS, (1,)), 'json "$.list" equals a list of 1 fails: found a list of 2'),
        (at("$.object", C.MATCHES, "a"), 'json "$.object" matches "a" fails: found an object of 1'),
        (at("$.list[*]", C.ABOVE, 1), 'json "$.list[*]" above 1 fails: found 1'),
        (at("$.t", C.ABOVE, 0), 'json "$.t" above 0 fails: found "1"'),
        (at("$.gone", C.NOT_EQUALS, 1), 'json "$.gone" not equals 1 fails: there is no value'),
        (at("$.gone", C.EXISTS), 'json "$.gone" exists fails: there is no value'),
        (at("$.none", C.ABSENT), 'json "$.none" absent fails: found null'),
        (header("X-Pool", C.EQUALS, "blue"), 'header "X-Pool" equals "blue" fails: found "green"'),
        (header("X-Pool", C.ABOVE, 1), 'header "X-Pool" above 1 fails: found "blue"'),
        (header("Set-Cookie", C.ABSENT), 'header "Set-Cookie" absent fails: found a value that'),
        (status("201", "3xx"), "status one of 201, 3xx fails: found 200"),
        (days(14), "certificate valid for 14 days more fails: the answer came over plain HTTP"),
    ],
)  # fmt: skip
def test_what_is_not_so_has_a_reason_with_what_was_found(one: Assertion, reason: str) -> None:
    assert said(one, DOCUMENT).startswith(f"the assertion {reason}")


def test_a_body_that_is_not_json_has_no_values() -> None:
    reason = said(at("$.a", C.ABSENT), body=Body(text="<html>"))

    assert reason == 'the assertion json "$.a" absent fails: the body is not JSON'


def test_what_was_found_is_shown_within_bounds() -> None:
    assert "found a text of 5000 characters" in said(at("$", C.EQUALS, "x"), "y" * 5000)
    assert "found a number of 400 digits" in said(at("$", C.EQUALS, "x"), int("9" * 400))
    assert "\n" not in said(at("$", C.EQUALS, "x"), "a\nb")


@given(st.text(), st.text())
def test_equal_texts_are_equal_and_no_others(one: str, other: str) -> None:
    assert said(at("$", C.EQUALS, one), one) == ""
    assert bool(said(at("$", C.EQUALS, one), other)) is (one != other)


@pytest.mark.parametrize(
    ("left", "holds"), [(14.5, True), (14.0, True), (13.99, False), (-1.0, False)]
)
def test_a_certificate_s_days_are_counted_from_the_question(left: float, holds: bool) -> None:
    reason = said(days(14), certificate_expires_at=NOW + timedelta(days=left))

    assert (reason == "") is holds
    assert holds or f"found {left}" in reason


def judged(code: int = 200, text: str = '{"status": "ok"}', **probe: Any) -> Sample:
    return found(code, text, {"Content-Type": "application/json"}, **probe)


@pytest.mark.parametrize(
    ("code", "db", "outcome"),
    [
        (200, "up", Outcome.TLS_EXPIRING),
        (200, "down", Outcome.ASSERTION_FAILED),
        (500, "up", Outcome.HTTP_5XX),
    ],
)
def test_a_certificate_is_blamed_only_where_the_service_does_nothing_wrong(
    code: int, db: str, outcome: Outcome
) -> None:
    """Over plain HTTP there is no certificate at all."""
    sample = judged(code, json.dumps({"db": db}), assertions=(days(14), at("$.db", C.EQUALS, "up")))

    assert sample.outcome is outcome


def test_an_answer_that_fails_an_assertion_is_an_outcome_of_its_own() -> None:
    sample = judged(text='{"db": "down"}', assertions=(at("$.db", C.EQUALS, "up"),))

    assert sample.outcome is Outcome.ASSERTION_FAILED
    assert sample.detail == (
        'answers 200, but the assertion json "$.db" equals "up" fails: found "down"'
    )


@pytest.mark.parametrize(
    ("code", "forms"), [(401, ("401",)), (204, ("200", "204")), (201, ("2xx",)), (302, ("302",))]
)
@pytest.mark.parametrize("witness", [Witness.HEALTH, Witness.API])
def test_a_status_that_is_asserted_is_good(
    code: int, forms: tuple[str, ...], witness: Witness
) -> None:
    sample = judged(code, "", witness=witness, assertions=(status(*forms),))

    assert (sample.outcome, sample.detail) == (Outcome.OK, f"answers {code}")


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (503, Outcome.HTTP_5XX),
        (404, Outcome.HTTP_4XX),
        (200, Outcome.ASSERTION_FAILED),
        (302, Outcome.REDIRECT),
        (429, Outcome.RATE_LIMITED),
    ],
)
def test_a_status_other_than_the_asserted_one_says_what_it_always_says(
    code: int, outcome: Outcome
) -> None:
    assert judged(code, assertions=(status("401"),)).outcome is outcome


@pytest.mark.parametrize(
    ("asserted", "outcome"),
    [
        (("200", "429"), Outcome.OK),
        (("4xx",), Outcome.RATE_LIMITED),
        (("2xx",), Outcome.RATE_LIMITED),
    ],
)
def test_429_is_a_good_answer_only_where_it_is_asserted_by_name(
    asserted: tuple[str, ...], outcome: Outcome
) -> None:
    assert judged(429, assertions=(status(*asserted),)).outcome is outcome


def test_version_and_health_come_before_an_assertion_and_slowness_after_it() -> None:
    fails = (at("$.x", C.EXISTS),)
    old = judged(
        text='{"version": "v1"}', version_rule=VersionRule(expected="v2"), assertions=fails
    )
    sick = judged(text='{"status": "down"}', assertions=fails)
    slow = judged(assertions=fails, slow_after_seconds=-1.0)

    assert old.outcome is Outcome.WRONG_VERSION
    assert sick.outcome is Outcome.UNHEALTHY_BODY
    assert slow.outcome is Outcome.ASSERTION_FAILED


@pytest.mark.parametrize(
    ("one", "outcome"),
    [(body(C.LACKS, "x"), Outcome.BODY_TOO_LARGE), (header("a", C.ABSENT), Outcome.OK)],
)
def test_a_long_body_is_a_fault_only_where_it_is_looked_at(
    one: Assertion, outcome: Outcome
) -> None:
    sample = judged(text="a" * 100, witness=Witness.API, body_limit_bytes=50, assertions=(one,))

    assert sample.outcome is outcome


def test_a_redirect_that_is_asserted_is_not_followed() -> None:
    asked: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(302, headers={"Location": "/login"})

    probe = Probe(witness=Witness.API, url=URL, follows_same_host=True, assertions=(status("302"),))
    (sample,) = mock_prober(handler).ask([probe])

    assert (asked, sample.outcome) == (["/health"], Outcome.OK)


def test_what_was_found_is_redacted() -> None:
    def handler(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"key": "hunter22"})

    probe = Probe(witness=Witness.API, url=URL, assertions=(at("$.key", C.EQUALS, "x"),))
    (sample,) = mock_prober(handler, redact=lambda t: t.replace("hunter22", "***")).ask([probe])

    assert sample.detail.endswith('found "***"')


@pytest.mark.parametrize(("left", "outcome"), [(30, Outcome.OK), (3, Outcome.TLS_EXPIRING)])
def test_a_certificate_of_a_real_server_is_read(left: int, outcome: Outcome) -> None:
    authority = trustme.CA()
    expires = datetime.now(UTC) + timedelta(days=left)
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", not_after=expires).configure_cert(server_side)

    def trust() -> ssl.SSLContext:
        context = as_users_do(ssl.create_default_context())
        authority.configure_trust(context)
        return context

    def answer(connection: Connection) -> None:
        connection.answer(b'{"status": "ok"}', headers=b"Content-Type: application/json\r\n")

    prober = HttpProber(
        SystemClock(),
        nonces=lambda: "n",
        transport=FreshTransport(OnceContext(trust)),
        redact=str,
    )
    with serving(answer, tls=server_side) as server:
        probe = Probe(
            witness=Witness.HEALTH, url=server.url(scheme="https"), assertions=(days(14),)
        )
        (sample,) = prober.ask([probe])

    assert sample.outcome is outcome
