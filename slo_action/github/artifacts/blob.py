"""Bytes to Azure's blob store by a signed address: Put Block, then Put Block List.

Never a single Put Blob: act answers 200 to one and stores nothing.
"""

from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import quote

import httpx

from slo_action.errors import ArtifactError
from slo_action.system.retry import TransientError

_STORED = 201
"""Any other success stored nothing."""
_LATE_OR_BUSY = frozenset({408, 429, 500, 502, 503, 504})
_LONGEST_CODE = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadedBlob:
    """What arrived in the blob store. `digest` is `sha256:` and 64 hex digits."""

    block_count: int
    size_bytes: int
    digest: str


def write_blocks(blocks: Iterable[bytes], put: Callable[[int, bytes], None]) -> UploadedBlob:
    """Hand the blocks to `put`, one after the other: act appends them as they arrive."""
    digest, size_bytes, count = sha256(), 0, 0
    for block in blocks:
        put(count, block)
        digest.update(block)
        size_bytes += len(block)
        count += 1
    return UploadedBlob(
        block_count=count, size_bytes=size_bytes, digest=f"sha256:{digest.hexdigest()}"
    )


def put_block(client: httpx.Client, signed_url: str, index: int, block: bytes) -> None:
    """Stage one block. Idempotent on Azure: a block that is put twice is staged once.

    Raises TransientError where another attempt may help, else ArtifactError.
    """
    _put(client, f"{signed_url}&comp=block&blockid={quote(_block_id(index), safe='')}", block, {})


def put_block_list(client: httpx.Client, signed_url: str, block_count: int) -> None:
    """Turn the blocks, counted from 0, into the blob. Idempotent; raises as `put_block` does."""
    listed = "".join(f"<Latest>{_block_id(index)}</Latest>" for index in range(block_count))
    body = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{listed}</BlockList>'
    headers = {"x-ms-blob-content-type": "application/zip", "Content-Type": "application/xml"}
    _put(client, f"{signed_url}&comp=blocklist", body.encode(), headers)


def _block_id(index: int) -> str:
    """Return an id; Azure demands that all ids of a blob are equally long."""
    return b64encode(f"{index:012d}".encode()).decode()


def _put(client: httpx.Client, url: str, body: bytes, headers: Mapping[str, str]) -> None:
    """The address was extended as text: `params=` would replace its query and the signature."""
    try:
        response = client.put(url, content=body, headers=dict(headers))
    except httpx.RequestError as error:  # not chained: it holds the signed address
        reason = f"the blob store did not answer ({type(error).__name__})"
        raise TransientError(reason, unsure=True) from None
    except httpx.InvalidURL:
        raise ArtifactError(
            "The artifact service returned an invalid upload URL.",
            hint="if there is a proxy or another artifact server in between, check that",
        ) from None
    if response.status_code != _STORED:
        raise _failure(response)


def _failure(response: httpx.Response) -> ArtifactError | TransientError:
    code = response.headers.get("x-ms-error-code", "")
    code = code if len(code) <= _LONGEST_CODE else ""  # never cut: half a secret is none to us
    answer = f"HTTP {response.status_code} {code}".rstrip()
    if response.status_code in _LATE_OR_BUSY:
        return TransientError(
            f"the blob store answered {answer}",
            unsure=True,
            retry_after=response.headers.get("Retry-After"),
        )
    return ArtifactError(
        f"The blob store refused the evidence: {answer}.",
        hint="the signed address may have expired; run the job again",
    )
