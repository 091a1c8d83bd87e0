"""How a service is asked: over real sockets, TLS and a proxy."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from typing import Any

import pytest
import trustme

from slo_action.config.probes import asked_as
from slo_action.config.text.url import is_link_local
from slo_action.core.journey.journeys import Journey, JourneyStep
from slo_action.core.model import Outcome, Probe, Sample, Witness
from slo_action.core.request_options import RequestOptions
from slo_action.probing.prober import HttpProber
from slo_action.probing.transport import FreshTransport
from slo_action.probing.trust import CertificateError, OnceContext, context_of, system_trust
from slo_action.system.clock import SystemClock
from tests.worlds.http_proxy import proxying
from tests.worlds.raw_server import Behaviour, Connection, RawServer, closed_port, serving

NOWHERE = "shop.invalid"
"""A name that no resolver knows."""


@cache
def authority() -> trustme.CA:
    return trustme.CA()


@cache
def client() -> trustme.LeafCert:
    return authority().issue_cert("probe@shop.example")


def pem(kind: str) -> str:
    blobs = {
        "ca": [authority().cert_pem],
        "cert": client().cert_chain_pems,
        "key": [client().private_key_pem],
        "both": [client().private_key_and_cert_chain_pem],
    }
    return "".join(blob.bytes().decode() for blob in blobs[kind])


@contextmanager
def secured(behaviour: Behaviour, *, wants_client: bool = False) -> Iterator[RawServer]:
    """Serve TLS for NOWHERE; the server's requests begin with the name it was asked for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert(NOWHERE).configure_cert(context)
    authority().configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED if wants_client else ssl.CERT_NONE
    names: list[str | None] = []
    context.sni_callback = lambda _sock, name, _context: names.append(name)
    with serving(behaviour, tls=context) as server:
        yield server
        assert set(names) == {NOWHERE}


def ok(connection: Connection) -> None:
    connection.answer(b"ok")


def probe(url: str, *, journey: Journey | None = None, **options: Any) -> Probe:
    witness = Witness.JOURNEY if journey else Witness.HEALTH
    shared = Probe(witness=witness, url=url, follows_same_host=True, journey=journey)
    return asked_as(shared, RequestOptions(**options), url)


def ask(one: Probe) -> Sample:
    numbers = count(1)
    prober = HttpProber(
        SystemClock(),
        nonces=lambda: str(next(numbers)),
        transport=FreshTransport(OnceContext(system_trust), refuses=is_link_local),
        redact=str,
    )
    (sample,) = prober.ask([one])
    return sample


def lines(request: bytes) -> list[str]:
    return request.partition(b"\r\n\r\n")[0].decode().split("\r\n")


def test_method_body_and_headers_are_sent_and_a_user_s_replace_ours() -> None:
    headers = (("User-Agent", "deploy-check"), ("X-Tenant", "shop"))
    with serving(ok) as server:
        sample = ask(probe(server.url(), headers=headers, body='{"query": "{a}"}'))

    (request,) = server.requests
    assert sample.outcome is Outcome.OK
    assert lines(request)[0] == "POST /health HTTP/1.1"
    assert {*lines(request)} >= {
        "User-Agent: deploy-check",
        "X-Tenant: shop",
        "Content-Type: application/json",
        "Content-Length: 16",
    }
    assert request.count(b"User-Agent") == 1


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"method": "HEAD"}, "HEAD /health?_slo=1 HTTP/1.1"),
        ({"method": "POST"}, "POST /health HTTP/1.1"),
        ({"cache_buster": False}, "GET /health HTTP/1.1"),
        ({}, "GET /health?_slo=1 HTTP/1.1"),
    ],
)
def test_only_what_may_be_cached_has_a_query_of_ours(options: dict[str, Any], line: str) -> None:
    def bare(connection: Connection) -> None:
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
        if options.get("method") != "HEAD":
            connection.send(b"ok")

    with serving(bare) as server:
        sample = ask(probe(server.url(), **options))

    assert sample.outcome is Outcome.OK
    assert lines(server.requests[0])[0] == line


def test_a_status_that_is_expected_is_good_and_others_are_not() -> None:
    with serving(lambda connection: connection.answer(status="204 No Content")) as server:
        expected = ask(probe(server.url(), expected_status=("204", "401")))
        other = ask(probe(server.url(), expected_status=("401",)))

    assert expected.outcome is Outcome.OK
    assert other.outcome is Outcome.HTTP_4XX


def test_host_is_asked_for_at_the_address_of_the_url_and_its_redirects_are_followed() -> None:
    def origin(connection: Connection) -> None:
        if b"Host: shop.example\r\n" not in server.requests[-1]:
            connection.answer(status="404 Not Found")
        elif connection.path == "/health":
            connection.answer(status="302 Found", headers=b"Location: http://shop.example/up\r\n")
        else:
            connection.answer(b"ok")

    with serving(origin) as server:
        sample = ask(probe(server.url(), host="shop.example"))

    assert (sample.outcome, sample.url) == (Outcome.OK, "http://shop.example/health")
    assert (sample.address, len(server.requests)) == ("127.0.0.1", 2)


def test_host_and_ca_bundle_hold_for_tls() -> None:
    with secured(ok) as server:
        sample = ask(probe(server.url(scheme="https"), host=NOWHERE, ca_bundle=pem("ca")))
        distrusted = ask(probe(server.url(scheme="https"), host=NOWHERE))

    assert sample.outcome is Outcome.OK
    assert distrusted.outcome is Outcome.TLS_OTHER
    assert "`ca-bundle`" in distrusted.detail


@pytest.mark.parametrize("host", [NOWHERE, "*"])
def test_resolve_connects_to_another_address(host: str) -> None:
    with serving(ok) as server:
        entry = f"{host}:{server.port}:127.0.0.1"
        sample = ask(probe(server.url(NOWHERE), resolve=(entry,)))
        elsewhere = ask(probe(server.url(NOWHERE), resolve=("other.example:80:127.0.0.1",)))

    assert (sample.outcome, sample.address) == (Outcome.OK, "127.0.0.1")
    assert f"Host: {NOWHERE}:{server.port}" in lines(server.requests[0])
    assert elsewhere.outcome in (Outcome.DNS_NXDOMAIN, Outcome.DNS_TIMEOUT)


def test_resolve_leads_to_no_metadata_service() -> None:
    sample = ask(probe(f"http://{NOWHERE}/", resolve=(f"{NOWHERE}:80:169.254.169.254",)))

    assert sample.outcome is Outcome.UNKNOWN
    assert "this host could not send the probe" in sample.detail


@pytest.mark.parametrize("parts", [("cert", "key"), ("both", "")])
def test_a_client_certificate_is_shown_where_it_is_wanted(parts: tuple[str, str]) -> None:
    cert, key = pem(parts[0]), pem("key") if parts[1] else ""
    options: dict[str, Any] = {"host": NOWHERE, "ca_bundle": pem("ca")}
    with secured(ok, wants_client=True) as server:
        url = server.url(scheme="https")
        shown = ask(probe(url, client_cert=cert, client_key=key, **options))
        without = ask(probe(url, **options))

    assert shown.outcome is Outcome.OK
    assert without.outcome is not Outcome.OK
    assert "client-cert" in without.detail


@pytest.mark.parametrize(
    ("options", "option"),
    [
        (
            {"ca_bundle": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"},
            "ca-bundle",
        ),
        ({"ca_bundle": "no PEM"}, "ca-bundle"),
        ({"client_cert": "no PEM"}, "client-cert"),
    ],
)
def test_certificates_that_cannot_be_used_are_named(options: dict[str, str], option: str) -> None:
    with pytest.raises(CertificateError) as caught:
        context_of(RequestOptions(**options))  # type: ignore[arg-type] # each is a text

    assert caught.value.option == option


def test_certificates_are_read_once_however_else_a_request_differs() -> None:
    one, other = (
        RequestOptions(ca_bundle=pem("ca"), headers=(("X-A", value),)) for value in ("a", "b")
    )

    assert context_of(one) is context_of(other)


def test_a_key_that_belongs_to_another_certificate_is_refused() -> None:
    other = authority().issue_cert("other@shop.example").private_key_pem.bytes().decode()

    with pytest.raises(CertificateError, match="key values mismatch"):
        context_of(RequestOptions(client_cert=pem("cert"), client_key=other))


def test_a_proxy_is_asked_for_a_connection_where_tls_is_spoken() -> None:
    with secured(ok) as server, proxying() as proxy:
        sample = ask(
            probe(
                server.url(scheme="https"),
                host=NOWHERE,
                ca_bundle=pem("ca"),
                proxy=f"http://bob:p%40ss@127.0.0.1:{proxy.port}",
            )
        )

    assert sample.outcome is Outcome.OK
    assert lines(proxy.requests[0]) == [
        f"CONNECT 127.0.0.1:{server.port} HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        "Proxy-Authorization: Basic Ym9iOnBAc3M=",
    ]
    assert b"Proxy-Authorization" not in server.requests[0]


def test_a_proxy_is_given_the_whole_url_of_a_plain_request() -> None:
    with serving(ok) as server, proxying() as proxy:
        sample = ask(probe(server.url(), proxy=f"http://127.0.0.1:{proxy.port}"))

    first = f"GET http://127.0.0.1:{server.port}/health?_slo=1 HTTP/1.1"
    assert sample.outcome is Outcome.OK
    assert lines(proxy.requests[0])[0] == first


@pytest.mark.parametrize(
    ("refusal", "outcome", "detail"),
    [
        ("407 Proxy Authentication Required", Outcome.UNKNOWN, "it requires other credentials"),
        ("403 Forbidden", Outcome.UNKNOWN, "it answers 403 to CONNECT; check the input `proxy`"),
        ("503 Service Unavailable", Outcome.CONNECT_REFUSED, "the proxy cannot reach the service"),
        ("4\xb2 ::error::", Outcome.UNKNOWN, "it answers no HTTP status to CONNECT"),
    ],
)
def test_what_a_proxy_refuses_is_not_the_service_s_unless_it_says_so(
    refusal: str, outcome: Outcome, detail: str
) -> None:
    with proxying(refusal) as proxy:
        url, address = f"https://{NOWHERE}/health", f"http://127.0.0.1:{proxy.port}"
        sample = ask(probe(url, proxy=address, ca_bundle=pem("ca")))

    assert sample.outcome is outcome
    assert detail in sample.detail


def test_a_proxy_that_is_not_there_is_not_the_service_s_fault() -> None:
    sample = ask(probe(f"http://{NOWHERE}/", proxy=f"http://127.0.0.1:{closed_port()}"))

    assert sample.outcome is Outcome.UNKNOWN
    assert sample.detail == (
        "the proxy gives no connection: Connection refused; check the input `proxy`"
    )


def test_a_redirect_keeps_its_cookies_for_the_probe_alone() -> None:
    def wants_cookie(connection: Connection) -> None:
        if b"seen=1" in server.requests[-1]:
            connection.answer(b"ok")
        else:
            found = b"Location: /health\r\nSet-Cookie: seen=1; Path=/\r\n"
            connection.answer(status="302 Found", headers=found)

    with serving(wants_cookie) as server:
        one = probe(server.url())
        samples = ask(one), ask(one)

    assert [sample.outcome for sample in samples] == [Outcome.OK, Outcome.OK]
    assert len(server.requests) == 4


@pytest.mark.parametrize("status", ["400 Bad Request", "422 Unprocessable Entity"])
def test_a_service_that_refuses_only_our_query_is_named_and_not_blamed(status: str) -> None:
    def strict(connection: Connection) -> None:
        is_refused = b"_slo=" in server.requests[-1]
        connection.answer(b"ok", status=status if is_refused else "200 OK")

    with serving(strict) as server:
        refused = ask(probe(server.url()))
        without = ask(probe(server.url(), cache_buster=False))

    assert refused.outcome is Outcome.QUERY_REFUSED
    assert refused.outcome.is_neutral
    assert refused.detail.endswith("and without it 200: set `cache-buster: off`")
    assert without.outcome is Outcome.OK


def test_a_service_that_refuses_now_and_then_does_not_refuse_our_query() -> None:
    def flaky(connection: Connection) -> None:
        is_refused = len(server.requests) == 1
        connection.answer(b"ok", status="400 Bad Request" if is_refused else "200 OK")

    with serving(flaky) as server:
        sample = ask(probe(server.url()))

    assert (sample.outcome, sample.status) == (Outcome.HTTP_4XX, 400)


@pytest.mark.parametrize(
    ("without_query", "outcome", "asked"),
    [
        ("400 Bad Request", Outcome.HTTP_4XX, 2),
        ("500 Internal Server Error", Outcome.HTTP_5XX, 2),
    ],
)
def test_a_service_that_fails_without_our_query_too_is_judged_by_that(
    without_query: str, outcome: Outcome, asked: int
) -> None:
    def broken(connection: Connection) -> None:
        is_ours = b"_slo=" in server.requests[-1]
        connection.answer(status="400 Bad Request" if is_ours else without_query)

    with serving(broken) as server:
        sample = ask(probe(server.url()))

    assert (sample.outcome, len(server.requests)) == (outcome, asked)


def test_a_journey_is_asked_as_its_service_but_other_servers_are_not() -> None:
    with serving(ok) as server, serving(ok) as other:
        steps = (
            JourneyStep(name="own", target="/own", headers={"x-tenant": "step"}),
            JourneyStep(name="plain", target="/plain"),
            JourneyStep(name="other", target=other.url()),
        )
        headers = (("X-Tenant", "shop"), ("Authorization", "Bearer abcdefgh"))
        journey = Journey(name="buy", steps=steps)
        sample = ask(probe(server.url(path=""), journey=journey, headers=headers))

    own, plain = map(lines, server.requests)
    assert sample.outcome is Outcome.OK
    assert "x-tenant: step" in own
    assert not any(line.startswith("X-Tenant") for line in own)
    assert {"X-Tenant: shop", "Authorization: Bearer abcdefgh"} <= {*plain}
    assert b"Bearer" not in other.requests[0]
    assert b"Tenant" not in other.requests[0]
