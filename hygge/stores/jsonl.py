"""Tables as JSON lines: one object a row."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hygge.connector import HomeConfig
from hygge.files.formats import BatchWriter, FileFormat, Sink
from hygge.files.json_text import fit_json, rows_text
from hygge.files.store import FileStoreConfig
from hygge.files.text import (
    COMPRESSED_SUFFIX,
    Compression,
    TextWriter,
    count_lines,
    line_bytes,
    pieces,
)

if TYPE_CHECKING:
    import pyarrow as pa


class JsonlStoreConfig(FileStoreConfig, type="jsonl"):
    """Writes JSON lines in UTF-8: one object a row, with every column, null as `null`.

    Whole numbers keep all their digits. Decimals are strings, because most readers take a JSON
    number for a float. Dates and times are ISO 8601 strings; a time with a zone is written as that
    instant in UTC. A map is a list of objects with `key` and `value`. JSON has no text for NaN,
    infinity and bytes: they are refused.
    """

    suffixes = (".jsonl", ".ndjson", ".json", ".jsonl.gz", ".jsonl.zst", ".json.gz", ".ndjson.gz")

    compression: Compression = "none"
    """How files are compressed: none, gzip (`.jsonl.gz`) or zstd (`.jsonl.zst`)."""

    def as_home(self, held: pa.Schema | None = None) -> HomeConfig:
        """Return the home that reads these files."""
        from hygge.homes.jsonl import JsonlHomeConfig

        return self.read_files_by(JsonlHomeConfig)

    def format(self) -> FileFormat:
        """Return the format."""
        return _Jsonl(self.compression)


class _Jsonl(FileFormat):
    def __init__(self, compression: Compression) -> None:
        self.compression = compression
        self.suffix = ".jsonl" + COMPRESSED_SUFFIX[compression]

    def fit(self, kind: pa.DataType) -> pa.DataType:
        return fit_json(kind)

    def open(self, sink: Sink, schema: pa.Schema, buffer_bytes: int) -> BatchWriter:
        return _Objects(TextWriter(sink, self.compression))

    def count(self, path: Path) -> int:
        return count_lines(path)


class _Objects:
    def __init__(self, out: TextWriter) -> None:
        self._out = out

    def write(self, batch: pa.RecordBatch) -> None:
        for piece in pieces(batch):
            self._out.write(line_bytes(rows_text(piece)))

    def close(self) -> None:
        self._out.close()
