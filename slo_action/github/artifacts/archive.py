"""The evidence as one zip archive: a stream of bytes, the same bytes for the same files."""

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from os import SEEK_END
from pathlib import Path
from stat import S_IFREG
from typing import TYPE_CHECKING
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from slo_action.errors import ArtifactError
from slo_action.files import ForeignFileError, HeldDirectory
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
    """A file of the archive: its name there and below `root`."""

    name: str
    size_bytes: int
    root: HeldDirectory = field(compare=False)


def archive_entries(root: Path, files: Sequence[Path]) -> tuple[ZipEntry, ...]:
    """Return the archive's files, sorted by name, each once; nothing is opened yet.

    Raises ArtifactError for what is missing, is no regular file or leaves `root`, and for any
    link: whoever can write there must not be able to publish the runner's files.
    """
    if not files:
        raise ArtifactError(
            "There are no files to upload.", hint="the run wrote no evidence; read its log"
        )
    try:
        held = HeldDirectory(root)
    except OSError as error:
        raise _unreadable(root.name, error) from error
    return tuple(sorted({_entry(held, _name_below(root, file)) for file in files}))


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
        with entry.root.opened(entry.name) as source:
            while piece := source.read(_PIECE_BYTES):
                yield piece
    except OSError as error:
        raise _unreadable(entry.name, error) from error


def _entry(root: HeldDirectory, name: str) -> ZipEntry:
    try:
        with root.opened(name) as source:
            return ZipEntry(name=name, size_bytes=source.seek(0, SEEK_END), root=root)
    except ForeignFileError as error:
        raise ArtifactError(
            f"{name!r} is not uploaded: {error.strerror}.",
            hint="another program put it into the evidence directory; remove it",
        ) from error
    except OSError as error:
        raise _unreadable(name, error) from error


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
            f"{name!r} cannot be in an artifact: its path has {forbidden!r}.",
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


def _unreadable(name: str, error: OSError) -> ArtifactError:
    return ArtifactError(
        f"{name!r} cannot be read: {error.strerror}.", hint="see who removed or locked the evidence"
    )
