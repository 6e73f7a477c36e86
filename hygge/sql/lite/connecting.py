"""Connections to a SQLite file, all through one driver: two copies of SQLite in one process would
drop each other's locks (https://www.sqlite.org/howtocorrupt.html, 2.2.1)."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote as percent

from hygge.errors import HyggeError
from hygge.sql.embedded import check_file
from hygge.sql.lite.faults import fault

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Connection

Access = Literal["ro", "rw", "rwc"]
"""`rwc` makes the file where there is none."""

_ROWS_OPTION = "adbc.sqlite.query.batch_rows"
_ANSWER_ROWS = 2**16
"""Rows of one answer: the driver takes types from its first batch, so that is all of it."""


def uri(file: Path, access: Access) -> str:
    """Return a file as SQLite wants it named."""
    return f"file:{percent(str(file))}?mode={access}"


def connect(file: Path, access: Access, side: type[HyggeError], seconds: float) -> Connection:
    """Return a connection on which every statement is its own transaction.

    It trusts nothing that the file's schema says, and waits so long for locks. Raises `side`.
    """
    try:
        return _connected(file, access, side, seconds)
    except side as error:
        if access != "ro" or "readonly database" not in error.message:
            raise
    # A writer died. Whoever opens the file for writing takes back what it had begun.
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
                f"busy_timeout={round(seconds * 1000)}",
                "trusted_schema=OFF",
                "cell_size_check=ON",
                "foreign_keys=OFF",
                "synchronous=FULL",
                # A renamed table is a new one that views know by the old one's name.
                "legacy_alter_table=ON",
            ):
                cursor.execute(f"PRAGMA {pragma}")
            cursor.execute("SELECT count(*) FROM sqlite_schema")
            cursor.fetchall()
    except (adbc_driver_manager.Error, OSError) as error:
        connection.close()
        raise fault(error, side, what) from error
    return connection


def connect_to_nothing() -> Connection:
    """Return a connection to an empty database that is no file."""
    from adbc_driver_sqlite import dbapi

    return dbapi.connect(":memory:", autocommit=True)


@contextmanager
def cursor_of(connection: Connection, batch_rows: int = _ANSWER_ROWS) -> Iterator[Any]:
    """Yield a cursor, its batches of so many rows, and close it whatever happens."""
    cursor = connection.cursor()
    try:
        cursor.adbc_statement.set_options(**{_ROWS_OPTION: str(batch_rows)})
        yield cursor
    finally:
        with suppress(Exception):
            cursor.close()


class Rows:
    """Runs statements on a connection, one at a time, its errors as `side`."""

    def __init__(self, connection: Connection, side: type[HyggeError], what: str) -> None:
        self.connection = connection
        self._side = side
        self._what = what
        self._lock = threading.Lock()

    def __call__(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of one statement."""
        import adbc_driver_manager

        with self._lock:
            try:
                with cursor_of(self.connection) as cursor:
                    cursor.execute(sql, tuple(values) or None)
                    return cursor.fetchall() if cursor.description else []
            except (adbc_driver_manager.Error, OSError) as error:
                raise fault(error, self._side, self._what) from error
