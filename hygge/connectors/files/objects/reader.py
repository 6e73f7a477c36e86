"""Ranged reads of one object through a small cache of blocks."""

from __future__ import annotations

import errno
import io
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hygge.connectors.files.objects.bucket import Bucket

_BLOCK = 4 * 2**20
_MOST_BLOCKS = 4
_TAIL = 2**16
"""Bytes at the end that are read at once: footers of columnar formats."""


class ObjectReader(io.RawIOBase):
    """An object as an unbuffered file. Every request demands the object that was there first.

    Blocks of 4 MiB are requested, and the last four are kept: formats read many short ranges near
    each other.
    """

    def __init__(self, bucket: Bucket, key: str) -> None:
        self._bucket = bucket
        self._key = key
        found = bucket.head(key)
        self._size, self._stamp = found.size, found.stamp
        self._place = 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._tail: bytes | None = None

    def readable(self) -> bool:
        """Return true."""
        return True

    def seekable(self) -> bool:
        """Return true."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a position."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise OSError(errno.EINVAL, "negative position", self._bucket.shown(self._key))
        self._place = start + offset
        return self._place

    def read(self, size: int | None = -1) -> bytes:
        """Return bytes from the position on; fewer than wanted only at the end."""
        end = self._size if size is None or size < 0 else min(self._place + size, self._size)
        if self._place >= end:
            return b""
        data = self._between(self._place, end)
        self._place += len(data)
        return data

    def readall(self) -> bytes:
        """Return everything from the position on."""
        return self.read()

    def readinto(self, buffer: object) -> int:
        """Fill a buffer; return the number of bytes."""
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def _between(self, start: int, end: int) -> bytes:
        if start >= self._size - _TAIL and self._size > _BLOCK:
            return self._of_tail(start, end)
        first, last = start // _BLOCK, (end - 1) // _BLOCK
        if last - first >= _MOST_BLOCKS:
            return self._range(start, end)
        data = b"".join(self._block(number) for number in range(first, last + 1))
        return data[start - first * _BLOCK : end - first * _BLOCK]

    def _of_tail(self, start: int, end: int) -> bytes:
        begin = self._size - _TAIL
        if self._tail is None:
            self._tail = self._range(begin, self._size)
        return self._tail[start - begin : end - begin]

    def _block(self, number: int) -> bytes:
        found = self._blocks.pop(number, None)
        if found is None:
            start = number * _BLOCK
            found = self._range(start, min(start + _BLOCK, self._size))
            if len(self._blocks) >= _MOST_BLOCKS:
                self._blocks.popitem(last=False)
        self._blocks[number] = found
        return found

    def _range(self, start: int, end: int) -> bytes:
        return self._bucket.range(self._key, start, end, self._stamp)

    def close(self) -> None:
        """Drop the blocks."""
        self._blocks.clear()
        self._tail = None
        super().close()
