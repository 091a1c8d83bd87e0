"""Every benchmark, one after the other; rewrites bench/RESULTS.md. `make bench`."""

import argparse
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from bench import machine  # noqa: E402 - a script's own folder is on the path, the project's is not
from bench.product import source_digest  # noqa: E402

RESULTS = ROOT / "bench" / "RESULTS.md"
_BENCHMARKS = (
    "startup",
    "container_start",
    "accuracy",
    "open_loop",
    "verdicts.run",
    "verdicts.seeds",
    "verdicts.real_peers",
    "fly_rollback",
    "matrix",
)
_SECTION = re.compile(r"<!-- ([a-z_.]+) -->\n(.*?)\n<!-- /\1 -->", re.DOTALL)
_PICTURE = "bench/verdicts.svg"
_SEED = "20261126"
"""Rotated with each release; nothing was ever chosen on it."""
_FULL = {
    "verdicts.run": [
        *("--only-markdown", "--random", "5000", "--catalogue", "60", "--own", "20"),
        *("--seed", _SEED, "--picture", _PICTURE, "--policies", "all"),
    ],
}
_BRIEF = {
    "startup": ["--rounds", "3"],
    "container_start": ["--rounds", "2"],
    "accuracy": ["--probes", "20"],
    "open_loop": ["--seconds", "2"],
    "verdicts.run": [
        *("--only-markdown", "--random", "100", "--catalogue", "2", "--own", "1"),
        *("--seed", _SEED, "--policies", "all"),
    ],
    "verdicts.seeds": ["--random", "60"],
    "verdicts.real_peers": [],
    "fly_rollback": ["--seeds", "1", "--machines", "1", "3"],
    "matrix": ["--services", "1000", "--rounds", "2"],
}
_MEASURED = (
    "slo_action",
    "entrypoint.py",
    "action.yml",
    "requirements",
    "container",
    "Dockerfile",
    ".dockerignore",
    "bench",
    "scripts",
    "tests",
)


def main() -> int:
    """Run them; a failed one fails the run and leaves the old results alone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--brief", action="store_true", help="try it out: few rounds, only printed")
    parser.add_argument("--only", nargs="+", choices=_BENCHMARKS, default=_BENCHMARKS)
    options = parser.parse_args()
    with TemporaryDirectory(prefix="slo-verify-bench-") as name:
        frozen = Path(name)
        _freeze(frozen)
        stamp = f"{datetime.now(UTC):%Y-%m-%d}, slo-verify's sources {source_digest(frozen)}"
        measured = {one: _run(one, frozen, stamp, brief=options.brief) for one in options.only}
        drawn = frozen / _PICTURE
        picture = drawn.read_bytes() if drawn.exists() else b""
    if options.brief:
        print("\n\n".join(measured.values()))
        return 0
    RESULTS.write_text(_page({**_kept(), **measured}), encoding="utf-8")
    if picture:
        (ROOT / _PICTURE).write_bytes(picture)
    return 0


def _kept() -> dict[str, str]:
    """Return the sections that the page has, by the benchmark that wrote each."""
    old = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else ""
    found = _SECTION.findall(old)
    return {name: text.strip() for name, text in found if name in _BENCHMARKS}


def _page(sections: dict[str, str]) -> str:
    marked = [
        f"<!-- {name} -->\n\n{sections[name]}\n\n<!-- /{name} -->"
        for name in _BENCHMARKS
        if name in sections
    ]
    return "\n\n".join([_head(), *marked]) + "\n"


def _freeze(folder: Path) -> None:
    """Copy what is measured, so that all of it is one state, whatever is edited meanwhile."""
    for name in _MEASURED:
        there = ROOT / name
        if there.is_dir():
            shutil.copytree(there, folder / name, symlinks=True)
        else:
            shutil.copy(there, folder / name)


def _run(name: str, folder: Path, stamp: str, *, brief: bool) -> str:
    print(f"{name} ...", file=sys.stderr, flush=True)
    before = machine.load()
    command = [sys.executable, "-m", f"bench.{name}", *(_BRIEF if brief else _FULL).get(name, [])]
    done = subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True)
    load = (
        f"Measured {stamp} (by content). Load averages of the machine: {before} before, "
        f"{machine.load()} after, itself included. Command: "
        f"`.venv/bin/python bench/run.py --only {name}`."
    )
    return f"{done.stdout.strip()}\n\n{load}"


def _head() -> str:
    lines = [
        "# Benchmark results",
        "",
        "Written by `make bench`, or a section at a time. [README.md](README.md) says what is",
        "measured and how.",
        "Times vary from machine to machine and from hour to hour: read the ratios.",
        "",
        *(f"* {fact}" for fact in machine.facts()),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
