"""What homes and stores of databases in one file share: where the file is, who writes a table."""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from pydantic import field_validator

from hygge.connector import ConnectorConfig, ProjectContext
from hygge.errors import HomeError, HyggeError, StoreError
from hygge.runtime.locks import LockHeldError, holder_of, lock_file, lock_note, write_note
from hygge.settings.move import LocalPath, Seconds

log = logging.getLogger(__name__)

_SAID_SECONDS = 1.0
"""Shorter waits are not worth a line."""


class FileSettings(ConnectorConfig):
    """What every connector of a database in one file says in YAML."""

    path: LocalPath
    """The file of the database, relative to the project's root."""
    busy_timeout: Seconds = 60.0
    """How long a run waits while another process has the file locked, over all its attempts."""

    @field_validator("path")
    @classmethod
    def _is_a_file(cls, path: str) -> str:
        if path.startswith(":memory:") or "mode=memory" in path:
            raise ValueError(
                "a database in memory is empty at first and gone at the end of the run: "
                "name a file, e.g. data/app.db"
            )
        if path.startswith("file:"):
            raise ValueError("write the path of the file itself, without  file:")
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", path):
            raise ValueError("it names another system: write the path of a file on this machine")
        return path

    def file(self, context: ProjectContext) -> Path:
        """Return the file of the database as an absolute path."""
        return context.path(self.path).absolute()

    def tables(self, context: ProjectContext, name: str) -> list[str]:
        """Return table `name` as a path below the file, by which two connectors are compared."""
        return [f"{self.file(context)}/{name}"]


def check_file(file: Path, side: type[HyggeError], *, makes: bool) -> None:
    """Raise `side` where no database can be; with `makes` it need not be there yet.

    The file itself is not opened: closing it would drop all locks that SQLite holds on it in this
    process (https://www.sqlite.org/howtocorrupt.html, 2.2).
    """
    try:
        if file.is_dir():
            problem, hint = f"{file} is a folder", "path names the file of a database"
        elif not makes and not file.exists():
            problem, hint = f"there is no file {file}", "check path"
        else:
            return
    except OSError as error:
        problem, hint = f"cannot look at {file}: {error.strerror}", "check path"
    raise side(problem, hint=hint, code="HG507" if issubclass(side, HomeError) else "HG516")


def make_folder(file: Path) -> None:
    """Make the folder of a database that is not there yet; raises `StoreError`."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"cannot make the folder {file.parent}: {error.strerror}",
            hint="check path, and that this user may make it",
            code="HG516",
        ) from error


class Busy:
    """How long this process has waited for a file that another one has locked.

    The time counts once, over all moves and attempts, until the file could be used again.
    """

    def __init__(self) -> None:
        self._since: dict[Path, float] = {}
        self._lock = threading.Lock()

    def is_over(self, file: Path, seconds: float, holder: Callable[[], str]) -> bool:
        """Return whether the file was waited for long enough; the first time, say for whom."""
        now = time.monotonic()
        with self._lock:
            is_first = file not in self._since
            since = self._since.setdefault(file, now)
        if is_first and seconds >= _SAID_SECONDS:
            log.warning("%s is locked by %s: waiting up to %g s for it", file, holder(), seconds)
        return now - since >= seconds

    def end(self, file: Path) -> None:
        """Note that a file could be used."""
        if self._since:
            with self._lock:
                self._since.pop(file, None)


busy = Busy()


_turns: dict[Path, threading.Lock] = {}
_turns_lock = threading.Lock()


def turn_of(file: Path) -> threading.Lock:
    """Return the lock by which the moves of this process take turns at publishing into a file."""
    with _turns_lock:
        return _turns.setdefault(file.resolve(), threading.Lock())


def beside(file: Path, table: str) -> Path:
    """Return how all names begin that hygge gives to files of its own beside a database.

    They speak of one table, whose name may be longer than that of a file.
    """
    key = hashlib.sha256(f"{file.name}\0{table}".encode()).hexdigest()[:16]
    return file.with_name(f".hygge-{key}")


@contextmanager
def place_lock(file: Path, table: str, run_id: str) -> Iterator[None]:
    """Hold a table of a database in a file for one run; the lock's own file goes away after it.

    Politeness only: the numbered commits in the database are what keeps two runs apart. Raises
    `StoreError` when a live run holds it.
    """
    path = _lock_of(file, table)
    with ExitStack() as stack:
        try:
            descriptor = stack.enter_context(_locked(path))
        except LockHeldError as error:
            raise _written(table, error.note) from None
        except OSError as error:
            raise _unwritable(file, error) from error
        # The last one out removes the file while it still holds the lock.
        stack.callback(_remove, path)
        write_note(descriptor, lock_note(run_id))
        yield


def refuse_written(file: Path, table: str) -> None:
    """Raise what `place_lock` would raise, and take nothing."""
    try:
        note = holder_of(_lock_of(file, table))
    except OSError as error:
        raise _unwritable(file, error) from error
    if note is not None:
        raise _written(table, note)


def check_writable(file: Path) -> None:
    """Raise `StoreError` where this user could not make or write the database; makes nothing."""
    folder = file.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        raise _unwritable(file, NotADirectoryError(errno.ENOTDIR, "Not a directory"))
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _unwritable(file, PermissionError(errno.EACCES, "Permission denied"))
    if file.exists() and not os.access(file, os.W_OK):
        raise StoreError(
            f"{file} cannot be written by this user",
            hint="give this user the right to write the file, or choose another path",
            code="HG516",
        )


def _lock_of(file: Path, table: str) -> Path:
    return Path(f"{beside(file, table)}.lock")


def _written(table: str, note: bytes) -> StoreError:
    return StoreError(
        f"{table} is being written by {_holder(note)}",
        hint="wait until that run has ended, or stop it",
        code="HG543",
    )


def _unwritable(file: Path, error: OSError) -> StoreError:
    return StoreError(
        f"cannot write beside {file}: {error.strerror or error}",
        hint="the folder of the database must be one that this user may write: the "
        "database keeps its journal there, too",
        code="HG516",
    )


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Hold the lock of the file that has this name now: one that was removed locks nothing."""
    while True:
        with lock_file(path) as descriptor:
            if _is_there(path, descriptor):
                yield descriptor
                return


def _is_there(path: Path, descriptor: int) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.stat(path, follow_symlinks=False), os.fstat(descriptor))  # noqa: PTH116
    return False


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


def _holder(note: bytes) -> str:
    try:
        said = json.loads(note)
        return f"run {said['run']} (process {said['pid']})"
    except (ValueError, KeyError, TypeError):
        return "another run"
