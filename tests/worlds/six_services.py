"""Six shops: the document's six services on loopback, all verified by one step."""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from tests.worlds.artifact_faces import loopback_face
from tests.worlds.artifact_service import GitHubArtifactService
from tests.worlds.runner import ROOT, Runner, RunningStep
from tests.worlds.runner_environment import Job, Step
from tests.worlds.runner_scene import OTHER_USER
from tests.worlds.shop import GOOD, CheckRunsApi, Shop

SIX = (
    "sophiaai-dashboard-v2",
    "sophiaai-mcp-repo-v2",
    "sophiaai-mcp-research-v2",
    "sophiaai-mcp-context-v2",
    "sophiaai-mcp-business-v2",
    "sophiaai-jobs-v2",
)
ROLL_BACK = "sh roll-back.sh {service} {previous-version}"
_SCRIPT = """\
date +%s.%N > "begun-$1"
{before}
echo "$2" > "live-$1"
echo "deployed $2"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SixServices:
    """Six services that were deployed together, and who hears of them."""

    runner: Runner
    shops: Mapping[str, Shop]
    artifacts: GitHubArtifactService
    check_runs: CheckRunsApi

    @property
    def workspace(self) -> Path:
        return self.runner.workspace

    def urls(self) -> str:
        """Return the `url` input: each shop's own address."""
        return "".join(f"{name}={shop.origin}\n" for name, shop in self.shops.items())

    def start(self, env: Mapping[str, str] | None = None, **more: str) -> RunningStep:
        """Start a step; `more` are inputs with underscores for hyphens."""
        given = {
            "service": "all",
            "url": self.urls(),
            "health-deadline": "3s",
            "grace": "1s",
            "observe": "5s",
            **{name.replace("_", "-"): value for name, value in more.items()},
        }
        return self.runner.start(Step(given=given, env=env or {}))


@contextmanager
def six_services(root: Path, *, before_rollback: str = "") -> Iterator[SixServices]:
    """Open the servers. The workspace holds examples/slo.yml and a rollback script.

    `before_rollback` is shell code of the script that runs before anything is live.
    """
    artifacts = GitHubArtifactService(lambda: datetime.now(UTC))
    check_runs = CheckRunsApi()
    with ExitStack() as stack:
        job = replace(
            Job(),
            api_url=stack.enter_context(loopback_face(check_runs)),
            results_url=f"{stack.enter_context(loopback_face(artifacts))}/",
            runtime_token=artifacts.token(),
        )
        runner = Runner(root, job)
        _furnish(runner.workspace, before_rollback)
        shops = {name: Shop(runner.workspace / f"live-{name}") for name in SIX}
        for shop in shops.values():
            shop.deploy(GOOD)
            stack.enter_context(loopback_face(shop))
        if os.geteuid() == 0:
            os.chown(runner.workspace, OTHER_USER, OTHER_USER)
        yield SixServices(runner=runner, shops=shops, artifacts=artifacts, check_runs=check_runs)


def _furnish(workspace: Path, before: str) -> None:
    (workspace / ".github").mkdir()
    matrix = (ROOT / "examples" / "slo.yml").read_text(encoding="utf-8")
    (workspace / ".github" / "slo.yml").write_text(matrix, encoding="utf-8")
    script = _SCRIPT.format(before=before)
    (workspace / "roll-back.sh").write_text(script, encoding="utf-8")
