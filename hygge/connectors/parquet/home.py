"""Parquet files, read row group by row group with their page checksums verified."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hygge.connector import ReadRequest
from hygge.connectors.files.reading.data_file import DataFile
from hygge.connectors.files.reading.fitting import row_width
from hygge.connectors.files.reading.home import ColumnarSource, FileHome
from hygge.connectors.files.reading.pieces import FileFacts, Piece
from hygge.connectors.parquet.logical import encoded_columns, schema_of, texts_of, with_texts
from hygge.connectors.parquet.pages import chunks_of, find_large
from hygge.errors import HomeError
from hygge.types.value_checks import too_large
from hygge.values.model import Span
from hygge.values.plurals import plural

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_PROBE_ROWS = 8
_MOST_ROWS = 2**17
_PAGE_BUFFER = 2**20
_WIDE = 2**16
_FOOTER_END = 8
"""Bytes of the footer's length and the magic number after it."""
_SIGNATURE_BYTES = 28
_ENCODINGS = {
    "VARIANT": "its encoded metadata and values",
    "GEOMETRY": "bytes of WKB",
    "GEOGRAPHY": "bytes of WKB",
}


class ParquetHome(FileHome):
    """A directory of Parquet files."""

    def source(self, request: ReadRequest, files: Sequence[DataFile]) -> ParquetSource:
        """Return the view on `files`; reads their footers."""
        return ParquetSource(request, files)


class ParquetSource(ColumnarSource):
    """Parquet files under one schema; their row groups are the blocks."""

    def __init__(self, request: ReadRequest, files: Sequence[DataFile]) -> None:
        self._encoded: dict[str, str] = {}
        super().__init__(request, files)
        self._span: Span | None = None

    def within(self, span: Span) -> None:
        """Exclude row groups whose statistics show no row of a range."""
        self._span = span
        if span.low is not None or span.high is not None:
            self.total_rows = None

    def look(self, file: DataFile) -> FileFacts:
        """Read the footer."""
        _check_encryption(file)
        with _opened(file) as parquet:
            groups = [parquet.metadata.row_group(n) for n in range(parquet.num_row_groups)]
            _check_count(parquet.metadata.num_rows, sum(g.num_rows for g in groups), file)
            self._encoded |= encoded_columns(parquet)
            return FileFacts(
                schema=schema_of(parquet),
                rows=parquet.metadata.num_rows,
                blocks=tuple(group.total_byte_size for group in groups),
            )

    def notes(self) -> Sequence[str]:
        """Return notes on columns that are moved as encoded bytes."""
        return [
            f"column '{name}' has type {kind}, which is moved as {_ENCODINGS[kind]}"
            for name, kind in self._encoded.items()
            if name.partition(".")[0] in self.schema.names
        ]

    def batches(self, piece: Piece) -> Generator[pa.RecordBatch]:
        """Yield the row groups of `piece` in batches sized by the width of their rows."""
        import pyarrow as pa

        with _opened(piece.file) as parquet:
            _check_old_timestamps(parquet, piece, self.schema.names)
            apart = self._apart(parquet, piece.file)
            texts = texts_of(parquet)
            for number in piece.blocks(parquet.num_row_groups):
                if number in apart:
                    continue
                try:
                    for batch in self._group(parquet, number, piece.file):
                        yield with_texts(batch, texts)
                except (OSError, pa.ArrowException) as error:
                    error.add_note(f"row group {number}")
                    raise

    def _apart(self, parquet: pq.ParquetFile, file: DataFile) -> frozenset[int]:
        return frozenset() if self._span is None else _groups_apart(file, parquet, self._span)

    def _group(
        self, parquet: pq.ParquetFile, number: int, file: DataFile
    ) -> Iterator[pa.RecordBatch]:
        expected = parquet.metadata.row_group(number).num_rows
        seen = 0
        columns = self.chosen(parquet.schema_arrow.names)
        self._check_pages(parquet, number, columns, file)
        rows = self._batch_rows(parquet, number, columns) if expected else 1
        for batch in parquet.iter_batches(rows, row_groups=[number], columns=columns):
            seen += batch.num_rows
            # The reader also returns a column `a.b` where field `b` of column `a` is meant.
            yield batch.select(columns)
        if seen != expected:
            raise HomeError(
                f"{file}: row group {number} has {plural(seen, 'row')}, but its footer has "
                f"{expected:,}",
                hint="the file is damaged; write it again",
            )

    def _check_pages(
        self, parquet: pq.ParquetFile, number: int, columns: Sequence[str], file: DataFile
    ) -> None:
        """Raise `HomeError` for a value above the limit, found from page headers."""
        group, limit = parquet.metadata.row_group(number), self.request.max_value_bytes
        if group.total_byte_size <= limit:
            return
        known = frozenset(columns)
        with file.open() as raw:
            for chunk in chunks_of(raw, file.size, number):
                name = chunk.column
                found = find_large(raw, chunk, limit) if name in known else None
                if found is not None:
                    before = self.rows_before(Piece(file, number))
                    rows = f"row {before + found.first_row + 1:,}"
                    if found.last_row > found.first_row:
                        rows = f"one of rows {rows[4:]} to {before + found.last_row + 1:,}"
                    raise too_large(name, 0, found.bytes, limit).error(f"{file}, {rows}")

    def rows_before(self, piece: Piece) -> int:
        """Return how many rows of a file are before a piece of it."""
        with _opened(piece.file) as parquet:
            return sum(parquet.metadata.row_group(n).num_rows for n in range(piece.start))

    def _batch_rows(self, parquet: pq.ParquetFile, number: int, columns: Sequence[str]) -> int:
        """Return the rows of a batch in a group, estimated from the footer and the first rows.

        The footer counts encoded bytes, which do not include texts repeated by dictionary.
        """
        group = parquet.metadata.row_group(number)
        known = frozenset(columns)
        paths = [parquet.schema.column(place).path for place in range(group.num_columns)]
        places = [n for n, path in enumerate(paths) if path.partition(".")[0] in known]
        guess = max(group.total_byte_size / group.num_rows, 1.0)
        probe = min(_PROBE_ROWS, max(int(self.request.batch_bytes / guess), 1))
        # Before columns are selected: Arrow crashes on damaged ones unless it reads them.
        first = next(parquet.iter_batches(probe, row_groups=[number], columns=columns), None)
        sizes = [group.column(place).total_uncompressed_size for place in places]
        width = max(sum(sizes) / group.num_rows, 1.0)
        if first is not None:
            width = max(row_width(first), width if width > _WIDE else 1.0)
        return min(max(int(self.request.batch_bytes / width), 1), _MOST_ROWS)


@contextmanager
def _opened(file: DataFile, unit: str = "us") -> Iterator[pq.ParquetFile]:
    """Open a file so that only the pages in use are in memory.

    Not mapped: a file that shrinks under a map ends the process. Timestamps of the old 96-bit kind
    are read in `unit`.
    """
    import pyarrow.parquet as pq

    with (
        file.arrow_file() as raw,
        pq.ParquetFile(
            raw,
            page_checksum_verification=True,
            pre_buffer=False,
            buffer_size=_PAGE_BUFFER,
            coerce_int96_timestamp_unit=unit,
        ) as parquet,
    ):
        yield parquet


def _check_encryption(file: DataFile) -> None:
    """Raise `HomeError` for an encrypted file: Arrow ends the process when it meets one.

    A footer in plain text is signed then, by 28 bytes that follow its Thrift structure; see
    https://github.com/apache/parquet-format/blob/master/Encryption.md.
    """
    import pyarrow.parquet as pq

    with file.open() as raw:
        raw.seek(max(file.size - _FOOTER_END, 0))
        end = raw.read(_FOOTER_END)
    is_encrypted = end[-4:] == b"PARE"
    if end[-4:] == b"PAR1":
        with file.arrow_file() as raw:
            size = pq.read_metadata(raw).serialized_size
        is_encrypted = int.from_bytes(end[:4], "little") - size == _SIGNATURE_BYTES
    if is_encrypted:
        raise HomeError(
            f"{file}: the file is encrypted, which hygge cannot read",
            hint="write it without encryption, or read it with a program that has the keys",
            code="HG578",
        )


def _check_count(said: int, held: int, file: DataFile) -> None:
    """Raise `HomeError` where a footer's row counts are inconsistent."""
    if said != held:
        raise HomeError(
            f"{file}: its footer has {plural(said, 'row')}, but its row groups have {held:,}",
            hint="the file is damaged; write it again",
        )


def _check_old_timestamps(parquet: pq.ParquetFile, piece: Piece, columns: Sequence[str]) -> None:
    """Raise when microseconds cannot hold the 96-bit timestamps of `piece` in these columns.

    Read in nanoseconds, years outside 1677 to 2262 would silently become others; such years are
    common as "never", nanoseconds are rare.
    """
    leaves = [parquet.schema.column(n) for n in range(len(parquet.schema))]
    old = [leaf.path for leaf in leaves if leaf.physical_type == "INT96" and "." not in leaf.path]
    paths = [path for path in old if path in columns]
    if not paths:
        return
    groups = list(piece.blocks(parquet.num_row_groups))
    with _opened(piece.file, "ns") as exact:
        pairs = zip(
            parquet.iter_batches(_MOST_ROWS, row_groups=groups, columns=paths),
            exact.iter_batches(_MOST_ROWS, row_groups=groups, columns=paths),
            strict=True,
        )
        lossy = next((n for one, two in pairs for n in paths if _loses(one[n], two[n])), None)
    if lossy is not None:
        raise HomeError(
            f"{piece.file}: column '{lossy}' has nanoseconds in 96-bit timestamps, which are "
            "read in microseconds",
            hint="write the file again with 64-bit timestamps in nanoseconds",
        )


def _loses(coarse: pa.Array, fine: pa.Array) -> bool:
    """Return whether a time within the range of nanoseconds has more digits than `coarse`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    in_reach = pc.and_(
        pc.greater(coarse.view(pa.int64()), -(2**63) // 1000),
        pc.less(coarse.view(pa.int64()), 2**63 // 1000),
    )
    differs = pc.not_equal(pc.multiply(coarse.view(pa.int64()), 1000), fine.view(pa.int64()))
    return bool(pc.any(pc.and_(in_reach, differs)).as_py())


def _groups_apart(file: DataFile, parquet: pq.ParquetFile, span: Span) -> frozenset[int]:
    """Return the row groups of an open file that surely have no row of a range.

    Groups with nulls, or without a count of nulls, are never excluded. Floats are not excluded,
    because statistics ignore NaN; nor are columns of another type in the file.
    """
    import pyarrow.compute as pc
    from pyarrow import dataset

    schema = parquet.schema_arrow
    ends = [end for end in (span.low, span.high) if end is not None]
    if schema.names.count(span.column) != 1 or not ends:
        return frozenset()
    kind = schema.field(span.column).type
    if not _has_statistics(kind) or any(end.type != kind for end in ends):
        return frozenset()
    wanted = pc.scalar(True)
    if span.low is not None:
        wanted &= pc.field(span.column) >= span.low
    if span.high is not None:
        wanted &= pc.field(span.column) < span.high
    with file.arrow_file() as raw:
        fragment = dataset.ParquetFileFormat().make_fragment(raw)
        near = {group.id for group in fragment.subset(filter=wanted, schema=schema).row_groups}
    return frozenset(_full(parquet, span.column) - near)


def _has_statistics(kind: pa.DataType) -> bool:
    import pyarrow as pa

    is_ = pa.types
    tests = (is_.is_integer, is_.is_decimal, is_.is_timestamp, is_.is_date32, is_.is_string)
    return any(test(kind) for test in tests)


def _full(parquet: pq.ParquetFile, column: str) -> set[int]:
    """Return the row groups that surely have no nulls."""
    leaves = [parquet.schema.column(n).path for n in range(len(parquet.schema))]
    place = leaves.index(column)
    found = set()
    for number in range(parquet.num_row_groups):
        statistics = parquet.metadata.row_group(number).column(place).statistics
        if statistics is not None and statistics.has_null_count and statistics.null_count == 0:
            found.add(number)
    return found
