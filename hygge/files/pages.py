"""Page headers of Parquet files: how large a value is at least, before a page is decoded.

Headers are Thrift structures in the compact protocol; see `PageHeader` in
https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    import pyarrow.parquet as pq

_HEADER_BYTES = 2**16
"""A header holds at most two statistics beside a few numbers."""
_UNCOMPRESSED, _COMPRESSED = 2, 3
_DATA, _DICTIONARY, _DATA_V2 = 5, 7, 8
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _STRUCT = 1, 2, 3, 7, 8, 12
_INTEGERS = (4, 5, 6)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a column, as its header describes it."""

    size: int
    """Its bytes once decompressed."""
    values: int
    is_data: bool
    """False for a dictionary, whose values may stand in any row."""


@dataclass(frozen=True, slots=True)
class LargeValue:
    """A value that is larger than a limit for sure."""

    first_row: int
    last_row: int
    """The rows of the row group among which it is, from 0."""
    bytes: int
    """How large it is at least."""


def find_large(raw: BinaryIO, chunk: pq.ColumnChunkMetaData, limit: int) -> LargeValue | None:
    """Return the first value of a column chunk that is surely larger than `limit` bytes.

    Reads headers only, and none of a chunk that is smaller. Rows are those of a column without
    lists. Returns None, too, for headers that cannot be read: whoever decodes the page says more.
    """
    if chunk.total_uncompressed_size <= limit:
        return None
    row = 0
    for page in _pages(raw, chunk):
        if page.values and page.size // page.values > limit:
            last = row + page.values - 1 if page.is_data else chunk.num_values - 1
            return LargeValue(row, last, page.size // page.values)
        row += page.values if page.is_data else 0
    return None


def _pages(raw: BinaryIO, chunk: pq.ColumnChunkMetaData) -> Iterator[Page]:
    start = chunk.data_page_offset
    if chunk.has_dictionary_page and chunk.dictionary_page_offset:
        start = min(start, chunk.dictionary_page_offset)
    end = start + chunk.total_compressed_size
    while start < end:
        raw.seek(start)
        header = _Header(raw.read(_HEADER_BYTES))
        try:
            fields = header.struct()
            size, packed = fields[_UNCOMPRESSED], fields[_COMPRESSED]
            about = next(fields[kind] for kind in (_DATA, _DATA_V2, _DICTIONARY) if kind in fields)
            page = Page(size, about[1], _DICTIONARY not in fields)
        except (IndexError, KeyError, StopIteration, TypeError, RecursionError):
            return
        if packed < 0 or page.values < 0:
            return
        yield page
        start += header.place + packed


class _Header:
    """Reads one structure of the compact protocol from the beginning of some bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.place = 0

    def struct(self) -> dict[int, Any]:
        """Return the fields of a structure by their numbers."""
        found: dict[int, Any] = {}
        number = 0
        while (head := self._byte()) != 0:
            delta, kind = head >> 4, head & 0x0F
            number = number + delta if delta else self._integer()
            found[number] = self._value(kind)
        return found

    def _byte(self) -> int:
        self.place += 1
        return self._data[self.place - 1]

    def _unsigned(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80 or shift > 63:
                return value
            shift += 7

    def _integer(self) -> int:
        value = self._unsigned()
        return (value >> 1) ^ -(value & 1)

    def _value(self, kind: int) -> Any:  # noqa: ANN401
        if kind in (_TRUE, _FALSE):
            return kind == _TRUE
        if kind == _BYTE:
            return self._byte()
        if kind in _INTEGERS:
            return self._integer()
        if kind in (_DOUBLE, _BINARY):
            self.place += 8 if kind == _DOUBLE else self._unsigned()
            return None
        if kind == _STRUCT:
            return self.struct()
        raise TypeError(f"page headers hold no value of kind {kind}")
