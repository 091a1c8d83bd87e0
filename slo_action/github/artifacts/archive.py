"""The evidence as one zip archive: a stream of bytes, the same bytes for the same files."""

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from stat import S_IFREG
from typing import TYPE_CHECKING
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from slo_action.errors import ArtifactError
from slo_action.github.artifacts.names import forbidden_in_path

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer  # typing names it from 3.12 on only

_PIECE_BYTES = 256 * 1024
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The oldest time a zip can hold. Real ones would make two archives of the same files differ."""
_UNIX = 3
_MODE = S_IFREG | 0o644


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ZipEntry:
    """A file of the archive: the name it gets and where its bytes are, symlinks resolved."""

    name: str
    source: Path
    size_bytes: int


def archive_entries(root: Path, files: Sequence[Path]) -> tuple[ZipEntry, ...]:
    """Return the archive's files, sorted by name, each once; nothing is opened yet.

    Raises ArtifactError for what is missing, is no regular file or leaves `root`, be it through
    a symlink: whoever can write there must not be able to publish the runner's files.
    """
    if not files:
        raise ArtifactError(
            "There are no files to upload.", hint="the run wrote no evidence; read its log"
        )
    home = root.resolve()
    return tuple(sorted({_entry(root, home, file) for file in files}))


def zip_stream(entries: Iterable[ZipEntry]) -> Iterator[bytes]:
    """Yield the archive piece by piece; memory does not grow with the files.

    Raises ArtifactError where a file cannot be read to its end.
    """
    sink = _Sink()
    with ZipFile(sink, "w") as archive:
        for entry in entries:
            with archive.open(_header(entry), "w") as packed:
                for piece in _pieces(entry):
                    packed.write(piece)
                    yield sink.drain()
    yield sink.drain()


def in_blocks(pieces: Iterable[bytes], block_bytes: int) -> Iterator[bytes]:
    """Cut a stream into blocks of exactly `block_bytes`; only the last may be shorter."""
    waiting = bytearray()
    for piece in pieces:
        waiting += piece
        while len(waiting) >= block_bytes:
            yield bytes(waiting[:block_bytes])
            del waiting[:block_bytes]
    if waiting:
        yield bytes(waiting)


def _header(entry: ZipEntry) -> ZipInfo:
    """Deflate everything, at zlib's own level 6.

    Readers that stream do not know where a stored file ends when its size follows it.
    """
    header = ZipInfo(entry.name, _EPOCH)
    header.compress_type = ZIP_DEFLATED
    header.create_system = _UNIX
    header.external_attr = _MODE << 16
    header.file_size = entry.size_bytes  # ZipFile needs it to know whether 32 bits are enough
    return header


def _pieces(entry: ZipEntry) -> Iterator[bytes]:
    try:
        with entry.source.open("rb") as source:
            while piece := source.read(_PIECE_BYTES):
                yield piece
    except OSError as error:
        raise _unreadable(entry.name, error) from error


def _entry(root: Path, home: Path, file: Path) -> ZipEntry:
    name = _name_below(root, file)
    try:
        source = file.resolve(strict=True)
        size_bytes = source.stat().st_size
    except (OSError, RuntimeError) as error:
        raise _unreadable(name, error) from error
    if not source.is_relative_to(home):
        raise ArtifactError(
            f"{name!r} leads out of the evidence directory.",
            hint="remove the symbolic link, or copy the file into the directory",
        )
    if not source.is_file():
        raise ArtifactError(
            f"{name!r} is not a regular file.", hint="only files can be uploaded; remove it"
        )
    return ZipEntry(name=name, source=source, size_bytes=size_bytes)


def _name_below(root: Path, file: Path) -> str:
    try:
        name = file.absolute().relative_to(root.absolute()).as_posix()
    except ValueError as error:
        raise ArtifactError(
            f"{file.name!r} is not below the evidence directory.",
            hint="give files of the evidence directory only",
        ) from error
    forbidden = ".." if ".." in Path(name).parts else forbidden_in_path(name)
    if forbidden:
        raise ArtifactError(
            f"{name!r} cannot be in an artifact: its path holds {forbidden!r}.",
            hint='rename the file without " : < > | * ? and line breaks',
        )
    return name


class _Sink(io.RawIOBase):
    """Takes what ZipFile writes until it is drained. It cannot seek, so sizes follow the data."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting = bytearray()

    def write(self, data: "ReadableBuffer", /) -> int:
        piece = bytes(data)
        self._waiting += piece
        return len(piece)

    def drain(self) -> bytes:
        """Return what was written since the last call."""
        drained = bytes(self._waiting)
        self._waiting.clear()
        return drained


def _unreadable(name: str, error: Exception) -> ArtifactError:
    reason = error.strerror if isinstance(error, OSError) else type(error).__name__
    return ArtifactError(
        f"{name!r} cannot be read: {reason}.", hint="see who removed or locked the evidence"
    )
