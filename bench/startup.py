"""Process start to first byte on the wire: ours, a Node action that spawns curl, and curl.

    .venv/bin/python -m bench.startup [--rounds 40]

Timed from just before the process is spawned to the moment the server reads the first byte, by
the one clock that both read. The programs take turns, and each round begins with another one.
"""

import argparse
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter_ns

from bench.figures import median, ms, p95, ratio, spread, table
from bench.imports import import_section
from bench.product import Installed, installed, on_the_host, runner_step
from bench.race import BUNDLED, UNBUNDLED, Contender, node_action, race
from bench.servers import Loopback, loopback

OURS = "slo-verify"
CURL = "curl"
_EXPLAINED = """
Ours is what the image's entry point runs, installed from `requirements/runtime.lock` alone, but by
this machine's Python; the image's own is under *Container start*. The Node action uses
`@actions/core` 3.0.1, reads its inputs and spawns curl.
"""
_STAGES = """
import os, time
started = time.perf_counter_ns()
import sys
from slo_action.app import main
imported = time.perf_counter_ns()
os.write(2, f"{started} {imported}\\n".encode())
main(dict(os.environ))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    options = parser.parse_args()
    with (
        TemporaryDirectory() as name,
        node_action() as node,
        installed() as product,
        loopback(0.0) as server,
    ):
        step = on_the_host(runner_step(Path(name), server.url()))
        found = race(contenders(product, node, step, server), server, options.rounds)
        print(_startup_section(found, options.rounds))
        print(_stages_section(product, step, server, options.rounds))
        print(import_section(product))


def contenders(
    product: Installed, node: Mapping[str, Path], step: Mapping[str, str], server: Loopback
) -> list[Contender]:
    """Return who takes part: ours as the container runs it, and the peers that are installed."""
    urllib = f"import urllib.request; urllib.request.urlopen({server.url()!r}).read()"
    asked = {**step, "INPUT_URL": server.url()}
    there = [Contender(OURS, product.command, step)]
    there += [Contender(name, ["node", str(path)], asked) for name, path in node.items()]
    there.append(Contender(CURL, ["curl", "-sS", "-o", "/dev/null", server.url()], step))
    there.append(Contender("python3 -c, urllib", [product.python, "-I", "-c", urllib], step))
    return there


def _startup_section(found: Mapping[str, Sequence[float]], rounds: int) -> str:
    ours = median(found[OURS])
    rows = [
        [
            name,
            ms(median(values), 1),
            spread(values),
            ms(p95(values), 1),
            "" if name == OURS else ratio(ours, median(values)),
        ]
        for name, values in found.items()
    ]
    header = ["started", "median, ms", "middle half, ms", "p95, ms", "ours to it"]
    lines = [
        "## Process start to first byte",
        "",
        f"{rounds} rounds, taking turns; one more round before them is not counted.{_EXPLAINED}",
        table(header, rows),
        "",
    ]
    if BUNDLED in found:
        lines.append(_aim(ours, median(found[BUNDLED]), median(found[UNBUNDLED])))
    else:
        lines.append("Not measured: the Node action (Node is not installed here).")
    return "\n".join(lines) + "\n"


def _aim(ours: float, bundled: float, modules: float) -> str:
    met = "met" if ours < bundled else "**missed**; *Where ours goes* says by what"
    return (
        f"Aim, first probe earlier than the Node action's: {met}. "
        f"{_apart(ours, bundled)} than the bundled one, {_apart(ours, modules)} than the other."
    )


def _apart(ours: float, theirs: float) -> str:
    return f"{ms(abs(ours - theirs), 1)} ms {'earlier' if ours < theirs else 'later'}"


def _stages_section(
    product: Installed, step: Mapping[str, str], server: Loopback, rounds: int
) -> str:
    """Tell where our own time goes: Python, imports, our own work."""
    command = [product.python, "-I", "-u", "-B", "-c", _STAGES]
    made = [_stages(command, step, server) for _ in range(rounds)]
    names = ("Python starts", "`import slo_action.app`", "inputs, policy, evidence, request")
    rows = [
        [name, ms(median(values), 1), spread(values)]
        for name, values in zip(names, zip(*made, strict=True), strict=True)
    ]
    lines = ["### Where ours goes", "", table(["stage", "median, ms", "middle half, ms"], rows), ""]
    return "\n".join(lines)


def _stages(
    command: Sequence[str], step: Mapping[str, str], server: Loopback
) -> tuple[float, float, float]:
    server.forget()
    spawned = perf_counter_ns()
    with subprocess.Popen(
        command, env=dict(step), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        record = server.first()
        process.kill()
        assert process.stderr
        started, imported = (int(word) for word in process.stderr.readline().split())
    return (
        (started - spawned) / 1e9,
        (imported - started) / 1e9,
        (record.first_byte - imported) / 1e9,
    )


if __name__ == "__main__":
    main()
