"""Files of text, as a stream of UTF-8 bytes whatever they are packed in or encoded as."""

from __future__ import annotations

import bz2
import codecs
import gzip
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Protocol, cast

from pydantic import AfterValidator

from hygge.errors import HomeError

if TYPE_CHECKING:
    from hygge.files.layout import DataFile

UTF8 = "utf-8"
_BOM = codecs.BOM_UTF8
_OTHER_BOMS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def check_encoding(name: str) -> str:
    """Return the usual name of an encoding; raise `ValueError` for one nobody knows."""
    try:
        info = codecs.lookup(name)
        "".encode(name)
    except (LookupError, TypeError) as error:
        raise ValueError(
            f"no such encoding '{name}'; usual ones: utf-8, utf-16, latin-1, cp1252"
        ) from error
    return info.name


Encoding = Annotated[str, AfterValidator(check_encoding)]
"""A pydantic field that holds the name of a text encoding."""


class ByteStream(Protocol):
    """What bytes can be read from."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes; none at the end."""


class TextStream:
    """The text of one file, decoded and encoded as UTF-8, without a byte order mark."""

    def __init__(self, raw: ByteStream, path: str, encoding: str) -> None:
        self.path = path
        self.mark_bytes = 0
        """Length of the byte order mark that was left out."""
        self._raw = raw
        self._encoding = encoding
        self._read = 0
        self._lines = 0
        self._decoder = None
        if encoding != UTF8:
            self._decoder = codecs.getincrementaldecoder(encoding)()

    def read(self, size: int) -> bytes:
        """Return about `size` bytes of text; none at the end.

        Raises `HomeError` with the position for packed data that is cut off or damaged, and for
        bytes that the encoding does not have. UTF-8 itself is left to the parser to check.
        """
        while data := self._unpack(size):
            start, self._read = self._read, self._read + len(data)
            if start == 0:
                self._check_mark(data)
            text = data if self._decoder is None else self._decode(data, start)
            if start == 0 and text.startswith(_BOM):
                self.mark_bytes = len(_BOM)
                text = text.removeprefix(_BOM)
            if text:
                return text
        return b"" if self._decoder is None else self._decode(b"", self._read, final=True)

    def _unpack(self, size: int) -> bytes:
        try:
            data = self._raw.read(size)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise self._damaged(error) from error
        except OSError as error:
            if error.errno is not None:
                raise
            raise self._damaged(error) from error
        self._lines += data.count(b"\n")
        return data

    def _damaged(self, error: Exception) -> HomeError:
        return HomeError(
            f"{self.path} is damaged or cut off after line {self._lines}, byte {self._read} "
            f"of its text: {error}",
            hint="fetch or pack the file again",
        )

    def _check_mark(self, data: bytes) -> None:
        other = next((name for mark, name in _OTHER_BOMS.items() if data.startswith(mark)), None)
        if other is not None and self._encoding == UTF8:
            raise HomeError(
                f"{self.path} is not UTF-8: it begins with the mark of {other}",
                hint=f"say so in the home's file: encoding: {other}",
            )

    def _decode(self, data: bytes, start: int, *, final: bool = False) -> bytes:
        assert self._decoder is not None
        pending = len(self._decoder.getstate()[0])
        try:
            text = self._decoder.decode(data, final)
        except UnicodeError as error:
            place = error.start if isinstance(error, UnicodeDecodeError) else 0
            raise HomeError(
                f"{self.path}, byte {start - pending + place}: no {self._encoding}: "
                f"{getattr(error, 'reason', error)}",
                hint="correct `encoding` in the home's file",
            ) from error
        return text.encode()


class _Bz2Stream:
    """Reads bz2 members one after the other; refuses what follows them, unlike `bz2.open`."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._rest = b""
        self._unpacker: bz2.BZ2Decompressor | None = None

    def read(self, size: int, /) -> bytes:
        while True:
            data = self._next_packed()
            if data is None:
                return b""
            self._unpacker = self._unpacker or bz2.BZ2Decompressor()
            text = self._unpacker.decompress(data, size)
            if self._unpacker.eof:
                self._rest, self._unpacker = self._unpacker.unused_data, None
            if text:
                return text

    def _next_packed(self) -> bytes | None:
        """Return the next packed bytes, none when some are still held; None between members."""
        if self._unpacker is not None and not self._unpacker.needs_input:
            return b""
        data, self._rest = self._rest or self._raw.read(2**16), b""
        if not data and self._unpacker is not None:
            raise EOFError("the packed data ends early")
        return data or None


def _gzip_stream(raw: IO[bytes]) -> ByteStream:
    return gzip.GzipFile(fileobj=raw, mode="rb")


def _zstd_stream(raw: IO[bytes]) -> ByteStream:
    import pyarrow as pa

    return cast(ByteStream, pa.CompressedInputStream(pa.PythonFile(raw, "r"), "zstd"))


_UNPACKERS: dict[str, Callable[[IO[bytes]], ByteStream]] = {
    ".gz": _gzip_stream,
    ".zst": _zstd_stream,
    ".bz2": _Bz2Stream,
}
COMPRESSIONS = tuple(_UNPACKERS)
"""The endings of packed text files that can be read."""


@contextmanager
def open_text(file: DataFile, encoding: str = UTF8) -> Iterator[TextStream]:
    """Open the text of a file, unpacked as its name says."""
    with Path(file.path).open("rb", buffering=0) as raw:
        unpack = _UNPACKERS.get(file.compression)
        stream = raw if unpack is None else unpack(raw)
        yield TextStream(cast(ByteStream, stream), file.path, encoding)
