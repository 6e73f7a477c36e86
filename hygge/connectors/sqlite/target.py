"""A table of a SQLite file as a target: staged in files beside it, then copied in.

A writer of a SQLite file blocks all others, so staging, the long part, uses separate files. The
rows are then copied by one INSERT … SELECT inside the database.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hygge.connector import WriteRequest
from hygge.connectors.sql import chain
from hygge.connectors.sql.file_database import beside, transaction
from hygge.connectors.sql.outgoing import OutgoingBatches
from hygge.connectors.sql.store_options import ReplaceMethod
from hygge.connectors.sql.table_names import TableName, check_name, quote
from hygge.connectors.sql.target import LiveColumn
from hygge.connectors.sql.trial_copy import try_change
from hygge.connectors.sqlite import catalog, trial_copy, types
from hygge.connectors.sqlite.config import refuse_name
from hygge.connectors.sqlite.connections import Rows, cursor_of
from hygge.connectors.sqlite.conversion import stored_schema, to_stored
from hygge.connectors.sqlite.faults import fault
from hygge.connectors.sqlite.merging import SqliteMerging
from hygge.connectors.sqlite.staging_files import StagingFiles, dead_files, remove_files
from hygge.connectors.sqlite.undo_tables import SqliteUndoTables
from hygge.errors import StoreError
from hygge.values.model import Commit, Part, Split

if TYPE_CHECKING:
    import pyarrow as pa


class SqliteTarget(SqliteMerging):
    """A table of a SQLite file, for one attempt."""

    def __init__(
        self, request: WriteRequest, rows: Rows, *, file: Path, place: str, replacing: ReplaceMethod
    ) -> None:
        super().__init__(
            request, TableName("", place), chain.Chain(f"main.{quote(chain.TABLE)}", place, "?")
        )
        self.replacing = replacing
        self.keeping = SqliteUndoTables(self)
        self._rows = rows
        self._file = file
        self._prefix = beside(file, place)
        run = self.staging.name.rpartition("_")[2]
        self.staging_files = StagingFiles(Path(f"{self._prefix}-{run}"), f"cannot write {place}")
        self._nulls: set[str] = set()
        self._declared: dict[str, catalog.Column] = {}

    @property
    def table(self) -> str:
        """The name of the table in the file itself, quoted."""
        return f"main.{quote(self.place.name)}"

    def run(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement on the connection of this target and return all its rows."""
        return self._rows(sql, values)

    def transaction(self) -> AbstractContextManager[object]:
        """Run the block as one transaction, serialized among the moves of this process."""
        return transaction(self._file, self.run, "BEGIN IMMEDIATE")

    def take(self) -> None:
        """Create hygge's tables in the file, remove dead staging files, read the table."""
        check_name(self.place.name, refuse_name)
        remove_files(dead_files(self._prefix))
        if not self.run("SELECT 1 FROM sqlite_schema WHERE name = ?", (chain.TABLE,)):
            columns = chain.columns("TEXT", "INTEGER")
            with self.transaction():
                self.run(f"CREATE TABLE IF NOT EXISTS {self.chain.table} ({columns})")
        self.begin()

    def inspect(self, last: Commit | None) -> None:
        """Read the table without a lock; see `SqlTarget.inspect`."""
        check_name(self.place.name, refuse_name)
        self.find(last)

    def find_live(self) -> list[LiveColumn] | None:
        """Return the declared columns of the table."""
        import pyarrow as pa

        table = catalog.find(catalog.tables(self.run), self.place.name)
        if table is None:
            return None
        if table.kind != "table":
            raise StoreError(
                f"{self.place.shown()} is a {table.kind}, which cannot be written",
                hint="choose another name with  into: <name>",
            )
        found = catalog.columns(self.run, table.name)
        keys = len(catalog.primary_key(found))
        live = []
        for one in found:
            kind = types.declared_kind(one.declared)
            is_number = catalog.numbers_itself(one, table, keys)
            field = pa.field(
                one.name, kind.type if kind else pa.null(), not one.required and not is_number
            )
            fills = one.is_computed or is_number or bool(one.default)
            live.append(LiveColumn(field, one.declared, fills, one.is_computed))
            self._declared[one.name] = one
        return live

    def folded(self, name: str) -> str:
        """Return a name as SQLite compares it."""
        return catalog.folded(name)

    def fit(self, field: pa.Field) -> pa.Field:
        """Return the field to stage, with the same metadata."""
        return field.with_type(types.fit(field.type))

    def sql_type(self, field: pa.Field) -> str:
        """Return the type to declare for a fitted field."""
        return types.sql_type(field.type)

    def differs(self, column: LiveColumn, field: pa.Field) -> bool:
        """Return whether a column needs another declaration to store every value unchanged."""
        return not types.holds(column.type, field.type)

    def reason_to_keep(self) -> str | None:
        """Return the first thing that a swap would lose: indexes, triggers, foreign keys, …"""
        return catalog.reason_to_keep(self.run, self.place.name)

    def check_changing(self, changed: Sequence[str], schema: pa.Schema, *, swaps: bool) -> None:
        """Raise where a copy of the table cannot be changed; see `SqlTarget.check_changing`."""
        rows = self._rows
        with trial_copy.copied(rows, self._file, f"cannot change {self.place.shown()}") as copy:
            unusable = partial(trial_copy.users, copy)
            self._rows = copy
            try:
                try_change(self, schema, changed, swaps=swaps, unusable=unusable)
            finally:
                self._rows = rows

    # Staging

    def stage(self, batches: pa.RecordBatchReader, split: Split) -> Part:
        """Write a split as a table of a staging file; see `Target.stage`."""
        import adbc_driver_manager
        import pyarrow as pa

        schema = self.begin_staging(batches.schema)
        meter = OutgoingBatches(batches, stored_schema(schema), self._stored)
        with self.staging_files.lend() as staging_file:
            table = self.staging_files.new_table()
            staging_file.run(f"CREATE TABLE {table} ({', '.join(map(quote, schema.names))})")
            try:
                with cursor_of(staging_file.run.connection) as cursor:
                    cursor.adbc_ingest(table, meter.reader(), mode="append")
            except (adbc_driver_manager.Error, OSError, pa.ArrowException) as error:
                if meter.error is None:
                    what = f"cannot write {self.place.shown()}"
                    raise fault(error, StoreError, what) from error
            if meter.error is not None:
                # Outside of the `except`, so that the home's error keeps its cause.
                raise meter.error
            rows = int(staging_file.run(f"SELECT count(*) FROM {table}")[0][0])
            self.staging_files.set_part(split.number, staging_file, table)
        return Part(split.number, rows, meter.bytes)

    def _stored(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        self._check_keys(batch)
        return to_stored(batch)

    def _check_keys(self, batch: pa.RecordBatch) -> None:
        """Note columns with nulls; raise where SQLite would store a new rowid instead."""
        live = {} if self.live is None else {c.field.name: c for c in self.live}
        for name, array in zip(batch.schema.names, batch.columns, strict=True):
            if not array.null_count:
                continue
            self._nulls.add(name)
            is_key = name in self.request.primary_key if self.live is None else False
            if is_key or (name in live and live[name].fills_itself and self._is_number(name)):
                raise StoreError(
                    f"column '{name}' is the key of {self.place.shown()}, but is null in a row",
                    hint="exclude such rows, or choose another primary_key",
                    code="HG527",
                )

    def _is_number(self, name: str) -> bool:
        column = self._declared[name]
        return column.key > 0 and not column.is_computed

    def make_staging(self, schema: pa.Schema) -> None:
        """Do nothing: each split creates its own table."""

    def finish_staging(self, schema: pa.Schema, *, becomes_table: bool) -> None:
        """Attach the staging files to the database."""
        self.staging_files.attach(self.run)

    def staged_tables(self) -> list[str]:
        """Return the tables of all splits, quoted."""
        return self.staging_files.tables()

    def drop_staging(self) -> None:
        """Remove the staging files."""
        self.staging_files.detach(self.run)
        self.staging_files.remove()
        self.staged = None

    # Publishing

    def publish(self, commit: Commit, schema: pa.Schema, *, swaps: bool) -> int:
        """Make the rows visible; raise where foreign keys of other tables would break."""
        relatives = catalog.relatives(self.run, self.place.name)
        before = catalog.dangling(self.run, relatives)
        total = super().publish(commit, schema, swaps=swaps)
        if catalog.dangling(self.run, relatives) > before:
            raise StoreError(
                f"rows of {', '.join(relatives)} would refer to rows of {self.place.shown()} that "
                "no longer exist; nothing was published",
                hint="move the referenced rows first, or drop the foreign key",
                code="HG536",
            )
        return total

    def rename_staging(self, schema: pa.Schema) -> None:
        """Create and fill the table."""
        self.run(f"CREATE TABLE {self.table} ({self._definition(schema)})")
        self.fill(schema)

    def _definition(self, schema: pa.Schema) -> str:
        keys = self.request.primary_key
        columns = [
            self.column(field.with_nullable(field.nullable and field.name not in keys))
            for field in schema
        ]
        if keys:
            columns.append(f"PRIMARY KEY ({', '.join(map(quote, keys))})")
        return ", ".join(columns)

    def evolve(self, schema: pa.Schema, *, is_empty: bool) -> None:
        """Change the table's columns to `schema`, by ADD COLUMN or else by a rebuild."""
        live = {self.folded(column.field.name): column for column in self.live or ()}
        new, changed, freed = [], {}, set()
        for field in schema:
            column = live.pop(self.folded(field.name), None)
            if column is None:
                new.append(field)
            elif self.differs(column, field):
                changed[column.field.name] = field
            elif not column.field.nullable and field.name in self._nulls:
                freed.add(column.field.name)
        if changed or freed:
            self._rebuild(changed, freed)
        for field in new:
            self.add_column(field.with_nullable(True))
        for name in [column.field.name for column in live.values() if not column.fills_itself]:
            if is_empty and self.wrote(name):
                self.run(f"ALTER TABLE {self.table} DROP COLUMN {quote(name)}")

    def _rebuild(self, changed: dict[str, pa.Field], freed: set[str]) -> None:
        """Replace the table by one with other declarations and all its rows."""
        reason = self.reason_to_keep()
        if reason is not None:
            what = ", ".join(f"'{name}'" for name in [*changed, *sorted(freed)])
            raise StoreError(
                f"{self.place.shown()} would have to be recreated to change column {what}, which "
                f"would lose something: {reason}",
                hint="alter the table yourself, or write to another one with  into: <name>",
                code="HG536",
            )
        columns = []
        for name, one in self._declared.items():
            kind = self.sql_type(changed[name]) if name in changed else one.declared
            required = one.required and name not in freed and name not in self._nulls
            columns.append(f"{quote(name)} {kind}{' NOT NULL' if required else ''}")
        keys = catalog.primary_key(self._declared.values())
        if keys:
            columns.append(f"PRIMARY KEY ({', '.join(map(quote, keys))})")
        new = f"main.{quote(self.staging.name)}"
        self.run(f"CREATE TABLE {new} ({', '.join(columns)})")
        self.run(f"INSERT INTO {new} SELECT * FROM {self.table}")
        self.run(f"DROP TABLE {self.table}")
        self.run(f"ALTER TABLE {new} RENAME TO {quote(self.place.name)}")
