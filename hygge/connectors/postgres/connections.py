"""Two kinds of connection to one server: psycopg for queries, ADBC for bulk rows."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from socket import socket
from typing import TYPE_CHECKING, Any

from hygge.connectors.postgres import catalog
from hygge.connectors.postgres.config import PostgresSettings
from hygge.connectors.postgres.faults import SessionError, fault, is_full, is_passing
from hygge.connectors.sql.pool import ConnectionKind
from hygge.connectors.sql.read_timeout import SilentError, new_mark, of_descriptor, of_mark, waiting
from hygge.connectors.sql.server import Server
from hygge.errors import HyggeError

if TYPE_CHECKING:
    from psycopg import Connection

    Control = Connection[tuple[Any, ...]]

_BATCH_OPTION = "adbc.postgresql.batch_size_hint_bytes"
_SET = """
SELECT name, set_config(name, value, false) FROM unnest({names}::text[], {values}::text[])
  AS wanted(name, value) WHERE current_setting(name, true) IS NOT NULL
"""
"""Sets the settings that the server knows; others need a newer version."""
_READ_BACK = """
SELECT name, current_setting(name, true), pg_backend_pid() FROM unnest({names}::text[]) AS q(name)
"""
_SESSION_MODE = (
    "connect to the server directly, or to a pooler that keeps one session for each client "
    "(pgbouncer: pool_mode = session)"
)
_DIFFERENCE = "a pooler in front of the server has dropped or changed it"
_PROBE_SECONDS = 3.0
_WORKS = """
SELECT state = 'active' AND coalesce(wait_event, '') NOT IN ('ClientRead', 'ClientWrite')
FROM pg_stat_activity WHERE pid = $1
"""

Ask = Callable[[str], "list[tuple[Any, ...]]"]
"""Runs one statement and returns its rows."""


class Session:
    """A psycopg connection and its backend pid."""

    def __init__(self, settings: PostgresSettings) -> None:
        self.connection = _logged_in(settings)
        try:
            with waiting(partial(socket_of, self.connection), settings.connect_timeout):
                self.pid = _prepare(self._ask, settings)
            if self.pid != self.connection.info.backend_pid:
                _check_pooler(settings, self.pid)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the session."""
        self.connection.close()

    def _ask(self, sql: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql.encode()).fetchall()


class _UnknownTypesError(Exception):
    """The driver reads texts as bytes, because its query for the types at login failed to match.

    A role with `quote_all_identifiers` needs it off at login. A statement comes too late, and
    poolers may refuse a startup option, so it is set only where it is needed.
    """


class Bulk:
    """An ADBC connection, and what `read_timeout` needs to watch it."""

    def __init__(self, settings: PostgresSettings) -> None:
        self._settings = settings
        self._mark = new_mark()
        try:
            self._log_in("")
        except _UnknownTypesError:
            try:
                self._log_in("-c quote_all_identifiers=off")
            except _UnknownTypesError as error:
                raise SessionError(
                    "quote_all_identifiers is on for this role, and a pooler drops the option "
                    "that turns it off",
                    "ALTER ROLE … SET quote_all_identifiers = off",
                ) from error

    def _log_in(self, said: str) -> None:
        from adbc_driver_postgresql import dbapi

        settings = self._settings
        with waiting(self._socket, settings.connect_timeout):
            self.connection = dbapi.connect(settings.conninfo(self._mark, said=said))
        try:
            with waiting(self._socket, settings.connect_timeout):
                self.pid = _prepare(self._ask, settings)
                self.connection.commit()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the session."""
        self.connection.close()

    def answering(self, longest: float | None = None) -> AbstractContextManager[None]:
        """Cut the connection when its server is silent for too long; see `read_timeout.waiting`."""
        settings = self._settings
        return waiting(
            self._socket,
            settings.read_timeout,
            lambda: _works(settings, self.pid),
            longest=longest,
        )

    def _ask(self, sql: str) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(sql)
            rows = list(cursor.fetchall())
        if any(isinstance(value, bytes) for row in rows for value in row):
            raise _UnknownTypesError
        return rows

    def _socket(self) -> socket | None:
        return of_mark(self._mark)


def control_kind(settings: PostgresSettings) -> ConnectionKind[Session]:
    """Return the kind of connections that run statements, each in its own transaction."""
    return ConnectionKind(
        "control",
        open=lambda: Session(settings),
        is_alive=lambda one: _answers(one.connection, settings),
        reset=lambda one: _reset(one.connection),
        close=lambda one: one.close(),
        is_full=is_full,
    )


def bulk_kind(settings: PostgresSettings) -> ConnectionKind[Bulk]:
    """Return the kind of connections that stream rows, always inside a transaction."""

    def is_alive(one: Bulk) -> bool:
        with one.answering(), one.connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchall()
        one.connection.rollback()
        return True

    return ConnectionKind(
        "bulk",
        open=lambda: Bulk(settings),
        is_alive=is_alive,
        reset=lambda one: one.connection.rollback(),
        close=lambda one: one.close(),
        is_full=is_full,
    )


def _logged_in(settings: PostgresSettings) -> Control:
    import psycopg

    connection = psycopg.connect(settings.conninfo(), autocommit=True)
    # Parameters are $1, $2, so a percent sign in a name needs no escape.
    connection.cursor_factory = psycopg.RawCursor
    return connection


def _prepare(ask: Ask, settings: PostgresSettings) -> int:
    """Set the session's settings, read them back, and return the backend pid.

    Statements set them, not startup `options`, which poolers drop or refuse. Raises `SessionError`
    for a setting that does not persist.
    """
    wanted = settings.session()
    known: dict[str, str] = dict(
        ask(_SET.format(names=_array(wanted), values=_array(wanted.values())))
    )
    pid = 0
    for name, found, number in ask(_READ_BACK.format(names=_array(known))):
        pid = int(number)
        if found != known[name]:
            raise SessionError(
                f"{name} of the session is {found}, not {known[name]}: {_DIFFERENCE}", _SESSION_MODE
            )
    return pid


def _check_pooler(settings: PostgresSettings, pid: int) -> None:
    """Raise `SessionError` for a pooler that shares a server session among clients.

    The pid sent at login was not the server's, so there is a pooler. It would give a second client
    the same session while this one is idle.
    """
    if settings in _proved:
        return
    with suppress(SilentError):
        # A pooler with one session per client may have no other one free, and blocks.
        with _logged_in(settings) as other, waiting(partial(socket_of, other), _PROBE_SECONDS):
            rows = other.execute("SELECT pg_backend_pid()").fetchall()
        if rows == [(pid,)]:
            raise SessionError(
                "a pooler shares sessions of the server between clients, so settings, locks and "
                "snapshots of a session are lost",
                _SESSION_MODE,
            )
    _proved.add(settings)


_proved: set[PostgresSettings] = set()


def _array(texts: Iterable[str]) -> str:
    quoted = ", ".join("'" + text.replace("'", "''") + "'" for text in texts)
    return f"ARRAY[{quoted}]"


def _works(settings: PostgresSettings, pid: int) -> bool:
    """Return whether a session is working on a statement, asked over a new connection."""
    seconds = settings.connect_timeout
    with _logged_in(settings) as other, waiting(partial(socket_of, other), seconds):
        rows = other.execute(_WORKS.encode(), (pid,)).fetchall()
    return bool(rows and rows[0][0])


def socket_of(connection: Control) -> socket | None:
    """Return a duplicate of a connection's socket; None when it is closed."""
    return None if connection.closed else of_descriptor(connection.fileno())


def _answers(connection: Control, settings: PostgresSettings) -> bool:
    with waiting(partial(socket_of, connection), settings.connect_timeout):
        connection.execute("SELECT 1")
    return True


def _reset(connection: Control) -> None:
    if connection.info.transaction_status != 0:
        connection.rollback()
    connection.execute("SELECT pg_advisory_unlock_all()")


@contextmanager
def control(settings: PostgresSettings, side: type[HyggeError]) -> Iterator[Session]:
    """Yield a connection for queries; a slot must be held. Raises `side` with a hint."""
    with settings.pool().lease(_faulty(control_kind(settings), settings, side)) as session:
        yield session


@contextmanager
def bulk(settings: PostgresSettings, side: type[HyggeError]) -> Iterator[Bulk]:
    """Yield a connection for bulk rows; a slot must be held."""
    with settings.pool().lease(_faulty(bulk_kind(settings), settings, side)) as connection:
        yield connection


def _faulty(
    kind: ConnectionKind[Any], settings: PostgresSettings, side: type[HyggeError]
) -> ConnectionKind[Any]:
    opening = kind.open

    def open_one() -> object:
        import adbc_driver_manager
        import psycopg

        try:
            return opening()
        except (psycopg.Error, adbc_driver_manager.Error, OSError, SessionError) as error:
            raise fault(error, side, f"cannot connect to {settings.endpoint()}") from error

    return ConnectionKind(
        kind.name,
        open=open_one,
        is_alive=kind.is_alive,
        reset=kind.reset,
        close=kind.close,
        is_full=kind.is_full,
    )


@contextmanager
def cursor_of(bulk: Bulk, batch_bytes: int | None = None) -> Iterator[Any]:
    """Yield a cursor with batches of about `batch_bytes` bytes, and close it in every case."""
    cursor = bulk.connection.cursor()
    try:
        if batch_bytes is not None:
            cursor.adbc_statement.set_options(**{_BATCH_OPTION: str(batch_bytes)})
        yield cursor
    finally:
        with suppress(Exception):
            cursor.close()


class Rows:
    """Runs statements on a control connection, one at a time; errors are raised as `side`."""

    def __init__(
        self, session: Session, settings: PostgresSettings, side: type[HyggeError], what: str
    ) -> None:
        self.connection = session.connection
        self.pid = session.pid
        self.since: float | None = None
        """When the statement began that runs now, by the monotonic clock."""
        self._settings = settings
        self._side = side
        self._what = what
        self._lock = threading.Lock()

    def __call__(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of one statement."""
        import psycopg

        with self._lock:
            self.since = time.monotonic()
            try:
                with self.answering():
                    cursor = self.connection.execute(sql.encode(), values or None)
                return cursor.fetchall() if cursor.description else []
            except (psycopg.Error, OSError) as error:
                raise fault(error, self._side, self._what) from error
            finally:
                self.since = None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run the block as one transaction."""
        transaction = self.connection.transaction()
        with self.answering():
            transaction.__enter__()
        try:
            yield
        except BaseException as error:
            with self.answering():
                transaction.__exit__(type(error), error, error.__traceback__)
            raise
        with self.answering():
            transaction.__exit__(None, None, None)

    def answering(self) -> AbstractContextManager[None]:
        """Cut the connection when its server is silent for too long; see `read_timeout.waiting`."""
        settings = self._settings
        return waiting(
            partial(socket_of, self.connection),
            settings.read_timeout,
            lambda: _works(settings, self.pid),
        )


class PostgresServer(Server[PostgresSettings, Rows]):
    """A PostgreSQL server."""

    unseen = "tables of a schema without USAGE for this user"

    @contextmanager
    def connected(self, side: type[HyggeError], what: str) -> Iterator[Rows]:
        """Yield a runner of statements; see `Server.connected`."""
        with control(self.settings, side) as session:
            yield Rows(session, self.settings, side, what)

    def default_schema(self, run: Rows) -> str:
        """Return the schema of the settings, or the user's default."""
        return self.settings.schema_ or catalog.default_schema(run)

    def retry_after(self, error: BaseException) -> float | None:
        """Return the seconds after which a retry may help; None for a lasting error."""
        return 0.0 if is_passing(error) else None
