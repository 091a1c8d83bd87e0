"""Verdicts on several seeds, with their spread, the bound, and the rule before beside it.

    .venv/bin/python -m bench.verdicts.seeds [--seeds 1 2 3] [--random 1500]

One process. Each verdict depends on its seed, its deployment and the policy's name alone.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.verdicts import oracle
from bench.verdicts.generator import generate
from bench.verdicts.ours import OURS, ours
from bench.verdicts.report import Grid
from bench.verdicts.score import Mark, Policy, mark, nearest_rank, seeded, summarize
from bench.verdicts.service import Service
from bench.verdicts.world import Label
from slo_action.core.observation.policy import WindowPolicy
from slo_action.core.stats.binomial import binomial_at_most
from slo_action.core.stats.rate_test import RatePolicy

PLAIN, MACHINES = "slo-verify", "slo-verify, machines too"
BEFORE = "slo-verify before"
_BEFORE = WindowPolicy(closer_probes=1, rates=RatePolicy(adaptive=False))
_BOUNDS = {150: "300 probes, split evenly", 300: "300 to the worst endpoint", 750: "900, 750 to it"}
_LATE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class _Seed:
    """What one seed's deployments are, and what each policy made of them."""

    seed: int
    marks: tuple[Mark, ...]
    rates: Mapping[str, tuple[Label, float]]
    rising: frozenset[str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[20261201, 20261202, 20261203])
    parser.add_argument("--random", type=int, default=1500, help="deployments of each seed")
    options = parser.parse_args()
    found = [
        _judged(seed, options.random, {BEFORE: ours(window=_BEFORE)} if not number else {})
        for number, seed in enumerate(options.seeds)
    ]
    print(_caption(options.seeds, options.random))
    print(_figures(found).markdown())
    print("\nWhat any rule misses that knows how the generator draws, and sees so many probes:\n")
    print(_bounds(found).markdown())


def _judged(seed: int, count: int, others: Mapping[str, Policy]) -> _Seed:
    policies = {**{name: OURS[name] for name in (PLAIN, MACHINES)}, **others}
    marks: list[Mark] = []
    rates, rising = {}, set()
    for number in range(count):
        service = generate(seed, number)
        rates[service.name] = (service.label, oracle.truth(service).bad)
        if _is_rising(service):
            rising.add(service.name)
        for name, policy in policies.items():
            rng = seeded(seed, "random", service.name, number, name)
            marks.append(mark(name, service, policy(service, rng)))
    return _Seed(seed, tuple(marks), rates, frozenset(rising))


def _is_rising(service: Service) -> bool:
    """Tell whether it fails above the strip around 5 % in the last half minute of the window."""
    instants = [oracle.WINDOW - ago - 0.5 for ago in range(_LATE_SECONDS)]
    shares = [max(service.bad(at, name) for name in oracle.ENDPOINTS) for at in instants]
    return sum(shares) / _LATE_SECONDS > oracle.EITHER_UP_TO


def _caption(seeds: Sequence[int], count: int) -> str:
    return f"""## Verdicts on several seeds

{count} random deployments of each of the seeds {", ".join(map(str, seeds))}, on which nothing was
chosen. *Good* is labelled pass, *SLO missed* warn. A *false* rollback is of either; *late* are
those of them that fail above {oracle.EITHER_UP_TO:.0%} in the last half minute, if not over the
whole window: they are rolled back on purpose. *Before* is the rule of one probe a second and a
closer look, on the first seed. *Probes* are those of deployments that were not rolled back.
"""


def _figures(found: Sequence[_Seed]) -> Grid:
    heads = (
        *("policy", "seed", "good rolled back", "false", "late", "missed", "balanced error"),
        *("undecided, good", "undecided, SLO missed", "delay p50 s", "p95"),
        *("probes, good", "p95", "probes, SLO missed", "p95"),
    )
    rows = [row for name in (BEFORE, PLAIN, MACHINES) for row in _rows(name, found)]
    return Grid(heads, tuple(rows))


def _rows(name: str, found: Sequence[_Seed]) -> Iterator[tuple[str, ...]]:
    for one in found:
        mine = [each for each in one.marks if each.policy == name]
        if mine:
            yield (name, str(one.seed), *_row(mine, one.rising))


def _row(marks: Sequence[Mark], rising: frozenset[str]) -> tuple[str, ...]:
    summary = summarize(marks[0].policy, marks)
    by_label = {label: [each for each in marks if each.label is label] for label in Label}
    good, missed_slo = by_label[Label.PASS], by_label[Label.WARN]
    false = [each for each in (*good, *missed_slo) if each.wrong]
    late = sum(each.scenario in rising for each in false)
    shares = [summary.missed, summary.balanced]
    undecided = [_share_undecided(each) for each in (good, missed_slo)]
    probes = [nearest_rank(_probes(some), p) for some in (good, missed_slo) for p in (0.5, 0.95)]
    numbers = [summary.delay50, summary.delay95, *probes]
    return (
        f"{sum(each.wrong for each in good)} of {len(good)}",
        f"{len(false)} of {len(good) + len(missed_slo)}",
        str(late),
        *("-" if share is None else f"{share:.2%}" for share in (*shares, *undecided)),
        *("-" if number is None else f"{number:.0f}" for number in numbers),
    )


def _probes(marks: Sequence[Mark]) -> list[float]:
    return [float(each.judged.requests) for each in marks if not each.judged.rolled_back]


def _share_undecided(marks: Sequence[Mark]) -> float | None:
    undecided = [each.judged.verdict == "inconclusive" for each in marks]
    return sum(undecided) / len(undecided) if undecided else None


def _bounds(found: Sequence[_Seed]) -> Grid:
    rows = tuple(
        (words, *(f"{bound(list(one.rates.values()), probes):.3%}" for one in found))
        for probes, words in _BOUNDS.items()
    )
    return Grid(("probes", *(str(one.seed) for one in found)), rows)


def bound(rates: Sequence[tuple[Label, float]], probes: int) -> float:
    """Return the least balanced error of any rule that sees how many of so many probes failed.

    Half the overlap of the two distributions of counts, of what should stand and what should not.
    """
    stands = _counts([rate for label, rate in rates if label in (Label.PASS, Label.WARN)], probes)
    falls = _counts([rate for label, rate in rates if label is Label.ROLLBACK], probes)
    return sum(map(min, stands, falls)) / 2.0


def _counts(rates: Sequence[float], probes: int) -> list[float]:
    below = [0.0] * (probes + 1)
    for rate in rates:
        below = [sum_ + binomial_at_most(k, probes, rate) for k, sum_ in enumerate(below)]
    at_most = [chance / max(1, len(rates)) for chance in below]
    return [chance - before for before, chance in zip([0.0, *at_most], at_most, strict=False)]


if __name__ == "__main__":
    main()
