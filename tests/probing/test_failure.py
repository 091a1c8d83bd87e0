"""Exceptions that a test cannot provoke everywhere, read by hand."""

import errno
import socket
import ssl

import pytest

from slo_action.core.model import Outcome
from slo_action.probing.exchange import ExchangeTimeline, Phase
from slo_action.probing.failure import read_failure


def timeline(phase: Phase | None = None, *addresses: str) -> ExchangeTimeline:
    made = ExchangeTimeline(lambda: 0.0, 6.0)
    made.phase = phase
    made.addresses = addresses
    return made


@pytest.mark.parametrize(
    ("phase", "outcome"),
    [
        (Phase.RESOLVE, Outcome.DNS_TIMEOUT),
        (Phase.CONNECT, Outcome.CONNECT_TIMEOUT),
        (Phase.TLS, Outcome.CONNECT_TIMEOUT),
        (Phase.ANSWER, Outcome.READ_TIMEOUT),
        (Phase.BODY, Outcome.READ_TIMEOUT),
    ],
)
def test_a_timeout_is_named_after_what_was_waited_for(phase: Phase, outcome: Outcome) -> None:
    found, detail = read_failure(TimeoutError(), timeline(phase))

    assert found is outcome
    assert phase.value in detail


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (socket.EAI_NONAME, Outcome.DNS_NXDOMAIN),
        (socket.EAI_AGAIN, Outcome.DNS_TIMEOUT),
        (socket.EAI_FAIL, Outcome.DNS_TIMEOUT),
        (socket.EAI_MEMORY, Outcome.UNKNOWN),
    ],
)
def test_the_resolver_s_codes(code: int, outcome: Outcome) -> None:
    assert read_failure(socket.gaierror(code, "text"), timeline(Phase.RESOLVE))[0] is outcome


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (errno.ENETUNREACH, Outcome.UNKNOWN),
        (errno.EMFILE, Outcome.UNKNOWN),
        (errno.EHOSTUNREACH, Outcome.CONNECT_REFUSED),
        (errno.ECONNREFUSED, Outcome.CONNECT_REFUSED),
        (errno.ETIMEDOUT, Outcome.CONNECT_TIMEOUT),
        (errno.ECONNRESET, Outcome.RESET),
        (errno.EPIPE, Outcome.RESET),
        (errno.ENOTCONN, Outcome.RESET),
        (errno.EIO, Outcome.UNKNOWN),
    ],
)
def test_the_socket_s_codes(code: int, outcome: Outcome) -> None:
    assert read_failure(OSError(code, "text"), timeline(Phase.CONNECT))[0] is outcome


def test_only_ipv6_addresses_and_no_way_to_them_is_the_runner_s_lack() -> None:
    found, detail = read_failure(
        OSError(errno.ENETUNREACH, "Network is unreachable"),
        timeline(Phase.CONNECT, "AAAA 2001:db8::1"),
    )

    assert found is Outcome.UNKNOWN
    assert "only IPv6 addresses" in detail


def test_a_broken_trust_store_is_our_own_failure() -> None:
    assert read_failure(ssl.SSLError(1, "no certificate"), timeline())[0] is Outcome.UNKNOWN


def test_a_name_that_no_resolver_takes_does_not_exist() -> None:
    error = UnicodeEncodeError("idna", "x", 0, 1, "label too long")

    assert read_failure(error, timeline(Phase.RESOLVE))[0] is Outcome.DNS_NXDOMAIN


def test_what_was_being_handled_meanwhile_says_nothing() -> None:
    error = ConnectionResetError(errno.ECONNRESET, "reset")
    error.__context__ = OSError(errno.ENETUNREACH, "unreachable")

    assert read_failure(error, timeline(Phase.TLS))[0] is Outcome.RESET


def test_the_deepest_cause_says_what_happened() -> None:
    outer = RuntimeError("wrapped")
    outer.__cause__ = ConnectionRefusedError()

    assert read_failure(outer, timeline())[0] is Outcome.CONNECT_REFUSED
