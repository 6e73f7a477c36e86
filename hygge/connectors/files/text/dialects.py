"""Dialects of delimited text: a grammar for an exact reader and options for Arrow's parser."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING
from uuid import uuid4

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import csv

END = f"END{uuid4().hex}"
"""Text of the sentinel row; random in every process, so that no file contains it."""
TRUE_VALUES = (
    "true",
    "True",
    "TRUE",
    "1",
    "t",
    "T",
    "yes",
    "Yes",
    "YES",
    "y",
    "Y",
    "on",
    "On",
    "ON",
)
FALSE_VALUES = (
    *("false", "False", "FALSE", "0", "f", "F", "no", "No", "NO", "n", "N"),
    *("off", "Off", "OFF"),
)
_MAX_STEPS = 100
"""Maximum moves of a block's end before a quote until records are read one by one."""
_LINE_ENDS = b"\r\n"


@dataclass(frozen=True)
class Dialect:
    """The dialect of a delimited text."""

    delimiter: str = ","
    """One or several characters."""
    quote: str | None = '"'
    escape: str | None = None
    has_doubled_quotes: bool = True
    skips_spaces: bool = True
    """Whether spaces around a quoted value are ignored."""
    keeps_stray_quotes: bool = False
    """Whether a value with text after its closing quote is read literally, quotes included."""
    null_values: tuple[str, ...] = ("",)
    decimal_point: str = "."
    true_values: tuple[str, ...] = TRUE_VALUES
    false_values: tuple[str, ...] = FALSE_VALUES

    @cached_property
    def plain(self) -> Dialect:
        """The dialect for Arrow's parser, which supports single-byte delimiters only."""
        if len(self.delimiter.encode()) == 1:
            return self
        return replace(self, delimiter="\x1f", quote='"', escape=None, has_doubled_quotes=True)

    def cut(self, data: bytes) -> int:
        """Return the end of the last whole record of `data`, as found by counting quotes."""
        line_end = b"\n" if b"\n" in data else b"\r"
        end = _last_line_end(data, line_end, len(data))
        if self.quote is None or data.find(self.quote.encode(), 0, end) < 0:
            return end
        odd = self._quotes(data, 0, end) % 2
        for _ in range(_MAX_STEPS):
            if not (odd and end):
                return end
            opening = data.rfind(self.quote.encode(), 0, end)
            start = _last_line_end(data, line_end, opening)
            odd = (odd + self._quotes(data, start, end)) % 2
            end = start
        return max((r.end for r in self.records(data) if r.is_ended), default=0)

    def _quotes(self, data: bytes, start: int, end: int) -> int:
        assert self.quote is not None
        count = data.count(self.quote.encode(), start, end)
        if self.escape is None or not count:
            return count
        return count - data.count((self.escape + self.quote).encode(), start, end)

    def records(self, data: bytes, columns: int = 0) -> Iterator[Record]:
        """Yield the records of `data`; the last one may be open or lack a line end.

        Blank lines are no records, unless there is one column.
        """
        place, start, fields, stray, is_spaced = 0, 0, 0, None, False
        while place < len(data) or fields:
            match = self._field.match(data, place)
            if match is None:
                closed = self._closed.match(data, place)
                if closed is None:
                    yield Record(start, len(data), fields + 1, is_ended=False, is_open=True)
                    return
                stray = closed.end() if stray is None else stray
                match = self._letters.match(data, place)
                assert match is not None
            else:
                is_spaced = is_spaced or bool(match["before"] or match["after"])
            place = match.end()
            fields += 1
            ending = match["ending"]
            if ending and ending not in _LINE_ENDS:
                continue
            if columns == 1 or fields > 1 or match.start("ending") > start:
                yield Record(start, place, fields, bool(ending), False, stray, is_spaced)
            start, fields, stray, is_spaced = place, 0, None, False

    def fields(self, data: bytes, record: Record) -> Iterator[Field]:
        """Yield the fields of a record that is not open."""
        place = record.start
        for _ in range(record.fields):
            match = self._field.match(data, place)
            if match is None:
                match = self._letters.match(data, place)
                assert match is not None
                yield Field(data[place : match.start("ending")], is_quoted=False)
            elif match["quoted"] is not None:
                yield Field(match["quoted"], is_quoted=True)
            else:
                yield Field(data[place : match.start("ending")], is_quoted=False)
            place = match.end()

    def value(self, field: Field) -> bytes:
        """Return the value of a field."""
        text = field.raw
        if field.is_quoted and self.quote is not None:
            text = text[1:-1]
            if self.has_doubled_quotes:
                quote = self.quote.encode()
                text = text.replace(quote * 2, quote) if self.escape is None else text
        if self.escape is None or not text:
            return text
        return self._escaped.sub(rb"\1\2", text)

    def write(self, field: Field) -> bytes:
        """Return a field in the dialect `plain`."""
        starts_quoted = self.quote is not None and field.raw.startswith(self.quote.encode())
        if self.plain is self and field.is_quoted == starts_quoted:
            return field.raw
        value = self.value(field) if self.plain is not self else field.raw
        marks = (self.plain.delimiter.encode(), b'"', b"\r", b"\n")
        if not field.is_quoted and not any(mark in value for mark in marks):
            return value
        quote = (self.plain.quote or '"').encode()
        return quote + value.replace(quote, quote * 2) + quote

    @cached_property
    def _field(self) -> re.Pattern[bytes]:
        """One well-formed field and what ends it."""
        bare = rf"{self._bare}*+"
        text = bare
        if self.quote is not None:
            spaces = self._spaces
            quoted = rf"(?P<before>{spaces}*+)(?P<quoted>{self._quoted})(?P<after>{spaces}*+)"
            text = rf"(?:{quoted}(?={self._ending})|(?!{_hex(self.quote)}){bare})"
        else:
            text = rf"(?P<before>)(?P<quoted>(?!))?(?P<after>){bare}"
        return re.compile(rf"{text}(?P<ending>{self._ending})".encode(), re.DOTALL)

    @cached_property
    def _closed(self) -> re.Pattern[bytes]:
        """The beginning of a field up to the quote that closes it."""
        return re.compile(rf"{self._spaces}*+{self._quoted}".encode(), re.DOTALL)

    @cached_property
    def _letters(self) -> re.Pattern[bytes]:
        """A literal field, quotes included, and its end."""
        return re.compile(rf"{self._bare}*+(?P<ending>{self._ending})".encode(), re.DOTALL)

    @cached_property
    def _escaped(self) -> re.Pattern[bytes]:
        marks = rf"{_hex(self.escape or '')}(.)"
        doubled = self.quote if self.has_doubled_quotes and self.quote else ""
        return re.compile(f"{marks}|({_hex(doubled)}){_hex(doubled)}".encode(), re.DOTALL)

    @property
    def _spaces(self) -> str:
        """Characters allowed around a quoted value; none where they are kept."""
        marks = "".join(mark for mark in " \t" if mark not in self.delimiter)
        return f"[{_hex(marks)}]" if self.skips_spaces and marks else r"[^\x00-\xff]"

    @property
    def _ending(self) -> str:
        return rf"{_hex(self.delimiter)}|\r\n|\r|\n|\Z"

    @property
    def _bare(self) -> str:
        """What a value without quotes is made of."""
        others = _hex("\r\n" + (self.escape or ""))
        escaped = f"|{_hex(self.escape)}." if self.escape else ""
        if len(self.delimiter.encode()) == 1:
            return rf"(?:[^{_hex(self.delimiter)}{others}]++{escaped})"
        return rf"(?:(?!{_hex(self.delimiter)})[^{others}]{escaped})"

    @property
    def _quoted(self) -> str:
        """A value in quotes."""
        quote = _hex(self.quote or "")
        doubled = f"|{quote}{quote}" if self.has_doubled_quotes else ""
        escaped = f"|{_hex(self.escape)}." if self.escape else ""
        return rf"{quote}(?:[^{quote}{_hex(self.escape or '')}]++{doubled}{escaped})*+{quote}"

    def is_exact(self, data: bytes) -> bool:
        """Return whether Arrow's parser reads the quotes in `data` correctly.

        It appends text after a closing quote to the value, and reads spaces before a quote as text.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        if self.quote is None or self.quote.encode() not in data:
            return True
        offsets = pa.array([0, len(data)], pa.int64()).buffers()[1]
        whole = pa.Array.from_buffers(pa.large_binary(), 1, [None, offsets, pa.py_buffer(data)])
        return bool(pc.match_substring_regex(whole, self._exact)[0].as_py())

    @cached_property
    def _exact(self) -> str:
        """A text of fields without spaces around quotes, in the regular expressions of RE2."""
        quote, delimiter = _hex(self.quote or ""), _hex(self.delimiter)
        escape = _hex(self.escape or "")
        escaped = f"|{escape}." if escape else ""
        doubled = f"|{quote}{quote}" if self.has_doubled_quotes else ""
        quoted = f"{quote}(?:[^{quote}{escape}]{doubled}{escaped})*{quote}"
        inner = f"(?:[^{delimiter}{escape}\\r\\n]{escaped})"
        marks = _hex("".join(mark for mark in " \t" if mark not in self.delimiter))
        spaces = marks if self.skips_spaces else ""
        first = f"(?:[^{spaces}{quote}{delimiter}{escape}\\r\\n]{escaped})"
        bare = f"[{spaces}]*{first}{inner}*|[{spaces}]*" if spaces else f"(?:{first}{inner}*)?"
        field = f"(?:{quoted}|{bare})"
        return f"(?s)^(?:{field}(?:{delimiter}|\\r\\n|\\n|\\r))*{field}$"

    def parse_options(self, *, newlines: bool, columns: int) -> csv.ParseOptions:
        """Return the options for Arrow's parser; `newlines`: values may contain line ends."""
        from pyarrow import csv

        return csv.ParseOptions(
            delimiter=self.delimiter,
            quote_char=self.quote or False,
            escape_char=self.escape or False,
            double_quote=self.has_doubled_quotes,
            newlines_in_values=newlines,
            ignore_empty_lines=columns != 1,
        )

    def convert_options(self, types: Mapping[str, pa.DataType]) -> csv.ConvertOptions:
        """Return the options for columns of `types`."""
        from pyarrow import csv

        return csv.ConvertOptions(
            column_types=types,
            null_values=[*self.null_values, END],
            true_values=self.true_values,
            false_values=self.false_values,
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            decimal_point=self.decimal_point,
            timestamp_parsers=[csv.ISO8601],
        )


@dataclass(frozen=True, slots=True)
class Record:
    """The position of a record in its block."""

    start: int
    end: int
    fields: int
    is_ended: bool
    """Whether it has a line end."""
    is_open: bool = False
    """Whether its last field has an unclosed quote."""
    stray: int | None = None
    """Offset of text after a closing quote."""
    is_spaced: bool = False
    """Whether there are spaces around a quoted value."""

    def moved(self, by: int) -> Record:
        """Return the record moved by `by` bytes."""
        stray = None if self.stray is None else self.stray + by
        return replace(self, start=self.start + by, end=self.end + by, stray=stray)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a record, as written."""

    raw: bytes
    """Without spaces around its quotes."""
    is_quoted: bool


def _hex(marks: str) -> str:
    """Return characters escaped for both regular expression engines."""
    return "".join(f"\\x{byte:02x}" for byte in marks.encode())


def _last_line_end(data: bytes, line_end: bytes, stop: int) -> int:
    """Return the last place before `stop` where a line has ended; 0 when there is none."""
    end = data.rfind(line_end, 0, stop) + 1
    if line_end == b"\r" and end == len(data):
        end = data.rfind(line_end, 0, end - 1) + 1
    return end
