"""Deployments beyond the frozen catalogue: what tools of this kind are known to get wrong.

Each says why its label is what it is. They are scored apart from the catalogue.
"""

from random import Random

from bench.verdicts.catalogue import EITHER, PASS, ROLLBACK, WARN, Case, Making
from bench.verdicts.pieces import (
    API,
    BOTH,
    HEALTH,
    Always,
    Delay,
    Drift,
    Fault,
    Flap,
    Plan,
    Runner,
    Schedule,
    Spans,
    since,
    until,
)
from bench.verdicts.world import Label

_Row = tuple[Label, str, Making, str]


def _one(
    kind: str, when: Schedule, endpoints: tuple[str, ...] = BOTH, *, runner_only: bool = False
) -> Plan:
    return Plan(faults=(Fault(kind, when, endpoints, runner_only=runner_only),))


def _out(start: float, end: float, kind: str = "silent") -> Plan:
    return Plan(runner=Runner(out=((start, end),), out_kind=kind))


def _stops(rng: Random) -> Plan:
    return _one("503", Flap(20.0, 0.5, -rng.uniform(0.0, 20.0)))


def _bad(name: str, plan: Plan, reason: str, onset: float = 0.0, expected: str = "") -> Case:
    causes = (expected,) if expected else ()
    return Case("broken", name, ROLLBACK, plan, onset, causes, reason)


_RUNNER: tuple[_Row, ...] = (
    (PASS, "runner has no network at all", _out(0.0, 3600.0), "nothing was learned of the service"),
    (PASS, "runner's DNS fails 6s", _out(110.0, 116.0, "dns"), "the control fails as well"),
    (
        PASS,
        "runner net out from 60s on",
        _out(60.0, 3600.0),
        "it was well as long as it could be seen",
    ),
    (
        PASS,
        "IPv6 only, runner has none",
        _one("unreachable", Always(), runner_only=True),
        "users reach it; hosted runners have no IPv6",
    ),
    (PASS, "runner loses 1% of packets", Plan(runner=Runner(loss=0.01)), "so few say nothing"),
    (
        PASS,
        "runner loses 8% of packets",
        Plan(runner=Runner(loss=0.08)),
        "the control loses as many",
    ),
    (
        PASS,
        "challenged by the WAF",
        _one("challenge", Always(), runner_only=True),
        "a 403 with cf-mitigated comes from the WAF",
    ),
    (
        PASS,
        "challenged from 100s on",
        _one("challenge", since(100.0), runner_only=True),
        "the same, once the WAF grew tired of us",
    ),
    (
        PASS,
        "429 with Retry-After for 40s",
        _one("429", until(40.0), runner_only=True),
        "a limit on us says nothing of users",
    ),
    (
        PASS,
        "every answer from a cache",
        _one("cached", Always(), runner_only=True),
        "a cached answer is no evidence either way",
    ),
    (PASS, "WAF 429 above 1 rps", Plan(runner=Runner(waf_rps=1.0)), "slower probes would pass"),
)
_START: tuple[_Row, ...] = (
    (
        PASS,
        "boots 28s, slow until 40s",
        Plan(faults=(Fault("refused", until(28.0)),), delays=(Delay(until(40.0), 3.0),)),
        "within the 90 s, and the grace is for this",
    ),
    (PASS, "maintenance page until 60s", _one("maintenance", until(60.0)), "ready at 60 s"),
    (PASS, "cold start 25s", Plan(held_until=25.0), "a stopped machine wakes at the first request"),
    (
        EITHER,
        "1 of 4 machines 70s late",
        Plan(faults=(Fault("503", until(70.0), machine=0),), machines=4),
        "5.8 % of users' requests failed",
    ),
    (
        PASS,
        "redirect 308 http->https",
        _one("good", Always(), HEALTH),
        "users land on a healthy page; the check's URL is what is wrong",
    ),
)
_GRADUAL: tuple[_Row, ...] = (
    (WARN, "body degraded", _one("degraded", Always()), "alive by its own word, not well"),
    (
        WARN,
        "10 MB health body",
        _one("large", Always(), HEALTH),
        "users are served; the check is wrong",
    ),
    (
        PASS,
        "API p95 1.9s",
        Plan(delays=(Delay(Always(0.07), 1.75, API),)),
        "the document grants an API 2 s",
    ),
    (
        WARN,
        "API p90 4.6s",
        Plan(delays=(Delay(Always(0.12), 4.4, API),), sigma=0.2),
        "a search may take so long, an API may not",
    ),
    (WARN, "all answers 4.5s", Plan(median=4.5, sigma=0.02), "the trigger is 5 s"),
    (
        WARN,
        "stops half a second every 20s",
        _stops,
        "2.5 %; probes in step with it see none or twice as many",
    ),
    (
        WARN,
        "body unhealthy for 10s",
        _one("unhealthy", Spans(((120.0, 130.0),))),
        "3.3 % of the window",
    ),
)
_SOURCES: tuple[_Row, ...] = (
    (
        WARN,
        "8% errors before and after",
        Plan(faults=(Fault("500", Always(0.08)),), before=0.08),
        "the deploy did not cause them; only real traffic can tell",
    ),
    (
        PASS,
        "old one failed, metrics 45s ahead",
        Plan(before=0.3, skew=45.0),
        "the failures are the old version's",
    ),
    (PASS, "a later deploy from 150s", _one("newer", since(150.0)), "superseded: stand down"),
)
_BROKEN = (
    _bad(
        "8% errors before, 30% after",
        Plan(faults=(Fault("500", Always(0.3)),), before=0.08),
        "worse than it was",
    ),
    _bad(
        "dies at 100s, metrics 45s behind",
        Plan(faults=(Fault("503", since(100.0)),), skew=-45.0),
        "skew must not hide it",
        100.0,
    ),
    _bad(
        "cached health, API dead",
        Plan(
            faults=(
                Fault("cached", Always(), HEALTH, runner_only=True),
                Fault("503", endpoints=API),
            )
        ),
        "the cache answers for the health endpoint only",
    ),
    _bad(
        "health to the login page, API well",
        _one("login", Always(), HEALTH),
        "a 200 at the end of a redirect is not health",
        expected="config",
    ),
    _bad(
        "401 since auth was added",
        _one("401", Always(), HEALTH),
        "nobody can tell that it is well",
        expected="config",
    ),
    _bad(
        "API 404 since the deploy",
        _one("404", Always(), API),
        "a route was lost, or moved on purpose",
        expected="config",
    ),
    _bad("health 503, API well", _one("503", Always(), HEALTH), "the document's health SLO"),
    _bad("200,500,200,500", _one("500", Flap(2.0, 1.0)), "half of all requests"),
    _bad(
        "1 of 6 machines on the old image",
        Plan(faults=(Fault("old", machine=0),), machines=6),
        "a mix of versions",
        expected="wrong-version",
    ),
    _bad("answers trickle", _one("trickle", Always()), "30 s for an answer"),
    _bad(
        "hangs 100s to 130s", _one("silent", Spans(((100.0, 130.0),))), "10 % of the window", 100.0
    ),
    _bad(
        "1 of 3 machines dies at 120s",
        Plan(faults=(Fault("refused", since(120.0), machine=1),), machines=3),
        "20 % of the window's requests",
        120.0,
    ),
    _bad(
        "runner net out 20s, then dead at 200s",
        Plan(faults=(Fault("refused", since(200.0)),), runner=Runner(out=((60.0, 80.0),))),
        "one excuse does not cover the other fault",
        200.0,
    ),
    _bad(
        "expired certificate on 1 of 2 machines",
        Plan(faults=(Fault("tls", machine=0),), machines=2),
        "half of the users see a warning; a rollback keeps the certificate",
        expected="path",
    ),
    _bad(
        "API slower and slower",
        Plan(drift=Drift(30.0, 200.0, 0.08, 9.0, endpoints=API)),
        "over 5 s from 123 s on, with a healthy health page",
        30.0,
    ),
)

OWN_CASES: tuple[Case, ...] = (
    *(Case("runner", name, label, plan, reason=reason) for label, name, plan, reason in _RUNNER),
    *(Case("start", name, label, plan, reason=reason) for label, name, plan, reason in _START),
    *(Case("gradual", name, label, plan, reason=reason) for label, name, plan, reason in _GRADUAL),
    *(Case("sources", name, label, plan, reason=reason) for label, name, plan, reason in _SOURCES),
    *_BROKEN,
)
