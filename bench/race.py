"""Programs that race to a server's first byte."""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter_ns

from bench.servers import HERE, Loopback, is_installed

BUNDLED = "Node action, bundled by ncc as they ship"
UNBUNDLED = "Node action out of node_modules"


@dataclass(frozen=True, slots=True)
class Contender:
    """A program that sends one request, and what it runs in; `container` is one it starts."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    container: str = ""


def race(contenders: Sequence[Contender], server: Loopback, rounds: int) -> dict[str, list[float]]:
    """Return each one's seconds to the first byte.

    They take turns, each round begins with another one, and a first round is not counted.
    """
    found: dict[str, list[float]] = {one.name: [] for one in contenders}
    for number in range(rounds + 1):
        shift = number % len(contenders)
        for one in (*contenders[shift:], *contenders[:shift]):
            seconds = _first_byte_seconds(one, server)
            if number:
                found[one.name].append(seconds)
    return found


@contextmanager
def node_action() -> Iterator[Mapping[str, Path]]:
    """Yield the Node action's ways to be started; none where Node is not installed."""
    if not (is_installed("node") and is_installed("npm")):
        yield {}
        return
    folder = HERE / "node"
    if not (folder / "node_modules").exists():
        subprocess.run(["npm", "ci", "--silent"], cwd=folder, check=True)
    with TemporaryDirectory() as bundle:
        ncc = [str(folder / "node_modules" / ".bin" / "ncc"), "build", "action.mjs", "-q"]
        subprocess.run([*ncc, "-o", bundle], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        yield {BUNDLED: Path(bundle) / "index.mjs", UNBUNDLED: folder / "action.mjs"}


def _first_byte_seconds(one: Contender, server: Loopback) -> float:
    """Spawn it, wait for its request, and end it: what comes later is not measured here."""
    server.forget()
    quiet = subprocess.DEVNULL
    spawned = perf_counter_ns()
    process = subprocess.Popen(
        one.command,
        env=dict(one.environment),
        stdin=quiet,
        stdout=quiet,
        stderr=quiet,
        start_new_session=True,
    )
    record = server.first()
    if one.container:
        subprocess.run(["podman", "kill", one.container], check=False, capture_output=True)
    else:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return (record.first_byte - spawned) / 1e9
