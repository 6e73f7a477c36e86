"""File locks that stop a second run of a move on the same machine."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from hygge.errors import ConfigError, FlowError
from hygge.runtime.private import private_folder
from hygge.runtime.processes import identity, is_alive
from hygge.runtime.system import NO_LOCKS, explain, way_out

_LONGEST_NAME = 100
_LOOK_SECONDS = 0.02
"""Seconds; longer than `holder_of` holds a lock."""


class LockHeldError(Exception):
    """Another process has the lock; `note` is its text in the file."""

    def __init__(self, note: bytes) -> None:
        super().__init__("the lock is held")
        self.note = note


def lock_note(run_id: str) -> bytes:
    """Return the note of this process and run for a lock file."""
    return json.dumps({"pid": os.getpid(), "run": run_id, "process": identity()}).encode()


@contextmanager
def lock_file(path: Path) -> Iterator[int]:
    """Hold the flock of a file, which is created if needed; yield its descriptor.

    Waits only for `holder_of`. Raises `LockHeldError` when another process holds it, also on
    network file systems that grant the lock twice: the note then names a live process. Raises
    `ConfigError` where the file system has no locks, and `OSError` when the file cannot be opened
    or is a link. The note is cleared when the `with` ends.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        note = _rival(path, descriptor, fcntl.LOCK_EX)
        if note is not None:
            time.sleep(_LOOK_SECONDS)
            note = _rival(path, descriptor, fcntl.LOCK_EX)
        if note is not None:
            raise LockHeldError(note)
        try:
            yield descriptor
        finally:
            with suppress(OSError):
                os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _rival(path: Path, descriptor: int, kind: int) -> bytes | None:
    """Take a lock and return None; where another process has it, return its note."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.pread(descriptor, 4096, 0)
    except OSError as error:
        if error.errno in NO_LOCKS:
            raise _unsupported(path, error) from error
        raise
    note = os.pread(descriptor, 4096, 0)
    return note if _is_of_another(note) else None


def _is_of_another(note: bytes) -> bool:
    """Return whether a note names another live process of this machine."""
    try:
        said = json.loads(note)
        process = said.get("process") or f"{said['boot_id']} {said['pid']} {said['started']}"
    except (ValueError, KeyError, AttributeError):
        return False
    return process != identity() and is_alive(process)


def _unsupported(path: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"the file system of {path.parent} cannot lock files: {error.strerror}",
        hint="hygge needs file locks so that two runs do not collide: use another disk, or mount "
        "this one with locks (NFS: start rpc.statd, or mount with  -o local_lock=flock )",
        code="HG540",
    )


def holder_of(path: Path) -> bytes | None:
    """Return the note of a lock file's holder; None when it is free.

    Creates no file. Raises `OSError` when the file cannot be read, and `ConfigError` where the file
    system has no locks.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        # A shared lock, so that two callers do not see each other; it is released at once.
        return _rival(path, descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def write_note(descriptor: int, note: bytes) -> None:
    """Write the holder's note into a lock file. It is informative; the lock decides."""
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, note, 0)


@contextmanager
def move_lock(root: Path, place: str, what: str, run_id: str) -> Iterator[None]:
    """Hold a lock file in `.hygge/locks/` for the length of a move of `what` into `place`.

    Moves into different places, as in another environment, do not block each other. The lock is
    advisory and saves the work of a second run; the store's numbered commits keep two runs apart.
    Raises `FlowError` when another process holds it and `ConfigError` when it cannot be written.
    """
    with ExitStack() as stack:
        try:
            path = private_folder(root, "locks") / _file_name(place)
            descriptor = stack.enter_context(lock_file(path))
            write_note(descriptor, lock_note(run_id))
        except LockHeldError as error:
            raise _moving(what, error.note) from None
        except OSError as error:
            raise _unwritable(root, error) from error
        yield


def refuse_moving(root: Path, place: str, what: str) -> None:
    """Raise what `move_lock` would raise, without taking the lock."""
    folder = root / ".hygge"
    try:
        note = holder_of(folder / "locks" / _file_name(place))
    except OSError as error:
        raise _unwritable(root, error) from error
    if note is not None:
        raise _moving(what, note)
    nearest = next(path for path in (folder / "locks", folder, root) if path.exists())
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise _unwritable(root, PermissionError(errno.EACCES, "Permission denied", str(nearest)))


def _moving(what: str, note: bytes) -> FlowError:
    return FlowError(
        f"{what} is already being moved by another run {_described(note)}",
        hint="wait until that run has ended, or stop it",
        code="HG543",
    )


def _unwritable(root: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"cannot write {root / '.hygge'}, where hygge keeps its locks: {explain(error)}",
        hint=way_out(error),
    )


def _described(note: bytes) -> str:
    try:
        said = json.loads(note)
        return f"(process {said['pid']}, run {said['run']})"
    except (ValueError, KeyError, TypeError):
        return "(unknown process)"


def _file_name(place: str) -> str:
    """Return a readable file name that is unique to the place."""
    name = quote(place.rpartition("/")[2], safe=" ")[:_LONGEST_NAME]
    return f"{name}-{hashlib.sha256(place.encode()).hexdigest()[:32]}.lock"
