"""The upper bound of a watermark column of MySQL or MariaDB while other sessions write.

As for PostgreSQL: rows newer than the start of the oldest open transaction wait for the next run
(times), or the read waits for the transactions that have written (numbers). InnoDB lists
transactions to users with the PROCESS privilege. See docs/decisions/0062-rows-that-come-late.md.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from hygge.connectors.mysql.connections import Rows
from hygge.connectors.sql.open_transactions import (
    LONG_SECONDS,
    OpenTransactionsError,
    doubt,
    patience,
    until_ended,
)
from hygge.connectors.sql.zones import on_the_wall
from hygge.errors import HomeError
from hygge.types.watermarks import lowest, value_of

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

_SETTLE = 0.15
"""Seconds: InnoDB refreshes its list of transactions ten times a second."""
_NO_PROCESS = 1227
_END = "end them, or move again later; or read earlier rows again with  incremental: {lookback: …}"
_STEPS = {"s": 10**6, "ms": 10**3, "us": 1}

_NOW = "SELECT CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED)"
_OPEN = """
SELECT CAST(MIN(began) * 1000000 AS SIGNED) FROM (
  SELECT UNIX_TIMESTAMP(CONVERT_TZ(trx_started, 'SYSTEM', '+00:00')) AS began
  FROM information_schema.innodb_trx WHERE trx_is_read_only = 0
    AND trx_mysql_thread_id <> CONNECTION_ID()
  UNION ALL SELECT UNIX_TIMESTAMP(NOW()) - time - 1 FROM information_schema.processlist
  WHERE command IN ('Query', 'Execute') AND id <> CONNECTION_ID()
    AND info NOT REGEXP '^[[:space:]]*(select|show)'
) q
"""
"""`NOW()` is when the statement began, which may be before its transaction began."""
_OLDEST = """
SELECT p.id, COALESCE(p.db, '-') FROM information_schema.processlist p
LEFT JOIN information_schema.innodb_trx t ON t.trx_mysql_thread_id = p.id
WHERE p.id <> CONNECTION_ID() AND (t.trx_is_read_only = 0 OR p.command IN ('Query', 'Execute')
  AND p.info NOT REGEXP '^[[:space:]]*(select|show)')
ORDER BY LEAST(COALESCE(CONVERT_TZ(t.trx_started, 'SYSTEM', '+00:00'), NOW()),
  NOW() - INTERVAL p.time SECOND) LIMIT 1
"""
_WRITERS = """
SELECT trx_id, CONCAT('connection ', trx_mysql_thread_id, ', open for ',
  TIMESTAMPDIFF(SECOND, CONVERT_TZ(trx_started, 'SYSTEM', '+00:00'), NOW()), ' s')
FROM information_schema.innodb_trx
WHERE (trx_rows_modified > 0 OR trx_tables_locked > 0) AND trx_is_read_only = 0
  AND trx_mysql_thread_id <> CONNECTION_ID()
"""
_WALL = """
SELECT TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(),
  CONVERT_TZ(UTC_TIMESTAMP(), '+00:00', @@global.time_zone))
"""


@dataclass(frozen=True, slots=True)
class Column:
    """A watermark column."""

    entity: str
    max_of: str
    """A query for the maximum."""
    kind: pa.DataType
    looks: bool = False
    """Whether only that is asked whether there is a bound: nobody is waited for."""


def upper_of(
    run: Rows, column: Column, *, reads_back: bool, exact: bool, zone: str | None
) -> pa.Scalar | None:
    """Return the highest value up to which a snapshot taken after this call is complete.

    None where the server does not list transactions; an error with `exact`. Raises
    `OpenTransactionsError` when the wait times out; with `reads_back` (a lookback) the minimum is
    returned instead. `zone` is the time zone of values without one, where it is known.
    """
    import pyarrow as pa

    try:
        if column.looks:
            _writers(run)
            return None
        if pa.types.is_timestamp(column.kind) or pa.types.is_date(column.kind):
            return _before_open_ones(run, column, zone)
        return _after_writers(run, column)
    except OpenTransactionsError as error:
        if not reads_back:
            raise
        log.warning("%s; the next move reads again from the start of this one", error.message)
        return lowest(column.kind)
    except HomeError as error:
        cause = error.__cause__
        if cause is None or not cause.args or cause.args[0] != _NO_PROCESS:
            raise
    if reads_back:
        return None
    why = "this user may not see open transactions (GRANT PROCESS ON *.* TO …)"
    doubt(column.entity, why, exact=exact)
    return None


def _before_open_ones(run: Rows, column: Column, zone: str | None) -> pa.Scalar:
    import pyarrow as pa

    asked = int(run(_NOW)[0][0])
    time.sleep(_SETTLE)
    began = run(_OPEN)[0][0]
    since = asked if began is None else min(asked, int(began))
    if asked - since > 10**6:
        seconds = (asked - since) / 10**6
        log.log(
            logging.WARNING if seconds > LONG_SECONDS else logging.INFO,
            "%s: %s has been open for %.1f s: rows added since then are left for the next move",
            column.entity,
            _oldest(run),
            seconds,
        )
    is_zoned = pa.types.is_timestamp(column.kind) and column.kind.tz is not None
    if not is_zoned and zone is not None:
        since = on_the_wall(since, zone)
    elif not is_zoned:
        # Local time, in UTC or in the server's zone, whichever is behind.
        behind = min(int(run(_WALL)[0][0]), 0)
        since += behind * 10**6
        if behind:
            log.warning(
                "%s: the time zone of the watermark is unknown, and that of the server is %.1f h "
                "behind UTC, so newer rows are moved that much later; set  time_zone: UTC  (or "
                "another zone) in the home",
                column.entity,
                -behind / 3600,
            )
    if pa.types.is_date(column.kind):
        # Later rows of the same day are found as ties.
        return pa.scalar(since // 86_400_000_000, pa.int32()).cast(column.kind)
    return pa.scalar(since // _STEPS[column.kind.unit] - 1, pa.int64()).cast(column.kind)


def _oldest(run: Rows) -> str:
    """Return a description of the oldest open transaction."""
    rows = run(_OLDEST)
    return f"connection {rows[0][0]} of database {rows[0][1]}" if rows else "a transaction"


def _after_writers(run: Rows, column: Column) -> pa.Scalar:
    """Return the maximum, once all transactions that may have taken a lower value have ended."""
    highest = run(column.max_of)[0][0]
    # Not before: a transaction that begins to write later gets a higher value.
    time.sleep(_SETTLE)
    writers = partial(_writers, run)
    until_ended(writers, writers(), column.entity, _END, latest=patience())
    text = highest.decode() if isinstance(highest, bytes) else str(highest)
    return lowest(column.kind) if highest is None else value_of(text, column.kind)


def _writers(run: Rows) -> dict[str, str]:
    return {str(name): str(who) for name, who in run(_WRITERS)}
