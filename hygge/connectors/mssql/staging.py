"""Staging by bulk copy, each split on its own connection.

Bulk update locks are compatible with each other and block all other readers. So the rows of a
complete split are counted without a lock.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from hygge.connectors.mssql import types
from hygge.connectors.mssql.catalog import bracketed
from hygge.connectors.mssql.config import MssqlSettings
from hygge.connectors.mssql.connections import Rows
from hygge.connectors.mssql.faults import drivers_errors, fault
from hygge.connectors.sql.pool import Reserved
from hygge.connectors.sql.table_names import TableName
from hygge.errors import StoreError
from hygge.types.unfit import UnfitError
from hygge.values.model import Part, Split

if TYPE_CHECKING:
    import pyarrow as pa

SPLIT = "_hygge_split"
"""Column with the split number of a row, dropped when all splits are staged."""


class Staging:
    """The staging table of one target; several threads may fill it at once."""

    def __init__(self, settings: MssqlSettings, run: Rows, place: TableName, table: str) -> None:
        self._run = run
        self._what = f"cannot write {place.shown()}"
        self._table = table
        self._begun: set[int] = set()
        self._reserved = Reserved(settings.pool())

    def stage(self, batches: pa.RecordBatchReader, split: Split) -> Part:
        """Bulk copy a split.

        Bulk copy commits in steps, so rows of an earlier staging of the split are deleted first.
        """
        number = f"{bracketed(SPLIT)} = {split.number}"
        meter = BulkCopyBatches(batches, split.number)
        with self._reserved.slot():
            if split.number in self._begun:
                self._run(f"DELETE FROM {self._table} WHERE {number}")
            self._begun.add(split.number)
            self._copy(meter)
        counted = f"{self._table} WITH (READUNCOMMITTED) WHERE {number}"
        rows = int(self._run(f"SELECT COUNT_BIG(*) FROM {counted}")[0][0])
        return Part(split.number, rows, meter.bytes)

    def forget(self) -> None:
        """Forget all splits, because the table was dropped."""
        self._begun.clear()

    def _copy(self, meter: BulkCopyBatches) -> None:
        import pyarrow as pa

        reader = pa.RecordBatchReader.from_batches(meter.schema, meter.batches())
        try:
            with self._run.cursor() as cursor:
                cursor.bulkcopy_arrow(
                    self._table,
                    reader,
                    timeout=0,
                    column_mappings=meter.schema.names,
                    table_lock=True,
                    keep_nulls=True,
                )
        except drivers_errors() as error:
            if isinstance(meter.error, UnfitError):
                hint = "cast it in the flow with  columns: {…: {type: …}}"
                raise StoreError(f"{self._what}: {meter.error}", hint=hint, code="HG535") from error
            if meter.error is not None:
                raise meter.error from None
            raise fault(error, StoreError, self._what) from error


class BulkCopyBatches:
    """Converts batches for bulk copy, counts their bytes, and keeps the error of the home."""

    def __init__(self, reader: pa.RecordBatchReader, split: int) -> None:
        import pyarrow as pa

        self.bytes = 0
        self.error: Exception | None = None
        self._reader = reader
        self._split = split
        fields = [
            field.with_type(pa.string()) if field.type == pa.uuid() else field
            for field in reader.schema
        ]
        self.schema = pa.schema([*fields, pa.field(SPLIT, pa.int32(), nullable=False)])

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the reader's batches with the split number; raises `UnfitError`."""
        import pyarrow as pa

        try:
            for batch in self._reader:
                self.bytes += batch.nbytes
                named = zip(batch.schema.names, batch.columns, strict=True)
                arrays = [types.staged(array, name) for name, array in named]
                arrays.append(pa.repeat(pa.scalar(self._split, pa.int32()), batch.num_rows))
                yield pa.RecordBatch.from_arrays(arrays, schema=self.schema)
        except Exception as error:
            self.error = error
            raise
