"""Page headers of Parquet files: lower bounds of value sizes before a page is decoded.

Headers and the footer are Thrift structures in the compact protocol; the numbers of their fields
are those of https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift.
Arrow could read the footer too, but crashes on a damaged one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

_HEADER_BYTES = 2**16
"""Maximum bytes of a header, which contains at most two statistics and a few numbers."""
_UNCOMPRESSED, _COMPRESSED = 2, 3
_DATA, _DICTIONARY, _DATA_V2 = 5, 7, 8
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _STRUCT = 1, 2, 3, 7, 8, 12
_INTEGERS, _LISTS = (4, 5, 6), (9, 10)
_LONG_LIST = 15
_DAMAGED = (
    AttributeError,
    IndexError,
    KeyError,
    MemoryError,
    OSError,
    OverflowError,
    RecursionError,
    StopIteration,
    TypeError,
    ValueError,
)
"""Exceptions of reading a damaged structure."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a column, as its header describes it."""

    size: int
    """Decompressed bytes."""
    values: int
    is_data: bool
    """False for a dictionary page, whose values may be in any row."""


@dataclass(frozen=True, slots=True)
class LargeValue:
    """A value that surely exceeds a limit."""

    first_row: int
    last_row: int
    """The range of rows of the row group that contains it, from 0."""
    bytes: int
    """Lower bound of its size."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """One column of one row group."""

    column: str
    """Its top-level field."""
    values: int
    size: int
    """Decompressed bytes."""
    start: int
    end: int
    """Offsets of its pages in the file."""


def chunks_of(raw: BinaryIO, size: int, group: int) -> list[Chunk]:
    """Return the columns of a row group of a file of `size` bytes, by its footer.

    Returns none for an unreadable footer, which is reported when rows are read.
    """
    raw.seek(max(size - 8, 0))
    length = int.from_bytes(raw.read(4), "little")
    raw.seek(max(size - 8 - length, 0))
    try:
        columns = _Header(raw.read(length)).struct()[4][group][1]
        return [_chunk(column[3]) for column in columns]
    except _DAMAGED:
        return []


def _chunk(about: dict[int, Any]) -> Chunk:
    start = min(about[9], about.get(11) or about[9])
    name = about[3][0].decode()
    return Chunk(name, about[5], about[6], start, start + about[7])


def find_large(raw: BinaryIO, chunk: Chunk, limit: int) -> LargeValue | None:
    """Return the first value of a column chunk that surely exceeds `limit` bytes.

    Reads headers only, and none of a smaller chunk. Rows are correct for columns without lists.
    """
    if chunk.size <= limit:
        return None
    row = 0
    for page in _pages(raw, chunk):
        if page.values and page.size // page.values > limit:
            last = row + page.values - 1 if page.is_data else chunk.values - 1
            return LargeValue(row, last, page.size // page.values)
        row += page.values if page.is_data else 0
    return None


def _pages(raw: BinaryIO, chunk: Chunk) -> Iterator[Page]:
    place = chunk.start
    while place < chunk.end:
        try:
            raw.seek(place)
            header = _Header(raw.read(_HEADER_BYTES))
            fields = header.struct()
            size, packed = fields[_UNCOMPRESSED], fields[_COMPRESSED]
            about = next(fields[kind] for kind in (_DATA, _DATA_V2, _DICTIONARY) if kind in fields)
            page = Page(size, about[1], _DICTIONARY not in fields)
        except _DAMAGED:
            return
        if packed < 0 or page.values < 0:
            return
        yield page
        place += header.place + packed


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
            length = 8 if kind == _DOUBLE else self._unsigned()
            self.place += length
            return self._data[self.place - length : self.place]
        if kind in _LISTS:
            return self._list()
        if kind == _STRUCT:
            return self.struct()
        raise TypeError(f"no value of kind {kind} is expected")

    def _list(self) -> list[Any]:
        head = self._byte()
        count, kind = head >> 4, head & 0x0F
        count = self._unsigned() if count == _LONG_LIST else count
        if kind in (_TRUE, _FALSE):
            return [self._byte() == _TRUE for _ in range(count)]
        return [self._value(kind) for _ in range(count)]
