"""Tables as Arrow IPC files, also known as Feather: the memory format itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hygge.connector import HomeConfig
from hygge.files.formats import BatchWriter, FileFormat, Sink, map_type
from hygge.files.store import FileStoreConfig

if TYPE_CHECKING:
    import pyarrow as pa


class ArrowStoreConfig(FileStoreConfig, type="arrow"):
    """Writes Arrow IPC files. Dictionaries are written as their values: a file holds one only."""

    suffixes = (".arrow", ".feather", ".ipc")

    compression: Literal["none", "lz4", "zstd"] = "none"
    """How buffers are compressed; uncompressed files can be mapped into memory."""

    def as_home(self, held: pa.Schema | None = None) -> HomeConfig:
        """Return the home that reads these files."""
        from hygge.homes.arrow import ArrowHomeConfig

        return self.read_files_by(ArrowHomeConfig)

    def format(self) -> FileFormat:
        """Return the format."""
        return _Ipc(None if self.compression == "none" else self.compression)


class _Ipc(FileFormat):
    suffix = ".arrow"

    def __init__(self, compression: str | None) -> None:
        self.compression = compression

    def fit(self, kind: pa.DataType) -> pa.DataType:
        return map_type(kind, _fit_leaf)

    def open(self, sink: Sink, schema: pa.Schema, buffer_bytes: int) -> BatchWriter:
        import pyarrow as pa

        options = pa.ipc.IpcWriteOptions(compression=self.compression)
        writer: BatchWriter = pa.ipc.new_file(sink, schema, options=options)
        return writer

    def count(self, path: Path) -> int:
        import pyarrow as pa

        with pa.memory_map(str(path)) as file, pa.ipc.open_file(file) as reader:
            rows: int = reader.count_rows()
        return rows

    def schema_of(self, path: Path) -> pa.Schema | None:
        import pyarrow as pa

        with pa.memory_map(str(path)) as file, pa.ipc.open_file(file) as reader:
            return reader.schema


def _fit_leaf(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    return kind.value_type if pa.types.is_dictionary(kind) else kind
