"""What every MetricSource promises, the fake of the tests as well as the real one."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import httpx
import pytest

from slo_action.config.settings.prometheus import PrometheusSettings
from slo_action.config.text.url import parse_url
from slo_action.core.observation.real_traffic import TrafficReading, TrafficState
from slo_action.core.text.secrets import Secret
from slo_action.ports import MetricSource
from slo_action.sources.prometheus.source import PrometheusSource
from tests.worlds.fake_metrics import STALE, UNREACHABLE, FakeMetricSource, counted, steady
from tests.worlds.prometheus import PrometheusWorld, refused
from tests.worlds.virtual_clock import VirtualClock

_SERVED_BEFORE_SECONDS = 900.0


@dataclass(frozen=True)
class Subject:
    """A source, its clock, how time goes by, what its world becomes, and looks begun."""

    source: MetricSource
    clock: VirtualClock
    passes: Callable[[float], None]
    becomes: Callable[[str], None]
    looks: Callable[[], int]

    def look(self, seconds_since_deploy: float = 300.0) -> TrafficReading:
        deployed_at = self.clock.now() - timedelta(seconds=seconds_since_deploy)
        self.source.ask(deployed_at)
        self.passes(1.0)
        reading = self.source.newest()
        assert reading is not None
        return reading


def _fake() -> Subject:
    clock = VirtualClock()
    fake = FakeMetricSource(clock)
    worlds = {
        "healthy": steady(0.0),
        "failing": steady(0.5),
        "unused": lambda _: counted(0, 0),
        "stale": lambda _: STALE,
        "gone": lambda _: UNREACHABLE,
    }
    return Subject(
        fake, clock, clock.advance, lambda kind: fake.becomes(worlds[kind]), lambda: len(fake.asked)
    )


def _prometheus() -> Subject:
    clock = VirtualClock()
    world = PrometheusWorld(clock, prefix="/prom")
    shop = world.service("shop")
    world.passes(_SERVED_BEFORE_SECONDS)
    pending: list[Callable[[], None]] = []
    begun: list[Callable[[], None]] = []

    def spawn(look: Callable[[], None]) -> None:
        pending.append(look)
        begun.append(look)

    source = PrometheusSource(
        PrometheusSettings(
            url=parse_url("https://me:passw0rd@metrics.example/prom", allow_link_local=False),
            service="shop",
            token=Secret("t0ken-value"),
        ),
        clock=clock,
        spawn=spawn,
        transport=httpx.MockTransport(world.handler),
    )

    def passes(seconds: float) -> None:
        world.passes(seconds)
        while pending:
            pending.pop()()

    def becomes(kind: str) -> None:
        shop.error_rate = 0.5 if kind == "failing" else 0.0
        shop.per_second = 0.0 if kind == "unused" else 10.0
        shop.is_up = kind != "stale"
        world.becomes((lambda _: refused(503, "x", "down")) if kind == "gone" else None)
        world.passes(400.0)

    return Subject(source, clock, passes, becomes, lambda: len(begun))


@pytest.fixture(params=[_fake, _prometheus], ids=["fake", "prometheus"])
def subject(request: pytest.FixtureRequest) -> Subject:
    made: Subject = request.param()
    return made


def test_before_the_first_look_there_is_no_reading(subject: Subject) -> None:
    assert subject.source.newest() is None


def test_asking_does_not_wait_for_the_answer(subject: Subject) -> None:
    began = subject.clock.monotonic()
    subject.source.ask(subject.clock.now())

    assert subject.clock.monotonic() == began
    assert subject.source.newest() is None

    subject.passes(1.0)
    assert subject.source.newest() is not None


def test_a_look_under_way_is_not_begun_again(subject: Subject) -> None:
    subject.source.ask(subject.clock.now())
    subject.source.ask(subject.clock.now())
    assert subject.looks() == 1

    subject.passes(1.0)
    subject.source.ask(subject.clock.now())
    assert subject.looks() == 2


def test_the_newest_reading_stays_until_there_is_a_newer_one(subject: Subject) -> None:
    first = subject.look()
    subject.passes(30.0)
    assert subject.source.newest() is first

    subject.source.ask(subject.clock.now() - timedelta(seconds=331.0))
    assert subject.source.newest() is first

    subject.passes(1.0)
    second = subject.source.newest()
    assert second is not None
    assert second.at_seconds > first.at_seconds


def test_a_reading_says_when_it_was_taken(subject: Subject) -> None:
    assert subject.look(300.0).at_seconds == pytest.approx(300.0, abs=1.5)


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        ("healthy", TrafficState.MEASURED),
        ("failing", TrafficState.MEASURED),
        ("unused", TrafficState.ZERO),
        ("stale", TrafficState.NO_SERIES),
        ("gone", TrafficState.UNREACHABLE),
    ],
)
def test_what_it_finds_is_a_state_with_a_reason(
    subject: Subject, kind: str, state: TrafficState
) -> None:
    subject.becomes(kind)

    reading = subject.look()

    assert reading.state is state
    assert reading.detail
    assert (reading.requests is None) is (kind in ("stale", "gone"))


def test_errors_are_counted_among_the_requests(subject: Subject) -> None:
    subject.becomes("healthy")
    assert subject.look().errors == 0

    subject.becomes("failing")
    failing = subject.look()
    assert failing.requests is not None
    assert failing.errors == pytest.approx(failing.requests / 2, rel=0.1)


def test_a_deploy_of_just_now_has_nothing_to_divide(subject: Subject) -> None:
    assert subject.look(1.0).state is TrafficState.NO_RATIO


def test_after_a_failure_it_can_be_asked_again(subject: Subject) -> None:
    subject.becomes("gone")
    assert subject.look().state is TrafficState.UNREACHABLE

    subject.becomes("healthy")
    assert subject.look().state is TrafficState.MEASURED


def test_the_name_is_shown_without_credentials(subject: Subject) -> None:
    assert subject.source.name
    assert "passw0rd" not in subject.source.name
    assert "@" not in subject.source.name
