"""JSON texts as lines of one object each: JSON Lines, arrays, and pretty-printed objects.

Line ends inside an object become spaces, and text between two objects becomes one line end, so that
offsets do not change and errors give the position in the file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from hygge.connectors.files.text.blocks import Block, BlockReader, count_lines
from hygge.connectors.files.text.decoding import TextStream
from hygge.errors import HomeError

_Form = Literal["lines", "array", "objects"]

_BETWEEN = re.compile(r"[ \t\r\n]*(\[[ \t\r\n]*\]|[\[,\]])?[ \t\r\n]*")
_BLANKS = b" \t\r\n"
_LONGEST_TOKEN = 16
"""Characters at the end of a block that may be the beginning of a longer number or word."""
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)
_Span = tuple[int, int]


def cut_lines(data: bytes) -> int:
    """Return the end of the last whole line of `data`."""
    return data.rfind(b"\n") + 1


class JsonDocuments:
    """The objects of one text, in blocks with one object in each line."""

    def __init__(self, stream: TextStream, size: int, largest: int = 2**29) -> None:
        """Read blocks of about `size` bytes, with no object of more than `largest`."""
        self._blocks = BlockReader(stream, size, self._cut, largest=largest)
        self._form: _Form | None = None
        self._is_opened = self._is_closed = False

    def __iter__(self) -> Iterator[Block]:
        for block in self._blocks:
            form = self._form = self._form or _form(block.data) or "lines"
            yield block if form == "lines" else self._as_lines(block)
        if self._is_opened and not self._is_closed:
            raise HomeError(
                f"{self._blocks.path}: the array is not closed at the end of the file",
                hint="check whether the file is truncated; it must end with  ]",
            )

    def skip_to(self, byte: int) -> None:
        """Skip to an offset of a file in UTF-8."""
        self._blocks.skip_to(byte)

    def where(self, line: int, byte: int | None = None) -> str:
        """Return a description of a position in the file."""
        return self._blocks.where(line, byte)

    def _cut(self, data: bytes) -> int:
        self._form = self._form or _form(data)
        if self._form in (None, "lines"):
            return cut_lines(data) if self._form else 0
        text = data.decode("utf-8", "surrogateescape")
        spans, error = _scan(text)
        if error is not None and not _may_go_on(error, text):
            return len(data)  # the block is read to say what is wrong
        return _byte_size(text[: spans[-1][1]]) if spans else 0

    def _as_lines(self, block: Block) -> Block:
        text = block.data.decode("utf-8", "surrogateescape")
        spans, error = _scan(text)
        pieces, place = [], 0
        for start, end in spans:
            self._check_between(block, text, (place, start))
            pieces += [_blanks(start - place, is_first=not place), _one_line(text[start:end])]
            place = end
        if error is not None:
            raise self._error(block, text, error.pos, error.msg)
        self._check_between(block, text, (place, len(text)))
        return replace(block, data=b"".join(pieces), text=block.data)

    def _check_between(self, block: Block, text: str, span: _Span) -> None:
        """Raise `HomeError` for text that is not allowed before, between or after the values."""
        start, end = span
        between = text[start:end]
        mark = "".join(between.split())
        if self._form == "objects" or self._is_closed:
            expected: tuple[str, ...] = ("",)
        elif not self._is_opened:
            expected = ("[", "[]")
        else:
            expected = ("", "]") if end == len(text) else (",",)
        if mark not in expected:
            what = f"unexpected '{mark}'" if mark else "missing comma"
            raise self._error(block, text, end - len(between.lstrip()), what)
        self._is_opened = self._is_opened or mark.startswith("[")
        self._is_closed = self._is_closed or mark.endswith("]")

    def _error(self, block: Block, text: str, place: int, what: str) -> HomeError:
        before = text[:place].encode("utf-8", "surrogateescape")
        where = self.where(block.line + count_lines(before), block.byte + len(before))
        return HomeError(f"{where}: invalid JSON: {what}", hint="fix the file at this place")


def _form(data: bytes) -> _Form | None:
    """Return the format of the objects in a text that begins so; None where more text is needed."""
    begin = data.lstrip(_BLANKS)
    if begin.startswith(b"["):
        return "array"
    line, _, rest = begin.partition(b"\n")
    if not rest.strip(_BLANKS):
        return None
    text = line.decode("utf-8", "surrogateescape").rstrip()
    try:
        _DECODER.raw_decode(text)
    except json.JSONDecodeError as error:
        return "objects" if error.pos >= len(text) else "lines"
    except RecursionError:
        return "lines"
    return "lines"


def _scan(text: str) -> tuple[list[_Span], json.JSONDecodeError | None]:
    """Return the position of each whole value of `text`, and why there are no more."""
    spans: list[_Span] = []
    place = 0
    while (match := _BETWEEN.match(text, place)) and match.end() < len(text):
        try:
            _, place = _DECODER.raw_decode(text, match.end())
        except json.JSONDecodeError as error:
            return spans, error
        except RecursionError:
            return spans, json.JSONDecodeError("nested too deeply", text, match.end())
        spans.append((match.end(), place))
    return spans, None


def _may_go_on(error: json.JSONDecodeError, text: str) -> bool:
    """Return whether more text may make a value whole."""
    return error.msg.startswith("Unterminated") or error.pos >= len(text) - _LONGEST_TOKEN


def _blanks(size: int, *, is_first: bool) -> bytes:
    """Return the replacement of the text between two objects, or before the first."""
    return b" " * size if is_first else b" " * (size - 1) + b"\n"


def _one_line(text: str) -> bytes:
    data = text.encode("utf-8", "surrogateescape")
    return data.replace(b"\n", b" ").replace(b"\r", b" ")


def _byte_size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogateescape"))
