"""Up to where a watermark column of MySQL or MariaDB lacks no row, although others still write.

As for PostgreSQL: rows wait that are newer than the oldest open transaction (times), or the read
waits for the transactions that have written (numbers). InnoDB tells of them to users with the
PROCESS privilege. See docs/decisions/0062-rows-that-come-late.md.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from hygge.connectors.mysql.connecting import Rows
from hygge.connectors.sql.waiting import (
    LONG_SECONDS,
    StillWritingError,
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
"""Seconds: InnoDB renews its list of transactions ten times a second."""
_NO_PROCESS = 1227
_END = "end them, or move again later; or read back a while with  incremental: {lookback: …}"
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
"""A statement's `NOW()` is when it began, which may be before its transaction did."""
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
    """A query for the highest value."""
    kind: pa.DataType


def upper_of(
    run: Rows, column: Column, *, reads_back: bool, exact: bool, zone: str | None
) -> pa.Scalar | None:
    """Return the highest value up to which a snapshot, taken after this, lacks no row.

    None where the server does not tell. Raises `StillWritingError` when waiting was in vain; for
    a flow that reads back it is the lowest value then. `zone` is that of the clocks which write
    times without one, where it is known. With `exact` it is an error that the server does not tell.
    """
    import pyarrow as pa

    try:
        if pa.types.is_timestamp(column.kind) or pa.types.is_date(column.kind):
            return _before_open_ones(run, column, zone)
        return _after_writers(run, column)
    except StillWritingError as error:
        if not reads_back:
            raise
        log.warning("%s; the next move reads back to where this one began", error.message)
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
            "%s: %s has been open for %.1f s: rows since then are for the next move",
            column.entity,
            _oldest(run),
            seconds,
        )
    is_zoned = pa.types.is_timestamp(column.kind) and column.kind.tz is not None
    if not is_zoned and zone is not None:
        since = on_the_wall(since, zone)
    elif not is_zoned:
        # The clock on the wall, in UTC or in the server's own zone, whichever is behind.
        behind = min(int(run(_WALL)[0][0]), 0)
        since += behind * 10**6
        if behind:
            log.warning(
                "%s: nothing tells which clock writes the watermark, and the server's own is %.1f "
                "h behind UTC: newer rows wait so long; say it with  time_zone: UTC  (or another "
                "zone) in the home",
                column.entity,
                -behind / 3600,
            )
    if pa.types.is_date(column.kind):
        # Later rows of this very day are told apart as ties.
        return pa.scalar(since // 86_400_000_000, pa.int32()).cast(column.kind)
    return pa.scalar(since // _STEPS[column.kind.unit] - 1, pa.int64()).cast(column.kind)


def _oldest(run: Rows) -> str:
    """Return in words what has been at work for longest."""
    rows = run(_OLDEST)
    return f"connection {rows[0][0]} of database {rows[0][1]}" if rows else "a transaction"


def _after_writers(run: Rows, column: Column) -> pa.Scalar:
    """Return the highest value, once all have ended that may have taken a lower one before."""
    highest = run(column.max_of)[0][0]
    # Not before: who begins to write after the highest value was seen gets a higher one.
    time.sleep(_SETTLE)
    writers = partial(_writers, run)
    until_ended(writers, writers(), column.entity, _END, latest=patience())
    text = highest.decode() if isinstance(highest, bytes) else str(highest)
    return lowest(column.kind) if highest is None else value_of(text, column.kind)


def _writers(run: Rows) -> dict[str, str]:
    return {str(name): str(who) for name, who in run(_WRITERS)}
