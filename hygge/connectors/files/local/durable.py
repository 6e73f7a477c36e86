"""Writes that survive a power cut: create, sync, swap and remove, one system call at a time."""

from __future__ import annotations

import ctypes
import errno
import os
import secrets
import shutil
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

_AT_FDCWD = -100
_RENAME_NOREPLACE = 1
_RENAME_EXCHANGE = 2
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_SUCH_RENAME = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP}
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS}


def _find_renameat2() -> Callable[..., int] | None:
    call: Callable[..., int] | None = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    return call


renameat2 = _find_renameat2()
"""The system call that swaps two names atomically, where available."""


class RenameUnsupportedError(OSError):
    """This system or file system cannot swap two names atomically."""


def _rename(source: Path, target: Path, flags: int) -> None:
    if renameat2 is None:
        raise RenameUnsupportedError(errno.ENOSYS, os.strerror(errno.ENOSYS), str(source))
    old, new = os.fsencode(source), os.fsencode(target)
    if renameat2(_AT_FDCWD, old, _AT_FDCWD, new, flags) == 0:
        return
    code = ctypes.get_errno()
    kind = RenameUnsupportedError if code in _NO_SUCH_RENAME else OSError
    raise kind(code, os.strerror(code), str(source), None, str(target))


def exchange(one: Path, other: Path) -> None:
    """Swap two existing names atomically; raise `RenameUnsupportedError` where unsupported."""
    _rename(one, other, _RENAME_EXCHANGE)


def rename_new(source: Path, target: Path) -> None:
    """Rename a directory to an unused name; raise `OSError` when it exists.

    Where the system has no atomic check, an empty directory of that name is replaced.
    """
    try:
        _rename(source, target, _RENAME_NOREPLACE)
    except RenameUnsupportedError:
        os.rename(source, target)  # noqa: PTH104  (fails on a directory that holds anything)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def make_directory(path: Path, mode: int = 0o777) -> None:
    """Make a directory and the parents it lacks, durably; leave existing ones alone."""
    missing = []
    while not path.is_dir():
        missing.append(path)
        path = path.parent
    for step in reversed(missing):
        try:
            step.mkdir(mode)
        except FileExistsError:
            if not step.is_dir():
                raise
        sync_directory(step.parent)


def create_file(path: Path, mode: int = 0o666) -> BinaryIO:
    """Create a file that must not exist yet, following no link, and open it for writing."""
    return os.fdopen(os.open(path, _CREATE, mode), "wb")


def sync_file(file: BinaryIO) -> None:
    """Make what was written durable, through the descriptor that wrote it.

    An error is final: the pages may be gone, and a second sync could pretend otherwise.
    """
    file.flush()
    os.fsync(file.fileno())


def write_new(path: Path, data: bytes, mode: int = 0o666) -> None:
    """Create a file with these contents and sync it; syncing its directory makes it findable."""
    with create_file(path, mode) as file:
        file.write(data)
        sync_file(file)


def write_whole(path: Path, data: bytes, mode: int = 0o666) -> None:
    """Create or replace a file atomically and durably."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        write_new(draft, data, mode)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def write_exclusive(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Create a file that exists only with all its contents; raise `FileExistsError` if it does."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        write_new(draft, data, mode)
        try:
            os.link(draft, path, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            try:
                _rename(draft, path, _RENAME_NOREPLACE)
            except RenameUnsupportedError:
                write_new(path, data, mode)
    finally:
        draft.unlink(missing_ok=True)
    sync_directory(path.parent)


def link_file(source: Path, target: Path) -> None:
    """Link a file, or copy it durably where hard links are not supported."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        reading = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(reading, "rb") as original, create_file(target) as copy:
            shutil.copyfileobj(original, copy, 2**20)
            sync_file(copy)


def copy_access(source: Path, target: Path) -> None:
    """Give one directory the mode and, where this user may, the group of another."""
    status = source.lstat()
    with suppress(PermissionError):
        os.chown(target, -1, status.st_gid, follow_symlinks=False)
    target.chmod(stat.S_IMODE(status.st_mode) | stat.S_IRWXU)


def sync_tree(path: Path) -> None:
    """Make the names in a directory and in all directories below it durable, deepest first."""
    for folder, _, _ in os.walk(path, topdown=False):
        sync_directory(Path(folder))


def is_directory(path: Path) -> bool:
    """Return whether a name is a directory and not a link to one."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except FileNotFoundError:
        return False


def remove_tree(path: Path) -> None:
    """Remove a directory tree without following links; a missing one is no error."""
    if is_directory(path):
        shutil.rmtree(path)
