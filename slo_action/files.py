"""Files opened with care: no pipe is waited for, and below a held directory no link is followed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EISDIR, ELOOP, ENOTDIR, ENXIO, EPERM
from pathlib import Path, PurePosixPath
from secrets import token_hex
from stat import S_ISDIR, S_ISLNK, S_ISREG
from typing import Any, BinaryIO, cast

Owner = tuple[int, int]
"""User and group."""
_CAREFUL = os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class ForeignFileError(OSError):
    """Something lies there that another process put there, such as a link."""


def read_plain(path: Path, most_bytes: int) -> bytes:
    """Return the beginning of a regular file. Raises OSError, at once for a pipe or a device."""
    with _plain(os.open(path, os.O_RDONLY | _CAREFUL), path) as file:
        return file.read(most_bytes)


class HeldDirectory:
    """A directory that is held open: what is opened below it is below it, whatever is renamed.

    Names are relative, with slashes. Raises ForeignFileError for a link on the way or at the end,
    and for what is written to and is no regular file or has a second name. What is made belongs to
    whom the directory belongs: root's files would break the next checkout on a self-hosted runner.
    """

    _open: int | None = None

    def __init__(self, path: Path, above: "tuple[int, Owner] | None" = None) -> None:
        self._open = above[0] if above else os.open(path, _DIRECTORY)
        self.path = path
        stat = os.fstat(self._open)
        self._owner = above[1] if above else (stat.st_uid, stat.st_gid)
        self._identity = _identity(stat)

    def __del__(self) -> None:
        if self._open is not None:
            os.close(self._open)

    def __getstate__(self) -> dict[str, Any]:
        """Another process opens it anew, if it is still the same one."""
        return {**self.__dict__, "_open": None}

    def must_be_in_its_place(self) -> None:
        """Raise ForeignFileError where its path leads to something else by now, or nowhere."""
        with suppress(OSError):
            if _identity(os.lstat(self.path)) == self._identity:
                return
        raise ForeignFileError(EPERM, "it is another directory now", str(self.path))

    def below(self, name: str, *, new: bool = False) -> "HeldDirectory":
        """Return a directory below, which is made where it is missing; `new` ones must be."""
        *parents, last = PurePosixPath(name).parts
        with self._parent(parents) as above:
            entered = self._entered(above, last, new=new)
        return HeldDirectory(self.path / name, (entered, self._owner))

    def create(self, name: str, content: bytes) -> None:
        """Write a file that is not there yet; raises FileExistsError."""
        with self._of(name) as (above, last):
            self._written(above, last, content, os.O_EXCL)

    def replace(self, name: str, content: bytes, mode: int | None = None) -> None:
        """Write a whole file, by way of a new one, so that no reader sees half of it."""
        with self._of(name) as (above, last):
            draft = f".{last[:_LONGEST_NAME]}.{token_hex(8)}.part"
            try:
                self._written(above, draft, content, os.O_EXCL, mode)
                os.replace(draft, last, src_dir_fd=above, dst_dir_fd=above)
            except OSError:
                with suppress(OSError):
                    os.unlink(draft, dir_fd=above)
                raise

    def append(self, name: str, content: bytes) -> None:
        """Append to a file; it is on the disk when this returns."""
        with self._of(name) as (above, last):
            self._written(above, last, content, os.O_APPEND)

    def read(self, name: str) -> bytes:
        """Return a whole file."""
        with self.opened(name) as file:
            return file.read()

    @contextmanager
    def opened(self, name: str) -> Iterator[BinaryIO]:
        """Open a file for reading, and close it."""
        with (
            self._of(name, make=False) as (above, last),
            _plain(_opened(last, os.O_RDONLY | _CAREFUL, above), self.path / name) as file,
        ):
            yield file

    def _written(
        self, above: int, name: str, content: bytes, flags: int, mode: int | None = None
    ) -> None:
        descriptor = _opened(name, os.O_WRONLY | os.O_CREAT | _CAREFUL | flags, above)
        with _plain(descriptor, self.path / name, "wb") as file:
            if os.fstat(descriptor).st_nlink != 1:
                raise ForeignFileError(EPERM, "it has a second name", str(self.path / name))
            if mode is not None:
                os.fchmod(descriptor, mode)
            self._own(descriptor)
            file.write(content)
            file.flush()
            if flags & os.O_APPEND:
                os.fsync(descriptor)

    @contextmanager
    def _of(self, name: str, *, make: bool = True) -> Iterator[tuple[int, str]]:
        """Yield the directory that a name is in, and its last part."""
        *parents, last = PurePosixPath(name).parts
        with self._parent(parents, make=make) as above:
            yield above, last

    @contextmanager
    def _parent(self, parts: list[str], *, make: bool = True) -> Iterator[int]:
        current = os.dup(self._descriptor())
        try:
            for part in parts:
                enter = self._entered if make else _entered
                current, left = enter(current, part), current
                os.close(left)
            yield current
        finally:
            os.close(current)

    def _entered(self, above: int, name: str, *, new: bool = False) -> int:
        made = False
        with suppress(*(() if new else (FileExistsError,))):
            os.mkdir(name, dir_fd=above)
            made = True
        descriptor = _entered(above, name)
        if made:
            self._own(descriptor)
        return descriptor

    def _descriptor(self) -> int:
        if self._open is None:
            self._open = os.open(self.path, _DIRECTORY | os.O_NOFOLLOW)
            if _identity(os.fstat(self._open)) != self._identity:
                raise ForeignFileError(EPERM, "it is another directory now", str(self.path))
        return self._open

    def _own(self, descriptor: int) -> None:
        if os.geteuid() == 0:
            os.fchown(descriptor, *self._owner)


@contextmanager
def _plain(descriptor: int, path: Path, mode: str = "rb") -> Iterator[BinaryIO]:
    """Yield a descriptor as a regular file, and close it whatever it is."""
    try:
        kind = os.fstat(descriptor).st_mode
        if S_ISDIR(kind):
            raise IsADirectoryError(EISDIR, os.strerror(EISDIR), str(path))
        if not S_ISREG(kind):
            raise ForeignFileError(EPERM, "it is not a regular file", str(path))
        with cast("BinaryIO", os.fdopen(descriptor, mode, closefd=False)) as file:
            yield file
    finally:
        os.close(descriptor)


_LONGEST_NAME = 200
"""Which leaves room for what a draft's name has more."""


def _identity(stat: os.stat_result) -> tuple[int, int]:
    return stat.st_dev, stat.st_ino


def _entered(above: int, name: str) -> int:
    return _opened(name, _DIRECTORY, above)


def _opened(name: str, flags: int, above: int) -> int:
    if name == "..":
        raise ForeignFileError(EPERM, "it leads upwards", name)
    try:
        return os.open(name, flags | os.O_NOFOLLOW, 0o644, dir_fd=above)
    except OSError as error:
        why = _FOREIGN.get(error.errno or 0)
        if why is None:
            raise
        if _is_link(name, above):  # which is a wrong kind of directory, too
            raise ForeignFileError(ELOOP, _FOREIGN[ELOOP], name) from error
        raise ForeignFileError(error.errno, why, name) from error


_FOREIGN = {
    ELOOP: "it is a symbolic link",
    ENOTDIR: "it is not a directory",
    ENXIO: "it is not a regular file",
}
"""The last is a pipe, written to, that has no reader, or a socket."""


def _is_link(name: str, above: int) -> bool:
    with suppress(OSError):
        return S_ISLNK(os.stat(name, dir_fd=above, follow_symlinks=False).st_mode)
    return False
