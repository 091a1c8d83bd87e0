"""Container start to first probe: ours, a bare Python in a container, and what needs no container.

    .venv/bin/python -m bench.container_start [--rounds 20] [--image localhost/slo-verify:dev]

Without --image it builds the working tree's image. The engine is podman, the network the host's.
"""

import argparse
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.figures import median, ms, p95, ratio, spread, table
from bench.product import ROOT, on_the_host, runner_step
from bench.race import BUNDLED, Contender, node_action, race
from bench.servers import is_installed, loopback

OURS = "slo-verify, `podman run`"
BARE = "bare Python with urllib, `podman run`"
NO_ENGINE = "slo-verify, the image's files by chroot"
_NAME = "slo-verify-bench"
_BUILT = "localhost/slo-verify:bench"
_EXPLAINED = """
The image is there already: a runner builds or pulls it before this. *By chroot* runs the image's
own entry point and Python without an engine; what it differs by from `podman run` is the engine's.
A JavaScript action starts on the runner itself, so it is the Node action's whole start.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--image", default="")
    options = parser.parse_args()
    print("## Container start to first byte\n")
    if not (is_installed("podman") and is_installed("buildah")):
        print("Not measured: podman and buildah are not installed here.\n")
        return
    image = options.image or build()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        server = stack.enter_context(loopback(0.0))
        there = containers(image, folder, server.url())
        if os.geteuid() == 0:
            there.append(stack.enter_context(without_engine(image, server.url())))
        node = stack.enter_context(node_action())
        asked = {**on_the_host(runner_step(folder, server.url())), "INPUT_URL": server.url()}
        if node:
            there.append(Contender(BUNDLED, ["node", str(node[BUNDLED])], asked))
        found = race(there, server, options.rounds)
    print(_section(found, options.rounds, image))


def build() -> str:
    """Build the working tree's image; return its name."""
    command = [
        "buildah",
        "build",
        "--isolation",
        "chroot",
        "--pull-never",
        "--layers",
        "-t",
        _BUILT,
    ]
    subprocess.run([*command, "."], cwd=ROOT, check=True, capture_output=True)
    return _BUILT


def containers(image: str, folder: Path, url: str) -> list[Contender]:
    """Return ours and a bare Python out of the same image, started as a runner starts one."""
    step = runner_step(folder, url, seen_as="/github")
    fetch = f"import urllib.request; urllib.request.urlopen({url!r}).read()"
    run = ["podman", "run", "--rm", "--name", _NAME, "--network", "host", "--pull", "never"]
    run += ["--workdir", "/github/workspace", "-v", f"{folder}:/github"]
    run += [word for key in step for word in ("-e", key)]
    bare = [*run, "--entrypoint", "python3", image, "-I", "-c", fetch]
    environment = on_the_host(step)
    return [
        Contender(OURS, [*run, image], environment, container=_NAME),
        Contender(BARE, bare, environment, container=_NAME),
    ]


@contextmanager
def without_engine(image: str, url: str) -> Iterator[Contender]:
    """Yield the image's own files and entry point, without the engine."""
    container = _told(["buildah", "from", "--pull-never", image])
    try:
        root = Path(_told(["buildah", "mount", container]))
        (root / "github").mkdir()
        step = runner_step(root / "github", url, seen_as="/github")
        command = ["chroot", str(root), "/usr/local/bin/slo-verify"]
        yield Contender(NO_ENGINE, command, on_the_host(step))
    finally:
        subprocess.run(["buildah", "rm", container], check=True, capture_output=True)


def _section(found: Mapping[str, Sequence[float]], rounds: int, image: str) -> str:
    ours = median(found[OURS])
    rows = [
        [
            name,
            ms(median(values), 0),
            spread(values),
            ms(p95(values), 0),
            "" if name == OURS else ratio(ours, median(values)),
        ]
        for name, values in found.items()
    ]
    storage = _told(["podman", "info", "--format", "{{.Store.GraphDriverName}}"])
    python = _told(["podman", "run", "--rm", "--entrypoint", "python3", image, "--version"])
    lines = [
        f"{rounds} rounds, taking turns; {python} in the image; {storage} storage.{_EXPLAINED}",
        table(["started", "median, ms", "middle half, ms", "p95, ms", "ours to it"], rows),
        "",
        _explained(found),
        "",
    ]
    return "\n".join(lines)


def _explained(found: Mapping[str, Sequence[float]]) -> str:
    """Hold the whole step against a step that needs no container, where both were measured."""
    ours, bare = median(found[OURS]), median(found[BARE])
    told = f"Ours takes {ms(ours - bare, 0)} ms longer than a bare Python in the same container."
    if BUNDLED not in found:
        return told
    node = median(found[BUNDLED])
    if ours < node:
        return f"{told} Aim, first probe earlier than the Node action's, container and all: met."
    engine = ""
    if NO_ENGINE in found:
        own = median(found[NO_ENGINE])
        engine = f" The engine's start is {ms(ours - own, 0)} ms of it, our own {ms(own, 0)} ms."
    return (
        f"{told} Aim, first probe earlier than the Node action's, container and all: **missed** by "
        f"{ms(ours - node, 0)} ms.{engine}"
    )


def _told(command: Sequence[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    main()
