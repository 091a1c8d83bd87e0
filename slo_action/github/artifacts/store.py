"""Uploads the evidence as a workflow artifact: Create, blocks, Finalize (protocol version 4).

After Create succeeded and Finalize did not, GitHub keeps the name for the whole run and shows it
nowhere. Hence the second names here.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import unquote

import httpx

from slo_action.core.text.secrets import Scrubber
from slo_action.errors import ArtifactError
from slo_action.github.artifacts.archive import ZipEntry, archive_entries, in_blocks, zip_stream
from slo_action.github.artifacts.blob import UploadedBlob, put_block, put_block_list, write_blocks
from slo_action.github.artifacts.names import candidate_names
from slo_action.github.artifacts.runner import RunnerResults
from slo_action.github.artifacts.service import ArtifactService, NameTakenError
from slo_action.ports import Clock, UploadedArtifact
from slo_action.system.retry import RetryBudget, TransientError

_BLOCK_BYTES = 8 * 1024 * 1024
_BUDGET_SECONDS = 60.0
_TWIRP_WAITS = ((3.0, 3.0), *((3.0 * 1.5**n, 3.0 * 1.5 ** (n + 1)) for n in (1, 2, 3)))
"""Seconds between five attempts, each drawn from (low, high): artifact-twirp-client.ts."""
_BLOB_WAITS = ((0.0, 0.0), (4.0, 4.0), (12.0, 12.0))
"""Seconds between four attempts: the retry policy of Azure's storage SDK."""
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)


class GitHubArtifactStore:
    """The ArtifactStore of a workflow run, on GitHub or in act.

    `random` returns numbers in [0, 1), for jitter and second names. `mask` hides a value in the
    log. `transport` None means the network, through the runner's proxy if it has one.
    """

    def __init__(
        self,
        runner: RunnerResults,
        *,
        clock: Clock,
        scrubber: Scrubber,
        mask: Callable[[str], None],
        random: Callable[[], float],
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._runner = runner
        self._clock = clock
        self._scrubber = scrubber
        self._mask = mask
        self._random = random
        self._transport = transport

    def upload(self, name: str, root: Path, files: Sequence[Path]) -> UploadedArtifact:
        """Upload `files` as one zip with paths relative to `root`.

        The name is made valid, and gets a suffix where it is taken. Raises ArtifactError, whose
        text holds neither the token nor the signed address. Takes no longer than the transfer
        itself plus about a minute for failures.
        """
        self._hide(self._runner.token.reveal())
        origin, ids = self._runner.origin(), self._runner.backend_ids()
        entries = archive_entries(root, files)
        with self._client() as client:
            delivery = _Delivery(
                client=client,
                service=ArtifactService(
                    client, origin, self._runner.token, ids, self._scrubber.scrub
                ),
                budget=RetryBudget(self._clock, _BUDGET_SECONDS, self._random),
                hide_signature=self._hide_signature,
                expires_at=self._runner.expires_at(self._clock.now()),
                artifact_url=self._runner.artifact_url,
            )
            try:
                return delivery.deliver(candidate_names(name, self._random), entries)
            except TransientError as error:
                raise ArtifactError(
                    f"The artifact service kept failing: {error}.",
                    hint="see www.githubstatus.com; the evidence is still in its directory",
                ) from error

    def _client(self) -> httpx.Client:
        """A proxy or a certificate file that the runner names, but the container has not, fails."""
        try:
            return httpx.Client(transport=self._transport, timeout=_TIMEOUT)
        except (OSError, ValueError, httpx.InvalidURL):
            raise ArtifactError(
                "The network cannot be used: the proxy or certificate settings are wrong.",
                hint="see HTTPS_PROXY, ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR of the runner",
            ) from None

    def _hide_signature(self, signed_url: str) -> None:
        """Hide the signature, as it is written in the address and as it reads."""
        for part in signed_url.partition("?")[2].split("&"):
            key, _, value = part.partition("=")
            if key == "sig":
                self._hide(value)
                self._hide(unquote(value))

    def _hide(self, secret: str) -> None:
        for form in self._scrubber.learn(secret):
            self._mask(form)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Delivery:
    """One upload: what it needs anew for every name it tries."""

    client: httpx.Client
    service: ArtifactService
    budget: RetryBudget
    hide_signature: Callable[[str], None]
    expires_at: str | None
    artifact_url: Callable[[str], str]

    def deliver(self, names: Iterable[str], entries: Sequence[ZipEntry]) -> UploadedArtifact:
        """Try names until one is free and not burnt; only one may burn, for that costs a transfer.

        Raises TransientError where the service kept failing, else ArtifactError.
        """
        burnt = False
        for name in names:
            try:
                signed_url = self.budget.persist(
                    _TWIRP_WAITS, partial(self.service.create, name, self.expires_at)
                )
            except NameTakenError:
                continue
            self.hide_signature(signed_url)
            written = self._written(signed_url, entries)
            try:
                artifact_id = self._finalized(name, written)
            except TransientError:
                if burnt:
                    raise
                burnt = True
                continue
            return UploadedArtifact(
                artifact_id=artifact_id,
                name=name,
                url=self.artifact_url(artifact_id),
                size_bytes=written.size_bytes,
                digest=written.digest,
            )
        raise ArtifactError(
            "All artifact names that were tried are taken in this workflow run.",
            hint="give each job its own `artifact-name`",
        )

    def _written(self, signed_url: str, entries: Sequence[ZipEntry]) -> UploadedBlob:
        def put(index: int, block: bytes) -> None:
            self.budget.persist(
                _BLOB_WAITS, lambda: put_block(self.client, signed_url, index, block)
            )

        written = write_blocks(in_blocks(zip_stream(entries), _BLOCK_BYTES), put)
        self.budget.persist(
            _BLOB_WAITS, lambda: put_block_list(self.client, signed_url, written.block_count)
        )
        return written

    def _finalized(self, name: str, written: UploadedBlob) -> str:
        """Finalize; before repeating what may have been done, look: a second makes a duplicate."""
        unsure = False

        def attempt() -> str:
            nonlocal unsure
            if unsure and (artifact_id := self.service.find(name)):
                return artifact_id
            try:
                return self.service.finalize(name, written)
            except TransientError as error:
                unsure = unsure or error.unsure
                raise

        return self.budget.persist(_TWIRP_WAITS, attempt)
