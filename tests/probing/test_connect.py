"""Several addresses of one name: who answers first is used, and who does not is no latency."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import pytest

from slo_action.core.model import Outcome, Phases, Probe, Sample, Witness
from slo_action.probing.exchange import ExchangeTimeline, Phase
from slo_action.probing.prober import HttpProber
from slo_action.probing.resolve import Address
from slo_action.probing.transport import FreshTransport
from slo_action.probing.trust import OnceContext, system_trust
from slo_action.system.clock import SystemClock
from tests.worlds.raw_server import Connection, RawServer, closed_port, serving
from tests.worlds.virtual_clock import VirtualClock

PROBE = Probe(witness=Witness.HEALTH, url="http://shop.test/health", timeout_seconds=5.0)


def healthy(connection: Connection) -> None:
    connection.answer(b"ok")


def address(port: int) -> Address:
    return Address(socket.AF_INET, "127.0.0.1", ("127.0.0.1", port))


@contextmanager
def black_hole() -> Iterator[int]:
    """A port whose accept queue is full: the kernel drops every SYN, as a black hole does."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(6):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@contextmanager
def healthy_server() -> Iterator[RawServer]:
    with serving(healthy) as server:
        yield server


def ask(*ports: int, probe: Probe = PROBE) -> Sample:
    transport = FreshTransport(
        OnceContext(system_trust), lookup=lambda _host, _port: [address(port) for port in ports]
    )
    prober = HttpProber(SystemClock(), nonces=lambda: "n", transport=transport, redact=str)
    (sample,) = prober.ask([probe])
    return sample


def test_an_address_that_does_not_answer_costs_the_service_nothing() -> None:
    with black_hole() as dead, healthy_server() as server:
        sample = ask(dead, server.port, probe=replace(PROBE, slow_after_seconds=0.24))

    assert sample.outcome is Outcome.OK
    assert sample.total_seconds > sample.fallback_seconds >= 0.25
    assert sample.service_seconds < 0.24
    assert sample.phases.connect_seconds is not None
    assert sample.phases.connect_seconds < 0.2
    (failed,) = sample.failed_addresses
    assert failed == "A 127.0.0.1: no answer, a fault of the path; A 127.0.0.1 was used"
    assert failed in sample.notes


def test_an_address_that_refuses_is_left_for_the_next_at_once() -> None:
    with healthy_server() as server:
        sample = ask(closed_port(), closed_port(), server.port)

    assert sample.outcome is Outcome.OK
    assert sample.fallback_seconds < 0.25
    assert sample.failed_addresses == ("A 127.0.0.1: Connection refused; A 127.0.0.1 was used",)


def test_a_late_address_may_still_win() -> None:
    with healthy_server() as server, black_hole() as dead:
        sample = ask(dead, closed_port(), dead, server.port)

    assert sample.outcome is Outcome.OK
    assert len(sample.failed_addresses) == 2


def test_addresses_that_all_do_not_answer_end_at_the_deadline() -> None:
    with black_hole() as dead, black_hole() as other:
        sample = ask(dead, other, probe=replace(PROBE, timeout_seconds=0.5))

    assert sample.outcome is Outcome.CONNECT_TIMEOUT
    assert sample.total_seconds == pytest.approx(0.5, abs=0.3)
    assert sample.failed_addresses == ("A 127.0.0.1: no answer",)


def test_what_a_target_did_is_reported_before_what_this_host_cannot_do() -> None:
    unreachable = Address(socket.AF_INET6, "2001:db8::1", ("2001:db8::1", 80, 0, 0))
    transport = FreshTransport(
        OnceContext(system_trust), lookup=lambda _host, _port: [unreachable, address(closed_port())]
    )
    prober = HttpProber(SystemClock(), nonces=lambda: "n", transport=transport, redact=str)
    (sample,) = prober.ask([replace(PROBE, timeout_seconds=0.3)])

    assert sample.outcome in (Outcome.CONNECT_REFUSED, Outcome.CONNECT_TIMEOUT)
    assert len(sample.failed_addresses) == 2


def test_time_in_no_phase_is_the_observer_s() -> None:
    clock = VirtualClock()
    timeline = ExchangeTimeline(clock.monotonic, 60.0)
    clock.advance(0.25)  # busy before it began
    with timeline.during(Phase.RESOLVE):
        clock.advance(1)
    clock.advance(0.5)  # busy between two phases
    with timeline.during(Phase.CONNECT):
        clock.advance(3)
        timeline.used("127.0.0.1", 2.0)
    clock.advance(4)
    timeline.received()
    clock.advance(5)
    timeline.received()
    timeline.finish(failed=False)

    assert timeline.observer_seconds == 0.75
    assert timeline.total_seconds == 13.75
    assert timeline.service_seconds == 11
    assert timeline.phases == Phases(
        resolve_seconds=1, connect_seconds=1, processing_seconds=4, transfer_seconds=5
    )
