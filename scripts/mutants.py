"""`make mutants`: how many small faults of the deciding core the tests find.

Every fault is one change of one operator, constant, condition or return (`scripts/mutations.py`).
A seeded sample of them is tried, each in a process of its own that imports the changed module and
runs the tests that reach its statement, up to the first that fails. Nothing is written.

Why not mutmut or cosmic-ray: mutmut puts trampolines into functions, which tests of signatures,
frozen dataclasses and pickled values would find, and takes no seeded sample; cosmic-ray starts an
interpreter and all chosen tests for each mutant, which takes some ten times as long.
"""

import argparse
import ast
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import math
import os
import random
import resource
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

import coverage
import hypothesis
import pytest

from scripts.mutations import Mutant, mutants, mutated

SUBJECTS = [f"slo_action/core/{name}" for name in ("gate", "stats", "verdict", "decision")]
TESTS = [f"tests/core/{name}" for name in ("gate", "stats", "verdict", "decision", "observation")]
TESTS += ["tests/core/release", "tests/modes/steps", "tests/modes/test_verify.py"]
TESTS += ["tests/modes/test_prepare.py", "tests/modes/test_replay_machines.py"]
_PRELOADED = ("hypothesis.strategies", "httpx", "pydantic", "yaml", "jsonschema", "jsonpath")
"""What costs time to import and is nobody's subject: imported once, inherited by every process."""
_OUTCOMES = {0: "survived", 1: "killed", 2: "killed"}
"""By pytest's exit status: a module that cannot be imported any more interrupts the collection."""


@dataclass
class Reached:
    """Which tests reach which line: learned once, from the sound tree."""

    lines: dict[str, dict[int, list[str]]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def tests(self, mutant: Mutant) -> list[str]:
        """Return the tests of a statement; of its whole file where importing it is all it takes."""
        by_line = self.lines.get(str(mutant.path), {})
        found = {test for line in mutant.lines for test in by_line.get(line, ()) if test}
        found = found or {test for tests in by_line.values() for test in tests if test}
        return sorted(found)


class Chosen:
    """A plugin for pytest: the tests to run, the quickest first; Hypothesis without chance."""

    def __init__(self, tests: Sequence[str] | None, seconds: dict[str, float]) -> None:
        self._tests = None if tests is None else frozenset(tests)
        self._seconds = seconds

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """Set Hypothesis up before tests are imported, which is when they inherit it."""
        hypothesis.settings.register_profile(
            "mutants",
            deadline=None,
            database=None,
            derandomize=True,
            max_examples=30,
            phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        hypothesis.settings.load_profile("mutants")

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep the chosen ones, in files that take long at the end."""
        if self._tests is None:
            return
        chosen = [item for item in items if item.nodeid in self._tests]
        by_file: dict[str, float] = {}
        for item in chosen:
            name = item.nodeid.partition("::")[0]
            by_file[name] = by_file.get(name, 0.0) + self._seconds.get(item.nodeid, 0.0)
        items[:] = sorted(
            chosen,
            key=lambda item: (
                by_file[item.nodeid.partition("::")[0]],
                item.nodeid.partition("::")[0],
                self._seconds.get(item.nodeid, 0.0),
            ),
        )


class Watched:
    """A plugin for pytest: notes which test reaches which line, and how long each takes."""

    def __init__(self, measured: coverage.Coverage) -> None:
        self._measured = measured
        self.seconds: dict[str, float] = {}

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Note what is reached from here on for this test."""
        self._measured.switch_context(item.nodeid)
        begun = time.process_time()
        yield
        self.seconds[item.nodeid] = time.process_time() - begun
        self._measured.switch_context("")


class Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from a changed syntax tree, all others as ever."""

    def __init__(self, mutant: Mutant, tree: ast.Module) -> None:
        self._name = ".".join(mutant.path.with_suffix("").parts)
        self._path = mutant.path.resolve()
        self._tree = tree

    def find_spec(
        self, fullname: str, _path: object, _target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Answer for the changed module only."""
        if fullname != self._name:
            return None
        return importlib.util.spec_from_file_location(fullname, self._path, loader=self)

    def exec_module(self, module: ModuleType) -> None:
        """Run the changed tree in place of the file."""
        code = compile(self._tree, str(self._path), "exec")
        exec(code, module.__dict__)  # noqa: S102 - that is what importing is


def main() -> int:
    """Print each survivor and the score."""
    options = _options()
    os.chdir(options.root)
    sys.path.insert(0, str(options.root))
    os.nice(19 - os.nice(0))
    sys.dont_write_bytecode = False  # every mutant imports all tests once more
    for name in _PRELOADED:
        importlib.import_module(name)
    files = sorted(one for path in options.paths for one in _modules(Path(path)))
    everything = [m for path in files for m in mutants(path, path.read_text(encoding="utf-8"))]
    count = min(options.sample or len(everything), len(everything))
    sample = random.Random(options.seed).sample(everything, count)  # noqa: S311 - to be repeated
    reached = _reached(files, options.tests)
    lived: list[Mutant] = []
    for number, mutant in enumerate(sample, 1):
        outcome = _outcome(mutant, reached)
        lived += [mutant] if outcome == "survived" else []
        print(f"{number}/{count} {outcome:8} {mutant}", flush=True)
    print("\nSurvivors:", *(f"  {mutant}" for mutant in sorted(lived, key=str)), sep="\n")
    print(f"\n{_score(count - len(lived), count, len(everything), options.seed)}")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=0, help="how many; 0: all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[1], help="another tree")
    parser.add_argument("--paths", nargs="+", default=SUBJECTS, help="folders or files to change")
    parser.add_argument("--tests", nargs="+", default=TESTS)
    return parser.parse_args()


def _modules(path: Path) -> list[Path]:
    if path.suffix == ".py":
        return [path]
    return sorted(one for one in path.rglob("*.py") if one.stem != "__init__")


def _score(killed: int, count: int, among: int, seed: int) -> str:
    low, high = _wilson(killed, count)
    return (
        f"{killed} of {count} mutants killed: {killed / count:.1%} "
        f"(95 % interval {low:.1%} to {high:.1%}); a sample of {among} with seed {seed}"
    )


def _wilson(hits: int, count: int) -> tuple[float, float]:
    z, rate = 1.96, hits / count
    middle = rate + z * z / (2 * count)
    half = z * math.sqrt(rate * (1 - rate) / count + z * z / (4 * count * count))
    return (middle - half) / (1 + z * z / count), (middle + half) / (1 + z * z / count)


def _reached(files: Sequence[Path], tests: Sequence[str]) -> Reached:
    with TemporaryDirectory(prefix="mutants-") as name:
        notes = Path(name) / "reached.json"
        child = os.fork()
        if child == 0:
            _alone(lambda: _learn(files, tests, notes), Path(name) / "log")
        _, status, _ = os.wait4(child, 0)
        if os.waitstatus_to_exitcode(status) != 0:
            sys.exit((Path(name) / "log").read_text(encoding="utf-8")[-5000:])
        raw = json.loads(notes.read_text(encoding="utf-8"))
    lines = {
        path: {int(line): found for line, found in by_line.items()}
        for path, by_line in raw["lines"].items()
    }
    return Reached(lines, raw["seconds"])


def _learn(files: Sequence[Path], tests: Sequence[str], notes: Path) -> int:
    measured = coverage.Coverage(
        data_file=None, config_file=False, include=[str(path.resolve()) for path in files]
    )
    watched = Watched(measured)
    measured.start()
    status = _pytest(tests, Chosen(None, {}), watched)
    measured.stop()
    data = measured.get_data()
    lines = {str(path): data.contexts_by_lineno(str(path.resolve())) for path in files}
    notes.write_text(json.dumps({"lines": lines, "seconds": watched.seconds}), encoding="utf-8")
    return status


def _outcome(mutant: Mutant, reached: Reached) -> str:
    tests = reached.tests(mutant)
    if not tests:
        return "survived"
    tree = mutated(mutant, mutant.path.read_text(encoding="utf-8"))
    limit = 30 + 5 * int(sum(reached.seconds.get(test, 0.0) for test in tests))
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
        sys.meta_path.insert(0, Changed(mutant, tree))
        files = sorted({test.partition("::")[0] for test in tests})
        chosen = Chosen(tests, reached.seconds)
        _alone(lambda: _pytest(files, chosen), Path(os.devnull))
    status = _waited(child, 60 + 30 * limit)
    return "timeout" if status < 0 else _OUTCOMES[status]


def _waited(child: int, seconds: float) -> int:
    """Return how a process ended; one that waits for what never comes is killed."""
    until = time.monotonic() + seconds
    while True:
        done, status, _ = os.wait4(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > until:
            os.kill(child, 9)
        time.sleep(0.02)


def _alone(run: Callable[[], int], log: Path) -> None:
    """Do it in this process, which ends with it, its output in a file."""
    status = 3
    with log.open("w", encoding="utf-8") as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
        try:
            status = run()
        except BaseException:  # noqa: BLE001 - nothing may get back into the parent's code
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _pytest(paths: Sequence[str], *plugins: object) -> int:
    quiet = ["-x", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", "-p", "no:xdist"]
    marks = ["-m", "not real and not container", "--tb=short"]
    marks += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # inherited, on purpose
    return int(pytest.main([*quiet, *marks, *paths], plugins=list(plugins)))


if __name__ == "__main__":
    sys.exit(main())
