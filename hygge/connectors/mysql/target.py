"""A MySQL or MariaDB table as a target: staged beside it, published atomically.

There are two ways to publish: a transaction that copies the rows, and a rename of the staging table
(see `pending_commits`). DDL commits implicitly, so it runs before the transaction.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hygge.connector import WriteRequest
from hygge.connectors.mysql import catalog, pending_commits, types
from hygge.connectors.mysql.catalog import reason_to_keep
from hygge.connectors.mysql.column_changes import ColumnChanges, check_fits
from hygge.connectors.mysql.commit_outcome import Outcome
from hygge.connectors.mysql.config import (
    HELD_SECONDS,
    IDLE_SECONDS,
    LOCK_SECONDS,
    MysqlSettings,
    refuse_name,
)
from hygge.connectors.mysql.connections import Rows
from hygge.connectors.mysql.dependants import users_of
from hygge.connectors.mysql.doctor import check_rights
from hygge.connectors.mysql.encoding import Zeros
from hygge.connectors.mysql.faults import LOCKED, code_of
from hygge.connectors.mysql.merging import MysqlMerging
from hygge.connectors.mysql.sessions import holder_of, name_of, open_ones
from hygge.connectors.mysql.source import named
from hygge.connectors.mysql.staging import SPLIT, Staging
from hygge.connectors.mysql.undo_tables import MysqlUndoTables
from hygge.connectors.sql import chain
from hygge.connectors.sql.lock_holders import ENDED_PROCESS_SECONDS, LockHolder
from hygge.connectors.sql.read_timeout import pulse
from hygge.connectors.sql.row_counts import check_counted
from hygge.connectors.sql.store_options import ReplaceMethod
from hygge.connectors.sql.table_names import TableName, check_name, quote
from hygge.connectors.sql.target import LiveColumn
from hygge.connectors.sql.trial_copy import in_use
from hygge.errors import StoreError
from hygge.values.model import Commit, Mode, Part, Split

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

_OPTIONS = "ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE"
_OWN_COLLATION = "utf8mb4_bin"
_KEY_TEXT = "varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
_DUPLICATE = 1062
_PATIENCE = 1
"""Seconds that the server waits for the lock before hygge looks for its holder."""
_PULSE_SECONDS = 60.0
_BRIEF_SECONDS = 3


class MysqlTarget(MysqlMerging):
    """A table of MySQL or MariaDB, for one attempt."""

    def __init__(
        self,
        settings: MysqlSettings,
        request: WriteRequest,
        rows: Rows,
        *,
        place: TableName,
        replacing: ReplaceMethod,
        may_load: bool,
    ) -> None:
        super().__init__(request, place, chain.Chain(beside(place, chain.TABLE), place.name, "?"))
        self.replacing = replacing
        self.keeping: MysqlUndoTables = MysqlUndoTables(self)
        self.pending = pending_commits.PendingCommits(
            beside(place, pending_commits.TABLE), place.name
        )
        self._old = replace(place, name=self.staging.name.replace("_stg_", "_old_", 1))
        self._settings = settings
        self._key_bytes = types.MOST_KEY_BYTES
        self._rows = rows
        self._session = rows.connection.thread_id()
        is_maria = "maria" in str(rows.connection.server_version).lower()
        self._loading = Staging(
            settings,
            request,
            place,
            self.staging,
            zeros=Zeros(keeps_sign=not is_maria),
            may_load=may_load,
        )

    def run(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement on the connection of this target and return all its rows."""
        return self._rows(sql, values)

    @contextmanager
    def transaction(self) -> Iterator[object]:
        """Run the block as one transaction. It must not contain DDL."""
        self.run("START TRANSACTION")
        try:
            yield None
            self.run("COMMIT")
        except BaseException as error:
            with suppress(StoreError):
                self.run("ROLLBACK")
            cause = error.__cause__
            if cause is not None and cause.args[:1] == (_DUPLICATE,) and chain.TABLE in str(cause):
                raise self.chain.taken((self.last.seq if self.last else 0) + 1) from error
            raise

    # Locking the table

    def take(self) -> None:
        """Lock the table for this attempt; settle pending commits and drop tables of dead runs."""
        check_name(self.place.name, refuse_name)
        check_rights(self.run, self.place.schema)
        self._make_database()
        self._take_lock()
        comment = self._comment()
        with self.transaction():
            is_undone = self.pending.settle(self.run, self.chain, comment)
        old = self._beside(self._old)
        if is_undone and old and catalog.find(self.run, self.place) is None:
            # A server without atomic renames crashed in the middle of one.
            self.keeping.rename(old.pop(), self.place.name)
        self._drop_dead([*old, *self._beside(self.staging)])
        self.begin()

    def _drop_dead(self, tables: Sequence[TableName]) -> None:
        """Drop tables of dead runs, except those that a session still holds."""
        if not tables:
            return
        self.run(f"SET SESSION lock_wait_timeout = {_BRIEF_SECONDS}")
        for table in tables:
            try:
                self.run(f"DROP TABLE IF EXISTS {self.name(table)}")
            except StoreError as error:
                if error.__cause__ is None or code_of(error.__cause__) not in LOCKED:
                    raise
                log.warning(
                    "%s of a run that has ended cannot be dropped yet, because a session uses it "
                    "(%s); a later run drops it",
                    self.name(table),
                    open_ones(self._settings) or "SHOW PROCESSLIST",
                )
        self.run(f"SET SESSION lock_wait_timeout = {LOCK_SECONDS}")

    def inspect(self, last: Commit | None) -> None:
        """Read the table without a lock; see `SqlTarget.inspect`."""
        check_name(self.place.name, refuse_name)
        found = self.run("SELECT IS_USED_LOCK(?)", (self._lock_name,))[0][0]
        if found is not None:
            holder = holder_of(int(found), self.pending.who(self.run))
            if not holder.is_left_over(self.request.run_id):
                raise self._written(holder)
        check_rights(self.run, self.place.schema)
        self.find(last)

    def _written(self, holder: LockHolder) -> StoreError:
        return StoreError(
            f"{self.place.shown()} is being written by {holder}",
            hint=holder.hint(),
            code="HG543",
        )

    def _make_database(self) -> None:
        """Create the database and hygge's tables where they do not exist."""
        schema = self.place.schema
        there = {
            name
            for (name,) in self.run(
                "SELECT table_name FROM information_schema.tables WHERE table_schema = ?",
                (schema,),
            )
        }
        if not there:
            self.run(f"CREATE DATABASE IF NOT EXISTS {quote(schema, '`')} CHARACTER SET utf8mb4")
        if not {chain.TABLE, pending_commits.TABLE} <= there:
            columns = chain.columns("longtext", "bigint", key_text=_KEY_TEXT)
            for table in (self.chain.table, self.pending.table):
                options = f"{_OPTIONS} {_OWN_COLLATION}"
                self.run(f"CREATE TABLE IF NOT EXISTS {table} ({columns}) {options}")

    def _take_lock(self) -> None:
        """Take a session lock, or raise with its holder.

        Sessions of this run, and of ended processes, are killed and waited for.
        """
        latest = time.monotonic() + ENDED_PROCESS_SECONDS
        while self.run("SELECT GET_LOCK(?, ?)", (self._lock_name, _PATIENCE))[0][0] != 1:
            found = self.run("SELECT IS_USED_LOCK(?)", (self._lock_name,))[0][0]
            if found is None:
                continue  # it was released meanwhile
            holder = holder_of(int(found), self.pending.who(self.run))
            if not holder.is_left_over(self.request.run_id) or time.monotonic() > latest:
                raise self._written(holder)
            holder.end(self.run)
        self.pending.say_who(self.run, name_of(self.request.run_id, self._session))
        self.run(f"SET SESSION wait_timeout = {HELD_SECONDS}")

    def leave(self) -> None:
        """Release the lock."""
        if self._rows.connection.open:
            with suppress(StoreError):
                self.run("SELECT RELEASE_LOCK(?)", (self._lock_name,))
                self.run(f"SET SESSION wait_timeout = {IDLE_SECONDS}")

    def keep_alive(self) -> AbstractContextManager[None]:
        """Run a trivial query at intervals, to keep the session and its lock."""
        return pulse(self._rows.ask_if_free, _PULSE_SECONDS)

    @property
    def _lock_name(self) -> str:
        place = f"{self.place.schema}.{self.place.name}"
        return f"hygge:{hashlib.sha256(place.encode()).hexdigest()[:40]}"

    def _comment(self) -> str:
        table = catalog.find(self.run, self.place)
        return "" if table is None else table.comment

    def _beside(self, like: TableName) -> list[TableName]:
        """Return the tables of other attempts with the name prefix of one of this attempt."""
        prefix = like.name.rpartition("_")[0] + "_"
        rows = self.run(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = ? "
            "AND LEFT(table_name, ?) = ?",
            (self.place.schema, len(prefix), prefix),
        )
        return [replace(self.place, name=name) for (name,) in rows]

    # SQL of MySQL

    def quote(self, name: str) -> str:
        """Return `name` as a quoted identifier."""
        return quote(name, "`")

    def fit(self, field: pa.Field) -> pa.Field:
        """Return the field to stage."""
        check_name(field.name, refuse_name)
        return field.with_type(types.fit(field.type))

    def sql_type(self, field: pa.Field) -> str:
        """Return the type for a fitted field."""
        is_key = field.name in self.request.primary_key
        return types.sql_type(field, key_bytes=self._key_bytes if is_key else 0)

    def accept(self, schema: pa.Schema) -> pa.Schema:
        """Return the schema to stage; see `Target.accept`."""
        fitted = super().accept(schema)
        keys = [field for field in fitted if field.name in self.request.primary_key]
        self._key_bytes = types.key_share(keys)
        return fitted

    def find_live(self) -> list[LiveColumn] | None:
        """Return the columns of the table from the catalog."""
        table = catalog.find(self.run, self.place)
        if table is None:
            return None
        if table.kind != "table":
            raise StoreError(
                f"{self.place.shown()} is a {table.kind}, which cannot be written",
                hint="choose another name with  into: <name>",
            )
        if not table.is_transactional:
            raise StoreError(
                f"{self.place.shown()} uses the engine {table.engine}, which has no transactions: "
                "a failure would leave half of the rows",
                hint=f"ALTER TABLE {self.table} ENGINE=InnoDB",
            )
        found = catalog.columns(self.run, self.place).get(self.place, [])
        return [
            LiveColumn(
                types.reading_of(one, "").field,
                types.held_type(one),
                one.fills_itself,
                one.is_computed,
            )
            for one in found
        ]

    def reason_to_keep(self) -> str | None:
        """Return the first thing that a swap would lose: triggers, foreign keys, …"""
        return reason_to_keep(self.run, self.place)

    def check_changing(self, changed: Sequence[str], schema: pa.Schema, *, swaps: bool) -> None:
        """Raise `StoreError` where a view, a key, … needs one of the columns."""
        gone = [name for name in changed if name not in schema.names]
        definition = "" if swaps else self.run(f"SHOW CREATE TABLE {self.table}")[0][1]
        if users := users_of(self.run, self.place, changed, gone, definition):
            raise in_use(users, changed, self.place.shown())
        if not swaps:
            ColumnChanges(self.table, self.live or []).before(
                self.run, schema, gone, required=self.required
            )

    # Staging

    def make_staging(self, schema: pa.Schema) -> None:
        """Make the staging table."""
        columns = ", ".join(self.column(field) for field in schema)
        own = f"{self.quote(SPLIT)} int NOT NULL"
        options = f"{_OPTIONS} {self.collation}"
        self.run(f"CREATE TABLE {self.name(self.staging)} ({columns}, {own}) {options}")

    def finish_staging(self, schema: pa.Schema, *, becomes_table: bool) -> None:
        """Give the staging table its final types and key."""
        if not becomes_table:
            return
        clauses = [f"DROP COLUMN {self.quote(SPLIT)}"]
        if self.request.primary_key:
            names = ", ".join(map(self.quote, self.request.primary_key))
            clauses.append(f"ADD PRIMARY KEY ({names})")
        self.run(f"ALTER TABLE {self.name(self.staging)} {', '.join(clauses)}")

    def drop_staging(self) -> None:
        """Drop the staging table of this attempt."""
        if self.staged is not None:
            self.run(f"DROP TABLE IF EXISTS {self.name(self.staging)}")
            self.staged = None

    def stage(self, batches: pa.RecordBatchReader, split: Split) -> Part:
        """Load a split into the staging table; see `Target.stage`."""
        self.begin_staging(batches.schema)
        return self._loading.stage(batches, split)

    # Publishing

    def commit(self, parts: Sequence[Part], commit: Commit) -> None:
        """Publish all parts with the commit's record, or nothing; see `Target.commit`."""
        schema = self.prepare(parts, commit)
        self.chain.check_next(self.run, commit.seq)
        self.keeping.tidy()
        if self.live is None or self.swaps():
            self._publish_table(replace(commit, total_rows=self.rows_staged(commit)), schema)
        else:
            self._publish_rows(commit, schema)
        self.is_published = True
        self.keeping.end(commit)

    def _publish_table(self, commit: Commit, schema: pa.Schema) -> None:
        """Replace the table by the staging table with one rename, which is the commit."""
        self.finish_staging(schema, becomes_table=True)
        self._check_staged(commit)
        self._put_in_place(self.staging, commit)
        if self.live is not None and self.keeping.is_wanted:
            self.keeping.rename(self._old, self.keeping.table(commit.seq, "t").name)
        else:
            self.run(f"DROP TABLE IF EXISTS {self.name(self._old)}")

    def _put_in_place(self, table: TableName, commit: Commit) -> None:
        """Rename a table to the target's name; the previous table is renamed to `old`."""
        comment = pending_commits.mark(commit.seq, commit.run_id)
        self.run(f"ALTER TABLE {self.name(table)} COMMENT = ?", (comment,))
        self.pending.write(self.run, commit, self.request.attempt)
        away = "" if self.live is None else f"{self.table} TO {self.name(self._old)}, "
        self.run(f"RENAME TABLE {away}{self.name(table)} TO {self.table}")
        with self.transaction():
            self.pending.settle(self.run, self.chain, comment)

    def _check_staged(self, commit: Commit) -> None:
        """Raise `StoreError` unless the staging table itself holds the rows of the commit."""
        check_counted(commit.total_rows, self.count(self.name(self.staging)), self.place.shown())

    def _publish_rows(self, commit: Commit, schema: pa.Schema) -> None:
        """Copy the staged rows in one transaction with the commit's record."""
        replaces = self.request.mode is Mode.REPLACE
        columns = ColumnChanges(self.table, self.live or [])
        gone = columns.gone(schema, self.wrote) if replaces else []
        self._check_fits(schema)
        self.alter(columns.before(self.run, schema, gone, required=self.required))
        kinds = self.keeping.kinds(commit)
        for kind in kinds:
            self.keeping.make(commit, kind)
        with self.transaction():
            self.chain.check_next(self.run, commit.seq)
            for kind in kinds:
                self.keeping.fill(commit, kind)
            if replaces:
                self.run(f"DELETE FROM {self.table}")
                self.insert_staged(commit, schema)
            total = commit.rows if replaces else self.add_staged(commit, schema)
            self.chain.add(self.run, replace(commit, total_rows=total), self.request.attempt)
        self.alter([f"DROP COLUMN {self.quote(name)}" for name in gone])

    def _check_fits(self, schema: pa.Schema) -> None:
        found = catalog.columns(self.run, self.place).get(self.place, [])
        kept = [
            column if not self.required(column.name) else replace(column, nullable=True)
            for column in found
            if column.name in schema.names and column.name not in self.kept
        ]
        check_fits(self.run, self.place, kept, self.name(self.staging))

    def alter(self, clauses: Sequence[str]) -> None:
        """Run ALTER TABLE with these clauses, if any; commits implicitly."""
        if clauses:
            self.run(f"ALTER TABLE {self.table} {', '.join(clauses)}")

    def change(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Run a statement that changes rows; raise `StoreError` when the server changed a value."""
        rows, warnings = self._rows.change(sql, values)
        if warnings:
            texts = [str(text) for _, _, text in self.run("SHOW WARNINGS LIMIT 3")]
            raise StoreError(
                f"the server would have changed values for {self.place.shown()}: "
                + "; ".join(texts),
                hint="cast the column to a type that the table can store with  columns: {…: {type: "
                "…}}",
                code="HG535",
            )
        return rows

    def previous(self) -> Commit | None:
        """Return the commit whose rows undo restores; see `Target.previous`."""
        return self.keeping.previous()

    def undo(self, commit: Commit) -> None:
        """Publish the previous rows by a rename or a transaction; see `Target.undo`."""
        self.chain.check_next(self.run, commit.seq)
        undone, kinds = self.keeping.found_undone(commit)
        if kinds == "t":
            kept = self.keeping.table(undone.seq, kinds)
            self.keeping.check_swap()
            self.keeping.check_rows(commit, self.name(kept))
            self._put_in_place(kept, commit)
            self.run(f"DROP TABLE IF EXISTS {self.name(self._old)}")
        else:
            self.keeping.undo_rows(undone, commit, kinds)
        self.is_published = True

    # After a lost reply

    def owner(self, seq: int) -> str | None:
        """Return the run of commit `seq`, on a new connection when this one is lost."""
        outcome = Outcome(self._settings, self.place, self.chain, self.pending)
        if self._rows.connection.open:
            return outcome.owner(self.run, seq)
        return outcome.after_loss(seq, lock=self._lock_name, lost=self._session)


def beside(place: TableName, name: str) -> str:
    """Return the quoted name of a table in the database of a place."""
    return named(replace(place, name=name))
