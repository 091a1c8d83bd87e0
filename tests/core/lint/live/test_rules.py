"""Running services in all their shapes, and what is said of each."""

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_action.core.lint.live.rules import LIVE_RULES, EndpointVisit, Visit, named_checks
from slo_action.core.lint.rule import Key, Violation
from slo_action.core.model import Outcome, Response, Sample, Witness
from slo_action.core.slo.services import Endpoint, Service
from slo_action.core.stats.latency import LatencyObjective
from tests.builders import sample
from tests.hostile import TEXTS

RULES = {rule.name: rule for rule in LIVE_RULES}
JSON = ("Content-Type", "application/json")
NO_STORE = ("Cache-Control", "no-store")
SOUND = '{"status": "ok", "version": "1.2.3"}'


def endpoint(name: str, witness: Witness = Witness.API, **changes: Any) -> Endpoint:
    return Endpoint(name=name, path=f"/{name}", witness=witness, **changes)


HEALTH = endpoint("health", Witness.HEALTH)
BUILD = endpoint("build", Witness.VERSION)
SEARCH = endpoint("search", Witness.SEARCH)
EXTRA = endpoint("orders")


def response(body: str = SOUND, *headers: tuple[str, str], status: int = 200) -> Response:
    return Response(
        http_version="HTTP/1.1",
        status=status,
        reason="",
        headers=headers,
        body=body,
        body_bytes=len(body),
    )


def answer(
    body: str = SOUND,
    *headers: tuple[str, str],
    status: int = 200,
    outcome: Outcome = Outcome.OK,
    **changes: Any,
) -> Sample:
    """An answer that no rule minds, but for what is changed of it."""
    sent = response(body, *(headers or (JSON, NO_STORE)), status=status)
    values = {"version": "1.2.3", "status": status, "response": sent, **changes}
    return sample(outcome, **values)


def visit(
    *samples: Sample, url: str = "https://shop.example", health: Endpoint = HEALTH, **others: Any
) -> Visit:
    """A visit to a service whose health endpoint gave `samples`; others give one each."""
    known = {"build": BUILD, "search": SEARCH, "orders": EXTRA}
    endpoints = (health, *(known[name] for name in others))
    asked = (
        EndpointVisit(endpoint=health, samples=samples),
        *(EndpointVisit(endpoint=known[name], samples=(one,)) for name, one in others.items()),
    )
    return Visit(service=Service(name="shop", url=url, endpoints=endpoints), asked=asked)


def found(looked: Visit) -> dict[str, Violation]:
    """All that is found, by rule; no rule speaks twice in these tests."""
    violations = [(rule.name, violation) for rule in LIVE_RULES for violation in rule.find(looked)]
    assert len(dict(violations)) == len(violations)
    return dict(violations)


def test_a_sound_service_is_not_reported() -> None:
    assert found(visit(answer(), answer(), build=answer(), search=answer(status=204))) == {}


@pytest.mark.parametrize(
    "headers",
    [
        [("Cache-Control", "no-store")],
        [("cache-control", "No-Store, max-age=60")],
        [("Cache-Control", "private, max-age=60")],
        [("Cache-Control", "no-cache")],
        [("Cache-Control", "public, max-age=0, must-revalidate")],
        [("Cache-Control", "max-age=60, s-maxage=0")],
        [("Expires", "0")],
        [("Date", "Mon, 23 Nov 2026 10:00:00 GMT"), ("Expires", "Mon, 23 Nov 2026 10:00:00 GMT")],
        [("CDN-Cache-Control", "no-store"), ("Cache-Control", "public, max-age=60")],
    ],
)
def test_headers_that_forbid_a_cache_are_not_reported(headers: list[tuple[str, str]]) -> None:
    assert found(visit(answer(SOUND, JSON, *headers))) == {}


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ([("Cache-Control", "max-age=60")], 'sends "Cache-Control: max-age=60"'),
        ([("Cache-Control", "public")], 'sends "Cache-Control: public"'),
        ([("Cache-Control", 'max-age="5"')], 'sends "Cache-Control: max-age="5""'),
        (
            [("Cache-Control", "max-age=0, s-maxage=9")],
            'sends "Cache-Control: max-age=0, s-maxage=9"',
        ),
        (
            [("Surrogate-Control", "max-age=9"), NO_STORE],
            'sends "Surrogate-Control: max-age=9"',
        ),
        (
            [
                ("Date", "Mon, 23 Nov 2026 10:00:00 GMT"),
                ("Expires", "Mon, 23 Nov 2026 10:00:01 GMT"),
            ],
            'sends "Expires: Mon, 23 Nov 2026 10:00:01 GMT"',
        ),
    ],
)
def test_headers_that_let_a_cache_are_quoted(headers: list[tuple[str, str]], words: str) -> None:
    violations = found(visit(answer(SOUND, JSON, *headers)))

    assert set(violations) == {"health-cacheable"}
    assert violations["health-cacheable"] == Violation(
        key=("health_endpoint",), message=f"health_endpoint {words}"
    )


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ([], "sends neither Cache-Control nor Expires"),
        ([("ETag", '"1"')], "sends neither Cache-Control nor Expires, but ETag"),
        (
            [("Age", "0"), ("Last-Modified", "x")],
            "sends neither Cache-Control nor Expires, but Age and Last-Modified",
        ),
        (
            [("Expires", "Mon, 23 Nov 2026 10:00:01 GMT")],
            'sends "Expires: Mon, 23 Nov 2026 10:00:01 GMT"',
        ),
    ],
)
def test_silence_about_caching_is_a_notice(headers: list[tuple[str, str]], words: str) -> None:
    violations = found(visit(answer(SOUND, JSON, *headers)))

    assert set(violations) == {"health-cache-unsaid"}
    assert violations["health-cache-unsaid"].message == f"health_endpoint {words}"


def test_an_answer_out_of_a_cache_is_one_whatever_its_headers_say() -> None:
    cached = answer(outcome=Outcome.CACHED, detail='answers 200 from a cache ("Age: 12")')
    silent = answer(SOUND, JSON, outcome=Outcome.CACHED, detail="answers 200 from a cache")

    words = 'health_endpoint answers 200 from a cache ("Age: 12")'
    assert found(visit(answer(), cached))["health-cacheable"].message == words
    assert set(found(visit(silent))) == {"health-cacheable"}


def redirect(location: str) -> Sample:
    return answer(
        "",
        ("Location", location),
        status=301,
        outcome=Outcome.REDIRECT,
        detail=f'answers 301 to "{location}"',
    )


@pytest.mark.parametrize(
    ("url", "location", "key"),
    [
        ("http://shop.example", "https://shop.example/health", ("url",)),
        ("https://shop.example", "https://shop.example/health/", ("health_endpoint",)),
        ("http://shop.example", "/health/", ("health_endpoint",)),
    ],
)
def test_a_redirect_names_its_target_at_what_must_change(url: str, location: str, key: Key) -> None:
    violations = found(visit(redirect(location), redirect(location), url=url))

    assert violations == {
        "health-redirects": Violation(
            key=key, message=f'health_endpoint answers 301 to "{location}"'
        )
    }


@pytest.mark.parametrize("more", ["?client_secret=s3cret", "#s3cret", '?a=": s3cret&b=" s3cret'])
@pytest.mark.parametrize(("advice", "reported"), [('": use https', ": use https"), ("", "")])
def test_where_a_redirect_leads_is_shown_without_its_query(
    more: str, advice: str, reported: str
) -> None:
    url = "https://id.example/login"
    detail = f'answers 301 to "{url}{more}{advice}' if advice else "answers 301"
    sample = replace(redirect(url + more), detail=detail)

    assert found(visit(sample))["health-redirects"].message == (
        f'health_endpoint answers 301 to "{url}", its query left out{reported}'
    )


@pytest.mark.parametrize(
    ("status", "rule"),
    [(401, "endpoint-locked"), (403, "endpoint-locked"), (404, "endpoint-fails")],
)
def test_a_health_endpoint_that_refuses_is_reported_by_its_status(status: int, rule: str) -> None:
    violations = found(visit(answer(status=status, outcome=Outcome.HTTP_4XX)))

    assert violations == {
        rule: Violation(key=("health_endpoint",), message=f"health_endpoint answers {status}")
    }


@pytest.mark.parametrize("status", [404, 410, 405, 500, 503])
def test_an_endpoint_that_fails_is_reported_at_its_own_key(status: int) -> None:
    failing = answer(status=status, outcome=Outcome.HTTP_5XX)

    assert found(visit(answer(), search=failing)) == {
        "endpoint-fails": Violation(
            key=("search_endpoint",), message=f"search_endpoint answers {status}"
        )
    }
    assert found(visit(answer(), orders=failing)) == {
        "endpoint-fails": Violation(
            key=("endpoints", 0, "path"), message=f'endpoint "orders" answers {status}'
        )
    }


def test_a_health_endpoint_without_content_fails() -> None:
    assert set(found(visit(answer("", status=204, outcome=Outcome.HTTP_4XX)))) == {"endpoint-fails"}


def test_a_version_may_stand_anywhere() -> None:
    mute = answer(version=None)

    assert found(visit(mute, build=answer())) == {}
    assert found(visit(mute)) == {
        "no-version": Violation(
            key=("health_endpoint",),
            message="neither body nor headers of health_endpoint report a version",
        )
    }
    assert found(visit(mute, build=mute))["no-version"] == Violation(
        key=("build_endpoint",),
        message="neither body nor headers of health_endpoint and build_endpoint report a version",
    )


def test_nothing_is_said_of_versions_where_one_that_could_report_did_not_answer() -> None:
    silent = sample(Outcome.CONNECT_TIMEOUT)

    assert set(found(visit(answer(version=None), build=silent))) == {"target-not-reached"}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"status": "degraded"}', 'answers 200 and says status "degraded"'),
        ("down", 'answers 200 and says "down"'),
        (
            "<html><title>We'll be back</title>",
            'answers 200 and shows a page titled "We\'ll be back"',
        ),
        ('{"status": "DOWN"}', 'answers 200 and says status "DOWN"'),
        (
            '{"status": "ok", "checks": {"disk": "fail"}}',
            'answers 200 and says status "ok" although check "disk" failed',
        ),
    ],
)
def test_a_unhealthy_service_that_answers_200_is_reported(body: str, words: str) -> None:
    assert found(visit(answer(body)))["degraded-answers-200"].message == f"health_endpoint {words}"


def test_a_unhealthy_service_that_answers_503_is_no_fault_of_form() -> None:
    sick = answer('{"status": "down"}', status=503, outcome=Outcome.HTTP_5XX)

    assert set(found(visit(sick))) == {"endpoint-fails"}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"status":"ok","checks":{"database":{"status":"up"},"disk":"ok"}}', '"database"'),
        ('{"status":"ok","checks":[{"name":"redis-main","status":"pass"}]}', '"redis-main"'),
        ('{"status":"ok","checks":["postgres"]}', '"postgres"'),
        ('{"status":"UP","components":{"primaryDb":{"status":"UP"}}}', '"primaryDb"'),
        ('{"ok":true,"db":true,"mongo_db":"ok"}', '"db", "mongo_db"'),
        ('{"status":"ok","redis":"connected"}', '"redis"'),
        ('{"status":"ok","db":{"connected":true}}', '"db"'),
        ('{"status":"ok","services":{"postgres":"ok","web":"ok"}}', '"postgres"'),
        (
            '{"info":{"database":{"status":"up"}},"details":{"redis":{"status":"up"}}}',
            '"database", "redis"',
        ),
        ('{"status":"ok","message_queue":"ok"}', '"message_queue"'),
        (
            '{"checks":{"db":1,"pg":1,"s3":1,"sqs":1,"smtp":1,"kafka":1,"nats":1}}',
            '"db", "pg", "s3", "sqs", "smtp" and 2 more',
        ),
    ],
)
def test_a_health_body_that_names_dependencies_is_reported(body: str, words: str) -> None:
    violation = found(visit(answer(body)))["liveness-checks-dependencies"]

    assert violation.message == f"health_endpoint reports on {words}"


@pytest.mark.parametrize(
    "body",
    [
        '{"status":"ok","checks":{"uptime":1,"heap":"ok","dbus":"ok"}}',
        '{"status":"ok","db_version":"16.1","database":"orders-eu"}',
        '{"status":"ok","sql_debug":false,"sqlDebug":true,"db-read-only":false}',
        '{"status":"ok","checks":{"task_queue":"ok","memory_queue":"ok","workerQueue":"ok"}}',
        '{"status":"ok","info":{"database":"orders-eu","version":"1"},"services":["postgres"]}',
        '{"status":"ok","db":{"name":"orders","pool":5}}',
        '{"status":"ok","checks":{"maintenance_mode":false}}',
        '{"status":"ok","checks":{"app":{"checks":{"readOnly":false}}}}',
        '["redis"]',
        "ok",
    ],
)
def test_a_health_body_that_reports_on_itself_only_is_not_reported(body: str) -> None:
    assert found(visit(answer(body))) == {}


def test_a_large_health_answer_is_reported_in_bytes() -> None:
    body = f'{{"status": "ok", "pad": "{"x" * 9000}"}}'

    assert (
        found(visit(answer(body)))["health-large"].message
        == f"health_endpoint sends {len(body)} bytes"
    )
    assert found(visit(answer(body[:8192].ljust(8192)))) == {}


OBJECTIVE = LatencyObjective(name="p95", quantile=Fraction("0.95"), limit_seconds=0.5)


@pytest.mark.parametrize(
    ("changes", "took", "words"),
    [
        ({"objective": OBJECTIVE}, (0.6, 0.7), "took 0.600 s, and its p95 is 0.5 s"),
        ({"objective": OBJECTIVE}, (0.7, 0.5), None),
        ({"timeout": timedelta(seconds=2)}, (2.5, 2.5), "took 2.500 s, and its timeout is 2 s"),
        ({}, (4.0, 4.0), None),
    ],
)
def test_the_faster_answer_is_compared_with_what_the_file_allows(
    changes: dict[str, Any], took: tuple[float, float], words: str | None
) -> None:
    asked = endpoint("health", Witness.HEALTH, **changes)
    violations = found(visit(*(answer(total_seconds=one) for one in took), health=asked))

    reported = violations["health-slow"].message if violations else None
    assert reported == (f"health_endpoint {words}" if words else None)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("text/html; charset=utf-8", 'has the content type "text/html"'),
        ("", "has no content type"),
        ("application/health+json", None),
        ("Application/JSON;charset=utf-8", None),
    ],
)
def test_an_answer_that_is_no_json_is_reported_by_its_type(kind: str, words: str | None) -> None:
    violations = found(visit(answer(SOUND, ("Content-Type", kind), NO_STORE)))

    reported = violations["health-not-json"].message if violations else None
    assert reported == (f"health_endpoint {words}" if words else None)


def test_a_cookie_is_reported_and_never_shown() -> None:
    violations = found(visit(answer(SOUND, JSON, NO_STORE, ("Set-Cookie", "sid=s3cret"))))

    assert violations == {
        "health-sets-cookies": Violation(
            key=("health_endpoint",), message="health_endpoint sets a cookie"
        )
    }


@pytest.mark.parametrize(
    ("values", "reported"),
    [
        (["AWSALB=***", "__cf_bm=***"], False),
        (["sid=***; Max-Age=0"], False),
        (["AWSALB=***", "sid=***"], True),
    ],
)
def test_cookies_of_a_balancer_or_that_end_are_not_reported(
    values: list[str], reported: bool
) -> None:
    headers = [("set-cookie", value) for value in values]

    assert (
        "health-sets-cookies" in found(visit(answer(SOUND, JSON, NO_STORE, *headers)))
    ) is reported


@pytest.mark.parametrize(
    "outcome",
    [Outcome.CONNECT_REFUSED, Outcome.DNS_NXDOMAIN, Outcome.TLS_EXPIRED, Outcome.UNKNOWN],
)
def test_a_service_that_is_down_is_one_notice_and_no_more(outcome: Outcome) -> None:
    silent = sample(outcome, detail="the connection was refused")

    assert found(visit(silent, build=silent)) == {
        "target-not-reached": Violation(
            key=("url",), message="health_endpoint, build_endpoint: the connection was refused"
        )
    }


@pytest.mark.parametrize(
    ("outcome", "status"),
    [(Outcome.WAF_CHALLENGE, 403), (Outcome.RATE_LIMITED, 429), (Outcome.READ_TIMEOUT, 200)],
)
def test_an_answer_that_is_not_the_services_own_is_not_judged(
    outcome: Outcome, status: int
) -> None:
    other = answer("<html>", ("Set-Cookie", "x"), outcome=outcome, status=status)

    assert set(found(visit(other))) == {"target-not-reached"}


def test_what_was_left_out_is_said() -> None:
    service = Service(name="shop", url="https://shop.example", endpoints=())

    assert found(Visit(service=service)) == {}
    assert found(Visit(service=service, skipped="not asked: too many")) == {
        "target-not-reached": Violation(key=("url",), message="not asked: too many")
    }


def test_every_rule_is_advice() -> None:
    assert {rule.level.value for rule in LIVE_RULES} == {"notice", "warning"}
    assert len(RULES) == len(LIVE_RULES)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(JSON_VALUES)
def test_no_document_breaks_the_reading_of_its_checks(document: object) -> None:
    assert all(isinstance(name, str) for name in named_checks(document))


@given(TEXTS, TEXTS)
def test_messages_stay_short_and_printable_whatever_the_target_says(text: str, other: str) -> None:
    headers = [(name, other) for name in ("Cache-Control", "Expires", "Content-Type", "Date")]
    bodies = (text, f'{{"checks": {{"db {text[:40]!r}": "fail"}}}}')
    looked = visit(*(answer(body, *headers) for body in bodies))

    for violation in found(looked).values():
        assert violation.message.isprintable()
        assert len(violation.message) < 1000
