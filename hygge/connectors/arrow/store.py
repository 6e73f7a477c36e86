"""Tables as Arrow IPC files, also known as Feather: the memory format itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hygge.connectors.files.formats import BatchWriter, FileFormat, Sink, map_type

if TYPE_CHECKING:
    import pyarrow as pa

    from hygge.connectors.files.reading.data_file import DataFile


class IpcFormat(FileFormat):
    """Arrow IPC files."""

    suffix = ".arrow"

    def __init__(self, compression: str | None) -> None:
        self.compression = compression

    def fit(self, kind: pa.DataType) -> pa.DataType:
        """Return the type that a column of `kind` is written as; see `FileFormat`."""
        return map_type(kind, _fit_leaf)

    def open(self, sink: Sink, schema: pa.Schema, buffer_bytes: int) -> BatchWriter:
        """Return the writer of one file; see `FileFormat`."""

        import pyarrow as pa

        options = pa.ipc.IpcWriteOptions(compression=self.compression)
        writer: BatchWriter = pa.ipc.new_file(sink, schema, options=options)
        return writer

    def count(self, file: DataFile) -> int:
        """Return the rows of a file; see `FileFormat`."""

        import pyarrow as pa

        with file.arrow_file(mapped=True) as raw, pa.ipc.open_file(raw) as reader:
            rows: int = reader.count_rows()
        return rows

    def schema_of(self, file: DataFile) -> pa.Schema | None:
        """Return the schema of a file; see `FileFormat`."""

        import pyarrow as pa

        with file.arrow_file(mapped=True) as raw, pa.ipc.open_file(raw) as reader:
            return reader.schema


def _fit_leaf(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    return kind.value_type if pa.types.is_dictionary(kind) else kind
