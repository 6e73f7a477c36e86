"""File formats of stores: how files are written, counted and checked."""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from hygge.errors import StoreError
from hygge.runtime.system import explain, way_out

if TYPE_CHECKING:
    import pyarrow as pa

    from hygge.connectors.files.generations import NewFile
    from hygge.connectors.files.reading.data_file import DataFile

BUFFER_BYTES = 32 * 2**20
"""Maximum Arrow bytes that a format may buffer."""


class BatchWriter(Protocol):
    """Writes batches of one schema into one file."""

    def write(self, batch: pa.RecordBatch) -> None:
        """Write or buffer a batch."""

    def close(self) -> None:
        """Write buffered batches and the footer; leave the file open."""


class Sink:
    """A file that a format writes to and cannot close, so that it can be finished afterwards.

    A failed write raises nothing, because an exception inside a driver would end the process;
    `check` raises it later.
    """

    closed = False

    def __init__(self, file: NewFile) -> None:
        self._file = file
        self._is_abandoned = False
        self._error: OSError | None = None
        self._crc = 0
        self.written = 0
        """Bytes that were written so far."""

    def write(self, data: bytes | memoryview) -> int:
        """Append bytes; after a failure keep the error and drop further bytes."""
        if not self._is_abandoned:
            try:
                self._file.write(data)
            except OSError as error:
                self._error = error
                self.abandon()
        size = memoryview(data).nbytes
        self._crc = zlib.crc32(data, self._crc)
        self.written += size
        return size

    @property
    def crc32(self) -> str:
        """The CRC-32 of what was written, as eight hexadecimal digits."""
        return f"{self._crc:08x}"

    def tell(self) -> int:
        """Return the position in the file."""
        return self.written

    def writable(self) -> bool:
        """Return that this can be written."""
        return True

    def readable(self) -> bool:
        """Return that this cannot be read."""
        return False

    def seekable(self) -> bool:
        """Return that this is written from front to back."""
        return False

    def flush(self) -> None:
        """Do nothing: the opener of the file finishes it."""

    def check(self) -> None:
        """Raise the `OSError` of the write that failed, if one did."""
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Do nothing: the opener of the file finishes it."""

    def abandon(self) -> None:
        """Drop further writes: even an abandoned writer writes its footer."""
        self._is_abandoned = True


class FileFormat(ABC):
    """A file format with the settings of a store."""

    suffix: str
    """Extension of data files, from the first dot."""

    @abstractmethod
    def fit(self, kind: pa.DataType) -> pa.DataType:
        """Return the type to write for a column of `kind`; the same type if the format holds it.

        Raises `UnfitError` for a type that the format cannot hold exactly.
        """

    @abstractmethod
    def open(self, sink: Sink, schema: pa.Schema, buffer_bytes: int) -> BatchWriter:
        """Begin a file of `schema`, buffering at most about `buffer_bytes` Arrow bytes."""

    @abstractmethod
    def count(self, file: DataFile) -> int:
        """Return the number of rows of a complete file, read from the file."""

    def schema_of(self, file: DataFile) -> pa.Schema | None:
        """Return the schema in a file; None for formats without one."""
        return None


def map_type(kind: pa.DataType, leaf: Callable[[pa.DataType], pa.DataType]) -> pa.DataType:
    """Return `kind` with `leaf` applied to every type in it that has no types inside.

    Lists, structs and maps keep their shape and the names of their fields. A struct without any is
    a plain type.
    """
    import pyarrow as pa

    def field(inner: pa.Field) -> pa.Field:
        return inner.with_type(map_type(inner.type, leaf))

    if pa.types.is_fixed_size_list(kind):
        return pa.list_(field(kind.value_field), kind.list_size)
    if pa.types.is_large_list(kind):
        return pa.large_list(field(kind.value_field))
    if pa.types.is_list(kind):
        return pa.list_(field(kind.value_field))
    if pa.types.is_map(kind):
        return pa.map_(field(kind.key_field), field(kind.item_field), keys_sorted=kind.keys_sorted)
    if pa.types.is_struct(kind) and kind.num_fields:
        return pa.struct([field(kind.field(i)) for i in range(kind.num_fields)])
    return leaf(kind)


@contextmanager
def store_errors(doing: str) -> Iterator[None]:
    """Convert errors of the system and pyarrow to `StoreError`; `doing` is the task."""
    import pyarrow as pa

    try:
        yield
    except OSError as error:
        raise StoreError(f"cannot {doing}: {explain(error, doing)}", hint=way_out(error)) from error
    except pa.ArrowException as error:
        raise StoreError(f"cannot {doing}: {error}") from error


def checksum(file: DataFile) -> str:
    """Return the CRC-32 of a file as eight hexadecimal digits, read from the file."""
    crc = 0
    with file.open() as raw:
        while block := raw.read(2**20):
            crc = zlib.crc32(block, crc)
    return f"{crc:08x}"
