"""Every outcome that a server can cause, over plain HTTP, TLS 1.2 and TLS 1.3 alike."""

import socket
import ssl
import struct
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from itertools import count

import pytest
import trustme
from hypothesis import example, given, settings
from hypothesis import strategies as st

from slo_action.core.model import Outcome, Probe, Sample, Witness
from slo_action.probing.prober import HttpProber
from slo_action.probing.transport import FreshTransport
from slo_action.probing.trust import OnceContext, as_users_do
from slo_action.system.clock import SystemClock
from tests.sizes import sized
from tests.worlds.odd_answers import CHUNKED, LENIENT, OK, REFUSED
from tests.worlds.raw_server import Behaviour, Connection, RawServer, serving

TRANSPORTS = ("plain", "TLS 1.2", "TLS 1.3")
SHORT, LONG = 1.5, 8.0
"""How long a probe waits that is to time out, and one that is not."""
ERROR = b"HTTP/1.1 503 Service Unavailable\r\n"
TWO = b"Content-Length: 2\r\n\r\n"
LENGTH = b"Content-Length: 400\r\n\r\n"


@cache
def authority() -> trustme.CA:
    return trustme.CA()


@cache
def certificate() -> trustme.LeafCert:
    return authority().issue_cert("127.0.0.1", "localhost")


@cache
def trust() -> ssl.SSLContext:
    context = as_users_do(ssl.create_default_context())
    authority().configure_trust(context)
    return context


def server_context(transport: str) -> ssl.SSLContext | None:
    if transport == "plain":
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate().configure_cert(context)
    version = ssl.TLSVersion.TLSv1_2 if transport == "TLS 1.2" else ssl.TLSVersion.TLSv1_3
    context.minimum_version = context.maximum_version = version
    return context


def prober() -> HttpProber:
    numbers = count(1)
    return HttpProber(
        SystemClock(),
        nonces=lambda: str(next(numbers)),
        transport=FreshTransport(OnceContext(trust)),
        redact=str,
    )


def probe_to(url: str, timeout: float = LONG) -> Probe:
    return Probe(witness=Witness.HEALTH, url=url, timeout_seconds=timeout)


def probe_of(url: str, timeout: float = LONG) -> Sample:
    (sample,) = prober().ask([probe_to(url, timeout)])
    return sample


@contextmanager
def running(behaviour: Behaviour, transport: str) -> Iterator[RawServer]:
    with serving(behaviour, tls=server_context(transport)) as server:
        yield server


def facing(behaviour: Behaviour, transport: str, timeout: float = LONG) -> Sample:
    scheme = "http" if transport == "plain" else "https"
    with running(behaviour, transport) as server:
        return probe_of(server.url(scheme=scheme), timeout)


def sends(*parts: bytes, then: str = "close", read_within: float = 1.0) -> Behaviour:
    """Send these bytes; then close properly, close without TLS's goodbye, reset or wait."""

    def behave(connection: Connection) -> None:
        connection.send(b"".join(parts))
        if then == "wait":
            connection.hold()
        elif then == "close":
            goodbye(connection.sock)
        elif then == "ragged":
            ragged(connection.sock)
        else:
            connection.closing.wait(read_within)  # what was sent is read first
            reset(connection.sock)

    return behave


def goodbye(sock: socket.socket) -> None:
    if isinstance(sock, ssl.SSLSocket):
        sock.settimeout(0.5)
        with suppress(OSError, ValueError):
            sock.unwrap()


def ragged(sock: socket.socket) -> None:
    """Close the connection below TLS, which gets no close_notify."""
    if isinstance(sock, ssl.SSLSocket):
        below = socket.socket(fileno=sock.detach())
        below.shutdown(socket.SHUT_WR)
        below.settimeout(0.5)
        with suppress(OSError):
            below.recv(65536)
        below.close()


def reset(sock: socket.socket) -> None:
    below = socket.socket(fileno=sock.detach())
    below.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    below.close()


ANSWERS: dict[str, tuple[Behaviour, Outcome, int | None]] = {
    "healthy": (sends(OK, TWO, b"ok"), Outcome.OK, 200),
    "healthy, ragged close": (
        sends(OK, b"Content-Length: 2\r\n\r\nok", then="ragged"),
        Outcome.OK,
        200,
    ),
    "healthy, chunked": (sends(OK, CHUNKED, b"2\r\nok\r\n0\r\n\r\n"), Outcome.OK, 200),
    "healthy until close": (sends(OK, b"\r\nok"), Outcome.OK, 200),
    "healthy until ragged close": (sends(OK, b"\r\nok", then="ragged"), Outcome.OK, 200),
    "unhealthy until ragged close": (
        sends(OK, b'\r\n{"status": "down"}', then="ragged"),
        Outcome.UNHEALTHY_BODY,
        200,
    ),
    "degraded": (sends(OK, b'\r\n{"status": "warn"}'), Outcome.DEGRADED_BODY, 200),
    "503": (sends(ERROR, b"Content-Length: 0\r\n\r\n"), Outcome.HTTP_5XX, 503),
    "503 until ragged close": (sends(ERROR, b"\r\nsorry", then="ragged"), Outcome.HTTP_5XX, 503),
    "503, cut": (sends(ERROR, LENGTH, b"so"), Outcome.HTTP_5XX, 503),
    "503, reset": (sends(ERROR, LENGTH, b"so", then="reset"), Outcome.HTTP_5XX, 503),
    "503, illegal length": (sends(ERROR, b"Content-Length: x\r\n\r\n"), Outcome.HTTP_5XX, 503),
    "404": (sends(b"HTTP/1.1 404 Not Found\r\n\r\n"), Outcome.HTTP_4XX, 404),
    "302": (sends(b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n"), Outcome.REDIRECT, 302),
    "302 to a URL that is none": (
        sends(b"HTTP/1.1 302 Found\r\nLocation: http://[::1\r\n\r\n"),
        Outcome.REDIRECT,
        302,
    ),
    "429": (sends(b"HTTP/1.1 429 Too Many Requests\r\n\r\n"), Outcome.RATE_LIMITED, 429),
    "cached": (sends(OK, b"Age: 17\r\n\r\nok"), Outcome.CACHED, 200),
    "challenge": (
        sends(b"HTTP/1.1 403 Forbidden\r\ncf-mitigated: challenge\r\n\r\n"),
        Outcome.WAF_CHALLENGE,
        403,
    ),
    "too large": (sends(OK, b"\r\n", b"x" * 70_000), Outcome.BODY_TOO_LARGE, 200),
    "cut by length": (sends(OK, LENGTH, b'{"a'), Outcome.RESET, 200),
    "cut by length, ragged": (sends(OK, LENGTH, b'{"a', then="ragged"), Outcome.RESET, 200),
    "cut by chunk": (sends(OK, CHUNKED, b'a\r\n{"a'), Outcome.RESET, 200),
    "cut between chunks": (sends(OK, CHUNKED, b"2\r\nok\r\n"), Outcome.RESET, 200),
    "cut between chunks, ragged": (
        sends(OK, CHUNKED, b"2\r\nok\r\n", then="ragged"),
        Outcome.RESET,
        200,
    ),
    "reset in the body": (sends(OK, LENGTH, b'{"a', then="reset"), Outcome.RESET, 200),
    "bad chunk": (sends(OK, CHUNKED, b'zz\r\n{"a'), Outcome.PROTOCOL_ERROR, 200),
    "chunk beyond its size": (sends(OK, CHUNKED, b"1\r\nok\r\n"), Outcome.PROTOCOL_ERROR, 200),
    "illegal length": (sends(OK, b"Content-Length: x\r\n\r\nok"), Outcome.PROTOCOL_ERROR, 200),
    "negative length": (sends(OK, b"Content-Length: -2\r\n\r\nok"), Outcome.PROTOCOL_ERROR, 200),
    "unknown transfer": (sends(OK, b"Transfer-Encoding: x\r\n\r\nok"), Outcome.PROTOCOL_ERROR, 200),
    "closed without an answer": (sends(), Outcome.RESET, None),
    "closed raggedly without an answer": (sends(then="ragged"), Outcome.RESET, None),
    "reset without an answer": (sends(then="reset"), Outcome.RESET, None),
    "cut in the head": (sends(OK, b"Content-Len"), Outcome.RESET, None),
    "101": (
        sends(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", then="wait"),
        Outcome.PROTOCOL_ERROR,
        101,
    ),
    "304, waits": (
        sends(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", then="wait"),
        Outcome.REDIRECT,
        304,
    ),
    "another protocol": (sends(b"SSH-2.0-OpenSSH_9.2\r\n"), Outcome.PROTOCOL_ERROR, None),
    "another protocol that waits": (sends(b"220 mail", then="wait"), Outcome.PROTOCOL_ERROR, None),
    "an impossible status": (sends(b"HTTP/1.1 042 x\r\n\r\n"), Outcome.PROTOCOL_ERROR, None),
    "HTTP/2": (
        sends(b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64", then="wait"),
        Outcome.PROTOCOL_ERROR,
        None,
    ),
}
STALLS: dict[str, tuple[Behaviour, int | None]] = {
    "no answer": (sends(then="wait"), None),
    "stall in the head": (sends(OK, then="wait"), None),
    "stall in the body": (sends(OK, LENGTH, b'{"a', then="wait"), 200),
    "stall in a chunk": (sends(OK, CHUNKED, b'a\r\n{"a', then="wait"), 200),
    "stall without a length": (sends(OK, b"\r\nok", then="wait"), 200),
}


@cache
def answered(transport: str) -> Mapping[str, Sample]:
    """Ask a server of each kind, all at once: what waits does not wait in turn."""
    asked = {kind: (behaviour, LONG) for kind, (behaviour, *_) in ANSWERS.items()}
    asked |= {kind: (behaviour, SHORT) for kind, (behaviour, _) in STALLS.items()}
    scheme = "http" if transport == "plain" else "https"
    with ExitStack() as stack:
        probes = [
            probe_to(stack.enter_context(running(behaviour, transport)).url(scheme=scheme), timeout)
            for behaviour, timeout in asked.values()
        ]
        return dict(zip(asked, prober().ask(probes), strict=True))


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("kind", ANSWERS)
def test_an_answer_has_the_same_outcome_over_every_transport(kind: str, transport: str) -> None:
    _, outcome, status = ANSWERS[kind]
    sample = answered(transport)[kind]

    assert (sample.outcome, sample.status) == (outcome, status), sample.detail
    assert (sample.phases.tls_seconds is None) is (transport == "plain")


@pytest.mark.parametrize("kind", ANSWERS)
def test_a_connection_that_is_closed_before_any_answer_is_marked(kind: str) -> None:
    is_marked = kind.endswith("without an answer")

    assert answered("plain")[kind].is_closed_unanswered is is_marked


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_stall_is_a_timeout_over_every_transport(transport: str) -> None:
    for kind, (_, status) in STALLS.items():
        sample = answered(transport)[kind]
        expected = (Outcome.READ_TIMEOUT, status)
        assert (sample.outcome, sample.status) == expected, (kind, sample.detail)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_end_of_the_certificate_is_read_whatever_becomes_of_the_body(transport: str) -> None:
    for kind in ("reset in the body", "503 until ragged close"):
        assert answered(transport)[kind].outcome is not Outcome.UNKNOWN
        assert answered(transport)[kind].notes == ()


@pytest.mark.parametrize("kind", LENIENT)
def test_what_curl_accepts_is_accepted_and_noted(kind: str) -> None:
    raw, note = LENIENT[kind]
    sample = facing(sends(raw), "plain")

    assert (sample.outcome, sample.status) == (Outcome.OK, 200), sample.detail
    assert sample.response is not None
    assert sample.response.body == "ok"
    assert note in " ".join(sample.notes)
    assert bool(sample.notes) is bool(note)


@pytest.mark.parametrize("kind", REFUSED)
def test_what_curl_refuses_is_refused(kind: str) -> None:
    assert facing(sends(REFUSED[kind]), "plain").outcome in (Outcome.PROTOCOL_ERROR, Outcome.RESET)


def test_notes_on_many_bad_lines_are_few() -> None:
    sample = facing(sends(OK, b"".join(b"bad %d\r\n" % n for n in range(900)), b"\r\nok"), "plain")

    assert len(sample.notes) == 4
    assert sample.notes[-1] == "and 897 more"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_http2_and_tls_on_the_wrong_port_are_named(transport: str) -> None:
    assert "speaks HTTP/2 only" in answered(transport)["HTTP/2"].detail
    if transport != "plain":
        with running(sends(OK), transport) as server:
            assert probe_of(server.url()).outcome in (Outcome.PROTOCOL_ERROR, Outcome.RESET)


@pytest.mark.parametrize("transport", ["TLS 1.2", "TLS 1.3"])
def test_a_client_certificate_that_is_wanted_is_named(transport: str) -> None:
    context = server_context(transport)
    assert context is not None
    authority().configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    with serving(sends(OK, b"\r\nok"), tls=context) as server:
        sample = probe_of(server.url(scheme="https"))

    assert sample.outcome is Outcome.TLS_OTHER
    assert "client certificate" in sample.detail


_PIECES = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        [
            OK,
            ERROR,
            CHUNKED,
            LENGTH,
            b"HTTP/1.1 100 Continue\r\n\r\n",
            b"HTTP/1.1 302 Found\r\nLocation: ",
            b"Location: http://127.0.0.1:99999/\r\n",
            b"Set-Cookie: a=b\r\n",
            b"Content-Encoding: gzip\r\n",
            b"Content-Encoding: br\r\n",
            b"Content-Type: application/json; charset=utf-16\r\n",
            b"Retry-After: Mon, 01 Jan 0001 00:00:00 +2300\r\n",
            b"Date: Fri, 31 Dec 9999 23:59:59 -2300\r\n",
            b"\r\n",
            b'{"status": "\\ud800", "version": ',
            b"[" * 2000,
            b"1e999}",
            b"0\r\n\r\n",
        ]
    ),
)


@pytest.mark.parametrize("transport", ["plain", "TLS 1.3"])
@settings(max_examples=sized(15, 100))
@given(
    pieces=st.lists(_PIECES, max_size=8),
    then=st.sampled_from(["close", "ragged", "reset"]),
)
@example(pieces=[OK, b"\r\n", b"[" * 2000], then="close")
def test_no_server_makes_an_outcome_unknown(transport: str, pieces: list[bytes], then: str) -> None:
    sample = facing(sends(*pieces, then=then, read_within=0.05), transport)

    assert sample.outcome is not Outcome.UNKNOWN, sample.detail
    repr(sample).encode()


@settings(max_examples=sized(15, 100))
@given(start=st.binary(max_size=80), then=st.sampled_from(["close", "reset"]))
def test_no_bytes_before_the_handshake_make_an_outcome_unknown(start: bytes, then: str) -> None:
    with serving(sends(start, then=then, read_within=0.05), reads=False) as server:
        sample = probe_of(server.url(scheme="https"), 2)

    assert sample.outcome is not Outcome.UNKNOWN, sample.detail
