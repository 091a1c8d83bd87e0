"""What every Prober promises, the fake of the tests as well as the real one."""

from collections.abc import Callable
from dataclasses import dataclass

import httpx
import pytest

from slo_action.core.journey import journeys
from slo_action.core.journey.journeys import Journey, JourneyStep
from slo_action.core.model import Outcome, Probe, Witness
from slo_action.ports import Prober
from tests.worlds.fake_prober import FakeProber, Line
from tests.worlds.mock_web import mock_prober
from tests.worlds.virtual_clock import VirtualClock

HEALTH = Probe(
    witness=Witness.HEALTH, url="https://shop.example/health", authorization="Bearer s3cr3t-token"
)
BUY = Probe(
    witness=Witness.JOURNEY,
    url="https://shop.example",
    timeout_seconds=30.0,
    journey=Journey(name="buy", steps=(JourneyStep(name="pay", target="/pay", method="POST"),)),
)
DEMANDS = Probe(
    witness=Witness.HEALTH,
    url="https://shop.example/demands",
    assertions=(
        journeys.Assertion(
            subject=journeys.Subject.JSON,
            name="$.status",
            condition=journeys.Condition.EQUALS,
            expected="ready",
        ),
    ),
)
VERSION = Probe(witness=Witness.VERSION, url="https://shop.example/version", reads_health=False)


@dataclass(frozen=True)
class Subject:
    """A prober, how its world changes, the clock both live by, and how often it asked."""

    prober: Prober
    becomes: Callable[[str, Outcome, float], None]
    clock: VirtualClock
    asked: Callable[[], int]


def _fake() -> Subject:
    clock = VirtualClock()
    fake = FakeProber(clock)
    return Subject(
        fake,
        lambda url, outcome, seconds: fake.script(url, Line(outcome=outcome, seconds=seconds)),
        clock,
        lambda: len(fake.asked),
    )


def _answer(outcome: Outcome) -> httpx.Response:
    match outcome:
        case Outcome.READ_TIMEOUT:
            raise TimeoutError
        case Outcome.CONNECT_REFUSED:
            raise ConnectionRefusedError
        case Outcome.HTTP_5XX:
            return httpx.Response(500)
        case Outcome.RATE_LIMITED:
            return httpx.Response(429)
        case Outcome.DEGRADED_BODY:
            return httpx.Response(200, json={"status": "warn"})
        case _:
            return httpx.Response(200, json={"status": "ok"})


def _real() -> Subject:
    clock = VirtualClock()
    world: dict[str, tuple[Outcome, float]] = {}
    requests: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        asked = str(request.url.copy_with(query=None))
        outcome, seconds = world[BUY.url if asked == f"{BUY.url}/pay" else asked]
        clock.advance(seconds)
        return _answer(outcome)

    def becomes(url: str, outcome: Outcome, seconds: float) -> None:
        world[url] = (outcome, seconds)

    return Subject(mock_prober(handler, clock), becomes, clock, lambda: len(requests))


@pytest.fixture(params=[_fake, _real], ids=["fake", "http"])
def subject(request: pytest.FixtureRequest) -> Subject:
    made: Subject = request.param()
    made.becomes(HEALTH.url, Outcome.OK, 0.05)
    made.becomes(VERSION.url, Outcome.OK, 0.05)
    return made


def test_each_probe_gets_a_sample_in_its_place(subject: Subject) -> None:
    samples = subject.prober.ask([VERSION, HEALTH, VERSION])

    assert [sample.url for sample in samples] == [VERSION.url, HEALTH.url, VERSION.url]
    assert [s.witness for s in samples] == [Witness.VERSION, Witness.HEALTH, Witness.VERSION]


def test_nothing_asked_is_nothing_found(subject: Subject) -> None:
    assert subject.prober.ask([]) == ()
    assert subject.asked() == 0


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Outcome.OK, 200),
        (Outcome.DEGRADED_BODY, 200),
        (Outcome.HTTP_5XX, 500),
        (Outcome.RATE_LIMITED, 429),
        (Outcome.READ_TIMEOUT, None),
        (Outcome.CONNECT_REFUSED, None),
    ],
)
def test_what_the_target_does_is_an_outcome_with_a_reason(
    subject: Subject, outcome: Outcome, status: int | None
) -> None:
    subject.becomes(HEALTH.url, outcome, 0.05)

    (sample,) = subject.prober.ask([HEALTH])

    assert (sample.outcome, sample.status) == (outcome, status)
    assert sample.detail


def test_an_answer_that_fails_an_assertion_says_so(subject: Subject) -> None:
    subject.becomes(DEMANDS.url, Outcome.ASSERTION_FAILED, 0.05)

    (sample,) = subject.prober.ask([DEMANDS])

    assert (sample.outcome, sample.status) == (Outcome.ASSERTION_FAILED, 200)


@pytest.mark.parametrize("outcome", [Outcome.OK, Outcome.HTTP_5XX, Outcome.READ_TIMEOUT])
def test_a_journey_is_one_sample_under_the_service_s_address(
    subject: Subject, outcome: Outcome
) -> None:
    subject.becomes(BUY.url, outcome, 1.5)

    journey, health = subject.prober.ask([BUY, HEALTH])

    assert (journey.witness, journey.url) == (Witness.JOURNEY, BUY.url)
    assert (journey.outcome, health.outcome) == (outcome, Outcome.OK)
    assert journey.detail


def test_a_failure_is_not_asked_twice(subject: Subject) -> None:
    subject.becomes(HEALTH.url, Outcome.HTTP_5XX, 0.05)

    subject.prober.ask([HEALTH])

    assert subject.asked() == 1


def test_one_probe_s_failure_is_not_another_s(subject: Subject) -> None:
    subject.becomes(HEALTH.url, Outcome.CONNECT_REFUSED, 0.05)

    health, version = subject.prober.ask([HEALTH, VERSION])

    assert (health.outcome, version.outcome) == (Outcome.CONNECT_REFUSED, Outcome.OK)


def test_a_sample_says_when_it_began_and_how_long_it_took(subject: Subject) -> None:
    subject.becomes(HEALTH.url, Outcome.OK, 1.5)
    began = subject.clock.now()

    (sample,) = subject.prober.ask([HEALTH])

    assert sample.at == began
    assert sample.total_seconds == pytest.approx(1.5)
    assert (subject.clock.now() - began).total_seconds() == pytest.approx(1.5)


def test_credentials_stay_out_of_the_sample(subject: Subject) -> None:
    (sample,) = subject.prober.ask([HEALTH])

    assert "s3cr3t-token" not in repr(sample)
