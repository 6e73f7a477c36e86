"""The view on a spool: rows read back from its files, and the end of the move passed on."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hygge.connector import Commit, Reader, ReadRequest, Source, Split
from hygge.connectors.files.reading.data_file import DataFile
from hygge.connectors.files.reading.home import ColumnarSource
from hygge.connectors.files.reading.pieces import FileFacts, Piece
from hygge.connectors.files.text.json_lines import JsonSource

if TYPE_CHECKING:
    import pyarrow as pa


class RowSource(ColumnarSource):
    """Arrow IPC files of this process under one schema."""

    def look(self, file: DataFile) -> FileFacts:
        """Read the schema and how many rows there are."""
        import pyarrow as pa

        with file.arrow_file() as raw, pa.ipc.open_file(raw) as opened:
            count = opened.num_record_batches
            share = file.size // max(count, 1)
            return FileFacts(opened.schema, opened.count_rows(), (share,) * count)

    def batches(self, piece: Piece) -> Generator[pa.RecordBatch]:
        """Yield the record batches of a piece, with the columns that are read."""
        import pyarrow as pa

        with piece.file.arrow_file() as raw, pa.ipc.open_file(raw) as opened:
            for number in piece.blocks(opened.num_record_batches):
                batch = opened.get_batch(number)
                yield batch.select(self.chosen(batch.schema.names))


class PageSource(JsonSource):
    """Pages of JSON under one schema, that of all their documents.

    A declared column that no document has is null: the system may hand it out later.
    """

    def __init__(
        self, request: ReadRequest, files: Sequence[DataFile], types: Mapping[str, pa.DataType]
    ) -> None:
        super().__init__(request, files, types=types, thorough=True)

    def check_declared(self) -> None:
        """Accept declared columns that no document has."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """What the system handed out that is no row: for `Source.put_aside`."""

    place: str
    """Its position in the system, for messages."""
    text: bytes
    reason: str


class Settled(Source):
    """A wrapper of a source that passes on the outcome of the move."""

    def __init__(
        self,
        source: Source,
        settle: Callable[[Commit | None], None],
        bad: Sequence[BadRow] = (),
        notes: Sequence[str] = (),
    ) -> None:
        self._source = source
        self._settle = settle
        self._bad = list(bad)
        self._notes = notes
        self.schema = source.schema
        self.total_rows = source.total_rows
        self.is_proved = source.is_proved

    def notes(self) -> Sequence[str]:
        """Return what there is to know of the rows; see `Source.notes`."""
        return (*self._notes, *self._source.notes())

    def narrow(self, columns: Sequence[str]) -> None:
        """Read only these columns; see `Source.narrow`."""
        self._source.narrow(columns)
        self.schema = self._source.schema

    def share_read(self) -> float | None:
        """Return how much was read so far; see `Source.share_read`."""
        return self._source.share_read()

    def splits(self, wanted: int) -> list[Split]:
        """Return the splits; see `Source.splits`. Bad rows are put aside first."""
        if self.put_aside is not None:
            for row in self._bad:
                self.put_aside(row.place, row.text, row.reason)
            self._bad.clear()
        return self._source.splits(wanted)

    def reader(self) -> Reader:
        """Return what reads the splits; see `Source.reader`."""
        return self._source.reader()

    def read(self, split: Split) -> AbstractContextManager[pa.RecordBatchReader]:
        """Open a reader on one split; see `Source.read`."""
        return self._source.read(split)

    def settle(self, commit: Commit | None) -> None:
        """Pass on how the move ended; see `Source.settle`."""
        self._settle(commit)
