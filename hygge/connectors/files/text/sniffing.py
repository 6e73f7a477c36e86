"""Evidence that a text has another delimiter, quote or escape than configured."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import islice

from hygge.connectors.files.text.dialects import Dialect, Record

_DELIMITERS = (",", ";", "\t", "||", "|", "~", "^", "\x01", "\x1f")
_RECORDS = 100
_SHOWN = 60
_JSON = re.compile(rb'\s*(?:\{\s*["}\r\n]|\[\s*(?:[\[{"\]\r\n]|\Z))')


def better_delimiter(dialect: Dialect, data: bytes, own: int) -> str | None:
    """Return a delimiter that gives all records the same number of fields, more than `own`.

    Comments and footers, which have one field with any delimiter, do not count.
    """
    first = data[: len(data) - len(data.lstrip(b"\r\n"))] + data.lstrip(b"\r\n").split(b"\n", 1)[0]
    best, most = None, max(own, 1)
    for mark in _DELIMITERS:
        if mark == dialect.delimiter or mark in (dialect.quote, dialect.escape):
            continue
        if mark.encode() in first:
            fields = _fields(replace(dialect, delimiter=mark), data)
            if fields is not None and fields > most:
                best, most = mark, fields
        if mark == "||" and best == mark:
            break  # a part of it would split into more, all of them empty
    return best


def _fields(dialect: Dialect, data: bytes) -> int | None:
    """Return the number of fields of all records; None when they differ."""
    counts: list[int] = []
    for record in islice(dialect.records(data), _RECORDS):
        if record.is_open:
            break
        if record.stray is not None:
            return None
        is_comment = record.fields == 1 and data.startswith(b"#", record.start)
        if (record.is_ended and not is_comment) or (not record.is_ended and not counts):
            counts.append(record.fields)
    if len(counts) > 2 and counts[-1] == 1:
        counts.pop()
    return counts[0] if len(set(counts)) == 1 else None


def is_json(line: bytes) -> bool:
    """Return whether a text with this beginning is JSON."""
    return _JSON.match(line) is not None


def shown(line: bytes) -> str:
    """Return the beginning of a line for messages."""
    text = line.decode(errors="backslashreplace").strip("\r\n")
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")


def delimiter_option(mark: str) -> str:
    """Return the YAML line that sets a delimiter."""
    text = mark if mark.isprintable() else f"\\x{ord(mark):02x}"
    return 'delimiter: "\\t"' if mark == "\t" else f'delimiter: "{text}"'


def quote_hint(dialect: Dialect, line: bytes, sample: bytes) -> str:
    """Return the hint for a record with text after a closing quote."""
    better = better_delimiter(dialect, sample, 1)
    if better is not None:
        return _delimiter_hint(better)
    if dialect.escape is None and dialect.quote and b"\\" + dialect.quote.encode() in line:
        return 'if quotes are escaped by a backslash, set in the home  escape: "\\\\"'
    return (
        "double the quotes inside the value, or set in the home  stray_quotes: keep  (literal, "
        "including quotes),  quote: none  (quotes have no meaning),  escape  or  delimiter"
    )


def ragged_hint(
    dialect: Dialect,
    record: Record,
    line: bytes,
    sample: bytes,
    width: int,
    lines_before: int,
    *,
    is_at_end: bool,
) -> str:
    """Return the hint for a record with too few or too many fields."""
    better = better_delimiter(dialect, sample, 1)
    if better is not None:
        return _delimiter_hint(better)
    if width == 1:
        return (
            f"if the lines before it are not a header, set  skip_rows: {lines_before}  in the "
            "home, or fix `delimiter`"
        )
    if record.fields < width:
        footer = "skip_footer: 1  for a footer,  " if is_at_end else ""
        return (
            "fix the line, or fetch the file again if it is truncated; or set in the home   "
            f"{footer}short_rows: pad  to fill rows with nulls, or in the flow  on_bad_row: "
            "quarantine"
        )
    for other in ("'", "`"):
        read = next(replace(dialect, quote=other).records(line), None)
        if dialect.quote != other and read is not None and read.fields == width:
            return f'if values are quoted by {other}, set in the home  quote: "{other}"'
    return (
        "if a value contains the delimiter, quote the value or fix `delimiter`; if only empty "
        "values follow the last column, set  trailing_delimiters: drop"
    )


def _delimiter_hint(mark: str) -> str:
    return f"the lines seem to be delimited by {mark!r}: set in the home  {delimiter_option(mark)}"
