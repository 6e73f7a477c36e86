"""What homes and stores of single-file databases share: the path, and the lock of a table."""

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
"""Seconds; shorter waits are not logged."""


class FileSettings(ConnectorConfig):
    """What every connector of a database in one file says in YAML."""

    path: LocalPath
    """File of the database, relative to the project."""
    busy_timeout: Seconds = 60.0
    """Maximum time that a run waits while another process locks the file, for all attempts
    together."""

    @field_validator("path")
    @classmethod
    def _is_a_file(cls, path: str) -> str:
        if path.startswith(":memory:") or "mode=memory" in path:
            raise ValueError(
                "a database in memory exists only during the run: write the path of a file, such "
                "as data/app.db"
            )
        if path.startswith("file:"):
            raise ValueError("write the path of the file itself, without  file:")
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", path):
            raise ValueError(
                "it is a URL of another system: write the path of a file on this machine"
            )
        return path

    def file(self, context: ProjectContext) -> Path:
        """Return the file of the database as an absolute path."""
        return context.path(self.path).absolute()

    def tables(self, context: ProjectContext, name: str) -> list[str]:
        """Return table `name` as a path below the file, by which two connectors are compared."""
        return [f"{self.file(context)}/{name}"]


def check_file(file: Path, side: type[HyggeError], *, makes: bool) -> None:
    """Raise `side` where there is no database file; with `makes` the file may be missing.

    The file is not opened: closing it would drop all locks that SQLite holds on it in this process
    (https://www.sqlite.org/howtocorrupt.html, 2.2).
    """
    try:
        if file.is_dir():
            problem, hint = f"{file} is a folder", "path must be the file of a database"
        elif not makes and not file.exists():
            problem, hint = f"there is no file {file}", "check `path`"
        else:
            return
    except OSError as error:
        problem, hint = f"cannot inspect {file}: {error.strerror}", "check `path`"
    raise side(problem, hint=hint, code="HG507" if issubclass(side, HomeError) else "HG516")


def make_folder(file: Path) -> None:
    """Create the folder of a new database; raises `StoreError`."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"cannot create the folder {file.parent}: {error.strerror}",
            hint="check `path`, and that this user has permission to create it",
            code="HG516",
        ) from error


class Busy:
    """The time this process has waited for a file that another process has locked.

    The time is shared by all moves and attempts, and reset when the file could be used.
    """

    def __init__(self) -> None:
        self._since: dict[Path, float] = {}
        self._lock = threading.Lock()

    def is_over(self, file: Path, seconds: float, holder: Callable[[], str]) -> bool:
        """Return whether the wait exceeds `busy_timeout`; logs the lock's holder once."""
        now = time.monotonic()
        with self._lock:
            is_first = file not in self._since
            since = self._since.setdefault(file, now)
        if is_first and seconds >= _SAID_SECONDS:
            log.warning("%s is locked by %s: waiting up to %g s for it", file, holder(), seconds)
        return now - since >= seconds

    def end(self, file: Path) -> None:
        """Reset the wait: the file could be used."""
        if self._since:
            with self._lock:
                self._since.pop(file, None)


busy = Busy()


_turns: dict[Path, threading.Lock] = {}
_turns_lock = threading.Lock()


def turn_of(file: Path) -> threading.Lock:
    """Return the lock under which moves of this process publish into a file, one at a time."""
    with _turns_lock:
        return _turns.setdefault(file.resolve(), threading.Lock())


@contextmanager
def transaction(file: Path, run: Callable[[str], object], begin: str) -> Iterator[None]:
    """Run the block as one transaction, serialized among the moves of this process.

    `run` runs a statement on the connection; `begin` is the one that begins a transaction.
    """
    with turn_of(file):
        run(begin)
        try:
            yield
            run("COMMIT")
        except BaseException:
            with suppress(StoreError):
                run("ROLLBACK")
            raise


def beside(file: Path, table: str) -> Path:
    """Return the name prefix of hygge's own files beside a database.

    It contains a hash of the table's name, which may be longer than a file name.
    """
    key = hashlib.sha256(f"{file.name}\0{table}".encode()).hexdigest()[:16]
    return file.with_name(f".hygge-{key}")


@contextmanager
def place_lock(file: Path, table: str, run_id: str) -> Iterator[None]:
    """Lock a table of a single-file database for one run; the lock file is removed afterwards.

    The lock is advisory: the numbered commits in the database keep two runs apart. Raises
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
        # The last holder removes the file while it still holds the lock.
        stack.callback(_remove, path)
        write_note(descriptor, lock_note(run_id))
        yield


def refuse_written(file: Path, table: str) -> None:
    """Raise what `place_lock` would raise, without taking the lock."""
    try:
        note = holder_of(_lock_of(file, table))
    except OSError as error:
        raise _unwritable(file, error) from error
    if note is not None:
        raise _written(table, note)


def check_writable(file: Path) -> None:
    """Raise `StoreError` where this user cannot create or write the database; creates nothing."""
    folder = file.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        raise _unwritable(file, NotADirectoryError(errno.ENOTDIR, "Not a directory"))
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _unwritable(file, PermissionError(errno.EACCES, "Permission denied"))
    if file.exists() and not os.access(file, os.W_OK):
        raise StoreError(
            f"this user has no permission to write to {file}",
            hint="grant this user write permission for the file, or choose another path",
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
        f"cannot write next to {file}: {error.strerror or error}",
        hint="this user needs write permission for the folder of the database, which also contains "
        "its journal",
        code="HG516",
    )


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Lock the file that has this name now; the lock of a removed file protects nothing."""
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
