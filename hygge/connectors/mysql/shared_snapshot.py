"""Several connections that see the same state of a table, each under its own snapshot.

MySQL cannot export a snapshot. While a table is locked against writers and no transaction that
wrote it is open, all snapshots show the same rows. So one more connection locks the table for the
moment in which the others begin (docs/decisions/0019-mysql-from-its-own-packets.md).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import product
from uuid import uuid4

from hygge.connectors.mysql.config import MysqlSettings
from hygge.connectors.mysql.connections import Link, Rows, answering, driven, session
from hygge.connectors.mysql.faults import code_of, fault, message_of
from hygge.connectors.sql.pool import Pool
from hygge.errors import HomeError

_REPEATABLE = "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ"
"""On any other isolation level the server ignores WITH CONSISTENT SNAPSHOT."""
_SNAPSHOT = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"

_WAIT_SECONDS = 1
"""The minimum of MySQL's lock_wait_timeout. A session waiting for this lock blocks new writers."""
_HOLD_SECONDS = 3
"""wait_timeout of the locking session: the server ends it, and its lock, after so many seconds of
silence, so writers continue whatever happens to this process or the network.
"""
_BRIEFLY = (
    f"SET SESSION autocommit = 0, innodb_table_locks = 1, wait_timeout = {_HOLD_SECONDS}, "
    f"lock_wait_timeout = {_WAIT_SECONDS}, innodb_lock_wait_timeout = {_WAIT_SECONDS}"
)
"""Without autocommit InnoDB locks the table too. Transactions that were prepared before a restart
hold InnoDB locks only.
"""
_NO_RIGHT = "this user has no LOCK TABLES privilege"
_FULL = "the server refuses more connections"
_REASONS = {
    1044: _NO_RIGHT,
    1142: _NO_RIGHT,
    1205: f"other sessions have been writing to it for more than {_WAIT_SECONDS} s",
    1040: _FULL,
    1203: _FULL,
    1226: _FULL,
}


class SingleConnectionError(Exception):
    """An entity must be read over one connection; the message says why."""

    def __init__(self, reason: str, level: int = logging.INFO) -> None:
        super().__init__(reason)
        self.level = level
        """Level of `logging` at which it is reported."""


def begin(run: Rows) -> None:
    """Begin a transaction with a consistent snapshot."""
    run(_REPEATABLE)
    run(_SNAPSHOT)


class Readers:
    """Connections that see the same rows, each lent to one reader at a time."""

    def __init__(self, settings: MysqlSettings, first: Rows, entity: str) -> None:
        self._settings = settings
        self._first = first
        self._entity = entity
        self._free = [first]
        self._lock = threading.Lock()
        self._opened = ExitStack()

    def share(self, table: str, wanted: int) -> int:
        """Open up to `wanted` connections under one state of a table; return their number.

        The first connection takes a new snapshot too. Raises `SingleConnectionError` where no other
        can join.
        """
        pool = self._settings.pool()
        with _spared(pool, 1) as right, ExitStack() as opened:
            more = opened.enter_context(_spared(pool, wanted - 1))
            if not right or not more:
                raise SingleConnectionError("other moves use the connections of max_connections")
            try:
                others = [self._open(opened) for _ in range(more)]
                with self._locked(table, others):
                    _begin_at_once([self._first, *others])
            except HomeError as error:
                raise SingleConnectionError(_reason(error)) from error
            self._free += others
            self._opened = opened.pop_all()
        return len(self._free)

    def _open(self, opened: ExitStack) -> Rows:
        connection = opened.enter_context(session(self._settings, HomeError))
        run = Rows(connection, self._settings, HomeError, f"cannot read {self._entity}")
        run(_REPEATABLE)
        return run

    @contextmanager
    def _locked(self, table: str, others: Sequence[Rows]) -> Iterator[None]:
        """Lock a table against writers; raises where the lock turns out not to have held."""
        with session(self._settings, HomeError) as connection:
            run = Rows(connection, self._settings, HomeError, f"cannot lock {self._entity}")
            try:
                _check_same_server(run, [self._first, *others])
                run(_BRIEFLY)
                run(f"LOCK TABLES {table} READ")
                yield
                # The session still answers, so the lock was held all the time.
                run("UNLOCK TABLES")
            finally:
                connection._force_close()

    def take(self) -> Rows:
        """Return a connection for one reader, which must give it back or close it."""
        with self._lock:
            if not self._free:
                raise HomeError(f"{self._entity} was not read, and its snapshot no longer exists")
            return self._free.pop()

    def give_back(self, run: Rows) -> None:
        """Return a connection after all its rows were read."""
        with self._lock:
            self._free.append(run)

    def close(self) -> None:
        """End the snapshots of all connections but the first."""
        self._opened.close()


@contextmanager
def _spared(pool: Pool, wanted: int) -> Iterator[int]:
    taken = pool.spare(wanted)
    try:
        yield taken
    finally:
        pool.release(taken)


def _check_same_server(run: Rows, others: Sequence[Rows]) -> None:
    """Raise `SingleConnectionError` where one address stands for several servers."""
    name = f"hygge:{uuid4().hex}"
    run("SELECT GET_LOCK(?, 0)", (name,))
    if any(other("SELECT IS_USED_LOCK(?)", (name,))[0][0] is None for other in others):
        raise SingleConnectionError("several servers answer at its address")


def _begin_at_once(sessions: Sequence[Rows]) -> None:
    """Begin a snapshot on each connection with one network round trip for all."""
    import pymysql
    from pymysql.constants import COMMAND

    def ask(one: Link) -> None:
        one._execute_command(COMMAND.COM_QUERY, _SNAPSHOT)

    def receive(one: Link) -> None:
        one._read_packet()

    errors: list[Exception] = []
    for act, run in product((ask, receive), sessions):
        try:
            with answering(run.connection, run.settings), driven(run.connection):
                act(run.connection)
        except (pymysql.MySQLError, OSError) as error:
            errors.append(error)
    if errors:
        raise fault(errors[0], HomeError, "cannot begin a snapshot") from errors[0]


def _reason(error: HomeError) -> str:
    cause = error.__cause__ or error
    return _REASONS.get(code_of(cause)) or f"it cannot be locked: {message_of(cause)}"
