"""ORC files, read in batches, so that a stripe need not fit into memory."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING

from hygge.connector import ReadRequest
from hygge.connectors.files.reading.data_file import DataFile
from hygge.connectors.files.reading.home import ColumnarSource, FileHome
from hygge.connectors.files.reading.pieces import FileFacts, Piece
from hygge.errors import HomeError
from hygge.values.plurals import plural

if TYPE_CHECKING:
    import pyarrow as pa

_USUAL_PACKING = 8
_MOST_ROWS = 2**16


class OrcHome(FileHome):
    """A directory of ORC files."""

    def source(self, request: ReadRequest, files: Sequence[DataFile]) -> OrcSource:
        """Return the view on `files`; reads their footers."""
        return OrcSource(request, files)


class OrcSource(ColumnarSource):
    """ORC files under one schema; each is read as a whole.

    Stripes could be read separately, but only as one batch each, often half a gigabyte.
    """

    def look(self, file: DataFile) -> FileFacts:
        """Read the footer."""
        from pyarrow import orc

        with file.arrow_file() as raw:
            opened = orc.ORCFile(raw)
            return FileFacts(opened.schema, opened.nrows)

    def batches(self, piece: Piece) -> Generator[pa.RecordBatch]:
        """Yield the rows of a file; raise `HomeError` when the footer has another number."""
        from pyarrow import orc

        file = piece.file
        with file.arrow_file() as raw:
            opened = orc.ORCFile(raw)
            expected, packed = opened.nrows, opened.content_length
            columns = self.chosen(opened.schema.names)
        width = max(packed * _USUAL_PACKING / max(expected, 1), 1.0)
        rows = min(max(int(self.request.batch_bytes / width), 1), _MOST_ROWS)
        seen = 0
        for batch in _scan(file, rows, columns):
            seen += batch.num_rows
            yield batch
        if seen != expected:
            raise HomeError(
                f"{file} has {plural(seen, 'row')}, but its footer has {expected:,}",
                hint="the file is damaged; write it again",
            )


def _scan(file: DataFile, rows: int, columns: Sequence[str]) -> Generator[pa.RecordBatch]:
    """Yield these columns of a file, decoded from one stripe bit by bit.

    A scan that is abandoned would first read its file to the end; closing the file ends it at once.
    """
    import pyarrow as pa
    from pyarrow import dataset

    with file.open() as raw:
        fragment = dataset.OrcFileFormat().make_fragment(pa.PythonFile(raw, mode="r"))
        scanner = fragment.scanner(
            columns=list(columns),
            batch_size=rows,
            batch_readahead=1,
            fragment_readahead=1,
            use_threads=False,
        )
        with scanner.to_reader() as batches:
            try:
                yield from batches
            finally:
                raw.close()
