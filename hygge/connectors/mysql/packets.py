"""Row packets of the server, decoded in bulk: many packets at once, column by column.

A row of the text protocol is one packet of length-prefixed texts. Only the packet boundaries are
found one by one; the rest is arithmetic on whole columns, and Arrow copies the texts. Source:
https://mariadb.com/kb/en/resultset-row/
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hygge.connectors.mysql.connections import answering, driven
from hygge.connectors.sql.read_timeout import LONGEST_PAUSE

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from hygge.connectors.mysql.config import MysqlSettings
    from hygge.connectors.mysql.connections import Link

_HEADER = struct.Struct("<I")
_LARGEST = 0xFFFFFF
_NULL, _END, _ERROR = 251, 0xFE, 0xFF
_SHORT_END = 9
_LENGTH_BYTES = {252: 2, 253: 3, 254: 8}
_CHUNK = 2**18
_SHOWN = 80
"""Bytes of a value that identify its row."""


class ProtocolError(Exception):
    """The packets violate the protocol; the rows read cannot be trusted."""


class TooLargeError(Exception):
    """A value is larger than allowed, by the length that the server sends before it."""

    def __init__(self, before: Sequence[bytes | None], size: int) -> None:
        super().__init__(f"a value of {size} bytes")
        self.before = before
        """The beginnings of the values of its row that come before it."""
        self.size = size


@dataclass(slots=True)
class Block:
    """Consecutive rows in memory."""

    data: bytearray
    starts: list[int] = field(default_factory=list)
    """Offset of each row's packet."""
    end: int = 0
    """Offset of the end of the last row."""

    def column_texts(self, width: int) -> list[pa.Array]:
        """Return the values of each of `width` columns as binary arrays."""
        import numpy as np
        import pyarrow as pa

        raw = np.frombuffer(self.data, np.uint8)
        starts = np.array(self.starts, np.int64)
        rows = len(starts)
        bounds = np.empty((rows, width, 2), np.int32)
        nulls: list[Any] = []
        cursor = starts + len(_HEADER.pack(0))
        for number in range(width):
            begin, end, is_null = _value_bounds(raw, cursor)
            bounds[:, number, 0], bounds[:, number, 1] = begin, end
            nulls.append(is_null)
            cursor = end
        if not np.array_equal(cursor, np.append(starts[1:], self.end)):
            raise ProtocolError("a row of the server does not end where its packet does")
        # The bytes of lengths and headers between two values are unused array elements.
        flat = bounds.reshape(-1)
        buffers = [None, pa.py_buffer(flat), pa.py_buffer(self.data)]
        texts = pa.Array.from_buffers(pa.binary(), len(flat) - 1, buffers)
        first = np.arange(rows, dtype=np.int64) * (2 * width)
        return [
            texts.take(pa.array(first + 2 * number, mask=nulls[number])) for number in range(width)
        ]


def _value_bounds(
    raw: np.ndarray[Any, Any], cursor: np.ndarray[Any, Any]
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any] | None]:
    """Return begin and end offsets of the values at `cursor`, and which are null."""
    import numpy as np

    first = raw[cursor]
    length, begin = first.astype(np.int64), cursor + 1
    if first.max(initial=0) < _NULL:
        return begin, begin + length, None
    is_null = first == _NULL
    for mark, size in _LENGTH_BYTES.items():
        at = np.flatnonzero(first == mark)
        if len(at):
            where = cursor[at] + 1
            length[at] = sum(raw[where + n].astype(np.int64) << (8 * n) for n in range(size))
            begin[at] += size
    length[is_null] = 0
    return begin, begin + length, is_null


class Stream:
    """The result of one query as a stream; nothing else may run on the connection meanwhile."""

    def __init__(
        self,
        connection: Link,
        settings: MysqlSettings,
        sql: str,
        block_bytes: int,
        max_value_bytes: int = 2**62,
    ) -> None:
        self.is_at_end = False
        self.width = 0
        self._connection = connection
        self._settings = settings
        self._longest: float | None = None
        self._sql = sql
        self._block_bytes = block_bytes
        self._max_value_bytes = max_value_bytes

    def blocks(self) -> Iterator[Block]:
        """Yield all rows in blocks of about `size` bytes."""
        self._begin()
        block = Block(bytearray())
        while not self.is_at_end:
            self._fill(block)
            if block.starts and (self.is_at_end or len(block.data) >= self._block_bytes):
                rest = block.data[block.end :]
                yield block
                block = Block(rest)

    def _begin(self) -> None:
        from pymysql.constants import COMMAND

        connection = self._connection
        with answering(connection, self._settings), driven(connection):
            connection._execute_command(COMMAND.COM_QUERY, self._sql)
            self.width = connection._read_packet().read_length_encoded_integer()
            for _ in range(self.width + 1):
                connection._read_packet()

    def _fill(self, block: Block) -> None:
        """Read once from the network, and find the complete packets."""
        connection = self._connection
        with answering(connection, self._settings, self._longest), driven(connection):
            received = connection._rfile.read1(_CHUNK)
            if not received:
                raise _lost()
        self._longest = self._settings.read_timeout * LONGEST_PAUSE
        block.data += received
        data, position, add = block.data, block.end, block.starts.append
        unpack, end = _HEADER.unpack_from, len(block.data)
        while position + 4 <= end:
            size = unpack(data, position)[0] & _LARGEST
            if position + 4 + size > end:
                if size > self._max_value_bytes:
                    _check_values(data, position, self._max_value_bytes)
                break
            if size < _SHORT_END and size and data[position + 4] == _END:
                self.is_at_end = True
                break
            if size and data[position + 4] == _ERROR:
                self._raise(bytes(data[position + 4 : position + 4 + size]))
            if size == _LARGEST:
                _check_values(data, position, self._max_value_bytes)
                size = _join(data, position)
                end = len(data)
                if size < 0:
                    break
            add(position)
            position += 4 + size
        block.end = position

    def _raise(self, packet: bytes) -> None:
        from pymysql.protocol import MysqlPacket

        self.is_at_end = True
        MysqlPacket(packet, "utf-8").raise_for_error()


def _check_values(data: bytearray, position: int, most: int) -> None:
    """Raise `TooLargeError` for a value of a row that has not come whole, by its length alone.

    The row's packets are not joined yet: a header lies before every 2^24 - 1 bytes of it.
    """

    def part(offset: int, size: int) -> bytes:
        places = (position + 4 + n + 4 * (n // _LARGEST) for n in range(offset, offset + size))
        return bytes(data[place] for place in places if place < len(data))

    offset, before = 0, list[bytes | None]()
    while first := part(offset, 1):
        width = _LENGTH_BYTES.get(first[0], 0)
        length = part(offset + 1, width)
        if len(length) < width:
            return
        size = int.from_bytes(length, "little") if width else first[0] % _NULL
        if size > most:
            raise TooLargeError(before, size)
        offset += 1 + width
        before.append(None if first[0] == _NULL else part(offset, min(size, _SHOWN)))
        offset += size


def _join(data: bytearray, position: int) -> int:
    """Join the packets of a large row; return its size, or -1 until it is complete."""
    cuts, at, size = [], position, _LARGEST
    while size == _LARGEST:
        if at + 4 > len(data):
            return -1
        size = _HEADER.unpack_from(data, at)[0] & _LARGEST
        cuts.append(at)
        at += 4 + size
    if at > len(data):
        return -1
    for cut in reversed(cuts[1:]):
        del data[cut : cut + 4]
    return at - position - 4 * len(cuts)


def _lost() -> Exception:
    import pymysql

    return pymysql.OperationalError(2013, "Lost connection to the server while it sent rows")
