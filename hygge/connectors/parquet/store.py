"""Tables as Parquet files: compressed columns with their exact types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hygge.connectors.files.formats import BatchWriter, FileFormat, Sink, map_type
from hygge.connectors.parquet.config import ParquetStoreConfig
from hygge.types.batches import data_bytes
from hygge.types.unfit import UnfitError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from hygge.connectors.files.reading.data_file import DataFile


class ParquetFormat(FileFormat):
    """Parquet files, row group by row group."""

    suffix = ".parquet"

    def __init__(self, config: ParquetStoreConfig) -> None:
        self.config = config

    def fit(self, kind: pa.DataType) -> pa.DataType:
        """Return the type that a column of `kind` is written as; see `FileFormat`."""
        return map_type(kind, _fit_leaf)

    def open(self, sink: Sink, schema: pa.Schema, buffer_bytes: int) -> BatchWriter:
        """Return the writer of one file; see `FileFormat`."""

        import pyarrow.parquet as pq

        writer = pq.ParquetWriter(
            sink,
            schema,
            version="2.6",
            compression=self.config.compression,
            compression_level=self.config.compression_level,
            write_page_checksum=True,
        )
        return _RowGroups(writer, self.config.row_group_size, buffer_bytes)

    def count(self, file: DataFile) -> int:
        """Return the rows of a file; see `FileFormat`."""

        import pyarrow.parquet as pq

        with file.arrow_file() as raw:
            rows: int = pq.read_metadata(raw).num_rows
        return rows

    def schema_of(self, file: DataFile) -> pa.Schema | None:
        """Return the schema of a file; see `FileFormat`."""

        import pyarrow.parquet as pq

        with file.arrow_file() as raw:
            return pq.read_schema(raw)


class _RowGroups:
    """Buffers batches until they fill a row group, then writes it.

    Buffering here limits memory by bytes as well as rows, and lets the writer encode one column
    chunk at a time.
    """

    def __init__(self, writer: pq.ParquetWriter, rows: int, buffer_bytes: int) -> None:
        self._writer = writer
        self._rows = rows
        self._bytes = buffer_bytes
        self._held: list[pa.RecordBatch] = []
        self._held_rows = 0
        self._held_bytes = 0

    def write(self, batch: pa.RecordBatch) -> None:
        while batch.num_rows:
            take = min(batch.num_rows, self._rows - self._held_rows)
            self._hold(batch.slice(0, take))
            batch = batch.slice(take)
            if self._held_rows >= self._rows or self._held_bytes >= self._bytes:
                self._flush()

    def _hold(self, batch: pa.RecordBatch) -> None:
        self._held.append(batch)
        self._held_rows += batch.num_rows
        self._held_bytes += data_bytes(batch)

    def _flush(self) -> None:
        import pyarrow as pa

        if self._held:
            table = pa.Table.from_batches(self._held)
            self._writer.write_table(table, row_group_size=self._held_rows)
        self._held, self._held_rows, self._held_bytes = [], 0, 0

    def close(self) -> None:
        self._flush()
        self._writer.close()


def _fit_leaf(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    if pa.types.is_date64(kind):
        return pa.date32()
    if pa.types.is_run_end_encoded(kind):
        return kind.value_type
    if pa.types.is_struct(kind):
        raise UnfitError("the format does not support structs without fields")
    if pa.types.is_interval(kind) or pa.types.is_union(kind):
        raise UnfitError("the format does not have this type")
    return kind
