"""What every ProbePool promises, the fake of the tests as well as the real one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from threading import Event, Semaphore, Thread, current_thread

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo_action.core.journey import journeys
from slo_action.core.journey.journeys import Journey, JourneyStep
from slo_action.core.model import Outcome, Probe, Sample, Witness
from slo_action.ports import CompletedProbe, ProbePool
from slo_action.probing.exchange import TIMELINE, ExchangeTimeline
from slo_action.probing.prober import HttpProber
from tests.builders import sample
from tests.sizes import sized
from tests.worlds.virtual_clock import VirtualClock
from tests.worlds.virtual_pool import VirtualPool

URL = "https://shop.example"
World = dict[str, tuple[Outcome, float]]
_UNANSWERED = (Outcome.READ_TIMEOUT, Outcome.CONNECT_REFUSED)


@dataclass
class Gate:
    """A probe's thread in the middle of its request, and when it may go on."""

    opens: float
    thread: Thread
    opened: Event = field(default_factory=Event)


class GatedWeb:
    """Answers real threads in virtual time: each waits at a gate until its end has come."""

    def __init__(self, clock: VirtualClock, world: World) -> None:
        self._clock = clock
        self._world = world
        self._gates: list[Gate] = []
        self.arrived = Semaphore(0)

    def answer(self, request: httpx.Request) -> httpx.Response:
        timeline: ExchangeTimeline = request.extensions[TIMELINE]
        outcome, seconds = self._world[str(request.url.copy_with(query=None))]
        takes = min(seconds, timeline.remaining())
        gate = Gate(self._clock.monotonic() + takes, current_thread())
        self._gates.append(gate)
        self.arrived.release()
        assert gate.opened.wait(10)
        return _response(Outcome.READ_TIMEOUT if takes < seconds else outcome)

    def wait(self, seconds: float) -> None:
        """Let time pass, and each thread end exactly when it is its time."""
        until = self._clock.monotonic() + seconds
        while due := [gate for gate in self._gates if gate.opens <= until]:
            first = min(due, key=lambda gate: gate.opens)
            self._gates.remove(first)
            self._clock.sleep_until(first.opens)
            first.opened.set()
            first.thread.join(10)
        self._clock.sleep_until(until)


def _response(outcome: Outcome) -> httpx.Response:
    match outcome:
        case Outcome.READ_TIMEOUT:
            raise TimeoutError
        case Outcome.CONNECT_REFUSED:
            raise ConnectionRefusedError
        case Outcome.HTTP_5XX:
            return httpx.Response(500)
        case _:
            return httpx.Response(200, json={"status": "ok"})


@dataclass(frozen=True)
class Subject:
    """A pool, the world it asks, the clock both live by, and how to use them."""

    pool: ProbePool
    world: World
    clock: VirtualClock
    wait: Callable[[float], None]
    underway: Callable[[], object]

    def send(
        self, ticket: int, seconds: float, outcome: Outcome = Outcome.OK, timeout: float = 6.0
    ) -> None:
        """Send a probe whose answer takes that long."""
        probe = Probe(
            witness=Witness.HEALTH, url=f"{URL}/{len(self.world)}", timeout_seconds=timeout
        )
        self.world[probe.url] = (outcome, seconds)
        self.pool.send(ticket, probe)
        self.underway()

    def send_journey(
        self, ticket: int, seconds: float, outcome: Outcome = Outcome.OK, timeout: float = 30.0
    ) -> None:
        """Send a journey of one step that takes that long."""
        step = JourneyStep(name="pay", target="/pay", timeout_seconds=20.0)
        probe = Probe(
            witness=Witness.JOURNEY,
            url=URL,
            timeout_seconds=timeout,
            journey=Journey(name="buy", steps=(step,)),
        )
        self.world[URL] = self.world[f"{URL}/pay"] = (outcome, seconds)
        self.pool.send(ticket, probe)
        self.underway()

    def tickets(self) -> list[int]:
        """Return the tickets of what has completed."""
        return [completed.ticket for completed in self.pool.completed()]


def _fake() -> Subject:
    clock = VirtualClock()
    world: World = {}

    def answer(probe: Probe, _: float) -> Sample:
        outcome, seconds = world[probe.url]
        status = None if outcome in _UNANSWERED else 500 if outcome is Outcome.HTTP_5XX else 200
        made = sample(outcome, total_seconds=seconds, status=status)
        return replace(made, url=probe.url, at=clock.now())

    pool = VirtualPool(clock, answer)
    return Subject(pool, world, clock, clock.advance, lambda: None)


def _real() -> Subject:
    clock = VirtualClock()
    world: World = {}
    web = GatedWeb(clock, world)
    transport = httpx.MockTransport(web.answer)
    pool = HttpProber(clock, nonces=lambda: "n", transport=transport, redact=str)
    return Subject(pool, world, clock, web.wait, lambda: web.arrived.acquire(timeout=10))


MAKERS = [_fake, _real]
NAMES = ["fake", "http"]


@pytest.fixture(params=MAKERS, ids=NAMES)
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    made: Subject = request.param()
    yield made
    made.wait(60)  # lets every thread end


def test_nothing_sent_completes_nothing(subject: Subject) -> None:
    assert subject.pool.completed() == ()


def test_a_ticket_comes_back_with_its_answer_and_when_it_was(subject: Subject) -> None:
    subject.wait(3)
    subject.send(7, 0.5)
    subject.wait(1)

    (completed,) = subject.pool.completed()

    assert (completed.ticket, completed.sample.url) == (7, f"{URL}/0")
    assert (completed.sample.outcome, completed.sample.status) == (Outcome.OK, 200)
    assert (completed.sent, completed.ended) == (3, 3.5)
    assert completed.sample.total_seconds == 0.5


def test_sending_takes_no_time_and_what_is_under_way_has_not_completed(subject: Subject) -> None:
    subject.send(1, 0.5)

    assert subject.clock.monotonic() == 0
    assert subject.pool.completed() == ()


def test_an_answer_is_handed_out_once(subject: Subject) -> None:
    subject.send(1, 0.5)
    subject.wait(1)

    assert subject.tickets() == [1]
    assert subject.tickets() == []


def test_answers_come_in_the_order_of_their_ends(subject: Subject) -> None:
    for ticket, seconds in enumerate((4, 1, 3, 2)):
        subject.send(ticket, seconds)
    subject.wait(5)

    assert subject.tickets() == [1, 3, 2, 0]


def test_a_slow_answer_delays_no_other(subject: Subject) -> None:
    subject.send(1, 5)
    seen: list[CompletedProbe] = []
    for ticket in range(2, 6):
        subject.send(ticket, 0.25)
        subject.wait(0.5)
        seen += subject.pool.completed()

    assert [completed.ticket for completed in seen] == [2, 3, 4, 5]
    assert [completed.ended - completed.sent for completed in seen] == [0.25] * 4
    assert [completed.sent for completed in seen] == [0, 0.5, 1, 1.5]


def test_a_timeout_completes_when_its_own_time_is_over(subject: Subject) -> None:
    subject.send(1, 60, timeout=2)
    subject.send(2, 60, timeout=4)
    subject.wait(2.25)

    (completed,) = subject.pool.completed()
    assert (completed.ticket, completed.sample.outcome) == (1, Outcome.READ_TIMEOUT)
    assert (completed.sample.status, completed.sample.version) == (None, None)
    assert 2 <= completed.sample.total_seconds <= 2.25
    subject.wait(2)
    assert subject.tickets() == [2]


@pytest.mark.parametrize("outcome", [Outcome.OK, Outcome.HTTP_5XX, *_UNANSWERED])
def test_what_the_target_does_is_an_outcome_with_a_reason(
    subject: Subject, outcome: Outcome
) -> None:
    subject.send(1, 0.5, outcome)
    subject.wait(1)

    (completed,) = subject.pool.completed()
    assert completed.sample.outcome is outcome
    assert completed.sample.detail


@pytest.mark.parametrize("outcome", [Outcome.OK, Outcome.HTTP_5XX])
def test_a_journey_lands_as_one_answer_at_its_end(subject: Subject, outcome: Outcome) -> None:
    subject.wait(1)
    subject.send_journey(1, 12, outcome)
    subject.send(2, 0.5)
    subject.wait(13)

    quick, journey = subject.pool.completed()
    assert (quick.ticket, journey.ticket) == (2, 1)
    assert (journey.sample.outcome, journey.sample.url) == (outcome, URL)
    assert (journey.sent, journey.ended, journey.sample.total_seconds) == (1, 13, 12)


def test_a_journey_lands_when_its_own_time_is_over(subject: Subject) -> None:
    subject.send_journey(1, 18, timeout=10)
    subject.wait(10.25)

    (completed,) = subject.pool.completed()
    assert (completed.sample.outcome, completed.sample.status) == (Outcome.READ_TIMEOUT, None)


def test_an_answer_that_fails_an_assertion_lands_as_such(subject: Subject) -> None:
    demand = journeys.Assertion(
        subject=journeys.Subject.JSON,
        name="$.status",
        condition=journeys.Condition.EQUALS,
        expected="ready",
    )
    probe = Probe(witness=Witness.HEALTH, url=f"{URL}/demands", assertions=(demand,))
    subject.world[probe.url] = (Outcome.ASSERTION_FAILED, 0.5)
    subject.pool.send(1, probe)
    subject.underway()
    subject.wait(1)

    (completed,) = subject.pool.completed()
    assert (completed.sample.outcome, completed.sample.status) == (Outcome.ASSERTION_FAILED, 200)


SECONDS = st.integers(0, 64).map(lambda sixteenths: sixteenths / 16)


@pytest.mark.parametrize("make", MAKERS, ids=NAMES)
@settings(max_examples=sized(8, 25))
@given(plan=st.lists(st.tuples(SECONDS, SECONDS, SECONDS), max_size=12))
def test_whatever_is_sent_when_every_ticket_lands_once_at_its_own_end(
    make: Callable[[], Subject], plan: list[tuple[float, float, float]]
) -> None:
    subject = make()
    ends: dict[int, float] = {}
    seen: list[CompletedProbe] = []
    for ticket, (pause, seconds, timeout) in enumerate(plan):
        subject.wait(pause)
        now = subject.clock.monotonic()
        seen += (batch := subject.pool.completed())
        assert [one.ended for one in batch] == sorted(one.ended for one in batch)
        assert all(one.ended <= now for one in batch)
        ends[ticket] = now + min(seconds, timeout + 1)
        subject.send(ticket, seconds, timeout=timeout + 1)
    subject.wait(60)
    seen += subject.pool.completed()

    assert {one.ticket: one.ended for one in seen} == ends
    assert len(seen) == len(plan)
    assert [one.ended for one in seen] == sorted(one.ended for one in seen)
