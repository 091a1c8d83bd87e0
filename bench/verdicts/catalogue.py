"""The frozen catalogue: 79 named deployments and what a verdict must be.

Labels are the authors', by the source document: over 5 % within 5 minutes or not ready within 90 s
must not pass. Blips and flaps begin at a random instant, so that no policy can be tuned to it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from bench.verdicts.pieces import (
    API,
    Always,
    Delay,
    Drift,
    Fault,
    Flap,
    Plan,
    Ramp,
    Runner,
    Spans,
    since,
    until,
)
from bench.verdicts.score import seeded
from bench.verdicts.service import Service
from bench.verdicts.world import Label

Making = Plan | Callable[[Random], Plan]
_EARLIEST, _LATEST = 30.0, 285.0  # seconds: blips lie within, after a usual readiness
PASS, WARN, ROLLBACK, EITHER = Label.PASS, Label.WARN, Label.ROLLBACK, Label.EITHER


@dataclass(frozen=True, slots=True)
class Case:
    """One row. `plan` is a function where an instant is drawn anew for every seed."""

    group: str
    name: str
    label: Label
    plan: Making
    onset: float | None = None
    expected: tuple[str, ...] = ()
    reason: str = ""

    def build(self, seed: int) -> Service:
        """Return the deployment that a seed stands for; it keeps nothing of another one."""
        plan = self.plan
        if not isinstance(plan, Plan):
            plan = plan(seeded("case", self.name, seed))
        return Service(
            plan,
            name=self.name,
            group=self.group,
            label=self.label,
            onset=0.0 if self.onset is None and self.label is ROLLBACK else self.onset,
            expected=self.expected,
            reason=self.reason,
        )


def blips(kind: str, *lengths: float) -> Callable[[Random], Plan]:
    """Return a maker of plans with blips of these lengths, each in its own part of the window."""
    room = (_LATEST - _EARLIEST) / len(lengths)

    def plan(rng: Random) -> Plan:
        starts = [
            _EARLIEST + room * i + rng.uniform(0.0, room - length)
            for i, length in enumerate(lengths)
        ]
        spans = tuple((a, a + length) for a, length in zip(starts, lengths, strict=True))
        return Plan(faults=(Fault(kind, Spans(spans)),))

    return plan


def _out(seconds: float) -> Callable[[Random], Plan]:
    def plan(rng: Random) -> Plan:
        start = rng.uniform(_EARLIEST, _LATEST - seconds)
        return Plan(runner=Runner(out=((start, start + seconds),)))

    return plan


def _lost_packet(rng: Random) -> Plan:
    start = rng.uniform(_EARLIEST, _LATEST)
    return Plan(faults=(Fault("silent", Spans(((start, start + 1.0),)), runner_only=True),))


def _flap(period: float, down: float) -> Callable[[Random], Plan]:
    def plan(rng: Random) -> Plan:
        return Plan(faults=(Fault("503", Flap(period, down, -rng.uniform(0.0, period))),))

    return plan


def _err(percent: float, rps: float, endpoints: tuple[str, ...] = ("health", "api")) -> Plan:
    return Plan(faults=(Fault("500", Always(percent / 100.0), endpoints),), rps=rps)


def _one(kind: str, spans: Spans | Flap | Ramp | Always) -> Plan:
    return Plan(faults=(Fault(kind, spans),))


def _machine(kind: str, machines: int, *, masks: bool = False) -> Plan:
    return Plan(faults=(Fault(kind, machine=0),), machines=machines, masks=masks)


def _slow(seconds: float, share: float = 1.0) -> Plan:
    return Plan(delays=(Delay(Always(share), seconds),))


_HEALTHY: Sequence[tuple[str, Making]] = (
    ("healthy 10rps", Plan(rps=10.0)),
    ("healthy 1rps", Plan(rps=1.0)),
    ("healthy idle 0.02rps", Plan(rps=0.02)),
    ("healthy 100rps 3 inst", Plan(rps=100.0, machines=3)),
    ("err 0.1% 10rps", _err(0.1, 10.0)),
    ("err 0.5% 1rps", _err(0.5, 1.0)),
    ("err 0.5% 100rps", _err(0.5, 100.0)),
    ("GC pauses 1% +1.5s", _slow(1.5, 0.01)),
    ("tail p99 .9s, p95<500", _slow(0.85, 0.03)),
    ("far runner +200ms", Plan(runner=Runner(extra_seconds=0.2))),
    ("good redirect 301->200", _one("good", Always())),
    ("WAF 429 above 3 rps", Plan(runner=Runner(waf_rps=3.0))),
)
_TRANSIENT: Sequence[tuple[str, Making]] = (
    ("warm-up 20s 503", _one("503", until(20.0))),
    ("warm-up 20s refused", _one("refused", until(20.0))),
    ("warm-up 60s 503", _one("503", until(60.0))),
    ("warm-up 80s refused", _one("refused", until(80.0))),
    ("cold start 8s", Plan(held_until=8.0)),
    ("DNS fail 20s", _one("dns", until(20.0))),
    ("JIT warm 900->80ms /60s", Plan(drift=Drift(0.0, 60.0, 0.9, 0.08, geometric=True))),
    ("rolling: old ver until 45s", _one("old", until(45.0))),
    ("1 lost packet", _lost_packet),
    ("blip 3s refused", blips("refused", 3.0)),
    ("blip 5s LB swap reset", blips("reset", 5.0)),
    ("blip 8s machine restart", blips("refused", 8.0)),
    ("two 3s blips", blips("503", 3.0, 3.0)),
    ("up,down 4s,up at start", _one("503", Spans(((2.0, 6.0),)))),
    ("runner net out 30s", _out(30.0)),
    (
        "cold pool: 1 inst 8s late of 3",
        Plan(faults=(Fault("503", until(8.0), machine=0),), machines=3),
    ),
)
_WARN: Sequence[tuple[str, Making]] = (
    ("err 1% 10rps", _err(1.0, 10.0)),
    ("err 2% 1rps", _err(2.0, 1.0)),
    ("err 2% 100rps", _err(2.0, 100.0)),
    ("err 3% 10rps", _err(3.0, 10.0)),
    ("latency 300->800ms", Plan(drift=Drift(0.0, 10.0, 0.3, 0.8))),
    ("latency p95 1.2s bimodal", _slow(1.12, 0.1)),
    ("blip 12s restart", blips("refused", 12.0)),
    ("1of3 bad, LB masks it", _machine("503", 3, masks=True)),
    ("health ok, API 2%", _err(2.0, 10.0, API)),
)
_PARTIAL: Sequence[tuple[str, Making]] = (
    ("err 10% 1rps", _err(10.0, 1.0)),
    ("err 10% 10rps", _err(10.0, 10.0)),
    ("err 10% 100rps", _err(10.0, 100.0)),
    ("err 20% 1rps", _err(20.0, 1.0)),
    ("err 50% 1rps", _err(50.0, 1.0)),
    ("err 50% 100rps", _err(50.0, 100.0)),
    ("err 10% idle 0.02rps", _err(10.0, 0.02)),
    ("flap 10% (3s of 30)", _flap(30.0, 3.0)),
    ("flap 30% (9s of 30)", _flap(30.0, 9.0)),
    ("flap 50% (10s of 20)", _flap(20.0, 10.0)),
    ("1 of 3 bad", _machine("503", 3)),
    ("1 of 10 bad", _machine("503", 10)),
)
_BOUNDARY: Sequence[tuple[str, Making]] = (
    ("err 5% 10rps", _err(5.0, 10.0)),
    ("warm-up 95s", _one("503", until(95.0))),
)


def _bad(group: str, name: str, plan: Making, onset: float = 0.0, expected: str = "") -> Case:
    return Case(group, name, ROLLBACK, plan, onset, (expected,) if expected else ())


_DEAD = (
    _bad("dead", "hard down 503", _one("503", Always())),
    _bad("dead", "hard down refused", _one("refused", Always())),
    _bad("dead", "DNS never", _one("dns", Always()), expected="path"),
    _bad("dead", "TLS expired", _one("tls", Always()), expected="path"),
    _bad("dead", "hang (LB 504 @60s)", _one("504", Always())),
    _bad("dead", "warm-up 100s (>90)", _one("503", until(100.0))),
    _bad("dead", "warm-up 180s", _one("503", until(180.0))),
)
_LATE = (
    _bad("late", "dies at 40s", _one("refused", since(40.0)), 40.0),
    _bad("late", "dies at 120s", _one("refused", since(120.0)), 120.0),
    _bad("late", "dies at 240s", _one("refused", since(240.0)), 240.0),
    _bad("late", "hangs from 100s", _one("silent", since(100.0)), 100.0),
    _bad("late", "err ramp 0->25% /5min", _one("500", Ramp(0.0, 300.0, 0.25))),
    _bad("late", "leak: lat 80ms->8s by 240s", Plan(drift=Drift(0.0, 240.0, 0.08, 8.0))),
    _bad("late", "crash loop up20/down15", _one("refused", Flap(35.0, 15.0, 20.0)), 20.0),
)
_SEMANTIC = (
    _bad("semantic", "200 body unhealthy", _one("unhealthy", Always())),
    _bad("semantic", "200 maintenance html", _one("maintenance", Always())),
    _bad("semantic", "redirect loop", _one("loop", Always()), expected="config"),
    _bad("semantic", "redirect to login", _one("login", Always()), expected="config"),
    _bad("semantic", "old version served", _one("old", Always()), expected="wrong-version"),
    _bad("semantic", "1 of 2 still old", _machine("old", 2), expected="wrong-version"),
    _bad("semantic", "body unhealthy from 90s", _one("unhealthy", since(90.0)), 90.0),
)
_LATENCY = (
    _bad("latency", "latency 6s", Plan(median=6.0, sigma=0.05)),
    _bad("latency", "latency 6s from 100s", Plan(delays=(Delay(since(100.0), 6.0),)), 100.0),
    _bad("latency", "20% of requests +7s", _slow(7.0, 0.2)),
)
_HIDDEN = (
    _bad("hidden", "health ok, API 10% 10rps", _err(10.0, 10.0, API)),
    _bad("hidden", "health ok, API 50% 1rps", _err(50.0, 1.0, API)),
    _bad(
        "hidden",
        "health ok, API dead from 60s",
        Plan(faults=(Fault("503", since(60.0), API),)),
        60.0,
    ),
    _bad("hidden", "health ok, API 7s", Plan(delays=(Delay(Always(), 7.0, API),))),
)

CASES: tuple[Case, ...] = (
    *(Case("healthy", name, PASS, plan) for name, plan in _HEALTHY),
    *(Case("transient", name, PASS, plan) for name, plan in _TRANSIENT),
    *(Case("warn", name, WARN, plan) for name, plan in _WARN),
    *(Case("boundary", name, EITHER, plan) for name, plan in _BOUNDARY),
    *_DEAD,
    *_LATE,
    *(_bad("partial", name, plan) for name, plan in _PARTIAL),
    *_SEMANTIC,
    *_LATENCY,
    *_HIDDEN,
)
