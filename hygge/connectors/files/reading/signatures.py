"""Detection of file types by their first bytes."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

LOOKED_AT = 512
"""Number of bytes needed for detection."""
_TITLE = re.compile(rb"<title[^>]*>\s*(.{1,200}?)\s*</title", re.IGNORECASE | re.DOTALL)
_MARKUP = re.compile(
    rb"\s*<(?:!doctype html|html|head|body|script|!--|\?xml|[a-z][^<>\t]*>[ \r\n]*<[a-z])",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Signature:
    """A type of file that is not readable text."""

    what: str
    hint: str


_OWN_TYPE = "use a home of its type; see  hygge types"
_UNPACK = "extract it first:  {}"
_SAVE = "save the sheet as CSV (UTF-8) in the program that wrote it"
_OTHER = "set `path` of the home to text files"
_BY_START: tuple[tuple[bytes, Signature], ...] = (
    (b"PAR1", Signature("a Parquet file", _OWN_TYPE)),
    (b"PARE", Signature("an encrypted Parquet file", "decrypt it first")),
    (b"ARROW1", Signature("an Arrow file", _OWN_TYPE)),
    (b"ORC", Signature("an ORC file", _OWN_TYPE)),
    (b"Obj\x01", Signature("an Avro file", "convert it to Parquet first")),
    (b"SQLite format 3\0", Signature("an SQLite database", _OWN_TYPE)),
    (b"%PDF-", Signature("a PDF document", "ask for the data as CSV")),
    (b"\xd0\xcf\x11\xe0", Signature("an old Excel workbook or Office document (.xls)", _SAVE)),
    (b"{\\rtf", Signature("a document in rich text (RTF)", "save it as plain text")),
    (b"Rar!\x1a", Signature("a RAR archive", _UNPACK.format("unrar x"))),
    (b"7z\xbc\xaf\x27\x1c", Signature("a 7z archive", _UNPACK.format("7z x"))),
    (b"PK\x03\x04", Signature("a zip archive", _UNPACK.format("unzip"))),
    (b"\x1f\x8b", Signature("compressed with gzip twice", _UNPACK.format("gunzip"))),
    (b"\x28\xb5\x2f\xfd", Signature("compressed with zstd twice", _UNPACK.format("unzstd"))),
    (b"BZh", Signature("compressed with bzip2 twice", _UNPACK.format("bunzip2"))),
    (b"\xfd7zXZ\0", Signature("compressed with xz", _UNPACK.format("unxz"))),
    (b"\x04\x22\x4d\x18", Signature("compressed with lz4", _UNPACK.format("unlz4"))),
    (b"\xff\x06\0\0sNaPpY", Signature("compressed with snappy", "decompress it first")),
    (b"\x1f\x9d", Signature("compressed with compress (.Z)", _UNPACK.format("uncompress"))),
    (b"-----BEGIN PGP", Signature("encrypted with PGP", "decrypt it first: gpg -d")),
    (b"\x89PNG", Signature("a PNG image", _OTHER)),
    (b"\xff\xd8\xff", Signature("a JPEG image", _OTHER)),
    (b"GIF8", Signature("a GIF image", _OTHER)),
    (b"\x7fELF", Signature("a program", _OTHER)),
    (b"\x89HDF\r\n", Signature("an HDF5 file", "convert it to Parquet first")),
    (b"version https://git-lfs", Signature("a pointer of Git LFS", "fetch the file: git lfs pull")),
)
_TEXTS = (b"%PDF-", b"{\\rtf", b"-----BEGIN PGP", b"version https://git-lfs")
_FIRST_OF_TEXT = 9
_ENCODINGS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8"),
)


def signature(start: bytes) -> Signature | None:
    """Return the signature of a file's first bytes; None for possible text."""
    is_binary = not start.isascii() or min(start[:64], default=32) < _FIRST_OF_TEXT
    for mark, found in _BY_START:
        # Text may begin with the same letters as a signature.
        if start.startswith(mark) and (is_binary or mark in _TEXTS):
            return found
    if start[8:12] == b"DUCK":
        return Signature("a DuckDB database", _OWN_TYPE)
    if start[257:262] == b"ustar":
        return Signature("a tar archive", _UNPACK.format("tar -xf"))
    if not start.strip(b"\0") and len(start) > 8:
        return Signature("only zero bytes", "the file was not written completely: fetch it again")
    text = start.removeprefix(codecs.BOM_UTF8)
    return _markup(text) if _MARKUP.match(text) else None


def _markup(start: bytes) -> Signature:
    title = _TITLE.search(start)
    shown = f" titled {title[1].decode(errors='replace')!r}" if title else ""
    is_page = re.match(
        rb"\s*(?:<\?xml[^>]*>\s*)?<(?:!doctype html|html|head|body|script)", start, re.I
    )
    what = f"a web page (HTML){shown}" if is_page else "an XML document"
    return Signature(
        what, "this may be the response of a failed download or login: fetch the file again"
    )


def marked_encoding(start: bytes) -> str | None:
    """Return the encoding of a byte order mark."""
    return next((name for mark, name in _ENCODINGS if start.startswith(mark)), None)


def wide_encoding(start: bytes) -> str | None:
    """Return UTF-16 with a byte order if every second byte is zero, as in ASCII text."""
    even, odd = start[0::2], start[1::2]
    if len(start) < 4 or not (start.count(b"\0") * 3 > len(start)):
        return None
    if odd.count(b"\0") > 0.8 * len(odd) and even.count(b"\0") < 0.2 * len(even):
        return "utf-16-le"
    if even.count(b"\0") > 0.8 * len(even) and odd.count(b"\0") < 0.2 * len(odd):
        return "utf-16-be"
    return None
