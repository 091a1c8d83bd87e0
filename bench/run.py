"""Every benchmark, one after the other; rewrites bench/RESULTS.md. `make bench`."""

import argparse
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
_BENCHMARKS = ("startup", "container_start", "accuracy")
_BRIEF = {
    "startup": ["--rounds", "3"],
    "container_start": ["--rounds", "2"],
    "accuracy": ["--probes", "20"],
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
)


def main() -> int:
    """Run them; a failed one fails the run and leaves the old results alone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--brief", action="store_true", help="try it out: few rounds, only printed")
    options = parser.parse_args()
    with TemporaryDirectory(prefix="slo-verify-bench-") as name:
        frozen = Path(name)
        _freeze(frozen)
        sections = [_run(one, frozen, brief=options.brief) for one in _BENCHMARKS]
        text = "\n\n".join([_head(source_digest(frozen)), *sections]) + "\n"
    if options.brief:
        print(text)
    else:
        RESULTS.write_text(text, encoding="utf-8")
    return 0


def _freeze(folder: Path) -> None:
    """Copy what is measured, so that all of it is one state, whatever is edited meanwhile."""
    for name in _MEASURED:
        there = ROOT / name
        if there.is_dir():
            shutil.copytree(there, folder / name, symlinks=True)
        else:
            shutil.copy(there, folder / name)


def _run(name: str, folder: Path, *, brief: bool) -> str:
    print(f"{name} ...", file=sys.stderr, flush=True)
    before = machine.load()
    command = [sys.executable, "-m", f"bench.{name}", *(_BRIEF[name] if brief else [])]
    done = subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True)
    load = (
        f"Load averages of the machine: {before} before, {machine.load()} after, itself included."
    )
    return f"{done.stdout.strip()}\n\n{load}"


def _head(source: str) -> str:
    lines = [
        "# Benchmark results",
        "",
        "Written by `make bench`. [README.md](README.md) says what is measured and how.",
        "Times vary from machine to machine and from hour to hour: read the ratios.",
        "",
        f"* {datetime.now(UTC):%Y-%m-%d}, slo-verify's sources {source} (by content)",
        *(f"* {fact}" for fact in machine.facts()),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
