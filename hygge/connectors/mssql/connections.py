"""Connections to one server. Each is open for one move and holds its locks and snapshot."""

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
"""Settings of every session; the driver sets the ANSI options.

Without NOCOUNT the driver takes the row counts of triggers for the statement's, and misses later
errors.
"""


@contextmanager
def connected(settings: MssqlSettings, side: type[HyggeError]) -> Iterator[Connection]:
    """Yield a connection in autocommit mode; a slot must be held."""
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
    """Turn off the driver's own pool: an idle session would keep its locks."""
    import mssql_python

    mssql_python.pooling(enabled=False)


class Rows:
    """Runs statements on a connection, one at a time; errors are raised as `side`."""

    def __init__(self, connection: Connection, side: type[HyggeError], what: str) -> None:
        self.connection = connection
        self._side = side
        self._what = what
        self._lock = threading.Lock()
        for sql in SESSION:
            self(sql)

    def __call__(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of the last statement, after all statements have completed."""
        found: list[tuple[Any, ...]] = []
        with self._cursor(sql, values) as cursor:
            while True:
                if cursor.description:
                    found = [tuple(row) for row in cursor.fetchall()]
                if not cursor.nextset():
                    return found

    def count(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Run one statement; return how many rows it changed, without its triggers."""
        return int(self(f"{sql};\nSELECT ROWCOUNT_BIG()", values)[0][0])

    @contextmanager
    def cursor(self) -> Iterator[Cursor]:
        """Yield a cursor for bulk copy, which opens its own connection and needs no lock."""
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
    """Yield a runner of statements on its own connection; a slot must be held."""
    with connected(settings, side) as connection:
        yield Rows(connection, side, what)


class MssqlServer(Server[MssqlSettings, Rows]):
    """A SQL Server."""

    unseen = "tables that this user may not use"

    def connected(self, side: type[HyggeError], what: str) -> AbstractContextManager[Rows]:
        """Yield a runner of statements; see `Server.connected`."""
        return control(self.settings, side, what)

    def default_schema(self, run: Rows) -> str:
        """Return the schema of the settings, or the user's default."""
        return self.settings.schema_ or str(run(catalog.SCHEMA)[0][0])

    def retry_after(self, error: BaseException) -> float | None:
        """Return the seconds after which a retry may help; None for a lasting error."""
        return retry_after(error)
