"""Text cut into blocks of whole records, with their positions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hygge.connectors.files.text.decoding import TextStream
from hygge.errors import HomeError
from hygge.values.plurals import plural

_LARGEST_RECORD = 512 * 2**20


@dataclass(frozen=True, slots=True)
class Block:
    """A block of whole records of a text file."""

    data: bytes
    byte: int
    """Offset of its beginning, in bytes of the text in UTF-8."""
    line: int
    """Number of its first line, from 1."""
    text: bytes | None = None
    """The text in the file, where `data` differs from it at the same offsets."""

    def line_at(self, place: int) -> int:
        """Return the line number of an offset in `data`."""
        return self.line + count_lines((self.data if self.text is None else self.text)[:place])


class BlockReader:
    """Cuts a text into blocks of whole records.

    `cut(data)` returns the end of the last whole record in `data`; 0 without one. The last block
    may lack a line end.
    """

    def __init__(
        self,
        stream: TextStream,
        size: int,
        cut: Callable[[bytes], int],
        *,
        footer: int = 0,
        largest: int = _LARGEST_RECORD,
    ) -> None:
        """`footer` is the number of last lines to leave out, without blank lines after them."""
        self.path = stream.path
        self._stream = stream
        self._size = size
        self._cut = cut
        self._footer = footer
        self._largest = largest
        self._rest = b""
        self._byte = 0
        self._line = 1
        self._is_at_end = False

    def __iter__(self) -> Iterator[Block]:
        while block := self.read():
            yield block

    def read(self, more_than: int = 0) -> Block | None:
        """Return the next block; None at the end.

        The block has more than `more_than` bytes, unless the text ends with it.
        """
        wanted = max(self._size, 2 * more_than)
        while True:
            self._fill(wanted)
            end = len(self._rest) if self._is_at_end else self._cut(self._before_footer())
            if self._is_at_end or end > more_than:
                return self._take(end)
            if len(self._rest) > self._largest:
                raise self._too_long()
            wanted = min(2 * len(self._rest), max(self._largest + 1, 2 * self._size))

    def peek(self) -> bytes:
        """Return the beginning of the next block without consuming it."""
        self._fill(self._size)
        return self._rest

    def push_back(self, data: bytes) -> None:
        """Return the end of the last block to the stream; it is read again with the next one."""
        self._rest = data + self._rest
        self._byte -= len(data)
        self._line -= count_lines(data)

    @property
    def is_last(self) -> bool:
        """Whether the block read last is the end of the text."""
        return self._is_at_end and not self._rest

    def skip_lines(self, count: int) -> None:
        """Skip the first `count` lines."""
        while count > 0:
            self._fill(self._size)
            mark = b"\n" if b"\n" in self._rest else b"\r"
            end = self._rest.find(mark) + 1 or len(self._rest)
            if not end:
                return
            ended = self._rest[:end].endswith(mark) or self._is_at_end
            self._take(end)
            count -= ended

    def skip_to(self, byte: int) -> None:
        """Skip to an offset of a file in UTF-8."""
        self._fill(self._size)
        byte -= self._stream.mark_bytes
        while self._byte < byte and self._rest:
            self._take(min(byte - self._byte, len(self._rest)))
            self._fill(self._size)

    def where(self, line: int, byte: int | None = None) -> str:
        """Return a description of a position in this file."""
        if byte is None:
            return f"{self.path}, line {line}"
        return f"{self.path}, line {line}, byte {byte + self._stream.mark_bytes}"

    def _fill(self, wanted: int) -> None:
        pieces, size = [self._rest], len(self._rest)
        while size < wanted and not self._is_at_end:
            data = self._stream.read(wanted - size)
            self._is_at_end = not data
            pieces.append(data)
            size += len(data)
        self._rest = b"".join(pieces) if len(pieces) > 1 else self._rest
        if self._is_at_end and self._footer:
            self._rest = self._before_footer()
            self._footer = 0

    def _before_footer(self) -> bytes:
        """Return the text without its last lines, which may be the footer."""
        if not self._footer:
            return self._rest
        text = self._rest.rstrip(b"\r\n")
        mark = b"\n" if b"\n" in text else b"\r"
        end = len(text)
        for _ in range(self._footer):
            end = text.rfind(mark, 0, max(end, 0))
        return text[: end + 1]

    def _take(self, end: int) -> Block | None:
        if not end:
            return None
        block = Block(self._rest[:end], self._byte, self._line)
        self._rest = self._rest[end:]
        self._byte += end
        self._line += count_lines(block.data)
        return block

    def _too_long(self) -> HomeError:
        return HomeError(
            f"{self.where(self._line, self._byte)}: the record that begins here is larger than "
            f"max_value_bytes ({plural(self._largest, 'byte')})",
            hint="check whether a quote is not closed in this line; if the record is right, raise  "
            "max_value_bytes  in the flow",
            code="HG576",
        )


def count_lines(data: bytes) -> int:
    """Return how many lines end in `data`: at `\\n`, or at `\\r` where there is no `\\n`."""
    return data.count(b"\n") or data.count(b"\r")
