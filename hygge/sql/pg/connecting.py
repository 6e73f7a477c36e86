"""Two kinds of connection to one server: psycopg for questions, ADBC for rows in bulk."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from hygge.errors import HyggeError
from hygge.sql.pg import catalog
from hygge.sql.pg.faults import fault, is_passing
from hygge.sql.pg.settings import PgSettings
from hygge.sql.pool import Kind
from hygge.sql.serving import Server

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Connection as Bulk
    from psycopg import Connection

    Control = Connection[tuple[Any, ...]]

_NOTICES_SINCE = 140000
_BATCH_OPTION = "adbc.postgresql.batch_size_hint_bytes"


def control_kind(settings: PgSettings) -> Kind[Control]:
    """Return connections that run statements one by one, each its own transaction."""
    import psycopg

    def open_one() -> Control:
        connection = psycopg.connect(settings.conninfo(), autocommit=True, application_name="hygge")
        # Parameters are $1, $2: a percent sign in a name stays one.
        connection.cursor_factory = psycopg.RawCursor
        if connection.info.server_version >= _NOTICES_SINCE:
            # A server does not do for minutes what a run that was killed had asked for.
            with suppress(psycopg.Error):
                connection.execute("SET client_connection_check_interval = '5s'")
        return connection

    return Kind(
        "control", open=open_one, is_alive=_answers, reset=_reset, close=lambda one: one.close()
    )


def bulk_kind(settings: PgSettings) -> Kind[Bulk]:
    """Return connections that stream rows, always inside a transaction."""
    from adbc_driver_postgresql import dbapi

    def is_alive(connection: Bulk) -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchall()
        connection.rollback()
        return True

    return Kind(
        "bulk",
        open=lambda: dbapi.connect(settings.conninfo()),
        is_alive=is_alive,
        reset=lambda one: one.rollback(),
        close=lambda one: one.close(),
    )


def _answers(connection: Control) -> bool:
    connection.execute("SELECT 1")
    return True


def _reset(connection: Control) -> None:
    if connection.info.transaction_status != 0:
        connection.rollback()
    connection.execute("SELECT pg_advisory_unlock_all()")


@contextmanager
def control(settings: PgSettings, side: type[HyggeError]) -> Iterator[Control]:
    """Yield a connection for questions; a right to it must be held. Raises `side` with a hint."""
    with settings.pool().lease(_faulty(control_kind(settings), settings, side)) as connection:
        yield connection


@contextmanager
def bulk(settings: PgSettings, side: type[HyggeError]) -> Iterator[Bulk]:
    """Yield a connection for rows in bulk; a right to it must be held."""
    with settings.pool().lease(_faulty(bulk_kind(settings), settings, side)) as connection:
        yield connection


def _faulty(kind: Kind[Any], settings: PgSettings, side: type[HyggeError]) -> Kind[Any]:
    opening = kind.open

    def open_one() -> object:
        import adbc_driver_manager
        import psycopg

        try:
            return opening()
        except (psycopg.Error, adbc_driver_manager.Error) as error:
            raise fault(error, side, f"cannot connect to {settings.endpoint()}") from error

    return Kind(
        kind.name, open=open_one, is_alive=kind.is_alive, reset=kind.reset, close=kind.close
    )


@contextmanager
def cursor_of(connection: Bulk, batch_bytes: int | None = None) -> Iterator[Any]:
    """Yield a cursor, its batches of about so many bytes, and close it whatever happens."""
    cursor = connection.cursor()
    try:
        if batch_bytes is not None:
            cursor.adbc_statement.set_options(**{_BATCH_OPTION: str(batch_bytes)})
        yield cursor
    finally:
        with suppress(Exception):
            cursor.close()


class Rows:
    """Runs statements on a control connection, one at a time, its errors as `side`."""

    def __init__(self, connection: Control, side: type[HyggeError], what: str) -> None:
        self.connection = connection
        self._side = side
        self._what = what
        self._lock = threading.Lock()

    def __call__(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of one statement."""
        import psycopg

        with self._lock:
            try:
                cursor = self.connection.execute(sql.encode(), values or None)
                return cursor.fetchall() if cursor.description else []
            except psycopg.Error as error:
                raise fault(error, self._side, self._what) from error


class PgServer(Server[PgSettings, Rows]):
    """A PostgreSQL server."""

    unseen = "tables of a schema that this user may not use"

    @contextmanager
    def connected(self, side: type[HyggeError], what: str) -> Iterator[Rows]:
        """Yield what runs statements; see `Server.connected`."""
        with control(self.settings, side) as connection:
            yield Rows(connection, side, what)

    def default_schema(self, run: Rows) -> str:
        """Return the schema that the settings name, or the user's own."""
        return self.settings.schema_ or catalog.default_schema(run)

    def is_passing(self, error: BaseException) -> bool:
        """Return whether trying again may help."""
        return is_passing(error)
