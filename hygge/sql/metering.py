"""Batches on their way into a driver."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


class Meter:
    """Counts rows and Arrow bytes of batches, and keeps the error that a driver would garble."""

    def __init__(self, reader: pa.RecordBatchReader) -> None:
        self.schema = reader.schema
        self.rows = 0
        self.bytes = 0
        self.error: Exception | None = None
        self._reader = reader

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the batches of the reader."""
        try:
            for batch in self._reader:
                self.rows += batch.num_rows
                self.bytes += batch.nbytes
                yield batch
        except Exception as error:
            self.error = error
            raise
