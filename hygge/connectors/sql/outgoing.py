"""Batches on their way into a driver."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


class OutgoingBatches:
    """Converts batches for a driver, counts their bytes, and keeps the error of the home."""

    def __init__(
        self,
        reader: pa.RecordBatchReader,
        schema: pa.Schema | None = None,
        convert: Callable[[pa.RecordBatch], pa.RecordBatch] | None = None,
    ) -> None:
        self.schema = reader.schema if schema is None else schema
        self.bytes = 0
        self.error: Exception | None = None
        self.at_end: Callable[[], None] = lambda: None
        """Called once the driver has taken the last batch."""
        self._reader = reader
        self._convert = convert

    def reader(self) -> pa.RecordBatchReader:
        """Return the batches as the driver takes them."""
        import pyarrow as pa

        return pa.RecordBatchReader.from_batches(self.schema, self._batches())

    def _batches(self) -> Iterator[pa.RecordBatch]:
        try:
            for batch in self._reader:
                self.bytes += batch.nbytes
                yield batch if self._convert is None else self._convert(batch)
        except Exception as error:
            self.error = error
            raise
        self.at_end()
