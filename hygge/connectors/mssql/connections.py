"""Connections to one server, each open for one move: they hold its locks and its snapshot."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from hygge.connectors.mssql import catalog
from hygge.connectors.mssql.config import MssqlSettings
from hygge.connectors.mssql.faults import drivers_errors, fault, retry_after
from hygge.connectors.sql.server import Server
from hygge.errors import HyggeError

if TYPE_CHECKING:
    from mssql_python import Connection, Cursor

ROLLBACK = "IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION"
LOCK_SECONDS = 30
SESSION = (
    "SET XACT_ABORT ON",
    "SET NOCOUNT ON",
    f"SET LOCK_TIMEOUT {LOCK_SECONDS * 1000}",
)
"""What every session sets; the driver itself turns on what ANSI wants.

Where triggers count rows aloud, the driver takes their counts for the statement's, and does not
see what fails after them.
"""


@contextmanager
def connected(settings: MssqlSettings, side: type[HyggeError]) -> Iterator[Connection]:
    """Yield a connection, each statement its own transaction; a right to it must be held."""
    import mssql_python

    _unpooled()
    try:
        connection = mssql_python.connect(
            settings.connection(), autocommit=True, timeout=max(round(settings.connect_timeout), 1)
        )
        if settings.statement_timeout is not None:
            connection.timeout = max(round(settings.statement_timeout), 1)
    except drivers_errors() as error:
        raise fault(error, side, f"cannot connect to {settings.endpoint()}") from error
    try:
        yield connection
    finally:
        with suppress(Exception):
            connection.close()


@cache
def _unpooled() -> None:
    """Keep no session of the driver's own open: it would keep its locks."""
    import mssql_python

    mssql_python.pooling(enabled=False)


class Rows:
    """Runs statements on a connection, one at a time, its errors as `side`."""

    def __init__(self, connection: Connection, side: type[HyggeError], what: str) -> None:
        self.connection = connection
        self._side = side
        self._what = what
        self._lock = threading.Lock()
        for sql in SESSION:
            self(sql)

    def __call__(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of one statement, of several the last one's; all are at their end."""
        found: list[tuple[Any, ...]] = []
        with self._cursor(sql, values) as cursor:
            while True:
                if cursor.description:
                    found = [tuple(row) for row in cursor.fetchall()]
                if not cursor.nextset():
                    return found

    def count(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Run one statement; return how many rows it has changed itself, without its triggers."""
        return int(self(f"{sql};\nSELECT ROWCOUNT_BIG()", values)[0][0])

    @contextmanager
    def cursor(self) -> Iterator[Cursor]:
        """Yield a cursor for bulk copy, which makes a connection of its own and needs no turn."""
        with self._lock:
            cursor = self.connection.cursor()
        try:
            yield cursor
        finally:
            with self._lock, suppress(Exception):
                cursor.close()

    @contextmanager
    def _cursor(self, sql: str, values: Sequence[Any]) -> Iterator[Cursor]:
        with self._lock:
            try:
                cursor = self.connection.cursor()
                try:
                    cursor.execute(sql, *([tuple(values)] if values else []))
                    yield cursor
                finally:
                    cursor.close()
            except drivers_errors() as error:
                raise fault(error, self._side, self._what) from error


@contextmanager
def control(settings: MssqlSettings, side: type[HyggeError], what: str) -> Iterator[Rows]:
    """Yield what runs statements on a connection of its own; a right to it must be held."""
    with connected(settings, side) as connection:
        yield Rows(connection, side, what)


class MssqlServer(Server[MssqlSettings, Rows]):
    """A SQL Server."""

    unseen = "tables that this user may not use"

    def connected(self, side: type[HyggeError], what: str) -> AbstractContextManager[Rows]:
        """Yield what runs statements; see `Server.connected`."""
        return control(self.settings, side, what)

    def default_schema(self, run: Rows) -> str:
        """Return the schema that the settings name, or the user's own."""
        return self.settings.schema_ or str(run(catalog.SCHEMA)[0][0])

    def retry_after(self, error: BaseException) -> float | None:
        """Return after how many seconds trying again may help."""
        return retry_after(error)
