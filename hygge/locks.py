"""Locks that say "this is already running" to a second run on the same machine."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import quote

from hygge.errors import ConfigError, FlowError
from hygge.private import private_folder

_LONGEST_NAME = 200
_LOOK_SECONDS = 0.02
"""Longer than `holder_of` holds a lock."""


class LockHeldError(Exception):
    """Another open file has the lock; `note` is what its holder wrote into the file."""

    def __init__(self, note: bytes) -> None:
        super().__init__("the lock is held")
        self.note = note


@contextmanager
def lock_file(path: Path) -> Iterator[int]:
    """Hold the flock of a file, made when it is not there; yield its descriptor.

    Waits for nobody but `holder_of`: raises `LockHeldError` when somebody else holds it, and
    `OSError` when the file cannot be opened or is a link.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            _take(descriptor)
        except BlockingIOError:
            raise LockHeldError(os.pread(descriptor, 4096, 0)) from None
        yield descriptor
    finally:
        os.close(descriptor)


def _take(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        time.sleep(_LOOK_SECONDS)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def holder_of(path: Path) -> bytes | None:
    """Return what the holder of a lock file wrote into it; None when nobody holds it.

    Makes no file. Raises `OSError` when there is one that cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        # Shared, so that two who look do not see each other; it is let go at once.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.pread(descriptor, 4096, 0)
    finally:
        os.close(descriptor)
    return None


def write_note(descriptor: int, note: bytes) -> None:
    """Say in a lock file who holds it. For people only: the lock is what counts."""
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, note, 0)


@contextmanager
def move_lock(root: Path, flow: str, entity: str, run_id: str) -> Iterator[None]:
    """Hold `.hygge/locks/<flow>.<entity>.lock` for the length of a move.

    Politeness only: it saves the work of a second run; the store's own numbered commits are what
    keeps two runs apart. Raises `FlowError` when another process holds it and `ConfigError` when
    it cannot be written.
    """
    with ExitStack() as stack:
        try:
            path = private_folder(root, "locks") / _file_name(f"{flow}.{entity}")
            descriptor = stack.enter_context(lock_file(path))
            write_note(descriptor, json.dumps({"pid": os.getpid(), "run": run_id}).encode())
        except LockHeldError as error:
            raise _moving(flow, entity, error.note) from None
        except OSError as error:
            raise _unwritable(root, error) from error
        yield


def refuse_moving(root: Path, flow: str, entity: str) -> None:
    """Raise what `move_lock` would raise, and take nothing."""
    folder = root / ".hygge"
    try:
        note = holder_of(folder / "locks" / _file_name(f"{flow}.{entity}"))
    except OSError as error:
        raise _unwritable(root, error) from error
    if note is not None:
        raise _moving(flow, entity, note)
    nearest = next(path for path in (folder / "locks", folder, root) if path.exists())
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise _unwritable(root, PermissionError(errno.EACCES, "Permission denied", str(nearest)))


def _moving(flow: str, entity: str, note: bytes) -> FlowError:
    return FlowError(
        f"{flow} ({entity}) is already being moved by another run {_described(note)}",
        hint="wait until that run has ended, or stop it",
        code="HG543",
    )


def _unwritable(root: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"cannot write {root / '.hygge'}, where hygge keeps its locks: {error}",
        hint="make it a folder that this user may write, on a disk with some space left",
    )


def _described(note: bytes) -> str:
    try:
        said = json.loads(note)
        return f"(process {said['pid']}, run {said['run']})"
    except (ValueError, KeyError, TypeError):
        return "(it has not said which)"


def _file_name(name: str) -> str:
    safe = quote(name, safe=" ")
    if len(safe) > _LONGEST_NAME:
        safe = f"{safe[:100]}-{hashlib.sha256(name.encode()).hexdigest()[:32]}"
    return f"{safe}.lock"
