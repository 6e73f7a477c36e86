"""Arrow IPC files: the file format (Feather v2) and the stream format, detected by content."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hygge.connector import ReadRequest
from hygge.connectors.files.reading.data_file import DataFile
from hygge.connectors.files.reading.fitting import sliced
from hygge.connectors.files.reading.home import ColumnarSource, FileHome
from hygge.connectors.files.reading.pieces import FileFacts, Piece
from hygge.errors import HomeError

if TYPE_CHECKING:
    import pyarrow as pa

_FILE_MAGIC = b"ARROW1"
_OLD_FEATHER_MAGIC = b"FEA1"
_END_OF_STREAM = b"\xff\xff\xff\xff\0\0\0\0"
_MAPPED_FROM = 64 * 2**20
_Chosen = Callable[[Sequence[str]], list[str]]


class ArrowHome(FileHome):
    """A directory of Arrow IPC files."""

    def source(self, request: ReadRequest, files: Sequence[DataFile]) -> ArrowSource:
        """Return the view on `files`; reads their schemas."""
        return ArrowSource(request, files)


class ArrowSource(ColumnarSource):
    """Arrow IPC files under one schema; the record batches of the file format are the blocks."""

    def look(self, file: DataFile) -> FileFacts:
        """Read the schema, and the footer where there is one."""
        import pyarrow as pa

        if _is_stream(file):
            with file.arrow_file() as raw, pa.ipc.open_stream(raw) as stream:
                return FileFacts(stream.schema)
        with file.arrow_file() as raw, pa.ipc.open_file(raw) as opened:
            count = opened.num_record_batches
            share = file.size // max(count, 1)
            return FileFacts(opened.schema, opened.count_rows(), (share,) * count)

    def batches(self, piece: Piece) -> Generator[pa.RecordBatch]:
        """Yield the record batches of `piece`, large ones in slices, each validated.

        The format trusts its writer: without validation, an offset outside its buffer would be
        dereferenced.
        """
        import pyarrow as pa

        rows = _stream_batches if _is_stream(piece.file) else _file_batches
        for whole in rows(piece, self.chosen):
            whole = whole.select(self.chosen(whole.schema.names))
            whole.validate()
            for batch in sliced(whole, self.request.batch_bytes):
                try:
                    batch.validate(full=True)
                except pa.ArrowInvalid as error:
                    if "UTF8" not in str(error):  # text is validated where its row can be reported
                        raise
                yield batch

    def rows_before(self, piece: Piece) -> int:
        """Return how many rows of a file are before a piece of it."""
        import pyarrow as pa

        if not piece.start:
            return 0
        with piece.file.arrow_file() as raw, pa.ipc.open_file(raw) as opened:
            return sum(opened.get_batch(number).num_rows for number in range(piece.start))


def _is_stream(file: DataFile) -> bool:
    with file.open() as opened:
        magic = opened.read(len(_FILE_MAGIC))
    if magic.startswith(_OLD_FEATHER_MAGIC):
        raise HomeError(
            f"{file} is a Feather file of version 1, which does not support all types",
            hint="write it again as Feather version 2",
        )
    if not magic:
        raise HomeError(f"{file} is empty: it does not even contain a schema")
    return magic != _FILE_MAGIC


def _stream_batches(piece: Piece, chosen: _Chosen) -> Iterator[pa.RecordBatch]:
    """Yield the batches of a stream, which must be read completely."""
    import pyarrow as pa

    with piece.file.arrow_file() as raw, pa.ipc.open_stream(raw) as stream:
        yield from stream
        _check_end(raw, piece.file)


def _check_end(raw: pa.NativeFile, file: DataFile) -> None:
    """Raise unless the stream ends with its mark, and the file with the stream.

    Without the mark, a stream cut off between two batches reads like a shorter one.
    """
    end = raw.tell()
    raw.seek(max(end - len(_END_OF_STREAM), 0))
    if raw.read(len(_END_OF_STREAM)) != _END_OF_STREAM:
        raise HomeError(
            f"{file}: the end mark of the stream is missing, so rows may be missing",
            hint="the file is truncated or still being written; write it again",
        )
    if end != file.size:
        raise HomeError(
            f"{file}: {file.size - end} bytes after the end of the stream",
            hint="write each stream to a file of its own",
        )


def _file_batches(piece: Piece, chosen: _Chosen) -> Iterator[pa.RecordBatch]:
    """Yield the batches of a file, with the selected columns, or all without a selection."""
    import pyarrow as pa

    with _opened(piece.file) as raw:
        with pa.ipc.open_file(raw) as whole:
            names = whole.schema.names
        places = [names.index(name) for name in chosen(names)]
        options = pa.ipc.IpcReadOptions(included_fields=places)
        with pa.ipc.open_file(raw, options=options) as opened:
            for number in piece.blocks(opened.num_record_batches):
                yield opened.get_batch(number)


@contextmanager
def _opened(file: DataFile) -> Iterator[pa.NativeFile]:
    """Open a file; memory-mapped when its batches are too large for memory.

    Only then, because truncating a mapped file crashes the process.
    """
    import pyarrow as pa

    with file.arrow_file() as raw, pa.ipc.open_file(raw) as opened:
        is_large = file.size > _MAPPED_FROM * max(opened.num_record_batches, 1)
    with file.arrow_file(mapped=is_large) as raw:
        yield raw
