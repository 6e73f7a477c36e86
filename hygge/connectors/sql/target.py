"""A table as a target: rows are staged beside it and published in one short transaction.

    open     lock the place, drop what dead runs staged, read the chain of commits
    stage    write rows into a table of this run that no reader uses
    commit   in one transaction: check the number, publish the rows, write the commit

The target of each database implements staging and its SQL dialect.
"""

from __future__ import annotations

import hashlib
import threading
from abc import abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hygge.connector import Target, WriteRequest
from hygge.connectors.sql.chain import Chain
from hygge.connectors.sql.row_counts import check_counted, check_replaced, check_went_in
from hygge.connectors.sql.store_options import ReplaceMethod
from hygge.connectors.sql.table_names import TableName, check_name, quote, refuse_table
from hygge.connectors.sql.undo_tables import UndoTables
from hygge.errors import StoreError
from hygge.types.unfit import fit_schema
from hygge.types.widening import MAX_WHOLE_DOUBLE
from hygge.values.model import Commit, Mode, Part
from hygge.values.plurals import plural

if TYPE_CHECKING:
    import pyarrow as pa

STAGING = "_hygge_stg"
"""Name prefix of staging tables; a hash of the place and one of the attempt follow."""


@dataclass(frozen=True, slots=True)
class LiveColumn:
    """A column of the existing table."""

    field: pa.Field
    """Arrow field of the values read from it."""
    type: str
    """The database's name of its type, spelled like `SqlTarget.sql_type`."""
    fills_itself: bool = False
    """Whether it has a default, or is an identity or generated column."""
    is_computed: bool = False
    """Whether it is computed and accepts no values."""


class SqlTarget(Target):
    """One entity's table, for one attempt, on a connection of its own."""

    def __init__(self, request: WriteRequest, place: TableName, chain: Chain) -> None:
        self.request = request
        self.place = place
        self.chain = chain
        run = hashlib.sha256(f"{request.run_id}.{request.attempt}".encode()).hexdigest()
        self.staging = replace(place, name=f"{staging_prefix(place.name)}{run[:8]}")
        self.last: Commit | None = None
        self.live: list[LiveColumn] | None = None
        self.replacing: ReplaceMethod = "auto"
        self.staged: pa.Schema | None = None
        self.is_published = False
        self.lock = threading.Lock()
        self.keeping: UndoTables

    # Implemented by each database

    @abstractmethod
    def run(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement on the connection of this target and return all its rows.

        Raises `StoreError` with the database's message.
        """

    @abstractmethod
    def transaction(self) -> AbstractContextManager[object]:
        """Run the block as one transaction: all of it or nothing."""

    @abstractmethod
    def fit(self, field: pa.Field) -> pa.Field:
        """Return the field to stage for `field`; raises `UnfitError`."""

    @abstractmethod
    def sql_type(self, field: pa.Field) -> str:
        """Return the database's column type for a fitted field."""

    @abstractmethod
    def find_live(self) -> list[LiveColumn] | None:
        """Return the columns of the table; None when there is no such table.

        Raises `StoreError` when the name belongs to something else, such as a view.
        """

    @abstractmethod
    def make_staging(self, schema: pa.Schema) -> None:
        """Create the staging table for rows of `schema`."""

    @abstractmethod
    def finish_staging(self, schema: pa.Schema, *, becomes_table: bool) -> None:
        """Give the staged rows their final types, once; with `becomes_table` also the key."""

    @abstractmethod
    def drop_staging(self) -> None:
        """Drop the staged rows of this attempt."""

    @abstractmethod
    def reason_to_keep(self) -> str | None:
        """Return the first thing that a swap would lose, such as grants; None when nothing."""

    @abstractmethod
    def inspect(self, last: Commit | None) -> None:
        """Read the table, whose newest commit is `last`, and make the checks of `open`.

        Takes no lock and writes nothing. Raises where another run holds the table, or this user
        cannot write it.
        """

    # The contract

    def begin(self) -> None:
        """Read the chain and the table; raise `StoreError` for another flow's table."""
        self.find(self.chain.last(self.run))

    def find(self, last: Commit | None) -> None:
        """Read the table, whose newest commit is `last`; changes nothing. Raises like `begin`."""
        check_name(self.place.name, refuse_table)
        self.last = last
        self.live = self.find_live()
        self._check_owner()

    def foresee(self, schema: pa.Schema) -> None:
        """Raise where the table cannot be changed to a schema; see `Inspection.foresee`."""
        if self.live is None:
            return
        swaps = self.replacing == "swap" and self.swaps()
        changed = self.changing(schema)
        if changed:
            self.check_changing(changed, schema, swaps=swaps or self.swaps())

    def changing(self, schema: pa.Schema) -> list[str]:
        """Return the columns of the table that rows of a schema would retype or drop."""
        live = {self.folded(column.field.name): column for column in self.live or ()}
        known = [(live.pop(name), one) for one in schema if (name := self.folded(one.name)) in live]
        names = [column.field.name for column, field in known if self.differs(column, field)]
        if self.request.mode is not Mode.REPLACE:
            return names
        left = [column for column in live.values() if not column.fills_itself]
        return names + [one.field.name for one in left if self.wrote(one.field.name)]

    def check_changing(self, changed: Sequence[str], schema: pa.Schema, *, swaps: bool) -> None:
        """Raise `StoreError` where something of the database needs columns as they are.

        They change so that rows of `schema` fit, or are in a new table that `swaps` in.
        """

    def last_commit(self) -> Commit | None:
        """Return the newest commit; see `WriteRequest.taken_over`."""
        return self.request.taken_over(self.last)

    def schema(self) -> pa.Schema | None:
        """Return the columns of the table; those of the newest commit with the types it recorded.

        Columns with a default or computed value are left out unless a commit wrote them.
        """
        import pyarrow as pa

        if self.live is None:
            self._check_not_lost()
            return None
        known = {} if self.last is None else {field.name: field for field in self.last.schema}
        held = {
            column.field.name: self._held(column, known.get(column.field.name))
            for column in self.live
            if not column.fills_itself or column.field.name in known
        }
        order = [name for name in known if name in held]
        order += [name for name in held if name not in known]
        return pa.schema([held[name] for name in order])

    def accept(self, schema: pa.Schema) -> pa.Schema:
        """Return the schema to stage; see `Target.accept`."""
        fitted = fit_schema(schema, self.fit, holder="tables of this database")
        names: dict[str, str] = {}
        for name in fitted.names:
            other = names.setdefault(self.folded(name), name)
            if other != name:
                raise StoreError(
                    f"the columns '{other}' and '{name}' would have the same name in this database",
                    hint="rename one of them with  columns: {…: {rename: …}}",
                )
        return fitted

    def commit(self, parts: Sequence[Part], commit: Commit) -> None:
        """Publish all parts in one transaction with the commit's row; see `Target.commit`."""
        schema = self.prepare(parts, commit)
        swaps = self.swaps()
        self.finish_staging(schema, becomes_table=self.live is None or swaps)
        with self.transaction():
            self.chain.check_next(self.run, commit.seq)
            self.keeping.begin(commit, swaps=swaps)
            total = self.publish(commit, schema, swaps=swaps)
            self.keeping.end(commit)
            self.chain.add(self.run, replace(commit, total_rows=total), self.request.attempt)
        self.is_published = True

    def prepare(self, parts: Sequence[Part], commit: Commit) -> pa.Schema:
        """Return the schema of the staged rows; raise `StoreError` unless all are staged."""
        rows = sum(part.rows for part in parts)
        if not parts or rows != commit.rows:
            raise StoreError(
                f"commit {commit.seq} of {self.place.shown()} has {plural(commit.rows, 'row')}, "
                f"but {plural(len(parts), 'part')} with {rows:,} arrived"
            )
        return self.begin_staging(commit.schema)

    def begin_staging(self, schema: pa.Schema) -> pa.Schema:
        """Create the staging table if there is none; return the schema of its rows."""
        with self.lock:
            if self.staged is None:
                fitted = self.accept(schema)
                self.make_staging(fitted)
                self.staged = fitted
            return self.staged

    def fits_double(self, column: str) -> bool:
        """Return whether all integers of a column are within ±2^53; see `Target.fits_double`."""
        name, bound = self.quote(column), MAX_WHOLE_DOUBLE
        return not self.first("1", f"{self.table} WHERE {name} > {bound} OR {name} < -{bound}")

    def owner(self, seq: int) -> str | None:
        """Return the run of commit `seq`."""
        return self.chain.owner(self.run, seq)

    def discard(self) -> None:
        """Drop the staged rows of this attempt; see `Target.discard`."""
        self.drop_staging()

    # Publishing

    def publish(self, commit: Commit, schema: pa.Schema, *, swaps: bool) -> int:
        """Make the staged rows visible; return the table's number of rows then."""
        if self.live is None or swaps:
            check_counted(self.rows_staged(commit), self.count_staged(), self.place.shown())
            if swaps:
                self.keeping.put_away(commit.seq)
            self.rename_staging(schema)
            return self.rows_staged(commit)
        if self.request.mode is Mode.REPLACE:
            self.run(f"DELETE FROM {self.table}")
            check_replaced(bool(self.first("1", self.table)), self.place.shown())
            self.evolve(schema, is_empty=True)
            self.insert_staged(commit, schema)
            return commit.rows
        self.evolve(schema, is_empty=False)
        return self.add_staged(commit, schema)

    def rows_staged(self, commit: Commit) -> int:
        """Return the number of rows of the table that was the staging table."""
        return commit.rows

    def count_staged(self) -> int:
        """Return the number of staged rows, counted by the database."""
        return sum(map(self.count, self.staged_tables()))

    def add_staged(self, commit: Commit, schema: pa.Schema) -> int:
        """Add the staged rows to the existing table; return its number of rows then."""
        before = self.rows_before()
        self.insert_staged(commit, schema)
        return before + commit.rows

    def swaps(self) -> bool:
        """Return whether a new table replaces the existing one.

        Raises `StoreError` where `replace: swap` is not possible.
        """
        if self.live is None or self.request.mode is not Mode.REPLACE or self.replacing == "keep":
            return False
        reason = self.reason_to_keep()
        if self.last is None:
            reason = reason or "it was not created by hygge"
        if reason and self.replacing == "swap":
            raise StoreError(
                f"{self.place.shown()} cannot be replaced by a new table: {reason}",
                hint="set replace: keep in the store, which puts rows into the table as it is",
                code="HG536",
            )
        return reason is None

    def insert_staged(self, commit: Commit, schema: pa.Schema) -> None:
        """Insert the staged rows into the table; raise `StoreError` unless all were inserted."""
        check_went_in(self.fill(schema), commit.rows, self.place.shown())

    def evolve(self, schema: pa.Schema, *, is_empty: bool) -> None:
        """Change the table's columns to `schema`; with `is_empty` also drop others."""
        live = {self.folded(column.field.name): column for column in self.live or ()}
        for field in schema:
            column = live.pop(self.folded(field.name), None)
            if column is None:
                self.add_column(field)
                continue
            if self.differs(column, field):
                self.retype_column(field, is_empty=is_empty)
            if field.nullable and not column.field.nullable and self.required(field.name):
                self.allow_nulls(field.name)
        for column in live.values():
            if is_empty and not column.fills_itself and self.wrote(column.field.name):
                self.run(f"ALTER TABLE {self.table} DROP COLUMN {self.quote(column.field.name)}")

    def wrote(self, name: str) -> bool:
        """Return whether the newest commit wrote a column of that name."""
        names = () if self.last is None else self.last.schema.names
        return self.folded(name) in map(self.folded, names)

    def required(self, name: str) -> bool:
        """Return whether a commit made a column NOT NULL; other constraints are not changed."""
        fields = () if self.last is None else self.last.schema
        return any(self.folded(f.name) == self.folded(name) and not f.nullable for f in fields)

    # SQL that most databases share

    def folded(self, name: str) -> str:
        """Return a name in the form in which the database compares it; unchanged by default."""
        return name

    def quote(self, name: str) -> str:
        """Return `name` as a quoted identifier."""
        return quote(name)

    def name(self, table: TableName) -> str:
        """Return a table's name with its schema, quoted."""
        return ".".join(self.quote(part) for part in (table.schema, table.name) if part)

    @property
    def table(self) -> str:
        """The name of the table with its schema, quoted."""
        return self.name(self.place)

    def column(self, field: pa.Field) -> str:
        """Return a column definition for CREATE TABLE and ADD COLUMN."""
        null = "" if field.nullable else " NOT NULL"
        return f"{self.quote(field.name)} {self.sql_type(field)}{null}"

    def fill(self, schema: pa.Schema) -> int:
        """Copy the staged rows into the table by column name; return how many were inserted."""
        names = ", ".join(map(self.quote, schema.names))
        insert = f"INSERT INTO {self.table} ({names}) SELECT {names} FROM"
        return sum(self.change(f"{insert} {table}") for table in self.staged_tables())

    def change(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Run a statement that changes rows; return how many it changed."""
        rows = self.run(f"WITH moved AS ({sql} RETURNING 1) SELECT count(*) FROM moved", values)
        return int(rows[0][0])

    def count(self, rest: str, values: Sequence[Any] = ()) -> int:
        """Return the number of rows of SELECT … FROM `rest`."""
        return int(self.run(f"SELECT count(*) FROM {rest}", values)[0][0])

    def first(self, columns: str, rest: str) -> list[tuple[Any, ...]]:
        """Return the first row of SELECT `columns` FROM `rest`, if there is one."""
        return self.run(f"SELECT {columns} FROM {rest} LIMIT 1")

    def staged_tables(self) -> list[str]:
        """Return the tables of staged rows, quoted."""
        return [self.name(self.staging)]

    def differs(self, column: LiveColumn, field: pa.Field) -> bool:
        """Return whether a column must change its type to hold a fitted field.

        A type that is read as the same Arrow type is not changed, such as text of limited length.
        """
        return column.type != self.sql_type(field) and column.field.type != field.type

    def rename_staging(self, schema: pa.Schema) -> None:
        """Rename the staging table to the target's name, which is free."""
        self.run(f"ALTER TABLE {self.name(self.staging)} RENAME TO {self.quote(self.place.name)}")

    def add_column(self, field: pa.Field) -> None:
        """Add a nullable column."""
        self.run(f"ALTER TABLE {self.table} ADD COLUMN {self.column(field)}")

    def retype_column(self, field: pa.Field, *, is_empty: bool) -> None:
        """Change a column's type to one that holds all its values exactly."""
        column, kind = self.quote(field.name), self.sql_type(field)
        using = f"CAST({'NULL' if is_empty else column} AS {kind})"
        self.run(f"ALTER TABLE {self.table} ALTER COLUMN {column} TYPE {kind} USING {using}")

    def allow_nulls(self, column: str) -> None:
        """Drop a column's NOT NULL constraint."""
        self.run(f"ALTER TABLE {self.table} ALTER COLUMN {self.quote(column)} DROP NOT NULL")

    # Checks

    def _held(self, column: LiveColumn, known: pa.Field | None) -> pa.Field:
        if known is not None and self.sql_type(self.fit(known)) == column.type:
            return known
        return column.field

    def rows_before(self) -> int:
        """Return how many rows the table has before this commit."""
        return self.count(self.table) if self.last is None else self.last.total_rows

    def _check_owner(self) -> None:
        """Raise `StoreError` when the table is another flow's, or has rows that no flow wrote."""
        request, shown = self.request, self.place.shown()
        if request.adopt:
            return
        if self.last is not None and self.last.flow != request.flow:
            raise StoreError(
                f"{shown} was written by flow '{self.last.flow}', not by '{request.flow}'",
                hint="choose another name with  into: <name>, or, if the flow was renamed, take it "
                f"over with  hygge go {request.flow} --adopt",
                code="HG534",
            )
        is_foreign = self.last is None and self.live is not None
        if is_foreign and request.mode is Mode.REPLACE and self.first("1", self.table):
            raise StoreError(
                f"{shown} already exists, with rows that hygge did not write",
                hint=f"replace them with  hygge go {request.flow} --adopt, append to them with  "
                "mode: append, or choose another name with  into: <name>",
                code="HG534",
            )

    def _check_not_lost(self) -> None:
        """Raise `StoreError` when the table of a chain of commits is gone: its rows are missing."""
        if self.last is None or self.request.mode is Mode.REPLACE:
            return
        raise StoreError(
            f"{self.place.shown()} no longer exists, but its last commit, {self.last.seq}, had "
            f"{plural(self.last.total_rows, 'row')}",
            hint=f"restore the table, or move everything again with  hygge go {self.request.flow} "
            "--full-refresh",
            code="HG537",
        )


def staging_prefix(table: str) -> str:
    """Return the name prefix of all staging tables of a table."""
    return f"{STAGING}_{hashlib.sha256(table.encode()).hexdigest()[:12]}_"
