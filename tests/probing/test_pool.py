"""The real pool: an open loop over real sockets, its bounds, and what it never sends."""

import gc
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from statistics import median
from threading import Event, Semaphore

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from slo_action import __version__
from slo_action.core.model import Outcome, Probe, Sample
from slo_action.ports import Clock, CompletedProbe
from slo_action.probing.prober import HttpProber
from slo_action.probing.transport import FreshTransport
from slo_action.probing.trust import OnceContext, system_trust
from slo_action.system.clock import SystemClock
from tests.worlds.mock_web import PROBE, URL, Handler, mock_prober
from tests.worlds.raw_server import Connection, serving
from tests.worlds.virtual_clock import VirtualClock

CLOCK = SystemClock()


def real_pool() -> HttpProber:
    transport = FreshTransport(OnceContext(system_trust))
    return HttpProber(CLOCK, nonces=lambda: "n", transport=transport, redact=str)


def mock_pool(
    handler: Handler,
    clock: Clock | None = None,
    redact: Callable[[str], str] = str,
    most_in_flight: int = 512,
) -> HttpProber:
    return HttpProber(
        clock or VirtualClock(),
        nonces=lambda: "n",
        transport=httpx.MockTransport(handler),
        redact=redact,
        most_in_flight=most_in_flight,
    )


def collected(pool: HttpProber, count: int, seconds: float = 20.0) -> list[CompletedProbe]:
    """Look again and again until so many have completed."""
    seen: list[CompletedProbe] = []
    until = CLOCK.monotonic() + seconds
    while len(seen) < count and CLOCK.monotonic() < until:
        seen += pool.completed()
        CLOCK.sleep_until(CLOCK.monotonic() + 0.01)
    return seen


def spaced(count: int, gap: float) -> Iterator[int]:
    """Count, each number when its slot has come."""
    began = CLOCK.monotonic()
    for number in range(count):
        CLOCK.sleep_until(began + number * gap)
        yield number


def probe_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "slo-probe"]


class Held:
    """A web whose every answer waits until `release` is called; `arrived` counts who waits."""

    def __init__(self) -> None:
        self.arrived = Semaphore(0)
        self._released = Event()

    def answer(self, _: httpx.Request) -> httpx.Response:
        self.arrived.release()
        assert self._released.wait(10)
        return httpx.Response(200)

    def release(self) -> None:
        self._released.set()
        for thread in probe_threads():
            thread.join(10)


@contextmanager
def held() -> Iterator[Held]:
    web = Held()
    try:
        yield web
    finally:
        web.release()


def test_every_probe_completes_after_its_own_answer_however_slow_the_others_are() -> None:
    def slow(connection: Connection) -> None:
        connection.closing.wait(1)
        connection.answer(b"ok")

    pool = real_pool()
    with serving(slow) as server:
        for ticket in spaced(10, 0.05):
            pool.send(ticket, replace(PROBE, url=server.url()))
        completed = sorted(collected(pool, 10), key=lambda one: one.ticket)

    starts = [one.sent - completed[0].sent for one in completed]
    assert [one.ticket for one in completed] == list(range(10))
    assert all(1 <= one.ended - one.sent < 4 for one in completed)
    assert starts == pytest.approx([0.05 * number for number in range(10)], abs=0.8)
    assert all(one.sample.total_seconds == one.ended - one.sent for one in completed)


def test_a_server_that_hangs_does_not_stop_the_schedule() -> None:
    def moody(connection: Connection, requests: list[bytes]) -> None:
        if b"/hangs" in requests[-1]:
            connection.hold()
        connection.answer(b"ok")

    pool = real_pool()
    with serving(lambda connection: moody(connection, server.requests)) as server:
        for ticket in spaced(12, 0.03):
            path = "/hangs" if ticket % 3 == 0 else "/health"
            pool.send(ticket, replace(PROBE, url=server.url(path=path), timeout_seconds=2.0))
        completed = {one.ticket: one for one in collected(pool, 12)}

    hung = {ticket for ticket, one in completed.items() if one.sample.status is None}
    assert hung == {0, 3, 6, 9}
    assert all(completed[ticket].sample.outcome is Outcome.READ_TIMEOUT for ticket in hung)
    assert all(1.99 < completed[ticket].ended - completed[ticket].sent < 5 for ticket in hung)
    for ticket, one in completed.items():
        assert one.sent - completed[0].sent == pytest.approx(0.03 * ticket, abs=1.5)


def test_huge_bodies_are_cut_and_leave_nothing_behind() -> None:
    body = b"x" * 10_000_000

    def huge(connection: Connection) -> None:
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
        connection.send(body)  # not joined with the headers: that would be a copy

    pool = real_pool()
    with serving(huge) as server:
        probe = replace(PROBE, url=server.url())
        pool.send(0, probe)
        collected(pool, 1)  # what is imported late is not the bodies'
        tracemalloc.start()
        for ticket in spaced(20, 0.01):
            pool.send(ticket, probe)
        for thread in probe_threads():
            thread.join(10)
        completed = pool.completed()
        outcomes = [one.sample.outcome for one in completed]
        _, peak = tracemalloc.get_traced_memory()
        del completed
        gc.collect()
        kept, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert outcomes == [Outcome.BODY_TOO_LARGE] * 20
    assert peak < 20 * 6 * probe.body_limit_bytes
    assert kept < 20 * probe.body_limit_bytes / 4


def test_above_its_limit_a_probe_completes_at_once_unsent() -> None:
    with held() as web:
        pool = mock_pool(web.answer, most_in_flight=32)
        for ticket in range(500):
            pool.send(ticket, PROBE)
        refused = pool.completed()
        threads = probe_threads()
        web.release()
        answered = pool.completed()
        pool.send(500, PROBE)
        web.release()
        after = pool.completed()

    assert len(threads) == 32
    assert all(thread.daemon for thread in threads)
    assert {one.sample.detail for one in refused} == {"not sent: 32 probes are in flight already"}
    assert {one.sample.outcome for one in refused} == {Outcome.UNKNOWN}
    assert sorted(one.ticket for one in (*refused, *answered)) == list(range(500))
    assert [one.sample.outcome for one in (*answered, *after)] == [Outcome.OK] * 33


def test_a_host_without_threads_is_no_fault_of_the_target(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none_left(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    pool = mock_pool(lambda _: httpx.Response(200), most_in_flight=1)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", none_left)
        pool.send(1, PROBE)
        pool.send(2, PROBE)

    completed = pool.completed()
    assert sorted(one.ticket for one in completed) == [1, 2]
    details = {(one.sample.outcome, one.sample.detail) for one in completed}
    assert details == {(Outcome.UNKNOWN, "not sent: this host has no threads left")}
    assert all(one.ended == one.sent for one in completed)


def test_a_thread_that_outlives_its_probe_is_given_up_and_its_answer_thrown_away() -> None:
    clock = VirtualClock()
    with held() as web:
        pool = mock_pool(web.answer, clock)
        pool.send(1, replace(PROBE, timeout_seconds=6))
        clock.advance(6.2)
        assert pool.completed() == ()
        clock.advance(0.05)
        (completed,) = pool.completed()
        web.release()
        later = pool.completed()

    assert completed.sample.outcome is Outcome.UNKNOWN
    assert "did not end" in completed.sample.detail
    assert (completed.sent, completed.ended) == (0, 6.25)
    assert later == ()


def test_a_probe_given_up_has_its_place_until_its_thread_ends() -> None:
    clock = VirtualClock()
    with held() as web:
        pool = mock_pool(web.answer, clock, most_in_flight=1)
        pool.send(1, PROBE)
        clock.advance(10)
        pool.completed()
        pool.send(2, PROBE)
        (refused,) = pool.completed()
        web.release()
        pool.send(3, PROBE)
        web.release()
        (answered,) = pool.completed()

    assert (refused.ticket, refused.sample.outcome) == (2, Outcome.UNKNOWN)
    assert (answered.ticket, answered.sample.outcome) == (3, Outcome.OK)


def test_sending_returns_at_once_while_hundreds_are_in_flight() -> None:
    took = []
    with held() as web:
        pool = mock_pool(web.answer)
        for ticket in range(300):
            began = CLOCK.monotonic()
            pool.send(ticket, PROBE)
            took.append(CLOCK.monotonic() - began)
        web.release()
        completed = pool.completed()

    assert median(took[200:]) < 0.01
    assert {one.sample.outcome for one in completed} == {Outcome.OK}
    assert len(completed) == 300


def test_answers_are_judged_by_the_thread_that_collects_them() -> None:
    judges = set()

    def redact(text: str) -> str:
        judges.add(threading.current_thread())
        return text

    with held() as web:
        pool = mock_pool(web.answer, redact=redact)
        pool.send(1, PROBE)
        web.release()
        pool.completed()

    assert judges == {threading.current_thread()}


def test_a_bug_of_ours_is_no_fault_of_the_target() -> None:
    def redact(text: str) -> str:
        if text == "answers 200":
            raise LookupError("a bug")
        return text

    with held() as web:
        pool = mock_pool(web.answer, redact=redact)
        pool.send(1, PROBE)
        web.release()
        (completed,) = pool.completed()

    assert completed.sample.outcome is Outcome.UNKNOWN
    assert completed.sample.detail == "the probe itself failed: LookupError"


def test_a_bug_in_a_probe_s_thread_is_reported_and_gives_its_place_back() -> None:
    class BrokenClock(VirtualClock):
        def now(self) -> datetime:
            if threading.current_thread().name == "slo-probe":
                raise LookupError("a bug")
            return super().now()

    transport = httpx.MockTransport(lambda _: httpx.Response(200))
    pool = HttpProber(BrokenClock(), nonces=str, transport=transport, redact=str, most_in_flight=1)
    for ticket in (1, 2):
        pool.send(ticket, PROBE)
        for thread in probe_threads():
            thread.join(10)
        (completed,) = pool.completed()
        assert completed.sample.detail == "the probe itself failed: LookupError"


def test_an_unsent_probe_keeps_credentials_to_itself() -> None:
    pool = mock_pool(lambda _: httpx.Response(200), most_in_flight=0)
    pool.send(1, replace(PROBE, url="https://ann:pass-word@shop.example/", authorization="Key abc"))

    assert "pass-word" not in repr(pool.completed())


def sent_with(
    *headers: tuple[str, str], authorization: str | None = None
) -> tuple[Sample, list[httpx.Request]]:
    requests: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200)

    (sample,) = mock_prober(handler).ask(
        [replace(PROBE, headers=headers, authorization=authorization)]
    )
    return sample, requests


def test_a_probe_s_own_headers_follow_ours() -> None:
    with serving(lambda connection: connection.answer(b"ok")) as server:
        pool = real_pool()
        own = (("fly-force-instance-id", "d891"), ("X-Empty", ""))
        pool.send(1, replace(PROBE, url=server.url(), authorization="Bearer t", headers=own))
        collected(pool, 1)

    assert server.requests == [
        f"GET /health?_slo=n HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
        f"User-Agent: slo-verify/{__version__}\r\nAccept: */*\r\nAccept-Encoding: identity\r\n"
        "Cache-Control: no-cache\r\nConnection: close\r\nAuthorization: Bearer t\r\n"
        "fly-force-instance-id: d891\r\nX-Empty: \r\n\r\n".encode()
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Machine", "a\r\nHost: evil.example"),
        ("X-Machine", "a\nb"),
        ("X-Machine", "a\rb"),
        ("X-Machine", "a\0b"),
        ("X-Machine", "a\x7fb"),
        ("X-Machine", "a\x85b"),
        ("X-Machine", " padded"),
        ("X-Machine", "\N{SNOWMAN}"),
        ("X-Machine\r\nHost", "evil.example"),
        ("X Machine", "a"),
        ("X-Machine:", "a"),
        ("X-Mächine", "a"),
        ("", "a"),
        ("Host", "evil.example"),
        ("hOST", "evil.example"),
        ("Authorization", "Bearer theirs"),
        ("Content-Length", "10"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "keep-alive"),
        ("User-Agent", "other"),
    ],
)
def test_a_header_that_must_not_be_sent_stops_its_probe(name: str, value: str) -> None:
    sample, requests = sent_with((name, value))

    assert requests == []
    assert sample.outcome is Outcome.UNKNOWN
    assert sample.detail.startswith("the probe was not sent: ")
    assert sample.detail.isprintable()


_ANY = st.text(max_size=20) | st.sampled_from(["Host", "AUTHORIZATION", "a\r\nb", "X-Machine"])


@given(_ANY, _ANY)
@example("X-Machine", "\xa0")
def test_no_header_ends_its_line_or_replaces_another(name: str, value: str) -> None:
    plain = sent_with(authorization="Bearer ours")[1][0].headers.raw
    _, requests = sent_with((name, value), authorization="Bearer ours")

    for request in requests:
        *ours, theirs = request.headers.raw
        assert ours == plain
        assert theirs == (name.encode("latin-1"), value.encode("latin-1"))
        assert not set(name + value) & set("\r\n\0")


def test_headers_reach_where_a_redirect_on_the_same_host_leads() -> None:
    seen: list[str | None] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("x-machine"))
        status = 302 if request.url.path == "/health" else 200
        return httpx.Response(status, headers={"Location": "/other"})

    probe: Probe = replace(PROBE, follows_same_host=True, headers=(("X-Machine", "m1"),))
    mock_prober(handler).ask([replace(probe, url=URL)])

    assert seen == ["m1", "m1"]
