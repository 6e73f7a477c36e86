"""Delimited text, read into Arrow block by block, with errors by line and byte.

Arrow's parser does the work. Around it, blocks are cut at record ends; every block ends with a
sentinel row that must be parsed as a row (an open quote would swallow it); and a block that the
parser would reject or misread is read record by record, which removes comments and footers or
reports errors with their position.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, takewhile
from typing import TYPE_CHECKING

from hygge.connectors.files.text.blocks import Block, BlockReader, count_lines
from hygge.connectors.files.text.dialects import END, Dialect, Record
from hygge.connectors.files.text.encodings import encoding_hint
from hygge.connectors.files.text.moments import moments
from hygge.connectors.files.text.numbers import NumberFormat
from hygge.connectors.files.text.remarks import Remarks
from hygge.connectors.files.text.sniffing import (
    better_delimiter,
    delimiter_option,
    is_json,
    quote_hint,
    ragged_hint,
    shown,
)
from hygge.connectors.files.text.tidying import AUTO, Bad, Rules, Tidied, Tidier
from hygge.connectors.files.text.values import line_bytes
from hygge.errors import HomeError
from hygge.values.plurals import plural

if TYPE_CHECKING:
    import pyarrow as pa

_PARSED_BYTES = 2**20
_SAMPLED_RECORDS = 100
_SAMPLED_BYTES = 2**16
_PLACE = re.compile(r"In CSV column #(\d+): (?:Row #(\d+): )?(?:CSV )?(.*)", re.DOTALL)
_SEPARATOR = re.compile(rb'"?sep=(\\t|[^\r\n"]{1,4})"?[ \t]*(?:\r\n|\r|\n|\Z)', re.IGNORECASE)


@dataclass
class DelimitedReader:
    """Reads the records of one text as columns of given types."""

    blocks: BlockReader
    dialect: Dialect
    names: Sequence[str] = ()
    types: dict[str, pa.DataType] = field(default_factory=dict)
    """Types of columns that are not read as text."""
    formats: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Formats of dates and times of columns, besides ISO 8601."""
    rules: Rules = field(default_factory=Rules)
    numbers: NumberFormat = field(default_factory=NumberFormat)
    remarks: Remarks = field(default_factory=Remarks)
    put_aside: Callable[[str, bytes, str], None] | None = None
    """Receives place, text and error of an unreadable record; by default it raises."""
    trailing: int = 0
    """Number of empty values after the last column in every record."""
    rows: int = 0
    """Number of rows read so far."""
    _last: tuple[Block, Tidied | None] | None = None
    """The last block, and its records where they were read one by one."""

    @property
    def width(self) -> int:
        """Number of fields of a record."""
        return len(self.names) + self.trailing

    def read_separator(self, declared: str | None) -> bool:
        """Read the delimiter from the first line where that is Excel's `sep=;`.

        Raises `HomeError` when it is not the `declared` one.
        """
        match = _SEPARATOR.match(self.blocks.peek())
        if match is None:
            return False
        found = match[1].decode(errors="replace").replace("\\t", "\t")
        if declared not in (None, found):
            raise HomeError(
                f"{self.blocks.where(1)}: the file declares the delimiter {found!r}, but the home "
                f"has {declared!r}",
                hint="remove `delimiter` from the home, or fix it",
            )
        self.blocks.skip_lines(1)
        self.dialect = replace(self.dialect, delimiter=found)
        return True

    def begin(
        self, *, has_header: bool = True, names: Sequence[str] = (), guards: bool, is_sure: bool
    ) -> None:
        """Determine the columns from the header, if any, and the first records.

        `names` replace those of the header. With `guards` a text is refused that another delimiter
        would split into more columns; if the delimiter `is_sure`, only a header that it does not
        split at all. Raises `HomeError` for empty and duplicate names, and where the number of
        `names` differs from that of fields.
        """
        block = self._read_first()
        records = [] if block is None else self._first_records(block, guards=guards)
        if block is None or not records:
            self.names = list(names)
            if block is not None and not has_header:
                self.blocks.push_back(block.data)
            return
        if guards and (not is_sure or (has_header and not names and records[0].fields == 1)):
            self._check_delimiter(block, records)
        header = self._texts(block, records[0]) if has_header else []
        if has_header and not names:
            self._check_is_no_json(block, records[0])
        first = next(
            (one for one in records[has_header:] if not self.rules.is_comment(block.data, one, 2)),
            None,
        )
        values = [] if first is None else list(self.dialect.fields(block.data, first))
        self._name(header, list(names), [one.raw for one in values], block)
        start = records[0].end if has_header else 0
        if has_header:
            self._remark_comments(block, list(self.dialect.records(block.data[: records[0].start])))
        self.blocks.push_back(block.data[start:])

    def _name(
        self, header: list[str], given: list[str], first: Sequence[bytes], block: Block
    ) -> None:
        """Determine the names and the number of empty values after the last column."""
        drops = self.rules.trailing_delimiters != "fail"
        named = given or header or [f"column_{n + 1}" for n in range(len(first))]
        if drops and header and not given:
            while len(named) > 1 and not named[-1] and not any(first[len(named) - 1 :]):
                named = named[:-1]
        found = len(header) or len(first)
        after = found - len(named)
        if given and after and found:
            is_empty = after > 0 and not any([*header[len(given) :], *first[len(given) :]])
            if not (drops and is_empty):
                raise HomeError(
                    f"{self.blocks.path} has {plural(found, 'column')}, "
                    f"but `names` has {len(given)}",
                    hint="fix `names` or `delimiter` in the home",
                )
        rest = first[len(named) :]
        if self.rules.trailing_delimiters == AUTO and not any(rest):
            self.trailing = len(rest)
        if header and not given:
            self._check_names(named, block)
        if len(header) > len(named) or self.trailing:
            self.remarks.add(
                "file has delimiters after its last column, which were ignored",
                "files have delimiters after their last column, which were ignored",
                self.blocks.where(block.line),
            )
        self.names = named

    def _check_names(self, names: Sequence[str], block: Block) -> None:
        seen: set[str] = set()
        for place, name in enumerate(names, 1):
            if name and name not in seen:
                seen.add(name)
                continue
            what = f"two columns have the name '{name}'" if name else f"column {place} has no name"
            raise HomeError(
                f"{self.blocks.where(block.line)}: {what}",
                hint="name the columns in the home:  header: true, names: [a, b, …]",
            )

    def _first_records(self, block: Block, *, guards: bool) -> list[Record]:
        """Return some records from the beginning of the text, without comments before them."""
        data, is_last = block.data, self.blocks.is_last
        records = self.dialect.records(data)
        leading = list(takewhile(lambda one: self.rules.is_comment(data, one, 2), records))
        start = leading[-1].end if leading else 0
        found: list[Record] = []
        for record in islice(self.dialect.records(data[start:]), _SAMPLED_RECORDS):
            if found and (record.is_open or not (record.is_ended or is_last)):
                break
            found.append(record.moved(start))
        if leading and self.rules.comment == AUTO:
            # A file of one column may begin with `#`; a comment is followed by a line of several
            # columns.
            splits = found and found[0].fields > 1
            if not splits and not (
                found and guards and better_delimiter(self.dialect, data[found[0].start :], 1)
            ):
                return [*leading, *found]
        return found

    def _check_delimiter(self, block: Block, records: Sequence[Record]) -> None:
        """Raise `HomeError` where another delimiter would split all lines into more columns."""
        own, start = records[0].fields, records[0].start
        better = better_delimiter(self.dialect, block.data[start : records[-1].end], own)
        if better is None:
            return
        raise HomeError(
            f"{self._where(block, start)}: the delimiter {self.dialect.delimiter!r} gives "
            f"{plural(own, 'column')}, but {better!r} splits all lines into the same number of "
            f"columns: {shown(block.data[start : records[0].end])}",
            hint=f"set in the home's file  {delimiter_option(better)}  (or, where the lines are "
            "meant as they are, check_delimiter: false)",
        )

    def _check_is_no_json(self, block: Block, header: Record) -> None:
        line = block.data[header.start : header.end]
        if is_json(line):
            raise HomeError(
                f"{self._where(block, header.start)}: this is JSON, not delimited text: "
                f"{shown(line)}",
                hint="this may be the response of a failed download: fetch the file again; if it "
                "is right, use  type: jsonl",
            )

    def _read_first(self) -> Block | None:
        """Return the next block, with at least one whole record that is no comment."""
        block = self.blocks.read()
        while block is not None:
            records = self.dialect.records(block.data)
            first = next((r for r in records if not self.rules.is_comment(block.data, r, 2)), None)
            if self.blocks.is_last and first is not None and first.is_open:
                raise self._never_closed(block, first)
            if self.blocks.is_last or (first is not None and not first.is_open):
                return block
            self.blocks.push_back(block.data)
            block = self.blocks.read(more_than=len(block.data))
        return None

    def _texts(self, block: Block, record: Record) -> list[str]:
        """Return the values of a record."""
        if record.stray is not None and not self.dialect.keeps_stray_quotes:
            raise self._error(block, Bad(record, record.stray, _STRAY))
        line = block.data[record.start : record.end]
        bad = _first_bad_byte(line)
        if bad is not None:
            raise self._not_utf8(block, record.start + bad, "invalid UTF8 data")
        fields = self.dialect.fields(block.data, record)
        return [self.dialect.value(one).decode() for one in fields]

    def tables(self) -> Iterator[pa.Table]:
        """Yield the rows block by block.

        Raises `HomeError` with line and byte for a record with too few or too many fields, a
        quote that is not closed or followed by text, bytes that are not UTF-8, and a value that is
        not of its type.
        """
        while (block := self.blocks.read()) is not None:
            self._last = (block, None)
            table = self._read(block)
            self.rows += len(table)
            yield table

    def line_of(self, row: int) -> str:
        """Return a description of the position of a row of the last table."""
        assert self._last is not None
        block, tidied = self._last
        records = self.dialect.records(block.data, self.width) if tidied is None else tidied.records
        start = next(islice((record.start for record in records), row, None), 0)
        return self.blocks.where(block.line + count_lines(block.data[:start]))

    def _read(self, block: Block) -> pa.Table:
        import pyarrow as pa

        problem = None
        data = self._plain(block.data)
        if data is not None:
            try:
                table = self._parse(data)
                if self._ends_well(table) and self._are_empty(table):
                    return table.slice(0, len(table) - 1).select(range(len(self.names)))
            except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
                problem = error
        return self._read_records(block, problem)

    def _plain(self, data: bytes) -> bytes | None:
        """Return `data` for Arrow's parser; None where records must be read one by one."""
        if self.rules.may_hold_comment(data):
            return None
        dialect, plain = self.dialect, self.dialect.plain
        if plain is not dialect:
            marks = [one.encode() for one in (plain.delimiter, plain.quote, dialect.quote) if one]
            if dialect.escape or any(mark in data for mark in marks):
                return None
            return data.replace(dialect.delimiter.encode(), plain.delimiter.encode())
        return data if dialect.is_exact(data) else None

    def _read_records(self, block: Block, problem: Exception | None) -> pa.Table:
        """Return the rows of a block, read record by record."""
        import pyarrow as pa

        self._last = block, tidied = self._tidied(block)
        try:
            table = self._parse(tidied.data, at_once=True)
        except pa.ArrowInvalid as error:
            if self.put_aside is None or not self.types:
                raise self._located(block, tidied, error) from error
            return self._without_unfit(block, tidied)
        if not self._ends_well(table):
            raise self._located(block, tidied, problem)
        self._check_empty(table, block, tidied)
        return table.slice(0, len(table) - 1).select(range(len(self.names)))

    def _tidied(self, block: Block) -> tuple[Block, Tidied]:
        """Return the whole records of `block`, and the block that ends with them."""
        tidier = Tidier(
            self.dialect, self.rules, self.width, checks_text=self.put_aside is not None
        )
        while True:
            is_last = self.blocks.is_last
            tidied = tidier.tidy(block.data, is_last=is_last, rows_before=self.rows)
            if tidied.bad and self.put_aside is None:
                raise self._error(block, tidied.bad[0])
            if tidied.open is not None and is_last:
                raise self._never_closed(block, tidied.open)
            if tidied.end or is_last:
                break
            self.blocks.push_back(block.data)
            longer = self.blocks.read(more_than=len(block.data))
            assert longer is not None
            block = longer
        if tidied.end < len(block.data):
            self.blocks.push_back(block.data[tidied.end :])
            block = Block(block.data[: tidied.end], block.byte, block.line)
        self._remark(block, tidied)
        return block, tidied

    def _remark(self, block: Block, tidied: Tidied) -> None:
        self._remark_comments(block, tidied.comments)
        for record in tidied.footers:
            where = self._where(block, record.start)
            footer = shown(block.data[record.start : record.end])
            self.remarks.add(
                "last line was ignored as a footer",
                "last lines were ignored as footers",
                f"{where}: {footer}",
            )
        if tidied.spaced:
            self.remarks.add(
                "row has spaces around a quoted value, which were ignored",
                "rows have spaces around quoted values, which were ignored",
                self._where(block, tidied.spaced[0].start),
                len(tidied.spaced),
            )
        for bad in tidied.bad:
            if self.put_aside is not None:
                line = block.data[bad.record.start : bad.record.end]
                self.put_aside(self._where(block, bad.place), line, bad.reason)

    def _remark_comments(self, block: Block, comments: Sequence[Record]) -> None:
        if comments:
            self.remarks.add(
                "comment line was ignored",
                "comment lines were ignored",
                self._where(block, comments[0].start),
                len(comments),
            )

    def _without_unfit(self, block: Block, tidied: Tidied) -> pa.Table:
        """Return the rows with valid values; quarantine the others."""
        import pyarrow as pa

        texts = self._parse(tidied.data, at_once=True, types={})
        texts = texts.slice(0, len(texts) - 1)
        unfit: dict[int, str] = {}
        for place, name in enumerate(self.names):
            if name in self.types:
                for row, why in self._unfit(name, texts.column(place)):
                    unfit.setdefault(row, f"column '{name}': {why}")
        for row, why in unfit.items():
            record = tidied.records[row]
            line = block.data[record.start : record.end]
            if self.put_aside is not None:
                self.put_aside(self._where(block, record.start), line, why)
        kept = pa.array([row not in unfit for row in range(len(texts))], pa.bool_())
        return self._converted(texts.filter(kept)).select(range(len(self.names)))

    def _unfit(self, name: str, texts: pa.ChunkedArray) -> Iterator[tuple[int, str]]:
        """Yield the rows with texts that are invalid for a type, with the reason, by bisection."""
        import pyarrow as pa

        spans = [(0, len(texts))]
        while spans:
            low, high = spans.pop()
            try:
                self._values(name, texts.slice(low, high - low))
            except pa.ArrowInvalid as error:
                if high - low == 1:
                    match = _PLACE.match(str(error))
                    yield low, str(error) if match is None else match[3]
                else:
                    middle = (low + high) // 2
                    spans += [(middle, high), (low, middle)]

    def _ends_well(self, table: pa.Table) -> bool:
        """Return whether the last row is the sentinel, which is not part of an open value."""
        ends = (0, table.num_columns - 1)
        return len(table) > 0 and not any(table.column(end)[-1].is_valid for end in ends)

    def _are_empty(self, table: pa.Table) -> bool:
        """Return whether there is no value after the last column."""
        return all(self._first_value(texts) is None for texts in table.columns[len(self.names) :])

    def _check_empty(self, table: pa.Table, block: Block, tidied: Tidied) -> None:
        for place in range(len(self.names), table.num_columns):
            row = self._first_value(table.column(place))
            if row is not None:
                where = self._where(block, tidied.records[row].start)
                raise HomeError(
                    f"{where}: {table.column(place)[row].as_py()!r} in column {place + 1}, which "
                    "has no name and was empty in all earlier rows",
                    hint="correct the file, or name the columns in the home:  header: true, names: "
                    "[a, b, …]",
                )

    def _first_value(self, texts: pa.ChunkedArray) -> int | None:
        import pyarrow.compute as pc

        row: int = pc.index(pc.not_equal(texts, ""), True).as_py()
        return None if row < 0 else row

    def _parse(
        self, data: bytes, *, at_once: bool = False, types: dict[str, pa.DataType] | None = None
    ) -> pa.Table:
        """Return the rows of `data`, the last of which is the sentinel."""
        import pyarrow as pa

        types = self.types if types is None else types
        try:
            table = self._arrow_table(data, types, at_once=at_once)
        except pa.ArrowInvalid as error:
            if not types or _PLACE.match(str(error)) is None:
                raise
            table = self._converted(self._arrow_table(data, {}, at_once=at_once))
        self._check_range(table, data)
        return table

    def _arrow_table(
        self, data: bytes, types: dict[str, pa.DataType], *, at_once: bool
    ) -> pa.Table:
        import pyarrow as pa
        from pyarrow import csv

        dialect, more = self.dialect.plain, [f"{END}{n}" for n in range(self.trailing)]
        names = [*self.names, *more]
        line_end = b"" if data.endswith((b"\n", b"\r")) or not data else b"\n"
        end_row = dialect.delimiter.join([END] * len(names)).encode() + b"\n"
        whole = b"".join((data, line_end, end_row))
        marks = [m.encode() for m in (dialect.quote, dialect.escape) if m is not None]
        try:
            table = csv.read_csv(
                pa.BufferReader(whole),
                read_options=csv.ReadOptions(
                    column_names=names,
                    block_size=len(whole) + 1 if at_once else _PARSED_BYTES,
                    use_threads=not at_once,
                ),
                parse_options=dialect.parse_options(
                    newlines=any(mark in data for mark in marks), columns=len(names)
                ),
                convert_options=dialect.convert_options(
                    {name: self._parsed_type(name, types.get(name)) for name in names}
                ),
            )
        except pa.ArrowInvalid as error:
            if at_once or "straddl" not in str(error):
                raise
            return self._arrow_table(data, types, at_once=True)
        for place, name in enumerate(self.names):
            if types.get(name, table.column(place).type) != table.column(place).type:
                formats = self.formats.get(name, ())
                values = _cast(table.column(place), types[name], formats, place)
                table = table.set_column(place, name, values)
        return table

    def _value_hint(self, text: str, kind: pa.DataType | None) -> str | None:
        """Return the hint for an option that would read a text as a type."""
        if kind is None:
            return None
        if _is_number(kind):
            return self.numbers.hint(text)
        words = ", ".join(self.dialect.true_values[:4]), ", ".join(self.dialect.false_values[:4])
        return (
            f"true is {words[0]} …, false is {words[1]} …; to change them, set  true_values  and  "
            "false_values  in the home"
            if str(kind) == "bool"
            else None
        )

    def _parsed_type(self, name: str, kind: pa.DataType | None) -> pa.DataType:
        """Return the type to request from Arrow's parser; text for unsupported types."""
        import pyarrow as pa

        is_text = kind is None or name in self.formats or pa.types.is_decimal256(kind)
        return pa.string() if is_text else kind

    def _converted(self, texts: pa.Table) -> pa.Table:
        """Return a table of texts with declared columns converted to their types.

        Unlike Arrow's parser it supports thousands separators and the like, and reads empty quotes
        as null where the type has no empty text.
        """
        import pyarrow as pa

        for place, name in enumerate(self.names):
            if name not in self.types:
                continue
            try:
                values = self._values(name, texts.column(place))
            except pa.ArrowInvalid as error:
                row, why = next(self._unfit(name, texts.column(place)), (0, str(error)))
                raise pa.ArrowInvalid(f"In CSV column #{place}: Row #{row + 1}: {why}") from error
            texts = texts.set_column(place, name, values)
        return texts

    def _values(self, name: str, texts: pa.ChunkedArray) -> pa.ChunkedArray:
        import pyarrow as pa
        import pyarrow.compute as pc
        from pyarrow import csv

        kind = self.types[name]
        if kind.equals(texts.type):
            return texts
        if _has_no_text(kind):
            texts = pc.if_else(pc.equal(texts, ""), None, texts)
        if _is_number(kind):
            texts = self.numbers.bare(texts)
        if self._parsed_type(name, kind) != kind:
            return _cast(texts, kind, self.formats.get(name, ()), 0)
        quoted = pc.binary_join_element_wise('"', pc.replace_substring(texts, '"', '""'), '"', "")
        lines = pc.binary_join_element_wise(pc.fill_null(quoted, END), "\n", "")
        data = b"".join([*(line_bytes(one) for one in lines.chunks), f"{END}\n".encode()])
        dialect = replace(
            self.dialect, delimiter=",", quote='"', escape=None, has_doubled_quotes=True
        )
        table = csv.read_csv(
            pa.BufferReader(data),
            read_options=csv.ReadOptions(
                column_names=["x"], block_size=len(data) + 1, use_threads=False
            ),
            parse_options=dialect.parse_options(newlines=True, columns=1),
            convert_options=dialect.convert_options({"x": kind}),
        )
        return table.column(0).slice(0, len(texts))

    def _check_range(self, table: pa.Table, data: bytes) -> None:
        """Raise for a number too large for its type, which Arrow silently reads as infinity."""
        import pyarrow as pa
        import pyarrow.compute as pc

        for place, values in enumerate(table.columns):
            if not pa.types.is_floating(values.type) or not pc.any(pc.is_inf(values)).as_py():
                continue
            texts = self._arrow_table(data, {}, at_once=True).column(place)
            words = pc.match_substring(texts, "inf", ignore_case=True)
            wrong = pc.index(pc.and_not(pc.is_inf(values), words), True).as_py()
            if wrong >= 0:
                raise pa.ArrowInvalid(
                    f"In CSV column #{place}: Row #{wrong + 1}: too large for {values.type}"
                )

    def _where(self, block: Block, start: int) -> str:
        line = block.line + count_lines(block.data[:start])
        return self.blocks.where(line, block.byte + start)

    def _error(self, block: Block, bad: Bad) -> HomeError:
        """Return the error for a record, with line, byte and a hint."""
        record, sample = bad.record, block.data[:_SAMPLED_BYTES]
        line = block.data[record.start : record.end]
        hint = bad.hint
        if not hint and record.stray is not None:
            hint = quote_hint(self.dialect, line, sample)
        elif not hint:
            before = block.line + count_lines(block.data[: record.start]) - 1
            is_at_end = self.blocks.is_last and not block.data[record.end :].strip()
            hint = ragged_hint(
                self.dialect, record, line, sample, self.width, before, is_at_end=is_at_end
            )
        return HomeError(f"{self._where(block, bad.place)}: {bad.reason}", hint=hint)

    def _never_closed(self, block: Block, record: Record) -> HomeError:
        return HomeError(
            f"{self._where(block, record.start)}: a quote in this record is not closed",
            hint="close it in the file, or disable quoting in the home:  quote: none",
        )

    def _not_utf8(self, block: Block, place: int, what: str, column: str = "") -> HomeError:
        where = self._where(block, place)
        return HomeError(f"{where}{column}: {what}", hint=encoding_hint(block.data, place))

    def _located(self, block: Block, tidied: Tidied, problem: Exception | None) -> HomeError:
        """Return the error for a value that Arrow rejects, with column, line and byte."""
        match = _PLACE.match(str(problem))
        if match is None or match[2] is None:
            what = problem or "the quotes of this block are ambiguous"
            return HomeError(f"{self._where(block, 0)}, or after it: {what}")
        record = tidied.records[int(match[2]) - 1]
        line = block.data[record.start : record.end]
        bad, name = _first_bad_byte(line), self.names[int(match[1])]
        if bad is not None and "UTF8" in match[3]:
            return self._not_utf8(block, record.start + bad, match[3], f", column '{name}'")
        shown_value, hint = (
            "",
            "fix the value, or the type of the column under `types` in the home",
        )
        if bad is None:
            value = self._texts(block, record)[int(match[1])]
            hint = self._value_hint(value, self.types.get(name)) or hint
            if value not in match[3]:
                shown_value = f" (the value is {value[:80]!r})"
        return HomeError(
            f"{self._where(block, record.start)}, column '{name}': {match[3]}{shown_value}",
            hint=hint,
        )


_STRAY = "text after a closing quote"


def _has_no_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    is_ = pa.types
    return not (is_.is_string(kind) or is_.is_large_string(kind) or is_.is_binary(kind))


def _is_number(kind: pa.DataType) -> bool:
    import pyarrow as pa

    is_ = pa.types
    return bool(is_.is_integer(kind) or is_.is_floating(kind) or is_.is_decimal(kind))


def _cast(
    texts: pa.ChunkedArray, kind: pa.DataType, formats: Sequence[str], place: int
) -> pa.ChunkedArray:
    """Return `texts` as values; errors are phrased like those of Arrow's parser."""
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
    """Return the position of the first unreadable text, and the reason."""
    import pyarrow as pa

    for place in range(len(texts)):
        try:
            read(texts[place : place + 1])
        except pa.ArrowInvalid as error:
            return place, error
    return None


def _first_bad_byte(data: bytes) -> int | None:
    """Return the offset of the first byte that is invalid in UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return error.start
    return None
