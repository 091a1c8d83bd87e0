"""Visits: who is asked what, how much of it, and what real servers make of them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count

import pytest

from slo_action.core.lint.live.rules import LIVE_RULES, Visit
from slo_action.core.model import Outcome, Probe, Sample, Witness
from slo_action.core.request_options import RequestOptions
from slo_action.core.slo.services import Endpoint, Service
from slo_action.modes.check.live import AT_ONCE, MOST_ENDPOINTS, MOST_SERVICES, visits
from slo_action.probing.prober import HttpProber
from slo_action.probing.transport import FreshTransport
from slo_action.probing.trust import OnceContext, system_trust
from slo_action.system.clock import SystemClock
from tests.worlds.fake_prober import OK, FakeProber, Line
from tests.worlds.raw_server import Behaviour, Connection, closed_port, serving
from tests.worlds.virtual_clock import VirtualClock

HEALTH = Endpoint(name="health", path="/healthz", witness=Witness.HEALTH)
BUILD = Endpoint(name="build", path="/build", witness=Witness.VERSION)


def service(number: int = 0, *endpoints: Endpoint, url: str = "") -> Service:
    base = url or f"https://shop-{number}.example"
    return Service(name=f"shop-{number}", url=base, endpoints=endpoints or (HEALTH,))


class Counting:
    """A Prober that also keeps how many probes went out together."""

    def __init__(self, inner: FakeProber) -> None:
        self._inner = inner
        self.batches: list[int] = []

    def ask(self, probes: Sequence[Probe]) -> tuple[Sample, ...]:
        self.batches.append(len(probes))
        return self._inner.ask(probes)


def played(
    *services: Service, clock: VirtualClock | None = None
) -> tuple[tuple[Visit, ...], FakeProber]:
    """Visit services of which every endpoint answers well."""
    ticking = clock or VirtualClock()
    prober = FakeProber(ticking)
    for one in services:
        for endpoint in one.endpoints:
            prober.script(one.url + endpoint.path, OK)
    return visits(services, prober, ticking, allow_link_local=False), prober


def test_health_is_asked_twice_a_moment_apart_and_the_rest_once() -> None:
    clock = VirtualClock()
    (visit,), prober = played(service(0, HEALTH, BUILD), clock=clock)

    assert [probe.url.rpartition("/")[2] for probe in prober.asked] == [
        "healthz",
        "build",
        "healthz",
    ]
    assert [len(asked.samples) for asked in visit.asked] == [2, 1]
    first, second = visit.asked[0].samples
    assert (second.at - first.at).total_seconds() > 2.0


def test_nothing_but_a_plain_question_is_sent() -> None:
    _, prober = played(service(0, HEALTH, BUILD))

    for probe in prober.asked:
        assert (probe.authorization, probe.headers, probe.version_rule) == (None, (), None)
        assert probe.timeout_seconds == 5.0
        assert not probe.follows_same_host
    assert [probe.reads_health for probe in prober.asked] == [True, False, True]


def test_who_is_asked_in_a_way_of_their_own_is_not_visited() -> None:
    own = replace(BUILD, request=RequestOptions(method="POST"))
    other = replace(service(1), request=RequestOptions(headers=(("X-Key", "abcdefgh"),)))
    (_, skipped), prober = played(service(0, HEALTH, own), other)

    assert {probe.url for probe in prober.asked} == {"https://shop-0.example/healthz"}
    assert skipped.skipped.startswith("not asked: `request` says how it is asked")


def test_credentials_of_an_address_are_not_sent() -> None:
    _, prober = played(service(url="https://ann:s3cret@shop.example"))

    assert prober.asked[0].url == "https://shop.example/healthz"
    assert prober.asked[0].authorization is None


def test_an_unanswered_service_is_asked_once_and_costs_no_pause() -> None:
    clock, one = VirtualClock(), service()
    prober = FakeProber(clock)
    prober.script(f"{one.url}/healthz", Line(outcome=Outcome.CONNECT_TIMEOUT, seconds=60.0))

    began = clock.monotonic()
    (visit,) = visits([one], prober, clock, allow_link_local=False)

    assert len(prober.asked) == 1
    assert clock.monotonic() - began == 5.0
    assert visit.asked[0].answers == ()


def test_twenty_services_are_asked_eight_at_a_time_and_the_rest_is_reported() -> None:
    clock = VirtualClock()
    services = [service(number) for number in range(MOST_SERVICES + 3)]
    fake = FakeProber(clock)
    for one in services:
        fake.script(f"{one.url}/healthz", OK)
    prober = Counting(fake)

    seen = visits(services, prober, clock, allow_link_local=False)

    assert prober.batches == [AT_ONCE, AT_ONCE, 4] * 2
    reported = services[: MOST_SERVICES + 1]
    assert [visit.service.name for visit in seen] == [one.name for one in reported]
    assert [visit.skipped for visit in seen[MOST_SERVICES:]] == [
        "not asked, nor are 2 after it: no more than 20 services are"
    ]
    assert all(len(visit.asked[0].samples) == 2 for visit in seen[:MOST_SERVICES])


def test_a_service_of_many_endpoints_is_asked_at_a_few_of_them() -> None:
    extras = [replace(BUILD, name=f"e{number}", path=f"/{number}") for number in range(20)]
    (visit,), prober = played(service(0, HEALTH, *extras))

    assert len(visit.asked) == MOST_ENDPOINTS
    assert len(prober.asked) == MOST_ENDPOINTS + 1
    assert visit.skipped == "13 more endpoints were not asked: the limit is 8"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://169.254.169.254", "not asked: link-local and metadata addresses are refused"),
        ("ftp://shop.example", "not asked: the scheme ftp: cannot be probed"),
    ],
)
def test_an_address_that_must_not_be_asked_is_reported(url: str, words: str) -> None:
    (visit,), prober = played(service(url=url))

    assert prober.asked == []
    assert visit.skipped.startswith(words)


def test_a_job_that_has_no_url_is_passed_over() -> None:
    job = Service(name="nightly", url="", endpoints=())

    assert played(job)[0] == (Visit(service=job),)
    assert visits([], FakeProber(VirtualClock()), VirtualClock(), allow_link_local=False) == ()


class LeapingClock(SystemClock):
    """The real clock, but whoever waits is at once where he wants to be."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self._ahead)

    def monotonic(self) -> float:
        return super().monotonic() + self._ahead

    def sleep_until(self, instant: float) -> None:
        self._ahead += max(0.0, instant - self.monotonic())


def really_visited(services: Sequence[Service]) -> tuple[Visit, ...]:
    clock, numbers = LeapingClock(), count(1)
    prober = HttpProber(
        clock,
        nonces=lambda: str(next(numbers)),
        transport=FreshTransport(OnceContext(system_trust)),
        redact=str,
    )
    return visits(services, prober, clock, allow_link_local=False)


JSON = b"Content-Type: application/json\r\nCache-Control: no-store\r\n"
SOUND = b'{"status": "ok", "version": "1.2.3"}'


def saying(body: bytes = SOUND, *, status: str = "200 OK", headers: bytes = JSON) -> Behaviour:
    def behave(connection: Connection) -> None:
        connection.answer(body, status=status, headers=headers)

    return behave


BEHAVIOURS: dict[str, tuple[Behaviour, dict[str, str]]] = {
    "sound": (saying(), {}),
    "cacheable": (
        saying(headers=JSON.replace(b"no-store", b"public, max-age=60")),
        {"health-cacheable": 'health_endpoint sends "Cache-Control: public, max-age=60"'},
    ),
    "kept": (
        saying(headers=JSON + b"Date: Mon, 23 Nov 2026 10:00:00 GMT\r\n"),
        {
            "health-cacheable": (
                "health_endpoint answers 200 from a cache: its Date header is that of an "
                "earlier answer; send `Cache-Control: no-store` on this path"
            )
        },
    ),
    "redirecting": (
        saying(b"", status="308 Permanent Redirect", headers=b"Location: /healthz/\r\n"),
        {"health-redirects": "health_endpoint answers 308 to "},
    ),
    "degraded": (
        saying(b'{"status": "degraded", "version": "1", "checks": {"redis": "fail"}}'),
        {
            "degraded-answers-200": (
                'health_endpoint answers 200 and says status "degraded" (check "redis")'
            ),
            "liveness-checks-dependencies": 'health_endpoint reports on "redis"',
        },
    ),
    "cookies": (
        saying(headers=JSON + b"Set-Cookie: sid=s3cret; HttpOnly\r\n"),
        {"health-sets-cookies": "health_endpoint sets a cookie"},
    ),
    "anonymous": (
        saying(b'{"status": "ok"}'),
        {"no-version": "neither body nor headers of health_endpoint report a version"},
    ),
    "missing": (
        saying(b"", status="404 Not Found"),
        {"endpoint-fails": "health_endpoint answers 404"},
    ),
    "hanging up": (
        Connection.reset,
        {"target-not-reached": "health_endpoint: "},
    ),
}


def reported(visit: Visit) -> dict[str, str]:
    return {rule.name: violation.message for rule in LIVE_RULES for violation in rule.find(visit)}


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_a_real_server_is_reported_by_what_it_does(name: str) -> None:
    behaviour, words = BEHAVIOURS[name]
    with serving(behaviour) as server:
        (visit,) = really_visited([service(url=server.url(path=""))])

    found = reported(visit)
    assert set(found) == set(words)
    assert {rule: found[rule][: len(start)] for rule, start in words.items()} == words


def test_real_servers_get_two_plain_questions_each_even_beside_a_dead_one() -> None:
    dead = service(url=f"http://127.0.0.1:{closed_port()}")
    with serving(saying()) as one, serving(saying()) as other:
        services = [service(url=one.url(path="")), dead, service(url=other.url(path=""))]
        first, nobody, second = really_visited(services)

    assert (reported(first), reported(second)) == ({}, {})
    assert set(reported(nobody)) == {"target-not-reached"}
    for server in (one, other):
        requests = [request.decode() for request in server.requests]
        assert len(requests) == 2
        assert all(request.startswith("GET /healthz?_slo=") for request in requests)
        assert not any("authorization" in request.lower() for request in requests)
