"""Our artifact store in front of an artifact world, and all that a test may want to see of it."""

from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import httpx
import pytest

from slo_action.core.text.secrets import Scrubber, Secret
from slo_action.errors import ArtifactError
from slo_action.github.artifacts.runner import RunnerResults
from slo_action.github.artifacts.store import GitHubArtifactStore
from slo_action.ports import UploadedArtifact
from tests.worlds.act_artifacts import ActArtifactService
from tests.worlds.artifact_faces import World, httpx_face
from tests.worlds.artifact_service import GitHubArtifactService
from tests.worlds.seeded import seeded
from tests.worlds.virtual_clock import VirtualClock

FILES = {"record.json": b'{"verdict": "healthy"}\n', "proofs/1.txt": b"HTTP/1.1 200 OK\n"}


@dataclass(kw_only=True)
class Recorder(httpx.BaseTransport):
    """Keeps every request; what the log had masked by then is beside it."""

    inner: httpx.BaseTransport
    masked: list[str]
    requests: list[tuple[httpx.Request, tuple[str, ...]]] = field(default_factory=list)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append((request, tuple(self.masked)))
        return self.inner.handle_request(request)


class Bench:
    """`runner` may be replaced before the first upload."""

    def __init__(
        self, root: Path, world: World, runner: RunnerResults, clock: VirtualClock
    ) -> None:
        self.root = root
        self.clock = clock
        self.runner = runner
        self.masked: list[str] = []
        self.scrubber = Scrubber()
        self._random = seeded(7)
        self.wire = Recorder(inner=httpx_face(world, clock), masked=self.masked)
        for name, content in FILES.items():
            self.write(name, content)

    def write(self, name: str, content: bytes) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def files(self) -> list[Path]:
        return sorted(path for path in self.root.rglob("*") if path.is_file())

    def store(self) -> GitHubArtifactStore:
        return GitHubArtifactStore(
            self.runner,
            clock=self.clock,
            scrubber=self.scrubber,
            mask=self.masked.append,
            random=self._random.random,
            transport=self.wire,
        )

    def upload(self, name: str = "report") -> UploadedArtifact:
        return self.store().upload(name, self.root, self.files())

    def refused(self, name: str = "report") -> ArtifactError:
        """Upload, and return the error that it must end in."""
        with pytest.raises(ArtifactError) as caught:
            self.upload(name)
        return caught.value

    def set_runner(self, **changes: object) -> None:
        self.runner = replace(self.runner, **changes)  # type: ignore[arg-type]


class GitHubBench(Bench):
    def __init__(self, root: Path) -> None:
        clock = VirtualClock()
        self.service = GitHubArtifactService(clock.now)
        super().__init__(root, self.service, _runner(self.service.token()), clock)


class ActBench(Bench):
    def __init__(self, root: Path) -> None:
        clock = VirtualClock()
        self.service = ActArtifactService(clock.now)
        super().__init__(root, self.service, _runner(self.service.token()), clock)


def unpacked(archive: bytes) -> dict[str, bytes]:
    with ZipFile(BytesIO(archive)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def _runner(token: str) -> RunnerResults:
    return RunnerResults(
        results_url="https://results.example/",
        token=Secret(token),
        server_url="https://github.com",
        repository="octo/shop",
        run_id="42",
    )
