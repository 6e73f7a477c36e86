"""Other sessions of the server that hold locks."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from hygge.connectors.postgres.config import LOCK_SECONDS
from hygge.connectors.postgres.connections import Rows, control
from hygge.connectors.postgres.faults import LOCKED, state_of
from hygge.connectors.sql.lock_holders import LockHolder
from hygge.connectors.sql.read_timeout import pulse
from hygge.errors import HomeError, HyggeError
from hygge.runtime.processes import is_gone
from hygge.values.log_context import bound

if TYPE_CHECKING:
    from hygge.connectors.postgres.config import PostgresSettings
    from hygge.connectors.sql.chain import Run

log = logging.getLogger(__name__)

_MOST = 3
_SOON_SECONDS = 5.0
"""Seconds that a statement waits before hygge looks for the blocking session."""

_HOLDER = """
SELECT l.pid, coalesce(a.application_name, '') FROM pg_locks l
JOIN pg_database d ON d.oid = l.database AND d.datname = current_database()
LEFT JOIN pg_stat_activity a ON a.pid = l.pid, (SELECT hashtextextended($1, 0) AS key) k
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND l.classid::int8 = (k.key >> 32) & 4294967295 AND l.objid::int8 = k.key & 4294967295
  AND l.pid <> pg_backend_pid() LIMIT 1
"""
_BLOCKING = """
SELECT pid, coalesce(application_name, ''), coalesce(usename::text, '?'),
  coalesce(state, 'state hidden'), extract(epoch FROM clock_timestamp() - xact_start)::int8
FROM pg_stat_activity WHERE pid = ANY (pg_blocking_pids($1)) ORDER BY 1
"""
_ON_TABLES = """
SELECT DISTINCT l.pid, coalesce(a.application_name, ''), coalesce(a.usename::text, '?'),
  coalesce(a.state, 'state hidden'),
  extract(epoch FROM clock_timestamp() - a.xact_start)::int8
FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'relation' AND l.granted AND l.pid <> pg_backend_pid()
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND l.relation = ANY (SELECT to_regclass(name) FROM unnest($1::text[]) AS q(name))
ORDER BY 1
"""


def holder_of(run: Run, key: str) -> LockHolder | None:
    """Return the holder of an advisory lock; None when it is free."""
    for pid, name in run(_HOLDER, (key,)):
        return _holder(pid, name)
    return None


def _holder(pid: int, application_name: str) -> LockHolder:
    session, ending = f"server process {pid}", f"SELECT pg_terminate_backend({pid})"
    words = application_name.split(" ")
    if words[0] != "hygge" or len(words) < 2:
        return LockHolder(application_name, "", session, ending)
    return LockHolder(words[1], words[2] if len(words) > 2 else "", session, ending)


def end_dead(run: Run, table: str) -> None:
    """End the sessions that hold a table and whose client process has ended. The name is quoted."""
    for pid, name, *_ in run(_ON_TABLES, ([table],)):
        holder = _holder(pid, name)
        if is_gone(holder.process):
            holder.end(run)


def holders_of(run: Run, tables: Sequence[str]) -> str:
    """Return a description of the sessions with locks on quoted tables; empty without any."""
    return "; ".join(_in_words(row) for row in run(_ON_TABLES, (list(tables),))[:_MOST])


def _in_words(row: Sequence[Any]) -> str:
    pid, name, user, state, seconds = row
    since = "" if seconds is None else f", in a transaction since {seconds} s"
    program = f" of {name}" if name else ""
    return f"session {pid}{program} (user {user}, {state}{since})"


@contextmanager
def reporting_blocks(settings: PostgresSettings, rows: Rows) -> Iterator[None]:
    """Warn of sessions that block a statement of `rows` while it waits."""
    reported: set[str] = set()

    def look() -> None:
        since = rows.since
        waits = 0.0 if since is None else time.monotonic() - since
        if not _SOON_SECONDS <= waits <= LOCK_SECONDS + _SOON_SECONDS:
            return
        with control(settings, HomeError) as session:
            run = Rows(session, settings, HomeError, "cannot look for locks")
            words = "; ".join(_in_words(row) for row in run(_BLOCKING, (rows.pid,))[:_MOST])
        if words and words not in reported:
            reported.add(words)
            log.warning("waiting up to %d s for a lock held by %s", LOCK_SECONDS, words)

    with pulse(bound(look), _SOON_SECONDS):
        yield


@contextmanager
def naming_holders(settings: PostgresSettings, *tables: str) -> Iterator[None]:
    """Add the sessions that hold the quoted tables to a lock timeout error."""
    try:
        yield
    except HyggeError as error:
        if state_of(error.__cause__) == LOCKED:
            with suppress(HyggeError), control(settings, type(error)) as session:
                run = Rows(session, settings, type(error), "cannot look for locks")
                if holders := holders_of(run, tables):
                    error.add_note(f"held by {holders}")
        raise
