"""Text with delimiters, read into Arrow block by block, its errors with line and byte.

Arrow's parser does the work. What it does not do is done around it: blocks end where a record
ends, every block ends with a row of hygge's own that must come out again as a row (an open quote
would swallow it), and when something is wrong, an exact reader of records says where.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING
from uuid import uuid4

from hygge.errors import HomeError
from hygge.files.blocks import Block, BlockReader, count_lines
from hygge.files.moments import moments
from hygge.plurals import plural

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import csv

_END = f"END{uuid4().hex}"
"""The text of the row that ends each block; new in every process, so in no file."""
_PARSED_BYTES = 2**20
_MOST_STEPS = 100
"""How often a block's end is moved before a quote, until records are read one by one."""
_PLACE = re.compile(r"In CSV column #(\d+): (?:Row #(\d+): )?(?:CSV )?(.*)", re.DOTALL)


@dataclass(frozen=True)
class Dialect:
    """How a delimited text is written."""

    delimiter: str = ","
    quote: str | None = '"'
    escape: str | None = None
    has_doubled_quotes: bool = True
    null_values: tuple[str, ...] = ("",)
    decimal_point: str = "."

    def cut(self, data: bytes) -> int:
        """Return where the last whole record of `data` ends, as far as counting quotes can tell."""
        line_end = b"\n" if b"\n" in data else b"\r"
        end = _last_line_end(data, line_end, len(data))
        if self.quote is None or not end:
            return end
        odd = self._quotes(data, 0, end) % 2
        for _ in range(_MOST_STEPS):
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
        """Yield the records of `data`; the last one may be open or lack its line end.

        Blank lines are no records, unless there is one column.
        """
        place, start, fields = 0, 0, 0
        while place < len(data) or fields:
            match = self._field.match(data, place)
            if match is None:
                yield Record(start, len(data), fields + 1, is_ended=False, is_open=True)
                return
            place = match.end()
            fields += 1
            if match[1] == self.delimiter.encode():
                continue
            if columns == 1 or fields > 1 or match.start(1) > start:
                yield Record(start, place, fields, is_ended=bool(match[1]))
            start, fields = place, 0

    @cached_property
    def _field(self) -> re.Pattern[bytes]:
        """One field and what ends it; does not match a field whose quote is never closed."""
        delimiter, quote = re.escape(self.delimiter), re.escape(self.quote or "")
        escape = re.escape(self.escape or "")
        escaped = f"|{escape}." if escape else ""
        bare = rf"(?:[^{delimiter}\r\n{escape}]++{escaped})*+"
        text = bare
        if quote:
            doubled = f"|{quote}{quote}" if self.has_doubled_quotes else ""
            inside = f"(?:[^{quote}{escape}]++{doubled}{escaped})*+"
            text = f"(?:{quote}{inside}{quote}{bare}|(?!{quote}){bare})"
        return re.compile(rf"{text}({delimiter}|\r\n|\r|\n|\Z)".encode(), re.DOTALL)

    def parse_options(self, *, newlines: bool, columns: int) -> csv.ParseOptions:
        """Return the options for Arrow's parser; `newlines` says whether values may hold some."""
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
        """Return the options that make columns of `types`."""
        from pyarrow import csv

        return csv.ConvertOptions(
            column_types=types,
            null_values=[*self.null_values, _END],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            decimal_point=self.decimal_point,
            timestamp_parsers=[csv.ISO8601],
        )


@dataclass(frozen=True, slots=True)
class Record:
    """Where a record lies in its block."""

    start: int
    end: int
    fields: int
    is_ended: bool
    """Whether the end of its line is there."""
    is_open: bool = False
    """Whether its last field begins with a quote that is not closed."""


@dataclass
class DelimitedReader:
    """Reads the records of one text as columns of given types."""

    blocks: BlockReader
    dialect: Dialect
    names: Sequence[str] = ()
    types: dict[str, pa.DataType] = field(default_factory=dict)
    """The types of columns that are not to be texts."""
    formats: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Ways to write the dates and times of columns, besides ISO 8601."""
    _last: Block | None = None

    def read_header(self, *, is_used: bool = True) -> None:
        """Take the names from the next record; none when the text is at its end.

        Only the number of names counts when they are not used. Raises
        `HomeError` for names that are empty or stand twice.
        """
        block = self._read_first()
        record = None if block is None else next(self.dialect.records(block.data), None)
        if block is None or record is None:
            return
        self.blocks.push_back(block.data[record.end :])
        self.names = self._texts(Block(block.data[: record.end], block.byte, block.line), record)
        for place, name in enumerate(self.names if is_used else (), 1):
            if name and self.names.count(name) == 1:
                continue
            what = f"two columns are called '{name}'" if name else f"column {place} has no name"
            raise HomeError(
                f"{self.blocks.where(block.line)}: {what}",
                hint="name the columns in the home's file: header: true, names: [a, b, …]",
            )

    def count_columns(self) -> int:
        """Return how many fields the next record has; 0 at the end of the text."""
        block = self._read_first()
        if block is None:
            return 0
        self.blocks.push_back(block.data)
        first = next(self.dialect.records(block.data), None)
        return 0 if first is None else first.fields

    def _read_first(self) -> Block | None:
        """Return the next block, in which the first record is whole."""
        block = self.blocks.read()
        while block is not None:
            first = next(self.dialect.records(block.data), None)
            if first is None or not first.is_open:
                return block
            if self.blocks.is_last:
                raise self._never_closed(block, first)
            self.blocks.push_back(block.data)
            block = self.blocks.read(more_than=len(block.data))
        return None

    def _texts(self, block: Block, record: Record) -> list[str]:
        names = [f"column_{n}" for n in range(1, record.fields + 1)]
        dialect = replace(self.dialect, null_values=())
        table = DelimitedReader(self.blocks, dialect, names)._read(block)
        return [str(table.column(name)[0].as_py()) for name in names]

    def tables(self) -> Iterator[pa.Table]:
        """Yield the rows block by block.

        Raises `HomeError` with line and byte for a record with too few or too many fields, a
        quote that is not closed, bytes that are no UTF-8, and a value that is not of its type.
        """
        while (block := self.blocks.read()) is not None:
            self._last = block
            yield self._read(block)

    def line_of(self, row: int) -> str:
        """Return the words for the place of a row of the table that came last."""
        assert self._last is not None
        records = self.dialect.records(self._last.data, len(self.names))
        start = next(islice((record.start for record in records), row, None), 0)
        return self.blocks.where(self._last.line + count_lines(self._last.data[:start]))

    def _read(self, block: Block) -> pa.Table:
        import pyarrow as pa

        problem = None
        try:
            table = self._parse(block)
            if self._ends_well(table):
                return table.slice(0, len(table) - 1)
        except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
            problem = error
        whole = self._whole_records(block)
        if len(whole.data) == len(block.data):
            raise self._located(block, problem)
        return self._read(whole)

    def _ends_well(self, table: pa.Table) -> bool:
        """Return whether the last row is the one that ends blocks, not part of an open value."""
        ends = (0, table.num_columns - 1)
        return len(table) > 0 and not any(table.column(end)[-1].is_valid for end in ends)

    def _parse(self, block: Block, *, at_once: bool = False) -> pa.Table:
        """Return the rows of `block` and, as the last one, the row that ends it."""
        import pyarrow as pa
        from pyarrow import csv

        line_end = b"" if block.data.endswith((b"\n", b"\r")) else b"\n"
        end_row = self.dialect.delimiter.join([_END] * len(self.names)).encode() + b"\n"
        data = b"".join((block.data, line_end, end_row))
        marks = [m.encode() for m in (self.dialect.quote, self.dialect.escape) if m is not None]
        try:
            table = csv.read_csv(
                pa.BufferReader(data),
                read_options=csv.ReadOptions(
                    column_names=self.names,
                    block_size=len(data) + 1 if at_once else _PARSED_BYTES,
                    use_threads=not at_once,
                ),
                parse_options=self.dialect.parse_options(
                    newlines=any(mark in block.data for mark in marks), columns=len(self.names)
                ),
                convert_options=self.dialect.convert_options(
                    {name: self._parsed_type(name) for name in self.names}
                ),
            )
        except pa.ArrowInvalid as error:
            if at_once or "straddl" not in str(error):
                raise
            return self._parse(block, at_once=True)
        for place, name in enumerate(self.names):
            if self.types.get(name, table.column(place).type) != table.column(place).type:
                formats = self.formats.get(name, ())
                values = _cast(table.column(place), self.types[name], formats, place)
                table = table.set_column(place, name, values)
        self._check_range(table, block)
        return table

    def _parsed_type(self, name: str) -> pa.DataType:
        """Return the type that Arrow's parser is to make, text for one that it cannot."""
        import pyarrow as pa

        kind = self.types.get(name, pa.string())
        is_text = name in self.formats or pa.types.is_decimal256(kind)
        return pa.string() if is_text else kind

    def _check_range(self, table: pa.Table, block: Block) -> None:
        """Raise for a number too large for its type: Arrow makes it infinite without a word."""
        import pyarrow as pa
        import pyarrow.compute as pc

        for place, values in enumerate(table.columns):
            if not pa.types.is_floating(values.type) or not pc.any(pc.is_inf(values)).as_py():
                continue
            texts = replace(self, types={})._parse(block, at_once=True).column(place)
            words = pc.match_substring(texts, "inf", ignore_case=True)
            wrong = pc.index(pc.and_not(pc.is_inf(values), words), True).as_py()
            if wrong >= 0:
                raise pa.ArrowInvalid(
                    f"In CSV column #{place}: Row #{wrong + 1}: too large for {values.type}"
                )

    def _whole_records(self, block: Block) -> Block:
        """Return `block` cut where the exact reader says that a record ends.

        Counting quotes is wrong where they stand inside of unquoted values.
        """
        while not (end := self._end_of_records(block)):
            self.blocks.push_back(block.data)
            longer = self.blocks.read(more_than=len(block.data))
            assert longer is not None
            block = longer
        self.blocks.push_back(block.data[end:])
        return Block(block.data[:end], block.byte, block.line)

    def _end_of_records(self, block: Block) -> int:
        end = 0
        is_last = self.blocks.is_last
        for record in self.dialect.records(block.data, len(self.names)):
            if not record.is_ended and not is_last:
                return end
            if record.is_open:
                raise self._never_closed(block, record)
            if record.fields != len(self.names):
                raise self._ragged(block, record)
            end = record.end
        return len(block.data)

    def _where(self, block: Block, start: int) -> str:
        line = block.line + count_lines(block.data[:start])
        return self.blocks.where(line, block.byte + start)

    def _ragged(self, block: Block, record: Record) -> HomeError:
        return HomeError(
            f"{self._where(block, record.start)}: {plural(record.fields, 'field')} for "
            f"{plural(len(self.names), 'column')}",
            hint="a delimiter inside of a value? quote the value, or correct `delimiter`",
        )

    def _never_closed(self, block: Block, record: Record) -> HomeError:
        return HomeError(
            f"{self._where(block, record.start)}: a quote opens in this record and is never closed",
            hint="close it in the file, or turn quoting off in the home's file: quote: null",
        )

    def _located(self, block: Block, problem: Exception | None) -> HomeError:
        """Return what Arrow refuses in `block`, as an error with column, line and byte."""
        import pyarrow as pa

        try:
            self._parse(block, at_once=True)
        except pa.ArrowInvalid as error:
            problem = error
        match = _PLACE.match(str(problem))
        if match is None or match[2] is None:
            what = problem or "the quotes of this block cannot be told apart"
            return HomeError(f"{self._where(block, 0)}, or after it: {what}")
        records = self.dialect.records(block.data, len(self.names))
        record = next(islice(records, int(match[2]) - 1, None))
        start = record.start
        value = None
        hint = "correct the value, or the column's type under `types` in the home's file"
        if "UTF8" in match[3]:
            start = _first_bad_byte(block.data[start : record.end]) + start
            hint = "say what it is in the home's file, e.g. encoding: latin-1"
        elif not _first_bad_byte(block.data[start : record.end]):
            data = Block(block.data[start : record.end], block.byte, block.line)
            value = self._texts(data, record)[int(match[1])]
        name = self.names[int(match[1])]
        shown = "" if value is None or value in match[3] else f" (the value is {value[:80]!r})"
        return HomeError(
            f"{self._where(block, start)}, column '{name}': {match[3]}{shown}", hint=hint
        )


def _cast(
    texts: pa.ChunkedArray, kind: pa.DataType, formats: Sequence[str], place: int
) -> pa.ChunkedArray:
    """Return `texts` as values; an error is worded as those of Arrow's parser are."""
    import pyarrow as pa

    def read(array: pa.Array) -> pa.Array:
        return moments(array, kind, formats) if formats else array.cast(kind)

    values, row = [], 0
    for chunk in texts.chunks:
        try:
            values.append(read(chunk))
        except pa.ArrowInvalid as problem:
            wrong, error = _first_refused(chunk, read) or (0, problem)
            where = f"In CSV column #{place}: Row #{row + wrong + 1}"
            raise pa.ArrowInvalid(f"{where}: {error}") from error
        row += len(chunk)
    return pa.chunked_array(values, kind)


def _first_refused(
    texts: pa.Array, read: Callable[[pa.Array], pa.Array]
) -> tuple[int, pa.ArrowInvalid] | None:
    """Return the place of the first text that cannot be read, and why."""
    import pyarrow as pa

    for place in range(len(texts)):
        try:
            read(texts[place : place + 1])
        except pa.ArrowInvalid as error:
            return place, error
    return None


def _first_bad_byte(data: bytes) -> int:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return error.start
    return 0


def _last_line_end(data: bytes, line_end: bytes, stop: int) -> int:
    """Return the last place before `stop` where a line has ended; 0 when there is none."""
    end = data.rfind(line_end, 0, stop) + 1
    if line_end == b"\r" and end == len(data):
        end = data.rfind(line_end, 0, end - 1) + 1
    return end
