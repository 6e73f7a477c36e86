"""Other sessions of the server: holders of a table, and open transactions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from hygge.connectors.mysql.connections import Rows, session
from hygge.connectors.mysql.faults import LOCKED, code_of
from hygge.connectors.sql.lock_holders import LockHolder
from hygge.errors import HomeError, HyggeError
from hygge.runtime.processes import label

if TYPE_CHECKING:
    from hygge.connectors.mysql.config import MysqlSettings

_OPEN = """
SELECT p.id, p.user, p.command, TIMESTAMPDIFF(SECOND, t.trx_started, NOW())
FROM information_schema.innodb_trx t JOIN information_schema.processlist p
  ON p.id = t.trx_mysql_thread_id
WHERE p.id <> CONNECTION_ID() ORDER BY t.trx_started LIMIT 3
"""
_BUSY = """
SELECT id, user, command, time FROM information_schema.processlist
WHERE id <> CONNECTION_ID() AND db = DATABASE() ORDER BY time DESC LIMIT 3
"""
"""For users without the privilege PROCESS, which see only their own sessions."""


def name_of(run_id: str, session: int) -> str:
    """Return what a session stores about itself when it locks a table."""
    return f"{run_id} {label()} {session}"


def holder_of(session: int, written: str) -> LockHolder:
    """Return the holder of a lock from what was stored last."""
    run_id, _, rest = written.partition(" ")
    process, _, number = rest.partition(" ")
    return LockHolder(
        run_id,
        process if number == str(session) else "",
        f"server connection {session}",
        f"KILL CONNECTION {session}",
    )


@contextmanager
def naming_holders(settings: MysqlSettings) -> Iterator[None]:
    """Add the open transactions to a lock timeout error."""
    try:
        yield
    except HyggeError as error:
        is_locked = error.__cause__ is not None and code_of(error.__cause__) in LOCKED
        if is_locked and (holders := open_ones(settings)):
            error.add_note(f"open transactions: {holders}")
        raise


def open_ones(settings: MysqlSettings) -> str:
    """Return a description of the oldest transactions; empty where they are not listed."""
    rows: list[tuple[Any, ...]] = []
    with suppress(HyggeError), session(settings, HomeError) as connection:
        run = Rows(connection, settings, HomeError, "cannot look for transactions")
        try:
            rows = run(_OPEN)
        except HomeError:
            rows = run(_BUSY)
    return "; ".join(
        f"connection {number} (user {user}, {command}) for {seconds} s"
        for number, user, command, seconds in rows
    )
