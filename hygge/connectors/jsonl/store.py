"""Tables as JSON lines: one object a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hygge.connectors.files.formats import BatchWriter, FileFormat, Sink
from hygge.connectors.files.text.json_text import fit_json, rows_text
from hygge.connectors.files.text.values import (
    COMPRESSED_SUFFIX,
    Compression,
    TextWriter,
    count_lines,
    line_bytes,
    pieces,
    read_blocks,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from hygge.connectors.files.reading.data_file import DataFile


class JsonlFormat(FileFormat):
    """Lines of JSON objects, written exactly."""

    def __init__(self, compression: Compression) -> None:
        self.compression = compression
        self.suffix = ".jsonl" + COMPRESSED_SUFFIX[compression]

    def fit(self, kind: pa.DataType) -> pa.DataType:
        """Return the type that a column of `kind` is written as; see `FileFormat`."""
        return fit_json(kind)

    def open(self, sink: Sink, schema: pa.Schema, buffer_bytes: int) -> BatchWriter:
        """Return the writer of one file; see `FileFormat`."""
        return _Objects(TextWriter(sink, self.compression))

    def count(self, file: DataFile) -> int:
        """Return the rows of a file; see `FileFormat`."""
        return count_lines(read_blocks(file, self.compression))


class _Objects:
    def __init__(self, out: TextWriter) -> None:
        self._out = out

    def write(self, batch: pa.RecordBatch) -> None:
        for piece in pieces(batch):
            self._out.write(line_bytes(rows_text(piece)))

    def close(self) -> None:
        self._out.close()
