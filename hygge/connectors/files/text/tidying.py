"""Normalization of records for Arrow's parser.

Only for blocks that the parser cannot read directly. Where the rules allow it, comments and footers
are left out, trailing empty values are dropped, and short records are filled. Other deviations are
errors.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from hygge.connectors.files.text.dialects import Dialect, Record
from hygge.values.plurals import plural

AUTO: Literal["auto"] = "auto"
_COMMENT = b"#"
_SAMPLED_RECORDS = 100
_NUMERIC = re.compile(rb'[-+0-9.,:/ TZ"]*')
_COUNTED = re.compile(
    r"\W*(?:(?:number of|query|returned|selected|fetched|exported) *)*"
    r"(?:(?:total|row|record|line) ?(?:count|rows|records|lines)?|rows|records|lines|count)?"
    r"[\s:=]*\(?([0-9][0-9,.']*)\)? *(?:rows?|records?|lines?|entries)?"
    r"(?: (?:affected|returned|selected|fetched|exported|in set.*|total))?\W*",
    re.IGNORECASE,
)
_COUNT_WORD = re.compile(r"rows?|records?|lines?|entries", re.IGNORECASE)
_FOOTER = re.compile(
    r"\W*(?:grand |sub)?totals?\b.*[:=0-9].*|end of (?:file|report|data|list)\W*|[-=*_]{3,}"
    r"|\W*(?:generated|exported|created|printed|downloaded|report date)\b.*[:0-9].*|eof",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules for text besides valid records."""

    comment: str | None = AUTO
    """Prefix of comment lines; `auto`: `#`, where the line has no delimiter."""
    has_footers: bool = True
    """Whether trailing lines that cannot be records may be left out."""
    short_rows: Literal["fail", "pad"] = "fail"
    """Treatment of a record that lacks its last values."""
    trailing_delimiters: Literal["auto", "drop", "fail"] = AUTO
    """Treatment of empty values after the last column; `auto`: dropped if in every record."""

    def is_comment(self, data: bytes, record: Record, columns: int) -> bool:
        """Return whether a record is a comment in a text with `columns` columns."""
        if self.comment is None:
            return False
        if self.comment == AUTO:
            return columns > 1 and record.fields == 1 and data.startswith(_COMMENT, record.start)
        return data.startswith(self.comment.encode(), record.start)

    def may_hold_comment(self, data: bytes) -> bool:
        """Return whether a line that Arrow's parser would read as a record could be a comment."""
        if self.comment in (None, AUTO):
            return False
        mark = (self.comment or "").encode()
        return data.startswith(mark) or any(end + mark in data for end in (b"\n", b"\r"))


@dataclass(slots=True)
class Bad:
    """A record that no rule covers."""

    record: Record
    place: int
    """Offset of the error in the block."""
    reason: str
    hint: str = ""


@dataclass(slots=True)
class Tidied:
    """The whole records of a block."""

    data: bytes = b""
    """The records in the plain dialect."""
    records: list[Record] = field(default_factory=list)
    """Their positions in the block."""
    end: int = 0
    """End of the processed records in the block."""
    comments: list[Record] = field(default_factory=list)
    footers: list[Record] = field(default_factory=list)
    spaced: list[Record] = field(default_factory=list)
    bad: list[Bad] = field(default_factory=list)
    open: Record | None = None
    """A record with an unclosed quote in this block."""


@dataclass(frozen=True, slots=True)
class Tidier:
    """Normalizes the blocks of one text."""

    dialect: Dialect
    rules: Rules
    columns: int
    """Number of fields of each record, including empty ones at the end."""
    checks_text: bool = False
    """Whether records with invalid UTF-8 are errors."""

    def tidy(self, data: bytes, *, is_last: bool, rows_before: int) -> Tidied:
        """Return the whole records of a block; incomplete ones are left for the next block.

        Trailing lines that may be a footer are left too, until the following text is known.
        """
        found = Tidied()
        pieces: list[bytes] = []
        last: list[Record] = []
        for record in self.dialect.records(data, self.columns):
            if record.is_open or not (record.is_ended or is_last):
                found.open = record if record.is_open else None
                break
            if self._is_blank(data, record):
                continue
            if self.rules.is_comment(data, record, self.columns):
                found.comments.append(record)
            elif self._may_be_footer(record):
                last.append(record)
                continue
            else:
                found.bad += [self._ragged(one) for one in last]
                last = []
                self._take(data, record, found, pieces)
            if not last:
                found.end = record.end
        else:
            if is_last:
                self._judge(data, last, found, rows_before)
            if is_last or not last:
                found.end = len(data)
        found.data = b"".join(pieces)
        return found

    def _judge(self, data: bytes, last: Sequence[Record], found: Tidied, rows_before: int) -> None:
        """Distinguish footers from truncated rows."""
        for record in last:
            bad = self._refuse_footer(data, record, found, rows_before)
            if bad is None:
                found.footers.append(record)
            else:
                found.bad.append(bad)

    def _is_blank(self, data: bytes, record: Record) -> bool:
        """Return whether a line has only spaces, or DOS's end-of-file character."""
        is_single = record.fields == 1 and self.columns > 1
        return is_single and not data[record.start : record.end].strip(b" \t\r\n\x1a")

    def _may_be_footer(self, record: Record) -> bool:
        is_single = record.fields == 1 and self.columns > 1 and record.stray is None
        return is_single and self.rules.has_footers and self.rules.short_rows == "fail"

    def _take(self, data: bytes, record: Record, found: Tidied, pieces: list[bytes]) -> None:
        bad = self._fault(data, record)
        if bad is not None:
            found.bad.append(bad)
            return
        found.records.append(record)
        if record.is_spaced:
            found.spaced.append(record)
        pieces.append(self._written(data, record))

    def _fault(self, data: bytes, record: Record) -> Bad | None:
        if record.stray is not None and not self.dialect.keeps_stray_quotes:
            return Bad(record, record.stray, "text after a closing quote")
        if record.fields < self.columns and self.rules.short_rows != "pad":
            return self._ragged(record)
        if record.fields > self.columns and not self._has_empty_end(data, record):
            return self._ragged(record)
        if self.checks_text:
            try:
                data[record.start : record.end].decode()
            except UnicodeDecodeError as error:
                return Bad(record, record.start + error.start, "bytes that are not UTF-8")
        return None

    def _has_empty_end(self, data: bytes, record: Record) -> bool:
        if self.rules.trailing_delimiters != "drop":
            return False
        fields = list(self.dialect.fields(data, record))
        return not any(one.raw for one in fields[self.columns :])

    def _ragged(self, record: Record) -> Bad:
        reason = f"{plural(record.fields, 'field')} for {plural(self.columns, 'column')}"
        return Bad(record, record.start, reason)

    def _written(self, data: bytes, record: Record) -> bytes:
        dialect = self.dialect
        is_same = dialect.plain is dialect and record.fields == self.columns
        if is_same and not record.is_spaced and record.stray is None:
            line = data[record.start : record.end]
            return line if record.is_ended else line + b"\n"
        fields = [dialect.write(one) for one in dialect.fields(data, record)][: self.columns]
        filling = (dialect.null_values or ("",))[0].encode()
        fields += [filling] * (self.columns - len(fields))
        return dialect.plain.delimiter.encode().join(fields) + b"\n"

    def _refuse_footer(
        self, data: bytes, record: Record, found: Tidied, rows_before: int
    ) -> Bad | None:
        """Return why a last record with one field may be a truncated row."""
        line = data[record.start : record.end]
        text = line.decode(errors="replace").strip()
        rows = rows_before + len(found.records)
        counted = _COUNTED.fullmatch(text)
        if counted is not None and _COUNT_WORD.search(text):
            said = re.sub(r"\D", "", counted[1])
            if int(said) != rows:
                reason = f"the footer is {text!r}, but there are {plural(rows, 'row')} before it"
                return Bad(
                    record, record.start, reason, "the file may be incomplete: fetch it again"
                )
            return None
        is_known = _FOOTER.fullmatch(text) is not None
        if is_known and record.is_ended:
            return None
        has_letters = _NUMERIC.fullmatch(line.strip()) is None
        if has_letters and (is_known or " " in text) and self._is_numeric(data, found.records):
            return None
        return self._ragged(record)

    def _is_numeric(self, data: bytes, records: Sequence[Record]) -> bool:
        """Return whether the first values are numbers or dates, which footers do not begin with."""
        sampled = records[-_SAMPLED_RECORDS:]
        firsts = (next(self.dialect.fields(data, one)).raw for one in sampled)
        return bool(sampled) and all(_NUMERIC.fullmatch(one) for one in firsts)
