"""Row groups of a Parquet file that need not be read, by the statistics in its footer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hygge.model import Span

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq


def groups_apart(path: str, parquet: pq.ParquetFile, span: Span) -> frozenset[int]:
    """Return the row groups of an open file that surely have no row of a range.

    A group with a null is never one of them, nor one whose nulls were not counted. Floats are
    read, since statistics leave out NaN; so is a column that the file has under another type.
    """
    import pyarrow.compute as pc
    from pyarrow import dataset, fs

    schema = parquet.schema_arrow
    ends = [end for end in (span.low, span.high) if end is not None]
    if schema.names.count(span.column) != 1 or not ends:
        return frozenset()
    kind = schema.field(span.column).type
    if not _is_told(kind) or any(end.type != kind for end in ends):
        return frozenset()
    wanted = pc.scalar(True)
    if span.low is not None:
        wanted &= pc.field(span.column) >= span.low
    if span.high is not None:
        wanted &= pc.field(span.column) < span.high
    fragment = dataset.ParquetFileFormat().make_fragment(path, fs.LocalFileSystem())
    near = {group.id for group in fragment.subset(filter=wanted, schema=schema).row_groups}
    return frozenset(_full(parquet, span.column) - near)


def _is_told(kind: pa.DataType) -> bool:
    import pyarrow as pa

    is_ = pa.types
    tests = (is_.is_integer, is_.is_decimal, is_.is_timestamp, is_.is_date32, is_.is_string)
    return any(test(kind) for test in tests)


def _full(parquet: pq.ParquetFile, column: str) -> set[int]:
    """Return the row groups in which every row has a value, as far as that is known."""
    leaves = [parquet.schema.column(n).path for n in range(len(parquet.schema))]
    place = leaves.index(column)
    found = set()
    for number in range(parquet.num_row_groups):
        told = parquet.metadata.row_group(number).column(place).statistics
        if told is not None and told.has_null_count and told.null_count == 0:
            found.add(number)
    return found
