"""Arrow tables as JSON arrays: an object a row, each in a line of its own."""

from __future__ import annotations

import json

import pyarrow as pa

from hygge.files import BatchWriter, DataFile, FileFormat, Sink, json_rows, json_type


class JsonArrayFormat(FileFormat):
    """One JSON array. `FileStoreConfig` makes commits, merges and undo of it."""

    suffix = ".json"

    def fit(self, kind: pa.DataType) -> pa.DataType:
        """Return the type to write as JSON; raises `UnfitError` for bytes."""
        return json_type(kind)

    def open(self, sink: Sink, schema: pa.Schema, buffer_bytes: int) -> BatchWriter:
        """Begin a file."""
        return ArrayWriter(sink)

    def count(self, file: DataFile) -> int:
        """Return the rows of a finished file, read from the file."""
        with file.open() as raw:
            return len(json.loads(raw.read()))


class ArrayWriter:
    """Writes rows as they come; holds none back."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._before = "[\n"

    def write(self, batch: pa.RecordBatch) -> None:
        """Write a batch."""
        for row in json_rows(batch).to_pylist():  # each ends its line
            self._sink.write(f"{self._before}{row.rstrip()}".encode())
            self._before = ",\n"

    def close(self) -> None:
        """End the array, which may be empty."""
        self._sink.write(b"[]\n" if self._before == "[\n" else b"\n]\n")
