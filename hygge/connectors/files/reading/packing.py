"""Decompression of text files, detected by their first bytes."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Sequence
from typing import IO, TYPE_CHECKING, Protocol, cast

from hygge.connectors.files.reading.signatures import LOOKED_AT
from hygge.errors import HomeError
from hygge.values.plurals import listed

if TYPE_CHECKING:
    from hygge.connectors.files.reading.data_file import DataFile
    from hygge.connectors.files.systems import FileSystem

COMPRESSIONS = (".gz", ".zst", ".bz2", ".xz", ".zip")
"""Extensions of compressed text files that can be read."""
DAMAGES = (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile, lzma.LZMAError)
"""Errors of decompression for truncated or damaged data, besides `OSError` without errno."""
_OFFICE = {"xl/": "an Excel workbook (.xlsx)", "word/": "a Word document", "ppt/": "slides"}
_SAVE = "save the sheet as CSV (UTF-8) in the program that wrote it"


class ByteStream(Protocol):
    """A readable stream of bytes."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes; none at the end."""


def unpacked(raw: IO[bytes], file: DataFile) -> ByteStream:
    """Return the decompressed content of a file, or the file itself.

    Raises `HomeError` for an archive without exactly one file, for documents that are archives, and
    for a file with a compression's extension that is neither compressed nor text.
    """
    buffered = io.BufferedReader(cast(io.RawIOBase, raw), 2**16)
    start = buffered.peek(LOOKED_AT)[:LOOKED_AT]
    for mark, unpack in _UNPACKERS:
        if start.startswith(mark) and (not start.isascii() or b"\0" in start):
            return unpack(buffered)
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip_stream(buffered, file)
    if file.compression and start and b"\0" in start:
        raise HomeError(
            f"{file} is damaged: it is not a {file.compression} file, though its name says so",
            hint="fetch or compress the file again",
        )
    return buffered


class _Bz2Stream:
    """Reads bz2 members one after the other; rejects trailing data, unlike `bz2.open`."""

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
        """Return the next compressed bytes, empty while some are buffered; None between members."""
        if self._unpacker is not None and not self._unpacker.needs_input:
            return b""
        data, self._rest = self._rest or self._raw.read(2**16), b""
        if not data and self._unpacker is not None:
            raise EOFError("the compressed data is truncated")
        return data or None


def _gzip_stream(raw: IO[bytes]) -> ByteStream:
    return gzip.GzipFile(fileobj=raw, mode="rb")


def _zstd_stream(raw: IO[bytes]) -> ByteStream:
    import pyarrow as pa

    return cast(ByteStream, pa.CompressedInputStream(pa.PythonFile(raw, "r"), "zstd"))


def _xz_stream(raw: IO[bytes]) -> ByteStream:
    return lzma.LZMAFile(raw)


_UNPACKERS: tuple[tuple[bytes, Callable[[IO[bytes]], ByteStream]], ...] = (
    (b"\x1f\x8b", _gzip_stream),
    (b"\x28\xb5\x2f\xfd", _zstd_stream),
    (b"BZh", _Bz2Stream),
    (b"\xfd7zXZ\0", _xz_stream),
)


def zip_members(archive: zipfile.ZipFile) -> list[str]:
    """Return the files in an archive, without metadata files of operating systems."""
    return [
        name
        for name in archive.namelist()
        if not name.endswith("/")
        and not name.startswith("__MACOSX/")
        and not name.rpartition("/")[2].startswith(".")
    ]


def holds_one(system: FileSystem, path: str, extensions: Sequence[str]) -> bool:
    """Return whether a file is a zip archive of one file with one of these extensions."""
    if not path.lower().endswith(".zip"):
        return False
    try:
        with system.open(path) as raw, zipfile.ZipFile(raw) as archive:
            names = zip_members(archive)
    except (OSError, zipfile.BadZipFile):
        return False
    return len(names) == 1 and names[0].lower().endswith(tuple(extensions))


def _zip_stream(raw: IO[bytes], file: DataFile) -> ByteStream:
    try:
        archive = zipfile.ZipFile(raw)
    except zipfile.BadZipFile as error:
        raise HomeError(
            f"{file} is damaged or truncated: {error}", hint="fetch or compress the file again"
        ) from error
    names = zip_members(archive)
    _refuse_document(archive, names, file)
    if len(names) != 1:
        held = listed(names) if names else "no file"
        raise HomeError(
            f"{file} is a zip archive with {len(names)} files: {held}",
            hint=f"extract it in the folder of the home:  unzip '{file}'",
        )
    try:
        return archive.open(names[0])
    except (RuntimeError, NotImplementedError, zipfile.BadZipFile) as error:
        raise HomeError(
            f"{file} cannot be extracted: {error}", hint=f"extract it first:  unzip '{file}'"
        ) from error


def _refuse_document(archive: zipfile.ZipFile, names: Sequence[str], file: DataFile) -> None:
    what = None
    if "[Content_Types].xml" in names:
        folders = (
            what for folder, what in _OFFICE.items() if any(n.startswith(folder) for n in names)
        )
        what = next(folders, "an Office document")
    elif "mimetype" in names and b"opendocument" in archive.read("mimetype")[:200]:
        what = "an OpenDocument file, such as a LibreOffice sheet (.ods)"
    if what is not None:
        raise HomeError(f"{file} is {what}, not text", hint=_SAVE)
