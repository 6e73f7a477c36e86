"""The upper bound of a watermark column of PostgreSQL while transactions are open.

A row that is committed late may have an early value: `now()` is the start of its transaction, and a
sequence's number is taken before the row is written. So rows newer than the start of the oldest
open transaction wait for the next run (times), or the read waits for the transactions that write
the table (numbers). See docs/decisions/0062-rows-that-come-late.md.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

from hygge.connectors.postgres.connections import Rows
from hygge.connectors.sql.open_transactions import (
    LONG_SECONDS,
    OpenTransactionsError,
    doubt,
    patience,
    until_ended,
)
from hygge.connectors.sql.zones import on_the_wall
from hygge.types.watermarks import lowest, value_of

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

SAYS_READ_ONLY = "SELECT pg_advisory_xact_lock_shared(1752786791, 1)"
"""Advisory lock that marks a transaction as read-only for other runs of hygge."""
_SETTLE = 0.05
"""Seconds until a transaction that has begun is surely listed in pg_stat_activity."""
_GRANT = "allow this user to see when transactions began:  GRANT pg_read_all_stats TO …"
_END = "end them, or move again later; or read earlier rows again with  incremental: {lookback: …}"

_NOW = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::int8"
_OPEN = """
SELECT a.pid, (extract(epoch FROM a.xact_start) * 1000000)::int8, l.virtualtransaction
FROM pg_stat_activity a JOIN pg_locks l ON l.pid = a.pid AND l.locktype = 'virtualxid'
  AND l.mode = 'ExclusiveLock' AND l.granted
WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
  AND coalesce(a.backend_type, '') NOT IN ('autovacuum worker', 'walsender', 'parallel worker')
  AND (a.xact_start IS NOT NULL OR coalesce(a.usesysid, 0) <> 0)
  AND coalesce(a.state, '') <> 'idle in transaction (aborted)' AND a.application_name <> 'pg_dump'
  AND NOT EXISTS (SELECT FROM pg_locks r WHERE r.pid = a.pid AND r.locktype = 'advisory'
    AND r.classid = 1752786791 AND r.objid = 1 AND r.objsubid = 2 AND r.granted)
UNION ALL SELECT NULL, NULL, 'prepared ' || gid FROM pg_prepared_xacts
WHERE database = current_database()
"""
"""Of sessions whose start is hidden, those without a user are the server's own."""
_WALL = """
SELECT min((extract(epoch FROM (timestamptz 'epoch' + $1 * interval '1 microsecond' + soon)
  AT TIME ZONE zone - soon) * 1000000)::int8)
FROM unnest(ARRAY['UTC', current_setting('TimeZone')]) zone,
  unnest(ARRAY[interval '0', interval '3 hours']) soon
"""
"""Where clocks will soon be put back, an hour of local time repeats."""
_PARTS = """
WITH RECURSIVE part AS (
  SELECT $1::oid AS oid UNION SELECT i.inhrelid FROM pg_inherits i JOIN part p ON p.oid = inhparent
)
SELECT oid FROM part
UNION SELECT d.objid FROM pg_depend d JOIN part p ON d.refobjid = p.oid
  JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'S'
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
  AND d.deptype IN ('a', 'i')
"""
"""A table, its partitions, and the sequences of its columns."""
_AHEAD = """
SELECT s.seqrelid::regclass::text, s.seqcache FROM pg_sequence s WHERE s.seqcache > 1
  AND s.seqrelid IN (
    SELECT d.objid FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid
      AND a.attnum = d.refobjsubid WHERE d.classid = 'pg_class'::regclass
      AND d.refclassid = 'pg_class'::regclass AND a.attrelid = $1 AND a.attname = $2
    UNION ALL SELECT d.refobjid FROM pg_attrdef f JOIN pg_attribute a
      ON a.attrelid = f.adrelid AND a.attnum = f.adnum JOIN pg_depend d ON d.objid = f.oid
    WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass
      AND a.attrelid = $1 AND a.attname = $2)
"""
"""The sequences of a column, owned by it or used in its default, with a CACHE above 1."""
_WRITERS = """
SELECT DISTINCT l.virtualtransaction, coalesce('pid ' || l.pid, 'a prepared one')
  || coalesce(', open for ' || extract(epoch FROM clock_timestamp() - a.xact_start)::int8 || ' s',
  '')
FROM pg_locks l JOIN pg_class c ON c.oid = l.relation LEFT JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'relation' AND l.granted AND l.pid IS DISTINCT FROM pg_backend_pid()
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND l.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock',
                 'AccessExclusiveLock')
  AND l.relation >= 16384 AND c.relname NOT LIKE '\\_hygge\\_%'
  AND ($1::oid[] IS NULL OR l.relation = ANY($1))
"""


@dataclass(frozen=True, slots=True)
class _Opened:
    """Open transactions."""

    asked: int
    """Microseconds since 1970 by the server's clock, read before the list."""
    sessions: Mapping[str, int | None]
    """Backend pid of each transaction; None for a prepared one."""
    began: Mapping[str, int]
    """Start of each, where it is visible."""
    hidden: tuple[str, ...]
    """Transactions whose start is hidden."""

    @property
    def since(self) -> int:
        """The start of the oldest known transaction."""
        return min([self.asked, *self.began.values()])

    @property
    def oldest(self) -> str:
        """A description of the oldest transaction."""
        name = min(self.began, key=lambda name: self.began[name])
        return _named(self.sessions[name], name)


@dataclass(frozen=True, slots=True)
class Column:
    """A watermark column."""

    entity: str
    max_of: str
    """A query for the maximum, as text."""
    type: str
    """Type name as `format_type` writes it."""
    kind: pa.DataType
    table: int | None
    """The table's oid; None for a view or query, which may read any table."""
    reads_back: bool
    """Whether a bound that cannot be found in time is the minimum instead of an error."""
    name: str
    exact: bool
    """Whether an unknown bound is an error."""
    looks: bool = False
    """Whether to make the checks only: nobody is waited for, and there is no bound."""


@contextmanager
def reading(run: Rows) -> Iterator[None]:
    """Run the block in a read-only transaction."""
    run("BEGIN READ ONLY")
    try:
        yield
    finally:
        run("ROLLBACK")


class Bounds:
    """Finds the upper bounds for one snapshot, which must be taken after them."""

    def __init__(self, run: Rows, zone: str | None) -> None:
        """`zone` is the time zone of values without one, where it is known."""
        self._run = run
        self._zone = zone
        self._latest = patience()

    def upper_of(self, column: Column) -> pa.Scalar | None:
        """Return the highest value up to which the snapshot is complete.

        None where the server does not list transactions. Raises `OpenTransactionsError` when the
        wait times out and the flow has no lookback.
        """
        if self._run("SELECT pg_is_in_recovery()")[0][0]:
            if not column.reads_back:
                why = "a standby server does not show open transactions (read from the primary)"
                doubt(column.entity, why, exact=column.exact)
            return None
        is_time = column.type.startswith(("timestamp", "date"))
        if not is_time and not column.reads_back:
            self._check_sequences(column)
        if column.looks:
            return None
        try:
            return self._before_open_ones(column) if is_time else self._after_writers(column)
        except OpenTransactionsError as error:
            if not column.reads_back:
                raise
            log.warning("%s; the next move reads again from the start of this one", error.message)
            return lowest(column.kind)

    def _check_sequences(self, column: Column) -> None:
        """Check for sequences with a cache, whose numbers are not used in order."""
        if column.table is None:
            return
        for name, cache in self._run(_AHEAD, (column.table, column.name)):
            why = (
                f"each session caches {cache} numbers of the sequence {name} (fix:  ALTER "
                f"SEQUENCE {name} CACHE 1)"
            )
            doubt(column.entity, why, exact=column.exact)

    @cached_property
    def _opened(self) -> _Opened:
        """Return the open transactions of this database."""
        asked = self._run(_NOW)[0][0]
        time.sleep(_SETTLE)
        rows = self._run(_OPEN)
        return _Opened(
            asked,
            {name: pid for pid, _, name in rows},
            {name: began for _, began, name in rows if began is not None},
            tuple(name for _, began, name in rows if began is None),
        )

    def _before_open_ones(self, column: Column) -> pa.Scalar:
        found = self._opened
        if found.hidden:
            self._wait_for_hidden(column, found.hidden)
        if found.since < found.asked:
            seconds = (found.asked - found.since) / 10**6
            log.log(
                logging.WARNING if seconds > LONG_SECONDS else logging.INFO,
                "%s: a transaction has been open for %.1f s (%s): rows added since then are left "
                "for the next move",
                column.entity,
                seconds,
                found.oldest,
            )
        return _value_before(column, self._wall(column, found.since))

    def _wall(self, column: Column, since: int) -> int:
        """Return the lowest local time that the column's time zone shows from an instant on."""
        if column.type.endswith("with time zone"):
            return since
        if self._zone is not None:
            return on_the_wall(since, self._zone)
        return int(self._run(_WALL, (since,))[0][0])

    def _wait_for_hidden(self, column: Column, hidden: tuple[str, ...]) -> None:
        log.warning(
            "%s: waiting for transactions whose start this user may not see; %s",
            column.entity,
            _GRANT,
        )
        until_ended(
            lambda: {name: _named(pid, name) for pid, _, name in self._run(_OPEN)},
            dict.fromkeys(hidden, ""),
            column.entity,
            _GRANT,
            latest=self._latest,
        )

    def _after_writers(self, column: Column) -> pa.Scalar:
        """Return the maximum once all transactions that may have taken a lower value have ended."""
        run = self._run
        with reading(run):
            highest = run(column.max_of)
        # Not before: a transaction that begins to write later gets a higher value.
        oids = None if column.table is None else [oid for (oid,) in run(_PARTS, (column.table,))]
        writers = partial(_writers, run, oids)
        until_ended(writers, writers(), column.entity, _END, latest=self._latest)
        return value_of(highest[0][0], column.kind) if highest else lowest(column.kind)


def _named(pid: int | None, name: str) -> str:
    return name if pid is None else f"pid {pid}"


def _value_before(column: Column, wall: int) -> pa.Scalar:
    """Return the highest value below any that is written at local time `wall` or later."""
    import pyarrow as pa

    if column.type == "date":
        # Later rows of the same day are found as ties.
        return pa.scalar(wall // 86_400_000_000, pa.int32()).cast(column.kind)
    # A value with fewer digits was rounded, by up to half of its last digit.
    digits = re.search(r"\((\d)\)", column.type)
    step = 1 if digits is None else 10 ** (6 - int(digits[1]))
    return pa.scalar(wall - step, pa.int64()).cast(column.kind)


def _writers(run: Rows, oids: list[int] | None) -> dict[str, str]:
    return {str(name): str(who) for name, who in run(_WRITERS, (oids,))}
