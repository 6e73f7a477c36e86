"""Locks that say "this is already running" to a second run on the same machine."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from hygge.errors import FlowError

_LONGEST_NAME = 200


@contextmanager
def move_lock(root: Path, flow: str, entity: str, run_id: str) -> Iterator[None]:
    """Hold `.hygge/locks/<flow>.<entity>.lock` for the length of a move.

    Politeness only: it saves the work of a second run; the store's own numbered commits are what
    keeps two runs apart. Raises `FlowError` when another process holds it.
    """
    folder = root / ".hygge" / "locks"
    for directory in (folder.parent, folder):
        with suppress(FileExistsError):
            directory.mkdir(mode=0o700)
    path = folder / _file_name(f"{flow}.{entity}")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        _take(descriptor, f"{flow} ({entity})")
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "run": run_id}).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, what: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 1000, 0).decode(errors="replace")
        raise FlowError(
            f"{what} is already being moved by another run {_describe(holder)}",
            hint="wait until that run has ended, or stop it",
            code="HG543",
        ) from None


def _describe(holder: str) -> str:
    try:
        said = json.loads(holder)
        return f"(process {said['pid']}, run {said['run']})"
    except (ValueError, KeyError, TypeError):
        return "(it has not said which)"


def _file_name(name: str) -> str:
    safe = quote(name, safe=" ")
    if len(safe) > _LONGEST_NAME:
        safe = f"{safe[:100]}-{hashlib.sha256(name.encode()).hexdigest()[:32]}"
    return f"{safe}.lock"
