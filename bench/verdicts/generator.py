"""Draws random deployments; any one can be drawn again alone from its seed and index.

The weights of the kinds are those that were laid down before anything was measured. They sum to 106
and are read as weights, so healthy is 15/106. Fixed as well: background noise 0.01-0.3 % of users'
requests, probe loss 0-0.2 %, 0.02-100 requests a second, a quarter of the faults in the API alone,
rates and durations log-uniform. The ranges below were free; they were set by the mix of labels (37
% pass, 17 % warn, 39 % rollback, 7 % either), never by what a policy made of them.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import exp, log
from random import Random

from bench.verdicts import oracle
from bench.verdicts.pieces import (
    API,
    BOTH,
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

NOISE = (0.0001, 0.003)
LOSS = (0.0, 0.002)
RPS = (0.02, 100.0)
API_ONLY = 0.25
PARTIAL_KINDS = frozenset({"err", "flap", "latency", "1-of-n", "ramp"})
"""A start, a restart and a death are the whole service's; with these alone, the peers that look at
health only miss what was published of them."""
MEDIAN = (0.03, 0.2)  # seconds
ERROR_SHARE = (0.003, 1.0)
FLAP_PERIOD = (5.0, 60.0)
FLAP_SHARE = (0.003, 0.8)
READY_AT = (3.0, 200.0)
BLIP_TOTAL = (0.5, 25.0)
BLIP_COUNT = (1, 3)
DEATH_AT = (15.0, 285.0)  # uniform
SLOW_SHARE = (0.01, 1.0)
SLOW_BY = (0.4, 20.0)
LATER = 0.4  # of latency and semantic faults begin after the deploy
LATER_AT = (30.0, 240.0)  # uniform
MACHINES = (2, 10)
MACHINE_SHARE = (0.5, 1.0)
RAMP_TO = (0.02, 1.0)
RAMP_FOR = (60.0, 300.0)
_END = 300.0


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a kind adds to a quiet deployment. `words` describe it for a reader."""

    plan: Plan
    onset: float | None = None
    expected: tuple[str, ...] = ()
    words: str = ""


def generate(seed: int, index: int) -> Service:
    """Return deployment `index` of a seed, labelled by the oracle."""
    service = draw(seed, index)
    service.label = oracle.label(service)
    return service


def draw(seed: int, index: int) -> Service:
    """Return deployment `index` of a seed, not labelled yet."""
    rng = seeded("deployment", seed, index)
    kind = rng.choices(list(KINDS), [weight for weight, _ in KINDS.values()])[0]
    quiet = _quiet(rng)
    is_partial = rng.random() < API_ONLY and kind in PARTIAL_KINDS
    drawn = KINDS[kind][1](rng, API if is_partial else BOTH)
    return Service(
        _together(quiet, drawn.plan),
        name=f"{seed}/{index} {kind}",
        group=kind,
        onset=drawn.onset,
        expected=drawn.expected,
        reason=drawn.words,
    )


def _quiet(rng: Random) -> Plan:
    """Return a healthy deployment: noise, a runner somewhere, some traffic."""
    return Plan(
        faults=(Fault("500", Always(_spread(rng, NOISE))),),
        median=_spread(rng, MEDIAN),
        runner=Runner(loss=rng.uniform(*LOSS), extra_seconds=rng.uniform(0.0, 0.1)),
        rps=_spread(rng, RPS),
        machines=rng.choice((1, 1, 2, 3)),
    )


def _together(quiet: Plan, kind: Plan) -> Plan:
    drift = kind.drift and replace(kind.drift, first=quiet.median)
    return replace(
        quiet,
        faults=quiet.faults + kind.faults,
        delays=kind.delays,
        drift=drift,
        machines=max(quiet.machines, kind.machines),
    )


def _healthy(_rng: Random, _where: tuple[str, ...]) -> Drawn:
    return Drawn(Plan(), words="nothing but noise")


def _err(rng: Random, where: tuple[str, ...]) -> Drawn:
    share = _spread(rng, ERROR_SHARE)
    kind = rng.choice(("500", "502", "503", "reset"))
    return _faulty(Fault(kind, Always(share), where), 0.0, f"{share:.2%} {kind}")


def _flap(rng: Random, where: tuple[str, ...]) -> Drawn:
    period, share = _spread(rng, FLAP_PERIOD), _spread(rng, FLAP_SHARE)
    kind = rng.choice(("503", "refused"))
    flap = Flap(period, period * share, -rng.uniform(0.0, period))
    return _faulty(Fault(kind, flap, where), 0.0, f"{kind} {period * share:.1f}s of {period:.1f}s")


def _warm_up(rng: Random, where: tuple[str, ...]) -> Drawn:
    ready = _spread(rng, READY_AT)
    kind = rng.choice(("503", "refused"))
    return _faulty(Fault(kind, until(ready), where), 0.0, f"{kind} until {ready:.1f}s")


def _blip(rng: Random, where: tuple[str, ...]) -> Drawn:
    count = rng.randint(*BLIP_COUNT)
    each = _spread(rng, BLIP_TOTAL) / count
    room = (_END - each) / count - each
    starts = [i * (_END - each) / count + rng.uniform(0.0, room) for i in range(count)]
    kind = rng.choice(("503", "refused", "reset"))
    blips = Spans(tuple((start, start + each) for start in starts))
    words = f"{kind} {each:.1f}s at {', '.join(f'{start:.0f}s' for start in starts)}"
    return _faulty(Fault(kind, blips, where), starts[0], words)


def _death(rng: Random, where: tuple[str, ...]) -> Drawn:
    at = rng.uniform(*DEATH_AT)
    kind = rng.choice(("503", "refused", "silent"))
    return _faulty(Fault(kind, since(at), where), at, f"{kind} from {at:.0f}s")


def _latency(rng: Random, where: tuple[str, ...]) -> Drawn:
    onset = _later(rng)
    seconds = _spread(rng, SLOW_BY)
    if rng.random() < 0.25:
        drift = Drift(onset, _END, 0.08, seconds, endpoints=where)
        return Drawn(Plan(drift=drift), onset, words=f"median to {seconds:.1f}s from {onset:.0f}s")
    share = _spread(rng, SLOW_SHARE)
    delay = Delay(since(onset, share), seconds, where)
    words = f"{share:.1%} of answers +{seconds:.1f}s from {onset:.0f}s"
    return Drawn(Plan(delays=(delay,)), onset, words=words)


def _semantic(rng: Random, _where: tuple[str, ...]) -> Drawn:
    causes = {"login": "config", "loop": "config", "old": "wrong-version"}
    kind = rng.choice(("unhealthy", "unhealthy", "maintenance", "login", "loop", "old"))
    onset = 0.0 if kind == "old" else _later(rng)
    expected = (causes[kind],) if kind in causes else ()
    return _faulty(Fault(kind, since(onset)), onset, f"{kind} from {onset:.0f}s", expected)


def _one_of_n(rng: Random, where: tuple[str, ...]) -> Drawn:
    machines = rng.randint(*MACHINES)
    share = _spread(rng, MACHINE_SHARE)
    kind = rng.choice(("500", "503", "refused"))
    fault = Fault(kind, Always(share), where, machine=0)
    return Drawn(
        Plan(faults=(fault,), machines=machines),
        0.0,
        words=f"{share:.0%} {kind} on 1 of {machines}",
    )


def _ramp(rng: Random, where: tuple[str, ...]) -> Drawn:
    share, length = _spread(rng, RAMP_TO), _spread(rng, RAMP_FOR)
    start = rng.uniform(0.0, _END - length)
    words = f"500 up to {share:.1%} from {start:.0f}s to {start + length:.0f}s"
    return _faulty(Fault("500", Ramp(start, start + length, share), where), start, words)


KINDS: dict[str, tuple[float, Callable[[Random, tuple[str, ...]], Drawn]]] = {
    "healthy": (15.0, _healthy),
    "err": (18.0, _err),
    "flap": (12.0, _flap),
    "warm-up": (14.0, _warm_up),
    "blip": (12.0, _blip),
    "death": (10.0, _death),
    "latency": (10.0, _latency),
    "semantic": (5.0, _semantic),
    "1-of-n": (6.0, _one_of_n),
    "ramp": (4.0, _ramp),
}


def _faulty(fault: Fault, onset: float, words: str, expected: tuple[str, ...] = ()) -> Drawn:
    where = " in the API" if fault.endpoints == API else ""
    return Drawn(Plan(faults=(fault,)), onset, expected, words + where)


def _later(rng: Random) -> float:
    """Return an onset: the deploy itself, or some time after."""
    return rng.uniform(*LATER_AT) if rng.random() < LATER else 0.0


def _spread(rng: Random, bounds: tuple[float, float]) -> float:
    """Draw log-uniformly."""
    return exp(rng.uniform(log(bounds[0]), log(bounds[1])))
