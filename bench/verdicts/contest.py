"""Lets every policy judge every deployment, over as many processes as asked.

Each verdict depends on the seed, the deployment and the policy's name alone, so the number of
processes and the company of other policies change nothing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from itertools import chain
from multiprocessing import get_context

from bench.verdicts.catalogue import CASES
from bench.verdicts.generator import generate
from bench.verdicts.oracle import bad_seconds
from bench.verdicts.own_scenarios import OWN_CASES
from bench.verdicts.score import Mark, Policy, mark, seeded
from bench.verdicts.service import Service
from bench.verdicts.world import Label

RANDOM, CATALOGUE, OWN = "random", "catalogue", "own"
SETS = (RANDOM, CATALOGUE, OWN)
_TABLES = (("bench.verdicts.ours", "OURS"), ("bench.verdicts.peers", "PEERS"))
_CHUNK = 50  # random deployments; of a named one, seeds


@dataclass(frozen=True, slots=True)
class Task:
    """Some deployments of a set: `row` is the case's, 0 for random ones."""

    which: str
    seed: int
    row: int
    numbers: range
    policies: tuple[str, ...]


def tables() -> tuple[Mapping[str, Policy], Mapping[str, Policy]]:
    """Return our policies and the peers', each by name; empty where the module is not there."""
    ours, peers = (_table(module, name) for module, name in _TABLES)
    return ours, peers


def tasks(which: str, seed: int, count: int, policies: Sequence[str]) -> Iterator[Task]:
    """Cut a set into tasks; `count` is of random deployments, or of seeds for each named one."""
    rows = {RANDOM: 1, CATALOGUE: len(CASES), OWN: len(OWN_CASES)}[which]
    for row in range(rows):
        for start in range(0, count, _CHUNK):
            numbers = range(start, min(count, start + _CHUNK))
            yield Task(which, seed, row, numbers, tuple(policies))


def run(jobs: Iterable[Task], workers: int) -> list[Mark]:
    """Return every mark, in the tasks' order."""
    if workers == 1:
        return list(chain.from_iterable(map(perform, jobs)))
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        return list(chain.from_iterable(pool.map(perform, jobs)))


def perform(task: Task) -> list[Mark]:
    """Judge one task's deployments by all its policies."""
    ours, peers = tables()
    known = {**peers, **ours}
    return [
        each
        for number in task.numbers
        for each in _judge(task, number, {name: known[name] for name in task.policies})
    ]


def deployment(task: Task, number: int) -> Service:
    """Return one deployment of a task."""
    if task.which == RANDOM:
        return generate(task.seed, number)
    cases = CASES if task.which == CATALOGUE else OWN_CASES
    return cases[task.row].build(number)


def _judge(task: Task, number: int, policies: Mapping[str, Policy]) -> Iterator[Mark]:
    judged = deployment(task, number)
    borne = bad_seconds(judged) if judged.label is Label.ROLLBACK else None
    for name, policy in policies.items():
        rng = seeded(task.seed, task.which, judged.name, number, name)
        yield mark(name, judged, policy(judged, rng), borne)


def _table(module: str, name: str) -> Mapping[str, Policy]:
    if find_spec(module) is None:
        return {}
    found: Mapping[str, Policy] = getattr(import_module(module), name)
    return found
