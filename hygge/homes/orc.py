"""ORC files, read stripe by stripe."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar

from hygge.connector import ProjectContext, ReadRequest
from hygge.errors import HomeError
from hygge.files.home import FileHome, FileHomeConfig, FileSource
from hygge.files.layout import DataFile
from hygge.files.pieces import FileFacts, Piece

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.orc


class OrcHomeConfig(FileHomeConfig, type="orc"):
    """Reads ORC files; timestamps arrive in nanoseconds, so between the years 1677 and 2262."""

    extensions: ClassVar[tuple[str, ...]] = (".orc",)

    def home(self, context: ProjectContext) -> OrcHome:
        """Return the home; touches nothing on the disk."""
        return OrcHome(self, context)


class OrcHome(FileHome):
    """A directory of ORC files."""

    def source(self, request: ReadRequest, files: Sequence[DataFile]) -> OrcSource:
        """Return the view on `files`; reads their footers."""
        return OrcSource(request, files)


class OrcSource(FileSource):
    """ORC files under one schema; their stripes are the blocks."""

    def look(self, file: DataFile) -> FileFacts:
        """Read the footer."""
        with _opened(file) as opened:
            share = file.size // max(opened.nstripes, 1)
            return FileFacts(opened.schema, opened.nrows, (share,) * opened.nstripes)

    def batches(self, piece: Piece) -> Generator[pa.RecordBatch]:
        """Yield the stripes of `piece`, each held in memory as a whole."""
        with _opened(piece.file) as opened:
            seen = 0
            for number in piece.blocks(opened.nstripes):
                stripe = opened.read_stripe(number)
                seen += stripe.num_rows
                yield stripe
            if piece.stop is None and seen != opened.nrows:
                raise HomeError(
                    f"{piece.file.path} holds {seen} rows, its footer says {opened.nrows}",
                    hint="the file is damaged; write it again",
                )


@contextmanager
def _opened(file: DataFile) -> Iterator[pyarrow.orc.ORCFile]:
    import pyarrow as pa
    from pyarrow import orc

    with pa.OSFile(file.path) as raw:
        yield orc.ORCFile(raw)
