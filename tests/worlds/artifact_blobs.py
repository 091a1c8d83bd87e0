"""Block blobs as Azure stores them, reached by signed addresses.

Source: Azure's REST reference of Put Block, Put Block List, Put Blob, Get Blob and their errors.
"""

import binascii
import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from urllib.parse import quote, unquote
from xml.etree import ElementTree as ET

from tests.worlds.artifact_http import Asked, Reply

_KEY = b"the storage account's key"
_LONGEST_BLOCK_ID = 64
_ADDED_BY_CLIENTS = frozenset({"comp", "blockid", "timeout"})


@dataclass(slots=True, kw_only=True)
class Blob:
    """`committed` is None until a block list or a whole blob was put."""

    staged: dict[str, bytes] = field(default_factory=dict)
    blocks: dict[str, bytes] = field(default_factory=dict)
    committed: bytes | None = None
    content_type: str = "application/octet-stream"


class BlobStore:
    """One container. `now` says when a signed address has expired."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.blobs: dict[str, Blob] = {}

    def signed_path(self, path: str, permission: str, file_name: str = "") -> str:
        """Return path and query that allow writing ("w") or reading ("r") the blob for an hour."""
        fields = {
            "se": (self._now() + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "sp": permission,
            "sr": "b",
            "sv": "2025-11-05",
        }
        if file_name:
            fields["rscd"] = (
                f"attachment; filename=\"{_ascii(file_name)}\"; filename*=UTF-8''{quote(file_name)}"
            )
        signed = "&".join(f"{key}={quote(value, safe='')}" for key, value in fields.items())
        return f"{path}?{signed}&sig={_signature(path, signed)}"

    def operation(self, asked: Asked) -> str:
        comp = asked.raw_query.get("comp")
        if asked.method == "PUT":
            return {"block": "PutBlock", "blocklist": "PutBlockList"}.get(comp or "", "PutBlob")
        return "GetBlob"

    def serve(self, asked: Asked) -> Reply:
        refusal = self._refusal(asked)
        if refusal:
            return refusal
        serve = {
            "PutBlock": self._put_block,
            "PutBlockList": self._put_block_list,
            "PutBlob": self._put_blob,
            "GetBlob": self._get_blob,
        }[self.operation(asked)]
        return serve(asked)

    def _refusal(self, asked: Asked) -> Reply | None:
        """The query that was signed must come back byte by byte, whatever was added to it."""
        sent = asked.raw_query
        signed = [(k, v) for k, v in sent.items() if k not in _ADDED_BY_CLIENTS | {"sig"}]
        text = "&".join(f"{key}={value}" for key, value in signed)
        allowed = unquote(sent.get("sp", ""))
        if "authorization" in asked.headers or sent.get("sig") != _signature(asked.path, text):
            return _error(403, "AuthenticationFailed")
        if unquote(sent["se"]) < self._now().strftime("%Y-%m-%dT%H:%M:%SZ"):
            return _error(403, "AuthenticationFailed")
        if ("w" if asked.method == "PUT" else "r") not in allowed:
            return _error(403, "AuthorizationPermissionMismatch")
        return None

    def _put_block(self, asked: Asked) -> Reply:
        block_id = unquote(asked.raw_query.get("blockid", ""))
        if not _is_block_id(block_id):
            return _error(400, "InvalidQueryParameterValue")
        if not asked.body:
            return _error(400, "InvalidHeaderValue")
        staged = self.blobs.setdefault(asked.path, Blob()).staged
        if any(len(other) != len(block_id) for other in staged):
            return _error(400, "InvalidBlobOrBlock")
        staged[block_id] = asked.body
        return Reply(status=201)

    def _put_block_list(self, asked: Asked) -> Reply:
        blob = self.blobs.setdefault(asked.path, Blob())
        try:
            listed = ET.fromstring(asked.body)  # noqa: S314 - our own client's text
        except ET.ParseError:
            return _error(400, "InvalidXmlDocument")
        ids = tuple(element.text or "" for element in listed if element.tag == "Latest")
        known = blob.blocks | blob.staged  # "Latest" means the staged one, else the committed
        if listed.tag != "BlockList" or any(block_id not in known for block_id in ids):
            return _error(400, "InvalidBlockList")
        blob.blocks = {block_id: known[block_id] for block_id in ids}
        blob.committed = b"".join(blob.blocks.values())
        blob.staged = {}
        blob.content_type = asked.headers.get("x-ms-blob-content-type", "application/octet-stream")
        return Reply(status=201)

    def _put_blob(self, asked: Asked) -> Reply:
        if asked.headers.get("x-ms-blob-type") != "BlockBlob":
            return _error(400, "MissingRequiredHeader")
        content_type = asked.headers.get("x-ms-blob-content-type", "application/octet-stream")
        self.blobs[asked.path] = Blob(committed=asked.body, content_type=content_type)
        return Reply(status=201)

    def _get_blob(self, asked: Asked) -> Reply:
        blob = self.blobs.get(asked.path)
        if blob is None or blob.committed is None:
            return _error(404, "BlobNotFound")
        headers = {"Content-Type": blob.content_type}
        if "rscd" in asked.raw_query:
            headers["Content-Disposition"] = unquote(asked.raw_query["rscd"])
        return Reply(status=200, body=blob.committed, headers=headers)


def _signature(path: str, signed: str) -> str:
    """The three first bytes make every signature hold both characters that must be encoded."""
    digest = hmac.new(_KEY, f"{path}\n{signed}".encode(), sha256).digest()
    return quote(b64encode(b"\xfb\xff\xfe" + digest).decode(), safe="")


def _is_block_id(text: str) -> bool:
    try:
        return 0 < len(b64decode(text, validate=True)) <= _LONGEST_BLOCK_ID
    except binascii.Error:
        return False


def _ascii(text: str) -> str:
    return "".join(character if character.isascii() else "_" for character in text)


def _error(status: int, code: str) -> Reply:
    return Reply(
        status=status,
        body=f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code></Error>'.encode(),
        headers={"Content-Type": "application/xml", "x-ms-error-code": code},
    )
