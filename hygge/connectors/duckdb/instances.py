"""Open DuckDB files: one instance per file in this process, shared by all moves.

DuckDB lets one process write a file, or several read it. Within a process all connections must be
cursors of one instance, which is open while any move needs it.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hygge.connectors.duckdb.faults import fault
from hygge.connectors.duckdb.listing import Listing
from hygge.connectors.sql.file_database import busy
from hygge.errors import HomeError, HyggeError, StoreError
from hygge.runtime.processes import described

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Connection

_POLL_SECONDS = 0.2
_NEW_BYTES = 3 * 4096
"""Size in bytes of the headers of a DuckDB file."""
_NEW_SECONDS = 3.0
_HOLDER = re.compile(r"Conflicting lock is held in (\S+) \(PID (\d+)\)")
_CONFIG: dict[str, Any] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "enable_external_access": "false",
}
"""No query of a project and no view of the file may access the disk or the network."""


@dataclass(slots=True)
class _Open:
    root: Connection
    writes: bool
    users: int = 0
    places: dict[str, str] = field(default_factory=dict)
    """Run id of the writer, by table name."""
    listing: Listing = field(default_factory=Listing)


_open: dict[Path, _Open] = {}
_changed = threading.Condition()


@contextmanager
def instance(
    file: Path, side: type[HyggeError], what: str, *, writes: bool, seconds: float, memory: int
) -> Iterator[tuple[Connection, Listing]]:
    """Yield a cursor of the file's instance, and the list of its tables that all moves share.

    Waits while another process has the file.

    A reader opens the file read-only, unless it is already open for writing.
    """
    key = file.resolve()
    wish = _Wish(key, side, what, writes, memory, seconds, time.monotonic() + seconds)
    opened = _enter(wish)
    try:
        cursor = opened.root.cursor()
        try:
            yield cursor, opened.listing
        finally:
            cursor.close()
    finally:
        with _changed:
            opened.users -= 1
            if not opened.users:
                del _open[key]
                opened.root.close()
            _changed.notify_all()


@dataclass(frozen=True, slots=True)
class _Wish:
    file: Path
    side: type[HyggeError]
    what: str
    writes: bool
    memory: int
    seconds: float
    deadline: float

    @property
    def is_late(self) -> bool:
        return time.monotonic() >= self.deadline

    def refuse(self, what: str, hint: str) -> HyggeError:
        """Return the error for a file that was not free in time."""
        code = "HG507" if issubclass(self.side, HomeError) else "HG516"
        return self.side(f"{self.what}: cannot open {self.file}: {what}", hint=hint, code=code)


def _enter(wish: _Wish) -> _Open:
    with _changed:
        while (opened := _found(wish)) is None:
            _changed.wait(_POLL_SECONDS)
        opened.users += 1
        return opened


def _found(wish: _Wish) -> _Open | None:
    """Return the open file; None when it is not free yet. Raises after the timeout."""
    opened = _open.get(wish.file)
    if opened is None:
        return _try(wish)
    if opened.writes or not wish.writes:
        return opened
    if not wish.is_late:
        return None
    raise wish.refuse(
        "another move of this run has opened it read-only",
        "run the flows one after the other with  after:, or raise busy_timeout",
    )


def _try(wish: _Wish) -> _Open | None:
    """Open a file; return None when another process has it and the timeout is not over."""
    import duckdb

    config = {**_CONFIG, "memory_limit": f"{wish.memory // 1000}KB"}
    try:
        root = duckdb.connect(str(wish.file), read_only=not wish.writes, config=config)
    except duckdb.Error as error:
        holder = _HOLDER.search(str(error))
        if holder is None and _is_being_made(wish.file, error):
            return None
        if holder is None:
            raise fault(error, wish.side, f"{wish.what}: cannot open {wish.file}") from error
        who = described(int(holder[2]))
        if not busy.is_over(wish.file, wish.seconds, lambda: who):
            return None
        # No cause, so that the error is not retried after the long wait.
        raise wish.refuse(
            f"{who} has had it open for {wish.seconds:g} s",
            "in DuckDB only one process at a time can write to a file: end that process, or raise "
            "busy_timeout",
        ) from None
    busy.end(wish.file)
    root.execute("SET GLOBAL TimeZone = 'UTC'")
    root.execute("SET lock_configuration = true")
    _open[wish.file] = opened = _Open(root, wish.writes)
    return opened


def _is_being_made(file: Path, error: Exception) -> bool:
    """Return whether a file is not a database yet, because another process is creating it."""
    if "not a valid DuckDB database" not in str(error):
        return False
    try:
        found = file.stat()
    except OSError:
        return True
    return found.st_size <= _NEW_BYTES and time.time() - found.st_mtime < _NEW_SECONDS


@contextmanager
def place(file: Path, table: str, run_id: str) -> Iterator[None]:
    """Lock a table of an open file for one run; no other process can have the file open."""
    with _changed:
        places = _open[file.resolve()].places
        holder = places.get(table)
        if holder is not None:
            raise StoreError(
                f"{table} is being written by run {holder}",
                hint="wait until that run has ended, or stop it",
                code="HG543",
            )
        places[table] = run_id
    try:
        yield
    finally:
        with _changed:
            del places[table]


def cursor_of_open(file: Path) -> Connection | None:
    """Return a cursor of a file that this process has open; None otherwise."""
    with _changed:
        opened = _open.get(file.resolve())
        return None if opened is None else opened.root.cursor()


@contextmanager
def in_memory() -> Iterator[Connection]:
    """Yield an in-memory connection, to query DuckDB's types."""
    import duckdb

    with duckdb.connect(":memory:", config=_CONFIG) as connection:
        yield connection
