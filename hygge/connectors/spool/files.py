"""The files of a spool: written once, read by its source."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from hygge.connectors.files.local.disk import data_file
from hygge.connectors.files.reading.data_file import DataFile

_FILE_BYTES = 2**25
"""Files end near this size, so that an entity has several splits."""
_PACKING = "zstd"


class SpoolFile(ABC):
    """One file that is being written, readable by its owner alone."""

    suffix: ClassVar[str] = ""
    """Compression extension of the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        self._raw = os.fdopen(os.open(path, flags, 0o600), "wb")
        self._closed_size: int | None = None

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._raw.tell() if self._closed_size is None else self._closed_size

    @abstractmethod
    def takes(self, rows: Any) -> bool:  # noqa: ANN401  (batches or bytes)
        """Return whether more rows fit into the file."""

    @abstractmethod
    def write(self, rows: Any) -> None:  # noqa: ANN401
        """Write rows down."""

    @abstractmethod
    def end(self) -> None:
        """Write the end of a complete file."""

    def close(self) -> None:
        """Complete the file."""
        if self._closed_size is None:
            self.end()
            self._raw.close()
            self._closed_size = self.path.stat().st_size

    def abandon(self) -> None:
        """Close the file, complete or not: its folder is about to be removed."""
        with suppress(OSError, pa.ArrowException):
            self.close()
        with suppress(OSError):
            self._raw.close()

    def listed(self) -> DataFile:
        """Return the complete file as a home of files lists it."""
        return replace(data_file(self.path), compression=self.suffix)


class RowFile(SpoolFile):
    """Record batches of one schema, as an Arrow IPC file."""

    def __init__(self, path: Path, first: pa.RecordBatch) -> None:
        super().__init__(path)
        self._schema = first.schema
        self._is_single = any(_has_dictionary(field.type) for field in first.schema)
        """Whether the file is for one batch: it can hold one dictionary of a column only."""
        options = pa.ipc.IpcWriteOptions(compression=_PACKING)
        self._writer = pa.ipc.new_file(self._raw, first.schema, options=options)

    def takes(self, rows: pa.RecordBatch) -> bool:
        """Return whether a batch has the file's schema, and the file has room."""
        if self._is_single or self.size >= _FILE_BYTES:
            return False
        return bool(rows.schema.equals(self._schema, check_metadata=True))

    def write(self, rows: pa.RecordBatch) -> None:
        """Write a batch down."""
        self._writer.write_batch(rows)

    def end(self) -> None:
        """Write the footer."""
        self._writer.close()


class PageFile(SpoolFile):
    """Consecutive JSON documents, compressed with zstd."""

    suffix = ".zst"

    def __init__(self, path: Path, _: bytes) -> None:
        super().__init__(path)
        self._packer = pa.CompressedOutputStream(pa.PythonFile(self._raw, "w"), _PACKING)

    def takes(self, rows: bytes) -> bool:
        """Return whether the file has room."""
        return self.size < _FILE_BYTES

    def write(self, rows: bytes) -> None:
        """Write documents, followed by a separator."""
        self._packer.write(rows)
        self._packer.write(b"\n")

    def end(self) -> None:
        """Flush the compressor."""
        self._packer.close()


def _has_dictionary(kind: pa.DataType) -> bool:
    inner = (kind.field(number).type for number in range(kind.num_fields))
    return pa.types.is_dictionary(kind) or any(map(_has_dictionary, inner))
