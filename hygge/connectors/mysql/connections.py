"""Connections to one server, and the runner of statements on them."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from io import BufferedReader
from socket import socket
from typing import Any, Protocol, cast

from hygge.connectors.mysql.config import READ_BACK, MysqlSettings, difference
from hygge.connectors.mysql.faults import MALFORMED, SessionError, fault, is_full, is_passing
from hygge.connectors.sql.pool import ConnectionKind
from hygge.connectors.sql.read_timeout import keep_alive, of_descriptor, waiting
from hygge.connectors.sql.server import Server
from hygge.errors import HyggeError


class Link(Protocol):
    """A driver connection, with the private members that hygge uses for bulk bytes both ways."""

    open: bool
    server_version: str
    server_thread_id: tuple[int, ...]
    _sock: Any
    _rfile: BufferedReader
    _result: Any

    def cursor(self) -> Any:  # noqa: ANN401
        """Return a cursor."""

    def connect(self) -> None:
        """Log in."""

    def ping(self, reconnect: bool) -> None:
        """Raise unless the server responds."""

    def thread_id(self) -> int:
        """Return the server's id of the session."""

    def rollback(self) -> None:
        """Roll back the open transaction."""

    def show_warnings(self) -> Sequence[tuple[str, int, str]]:
        """Return the warnings of the last statement."""

    def write_packet(self, payload: bytes) -> None:
        """Send one packet."""

    def _execute_command(self, command: int, sql: str | bytes) -> None: ...
    def _read_packet(self) -> Any: ...  # noqa: ANN401
    def _force_close(self) -> None: ...


_TOKENS = re.compile(r"`(?:[^`]|``)*`|'(?:[^'\\]|''|\\.)*'|\?", re.DOTALL)

_ISOLATION = "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ"
"""With a lower isolation level of the server there would be no snapshot. The variable has two names
among servers, so it is not one of the settings.
"""


def _kind(settings: MysqlSettings, side: type[HyggeError]) -> ConnectionKind[Link]:
    import pymysql

    def open_one() -> Link:
        try:
            return _open(settings)
        except (pymysql.MySQLError, OSError, RuntimeError, SessionError) as error:
            raise fault(error, side, f"cannot connect to {settings.endpoint()}") from error

    return ConnectionKind(
        "session",
        open=open_one,
        is_alive=lambda one: _answers(one, settings),
        reset=_reset,
        close=lambda one: one._force_close(),
        is_full=is_full,
    )


def _open(settings: MysqlSettings) -> Link:
    import pymysql
    from pymysql.constants import CLIENT

    # The flag allows LOAD DATA LOCAL. The driver's own `local_infile` stays off, so it refuses a
    # server that requests a local file; `bulk_load` sends only rows that it built. With the other
    # flag an UPDATE counts matched rows, also unchanged ones.
    flags = CLIENT.LOCAL_FILES | CLIENT.FOUND_ROWS
    connection = cast(Link, pymysql.connect(**settings.connecting(), client_flag=flags))
    try:
        with driven(connection), waiting(partial(socket_of, connection), settings.connect_timeout):
            connection.connect()
            _prepare(connection, settings)
    except BaseException:
        connection._force_close()
        raise
    return connection


def _prepare(connection: Link, settings: MysqlSettings) -> None:
    """Set the session's settings and read them back; raises `SessionError`."""
    keep_alive(connection._sock)
    cursor = connection.cursor()
    # A proxy may have sent its own connection id at login.
    cursor.execute("SELECT CONNECTION_ID()")
    connection.server_thread_id = (int(cursor.fetchall()[0][0]),)
    cursor.execute(_ISOLATION)
    seconds = settings.statement_timeout
    is_maria = "maria" in (connection.server_version or "").lower()
    # The server's own settings of the session differ from the project's.
    name = f"max_statement_time = {seconds or 0}"
    if not is_maria:
        name = f"max_execution_time = {round((seconds or 0) * 1000)}"
    cursor.execute(f"SET SESSION {name}")
    cursor.execute(READ_BACK)
    if (problem := difference(cursor.fetchall())) is not None:
        raise SessionError(problem)


@contextmanager
def driven(connection: Link) -> Iterator[None]:
    """Run driver code; any exception it raises while parsing a truncated answer becomes its error.

    Only driver calls belong inside the block.
    """
    import pymysql

    try:
        yield
    except (pymysql.MySQLError, OSError, RuntimeError, SessionError):
        raise
    except Exception as error:
        connection._force_close()
        text = f"the response of the server was truncated, or is not MySQL ({type(error).__name__})"
        raise pymysql.OperationalError(MALFORMED, text) from error


def answering(
    connection: Link, settings: MysqlSettings, longest: float | None = None
) -> AbstractContextManager[None]:
    """Cut the connection when its server is silent for too long; see `read_timeout.waiting`."""
    number = connection.thread_id()
    return waiting(
        partial(socket_of, connection),
        settings.read_timeout,
        lambda: _works(settings, number),
        longest=longest,
    )


def socket_of(connection: Link) -> socket | None:
    """Return a duplicate of a connection's socket; None when there is none."""
    wire = connection._sock
    return None if wire is None else of_descriptor(wire.fileno())


_WORKS = """
SELECT command IN ('Query', 'Execute')
  AND coalesce(state, '') NOT IN ('Writing to net', 'Sending to client', 'ColumnReading from net')
FROM information_schema.processlist WHERE id = {number}
"""


def _works(settings: MysqlSettings, number: int) -> bool:
    """Return whether a session is working on a statement, asked over a new connection."""
    other = _open(settings)
    try:
        with waiting(partial(socket_of, other), settings.connect_timeout), other.cursor() as cursor:
            cursor.execute(_WORKS.format(number=number))
            rows = cursor.fetchall()
    finally:
        other._force_close()
    return bool(rows and rows[0][0])


def _answers(connection: Link, settings: MysqlSettings) -> bool:
    with waiting(partial(socket_of, connection), settings.connect_timeout):
        connection.ping(reconnect=False)
    return True


def _reset(connection: Link) -> None:
    connection.rollback()
    connection.cursor().execute("SELECT RELEASE_ALL_LOCKS()")


@contextmanager
def session(settings: MysqlSettings, side: type[HyggeError]) -> Iterator[Link]:
    """Yield a connection; a slot must be held. Raises `side` with a hint."""
    with settings.pool().lease(_kind(settings, side)) as connection:
        yield connection


class Rows:
    """Runs statements on a connection, one at a time; errors are raised as `side`.

    `?` outside of quotes is a parameter.
    """

    def __init__(
        self, connection: Link, settings: MysqlSettings, side: type[HyggeError], what: str
    ) -> None:
        self.connection = connection
        self.settings = settings
        self._side = side
        self._what = what
        self._lock = threading.Lock()

    def __call__(self, sql: str, values: Sequence[str | int] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of one statement."""
        with self._lock:
            return self._run(sql, values)[0]

    def ask_if_free(self) -> None:
        """Run a trivial query unless a statement is running, to keep the session alive."""
        if self._lock.acquire(blocking=False):
            try:
                self._run("DO 0", ())
            finally:
                self._lock.release()

    def change(self, sql: str, values: Sequence[str | int] = ()) -> tuple[int, int]:
        """Return how many rows a statement changed, and the number of warnings."""
        with self._lock:
            return self._run(sql, values)[1:]

    def _run(self, sql: str, values: Sequence[str | int]) -> tuple[list[tuple[Any, ...]], int, int]:
        import pymysql

        connection, statement = self.connection, _filled(sql, values) if values else sql
        try:
            with (
                answering(connection, self.settings),
                driven(connection),
                connection.cursor() as cursor,
            ):
                cursor.execute(statement)
                result = connection._result
                warned = 0 if result is None else int(result.warning_count or 0)
                return list(cursor.fetchall()), int(cursor.rowcount), warned
        except (pymysql.MySQLError, OSError) as error:
            raise fault(error, self._side, self._what) from error


def _filled(sql: str, values: Sequence[str | int]) -> str:
    """Return a statement with parameters replaced by literals, outside of quotes."""
    rest = iter(values)
    return _TOKENS.sub(lambda token: _literal(next(rest)) if token[0] == "?" else token[0], sql)


def _literal(value: str | int) -> str:
    if isinstance(value, int):
        return str(value)
    # The session's sql_mode has no NO_BACKSLASH_ESCAPES, see `settings`.
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


class MysqlServer(Server[MysqlSettings, Rows]):
    """A server of MySQL or MariaDB."""

    unseen = "tables that this user may not read"

    @contextmanager
    def connected(self, side: type[HyggeError], what: str) -> Iterator[Rows]:
        """Yield a runner of statements; see `Server.connected`."""
        with session(self.settings, side) as connection:
            yield Rows(connection, self.settings, side, what)

    def default_schema(self, run: Rows) -> str:
        """Return the database of the settings."""
        return self.settings.endpoint().database or ""

    def retry_after(self, error: BaseException) -> float | None:
        """Return the seconds after which a retry may help; None for a lasting error."""
        return 0.0 if is_passing(error) else None
