"""Text files as a stream of UTF-8 bytes, decompressed and decoded."""

from __future__ import annotations

import codecs
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator

from hygge.connectors.files.reading.packing import DAMAGES, ByteStream, unpacked
from hygge.connectors.files.reading.signatures import (
    LOOKED_AT,
    marked_encoding,
    signature,
    wide_encoding,
)
from hygge.connectors.files.text.encodings import first_control, misread_utf8, reading
from hygge.connectors.files.text.remarks import Remarks
from hygge.errors import HomeError

if TYPE_CHECKING:
    from hygge.connectors.files.reading.data_file import DataFile

UTF8 = "utf-8"
_BOM = codecs.BOM_UTF8
_WITH_CONTROLS = "iso8859"
_SINGLE_BYTES = (_WITH_CONTROLS, "cp125")


def check_encoding(name: str) -> str:
    """Return the canonical name of an encoding; raise `ValueError` for an unknown one."""
    try:
        info = codecs.lookup(name)
        "".encode(name)
    except (LookupError, TypeError) as error:
        raise ValueError(
            f"unknown encoding '{name}'; common ones: utf-8, utf-16, latin-1, cp1252"
        ) from error
    return info.name


Encoding = Annotated[str, AfterValidator(check_encoding)]
"""A pydantic field with the name of a text encoding."""


class TextStream:
    """The text of one file in UTF-8, without a byte order mark."""

    def __init__(
        self,
        raw: ByteStream,
        path: str,
        encoding: str,
        remarks: Remarks | None = None,
        reach: Callable[[], None] = lambda: None,
    ) -> None:
        self.path = path
        self.mark_bytes = 0
        """Length of the byte order mark that was left out."""
        self._raw = raw
        self._encoding = encoding
        self._remarks = remarks
        self._reach = reach
        self._read = 0
        self._lines = 0
        self._decoder = None
        if encoding != UTF8:
            self._decoder = codecs.getincrementaldecoder(encoding)()

    def read(self, size: int) -> bytes:
        """Return about `size` bytes of text; none at the end.

        Raises `HomeError` with the position for truncated or damaged compressed data, and for bytes
        that are invalid in the encoding. UTF-8 itself is checked by the parser.
        """
        while data := self._unpack(size):
            start, self._read = self._read, self._read + len(data)
            if start == 0:
                self._check_start(data[:LOOKED_AT])
            text = data if self._decoder is None else self._decode(data, start)
            while start == 0 and text.startswith(_BOM):
                self.mark_bytes += len(_BOM)
                text = text.removeprefix(_BOM)
            if text:
                return text
        return b"" if self._decoder is None else self._decode(b"", self._read, final=True)

    def _unpack(self, size: int) -> bytes:
        try:
            data = self._raw.read(size)
        except DAMAGES as error:
            raise self._damaged(error) from error
        except OSError as error:
            if error.errno is not None:
                raise
            raise self._damaged(error) from error
        if not isinstance(self._raw, io.BufferedReader):  # only compressed data can be damaged
            self._lines += data.count(b"\n")
        self._reach()
        return data

    def _damaged(self, error: Exception) -> HomeError:
        return HomeError(
            f"{self.path} is damaged or truncated after line {self._lines}, byte {self._read} of "
            f"its text: {error}",
            hint="fetch or compress the file again",
        )

    def _check_start(self, start: bytes) -> None:
        """Raise `HomeError` for a file that is not text, or not in the declared encoding."""
        found = signature(start)
        if found is not None and not self._encoding.startswith(("utf-16", "utf-32")):
            raise HomeError(f"{self.path} is {found.what}, not text", hint=found.hint)
        marked = marked_encoding(start)
        if marked is not None and not self._encoding.startswith(marked):
            raise HomeError(
                f"{self.path} is not {self._encoding.upper()}: it begins with the byte order mark "
                f"of {marked}",
                hint=f"set in the home's file  encoding: {marked}",
            )
        wide = wide_encoding(start) if self._encoding == UTF8 else None
        if wide is not None:
            raise HomeError(
                f"{self.path} is not UTF-8: every second byte of it is zero, as in {wide}",
                hint=f"set in the home's file  encoding: {wide}",
            )

    def _decode(self, data: bytes, start: int, *, final: bool = False) -> bytes:
        assert self._decoder is not None
        pending = len(self._decoder.getstate()[0])
        try:
            text = self._decoder.decode(data, final)
        except UnicodeError as error:
            place = error.start if isinstance(error, UnicodeDecodeError) else 0
            raise HomeError(
                f"{self.path}, byte {start - pending + place}: not valid {self._encoding}: "
                f"{getattr(error, 'reason', error)}",
                hint="fix `encoding` in the home",
            ) from error
        if self._remarks is not None and self._encoding.startswith(_SINGLE_BYTES):
            self._remark_misread(data, self._remarks, is_first=start == 0)
        return text.encode()

    def _remark_misread(self, data: bytes, remarks: Remarks, *, is_first: bool) -> None:
        """Warn where the bytes are in another encoding than the declared one."""
        misread = misread_utf8(data, self._encoding) if is_first else None
        if misread is not None:
            remarks.say(
                "utf-8",
                f"{self.path} is UTF-8, but `encoding` is {self._encoding}: text that is {misread}",
            )
            return
        found = first_control(data) if self._encoding.startswith(_WITH_CONTROLS) else None
        if found is not None:
            shown = ", ".join(reading(data, found, self._encoding, "cp1252"))
            remarks.say(
                "cp1252",
                f"{self.path} has bytes from 0x80 to 0x9f, which are control characters in "
                f"{self._encoding}; if it is Windows text, set  encoding: cp1252  ({shown})",
            )


@contextmanager
def open_text(
    file: DataFile,
    encoding: str = UTF8,
    remarks: Remarks | None = None,
    reach: Callable[[DataFile, int], None] = lambda file, byte: None,
) -> Iterator[TextStream]:
    """Open the text of a file, decompressed as detected by its first bytes.

    `reach` receives the number of bytes of the file that were read. Raises `HomeError` for a file
    that is not text.
    """
    with file.open() as raw:
        stream = unpacked(raw, file)
        yield TextStream(
            stream, str(file), encoding, remarks, reach=lambda: reach(file, raw.tell())
        )
