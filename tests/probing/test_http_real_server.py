"""The prober against real sockets that misbehave."""

import gzip
import socket
import ssl
from base64 import b64encode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from threading import Event

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st

from slo_action.config.text.url import is_link_local
from slo_action.core.model import Outcome, Probe, Sample, Witness
from slo_action.probing.prober import HttpProber
from slo_action.probing.resolve import Address, Lookup, in_turn, system_lookup
from slo_action.probing.transport import FreshTransport
from slo_action.probing.trust import OnceContext, as_users_do
from slo_action.system.clock import SystemClock
from tests.sizes import sized
from tests.worlds.raw_server import Behaviour, Connection, closed_port, serving

CA = trustme.CA()
TIMEOUT = 0.5
"""Where the time must run out."""
PATIENT = 5.0
"""Where it must not, however busy the machine is."""
LATE = 3.0
"""So late a busy machine may be; what trickles or hangs does so for longer."""
TIMED_OUT = {Outcome.CONNECT_TIMEOUT, Outcome.READ_TIMEOUT}


@cache
def trust() -> ssl.SSLContext:
    context = as_users_do(ssl.create_default_context())
    CA.configure_trust(context)
    return context


def prober(lookup: Lookup = system_lookup) -> HttpProber:
    numbers = count(1)
    return HttpProber(
        SystemClock(),
        nonces=lambda: str(next(numbers)),
        transport=FreshTransport(OnceContext(trust), lookup=lookup),
        redact=str,
    )


def ask(url: str, lookup: Lookup = system_lookup, timeout: float = PATIENT) -> Sample:
    """Ask once; the answer must be there when the probe's time is over."""
    trust()  # reading certificates is not in the probe's time
    clock = SystemClock()
    began = clock.monotonic()
    probe = Probe(witness=Witness.HEALTH, url=url, timeout_seconds=timeout)
    (sample,) = prober(lookup).ask([probe])

    assert clock.monotonic() - began < timeout + LATE
    return sample


def facing(behaviour: Behaviour, *, reads: bool = True, timeout: float = PATIENT) -> Sample:
    with serving(behaviour, reads=reads) as server:
        return ask(server.url(), timeout=timeout)


def time_for(outcome: Outcome) -> float:
    return TIMEOUT if outcome in TIMED_OUT else PATIENT


def healthy(connection: Connection) -> None:
    connection.answer(b'{"status": "ok"}', headers=b"Content-Type: application/json\r\n")


def test_a_healthy_answer_and_where_its_time_went() -> None:
    sample = facing(healthy)

    assert sample.outcome is Outcome.OK
    assert sample.address == "127.0.0.1"
    phases = sample.phases
    assert phases.resolve_seconds is None
    assert phases.tls_seconds is None
    parts = (phases.connect_seconds, phases.processing_seconds, phases.transfer_seconds)
    spent = sum(part for part in parts if part is not None)
    assert None not in parts
    assert spent == pytest.approx(sample.total_seconds, abs=0.2)


def test_the_server_s_thinking_is_processing_and_its_dripping_is_transfer() -> None:
    def slowly(connection: Connection) -> None:
        connection.closing.wait(0.3)
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
        connection.closing.wait(0.6)
        connection.send(b"ok")

    phases = facing(slowly).phases

    assert phases.processing_seconds == pytest.approx(0.3, abs=0.25)
    assert phases.transfer_seconds == pytest.approx(0.6, abs=0.25)


def test_every_probe_comes_on_a_connection_of_its_own() -> None:
    with serving(healthy) as server:
        probe = Probe(witness=Witness.HEALTH, url=server.url())
        samples = prober().ask([probe] * 5)

    assert [sample.outcome for sample in samples] == [Outcome.OK] * 5
    assert len({request.split()[1] for request in server.requests}) == 5


def test_nothing_listens() -> None:
    sample = ask(f"http://127.0.0.1:{closed_port()}/")

    assert sample.outcome is Outcome.CONNECT_REFUSED
    assert sample.phases.connect_seconds is not None
    assert sample.phases.processing_seconds is None


@pytest.mark.parametrize(
    ("behaviour", "outcome"),
    [
        (Connection.reset, Outcome.RESET),
        (lambda _: None, Outcome.RESET),
        (Connection.hold, Outcome.READ_TIMEOUT),
        (lambda c: c.send(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), Outcome.PROTOCOL_ERROR),
        (lambda c: c.send(b"HTTP/1.1 200 O"), Outcome.RESET),
        (
            lambda c: c.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"),
            Outcome.RESET,
        ),
        (
            lambda c: c.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n"),
            Outcome.PROTOCOL_ERROR,
        ),
        (lambda c: c.trickle(b"HTTP/1.1 200 OK\r\nX-A: b\r\n"), Outcome.READ_TIMEOUT),
        (lambda c: c.trickle(b"HTTP/1.1 100 Continue\r\n\r\n", 0.0001), Outcome.READ_TIMEOUT),
    ],
    ids=[
        "reset",
        "closed without an answer",
        "accepts and does not answer",
        "another protocol",
        "breaks off in its headers",
        "breaks off in its body",
        "bad chunk",
        "headers byte by byte",
        "endless interim answers",
    ],
)
def test_a_server_that_does_not_answer_properly(behaviour: Behaviour, outcome: Outcome) -> None:
    assert facing(behaviour, timeout=time_for(outcome)).outcome is outcome


def trickling(status: bytes) -> Behaviour:
    def behave(connection: Connection) -> None:
        connection.send(b"HTTP/1.1 " + status + b"\r\nContent-Length: 9999\r\n\r\n")
        connection.trickle(b"x")

    return behave


def test_a_body_byte_by_byte_ends_at_the_deadline() -> None:
    sample = facing(trickling(b"200 OK"), timeout=TIMEOUT)

    assert sample.outcome is Outcome.READ_TIMEOUT
    assert sample.status == 200
    assert sample.phases.transfer_seconds is not None
    assert TIMEOUT - 0.1 < sample.phases.transfer_seconds < TIMEOUT + LATE


def test_the_status_of_a_trickling_error_page_is_enough() -> None:
    sample = facing(trickling(b"503 Service Unavailable"), timeout=TIMEOUT)

    assert sample.outcome is Outcome.HTTP_5XX
    assert "the body did not come whole" in " ".join(sample.notes)


def test_endless_headers_are_not_read_for_ever() -> None:
    def endless(connection: Connection) -> None:
        connection.send(b"HTTP/1.1 200 OK\r\n")
        while True:
            connection.send(b"X-Filler: " + b"x" * 4000 + b"\r\n")

    assert facing(endless).outcome is Outcome.PROTOCOL_ERROR


def test_an_endless_body_is_cut_at_the_limit() -> None:
    def endless(connection: Connection) -> None:
        connection.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.send(b"x" * 60_000)

    sample = facing(endless)

    assert sample.outcome is Outcome.BODY_TOO_LARGE
    assert sample.response is not None
    assert len(sample.response.body) == 64 * 1024
    assert sample.response.body_truncated


def test_a_bomb_of_compression_is_cut_at_the_limit() -> None:
    bomb = gzip.compress(bytes(30_000_000))
    sample = facing(lambda c: c.answer(bomb, headers=b"Content-Encoding: gzip\r\n"))

    assert sample.outcome is Outcome.BODY_TOO_LARGE


def test_invalid_utf_8_is_noted() -> None:
    sample = facing(lambda c: c.answer(b"\xff\xfe\x00"))

    assert sample.outcome is Outcome.OK
    assert "not valid UTF-8" in " ".join(sample.notes)


def test_an_answer_given_before_the_request_was_read_is_read() -> None:
    sample = facing(lambda c: c.answer(b"", status="503 Busy"), reads=False)

    assert sample.outcome is Outcome.HTTP_5XX


def test_a_redirect_loop_over_real_connections() -> None:
    with serving(
        lambda c: c.answer(status="302 Found", headers=b"Location: /health\r\n")
    ) as server:
        probe = Probe(witness=Witness.HEALTH, url=server.url(), follows_same_host=True)
        (sample,) = prober().ask([probe])

    assert sample.outcome is Outcome.REDIRECT
    assert len(server.requests) == 6
    connects = sample.phases.connect_seconds
    assert connects is not None
    assert connects <= sample.total_seconds


def server_context(leaf: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    return context


def tls_sample(leaf: trustme.LeafCert) -> Sample:
    with serving(healthy, tls=server_context(leaf)) as server:
        return ask(server.url(scheme="https"), timeout=PATIENT)


def test_tls_has_a_phase_of_its_own() -> None:
    sample = tls_sample(CA.issue_cert("127.0.0.1"))

    assert sample.outcome is Outcome.OK
    assert sample.phases.tls_seconds is not None
    assert sample.notes == ()


def expiring(days: float) -> trustme.LeafCert:
    now = datetime.now(UTC)
    return CA.issue_cert(
        "127.0.0.1", not_before=now - timedelta(days=90), not_after=now + timedelta(days=days)
    )


@pytest.mark.parametrize(
    ("leaf", "outcome"),
    [
        (lambda: expiring(-1), Outcome.TLS_EXPIRED),
        (lambda: CA.issue_cert("other.example"), Outcome.TLS_NAME),
        (lambda: CA.issue_cert("127.0.0.2"), Outcome.TLS_NAME),
        (lambda: trustme.CA().issue_cert("127.0.0.1"), Outcome.TLS_OTHER),
    ],
    ids=["expired", "other name", "other address", "unknown authority"],
)
def test_a_bad_certificate(leaf: Callable[[], trustme.LeafCert], outcome: Outcome) -> None:
    sample = tls_sample(leaf())

    assert sample.outcome is outcome
    assert sample.phases.tls_seconds is not None


def test_a_certificate_that_ends_soon_is_noted() -> None:
    sample = tls_sample(expiring(2.04))

    assert sample.outcome is Outcome.OK
    assert "the certificate expires in 2.0 days" in sample.notes


@pytest.mark.parametrize(
    ("behaviour", "outcome"),
    [
        (lambda c: c.send(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Outcome.TLS_OTHER),
        (Connection.hold, Outcome.CONNECT_TIMEOUT),
        (lambda c: (c.sock.recv(9999), None)[1], Outcome.RESET),
        (Connection.reset, Outcome.RESET),
    ],
    ids=["speaks plain HTTP", "does not answer", "closes", "resets"],
)
def test_a_handshake_that_fails(behaviour: Behaviour, outcome: Outcome) -> None:
    with serving(behaviour, reads=False) as server:
        url = server.url(scheme="https")
        assert ask(url, timeout=time_for(outcome)).outcome is outcome


def scripted(*found: tuple[str, int]) -> Lookup:
    """A resolver that answers with these addresses and ports."""
    addresses = [
        Address(socket.AF_INET6, ip, (ip, port, 0, 0))
        if ":" in ip
        else Address(socket.AF_INET, ip, (ip, port))
        for ip, port in found
    ]
    return lambda _host, _port: addresses


@pytest.mark.parametrize("ip", ["169.254.169.254", "fe80::1"])
def test_a_name_that_leads_to_a_link_local_address_is_not_asked(ip: str) -> None:
    transport = FreshTransport(
        OnceContext(trust), lookup=scripted(("127.0.0.1", 1), (ip, 80)), refuses=is_link_local
    )
    asking = HttpProber(SystemClock(), nonces=str, transport=transport, redact=str)
    probe = Probe(witness=Witness.HEALTH, url="http://metadata.test/", timeout_seconds=TIMEOUT)
    (sample,) = asking.ask([probe])

    assert sample.outcome is Outcome.UNKNOWN
    assert "link-local" in sample.detail


def test_a_dead_family_falls_back_to_the_other_and_says_so() -> None:
    with serving(healthy) as server:
        lookup = scripted(("::1", closed_port()), ("127.0.0.1", server.port))
        sample = ask(server.url("shop.test"), lookup)

    assert sample.outcome is Outcome.OK
    assert sample.address == "127.0.0.1"
    assert sample.phases.resolve_seconds is not None
    assert sample.addresses == ("AAAA ::1", "A 127.0.0.1")
    assert any(note.startswith("AAAA ::1: ") for note in sample.notes)


def test_what_every_address_refuses_is_refused() -> None:
    lookup = scripted(("127.0.0.1", closed_port()), ("127.0.0.1", closed_port()))
    sample = ask("http://shop.test/", lookup)

    assert sample.outcome is Outcome.CONNECT_REFUSED
    assert sample.notes == ("A 127.0.0.1: Connection refused",) * 2


def test_the_families_take_turns_and_no_more_than_four_are_tried() -> None:
    v4 = [Address(socket.AF_INET, f"192.0.2.{n}", (f"192.0.2.{n}", 80)) for n in range(5)]
    v6 = Address(socket.AF_INET6, "2001:db8::1", ("2001:db8::1", 80, 0, 0))

    assert in_turn([*v4, v6]) == (v4[0], v6, v4[1], v4[2])


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (socket.gaierror(socket.EAI_NONAME, "no"), Outcome.DNS_NXDOMAIN),
        (socket.gaierror(socket.EAI_AGAIN, "again"), Outcome.DNS_TIMEOUT),
    ],
)
def test_a_name_without_an_answer(error: socket.gaierror, outcome: Outcome) -> None:
    def lookup(_host: str, _port: int) -> Sequence[Address]:
        raise error

    assert ask("http://shop.test/", lookup).outcome is outcome


def test_a_name_with_no_address_at_all_does_not_exist() -> None:
    assert ask("http://shop.test/", scripted()).outcome is Outcome.DNS_NXDOMAIN


def test_a_resolver_that_hangs_ends_at_the_deadline() -> None:
    released = Event()

    def lookup(_host: str, _port: int) -> Sequence[Address]:
        released.wait(10)
        return []

    sample = ask("http://shop.test/", lookup, timeout=TIMEOUT)
    released.set()

    assert sample.outcome is Outcome.DNS_TIMEOUT
    assert sample.phases.resolve_seconds is not None
    assert TIMEOUT - 0.1 < sample.phases.resolve_seconds < TIMEOUT + LATE


def test_localhost_is_resolved_by_the_system() -> None:
    with serving(healthy) as server:
        sample = ask(server.url("localhost"))

    assert sample.outcome is Outcome.OK
    assert sample.phases.resolve_seconds is not None


def test_the_environment_s_proxies_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port()}")

    assert facing(healthy).outcome is Outcome.OK


def test_credentials_that_no_header_can_hold_stay_hidden() -> None:
    with serving(healthy) as server:
        for authorization in ("Bearer two\nlines", "Bearer \N{SNOWMAN}secret"):
            probe = Probe(witness=Witness.HEALTH, url=server.url(), authorization=authorization)
            (sample,) = prober().ask([probe])

            assert sample.outcome is Outcome.UNKNOWN
            assert "lines" not in repr(sample)
            assert "secret" not in repr(sample)


def test_basic_credentials_echoed_by_a_real_server_stay_hidden() -> None:
    with serving(lambda c: c.answer(b"ann:pass-word")) as server:
        authorization = "Basic " + b64encode(b"ann:pass-word").decode()
        probe = Probe(witness=Witness.HEALTH, url=server.url(), authorization=authorization)
        (sample,) = prober().ask([probe])

    assert sample.outcome is Outcome.OK
    assert "pass-word" not in repr(sample)


@settings(max_examples=sized(15, 60))
@given(st.binary(max_size=200), st.booleans())
def test_no_bytes_of_a_server_make_the_prober_raise(noise: bytes, proper: bool) -> None:
    start = b"HTTP/1.1 200 OK\r\n" if proper else b""
    sample = facing(lambda c: c.send(start + noise))

    assert sample.outcome is not Outcome.UNKNOWN
    repr(sample).encode()
