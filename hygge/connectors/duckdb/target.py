"""A table of a DuckDB file as a target: staged beside it in the same file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from hygge.connector import ReadRequest, WriteRequest
from hygge.connectors.duckdb import catalog, trial_copy, types
from hygge.connectors.duckdb.faults import Rows, fault
from hygge.connectors.duckdb.source import DuckdbSource
from hygge.connectors.duckdb.undo_tables import DuckdbUndoTables
from hygge.connectors.sql import chain
from hygge.connectors.sql.file_database import transaction
from hygge.connectors.sql.merging import MergingTarget
from hygge.connectors.sql.outgoing import OutgoingBatches
from hygge.connectors.sql.store_options import ReplaceMethod
from hygge.connectors.sql.table_names import TableName, quote
from hygge.connectors.sql.target import LiveColumn, staging_prefix
from hygge.connectors.sql.trial_copy import try_change
from hygge.errors import StoreError
from hygge.values.model import Commit, Part, Split

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection as Connection

_NO_KEYS = ("INTERVAL", "UNION", "VARIANT")
_ROWS = "_hygge_rows"
"""Name under which a cursor sees the incoming batches."""


class DuckdbTarget(MergingTarget):
    """A table of a DuckDB file, for one attempt."""

    row_id: ClassVar = "rowid"

    def __init__(
        self,
        request: WriteRequest,
        rows: Rows,
        *,
        file: Path,
        place: TableName,
        replacing: ReplaceMethod,
    ) -> None:
        commits = f"{quote(place.schema)}.{quote(chain.TABLE)}"
        super().__init__(request, place, chain.Chain(commits, place.name, "?"))
        self.replacing = replacing
        self.keeping: DuckdbUndoTables = DuckdbUndoTables(self)
        self._rows = rows
        self._file = file
        self._stem = self.staging.name
        self._number = 0
        self._parts: dict[int, TableName] = {}
        self._types: list[str] = []

    def run(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement on the cursor of this target and return all its rows."""
        return self._rows(sql, values)

    def transaction(self) -> AbstractContextManager[object]:
        """Run the block as one transaction, serialized among the moves of this process."""
        return transaction(self._file, self.run, "BEGIN TRANSACTION")

    @contextmanager
    def reading(self, query: str) -> Iterator[object]:
        """Run the block in a read-only transaction; raise unless it is a single statement."""
        import duckdb

        try:
            statements = duckdb.extract_statements(query)
        except duckdb.Error as error:
            raise fault(error, StoreError, f"cannot ask {self.place.shown()}") from error
        if len(statements) != 1:
            raise StoreError(f"it is {len(statements)} statements")
        with super().reading(query):
            yield None

    def take(self) -> None:
        """Create hygge's tables in the file, drop dead staging tables, read the table."""
        schema = self.place.schema
        names = self._rows.listing.begin(self._rows, self.place)
        self.keeping.know(names)
        dead = [name for name in names if name.startswith(staging_prefix(self.place.name))]
        if dead or chain.TABLE not in names:
            with self.transaction():
                self.run(f"CREATE SCHEMA IF NOT EXISTS {quote(schema)}")
                columns = chain.columns("VARCHAR", "BIGINT")
                self.run(f"CREATE TABLE IF NOT EXISTS {self.chain.table} ({columns})")
                for name in dead:
                    self.run(f"DROP TABLE {quote(schema)}.{quote(name)}")
            self._rows.listing.add(TableName(schema, chain.TABLE))
        self.begin()

    def inspect(self, last: Commit | None) -> None:
        """Read the table without a lock; see `SqlTarget.inspect`."""
        self.find(last)

    def folded(self, name: str) -> str:
        """Return a name as DuckDB compares it."""
        return name.lower()

    def fit(self, field: pa.Field) -> pa.Field:
        """Return the field to stage, with the same metadata where its type is the same."""
        return field.with_type(types.fit(field.type))

    def sql_type(self, field: pa.Field) -> str:
        """Return the type for a fitted field, queried from DuckDB."""
        import pyarrow as pa

        native = types.native_type(field)
        return native or types.sql_types(self._rows.cursor, pa.schema([field]))[0]

    def accept(self, schema: pa.Schema) -> pa.Schema:
        """Return the schema to stage; raise for a key of a type that DuckDB cannot index."""
        import pyarrow as pa

        fitted = super().accept(schema)
        for field in fitted:
            is_key = field.name in self.request.primary_key
            is_odd = pa.types.is_nested(field.type) or self.sql_type(field).startswith(_NO_KEYS)
            if is_key and is_odd:
                raise StoreError(
                    f"column '{field.name}' is part of the primary_key, and DuckDB has no keys of "
                    f"type {self.sql_type(field)}",
                    hint="choose another column, or make a text of it in a  query:  of the home",
                    code="HG555",
                )
        return fitted

    def differs(self, column: LiveColumn, field: pa.Field) -> bool:
        """Return whether a column must change its type; 128-bit integers hold 38 digits."""
        wanted = self.sql_type(field)
        is_wide = column.type == "HUGEINT" and wanted.startswith("DECIMAL") and wanted[-3:] == ",0)"
        return column.type != wanted and not is_wide

    def find_live(self) -> list[LiveColumn] | None:
        """Return the columns of the table."""
        table = self._rows.listing.find(self._rows, self.place)
        if table is None:
            return None
        if table.kind != "table":
            raise StoreError(
                f"{self.place.shown()} is a {table.kind}, which cannot be written",
                hint="choose another name with  into: <name>",
            )
        source = DuckdbSource(ReadRequest(table.name.name), self._rows).over_table(table)
        columns = catalog.columns(self.run, table.name)
        has_defaults = any(one.default for one in columns)
        computes = has_defaults and catalog.computes(self.run, table.name)
        return [
            LiveColumn(field, one.type, bool(one.default), bool(one.default) and computes)
            for field, one in zip(source.schema, columns, strict=True)
        ]

    def reason_to_keep(self) -> str | None:
        """Return what a new table in its place would lack: indexes, keys of others, defaults, …"""
        return self._rows.listing.reason_to_keep(self._rows, self.place)

    def check_changing(self, changed: Sequence[str], schema: pa.Schema, *, swaps: bool) -> None:
        """Raise where a copy of the table cannot be changed; see `SqlTarget.check_changing`."""
        rows = self._rows
        with trial_copy.copied(rows, f"cannot change {self.place.shown()}") as copy:
            unusable = partial(trial_copy.users, copy)
            self._rows = copy
            try:
                try_change(self, schema, changed, swaps=swaps, unusable=unusable)
            finally:
                self._rows = rows

    # Staging

    def make_staging(self, schema: pa.Schema) -> None:
        """Determine the types of staging tables; each split creates its own."""
        self._types = types.sql_types(self._rows.cursor, schema)

    def stage(self, batches: pa.RecordBatchReader, split: Split) -> Part:
        """Write a split as a table of its own, in a transaction of its own; see `Target.stage`."""
        schema = self.begin_staging(batches.schema)
        meter = OutgoingBatches(batches)
        with self.lock:
            self._number += 1
            table = TableName(self.place.schema, f"{self._stem}_{self._number}")
            cursor = self._rows.cursor.cursor()
        with closing(cursor):
            self._copy(cursor, meter, schema, table)
            rows = cursor.execute(f"SELECT count(*) FROM {self.name(table)}").fetchall()[0][0]
        with self.lock:
            self._parts[split.number] = table
        return Part(split.number, int(rows), meter.bytes)

    def _copy(
        self, cursor: Connection, meter: OutgoingBatches, schema: pa.Schema, table: TableName
    ) -> None:
        import duckdb

        named = list(zip(schema.names, self._types, strict=True))
        columns = ", ".join(f"{quote(name)} {kind}" for name, kind in named)
        values = ", ".join(f"CAST({quote(name)} AS {kind})" for name, kind in named)
        try:
            cursor.execute("BEGIN TRANSACTION")
            cursor.execute(f"CREATE TABLE {self.name(table)} ({columns})")
            cursor.register(_ROWS, meter.reader())
            cursor.execute(f"INSERT INTO {self.name(table)} SELECT {values} FROM {_ROWS}")
            cursor.unregister(_ROWS)
            cursor.execute("COMMIT")
        except BaseException as error:
            with suppress(duckdb.Error):
                cursor.execute("ROLLBACK")
                cursor.unregister(_ROWS)
            if not isinstance(error, duckdb.Error):
                raise
            if meter.error is None:
                raise fault(error, StoreError, f"cannot write {self.place.shown()}") from error
        if meter.error is not None:
            # Outside of the `except`, so that the home's error keeps its cause.
            raise meter.error

    def staged_tables(self) -> list[str]:
        """Return the tables of all splits, quoted."""
        return [self.name(table) for table in self._tables()]

    def finish_staging(self, schema: pa.Schema, *, becomes_table: bool) -> None:
        """Collect all splits in one table with its key, where it will become the table."""
        if not becomes_table:
            return
        self.gather(schema)
        keys = self.request.primary_key
        for field in schema:
            if not field.nullable or field.name in keys:
                self._alter(self.staging, f"ALTER {quote(field.name)} SET NOT NULL")
        if keys:
            self._alter(self.staging, f"ADD PRIMARY KEY ({', '.join(map(quote, keys))})")

    def gather(self, schema: pa.Schema) -> str:
        """Collect the rows of all splits in one table; return its name."""
        self.staging, *others = self._tables()
        for table in others:
            self.run(f"INSERT INTO {self.name(self.staging)} SELECT * FROM {self.name(table)}")
        self._parts = {0: self.staging}
        return self.name(self.staging)

    def staged_rows(self) -> str:
        """Return the union of the splits' tables."""
        selects = [f"SELECT * FROM {self.name(table)}" for table in self._tables()]
        return f"({' UNION ALL '.join(selects)})"

    def update(self, names: Sequence[str], staged: str, on: str) -> int:
        """Update rows of the table from the staged rows; return how many there are.

        DuckDB counts a row once per update, so keys that its collation treats as equal are counted
        twice.
        """
        super().update(names, staged, on)
        return self.matched(staged, on)

    def ordered(self, field: pa.Field, column: str) -> str:
        """Return the ORDER BY expression of a column; texts are ordered by bytes."""
        is_text = self.sql_type(field) == "VARCHAR"
        return f"CAST({column} AS VARCHAR) COLLATE C" if is_text else column

    def content(self, field: pa.Field, column: str) -> str:
        """Return the expression that `min` accepts for a column: types without an order as text."""
        import pyarrow as pa

        return f"CAST({column} AS VARCHAR)" if pa.types.is_nested(field.type) else column

    def _alter(self, table: TableName, change: str) -> None:
        self.run(f"ALTER TABLE {self.name(table)} {change}")

    def _tables(self) -> list[TableName]:
        return [self._parts[number] for number in sorted(self._parts)]

    def drop_staging(self) -> None:
        """Drop the staging tables of this attempt."""
        with self.lock:
            numbers = range(1, self._number + 1)
            names = [TableName(self.place.schema, f"{self._stem}_{number}") for number in numbers]
            self._number = 0
            self._parts.clear()
            self.staged = None
        for table in names:
            self.run(f"DROP TABLE IF EXISTS {self.name(table)}")

    # Publishing

    def change(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Run a statement that changes rows; return how many it changed."""
        return int(self.run(sql, values)[0][0])

    def retype_column(self, field: pa.Field, *, is_empty: bool) -> None:
        """Give a column another type; of a key, which DuckDB never changes, by a new table."""
        keys = catalog.primary_key(self.run, self.place, catalog.columns(self.run, self.place))
        if self.folded(field.name) in map(self.folded, keys):
            self._rebuild(field, keys)
        else:
            super().retype_column(field, is_empty=is_empty)

    def _rebuild(self, field: pa.Field, keys: Sequence[str]) -> None:
        """Replace the table by one in which a column has another type, with all rows."""
        reason = self.reason_to_keep()
        if reason is not None:
            raise StoreError(
                f"column '{field.name}' is part of the key of {self.place.shown()}, and DuckDB "
                "can change its type only by recreating the table, which would lose something: "
                f"{reason}",
                hint="alter the table yourself, or write to another one with  into: <name>",
                code="HG536",
            )
        columns = []
        for one in catalog.columns(self.run, self.place):
            is_changed = self.folded(one.name) == self.folded(field.name)
            kind = self.sql_type(field) if is_changed else one.type
            columns.append(f"{quote(one.name)} {kind}{'' if one.nullable else ' NOT NULL'}")
        columns.append(f"PRIMARY KEY ({', '.join(map(quote, keys))})")
        new = replace(self.place, name=f"{self._stem}_0")
        self.run(f"CREATE TABLE {self.name(new)} ({', '.join(columns)})")
        self.run(f"INSERT INTO {self.name(new)} SELECT * FROM {self.table}")
        self.run(f"DROP TABLE {self.table}")
        self.run(f"ALTER TABLE {self.name(new)} RENAME TO {quote(self.place.name)}")

    def add_column(self, field: pa.Field) -> None:
        """Add a nullable column; DuckDB cannot add a NOT NULL one."""
        super().add_column(field.with_nullable(True))
