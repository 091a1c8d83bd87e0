"""Every answer-based outcome, each from the answer that deserves it."""

import gzip
import zlib
from typing import Any

import pytest

from slo_action.core.journey.journeys import Assertion, Condition, Subject
from slo_action.core.model import Outcome, VersionRule, Witness
from tests.worlds.mock_web import found

NEW = VersionRule(expected="2.0.0")


@pytest.mark.parametrize(
    ("status", "outcome", "detail"),
    [
        (200, Outcome.OK, "answers 200"),
        (500, Outcome.HTTP_5XX, "500 Internal Server Error"),
        (503, Outcome.HTTP_5XX, "503"),
        (599, Outcome.HTTP_5XX, "599"),
        (401, Outcome.HTTP_4XX, "send them by `headers`"),
        (403, Outcome.HTTP_4XX, "forbidden"),
        (404, Outcome.HTTP_4XX, "check the URL"),
        (405, Outcome.HTTP_4XX, "GET"),
        (407, Outcome.HTTP_4XX, "`proxy`"),
        (421, Outcome.HTTP_4XX, "`host`"),
        (418, Outcome.HTTP_4XX, "418"),
        (204, Outcome.HTTP_4XX, "only 200 is a healthy answer"),
        (206, Outcome.HTTP_4XX, "only 200"),
        (429, Outcome.RATE_LIMITED, "429"),
        (304, Outcome.REDIRECT, "no Location"),
        (101, Outcome.PROTOCOL_ERROR, "101"),
        (700, Outcome.PROTOCOL_ERROR, "700"),
    ],
)
def test_the_status_decides_before_the_body(status: int, outcome: Outcome, detail: str) -> None:
    sample = found(status, '{"status": "ok"}')

    assert (sample.outcome, sample.status) == (outcome, status)
    assert detail in sample.detail


def test_credentials_in_a_location_are_not_quoted() -> None:
    sample = found(302, "", [("Location", "https://user:hunter2222@elsewhere.example/")])

    assert "elsewhere.example" in sample.detail
    assert "hunter2222" not in repr(sample)


def test_a_5xx_says_what_its_body_says() -> None:
    sample = found(503, '{"status": "unhealthy", "checks": {"db": "down"}}')

    assert sample.outcome is Outcome.HTTP_5XX
    assert sample.detail.endswith('Unavailable and says status "unhealthy" (check "db")')


@pytest.mark.parametrize(
    ("status", "title", "detail"),
    [
        (
            400,
            "400 No required SSL certificate was sent",
            "answers 400 Bad Request with a page titled",
        ),
        (521, "shop.example | 521: Web server is down", 'answers 521 with a page titled "shop.'),
        (404, "404 Not Found", "answers 404 Not Found: there is nothing"),
        (502, "502 Bad Gateway", "answers 502 Bad Gateway"),
        (502, "", "answers 502 Bad Gateway"),
    ],
)
def test_the_page_of_an_error_is_named_where_it_says_more_than_its_status(
    status: int, title: str, detail: str
) -> None:
    sample = found(status, f"<!doctype html><title>{title}</title>")

    assert sample.detail.startswith(detail)
    assert ("titled" in sample.detail) is ("titled" in detail)


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ('{"status": "ok"}', Outcome.OK),
        ('{"status": "DOWN"}', Outcome.UNHEALTHY_BODY),
        ('{"status": "warn"}', Outcome.DEGRADED_BODY),
        ('{"status": "pass", "checks": {"db": "fail"}}', Outcome.DEGRADED_BODY),
        ("Healthy", Outcome.OK),
        ("Degraded", Outcome.DEGRADED_BODY),
        ("Unhealthy", Outcome.UNHEALTHY_BODY),
        ("", Outcome.OK),
        ("hello", Outcome.OK),
        ("[1, 2", Outcome.OK),
        ("<!DOCTYPE html><p>error", Outcome.OK),
        ("[" * 60_000, Outcome.OK),
        ("1" * 60_000, Outcome.OK),
    ],
)
def test_a_200_is_what_its_body_says(body: str, outcome: Outcome) -> None:
    assert found(200, body).outcome is outcome


def test_a_body_that_is_not_to_be_read_judges_nothing() -> None:
    assert found(200, '{"status": "DOWN"}', reads_health=False).outcome is Outcome.OK


@pytest.mark.parametrize(
    ("body", "outcome", "version"),
    [
        ('{"version": "2.0.0"}', Outcome.OK, "2.0.0"),
        ('{"version": "1.9.0"}', Outcome.WRONG_VERSION, "1.9.0"),
        ('{"status": "ok"}', Outcome.WRONG_VERSION, None),
        ('{"status": "down"}', Outcome.UNHEALTHY_BODY, None),
        ('{"status": "down", "version": "1.9.0"}', Outcome.WRONG_VERSION, "1.9.0"),
        ('{"status": "down", "version": "2.0.0"}', Outcome.UNHEALTHY_BODY, "2.0.0"),
        ("2.0.0", Outcome.WRONG_VERSION, None),
    ],
)
def test_the_version_decides_before_the_health(
    body: str, outcome: Outcome, version: str | None
) -> None:
    sample = found(200, body, version_rule=NEW)

    assert (sample.outcome, sample.version) == (outcome, version)


def test_a_version_path_may_answer_in_one_plain_line() -> None:
    sample = found(200, "v2.0.0\n", witness=Witness.VERSION, version_rule=NEW)

    assert (sample.outcome, sample.version) == (Outcome.OK, "v2.0.0")


def test_the_rejected_version_is_the_wrong_one() -> None:
    rule = VersionRule(rejected="2.0.0")

    assert found(200, "{}", {"X-Version": "2.0.0"}, version_rule=rule).outcome is (
        Outcome.WRONG_VERSION
    )


@pytest.mark.parametrize(
    "headers",
    [
        {"cf-mitigated": "challenge"},
        {"x-amzn-waf-action": "captcha"},
        {"x-vercel-mitigated": "challenge"},
        {"X-Sucuri-Block": "geo"},
        {"Server": "Sucuri/Cloudproxy"},
        {"Server": "AkamaiGHost"},
    ],
)
def test_a_firewall_s_challenge_is_not_the_service_s_answer(headers: dict[str, str]) -> None:
    sample = found(403, "", headers)

    assert sample.outcome is Outcome.WAF_CHALLENGE
    assert "let it pass" in sample.detail


@pytest.mark.parametrize(
    "body",
    [
        '<script src="/cdn-cgi/challenge-platform/x">',
        "error code: 1020",
        "<html><title>Access denied | shop.example used Cloudflare to restrict access</title>",
    ],
)
def test_cloudflare_s_page_is_recognised_without_its_header(body: str) -> None:
    assert found(403, body).outcome is Outcome.WAF_CHALLENGE


@pytest.mark.parametrize(
    "header",
    [
        ("Age", "17"),
        ("X-Cache", "HIT"),
        ("X-Cache", "Hit from cloudfront"),
        ("X-Cache", "MISS, HIT"),
        ("X-Cache", "TCP_MEM_HIT from a23-1"),
        ("CF-Cache-Status", "HIT"),
        ("X-Vercel-Cache", "PRERENDER"),
        ("Cache-Status", '"Netlify Edge"; hit'),
        ("X-Varnish", "123 77"),
        ("X-Cache-Status", "STALE"),
    ],
)
@pytest.mark.parametrize("status", [200, 503])
def test_a_cached_answer_is_no_evidence(header: tuple[str, str], status: int) -> None:
    sample = found(status, "{}", [header])

    assert sample.outcome is Outcome.CACHED
    assert "no-store" in sample.detail


@pytest.mark.parametrize(
    "header",
    [
        ("Age", "0"),
        ("Age", "-3"),
        ("Age", "²"),
        ("X-Cache", "MISS from cloudfront"),
        ("X-Cache", "RefreshHit from cloudfront"),
        ("X-Cache", "Error from cloudfront"),
        ("CF-Cache-Status", "DYNAMIC"),
        ("CF-Cache-Status", "REVALIDATED"),
        ("X-Vercel-Cache", "MISS"),
        ("Cache-Status", '"Netlify Edge"; fwd=miss'),
        ("X-Varnish", "123"),
    ],
)
def test_a_cache_that_asked_the_service_is_evidence(header: tuple[str, str]) -> None:
    assert found(200, "{}", [header]).outcome is Outcome.OK


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "30"}, 30.0),
        (
            {
                "Retry-After": "Mon, 02 Nov 2026 10:01:00 GMT",
                "Date": "Mon, 02 Nov 2026 10:00:15 GMT",
            },
            45.0,
        ),
        ({"Retry-After": "Mon, 02 Nov 2026 10:00:20 GMT"}, 20.0),
        ({"Retry-After": "Mon, 02 Nov 2020 10:00:20 GMT"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-1"}, None),
        ({}, None),
    ],
)
def test_a_rate_limit_says_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    sample = found(429, "", headers)

    assert (sample.outcome, sample.retry_after_seconds) == (Outcome.RATE_LIMITED, seconds)


@pytest.mark.parametrize(
    ("location", "fix"),
    [
        ("https://shop.example/login?next=/health", "login page"),
        ("https://shop.example/health/", "last slash"),
        ("https://www.shop.example/health", "the final host"),
        ("/elsewhere", "the final URL"),
        ("https://[broken", "no usable Location"),
        ("javascript:alert(1)", "no usable Location"),
    ],
)
def test_a_redirect_names_its_location_and_the_fix(location: str, fix: str) -> None:
    sample = found(302, "", {"Location": location})

    assert sample.outcome is Outcome.REDIRECT
    assert location.partition("?")[0] in sample.detail
    assert fix in sample.detail


def test_a_redirect_to_https_says_so() -> None:
    location = {"Location": "https://shop.example/health?_slo=n1"}
    sample = found(301, "", location, url="http://shop.example/health")

    assert "use the https URL" in sample.detail
    assert "_slo" not in sample.detail


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(b'{"status": "down"}', mtime=0)),
        ("deflate", zlib.compress(b'{"status": "down"}')),
        ("deflate", zlib.compress(b'{"status": "down"}')[2:-4]),
        ("gzip, identity", gzip.compress(b'{"status": "down"}', mtime=0)),
        ("gzip, gzip", gzip.compress(gzip.compress(b'{"status": "down"}', mtime=0), mtime=0)),
    ],
)
def test_a_body_compressed_without_being_asked_is_read(encoding: str, body: bytes) -> None:
    assert found(200, body, {"Content-Encoding": encoding}).outcome is Outcome.UNHEALTHY_BODY


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", b"not gzip, and no text either: \xff\xfe"),
        ("gzip", gzip.compress(b"x" * 900, mtime=0)[:-12]),
        ("gzip,gzip,gzip,gzip", gzip.compress(b"x", mtime=0)),
        ("deflate", b"\xff\xff\xff"),
    ],
)
def test_an_undecodable_body_is_a_protocol_error_of_a_200_only(encoding: str, body: bytes) -> None:
    headers = {"Content-Encoding": encoding}

    assert found(200, body, headers).outcome is Outcome.PROTOCOL_ERROR
    assert found(500, body, headers).outcome is Outcome.HTTP_5XX


@pytest.mark.parametrize(
    "coding", ["utf-8", "none", "aws-chunked", "UTF-8, identity", "text", "gzip", "deflate"]
)
def test_a_content_encoding_that_is_none_is_read_as_it_is_and_noted(coding: str) -> None:
    headers = {"Content-Encoding": coding, "Content-Type": "application/json"}
    sample = found(200, '{"status": "down"}', headers)
    good = found(200, '{"status": "ok"}', headers)

    assert (sample.outcome, good.outcome) == (Outcome.UNHEALTHY_BODY, Outcome.OK)
    assert any("content-encoding" in note for note in good.notes)


FOREIGN = [("br", b"\x0b\x02\x80ok\x03"), ("zstd", b"(\xb5/\xfd"), ("snappy", b"\xff\xfe\x00")]


@pytest.mark.parametrize(("coding", "body"), FOREIGN)
def test_a_foreign_encoding_is_a_problem_only_for_who_must_read_the_body(
    coding: str, body: bytes
) -> None:
    headers = {"Content-Encoding": coding, "Content-Type": "application/json"}
    tagged = {**headers, "X-Version": "2.0.0"}
    demand = Assertion(subject=Subject.JSON, name="$.a", condition=Condition.EXISTS)

    sample = found(200, body, headers)
    assert sample.outcome is Outcome.OK
    assert f'encoded as "{coding}", which was not asked for (`Accept-Encoding' in sample.notes[0]
    assert not any("claims to be JSON" in note for note in sample.notes)
    assert found(503, body, headers).outcome is Outcome.HTTP_5XX
    assert found(200, body, tagged, version_rule=NEW).outcome is Outcome.OK
    for needy in (
        found(200, body, headers, version_rule=NEW),
        found(200, body, headers, assertions=(demand,)),
    ):
        assert needy.outcome is Outcome.BODY_UNREADABLE
        assert "which was not asked for (`Accept-Encoding: identity`)" in needy.detail


def test_json_that_is_nested_beyond_reason_is_none() -> None:
    deep = "[" * 5_000 + "]" * 5_000
    sample = found(200, f'{{"status": "ok", "a": {deep}}}')

    assert sample.outcome is Outcome.OK


def test_a_bomb_is_not_unpacked_beyond_the_limit() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    sample = found(200, bomb, {"Content-Encoding": "gzip"})

    assert sample.outcome is Outcome.BODY_TOO_LARGE
    assert sample.response is not None
    assert len(sample.response.body) == 64 * 1024


@pytest.mark.parametrize(("size", "outcome"), [(64, Outcome.OK), (65, Outcome.BODY_TOO_LARGE)])
def test_the_limit_itself_is_allowed(size: int, outcome: Outcome) -> None:
    sample = found(200, b"x" * size, body_limit_bytes=64)

    assert sample.outcome is outcome
    assert sample.response is not None
    assert len(sample.response.body) == 64


def test_an_error_page_may_be_of_any_size() -> None:
    sample = found(500, b"x" * 900, body_limit_bytes=64)

    assert sample.outcome is Outcome.HTTP_5XX
    assert sample.response is not None
    assert sample.response.body_truncated


@pytest.mark.parametrize(
    ("body", "headers", "note"),
    [
        (b"{nope", {"Content-Type": "application/json"}, "claims to be JSON"),
        (b"<html>", {"Content-Type": "text/html"}, "HTML page"),
        (b'{"a": 1}', {"Content-Type": "text/html"}, "the body is JSON"),
        (b"\xff\xfe\xfa", {"Content-Type": "text/plain"}, "not valid UTF-8"),
        (b"hi", {"Content-Type": "text/plain; charset=klingon"}, '"klingon" is unsupported'),
        (b"hi", {"Content-Type": "text/plain; charset=punycode"}, '"punycode" is unsupported'),
        (b"hi", {"Date": "Mon, 02 Nov 2026 09:59:15 GMT"}, "45 s behind"),
        (b"hi", {"Date": "Mon, 02 Nov 2026 10:00:45 GMT"}, "45 s ahead"),
    ],
)
def test_an_odd_body_changes_no_outcome_and_leaves_a_note(
    body: bytes, headers: dict[str, str], note: str
) -> None:
    sample = found(200, body, headers)

    assert sample.outcome is Outcome.OK
    assert note in " ".join(sample.notes)


@pytest.mark.parametrize(
    ("charset", "body"),
    [
        ("utf-16", '{"status": "down"}'.encode("utf-16")),
        ("iso-8859-1", '{"status": "down", "é": 1}'.encode("latin-1")),
        ("utf-8", b'\xef\xbb\xbf{"status": "down"}'),
    ],
)
def test_supported_charsets_are_read(charset: str, body: bytes) -> None:
    kind: dict[str, Any] = {"Content-Type": f'application/json; charset="{charset}"'}

    assert found(200, body, kind).outcome is Outcome.UNHEALTHY_BODY


@pytest.mark.parametrize("witness", [Witness.API, Witness.SEARCH, Witness.STATS])
@pytest.mark.parametrize("status", [200, 201, 204, 206])
def test_an_endpoint_that_is_not_health_is_well_with_any_2xx(status: int, witness: Witness) -> None:
    assert found(status, "", witness=witness).outcome is Outcome.OK


def test_an_api_s_long_answer_is_no_fault_but_a_health_answer_s_is_a_wrong_check() -> None:
    body = "x" * 100_000

    assert found(200, body, witness=Witness.API).outcome is Outcome.OK
    assert found(200, body).outcome is Outcome.BODY_TOO_LARGE


@pytest.mark.parametrize(
    ("page", "outcome"),
    [
        ("<!doctype html><title>Down for maintenance</title>", Outcome.UNHEALTHY_BODY),
        ("<html><h1>Service Unavailable</h1></html>", Outcome.UNHEALTHY_BODY),
        ("<!doctype html><title>Shop</title><h1>Maintenance plans</h1>", Outcome.OK),
        ("<!doctype html><p>no title at all</p>", Outcome.OK),
    ],
)
def test_a_page_is_judged_by_its_title(page: str, outcome: Outcome) -> None:
    assert found(200, page, [("Content-Type", "text/html")]).outcome is outcome
