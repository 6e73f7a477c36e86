"""Connections to a SQLite file, all through one driver.

Two copies of SQLite in one process would drop each other's locks
(https://www.sqlite.org/howtocorrupt.html, 2.2.1).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import quote as percent

from hygge.connectors.sql.file_database import busy, check_file
from hygge.connectors.sqlite.faults import BusyError, fault
from hygge.errors import HyggeError
from hygge.runtime.processes import described, holders

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Connection

T = TypeVar("T")
Access = Literal["ro", "rw", "rwc"]
"""`rwc` creates the file where there is none."""

_ROWS_OPTION = "adbc.sqlite.query.batch_rows"
_TURN_SECONDS = 1.0
"""Seconds that SQLite waits for a lock before hygge looks for its holder."""
_ANSWER_ROWS = 2**16
"""Maximum rows of a result: the driver infers types from its first batch, so one batch holds all
rows.
"""


def uri(file: Path, access: Access) -> str:
    """Return the SQLite URI of a file."""
    return f"file:{percent(str(file))}?mode={access}"


def connect(file: Path, access: Access, side: type[HyggeError], seconds: float) -> Connection:
    """Return a connection in autocommit mode.

    Functions in the file's schema are not trusted (`trusted_schema`). Raises `side`.
    """
    try:
        return _connected(file, access, side, seconds)
    except side as error:
        if access != "ro" or "readonly database" not in error.message:
            raise
    # A writer crashed. The next connection that opens the file for writing rolls it back.
    with suppress(HyggeError):
        _connected(file, "rw", side, seconds).close()
    return _connected(file, access, side, seconds)


def _connected(file: Path, access: Access, side: type[HyggeError], seconds: float) -> Connection:
    import adbc_driver_manager
    from adbc_driver_sqlite import dbapi

    what = f"cannot open {file}"
    check_file(file, side, makes=access == "rwc")
    try:
        connection = dbapi.connect(uri(file, access), autocommit=True)
    except adbc_driver_manager.Error as error:
        text = "unable to open database file" if "memory" in str(error) else str(error)
        raise fault(OSError(text), side, what) from error
    try:
        with connection.cursor() as cursor:
            for pragma in (
                f"busy_timeout={round(min(seconds, _TURN_SECONDS) * 1000)}",
                "trusted_schema=OFF",
                "cell_size_check=ON",
                "foreign_keys=OFF",
                "synchronous=FULL",
                # After a rename, views keep referring to the old name.
                "legacy_alter_table=ON",
            ):
                patiently(partial(cursor.execute, f"PRAGMA {pragma}"), file, seconds)
            patiently(partial(_look, cursor), file, seconds)
    except (adbc_driver_manager.Error, OSError, BusyError) as error:
        connection.close()
        raise fault(error, side, what) from error
    return connection


def connect_to_nothing() -> Connection:
    """Return a connection to an empty in-memory database."""
    from adbc_driver_sqlite import dbapi

    return dbapi.connect(":memory:", autocommit=True)


def _look(cursor: Any) -> None:  # noqa: ANN401
    cursor.execute("SELECT count(*) FROM sqlite_schema")
    cursor.fetchall()


def patiently(act: Callable[[], T], file: Path, seconds: float) -> T:
    """Retry an action while the file is locked, for so many seconds.

    SQLite itself would wait silently. Raises `BusyError`, which a retry does not fix.
    """
    import adbc_driver_manager

    while True:
        try:
            done = act()
        except adbc_driver_manager.Error as error:
            if "database is locked" not in str(error):
                raise
            holder = partial(_holder, file)
            if busy.is_over(file, seconds, holder):
                text = f"database is locked, by {holder()}, for {seconds:g} s"
                raise BusyError(text) from error
        else:
            busy.end(file)
            return done


def _holder(file: Path) -> str:
    found = holders([file, Path(f"{file}-shm")])
    return ", ".join(map(described, found[:2])) or "another program"


@contextmanager
def cursor_of(connection: Connection, batch_rows: int = _ANSWER_ROWS) -> Iterator[Any]:
    """Yield a cursor with batches of so many rows, and close it in every case."""
    cursor = connection.cursor()
    try:
        cursor.adbc_statement.set_options(**{_ROWS_OPTION: str(batch_rows)})
        yield cursor
    finally:
        with suppress(Exception):
            cursor.close()


class Rows:
    """Runs statements on a connection, one at a time; errors are raised as `side`."""

    def __init__(
        self,
        connection: Connection,
        side: type[HyggeError],
        what: str,
        *,
        file: Path,
        seconds: float,
    ) -> None:
        """`seconds` is how long to wait while another program has the file locked."""
        self.connection = connection
        self._side = side
        self._what = what
        self._file = file
        self._seconds = seconds
        self._lock = threading.Lock()

    def __call__(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of one statement."""
        import adbc_driver_manager

        def run() -> list[tuple[Any, ...]]:
            with cursor_of(self.connection) as cursor:
                cursor.execute(sql, tuple(values) or None)
                return cursor.fetchall() if cursor.description else []

        with self._lock:
            try:
                return patiently(run, self._file, self._seconds)
            except (adbc_driver_manager.Error, OSError, BusyError) as error:
                raise fault(error, self._side, self._what) from error
