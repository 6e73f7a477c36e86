"""Locks that say "this is already running" to a second run on the same machine."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import quote

from hygge.errors import ConfigError, FlowError
from hygge.private import private_folder

_LONGEST_NAME = 200


class LockHeldError(Exception):
    """Another open file has the lock; `note` is what its holder wrote into the file."""

    def __init__(self, note: bytes) -> None:
        super().__init__("the lock is held")
        self.note = note


@contextmanager
def lock_file(path: Path) -> Iterator[int]:
    """Hold the flock of a file, made when it is not there; yield its descriptor.

    Never waits: raises `LockHeldError` when somebody else holds it, and `OSError` when the file
    cannot be opened or is a link.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockHeldError(os.pread(descriptor, 4096, 0)) from None
        yield descriptor
    finally:
        os.close(descriptor)


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
            raise FlowError(
                f"{flow} ({entity}) is already being moved by another run {_described(error.note)}",
                hint="wait until that run has ended, or stop it",
                code="HG543",
            ) from None
        except OSError as error:
            raise ConfigError(
                f"cannot write {root / '.hygge'}, where hygge keeps its locks: {error}",
                hint="make it a folder that this user may write, on a disk with some space left",
            ) from error
        yield


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
