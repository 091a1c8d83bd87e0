"""An ArtifactStore that keeps what it is given, for tests of everything above it."""

from collections.abc import Sequence
from hashlib import sha256
from itertools import count
from pathlib import Path

from slo_action.errors import ArtifactError
from slo_action.github.artifacts.archive import archive_entries, zip_stream
from slo_action.github.artifacts.names import valid_name
from slo_action.ports import UploadedArtifact


class FakeArtifactStore:
    """`archives` maps names to zips. While there is an `error`, uploads fail with it."""

    def __init__(self, error: ArtifactError | None = None) -> None:
        self.archives: dict[str, bytes] = {}
        self.error = error

    def upload(self, name: str, root: Path, files: Sequence[Path]) -> UploadedArtifact:
        if self.error:
            raise self.error
        archive = b"".join(zip_stream(archive_entries(root, files)))
        free = self._free(valid_name(name))
        self.archives[free] = archive
        number = str(len(self.archives))
        return UploadedArtifact(
            artifact_id=number,
            name=free,
            url=f"https://github.com/octo/shop/actions/runs/42/artifacts/{number}",
            size_bytes=len(archive),
            digest=f"sha256:{sha256(archive).hexdigest()}",
        )

    def _free(self, name: str) -> str:
        tries = (name if number == 1 else f"{name}-{number}" for number in count(1))
        return next(one for one in tries if one not in self.archives)
