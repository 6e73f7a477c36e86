"""A SQL Server table as a target: bulk copy into staging, then one transaction.

Staged rows carry their split number until all splits are complete, so a split can be staged again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from hygge.connector import WriteRequest
from hygge.connectors.mssql import catalog, types
from hygge.connectors.mssql.catalog import bracketed, quoted
from hygge.connectors.mssql.config import MssqlSettings, refuse_name
from hygge.connectors.mssql.connections import ROLLBACK, Rows, control
from hygge.connectors.mssql.doctor import examine_writing
from hygge.connectors.mssql.faults import is_passing
from hygge.connectors.mssql.merging import MssqlMerging
from hygge.connectors.mssql.staging import SPLIT, Staging
from hygge.connectors.mssql.undo_tables import MssqlUndoTables
from hygge.connectors.sql import chain
from hygge.connectors.sql.store_options import ReplaceMethod
from hygge.connectors.sql.table_names import TableName, check_name
from hygge.connectors.sql.target import LiveColumn, staging_prefix
from hygge.errors import CommitUnknownError, StoreError
from hygge.values.model import Commit, Part, Split

if TYPE_CHECKING:
    import pyarrow as pa

LOCK = """
DECLARE @got int;
EXEC @got = sp_getapplock @Resource = ?, @LockMode = 'Exclusive', @LockOwner = 'Session',
  @LockTimeout = 0;
SELECT @got;
"""
IS_FREE = "SELECT APPLOCK_TEST('public', ?, 'Exclusive', 'Session')"
HOLDER = """
SELECT TOP (1) s.session_id, CAST(s.context_info AS varchar(128))
FROM sys.dm_tran_locks l JOIN sys.dm_exec_sessions s ON s.session_id = l.request_session_id
WHERE l.resource_type = 'APPLICATION' AND l.request_status = 'GRANT'
  AND CHARINDEX(?, l.resource_description) > 0
"""
_TEXT, _KEY = "nvarchar(max)", "nvarchar(128) COLLATE Latin1_General_100_BIN2"
COMMITS = chain.columns(_TEXT, "bigint", key_text=_KEY)
"""Columns of the table of commits; its key has a length and is case-sensitive."""


class MssqlChain(chain.Chain):
    """The commits of one table, in SQL Server's SQL."""

    def last(self, run: chain.Run) -> Commit | None:
        """Return the newest commit; None when there is none."""
        sql = f"SELECT TOP (1) state FROM {self.table} WHERE target = ? ORDER BY seq DESC"
        rows = run(sql, (self.target,))
        return self._commit(rows[0][0]) if rows else None

    def owner(self, run: chain.Run, seq: int) -> str | None:
        """Return the run that wrote commit `seq`; waits for an open transaction that writes it."""
        hint = "WITH (READCOMMITTEDLOCK)"
        sql = f"SELECT run_id FROM {self.table} {hint} WHERE target = ? AND seq = ?"
        rows = run(sql, (self.target, seq))
        return None if not rows else str(rows[0][0])


class MssqlTarget(MssqlMerging):
    """A table of SQL Server, for one attempt."""

    def __init__(
        self,
        settings: MssqlSettings,
        request: WriteRequest,
        rows: Rows,
        *,
        place: TableName,
        replacing: ReplaceMethod,
    ) -> None:
        super().__init__(request, place, chain_of(place))
        self.replacing = replacing
        self.keeping = MssqlUndoTables(self)
        self._is_whole = False
        self._settings = settings
        self._rows = rows
        self._staging = Staging(settings, rows, place, self.name(self.staging))
        self._tells_case = catalog.tells_case(rows)

    def run(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement on the connection of this target and return all its rows."""
        return self._rows(sql, values)

    @contextmanager
    def transaction(self) -> Iterator[object]:
        """Run the block as one transaction that locks the table exclusively."""
        self.run("BEGIN TRANSACTION")
        try:
            if self.holds_table:
                self.run(f"SELECT TOP (1) 1 FROM {self.table} WITH (TABLOCKX, HOLDLOCK)")
            yield None
            self.run("COMMIT TRANSACTION")
        except BaseException as error:
            with suppress(Exception):
                self.run(ROLLBACK)
            if "PRIMARY KEY" in str(error) and chain.TABLE in str(error):
                raise self.chain.taken((self.last.seq if self.last else 0) + 1) from error
            raise

    def take(self) -> None:
        """Lock the table for this attempt, create hygge's tables, drop dead staging tables."""
        check_name(self.place.name, refuse_name)
        self._take_lock()
        self._make_chain()
        prefix = staging_prefix(self.place.name)
        for (name,) in self.run(catalog.BESIDE, (self.place.schema, len(prefix), prefix)):
            self.run(f"DROP TABLE {quoted(TableName(self.place.schema, str(name)))}")
        self.begin()

    def inspect(self, last: Commit | None) -> None:
        """Read the table without a lock; see `SqlTarget.inspect`."""
        check_name(self.place.name, refuse_name)
        if not self.run(IS_FREE, (self._lock_name,))[0][0]:
            raise self._written()
        for finding in examine_writing(self.run, self.place.schema):
            if finding.level == "error":
                raise StoreError(finding.text, hint=finding.hint, code="HG516")
        self.find(last)

    def folded(self, name: str) -> str:
        """Return a name as the database compares it; most are case-insensitive."""
        return name if self._tells_case else name.casefold()

    def _make_chain(self) -> None:
        schema = self.place.schema
        if not self.run("SELECT 1 WHERE SCHEMA_ID(?) IS NOT NULL", (schema,)):
            self.run(f"CREATE SCHEMA {bracketed(schema)}")
        if self.run("SELECT OBJECT_ID(?)", (self.chain.table,))[0][0] is None:
            with suppress(StoreError):  # another move may be first
                self.run(f"CREATE TABLE {self.chain.table} ({COMMITS})")
            self.run(f"SELECT TOP (0) state FROM {self.chain.table}")

    def _take_lock(self) -> None:
        """Take a session lock, or raise with its holder. The chain of commits decides."""
        self.run(f"SET CONTEXT_INFO 0x{self.request.run_id.encode()[:128].hex()}")
        if int(self.run(LOCK, (self._lock_name,))[0][0]) < 0:
            raise self._written()

    @property
    def _lock_name(self) -> str:
        return f"hygge:{hashlib.sha256(quoted(self.place).encode()).hexdigest()[:24]}"

    def _written(self) -> StoreError:
        who, hint = "another run", "wait until that run has ended, or stop it"
        with suppress(StoreError):  # needs VIEW SERVER STATE
            session, run = self.run(HOLDER, (self._lock_name,))[0]
            who = f"run {str(run).rstrip(chr(0))} (session {session})"
            hint = f"{hint}; if its machine is gone, free the table with  KILL {session}"
        return StoreError(
            f"{self.place.shown()} is being written by {who}", hint=hint, code="HG543"
        )

    # Types

    def quote(self, name: str) -> str:
        """Return `name` in brackets."""
        return bracketed(name)

    def fit(self, field: pa.Field) -> pa.Field:
        """Return the field to stage."""
        check_name(field.name, refuse_name)
        return field.with_type(types.fit(field.type))

    def sql_type(self, field: pa.Field) -> str:
        """Return the type for a fitted field."""
        return types.sql_type(field.type)

    def column(self, field: pa.Field) -> str:
        """Return a column definition for CREATE TABLE and ALTER TABLE."""
        null = "NULL" if field.nullable else "NOT NULL"
        return f"{self.quote(field.name)} {self.sql_type(field)} {null}"

    def find_live(self) -> list[LiveColumn] | None:
        """Return the columns of the table from the catalog."""
        kind = catalog.kind(self.run, self.place)
        if kind is None:
            return None
        if kind != "table":
            raise StoreError(
                f"{self.place.shown()} is a {kind}, which cannot be written",
                hint="choose another name with  into: <name>",
            )
        return [
            LiveColumn(
                types.any_reading_of(one, bracketed(one.name)).field,
                one.type,
                one.fills_itself,
                one.fills_itself and not self.wrote(one.name),
            )
            for one in catalog.columns(self.run, self.place)
        ]

    def reason_to_keep(self) -> str | None:
        """Return the first thing that a swap would lose: grants, views, foreign keys, …"""
        return catalog.reason_to_keep(self.run, self.place)

    # Staging

    def make_staging(self, schema: pa.Schema) -> None:
        """Create the staging table, with a column for the split number."""
        columns = ", ".join(self.column(field) for field in schema)
        number = f"{bracketed(SPLIT)} int NOT NULL"
        self.run(f"CREATE TABLE {self.name(self.staging)} ({columns}, {number})")

    def stage(self, batches: pa.RecordBatchReader, split: Split) -> Part:
        """Bulk copy a split into the staging table; see `Target.stage`."""
        self.begin_staging(batches.schema)
        return self._staging.stage(batches, split)

    def staged_rows(self) -> str:
        """Return the staging table after the split column was dropped."""
        table = self.name(self.staging)
        if not self._is_whole:
            self.run(f"ALTER TABLE {table} DROP COLUMN {bracketed(SPLIT)}")
            self._is_whole = True
        return table

    def finish_staging(self, schema: pa.Schema, *, becomes_table: bool) -> None:
        """Drop the split column, and add the key where its types allow one."""
        table = self.staged_rows()
        key = [schema.field(name) for name in self.request.primary_key]
        if not key or not becomes_table or any("(max)" in self.sql_type(one) for one in key):
            return
        for field in key:
            if field.nullable:
                required = self.column(field.with_nullable(False))
                self.run(f"ALTER TABLE {table} ALTER COLUMN {required}")
        names = ", ".join(bracketed(field.name) for field in key)
        self.run(f"ALTER TABLE {table} ADD PRIMARY KEY ({names})")

    def drop_staging(self) -> None:
        """Drop the staging table of this attempt."""
        if self.staged is not None:
            self.run(f"DROP TABLE IF EXISTS {self.name(self.staging)}")
            self.staged = None
            self._is_whole = False
            self._staging.forget()

    # SQL of SQL Server

    def change(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Run a statement that changes rows; return how many it changed."""
        return self._rows.count(sql, values)

    @contextmanager
    def own_numbers(self, names: Sequence[str]) -> Iterator[None]:
        """Allow inserting values into an IDENTITY column among `names`."""
        found = {self.folded(str(name)) for (name,) in self.run(catalog.IDENTITY, (self.table,))}
        if not found & set(map(self.folded, names)):
            yield None
            return
        self.run(f"SET IDENTITY_INSERT {self.table} ON")
        yield None
        self.run(f"SET IDENTITY_INSERT {self.table} OFF")

    def publish(self, commit: Commit, schema: pa.Schema, *, swaps: bool) -> int:
        """Make the staged rows visible; return the table's number of rows then."""
        if self.live is None or swaps:
            return super().publish(commit, schema, swaps=swaps)
        with self.own_numbers(schema.names):
            return super().publish(commit, schema, swaps=swaps)

    def rename_staging(self, schema: pa.Schema) -> None:
        """Rename the staging table to the target's name."""
        self.run(catalog.RENAME, (self.name(self.staging), self.place.name))

    def add_column(self, field: pa.Field) -> None:
        """Add a nullable column."""
        self.run(f"ALTER TABLE {self.table} ADD {self.column(field)}")

    def retype_column(self, field: pa.Field, *, is_empty: bool) -> None:
        """Change a column's type to one that holds all its values exactly."""
        self.run(f"ALTER TABLE {self.table} ALTER COLUMN {self.column(field)}")

    def allow_nulls(self, column: str) -> None:
        """Drop a column's NOT NULL constraint."""
        kinds = {self.folded(one.field.name): one for one in self.live or ()}
        there = kinds[self.folded(column)]
        collation = self.collations.get(there.field.name)
        kind = f"{there.type} COLLATE {collation}" if collation else there.type
        self.run(f"ALTER TABLE {self.table} ALTER COLUMN {bracketed(column)} {kind} NULL")

    # After a lost reply

    def owner(self, seq: int) -> str | None:
        """Return the run of commit `seq`, on a new connection when this one is lost."""
        with suppress(StoreError):
            return super().owner(seq)
        try:
            with control(self._settings, StoreError, f"cannot ask for commit {seq}") as run:
                return self.chain.owner(run, seq)
        except StoreError as error:
            if not is_passing(error):
                raise
            raise CommitUnknownError(
                f"the confirmation of commit {seq} of {self.place.shown()} was lost, and the "
                f"server cannot be reached: {error.message}",
                hint="run again: the next run determines the outcome; or ask the server:  SELECT "
                f"run_id FROM {self.chain.table} WHERE target = '{self.chain.target}' AND seq "
                f"= {seq}",
            ) from error


def chain_of(place: TableName) -> MssqlChain:
    """Return the commits of a table."""
    return MssqlChain(quoted(TableName(place.schema, chain.TABLE)), place.name, "?")
