"""A merge in SQLite's SQL, with staged rows in files beside the database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from hygge.connectors.sql.merging import MergingTarget
from hygge.connectors.sql.table_names import quote
from hygge.connectors.sqlite.conversion import to_stored
from hygge.connectors.sqlite.staging_files import StagingFiles
from hygge.errors import StoreError

if TYPE_CHECKING:
    import pyarrow as pa

_FLOAT_DIGITS = 15
"""Decimal digits that a float preserves."""


class SqliteMerging(MergingTarget):
    """The parts of a merge that are specific to SQLite."""

    row_id: ClassVar = "rowid"
    holds_nan: ClassVar = False
    staging_files: StagingFiles

    def staged_rows(self) -> str:
        """Return the union of the splits' tables."""
        self.staging_files.attach(self.run)
        selects = [f"SELECT * FROM {table}" for table in self.staging_files.tables()]
        return f"({' UNION ALL '.join(selects)})"

    @contextmanager
    def reading(self, query: str) -> Iterator[object]:
        """Run the block with `query_only` on."""
        self.run("PRAGMA query_only=ON")
        try:
            yield None
        finally:
            self.run("PRAGMA query_only=OFF")

    def gather(self, schema: pa.Schema) -> str:
        """Collect all staged rows in one table, indexed by key; return its name."""
        self.staging_files.attach(self.run)
        columns, key = schema.names, self.request.primary_key
        return self.staging_files.gather(
            self.run, *(", ".join(map(quote, n)) for n in (columns, key))
        )

    def same(self, field: pa.Field) -> str:
        """Return the condition of equal keys, with binary collation."""
        return f"{super().same(field)} COLLATE BINARY"

    def ordered(self, field: pa.Field, column: str) -> str:
        """Return the ORDER BY expression of a column; decimals, which are texts, as numbers.

        Texts are ordered with binary collation, whatever the column declares.
        """
        import pyarrow as pa

        if pa.types.is_decimal(field.type):
            return f"CAST({column} AS REAL)"
        return f"{column} COLLATE BINARY" if pa.types.is_string(field.type) else column

    def highest_first(self, field: pa.Field, column: str) -> list[str]:
        """Return the terms of ORDER BY that put the highest value of a column first.

        Decimals with the same float are ordered by their digits: those of one column have the same
        scale, so the longer text is further from zero.
        """
        import pyarrow as pa

        terms = super().highest_first(field, column)
        if pa.types.is_decimal(field.type) and field.type.precision > _FLOAT_DIGITS:
            sign = f"CASE WHEN {column} LIKE '-%' THEN -1 ELSE 1 END"
            terms.append(f"{sign} * length({column}) DESC")
            terms.append(f"CASE WHEN {column} LIKE '-%' THEN NULL ELSE {column} END DESC")
            terms.append(f"{column} ASC")
        return terms

    def typed_parameter(self, value: pa.Scalar, field: pa.Field, number: int) -> tuple[str, Any]:
        """Return the parameter marker, and the value as it is stored."""
        import pyarrow as pa

        if pa.types.is_decimal(field.type):
            raise StoreError(
                f"a range of column '{field.name}' cannot be deleted in {self.place.shown()}: "
                "decimals are stored as text there",
                hint="use a column of integers, dates or timestamps",
            )
        array = pa.repeat(value.cast(field.type), 1)
        stored = to_stored(pa.RecordBatch.from_arrays([array], schema=pa.schema([field])))
        return "?", stored.column(0)[0].as_py()

    def change(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Run a statement that changes rows; return how many it changed."""
        self.run(sql, values)
        return int(self.run("SELECT changes()")[0][0])
