"""What importing the product costs, by -X importtime."""

import subprocess
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from bench.figures import table
from bench.product import Installed

_RUNS = 7
_TOP = 10
_PACKAGES = ("slo_action", "httpx", "httpcore", "h11", "anyio", "idna", "certifi")


@dataclass(frozen=True, slots=True)
class Import:
    """One module's import, in microseconds; `own` is without the modules it imports first."""

    name: str
    own: int
    whole: int


def import_section(product: Installed) -> str:
    """Return the ten dearest modules and what each package's modules cost by themselves."""
    runs = [_imports(product) for _ in range(_RUNS)]
    whole = {run_name: _over(runs, run_name) for run_name in {one.name for one in runs[0]}}
    dearest = sorted(whole.items(), key=lambda pair: -pair[1][1])[:_TOP]
    rows = [[f"`{name}`", f"{all_ / 1e3:.1f}", f"{own / 1e3:.1f}"] for name, (own, all_) in dearest]
    packages = [[name, str(count), f"{own / 1e3:.1f}"] for name, count, own in _by_package(runs)]
    return "\n".join(
        [
            "### What importing costs",
            "",
            f"`python -I -B -X importtime -c 'import slo_action.app'`, medians of {_RUNS} runs;",
            "the option itself makes every import slower, so read the proportions.",
            "",
            table(["the ten dearest", "with all it imports, ms", "by itself, ms"], rows),
            "",
            table(["modules of", "how many", "by themselves, ms"], packages),
            "",
        ]
    )


def _imports(product: Installed) -> list[Import]:
    command = [product.python, "-I", "-B", "-X", "importtime", "-c", "import slo_action.app"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    lines = [line.removeprefix("import time:").split("|") for line in told.splitlines()[1:]]
    return [Import(name.strip(), int(own), int(whole)) for own, whole, name in lines]


def _over(runs: Iterable[list[Import]], name: str) -> tuple[float, float]:
    found = [one for run in runs for one in run if one.name == name]
    return median(one.own for one in found), median(one.whole for one in found)


def _by_package(runs: Iterable[list[Import]]) -> list[tuple[str, int, float]]:
    sums: dict[str, list[int]] = defaultdict(list)
    counts: dict[str, int] = {}
    for run in runs:
        once: dict[str, list[int]] = defaultdict(list)
        for one in run:
            top = one.name.partition(".")[0]
            once[top if top in _PACKAGES else "the standard library"].append(one.own)
        for name, owns in once.items():
            sums[name].append(sum(owns))
            counts[name] = len(owns)
    made = [(name, counts[name], median(values)) for name, values in sums.items()]
    return sorted(made, key=lambda one: -one[2])
