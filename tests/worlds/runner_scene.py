"""Scenes: one deploy with real servers around it, played on the runner stand-in, many at once."""

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from tests.worlds.artifact_faces import loopback_face
from tests.worlds.artifact_service import GitHubArtifactService
from tests.worlds.runner import (
    GITHUB,
    Dialect,
    Runner,
    RunningStep,
    Starter,
    StepResult,
    as_fork,
)
from tests.worlds.runner_environment import Job, Step
from tests.worlds.shop import GOOD, CheckRunsApi, Shop

OTHER_USER = 1001
PROMPTLY_SECONDS = 7.5
"""A runner that cancels a step interrupts it, and terminates it so much later."""
SPRUNG = "sprung"
_START_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A deploy that is to be verified, and who hears of it."""

    runner: Runner
    shop: Shop
    artifacts: GitHubArtifactService
    check_runs: CheckRunsApi

    def step(self, env: Mapping[str, str] | None = None, **more: str) -> Step:
        """Return a step; `more` are inputs with underscores for hyphens."""
        given = {
            "service": "web",
            "url": self.shop.origin,
            "health-deadline": "3s",
            "grace": "0s",
            "observe": "0s",
            **{name.replace("_", "-"): value for name, value in more.items()},
        }
        return Step(given=given, env=env or {})

    def start(self, env: Mapping[str, str] | None = None, **more: str) -> RunningStep:
        return self.runner.start(self.step(env, **more))

    def played(self, env: Mapping[str, str] | None = None, **more: str) -> "Played":
        return Played(result=self.start(env, **more).result(), scene=self)

    def stopped(self, running: RunningStep, number: signal.Signals) -> "Played":
        """Send the signal and wait for the end."""
        running.stop(number)
        seconds = running.seconds_to_end()
        return Played(result=running.result(), scene=self, seconds=seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """How a scene ended. `seconds` is what the step took to end after a signal."""

    result: StepResult
    scene: Scene
    seconds: float = 0.0

    @property
    def log(self) -> str:
        """What people see."""
        return "\n".join(self.result.log.visible)

    def everything_told(self) -> dict[str, str]:
        """Return every text that leaves the step, by where it goes; mask commands left out."""
        raw = [line for line in self.result.log.raw if not line.startswith("::add-mask::")]
        evidence = self.result.workspace / "slo-verify"
        files = {
            str(path): path.read_text(encoding="utf-8")
            for path in evidence.rglob("*")
            if path.is_file()
        }
        return {
            "log": "\n".join(raw),
            "outputs": self.result.output_file,
            "summary": self.result.summary_file,
            "check runs": str([body for body, _ in self.scene.check_runs.created]),
            **files,
        }


@contextmanager
def scene(
    root: Path,
    *,
    start: Starter = as_fork,
    dialect: Dialect = GITHUB,
    server_url: str = "https://github.com",
    hangs: bool = False,
) -> Iterator[Scene]:
    """Open the servers; the workspace belongs to another user where this one may give it away."""
    artifacts = GitHubArtifactService(lambda: datetime.now(UTC))
    check_runs = CheckRunsApi()
    with ExitStack() as stack:
        job = replace(
            Job(),
            server_url=server_url,
            api_url=stack.enter_context(loopback_face(check_runs)),
            results_url=f"{stack.enter_context(loopback_face(artifacts))}/",
            runtime_token=artifacts.token(),
        )
        runner = Runner(root, job, dialect=dialect, start=start)
        shop = Shop(runner.workspace / "live-version", hangs=hangs)
        shop.deploy(GOOD)
        if os.geteuid() == 0:
            os.chown(runner.workspace, OTHER_USER, OTHER_USER)
        stack.enter_context(loopback_face(shop))
        yield Scene(runner=runner, shop=shop, artifacts=artifacts, check_runs=check_runs)


class Playbill:
    """Scenes by name, played together: what takes real seconds takes them at the same time."""

    def __init__(self) -> None:
        self._scenes: dict[str, Callable[[Path], Played]] = {}

    def scene(self, play: Callable[[Path], Played]) -> Callable[[Path], Played]:
        """Register a scene under its function's name; the longest ones should come first."""
        self._scenes[play.__name__] = play
        return play

    @contextmanager
    def playing(self, root: Path, lanes: int) -> Iterator[Mapping[str, Future[Played]]]:
        """Play all scenes, so many at a time, each in a directory of its own."""
        with ThreadPoolExecutor(lanes) as pool:
            futures = {
                name: pool.submit(play, _made(root / name)) for name, play in self._scenes.items()
            }
            try:
                yield futures
            finally:
                pool.shutdown(cancel_futures=True)


def plant_traps(workspace: Path) -> None:
    """Shadow modules; whatever of these is executed leaves a file."""
    trap = f"open({SPRUNG!r}, 'a').write(__file__)\n"
    for name in ("json", "httpx", "sitecustomize", "usercustomize", "ssl", "slo_action/__init__"):
        path = workspace / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(trap, encoding="utf-8")


def sprung(workspace: Path) -> bool:
    """True where a trap was executed; the workspace is a step's working directory."""
    return (workspace / SPRUNG).exists()


def wait_until(true: Callable[[], bool], clock: Callable[[float], object]) -> None:
    """Look again and again; `clock` waits for so many seconds."""
    for _ in range(int(_START_SECONDS / 0.05)):
        if true():
            return
        clock(0.05)
    raise AssertionError(f"still not so after {_START_SECONDS} s")


def _made(directory: Path) -> Path:
    directory.mkdir()
    return directory
